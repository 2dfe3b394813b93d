"""Addresses of the pages of what servers name."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from zato.admin.wording import parts_of_title
from zato.common.config.kind import kinds

#: Kinds whose objects have a page of their own, by the object's ID → the page's name.
_OWN_PAGES: Final = {'pubsub_topic': 'topic', 'pubsub_subscription': 'subscription'}


def address(page: str, *args: Any, **query: Any) -> str:
    """Of a page by its name, with a query string of what is not empty; '' where these arguments cannot be in an address."""
    try:
        path = reverse(page, args=args)
    except NoReverseMatch:
        return ''
    given = {key: value for key, value in query.items() if value not in ('', None)}
    return f'{path}?{urlencode(given)}' if given else path


def object_page(kind: str, object_id: int, name: str) -> str:
    """'' for what has no page. A module's is the list of its services."""
    if kind == 'module':
        return address('services', query=name)
    if kind == 'service':
        return address('service', name)
    if kind in _OWN_PAGES:
        return address(_OWN_PAGES[kind], object_id)
    return address('object', kinds()[kind].slug, object_id) if kind in kinds() else ''


def page_of_title(title: str) -> str:
    """Of an object as messages name it, such as REST channel `my.channel`; '' if it is none."""
    parts = parts_of_title(title)
    if parts is None:
        return ''
    kind, name = parts
    return address('service', name) if kind.name == 'service' else address('objects', kind.slug, query=name)
