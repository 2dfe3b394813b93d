"""Topics, endpoints and subscriptions as users create and change them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.integration.test_changes import Config, Raw, basic, create, delete, edit
from zato.common.exception import BadRequest, Conflict, HTTPException
from zato.server.propagate.change import parse_change

TOPIC, ENDPOINT, SUBSCRIPTION, OUT = 'pubsub_topic', 'pubsub_endpoint', 'pubsub_subscription', 'outgoing_rest'
EVERY = 'pub=/*\nsub=/*'


@pytest.fixture
def odb_engine() -> str:
    return 'sqlite'


def topic(name: str = '/a', **settings: Any) -> Raw:
    return create(TOPIC, name, **settings)


def endpoint(name: str = 'e', **settings: Any) -> Raw:
    return create(ENDPOINT, name, **{'topic_patterns': EVERY, **settings})


def subscription(name: str = 's', **settings: Any) -> Raw:
    return create(SUBSCRIPTION, name, **{'topic': '/a', 'endpoint': 'e', 'delivery_method': 'pull', **settings})


def put(raw: Raw) -> Raw:
    return {**raw, 'action': 'put'}


def by_server(config: Config, *raw: Raw) -> None:
    config.opened.apply(*map(parse_change, raw), is_system=True)


def refusal(config: Config, raw: Raw, error: type[HTTPException] = BadRequest) -> str:
    [text] = config.refused(error, raw)
    return text


# Names


def test_names_of_topics_begin_with_a_slash(config: Config) -> None:
    assert refusal(config, topic('a')) == 'Topic `a`: a name must begin with a slash; got `a`'
    config.apply(topic('/a'))
    renamed = edit(TOPIC, config.objects['/a']['id'], name='b')
    assert refusal(config, renamed) == 'Topic `/a`: a name must begin with a slash; got `b`'


@pytest.mark.parametrize(
    ('raw', 'beginning'),
    [
        (topic('/zato/s/to/my.service'), '/zato/s/to/'),
        (endpoint('zato.pubsub.service.x'), 'zato.pubsub.service.'),
        (endpoint('zato.pubsub.internal.default'), 'zato.pubsub.internal.default'),
    ],
)
def test_names_that_the_server_gives_are_not_for_users(config: Config, raw: Raw, beginning: str) -> None:
    assert beginning in refusal(config, raw)
    by_server(config, raw)
    assert raw['name'] in config.objects


def test_what_the_server_made_keeps_its_name_and_can_be_edited_and_deleted(config: Config) -> None:
    by_server(config, topic('/zato/s/to/my.service', is_internal=True, target_service='my.service'))
    id = config.objects['/zato/s/to/my.service']['id']
    assert 'it cannot be renamed: the server made it' in refusal(config, edit(TOPIC, id, name='/b'))
    config.apply(edit(TOPIC, id, name='/zato/s/to/my.service', max_depth_gd=5))
    assert config.settings('/zato/s/to/my.service')['max_depth_gd'] == 5
    config.apply(delete(TOPIC, id))
    assert '/zato/s/to/my.service' not in config.objects


def test_users_cannot_say_that_the_server_made_something(config: Config) -> None:
    config.apply(topic(is_internal=True, target_service='my.service'))
    assert config.settings('/a')['is_internal'] is False
    assert config.settings('/a')['target_service'] is None


# Endpoints


@pytest.mark.parametrize(
    ('settings', 'text'),
    [
        ({'endpoint_type': 'service'}, '`service` is required of endpoints of type service'),
        ({'endpoint_type': 'wsx'}, '`ws_channel_name` is required of endpoints of type wsx'),
        ({'service': 'my.service'}, '`service` is for endpoints of type service, and this one is of type rest'),
        ({'endpoint_type': 'wsx', 'ws_channel_name': 'c', 'security': 's'}, '`security` is for endpoints of type rest'),
        ({'topic_patterns': 'pub=/a\n/b'}, 'line 2 is /b'),
        ({'endpoint_type': 'amqp'}, 'must be one of: rest, service, wsx'),
        ({'role': 'all'}, 'must be one of: pub-only, sub-only, pub-sub'),
    ],
)
def test_an_endpoint_is_what_its_type_says(config: Config, settings: dict[str, Any], text: str) -> None:
    config.apply(basic('s'))
    assert text in refusal(config, endpoint(**settings))


def test_an_endpoint_may_be_given_by_its_classic_keys(config: Config) -> None:
    config.apply(
        basic('s'),
        endpoint('e', endpoint_type='rest', security_name='s', topic_patterns=['pub=/a', 'sub=/b']),
        endpoint('f', endpoint_type='srv', service_name='my.service'),
        endpoint('g', endpoint_type='websockets', ws_channel_name='c', ws_channel_id=7, tags='x'),
    )
    assert config.settings('e')['security'] == config.objects['s']['id']
    assert config.settings('e')['topic_patterns'] == 'pub=/a\nsub=/b'
    assert config.settings('f')['endpoint_type'] == 'service'
    assert config.settings('g')['endpoint_type'] == 'wsx'


def test_nobody_is_two_endpoints_and_any_number_is_nobody(config: Config) -> None:
    config.apply(
        basic('s'),
        endpoint('e', security='s'),
        endpoint('f', endpoint_type='service', service='my.service'),
        endpoint('g', endpoint_type='wsx', ws_channel_name='c'),
        endpoint('h'),
        endpoint('i'),
    )
    for settings, what, other in (
        ({'security': 's'}, '`security` `s`', 'e'),
        ({'endpoint_type': 'service', 'service': 'my.service'}, '`service` `my.service`', 'f'),
        ({'endpoint_type': 'wsx', 'ws_channel_name': 'c'}, '`ws_channel_name` `c`', 'g'),
    ):
        text = refusal(config, endpoint('x', **settings), Conflict)
        assert text == f'Pub/sub endpoint `x`: {what} already exists, in Pub/sub endpoint `{other}`'


def test_the_type_of_an_endpoint_stays_what_it_is(config: Config) -> None:
    config.apply(endpoint())
    text = refusal(config, edit(ENDPOINT, 'e', endpoint_type='service', service='my.service'))
    assert text == (
        'Pub/sub endpoint `e`: `endpoint_type` stays what it was when the object was created; '
        'create another one in its place'
    )
    config.apply(edit(ENDPOINT, 'e', endpoint_type='rest', role='pub-only'))


# Subscriptions


def test_a_subscription_has_a_key_of_its_own_that_stays(config: Config) -> None:
    config.apply(
        topic(),
        endpoint(),
        endpoint('f', endpoint_type='service', service='my.service'),
        endpoint('g', endpoint_type='wsx', ws_channel_name='c'),
        subscription('s'),
        subscription('t', endpoint='f'),
        subscription('u', endpoint='g', sub_key='zpsk.wsx.given'),
    )
    keys = [config.settings(name)['sub_key'] for name in ('s', 't', 'u')]
    assert re.fullmatch(r'zpsk\.rest\.[0-9a-f]{24}', keys[0])
    assert re.fullmatch(r'zpsk\.srv\.[0-9a-f]{24}', keys[1])
    assert keys[2] == 'zpsk.wsx.given'
    for given in ({}, {'sub_key': ''}, {'sub_key': keys[0]}):
        config.apply(edit(SUBSCRIPTION, 's', is_paused=True, **given))
        config.apply(put(subscription('s', **given)))
        assert config.settings('s')['sub_key'] == keys[0]
    assert '`sub_key` stays what it was' in refusal(config, edit(SUBSCRIPTION, 's', sub_key='zpsk.rest.other'))


@pytest.mark.parametrize('key', ['abc', 'zpsk.', 'zpsk.rest.a b', 'zpsk.rest.ż'])
def test_a_key_that_is_given_is_one(config: Config, key: str) -> None:
    config.apply(topic(), endpoint())
    assert 'must begin with zpsk.' in refusal(config, subscription(sub_key=key))


def test_no_two_subscriptions_have_the_same_key_or_are_of_the_same_endpoint_to_the_same_topic(config: Config) -> None:
    config.apply(topic(), topic('/b'), endpoint(), subscription(sub_key='zpsk.rest.1'))
    text = refusal(config, subscription('t'), Conflict)
    assert text == 'Subscription `t`: `topic` `/a` and `endpoint` `e` already exist together, in Subscription `s`'
    text = refusal(config, subscription('t', topic='/b', sub_key='zpsk.rest.1'), Conflict)
    assert text == 'Subscription `t`: `sub_key` `zpsk.rest.1` already exists, in Subscription `s`'


def test_topic_and_endpoint_of_a_subscription_stay_what_they_are(config: Config) -> None:
    config.apply(topic(), topic('/b'), endpoint(), endpoint('f'), subscription())
    for settings in ({'topic': '/b'}, {'endpoint': 'f'}):
        assert 'stays what it was when the object was created' in refusal(config, edit(SUBSCRIPTION, 's', **settings))
    config.apply(edit(SUBSCRIPTION, 's', topic='/a', endpoint_name='e', is_paused=True))


@pytest.mark.parametrize(
    ('settings', 'text'),
    [
        ({'delivery_method': 'notify'}, '`rest_connection` is required, through which messages go to `e`'),
        ({'rest_connection': 'o'}, '`rest_connection` is for delivery method notify to endpoints of type rest alone'),
        ({'delivery_method': 'web-socket'}, '`delivery_method` web-socket is not for endpoints of type rest, such as `e`'),
        (
            {'endpoint': 'service', 'delivery_method': 'notify', 'rest_connection': 'o'},
            '`rest_connection` is for delivery method notify to endpoints of type rest alone',
        ),
        ({'endpoint': 'wsx', 'delivery_method': 'notify'}, '`delivery_method` notify is not for endpoints of type wsx'),
        ({'endpoint': 'publisher'}, '`endpoint` must be one that may subscribe, and the role of `publisher` is pub-only'),
        ({'endpoint': 'other'}, '`topic` must be one that `other` is allowed: none of its patterns is for `/a`'),
        ({'endpoint': 'nobody'}, 'there is no Pub/sub endpoint `nobody`'),
        ({'delivery_batch_size': 0}, 'must be'),
    ],
)
def test_a_subscription_fits_its_endpoint(config: Config, settings: dict[str, Any], text: str) -> None:
    config.apply(
        topic(),
        create(OUT, 'o', host='http://127.0.0.1:1'),
        endpoint(),
        endpoint('service', endpoint_type='service', service='my.service', topic_patterns=''),
        endpoint('wsx', endpoint_type='wsx', ws_channel_name='c'),
        endpoint('publisher', role='pub-only'),
        endpoint('other', topic_patterns='sub=/b'),
    )
    assert text in refusal(config, subscription(**settings))
    config.apply(
        subscription('s', delivery_method='notify', rest_connection='o'),
        subscription('t', endpoint='service', delivery_method='notify'),
        subscription('u', endpoint='wsx', delivery_method='web-socket'),
    )


def test_an_edit_is_judged_with_what_the_subscription_refers_to(config: Config) -> None:
    config.apply(topic(), endpoint(), subscription())
    assert '`rest_connection` is required' in refusal(config, edit(SUBSCRIPTION, 's', delivery_method='notify'))


def test_a_topic_that_somebody_subscribes_to_is_not_deleted_without_that(config: Config) -> None:
    config.apply(topic(), endpoint(), subscription())
    for raw in (delete(TOPIC, '/a'), delete(ENDPOINT, 'e')):
        assert 'cannot be deleted: it is used by Subscription `s`' in refusal(config, raw, Conflict)
    config.apply(delete(SUBSCRIPTION, 's'), delete(TOPIC, '/a'), delete(ENDPOINT, 'e'))


def test_settings_of_classic_files_are_accepted(config: Config) -> None:
    config.apply(
        create(OUT, 'o', host='http://127.0.0.1:1'),
        topic(hook_service_name='my.service', task_sync_interval=500, task_delivery_interval=2000, depth_check_freq=100),
        endpoint(),
        subscription(
            delivery_method='notify',
            endpoint_type='rest',
            rest_connection='o',
            out_http_method='PUT',
            delivery_server='server1',
            wait_sock_err=10,
            wait_non_sock_err=3,
            delivery_max_retry=123456789,
            active_status='pub-sub',
            has_gd=True,
        ),
    )
    settings = config.settings('s')
    assert (settings['rest_method'], settings['delivery_server']) == ('PUT', 'server1')
    assert (settings['wait_sock_err'], settings['delivery_max_retry']) == (10.0, 123456789)


# Puts, as files are imported


def test_a_subscription_that_is_put_under_another_name_is_the_same_one(config: Config) -> None:
    config.apply(topic(), endpoint(), subscription(delivery_max_retry=3))
    key, id = config.settings('s')['sub_key'], config.objects['s']['id']
    config.apply(put(subscription('t')))
    assert 's' not in config.objects
    assert config.objects['t']['id'] == id
    assert config.settings('t')['sub_key'] == key
    assert config.settings('t')['delivery_max_retry'] == 25


def test_two_puts_of_the_same_subscription_are_refused(config: Config) -> None:
    config.apply(topic(), endpoint(), subscription())
    for first in ('s', 't'):
        texts = config.refused(Conflict, put(subscription(first)), put(subscription('u')))
        assert all('already exist together' in text for text in texts)


def test_who_puts_an_endpoint_that_the_server_made_has_it_from_then_on(config: Config) -> None:
    name = 'zato.pubsub.service.my.service'
    by_server(config, endpoint(name, endpoint_type='service', service='my.service', is_internal=True))
    id = config.objects[name]['id']
    config.apply(put(endpoint('mine', endpoint_type='service', service='my.service')))
    assert config.objects['mine']['id'] == id
    assert config.settings('mine')['is_internal'] is False
    renamed = put(endpoint('zato.pubsub.service.x', endpoint_type='service', service='my.service'))
    assert 'a name must not begin with' in refusal(config, renamed)


def test_a_put_by_name_leaves_what_the_server_made_with_the_server(config: Config) -> None:
    by_server(config, topic('/zato/s/to/my.service', is_internal=True, target_service='my.service'))
    config.apply(put(topic('/zato/s/to/my.service', max_depth_gd=7)))
    settings = config.settings('/zato/s/to/my.service')
    assert (settings['is_internal'], settings['max_depth_gd']) == (True, 7)


def test_endpoints_without_a_service_are_never_taken_for_each_other(config: Config) -> None:
    config.apply(endpoint('e'), put(endpoint('f')))
    assert {'e', 'f'} <= config.objects.keys()
