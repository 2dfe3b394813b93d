"""Replay: a subscription is given again what was delivered already, where the topic retains messages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponseBase, QueryDict
from django.shortcuts import redirect, render

from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain
from zato.admin.page import page
from zato.admin.pubsub.asking import get_topic
from zato.admin.pubsub.queues import find_queue
from zato.admin.pubsub.removal import PATIENCE
from zato.common.exception import BadRequest, ZatoException

_WHICH: Final = 'Say from which time, or from which number on.'


@page('admin')
def replay(request: Request, id: int) -> HttpResponseBase:
    """POST: `time`, in the user's time zone, or `seq`."""
    queue = find_queue(request.zato, 'subscription', id)
    topic = get_topic(request.zato, int(queue.item['topic_id']))
    problem, status = '', 200
    if request.method == 'POST':
        try:
            asked = read_form(request.POST, request.user.time_zone)
            answer = request.zato.call('zato.pubsub.subscription.reset', {'id': id, **asked}, timeout=PATIENCE).payload
        except ZatoException as e:
            _, problem, _, status = explain(e)
        else:
            added = int(answer['added'])
            messages.success(request, f'{added:,} message{"" if added == 1 else "s"} will be delivered again.')
            return redirect('subscription', id)
    context = {
        **queue.context(request),
        'topic': topic,
        'is_retained': topic.get('limit_retention') not in (0, '0', None),
        'form': {key: request.POST.get(key, '') for key in ('time', 'seq')},
        'problem': problem,
    }
    return render(request, 'zato/pubsub/replay.html', context, status=status)


def read_form(post: QueryDict, time_zone: str) -> dict[str, Any]:
    """As the server takes it. Raises BadRequest."""
    time, seq = post.get('time', '').strip(), post.get('seq', '').strip()
    if bool(time) == bool(seq):
        raise BadRequest(msg=f'{_WHICH} Only one of them can be given.' if time else _WHICH)
    if seq:
        if not seq.isdecimal() or len(seq) > 18:
            raise BadRequest(msg='Number: enter a whole number.')
        return {'seq': int(seq)}
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        raise BadRequest(msg='Time: enter one such as 2026-05-01T10:00:00.') from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(time_zone or 'UTC'))
    return {'time': moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}
