"""Uploading files: the servers put them into their pickup folder and deploy them, or say why they cannot be."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponseBase
from django.shortcuts import render

from zato.admin.cluster import Calls, NoServer
from zato.admin.middleware.access import Request
from zato.admin.outcome import troubles
from zato.admin.page import page
from zato.admin.services.files import without_path
from zato.client.admin import ServerError, ServerUnreachable
from zato.common.exception import ZatoException

_LARGEST: Final = 20_000_000  #: bytes of a file that is sent to a server, which may take less
_PATIENCE: Final = 60.0  #: seconds that one file may take: to be checked, stored, and loaded by all workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one file. error: '' if it is deployed. module, number: which version it is. text: in words.

    services: their names. details: a traceback. is_complete: do all workers serve it?
    """

    name: str
    error: str = ''
    details: str = ''
    text: str = ''
    module: str = ''
    number: int = 0
    services: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_complete: bool = True


@page('admin')
def upload(request: Request) -> HttpResponseBase:
    """POST: `files`."""
    context: dict[str, Any] = {}
    if request.method == 'POST':
        files = request.FILES.getlist('files')
        context = {'results': deploy(request.zato, files), 'is_empty': not files}
    return render(request, 'zato/services/upload.html', context)


def deploy(zato: Calls, files: Sequence[UploadedFile[Any]]) -> list[Result]:
    """In the order of the files. One that could not be deployed is tried again once others have been: it may import them."""
    results: dict[int, Result] = {}
    waiting = list(range(len(files)))
    while waiting:
        for i in waiting:
            results[i] = _deploy_one(zato, files[i])
        failed = [i for i in waiting if results[i].details]
        if len(failed) == len(waiting):
            break
        waiting = failed
    return [results[i] for i in range(len(files))]


def _deploy_one(zato: Calls, file: UploadedFile[Any]) -> Result:
    name = file.name or ''
    if (file.size or 0) > _LARGEST:
        return Result(name=name, error=f'It is larger than {_LARGEST:,} bytes, which is the most that can be uploaded.')
    file.seek(0)
    request = {'payload_name': name, 'payload': b64encode(file.read()).decode()}
    try:
        answer = zato.call('zato.service.upload-package', request, timeout=_PATIENCE).payload
    except ServerError as e:
        return Result(name=name, error=e.details)
    except (ServerUnreachable, NoServer) as e:
        return Result(name=name, error=_unreachable(e))
    return result_of(name, answer)


def result_of(name: str, answer: dict[str, Any]) -> Result:
    """answer: of `zato.service.upload-package`."""
    if not answer['is_ok']:
        return Result(name=name, error=without_path(answer['error'], answer['path']), details=answer['details'] or '')
    version = f'version {answer["number"]} of module {answer["module"]}'
    done = f'This is {version} now.' if answer['is_changed'] else f'Nothing has changed: {version} is active already.'
    more = troubles(answer)
    return Result(
        name=name,
        text='\n'.join([done, *more]),
        module=answer['module'],
        number=answer['number'],
        services=tuple(answer['services']),
        warnings=tuple(answer['warnings']),
        is_complete=not more,
    )


def _unreachable(e: ZatoException) -> str:
    if isinstance(e, ServerUnreachable) and e.was_sent:
        return f'{e}\nIt may have been deployed nevertheless: look before you upload it again.'
    return str(e)
