"""Long documents: others run meanwhile, and nothing of them stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import gevent
import psutil
import pytest

from zato.server.channel.format.xml import FORMAT as XML

LONG_TREE = ElementTree.fromstring(f'<r>{"<a><b>1</b></a>" * 30_000}</r>')


def read(body: bytes, content_type: bytes = b'application/xml') -> Any:
    return XML.read(body, content_type, {})


def test_names_are_forgotten_with_their_document() -> None:
    def read_names(number: int) -> int:
        names = b''.join(b'<n%d_%0100d a%d_%0100d=""/>' % (number, i, number, i) for i in range(5_000))
        read(b'<r>%b</r>' % names)
        return len(names)

    process = psutil.Process(os.getpid())
    read_names(0)
    before = process.memory_info().rss
    sent = sum(read_names(number) for number in range(1, 20))
    assert process.memory_info().rss - before < sent / 4


def long(count: int, item: str, before: str = '<r>', after: str = '</r>') -> bytes:
    return (before + item * count + after).encode()


LONG = {
    'elements': long(30_000, '<a x="1"><b>1</b></a>'),
    'siblings': long(60_000, '<a/>'),
    'text': long(200_000, '\n', '<r><a>', '</a></r>'),
    'comments': long(100_000, 'x<!-- <a> -->', '<r><a>', '</a></r>'),
    'one tag': long(100_000, 'x&#10;', '<r a="', '"/>'),
}


@pytest.mark.parametrize('name', LONG)
def test_a_long_document_is_read_and_written(name: str) -> None:
    root = read(LONG[name])
    again = read(XML.write(root, {})[0])
    assert (len(root), root.attrib) == (len(again), again.attrib)
    assert XML.fields(root) == XML.fields(again)


@pytest.mark.parametrize(
    'use',
    [
        lambda: read(LONG['elements']),
        lambda: XML.fields(LONG_TREE),
        lambda: XML.write(LONG_TREE, {}),
        lambda: XML.write({'a': [{'b': 1}] * 30_000}, {}),
    ],
    ids=['read', 'fields', 'write tree', 'write dict'],
)
def test_other_greenlets_run_while_a_long_document_is_worked_on(use: Callable[[], Any]) -> None:
    ran: list[bool] = []
    gevent.spawn(ran.append, True)
    use()
    assert ran


def test_documents_that_are_read_in_turns_do_not_get_mixed_up() -> None:
    jobs = [gevent.spawn(read, long(30_000, f'<a>{number}</a>')) for number in range(3)]
    gevent.joinall(jobs, raise_error=True)
    for number, job in enumerate(jobs):
        assert {child.text for child in job.value} == {str(number)}


def test_a_greenlet_that_is_killed_stops_reading() -> None:
    reader = gevent.spawn(read, LONG['elements'])
    gevent.sleep(0)
    assert not reader.ready()
    reader.kill()
    assert isinstance(reader.value, gevent.GreenletExit)
