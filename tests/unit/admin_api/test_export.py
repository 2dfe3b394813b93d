"""What an export has: what can be imported again, and means the same there."""

from __future__ import annotations

from tests.support.admin_services import AdminServices, stored

EXPORT = 'zato.config.export'


def test_what_the_server_made_by_itself_is_not_exported() -> None:
    """It makes that again wherever it is needed, and its names are not for files."""
    api = AdminServices()
    api.put(
        stored(1, 'service', 'my.service'),
        stored(2, 'pubsub_topic', '/a'),
        stored(3, 'pubsub_topic', '/zato/s/to/my.service', is_internal=True, target_service=1),
        stored(4, 'pubsub_endpoint', 'zato.pubsub.service.my.service', endpoint_type='service', service=1, is_internal=True),
        stored(5, 'pubsub_subscription', 'zpsk.srv.1', topic=3, endpoint=4, sub_key='zpsk.srv.1', is_internal=True),
    )
    assert [item['name'] for item in api.call(EXPORT)['objects']] == ['/a']


def test_names_that_begin_with_a_slash_are_exported_as_they_are() -> None:
    """And those with one further on with the kind before them, which the part before the slash could be taken for."""
    api = AdminServices()
    api.put(
        stored(1, 'pubsub_topic', '/customer/new'),
        stored(2, 'pubsub_endpoint', 'endpoint/a'),
        stored(3, 'pubsub_subscription', 's', topic=1, endpoint=2, sub_key='zpsk.rest.1'),
    )
    found = {item['name']: item['settings'] for item in api.call(EXPORT)['objects']}
    assert found['s'] == {'topic': '/customer/new', 'endpoint': 'pubsub_endpoint/endpoint/a', 'sub_key': 'zpsk.rest.1'}
