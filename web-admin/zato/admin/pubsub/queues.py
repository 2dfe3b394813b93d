"""Queues of subscriptions, and of topics that nobody subscribes to; what was published to a topic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from zato.admin.cluster import Calls
from zato.admin.links import address
from zato.admin.listing import number_in
from zato.admin.middleware.access import Request
from zato.admin.objects.kind_page import object_context
from zato.admin.page import page
from zato.admin.pubsub.answers import Count, Message, read_list
from zato.admin.pubsub.asking import SUBSCRIPTION, TOPIC, get_subscription, get_topic, kind_of
from zato.admin.tabs import Tab

#: Part of a queue → its tab, what is said where there is nothing in it.
PARTS: Final[Mapping[str, tuple[str, str]]] = {
    'ready': ('Ready', 'No messages wait to be delivered.'),
    'retry': ('Waiting aside', 'No messages wait aside, to be delivered at a later time.'),
    'pulled': ('With clients', 'Clients have no messages which they have not confirmed yet.'),
}
_LONGEST_KEY: Final = 200  #: characters


@dataclass(frozen=True, slots=True)
class Queue:
    """of: 'subscription' or 'topic'. item: the object, as `get` answers."""

    of: str
    item: Mapping[str, Any]

    @property
    def id(self) -> int:
        return int(self.item['id'])

    @property
    def name(self) -> str:
        return str(self.item['name'])

    @property
    def title(self) -> str:
        return kind_of(SUBSCRIPTION if self.of == 'subscription' else TOPIC).title(self.name)

    @property
    def named(self) -> dict[str, int]:
        """As services take it."""
        return {'sub_id' if self.of == 'subscription' else 'topic_id': self.id}

    @property
    def url(self) -> str:
        return self.page('queue')

    @property
    def parts(self) -> tuple[str, ...]:
        """A topic's own queue has nobody who could have taken anything."""
        return tuple(PARTS) if self.of == 'subscription' else ('ready', 'retry')

    def page(self, what: str, **query: Any) -> str:
        return address(f'{self.of}-{what}', self.id, **query)

    def context(self, request: Request, tab: str = '') -> dict[str, Any]:
        """What the templates of all pages of a queue have. tab: a label."""
        kind = kind_of(SUBSCRIPTION if self.of == 'subscription' else TOPIC)
        return {**object_context(request, kind, self.item, tab), 'queue': self}


def find_queue(zato: Calls, of: str, id: int) -> Queue:
    """Raises Gone."""
    return Queue(of, get_subscription(zato, id) if of == 'subscription' else get_topic(zato, id))


@page('operator')
def show_queue(request: Request, id: int, of: str) -> HttpResponseBase:
    """?which= is one of PARTS; ?after= the message that the page comes after; with ?tick=yes all boxes are ticked."""
    queue = find_queue(request.zato, of, id)
    which = request.GET.get('which', '')
    which = which if which in queue.parts else 'ready'
    after = request.GET.get('after', '')[:_LONGEST_KEY]
    asked = {**queue.named, 'which': which, 'after': after, 'limit': request.user.page_size}
    answer = request.zato.ask('zato.pubsub.queue.get-message-list', asked)
    shown = {'which': '' if which == 'ready' else which}
    context = {
        **queue.context(request, 'Queue'),
        'which': which,
        'parts': [Tab(PARTS[key][0], queue.page('queue', which=key), key == which) for key in queue.parts],
        'nothing': PARTS[which][1],
        'found': read_list(Message, answer['messages']),
        'depth': Count(int(answer['depth']), bool(answer['is_depth_more'])) if which == 'ready' else None,
        'is_later_page': bool(after),
        'here': queue.page('queue', **shown, after=after),
        'first': queue.page('queue', **shown),
        'next': queue.page('queue', **shown, after=answer['next']) if answer['next'] else '',
        'tick_all': queue.page('queue', **shown, after=after, tick='yes'),
        'is_ticked': 'tick' in request.GET,
    }
    return render(request, 'zato/pubsub/queue.html', context)


@page('operator')
def show_published(request: Request, id: int) -> HttpResponseBase:
    """What there still is of what was published to a topic, in that order, ?after= a number."""
    topic = get_topic(request.zato, id)
    after = number_in(request.GET, 'after')
    limit = request.user.page_size
    asked = {'topic_id': id, 'after_seq': after, 'limit': limit + 1}
    found = read_list(Message, request.zato.ask('zato.pubsub.topic.get-message-list', asked)['messages'])
    here = reverse('topic-messages', args=[id])
    context = {
        **object_context(request, kind_of(TOPIC), topic, 'Messages'),
        'queue': Queue('topic', topic),
        'is_retained': topic.get('limit_retention') not in (0, '0', None),
        'found': found[:limit],
        'is_later_page': bool(after),
        'first': here,
        'next': address('topic-messages', id, after=found[limit - 1].seq) if len(found) > limit else '',
    }
    return render(request, 'zato/pubsub/messages.html', context)
