"""What a publisher gives: each option, what it becomes, and what is wrong with it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.pubsub.topics import topic
from zato.common.exception import BadRequest, ContentTooLarge
from zato.common.pubsub.ids import MessageIDs
from zato.server.pubsub import draft as module
from zato.server.pubsub.content import as_message
from zato.server.pubsub.draft import OPTIONS, Draft, Drafting
from zato.server.pubsub.store.interface import Row
from zato.server.service import Model, dataclass
from zato.server.service.facade.pubsub_options import MessageOptions
from zato.server.service.input import Input

NOW = 1_700_000_000.0
US = 1_000_000
MOST = 100

YEARS = '`ext_pub_time` must be a time from the years 1 to 9999 in UTC; got'


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'time', lambda: NOW)


def drafted(data: Any = 'x', *, of: Any = None, **options: Any) -> Draft:
    return Drafting(MessageIDs(), MOST).make(of or topic(), 5, data, options)


def received(draft: Draft) -> Any:
    return as_message(Row(0, 0, 0, 0, 0, draft.message), '', topic(), 0)


def test_what_is_not_given_is_as_documented() -> None:
    for draft in (drafted(), drafted(priority=None, expiration='', user_ctx=None)):
        message = draft.message
        assert message.msg_id.startswith('zpsm')
        assert message[1:] == (1, 5, int(NOW * US), 0, 'text/plain', 't', 1, 5, 0, None, b'x')
        assert (draft.due, draft.only, draft.has_own_id, draft.has_gd, draft.drops) == (0, (), False, True, False)
        assert not draft.is_special


def test_every_option_that_type_checkers_know_is_one() -> None:
    assert set(MessageOptions.__annotations__) == OPTIONS


@dataclass(init=False)
class Order(Model):
    id: int


def order() -> Order:
    made = Order()
    made.id = 5
    return made


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ('data', 'mime', 'back'),
    [
        ('Zażółć', 'text/plain', 'Zażółć'),
        (Text('text'), 'text/plain', 'text'),
        (b'\xff\x00', 'application/octet-stream', b'\xff\x00'),
        (bytearray(b'ab'), 'application/octet-stream', b'ab'),
        ({'abc': 'Hello World'}, 'application/json', {'abc': 'Hello World'}),
        ([1, 2.5, None, True], 'application/json', [1, 2.5, None, True]),
        ((1, 2), 'application/json', [1, 2]),
        (None, 'application/json', None),
        (0, 'application/json', 0),
        (2**70, 'application/json', 2**70),
        (Input({'a': {'b': 1}}), 'application/json', {'a': {'b': 1}}),
        (order(), 'application/json', {'id': 5}),
        ({'at': datetime(2026, 1, 2, tzinfo=UTC), 'sum': Decimal('1.10')}, 'application/json',
         {'at': '2026-01-02T00:00:00Z', 'sum': '1.10'}),
        ({1: 'a'}, 'application/json', {'1': 'a'}),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_data_comes_back(data: Any, mime: str, back: Any) -> None:
    draft = drafted(data)
    assert draft.message.mime == mime
    found = received(draft).data
    assert (found, type(found)) == (back, type(back))


@pytest.mark.parametrize(
    ('data', 'problem'),
    [
        (object(), '`data` cannot be written as JSON: object cannot be written as JSON'),
        ('a\ud800', '`data` has a character that is not valid Unicode, at position 1'),
        ({'a': 'a\ud800'}, '`data` cannot be written as JSON: '),
        ({(1, 2): 'a'}, '`data` cannot be written as JSON: '),
    ],
    ids=['object', 'text', 'inside', 'key'],
)
def test_data_that_cannot_be_stored_is_an_error(data: Any, problem: str) -> None:
    with pytest.raises(BadRequest) as info:
        drafted(data)
    assert info.value.msg.startswith(problem)


def test_a_list_that_contains_itself_is_an_error() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(BadRequest):
        drafted(endless)


def test_more_data_than_there_may_be_is_an_error() -> None:
    assert drafted('ż' * 50).message.size == 100
    with pytest.raises(ContentTooLarge, match='A message may have 100 bytes of data; this one has 102'):
        drafted('ż' * 51)


def test_options_that_subscribers_get() -> None:
    options = {
        'correl_id': 'c',
        'in_reply_to': 'r',
        'ext_client_id': 'e',
        'group_id': 'g',
        'position_in_group': 3,
        'user_ctx': {'a': 'x' * 2_000},
        'zato_ctx': [1],
        'ext_pub_time': '2023-01-02T03:04:05.678901',
    }
    message = received(drafted(mime_type='text/csv', priority=9, **options))
    for name in ('in_reply_to', 'ext_client_id', 'group_id', 'position_in_group', 'user_ctx', 'zato_ctx'):
        assert getattr(message, name) == options[name]
    assert (message.correl_id, message.ext_pub_time_iso) == ('c', options['ext_pub_time'])
    assert (message.mime_type, message.priority) == ('text/csv', 9)


def test_a_cid_is_the_correlation_id_unless_there_is_one() -> None:
    assert received(drafted(cid='c')).correl_id == 'c'
    assert received(drafted(cid='c', correl_id='d')).correl_id == 'd'


@pytest.mark.parametrize('value', ['2023-01-02T04:04:05+01:00', '2023-01-02T03:04:05', datetime(2023, 1, 2, 3, 4, 5)])
def test_times_without_a_zone_are_utc(value: Any) -> None:
    assert received(drafted(ext_pub_time=value)).ext_pub_time_iso == '2023-01-02T03:04:05.000000'


@pytest.mark.parametrize('name', ['reply_to_sk', 'deliver_to_sk'])
def test_one_sub_key_is_a_list_of_one(name: str) -> None:
    for value in ('zpsk.1', ['zpsk.1'], ('zpsk.1',)):
        assert getattr(received(drafted(**{name: value})), name) == ['zpsk.1']
    assert received(drafted(reply_to_sk='zpsk.1')).ctx == {'reply_to_sk': ['zpsk.1']}


def test_what_is_not_for_everybody_and_not_for_now() -> None:
    draft = drafted(deliver_to_sk=['zpsk.1'], deliver_after=1.5, msg_id='order-1')
    assert (draft.only, draft.due, draft.has_own_id, draft.message.msg_id) == (
        ('zpsk.1',), int((NOW + 1.5) * US), True, 'order-1',
    )  # fmt: skip
    assert draft.is_special


@pytest.mark.parametrize(
    ('expiration', 'limit', 'seconds'),
    [(None, 0, 0), (0, 0, 0), (0, 60, 60), (1_500, 0, 1.5), ('2000', 60, 2), (90_000, 60, 60), (2_147_483_647_000, 0, 0)],
)
def test_when_messages_expire(expiration: Any, limit: int, seconds: float) -> None:
    expires = drafted(of=topic(limit_message_expiry=limit), expiration=expiration).message.expires_at
    assert expires == (int((NOW + seconds) * US) if seconds else 0)
    if not expiration:
        assert drafted(of=topic(limit_message_expiry=limit)).message.expires_at == expires


def test_retention_is_counted_from_now_on() -> None:
    for options in ({}, {'priority': 1}):
        assert drafted(of=topic(limit_retention=60), **options).message.keep_until == int((NOW + 60) * US)


@pytest.mark.parametrize(
    ('of', 'given', 'has_gd'), [(True, None, True), (False, '', False), (True, False, False), (False, True, True)]
)
def test_whether_it_is_stored_is_said_by_the_topic_unless_by_the_option(of: bool, given: Any, has_gd: bool) -> None:
    assert drafted(of=topic(has_gd=of), has_gd=given).has_gd is has_gd
    assert drafted(of=topic(has_gd=of)).has_gd is of


def test_a_topic_that_drops() -> None:
    assert drafted(of=topic(on_no_subs_pub='drop')).drops
    assert drafted(of=topic(on_no_subs_pub='drop'), priority=5).is_special


@pytest.mark.parametrize(
    ('options', 'problem'),
    [
        ({'prio': 5, 'a': 1}, 'There is no such option of publish: a, prio'),
        ({'priority': 0}, '`priority` must be a number from 1 to 9; got 0'),
        ({'priority': 10}, '`priority` must be a number from 1 to 9; got 10'),
        ({'priority': True}, '`priority` must be a number from 1 to 9; got True'),
        ({'priority': 'high'}, "`priority` must be a number from 1 to 9; got 'high'"),
        ({'expiration': -1}, '`expiration` must be a number from 0 to'),
        ({'expiration': 'nan'}, '`expiration` must be a number from 0 to'),
        ({'deliver_after': -1}, '`deliver_after` must be a number from 0 to 315,360,000; got -1'),
        ({'msg_id': 'x' * 201}, '`msg_id` must be printable text of at most 200 characters; got'),
        ({'msg_id': 5}, '`msg_id` must be printable text of at most 200 characters; got 5'),
        ({'msg_id': 'a\n'}, '`msg_id` must be printable text of at most 200 characters; got'),
        ({'mime_type': 'a\nb'}, '`mime_type` must be printable text of at most 200 characters; got'),
        ({'correl_id': 5}, '`correl_id` must be text of at most 1,000 characters; got 5'),
        ({'group_id': 'x' * 1_001}, '`group_id` must be text of at most 1,000 characters; got'),
        ({'cid': 'x' * 1_001}, '`cid` must be printable text of at most 1000 characters; got'),
        ({'position_in_group': 'first'}, "`position_in_group` must be a whole number; got 'first'"),
        ({'reply_to_sk': {'a': 1}}, "`reply_to_sk` must be a sub key, or a list of them; got {'a': 1}"),
        ({'deliver_to_sk': [['a']]}, "`deliver_to_sk` must be a sub key, or a list of them; got [['a']]"),
        ({'ext_pub_time': 'yesterday'}, "`ext_pub_time` must be a time in ISO 8601; got 'yesterday'"),
        ({'ext_pub_time': 5}, '`ext_pub_time` must be a time in ISO 8601; got 5'),
        ({'ext_pub_time': '9999-12-31T23:59:59-23:00'}, YEARS),
        ({'ext_pub_time': '0001-01-01T00:00:00+23:00'}, YEARS),
        ({'has_gd': 'no'}, "`has_gd` must be true or false; got 'no'"),
        ({'has_gd': []}, '`has_gd` must be true or false; got []'),
        ({'user_ctx': {'a': object}}, 'user_ctx cannot be written as JSON: '),
    ],
)  # fmt: skip
def test_options_that_are_wrong_say_so(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRequest) as info:
        drafted(**options)
    assert info.value.msg.startswith(problem)
    assert info.value.needs_msg


# What hooks make of it


def changed(draft: Draft, **attributes: Any) -> Draft:
    message = received(draft)
    for name, value in attributes.items():
        setattr(message, name, value)
    Drafting(MessageIDs(), MOST).changed(draft, message)
    return draft


def test_what_a_hook_has_not_changed_is_as_it_was() -> None:
    before = drafted({'a': 1}, correl_id='c', user_ctx={'a': 1}, reply_to_sk='k', ext_pub_time='2023-01-02T03:04:05')
    after = changed(drafted({'a': 1}, correl_id='c', user_ctx={'a': 1}, reply_to_sk='k', ext_pub_time='2023-01-02T03:04:05'))
    assert after.message[1:10] + after.message[11:] == before.message[1:10] + before.message[11:]
    assert json.loads(after.message.meta or '') == json.loads(before.message.meta or '')
    assert changed(drafted()).message.meta is None


def test_what_a_hook_changes_is_stored() -> None:
    later = timedelta(seconds=5) // timedelta(milliseconds=1)
    draft = changed(drafted('x', user_ctx={'a': 1}, group_id='g'), data={'b': 2}, priority=9, expiration=later, group_id='')
    message = received(draft)
    assert (message.data, message.mime_type, message.size, message.priority) == ({'b': 2}, 'application/json', 7, 9)
    assert message.expires_at == int((NOW + 5) * US)
    assert (message.user_ctx, message.group_id) == ({'a': 1}, '')
    message = received(changed(drafted('x'), data='<a/>', mime_type='text/xml', user_ctx=5, pub_correl_id='c'))
    assert (message.data, message.mime_type, message.user_ctx, message.correl_id) == ('<a/>', 'text/xml', 5, 'c')
    assert received(changed(drafted('x'), data=b'<a/>', mime_type='text/xml')).mime_type == 'text/xml'


@pytest.mark.parametrize(
    ('attributes', 'problem'),
    [
        ({'priority': 10}, '`priority` must be a number from 1 to 9; got 10'),
        ({'expires_at': -1}, '`expires_at` must be a number from 0'),
        ({'data': object()}, '`data` cannot be written as JSON'),
        ({'mime_type': 5}, '`mime_type` must be printable text'),
        ({'group_id': 5}, '`group_id` must be text'),
    ],
)
def test_what_a_hook_gets_wrong_is_an_error(attributes: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRequest, match=problem):
        changed(drafted(), **attributes)


def test_a_hook_cannot_make_a_message_too_large() -> None:
    with pytest.raises(ContentTooLarge):
        changed(drafted(), data='x' * 101)
