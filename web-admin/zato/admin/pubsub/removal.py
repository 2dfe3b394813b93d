"""What is done to messages that wait: deleting, moving and copying them, all or those that were ticked. Each asks first."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain
from zato.admin.objects.asking import names_of
from zato.admin.objects.kind_page import object_context
from zato.admin.page import page
from zato.admin.pubsub.answers import Count
from zato.admin.pubsub.asking import TOPIC, get_topic, kind_of, subscription_states, topic_states
from zato.admin.pubsub.queues import Queue, find_queue
from zato.common.exception import ZatoException

#: Seconds that it may take to delete or move all messages of a queue, of which there may be millions.
PATIENCE: Final = 300.0


@page('admin')
@require_POST
def delete_messages(request: Request, id: int, of: str) -> HttpResponseBase:
    """POST: `msg_id`, several; first without `confirmed`, which shows what would be deleted."""
    queue = find_queue(request.zato, of, id)
    msg_ids = request.POST.getlist('msg_id')
    if not msg_ids:
        return _nothing(request, queue)
    if not request.POST.get('confirmed'):
        return render(request, 'zato/pubsub/delete.html', {**queue.context(request), 'msg_ids': msg_ids})
    asked = {**queue.named, 'msg_ids': msg_ids}
    deleted = int(request.zato.call('zato.pubsub.queue.delete-message', asked).payload['deleted'])
    _tell(request, deleted, 'deleted', len(msg_ids))
    return redirect(queue.url)


@page('admin')
def clear_queue(request: Request, id: int, of: str) -> HttpResponseBase:
    """GET says how much there is; POST deletes all of it."""
    queue = find_queue(request.zato, of, id)
    if request.method == 'POST':
        answer = request.zato.call('zato.pubsub.queue.clear', queue.named, timeout=PATIENCE).payload
        _tell(request, int(answer['deleted']), 'deleted')
        return redirect(queue.url)
    return render(request, 'zato/pubsub/clear.html', {**queue.context(request), **how_many(request, queue)})


@page('admin')
def clear_topic(request: Request, id: int) -> HttpResponseBase:
    """The same, of all queues of a topic."""
    topic = get_topic(request.zato, id)
    if request.method == 'POST':
        answer = request.zato.call('zato.pubsub.topic.clear', {'topic_id': id}, timeout=PATIENCE).payload
        _tell(request, int(answer['deleted']), 'deleted')
        return redirect('topic', id)
    states = subscription_states(request.zato, topic_id=id).all
    context = {
        **object_context(request, kind_of(TOPIC), topic, ''),
        'states': states,
        'cancel': reverse('topic', args=[id]),
        **({} if states else how_many(request, Queue('topic', topic))),
    }
    return render(request, 'zato/pubsub/clear_topic.html', context)


@page('admin')
@require_POST
def move_messages(request: Request, id: int, of: str) -> HttpResponseBase:
    """POST: `msg_id`, several, or `all`; `to_topic` and `how`, 'move' or 'copy', in the form that is shown before that."""
    queue = find_queue(request.zato, of, id)
    is_all, msg_ids = request.POST.get('all') == 'yes', request.POST.getlist('msg_id')
    if not (is_all or msg_ids):
        return _nothing(request, queue)
    problem, status = '', 200
    form = {'to_topic': request.POST.get('to_topic', '').strip(), 'how': request.POST.get('how', 'move')}
    if request.POST.get('confirmed') and not form['to_topic']:
        problem, status = 'Topic: say which one.', 400
    elif request.POST.get('confirmed'):
        try:
            return _move(request, queue, {'all': True} if is_all else {'msg_ids': msg_ids}, form)
        except ZatoException as e:
            _, problem, _, status = explain(e)
    context = {
        **queue.context(request),
        'is_all': is_all,
        'msg_ids': msg_ids,
        'form': form,
        'problem': problem,
        'topics': topic_names(request),
        **(how_many(request, queue) if is_all else {}),
    }
    return render(request, 'zato/pubsub/move.html', context, status=status)


def topic_names(request: Request) -> list[str]:
    """What a form suggests; none where they cannot be asked for."""
    try:
        return list(names_of(request.zato, (TOPIC,)).by_kind[TOPIC])
    except ZatoException:
        return []


def how_many(request: Request, queue: Queue) -> dict[str, Count]:
    """What waits in the queue, and what waits aside; of a topic's own queue, all of it together."""
    if queue.of == 'topic':
        topic = topic_states(request.zato, [queue.id]).by_id.get(queue.id)
        return {'ready': topic.depth_count if topic is not None else Count(0), 'retry': Count(0)}
    state = subscription_states(request.zato, ids=[queue.id]).by_id.get(queue.id)
    return {name: getattr(state, f'{count}_count', Count(0)) for name, count in (('ready', 'depth'), ('retry', 'retry'))}


def _move(request: Request, queue: Queue, which: dict[str, Any], form: dict[str, str]) -> HttpResponseBase:
    is_copy = form['how'] == 'copy'
    asked = {**queue.named, **which, 'to_topic': form['to_topic'], 'is_copy': is_copy}
    moved = int(request.zato.call('zato.pubsub.queue.move', asked, timeout=PATIENCE).payload['moved'])
    done = f'{"copied" if is_copy else "moved"} to topic {form["to_topic"]}'
    _tell(request, moved, done, len(which.get('msg_ids', ())))
    return redirect(queue.url)


def _nothing(request: Request, queue: Queue) -> HttpResponseBase:
    messages.warning(request, 'Nothing was ticked, so nothing was done.')
    return redirect(queue.url)


def _tell(request: Request, done: int, what: str, asked: int = 0) -> None:
    """asked: how many it should have been, 0 for all there are."""
    text = f'{done:,} message{" was" if done == 1 else "s were"} {what}.'
    if done < asked:
        text += f' The other {asked - done:,} had left the queue already.'
    messages.add_message(request, messages.WARNING if done < asked else messages.SUCCESS, text)
