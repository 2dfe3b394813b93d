"""Tabs of pages that belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse

from zato.admin.page import may


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to one of the pages."""

    label: str
    url: str
    is_current: bool


def service_tabs(service: Mapping[str, Any], role: str, current: str) -> tuple[Tab, ...]:
    """Of the pages of a service and of those of its object, as far as that role may see them. current: a label."""
    name, id = service['name'], service.get('id')
    pages: dict[str, tuple[str, list[Any]]] = {'Overview': ('service', [name])}
    if may(role, 'operator'):
        pages['Invoker'] = ('service-invoker', [name])
    if not service.get('is_internal', True):
        pages |= {'Source code': ('service-source', [name]), 'Versions': ('service-versions', [name])}
    if id:
        pages |= {'Form': ('object', ['service', id]), 'History': ('object-history', ['service', id])}
    return tuple(Tab(label, reverse(page, args=args), label == current) for label, (page, args) in pages.items())


def topic_tabs(topic: Mapping[str, Any], role: str, current: str) -> tuple[Tab, ...]:
    """The same of a topic: its `id`, and `is_internal` if that is known."""
    pages = {'Overview': 'topic'}
    if may(role, 'operator'):
        pages |= {'Messages': 'topic-messages', 'Publish': 'topic-publish'}
    return _of_object(topic, 'pubsub-topic', pages, current)


def subscription_tabs(subscription: Mapping[str, Any], role: str, current: str) -> tuple[Tab, ...]:
    """The same of a subscription."""
    pages = {'Overview': 'subscription', **({'Queue': 'subscription-queue'} if may(role, 'operator') else {})}
    return _of_object(subscription, 'pubsub-subscription', pages, current)


def _of_object(item: Mapping[str, Any], slug: str, pages: Mapping[str, str], current: str) -> tuple[Tab, ...]:
    """Pages of its own, and those that all objects have; what the server made is in no file."""
    id = item['id']
    of_all = {'Form': 'object', **({} if item.get('is_internal') else {'YAML': 'object-yaml'}), 'History': 'object-history'}
    own = [Tab(label, reverse(page, args=[id]), label == current) for label, page in pages.items()]
    return (*own, *(Tab(label, reverse(page, args=[slug, id]), label == current) for label, page in of_all.items()))


#: Kinds whose objects have pages of their own → their tabs.
TABS: Final[Mapping[str, Callable[[Mapping[str, Any], str, str], tuple[Tab, ...]]]] = {
    'service': service_tabs,
    'pubsub_topic': topic_tabs,
    'pubsub_subscription': subscription_tabs,
}
