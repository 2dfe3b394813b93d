"""The invoker: calls of a service by hand, with any text."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import BadRequest
from django.http import HttpResponseBase, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_POST

from zato.admin.cluster import Calls, NoServer
from zato.admin.download import as_file
from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import is_fragment
from zato.admin.page import page
from zato.admin.services.answer import Shown, shown_answer, shown_failure
from zato.admin.services.curl import curl_command
from zato.admin.services.subject import service_page
from zato.client.admin import ServerError, ServerUnreachable

DATA_FORMATS: Final = (('', '----'), ('json', 'JSON'), ('xml', 'XML'), ('csv', 'CSV'), ('form', 'Form'))
TRANSPORTS: Final = (('', '----'), ('plain_http', 'Plain HTTP'), ('soap', 'SOAP'))
METHODS: Final = ('POST', 'GET', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS')

_USUAL: Final = '30'  #: seconds that a service may take
_LONGEST: Final = 3_600.0
_LABELS: Final = {'data_format': 'Data format', 'transport': 'Transport', 'method': 'Method', 'server': 'Server'}
_EXTENSIONS: Final = {'json': 'json', 'xml': 'xml', 'csv': 'csv', 'html': 'html', 'plain': 'txt', 'pdf': 'pdf'}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the user has filled in. timeout: as it was typed; seconds: the same, 0 if it makes no sense.

    server: '' for the first that answers. errors: field → what is wrong with it.
    """

    payload: str = ''
    data_format: str = ''
    transport: str = ''
    method: str = METHODS[0]
    server: str = ''
    timeout: str = _USUAL
    seconds: float = 0.0
    errors: tuple[tuple[str, str], ...] = ()


@page('operator')
def invoke(request: Request, name: str) -> HttpResponseBase:
    """POST: the fields of Form. The answer is a part of the page to htmx, or else the page with what was filled in."""
    servers = [server.name for server in request.zato.servers]
    form = read_form(request.POST, servers) if request.method == 'POST' else Form()
    context: dict[str, Any] = {'form': form, 'errors': dict(form.errors)}
    if request.method == 'POST' and not form.errors:
        context['shown'] = run(request.zato, name, form)
        context['curl'] = curl_command(request.zato.servers, name, form.server, form.payload, form.data_format)
    if is_fragment(request):
        return render(request, 'zato/services/response.html', {'name': name, **context})
    context |= {
        'subject': service_page(request, name, 'Invoker'),
        'name': name,
        'servers': servers,
        'data_formats': DATA_FORMATS,
        'transports': TRANSPORTS,
        'methods': METHODS,
    }
    return render(request, 'zato/services/invoker.html', context)


@page('operator')
@require_POST
def save_response(request: Request, name: str) -> HttpResponseBase:
    """Gives back what the page has taken along of a response, `response` in base64, as a file."""
    try:
        data = b64decode(request.POST.get('response', ''), validate=True)
    except (Base64Error, ValueError) as e:
        raise BadRequest('The response is not base64') from e
    filename = f'{name}.{extension_of(request.POST.get("content_type", ""))}'
    return as_file(data, filename, 'application/octet-stream')


def read_form(post: QueryDict, servers: list[str]) -> Form:
    """Lines of the payload end with \\n, as they were typed: what browsers send ends with \\r\\n."""
    values = {key: post.get(key, '') for key in ('data_format', 'transport', 'method', 'server')}
    values['method'] = values['method'] or METHODS[0]
    choices = {
        'data_format': [value for value, _ in DATA_FORMATS],
        'transport': [value for value, _ in TRANSPORTS],
        'method': METHODS,
        'server': ['', *servers],
    }
    errors = [
        (key, f'{_LABELS[key]}: choose one of the list.') for key, value in values.items() if value not in choices[key]
    ]
    timeout = post.get('timeout', '').strip() or _USUAL
    seconds = _seconds(timeout)
    if not seconds:
        errors.append(('timeout', f'Timeout: enter seconds, more than 0, at most {_LONGEST:,.0f}.'))
    payload = post.get('payload', '').replace('\r\n', '\n')
    return Form(payload=payload, timeout=timeout, seconds=seconds, errors=tuple(errors), **values)


def run(zato: Calls, name: str, form: Form) -> Shown:
    """What has come of the call, whatever that is."""
    options: dict[str, Any] = {
        'raw_payload': b64encode(form.payload.encode(errors='replace')).decode(),
        'data_format': form.data_format,
        'transport': form.transport,
        'method': form.method,
    }
    try:
        return shown_answer(zato.run(name, form.seconds, server=form.server, **options).payload)
    except (ServerError, ServerUnreachable, NoServer) as e:
        return shown_failure(e)


def extension_of(content_type: str) -> str:
    """For a file's name: that of 'application/json; charset=utf-8' is 'json'."""
    subtype = content_type.partition(';')[0].strip().rpartition('/')[2].rpartition('+')[2]
    return _EXTENSIONS.get(subtype, 'bin')


def _seconds(text: str) -> float:
    """0 if there is no such time."""
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if 0 < seconds <= _LONGEST else 0.0
