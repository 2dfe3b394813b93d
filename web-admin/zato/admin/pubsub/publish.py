"""Publishing by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpResponseBase, QueryDict
from django.shortcuts import render

from zato.admin.cluster import Calls
from zato.admin.links import address
from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain, is_fragment
from zato.admin.objects.asking import names_of
from zato.admin.objects.kind_page import object_context
from zato.admin.page import page
from zato.admin.pubsub.asking import ENDPOINT, TOPIC, get_topic, kind_of
from zato.admin.pubsub.message import PRIORITIES
from zato.client.admin import ServerUnreachable
from zato.common.exception import ZatoException

SAMPLE: Final = 'This is a sample message'
#: Value → label, of whether the message is stored before it is delivered.
GD: Final = (('', 'As the topic says'), ('true', 'Yes, stored'), ('false', 'No, in RAM'))


@dataclass(frozen=True, slots=True)
class Text:
    """One of the texts that a message may be published with. read: what the server is given; raises ValueError."""

    name: str
    label: str
    help: str
    rule: str = ''
    read: Callable[[str], Any] = str
    mode: str = ''
    is_long: bool = False


def _at_least(type_: type[int] | type[float], minimum: int) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = type_(text)
        if not minimum <= value < float('inf'):
            raise ValueError
        return value

    return read


#: What few messages are published with.
TEXTS: Final = (
    Text('msg_id', 'Msg ID', 'By default a new one. What is published twice with one ID is stored once.'),
    Text('mime_type', 'MIME type', 'By default text/plain.'),
    Text(
        'expiration',
        'Expiration (ms)',
        'After which time it is not delivered any more. By default never, unless the topic limits it.',
        'enter milliseconds, 0 or more.',
        _at_least(int, 0),
        'numeric',
    ),
    Text(
        'deliver_after',
        'Deliver after (s)',
        'How long it waits aside before it is delivered.',
        'enter seconds, 0 or more.',
        _at_least(float, 0),
        'decimal',
    ),
    Text('correl_id', 'Correlation ID', 'What it belongs to.'),
    Text('in_reply_to', 'In reply to', 'ID of the message that it answers.'),
    Text('ext_client_id', 'Ext. client ID', 'On behalf of whom it is published.'),
    Text('group_id', 'Group ID', 'Messages of a group are delivered in order, however many are delivered at a time.'),
    Text(
        'position_in_group',
        'Position in group',
        'By default 1.',
        'enter a whole number, 1 or more.',
        _at_least(int, 1),
        'numeric',
    ),
    Text('ext_pub_time', 'Ext. pub time', 'When its publisher says it was published, such as 2026-05-01T10:00:00, UTC.'),
    Text('reply_to_sk', 'Reply-to sub keys', 'One a line.', read=str.split, is_long=True),
    Text('deliver_to_sk', 'Deliver-to sub keys', 'One a line: nobody else gets it.', read=str.split, is_long=True),
    Text('user_ctx', 'User context', 'Any JSON, which subscribers are given.', 'enter JSON.', json.loads, is_long=True),
)


@dataclass(frozen=True, slots=True)
class Form:
    """values: what was typed, by input. errors: input → what is wrong with it. asked: what the server is given."""

    values: Mapping[str, str]
    errors: Mapping[str, str]
    asked: Mapping[str, Any]


@page('operator')
def publish(request: Request, id: int) -> HttpResponseBase:
    """POST: the inputs. The answer is a part of the page to htmx, or else the page with what was filled in."""
    topic = None if is_fragment(request) else get_topic(request.zato, id)
    form = read_form(request.POST) if request.method == 'POST' else Form({'data': SAMPLE, 'priority': '5'}, {}, {})
    context: dict[str, Any] = {'form': form.values, 'errors': form.errors, 'id': id}
    if request.method == 'POST' and not form.errors:
        context |= send(request.zato, id, form)
    if topic is None:
        return render(request, 'zato/pubsub/published.html', context)
    context |= {
        **object_context(request, kind_of(TOPIC), topic, 'Publish'),
        'texts': [(text, form.values.get(text.name, ''), form.errors.get(text.name, '')) for text in TEXTS],
        'is_open': any(form.values.get(text.name) for text in TEXTS) or bool(form.errors),
        'priorities': PRIORITIES,
        'gd': GD,
        'endpoints': _endpoints(request.zato),
    }
    return render(request, 'zato/pubsub/publish.html', context)


def read_form(post: QueryDict) -> Form:
    """Lines of the data end with \\n, as they were typed: what browsers send ends with \\r\\n."""
    names = ('data', 'priority', 'endpoint_name', 'has_gd', *(text.name for text in TEXTS))
    values = {name: post.get(name, '').replace('\r\n', '\n') for name in names}
    values['priority'] = values['priority'] or '5'
    errors = {}
    asked: dict[str, Any] = {'data': values['data']}
    if values['priority'] not in PRIORITIES:
        errors['priority'] = 'Priority: choose one of the list.'
    else:
        asked['priority'] = int(values['priority'])
    if values['endpoint_name']:
        asked['endpoint_name'] = values['endpoint_name']
    if values['has_gd']:
        asked['has_gd'] = values['has_gd'] == 'true'
    for text in TEXTS:
        typed = values[text.name].strip()
        try:
            if typed:
                asked[text.name] = text.read(typed)
        except (ValueError, RecursionError):
            errors[text.name] = f'{text.label}: {text.rule}'
    return Form(values, errors, asked)


def send(zato: Calls, topic_id: int, form: Form) -> dict[str, Any]:
    """What has come of it: `msg_id`, None if the message was dropped, and its `url`; or `title`, `problem` and `hint`."""
    try:
        msg_id = zato.call('zato.pubsub.publish.publish', {'topic_id': topic_id, **form.asked}).payload['msg_id']
    except ZatoException as e:
        found = explain(e)
        hint = found.hint
        if isinstance(e, ServerUnreachable) and e.was_sent and form.values.get('msg_id'):
            hint = 'It may have been published. Publish it again: with the same Msg ID it is stored once.'
        return {'title': found.title, 'problem': found.text, 'hint': hint}
    url = address('topic-message', topic_id, msg_id=msg_id) if msg_id else ''
    return {'is_done': True, 'msg_id': msg_id, 'url': url}


def _endpoints(zato: Calls) -> list[str]:
    """Who may be chosen as the publisher; none where they cannot be asked for."""
    try:
        return list(names_of(zato, (ENDPOINT,)).by_kind[ENDPOINT])
    except ZatoException:
        return []
