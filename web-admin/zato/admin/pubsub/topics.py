"""Topics: how much waits to be delivered, what was published last; and what a topic's page says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain, is_fragment
from zato.admin.objects.kind_page import object_context
from zato.admin.objects.states import without_title
from zato.admin.page import page
from zato.admin.pubsub.answers import state_of_object
from zato.admin.pubsub.asking import TOPIC, get_topic, kind_of, subscription_states, subscriptions_named, topic_states
from zato.admin.pubsub.live_list import LiveList
from zato.common.exception import ZatoException
from zato.common.pubsub.names import service_topic

_MOST: Final = 100  #: subscriptions on the page of a topic
_ORDER: Final = {'bad': 0, 'warn': 1, 'good': 2, '': 3}  #: by their badges, those first that somebody should look at


def _more(request: Request, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    told = topic_states(request.zato, [int(item['id']) for item in items])
    topics = [(item, _error_of(item), told.by_id.get(int(item['id']))) for item in items]
    return {'topics': topics, 'away': told.away}


_LIST: Final = LiveList(
    kind=TOPIC, page='topics', part='topics-part', columns={'name': 'Name', 'is_active': 'State'}, more=_more
)


@page('viewer')
def show_topics(request: Request) -> HttpResponseBase:
    return _LIST.show(request)


@page('viewer', is_polled=True)
def refresh_topics(request: Request) -> HttpResponseBase:
    return _LIST.refresh(request)


@page('viewer')
def show_topic(request: Request, id: int) -> HttpResponseBase:
    topic = get_topic(request.zato, id)
    context = {**object_context(request, kind_of(TOPIC), topic, 'Overview'), **_context(request, id)}
    context |= {'topic': topic, 'error': _error_of(topic)}
    return render(request, 'zato/pubsub/topic.html', context)


@page('viewer', is_polled=True)
def refresh_topic(request: Request, id: int) -> HttpResponseBase:
    """The part of the above that changes."""
    try:
        context = _context(request, id)
    except ZatoException as e:
        context = {**_addresses(id), **explain(e)._asdict(), 'has_failed': True}
    return render(request, 'zato/pubsub/topic_part.html', context)


@page('operator')
def show_queues(request: Request, id: int) -> HttpResponseBase:
    """Leads to the queue of the only subscription, to the topic's own one, or to the list of subscriptions."""
    found = subscription_states(request.zato, topic_id=id).all
    if len(found) == 1:
        return redirect('subscription-queue', found[0].id)
    return redirect('topic' if found else 'topic-queue', id)


@page('viewer')
def show_messages_of_service(request: Request) -> HttpResponseBase:
    """?name= of a service: what waits to be delivered to it; to browsers without scripts, the page of its topic."""
    name = request.GET.get('name', '')
    if not name:
        raise Http404
    topic = find_topic(request, service_topic(name))
    if is_fragment(request):
        context = _context(request, topic['id']) if topic is not None else {}
        return render(request, 'zato/pubsub/of_service.html', {**context, 'name': name})
    if topic is None:
        messages.info(request, f'Nobody has published anything to {name} yet.')
        return redirect('service', name)
    return redirect('topic', topic['id'])


def find_topic(request: Request, name: str) -> Mapping[str, Any] | None:
    """As the list of topics has it, None if there is no topic of exactly that name."""
    asked = {'paginate': True, 'page_size': 1_000, 'query': name}
    found = request.zato.ask(f'{kind_of(TOPIC).derived_services}.get-list', asked)['response']
    return next((item for item in found if item['name'] == name), None)


def _context(request: Request, id: int) -> dict[str, Any]:
    topics, subscriptions = topic_states(request.zato, [id]), subscription_states(request.zato, topic_id=id)
    state = topics.by_id.get(id)
    items = subscriptions_named(request.zato, state.name) if state is not None else []
    down = [state_of_object(item) for item in items if item['topic_id'] == id and item['id'] not in subscriptions.by_id]
    shown = sorted([*subscriptions.all, *down], key=lambda state: (_ORDER.get(state.badge, 0), state.endpoint_name))
    return {
        **_addresses(id),
        'state': state,
        'subscriptions': shown[:_MOST],
        'more': max(0, len(shown) - _MOST),
        'away': subscriptions.away,
        'back': 'topic',
    }


def _error_of(topic: Mapping[str, Any]) -> str:
    """Why it is down, '' if it is not."""
    return without_title(kind_of(TOPIC), str(topic['error']))


def _addresses(id: int) -> dict[str, str]:
    return {'part': reverse('topic-part', args=[id])}
