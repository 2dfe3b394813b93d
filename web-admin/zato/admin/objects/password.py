"""The page that the password of an object is changed on, whatever it is called there."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render

from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain
from zato.admin.objects.asking import get_object
from zato.admin.objects.kind_page import kind_page, object_context, saved_page
from zato.admin.outcome import tell
from zato.common.config.kind import Kind
from zato.common.exception import ZatoException


@kind_page(get='change-password', post='change-password')
def change_password(request: Request, kind: Kind, id: int) -> HttpResponseBase:
    """POST: `password1`, and the same once more, `password2`. What was typed is not shown again."""
    item = get_object(request.zato, kind, id)
    label = kind.fields[kind.secrets[0]].label
    context = {**object_context(request, kind, item, ''), 'label': label}
    if request.method != 'POST':
        return render(request, 'zato/objects/password.html', context)
    passwords = {key: request.POST.get(key, '') for key in ('password1', 'password2')}
    problem, status = problem_of(label, passwords), 400
    if not problem:
        try:
            answer = request.zato.call(f'{kind.derived_services}.change-password', {'id': id, **passwords}).payload
        except ZatoException as e:
            _, problem, _, status = explain(e)
        else:
            title = kind.title(str(item['name']))
            tell(request, f'{label} of {title} has been changed.', answer, kind, name=str(item['name']))
            return HttpResponseRedirect(saved_page(kind, id, str(item['name'])))
    return render(request, 'zato/objects/password.html', {**context, 'problem': problem}, status=status)


def problem_of(label: str, passwords: Mapping[str, str]) -> str:
    """What is wrong with what was typed, '' if nothing is."""
    if not passwords['password1']:
        return f'{label} must not be empty'
    return '' if passwords['password1'] == passwords['password2'] else 'The two are not the same'
