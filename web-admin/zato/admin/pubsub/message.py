"""One message: what it is, its data, and changing it while it waits."""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponseBase, QueryDict
from django.shortcuts import redirect, render

from zato.admin.cluster import Calls
from zato.admin.download import as_file
from zato.admin.links import address
from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain
from zato.admin.page import page
from zato.admin.pubsub.answers import Message, read
from zato.admin.pubsub.queues import Queue, find_queue
from zato.admin.services.answer import indented
from zato.common.config.field import is_id
from zato.common.exception import NotFound, ZatoException

SHOWN: Final = 200_000  #: characters of data that a page shows
PRIORITIES: Final = tuple(str(number) for number in range(9, 0, -1))
_EXTENSIONS: Final = {'application/json': 'json', 'text/plain': 'txt', 'text/csv': 'csv', 'application/xml': 'xml'}
_LONGEST_ID: Final = 500  #: characters


@page('operator')
def show_message(request: Request, of: str, id: int = 0) -> HttpResponseBase:
    """?msg_id= of a message in that queue, or, with of='dead-letter', anywhere."""
    queue = find_queue(request.zato, of, id) if id else None
    message = get_message(request, queue)
    text = message.data if message.is_text else ''
    context = {
        **(queue.context(request, '') if queue is not None else {}),
        'message': message,
        'shown': text[:SHOWN],
        'pretty': indented(text) if len(text) <= SHOWN else '',
        'is_all_shown': not message.is_cut and len(text) <= SHOWN,
        'back': queue.url if queue is not None else address('dead-letters'),
        'data_url': address('message-data', msg_id=message.msg_id),
        'edit_url': queue.page('message-edit', msg_id=message.msg_id) if queue is not None else '',
    }
    return render(request, 'zato/pubsub/message.html', context)


@page('operator')
def save_data(request: Request) -> HttpResponseBase:
    """The data of ?msg_id= as a file."""
    message = get_message(request, None)
    data = message.data if message.is_text else b64decode(message.data)
    return as_file(data, f'{message.msg_id}.{_extension(message)}', 'application/octet-stream')


@page('admin')
def edit_message(request: Request, of: str, id: int) -> HttpResponseBase:
    """POST: `data`, `priority`, `expiration`, `mime_type`, of which what differs is changed."""
    queue = find_queue(request.zato, of, id)
    message = get_message(request, queue)
    problem, status, form = '', 200, stored(message)
    if request.method == 'POST':
        form = {key: request.POST.get(key, value) for key, value in form.items()}
        try:
            return _save(request, queue, message)
        except ZatoException as e:
            _, problem, _, status = explain(e)
    context = {
        **queue.context(request, ''),
        'message': message,
        'form': form,
        'problem': problem,
        'priorities': PRIORITIES,
        'back': queue.page('message', msg_id=message.msg_id),
    }
    return render(request, 'zato/pubsub/message_edit.html', context, status=status)


def get_message(request: Request, queue: Queue | None) -> Message:
    """That ?msg_id= names. Raises NotFound."""
    return find_message(request.zato, request.GET.get('msg_id', '')[:_LONGEST_ID], queue)


def find_message(zato: Calls, msg_id: str, queue: Queue | None) -> Message:
    """Raises NotFound."""
    asked = {'msg_id': msg_id, **(queue.named if queue is not None else {})}
    found = zato.ask('zato.pubsub.queue.get-message', asked)
    if not found:
        raise NotFound(msg=f'There is no message {msg_id}, or no longer: it may have been delivered or deleted meanwhile.')
    return read(Message, found)


def stored(message: Message) -> dict[str, str]:
    """What the form has before anybody has changed it; without data that cannot be changed in it."""
    return {
        **({'data': _lines(message.data)} if is_editable(message) else {}),
        'priority': str(message.priority),
        'expiration': str(expiration_of(message)),
        'mime_type': message.mime_type,
    }


def is_editable(message: Message) -> bool:
    """Can its data be changed in a form, which has it whole?"""
    return message.is_text and not message.is_cut and '\0' not in message.data


def expiration_of(message: Message) -> int:
    """Milliseconds after it was published, 0 if it never expires."""
    if not message.expiration_time_iso:
        return 0
    lasts = datetime.fromisoformat(message.expiration_time_iso) - datetime.fromisoformat(message.pub_time_iso)
    return max(0, lasts // timedelta(milliseconds=1))


def changes_of(message: Message, post: QueryDict) -> dict[str, Any]:
    """What differs from what is stored, as the server takes it. That browsers end lines as they do is no change."""
    changed: dict[str, Any] = {}
    for key, before in stored(message).items():
        text = post.get(key, before)
        text = _lines(text) if key == 'data' else text.strip()
        if text != before:
            changed[key] = int(text) if key in ('priority', 'expiration') and is_id(text) else text
    return changed


def _save(request: Request, queue: Queue, message: Message) -> HttpResponseBase:
    changed = changes_of(message, request.POST)
    if changed:
        request.zato.call('zato.pubsub.queue.edit-message', {'msg_id': message.msg_id, **changed})
        messages.success(request, 'The message is changed, in all queues that have it.')
    else:
        messages.info(request, 'Nothing was changed.')
    return redirect(queue.page('message', msg_id=message.msg_id))


def _extension(message: Message) -> str:
    return _EXTENSIONS.get(message.mime_type.partition(';')[0].strip(), 'txt' if message.is_text else 'bin')


def _lines(text: str) -> str:
    return text.replace('\r\n', '\n').replace('\r', '\n')
