"""Messages: what services see of them, and what other systems do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zato.common.pubsub import PubSubMessage
from zato.common.pubsub.message import NEVER_EXPIRES

# 2018-09-03T10:48:58.285470, as in the example that users were shown
PUBLISHED = 1_535_971_738_285_470


def sample(**more: Any) -> PubSubMessage:
    return PubSubMessage(
        pub_msg_id='zpsme26726911ffbe8cba2cca278',
        topic_name='/customer/new',
        sub_key='zpsk.websockets.6ef529f7cab64a71d8bd2878',
        data='This is a sample message',
        published_at=PUBLISHED,
        **more,
    )


def test_the_external_form_has_the_twelve_keys_that_users_were_shown() -> None:
    assert sample().to_external_dict() == {
        'delivery_count': 0,
        'msg_id': 'zpsme26726911ffbe8cba2cca278',
        'expiration_time_iso': '2086-09-21T14:03:05.285470',
        'topic_name': '/customer/new',
        'pub_time_iso': '2018-09-03T10:48:58.285470',
        'priority': 5,
        'expiration': 2147483647000,
        'has_gd': True,
        'data': 'This is a sample message',
        'sub_key': 'zpsk.websockets.6ef529f7cab64a71d8bd2878',
        'mime_type': 'text/plain',
        'size': 24,
    }


def test_the_external_form_tells_the_rest_only_if_there_is_something_to_tell() -> None:
    message = sample(
        pub_correl_id='c1',
        in_reply_to='zpsm1',
        ext_client_id='client',
        group_id='zpsg1',
        position_in_group=2,
        ext_published_at=PUBLISHED - 1_000_000,
        received_at=PUBLISHED + 1_000_000,
        reply_to_sk=['zpsk.rest.1'],
        user_ctx={'a': 1},
        zato_ctx={'secret': 1},
        published_by_id=7,
    )
    more = {key: value for key, value in message.to_external_dict().items() if key not in sample().to_external_dict()}
    assert more == {
        'correl_id': 'c1',
        'in_reply_to': 'zpsm1',
        'ext_client_id': 'client',
        'group_id': 'zpsg1',
        'position_in_group': 2,
        'ext_pub_time_iso': '2018-09-03T10:48:57.285470',
        'recv_time_iso': '2018-09-03T10:48:59.285470',
        'user_ctx': {'a': 1},
        'ctx': {'reply_to_sk': ['zpsk.rest.1']},
    }


def test_keys_can_be_left_out_of_each_form() -> None:
    assert 'data' not in sample().to_external_dict(skip=('data', 'nothing'))
    assert 'data' not in sample().to_dict(skip=('data',))
    assert 'data' not in json.loads(sample().to_json(skip=('data',)))


@pytest.mark.parametrize(
    ('data', 'shown'),
    [
        ({'abc': 'Hello World'}, {'data': {'abc': 'Hello World'}, 'size': 21}),
        ('żółw', {'data': 'żółw', 'size': 7}),
        ('żółw'.encode(), {'data': 'żółw', 'size': 7}),
        (b'\xff\x00', {'data': '/wA=', 'data_encoding': 'base64', 'size': 2}),
    ],
)
def test_the_external_form_is_json_whatever_the_data_is(data: Any, shown: dict[str, Any]) -> None:
    message = PubSubMessage(data=data)
    assert {key: json.loads(message.to_external_json())[key] for key in shown} == shown
    assert json.loads(message.to_external_json()) == message.to_external_dict()
    assert json.loads(message.to_json())['data'] == shown['data']


def test_a_dict_of_the_message_is_sorted_and_has_nothing_that_is_none() -> None:
    found = sample(reply_to_sk=['a']).to_dict()
    assert list(found) == sorted(found)
    assert None not in found.values()
    assert found['pub_time'] == 1535971738.28547
    assert found['data_prefix_short'] == 'This is a sample message'
    assert 'msg_id' not in found
    assert sample().to_dict(add_id_attrs=True)['msg_id'] == 'zpsme26726911ffbe8cba2cca278'
    assert sample().asdict() == sample().to_dict()


def test_the_data_of_a_dict_may_be_made_bytes_or_text() -> None:
    assert PubSubMessage(data='ż').to_dict(needs_utf8_encode=True)['data'] == 'ż'.encode()
    assert PubSubMessage(data='ż'.encode()).to_dict(needs_utf8_decode=True)['data'] == 'ż'
    with pytest.raises(UnicodeDecodeError):
        PubSubMessage(data=b'\xff').to_dict(needs_utf8_decode=True)


def test_prefixes_are_text_of_64_and_2048_characters() -> None:
    for data in ('ż' * 5000, ('ż' * 5000).encode(), {'ż': 'ż' * 5000}):
        message = PubSubMessage(data=data)
        assert len(message.data_prefix) == 2048
        assert len(message.data_prefix_short) == 64
        assert '�' not in message.data_prefix


def test_what_is_not_given_has_its_default() -> None:
    message = PubSubMessage()
    assert message.data == ''
    assert message.size == 0
    assert message.priority == 5
    assert message.delivery_count == 0
    assert message.expiration == NEVER_EXPIRES
    assert message.pub_time is message.ext_pub_time is message.recv_time is message.expiration_time is None
    assert message.pub_time_iso == message.expiration_time_iso == ''


def test_expiration_is_in_milliseconds_after_the_publication() -> None:
    message = sample(expiration=60_000)
    assert message.expires_at == PUBLISHED + 60_000_000
    assert message.expiration_time_iso == '2018-09-03T10:49:58.285470'
    message.expiration = 1
    assert message.expiration == 1
    assert message.expires_at == PUBLISHED + 1_000
    message.expiration = NEVER_EXPIRES + 1
    assert message.expires_at == 0
    assert message.expiration == NEVER_EXPIRES


def test_a_time_that_no_calendar_has_is_shown_as_the_last_or_first_one() -> None:
    assert sample(expires_at=10**18).expiration_time_iso == '9999-12-31T23:59:59.999999'
    assert sample(ext_published_at=-(10**18)).ext_pub_time_iso == '0001-01-01T00:00:00.000000'


def test_what_no_message_has_is_an_error_when_it_is_given() -> None:
    with pytest.raises(TypeError, match='dat, topik'):
        PubSubMessage(topik='/a', dat='b')
    with pytest.raises(TypeError, match='pub_time_iso'):
        PubSubMessage(pub_time_iso='2018')


def test_a_message_is_also_a_list_of_one() -> None:
    message = sample()
    assert message[0] is message[-1] is message
    assert list(message) == message[:] == [message]
    assert len(message) == 1
    assert bool(message)
    with pytest.raises(IndexError):
        message[1]


def test_its_attributes_go_by_their_classic_names() -> None:
    message = sample(pub_correl_id='c1')
    assert message.topic == message.topic_name
    assert message.msg_id == message.pub_msg_id
    assert message.correl_id == 'c1'
    assert message.serialized is None
    message.serialized = '<xml/>'
    message.data = 'other'
    assert message.serialized == '<xml/>'


def test_its_text_does_not_have_the_data() -> None:
    assert repr(sample()) == '<PubSubMessage zpsme26726911ffbe8cba2cca278 topic=/customer/new size=24>'
