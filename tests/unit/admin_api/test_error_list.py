"""Why objects are down, in an answer that costs next to nothing."""

from __future__ import annotations

from tests.support.admin_services import AdminServices, stored
from zato.server.security.principal import Principal

GET = 'zato.config.get-error-list'


def test_those_that_are_down_are_told_with_the_reason_and_a_count_that_grows_with_each_change() -> None:
    environ: dict[str, str] = {}
    api = AdminServices(environ=environ)
    api.put(
        stored(1, 'service', 's'),
        stored(2, 'security_basic_auth', 'd', username='$USER_OF_CRM', password='x'),
        stored(3, 'channel_rest', 'c', url_path='/c', service=1, security=2),
        stored(4, 'channel_rest', 'up', url_path='/d', service=1),
    )
    found = api.call(GET, principal=Principal('eve', 'viewer'))
    assert found == {
        'server': 'server1',
        'pid': 17,
        'changes': found['changes'],
        'errors': {
            '2': ('Basic Auth `d`: `username` is $USER_OF_CRM, and the server has no environment variable USER_OF_CRM'),
            '3': 'REST channel `c`: Basic Auth `d`, which it uses, is down',
        },
    }
    assert api.call(GET)['changes'] == found['changes']
    assert set(api.call(GET, {'kind': 'channel-rest'})['errors']) == {'3'}
    assert api.call(GET, {'kind': 'outgoing_rest'})['errors'] == {}
    environ['USER_OF_CRM'] = 'jane'
    api.put(stored(2, 'security_basic_auth', 'd', username='$USER_OF_CRM', password='x', version=2))
    later = api.call(GET)
    assert later['errors'] == {}
    assert later['changes'] > found['changes']


def test_what_is_shown_of_an_object_is_what_is_stored_and_not_what_a_variable_says() -> None:
    api = AdminServices(environ={'REALM_OF_CRM': 'Resolved', 'PASSWORD_OF_CRM': 'resolved-secret'})
    variable = {'realm': '$REALM_OF_CRM', 'password': '$PASSWORD_OF_CRM'}
    api.put(
        stored(2, 'security_basic_auth', 'd', username='u', **variable),
        stored(3, 'security_basic_auth', 'e', username='v', realm='$$5', password='encrypted-secret'),
    )
    [first, second] = api.call('zato.security-basic-auth.get-list')
    assert {key: first[key] for key in variable} == variable
    assert (second['realm'], second['password']) == ('$$5', '******')
    for shown in (first, second):
        assert api.call('zato.security-basic-auth.get', {'id': shown['id']}) == shown
        assert shown['error'] == ''
