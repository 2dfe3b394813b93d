"""What can be done to an object besides editing it: ping, enable, disable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.contrib import messages
from django.http import HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from zato.admin.cluster import Failure
from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain, is_fragment
from zato.admin.objects.asking import Gone
from zato.admin.objects.kind_page import kind_page, list_page
from zato.admin.objects.states import without_title
from zato.admin.outcome import tell
from zato.client.admin import Answer, ServerError
from zato.common.config.kind import Kind

_PING_TIMEOUT: Final = 60.0  #: seconds; the object's own timeouts end it before


@kind_page(post='ping')
def ping(request: Request, kind: Kind, id: int) -> HttpResponseBase:
    """From each server: what one reaches, another may not."""
    answers = request.zato.each(f'{kind.derived_services}.ping', {'id': id}, timeout=_PING_TIMEOUT)
    results = ping_results(kind, answers)
    if is_fragment(request):
        return render(request, 'zato/objects/ping.html', {'results': results})
    for server, is_there, text in results:
        level = messages.SUCCESS if is_there else messages.ERROR
        messages.add_message(request, level, f'{server}: {text}' if server else text)
    return HttpResponseRedirect(_back(request, kind, id))


@kind_page(post='edit')
def set_active(request: Request, kind: Kind, id: int) -> HttpResponseBase:
    """`is_active`: yes or no."""
    is_active = request.POST.get('is_active') == 'yes'
    try:
        answer = request.zato.call(f'{kind.derived_services}.edit', {'id': id, 'is_active': is_active}).payload
    except ServerError as e:
        if e.http_status == 404:
            raise Gone(msg=e.details) from None
        raise
    done = f'{kind.title(answer["name"])} is {"active" if is_active else "inactive"} now.'
    tell(request, done, answer, kind, name=answer['name'])
    return HttpResponseRedirect(_back(request, kind, id))


def ping_results(kind: Kind, answers: Mapping[str, Answer | Failure]) -> list[tuple[str, bool, str]]:
    """Servers, '' where there is but one, whether it is there as they see it, and in what time it answered, or why not."""
    found: dict[tuple[bool, str], list[str]] = {}
    for server, answer in answers.items():
        found.setdefault(_ping_result(kind, answer), []).append(server)
    return [(', '.join(servers) if len(answers) > 1 else '', *result) for result, servers in found.items()]


def _ping_result(kind: Kind, answer: Answer | Failure) -> tuple[bool, str]:
    if isinstance(answer, Failure):
        _, text, _, _ = explain(answer.error)
        return False, without_title(kind, text)
    told = answer.payload if isinstance(answer.payload, Mapping) else {}
    time = str(told.get('response_time') or f'{answer.seconds * 1000:.3f} ms')
    status = told.get('status_code')
    return True, f'Response time: {time}, status {status}' if status else f'Response time: {time}'


def _back(request: Request, kind: Kind, id: int) -> str:
    """Where the user was: the page of the object, or the list as it was."""
    back = request.POST.get('back', '')
    return reverse('object', args=[kind.slug, id]) if back == 'object' else list_page(kind, back, highlight=id)
