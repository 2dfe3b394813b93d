"""The menu: where each kind of object is found, and what is marked as the page that one is on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import reverse

from tests.support.dashboard import Pages
from zato.admin.menu import OWN_PAGES, Entry, menu
from zato.common.config.kind import kinds


def _ways(entries: list[Entry], way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Entry]]:
    for entry in entries:
        yield (*way, entry.label), entry
        yield from _ways(entry.entries, (*way, entry.label))


def test_each_kind_is_where_its_declaration_says(pages: Pages) -> None:
    ways = {way: entry.url for way, entry in _ways(menu('/zato/', 'viewer'))}
    for kind in kinds().values():
        own = OWN_PAGES.get(kind.name)
        assert ways[kind.menu_path] == (reverse(own) if own else f'/zato/kind/{kind.slug}/')
    assert ways['Connections', 'Channels', 'REST'] == '/zato/kind/channel-rest/'
    assert ways['Pub/sub', 'Topics'] == '/zato/pubsub/topic/'
    assert ways['Pub/sub', 'Dead letters'] == '/zato/pubsub/dead-letter/'


@pytest.mark.parametrize(
    ('path', 'expected'),
    [
        ('/zato/kind/channel-rest/', ['Connections', 'Channels', 'REST']),
        ('/zato/kind/channel-rest/12/history/', ['Connections', 'Channels', 'REST']),
        ('/zato/kind/service/34/', ['Services']),
        ('/zato/service/overview/my.service/', ['Services']),
        ('/zato/kind/pubsub-topic/3/', ['Pub/sub', 'Topics']),
        ('/zato/pubsub/subscription/3/queue/', ['Pub/sub', 'Subscriptions']),
        ('/zato/', ['Home']),
    ],
    ids=['a list', 'an object', 'a service as an object', 'a service', 'the form of a topic', 'a queue', 'home'],
)
def test_where_one_is_is_marked(pages: Pages, path: str, expected: list[str]) -> None:
    assert [entry.label for _, entry in _ways(menu(path, 'admin')) if entry.is_current] == expected


def test_nobody_is_shown_what_they_may_not_see(pages: Pages) -> None:
    labels = {role: {entry.label for _, entry in _ways(menu('/', role))} for role in ('viewer', 'operator', 'admin')}
    assert labels['admin'] - labels['operator'] == {'Users'}
    assert labels['operator'] - labels['viewer'] == {'Logs'}
