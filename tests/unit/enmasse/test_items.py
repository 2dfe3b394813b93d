"""Items of files, and what is asked of the server for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.enmasse import read, write

ARTICLE = """
%s:
  - connection: outgoing
    name: CRM
    address: "$CRM_ADDRESS"
    url_path: /api
"""


@pytest.mark.parametrize('section', ['outgoing_rest', 'outconn_plain_http', 'http_soap'])
def test_the_item_that_users_were_shown_is_the_same_under_each_name_of_its_section(tmp_path: Path, section: str) -> None:
    found = read(tmp_path, ARTICLE % section)
    assert not found.problems
    assert found.changes == [
        {
            'action': 'put',
            'kind': 'outgoing_rest',
            'name': 'CRM',
            'address': '$CRM_ADDRESS',
            'url_path': '/api',
            'place': f'{tmp_path}/main.yaml:3',
            'places': {},
        }
    ]


def test_references_have_places_of_their_own_for_only_the_server_can_judge_them(tmp_path: Path) -> None:
    text = 'channel_rest:\n- name: a\n  url_path: /a\n  service_name: b\n  sec_def: c\n  security_groups:\n  - d\n'
    (change,) = read(tmp_path, text).changes
    main = tmp_path / 'main.yaml'
    assert change['place'] == f'{main}:2'
    assert change['places'] == {'service_name': f'{main}:4', 'sec_def': f'{main}:5', 'security_groups': f'{main}:6'}
    assert change['security_groups'] == ['d']


@pytest.mark.parametrize('section', ['security', 'def_sec'])
@pytest.mark.parametrize(
    ('type_', 'kind'),
    [
        ('basic_auth', 'security_basic_auth'),
        ('apikey', 'security_apikey'),
        ('jwt', 'security_jwt'),
        ('bearer_token', 'security_bearer_token'),
        ('oauth', 'security_bearer_token'),
    ],
)
def test_items_of_security_sections_say_what_they_are(tmp_path: Path, section: str, type_: str, kind: str) -> None:
    settings = 'username: b, auth_endpoint: "https://a"' if 'bearer' in kind else 'username: b'
    found = read(tmp_path, f'{section}: [{{name: a, type: {type_}, {settings}}}]')
    assert (found.problems, [change['kind'] for change in found.changes]) == ([], [kind])


@pytest.mark.parametrize('section', ['basic_auth', 'apikey', 'jwt'])
def test_items_of_sections_with_one_type_need_not(tmp_path: Path, section: str) -> None:
    found = read(tmp_path, f'{section}: [{{name: a, username: b}}, {{name: b, type: {section}, username: c}}]')
    assert not found.problems
    assert {change['kind'] for change in found.changes} == {f'security_{section}'}


@pytest.mark.parametrize(
    ('item', 'problem'),
    [
        (
            'security: [{name: a}]',
            'item `a` of `security`: `type` is required, one of: apikey, basic_auth, bearer_token, jwt, oauth',
        ),
        ('security: [{name: a, type: ntlm}]', 'item `a` of `security`: `type` `ntlm` (NTLM) is not in this version'),
        (
            'security: [{name: a, type: x}]',
            'item `a` of `security`: `type` `x` must be one of: apikey, basic_auth, bearer_token, jwt, oauth',
        ),
        ('http_soap: [{name: a}]', 'item `a` of `http_soap`: `connection` is required, one of: channel, outgoing'),
        (
            'http_soap: [{name: a, connection: channel, transport: soap}]',
            'item `a` of `http_soap`: `transport` `soap` (SOAP) is not in this version',
        ),
        (
            'channel_rest: [{name: a, connection: outgoing}]',
            'item `a` of `channel_rest`: `connection` `outgoing` must be one of: channel',
        ),
        ('basic_auth: [{name: a, type: [x]}]', "item `a` of `basic_auth`: `type` `['x']` must be one of: basic_auth"),
        ('basic_auth: [text]', 'an item of `basic_auth` must be a mapping with a name'),
        ('basic_auth: [~]', 'an item of `basic_auth` must be a mapping with a name'),
        ('basic_auth: [{username: a}]', 'an item of `basic_auth` has no `name`'),
        ('basic_auth: [{name: }]', 'an item of `basic_auth` has no `name`'),
        ('basic_auth: [{name: " "}]', 'an item of `basic_auth`: `name` must be text and not empty; got ` `'),
        ('basic_auth: [{name: [a]}]', "an item of `basic_auth`: `name` must be text and not empty; got `['a']`"),
        ('basic_auth: [{name: a}]', 'Basic Auth `a`: `username` is required'),
        ('basic_auth: [{name: a, username: }]', 'Basic Auth `a`: `username` is required'),
        (
            'basic_auth: [{name: a, username: b, relm: c}]',
            'Basic Auth `a`: `relm` is unknown; did you mean `realm`?',
        ),
        ('basic_auth: [{name: a, username: b, version: 1}]', 'Basic Auth `a`: `version` is unknown'),
        (
            'channel_rest: [{name: a, url_path: /a, service_id: 7, service: ~}]',
            'REST channel `a`: `service` must be a name: IDs differ from one environment to another',
        ),
        (
            'basic_auth: [{name: a, username: b, is_active: maybe}]',
            'Basic Auth `a`: `is_active` must be True or False; got `maybe`',
        ),
        (
            'outgoing_rest: [{name: a, host: "http://a", pool_size: many}]',
            'Outgoing REST connection `a`: `pool_size` must be a number from 1 to 10,000; got `many`',
        ),
        (
            'outgoing_rest: [{name: a, host: "http://a", address: "http://b"}]',
            'Outgoing REST connection `a`: `address` is another key for `host`, which says something else',
        ),
        (
            'channel_rest: [{name: a, url_path: /a, service_whitelist: [b]}]',
            "REST channel `a`: `service_whitelist` is not in this version; got `['b']`",
        ),
        ('outconn_sql: [{name: a}]', 'section `outconn_sql` (SQL connections) is not in this version'),
        ('chanel_rest: []', 'there is no section `chanel_rest`; did you mean `channel_rest`?'),
        ('zzz: []', 'there is no section `zzz`'),
    ],
)
def test_what_is_wrong_with_an_item_is_told_with_its_line(tmp_path: Path, item: str, problem: str) -> None:
    assert read(tmp_path, item).problems == [f'main.yaml:1: {problem}']


def test_secrets_are_not_in_what_is_told(tmp_path: Path) -> None:
    text = 'apikey: [{name: a, password: [hidden]}]'
    assert read(tmp_path, text).problems == ['main.yaml:1: API key `a`: `password` must be text']
    assert 'hidden' not in repr(read(tmp_path, 'apikey: [{name: a, password: hidden}]').items)


def test_classic_keys_that_say_nothing_here_are_not_sent(tmp_path: Path) -> None:
    text = """
channel_rest:
  - {name: a, url_path: /a, service: b, is_internal: false, sec_use_rbac: False, cache_expiry: 0, service_whitelist: [],
     serialization_type: string, cluster_id: 1, soap_action: '', has_rbac: ~, connection: channel, transport: plain_http}
"""
    found = read(tmp_path, text)
    assert (found.problems, found.settings) == ([], [{'url_path': '/a', 'service': 'b'}])


def test_items_are_read_as_classic_versions_export_them(tmp_path: Path) -> None:
    """With what lists show of them, IDs that are those of another environment, and empty texts in place of nothing."""
    text = """
def_sec:
  - {name: a, type: basic_auth, id: 5, username: jane, realm: api, rate_limit_type: '', rate_limit_def: ''}
  - {name: key, type: apikey, username: Zato-Not-Set, header: ''}
channel_plain_http:
  - {name: c, id: 7, url_path: /c, connection: channel, transport: plain_http, is_internal: false, service: d,
     service_name: d, service_id: 707, security_id: 5, security_name: a, sec_def: a, sec_type: basic_auth, timeout: "10",
     url_params_pri: '',
     service_whitelist: [""], http_accept: '', host: '', username: '', cache_type: '', security_group_count: 0,
     security_group_member_count: 0, security_groups: [], is_wrapper: false, rate_limit_type: '', sec_tls_ca_cert_id: ~}
outconn_plain_http:
  - {name: o, host: "http://a", timeout: '', pool_size: '', ping_method: '', is_rate_limit_active: false, rate_limit_def: '',
     rate_limit_type: '', should_parse_on_input: false, data_encoding: utf-8, security_id: ~,
     security_name: zato-no-security, tls_verify: true, sec_tls_ca_cert_id: ZATO_DEFAULT,
     service_whitelist: [''], service: '', service_name: ~}
"""
    found = read(tmp_path, text)
    assert found.problems == []
    assert found.settings == [
        {'username': 'jane', 'realm': 'api', 'rate_limit_def': ''},
        {},
        {
            'url_path': '/c',
            'service': 'd',
            'service_name': 'd',
            'security_name': 'a',
            'sec_def': 'a',
            'security_groups': [],
        },
        {
            'host': 'http://a',
            'security_name': 'zato-no-security',
            'tls_verify': 'true',
            'sec_tls_ca_cert_id': 'ZATO_DEFAULT',
        },
    ]


def test_text_is_what_is_written_and_numbers_and_booleans_may_be_text(tmp_path: Path) -> None:
    text = """
basic_auth:
  - {name: 0123, username: on, realm: 2024-01-01, is_active: "True"}
  - {name: 10, username: no, realm: 1.10, is_active: Off}
outgoing_rest:
  - {name: a, host: http://a, pool_size: "10", timeout: 1.50, tls_verify: "False", sec_tls_ca_cert_id: ZATO_DEFAULT}
  - {name: b, host: http://a, tls_verify: false, sec_tls_ca_cert_id: ZATO_NONE}
"""
    found = read(tmp_path, text)
    assert found.problems == [
        'main.yaml:6: Outgoing REST connection `a`: `sec_tls_ca_cert_id` is another key for `tls_verify`, '
        'which says something else'
    ]
    assert [item.name for item in found.items] == ['0123', '10', 'a', 'b']
    assert found.settings[0] == {'username': 'on', 'realm': '2024-01-01', 'is_active': 'True'}
    assert found.settings[1]['username'] == 'no'


def test_lists_may_stand_where_text_has_a_value_a_line(tmp_path: Path) -> None:
    text = 'oauth: [{name: a, username: b, auth_endpoint: "https://a", scopes: [x, 010], extra_fields: [a=b]}]'
    found = read(tmp_path, text)
    assert not found.problems
    assert found.settings[0]['scopes'] == ['x', '010']


def test_an_object_that_is_there_twice_is_told_even_in_two_files_and_in_other_unicode(tmp_path: Path) -> None:
    write(tmp_path, {'b.yaml': '\nhttp_soap: [{name: "caf\u00e9 ", connection: channel, url_path: /b}]'})
    text = 'channel_rest:\n- {name: "cafe\u0301", url_path: /a}\nhttp_soap:\n- {name: café, connection: outgoing, host: http://a}\n'
    found = read(tmp_path, text + 'include: [b.yaml]')
    assert found.problems == [
        f'b.yaml:2: REST channel `café` is in {tmp_path}/main.yaml:2 already'.replace(f'{tmp_path}/', '')
    ]


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = """
outconn_sql: []
basic_auth:
  - {name: a, usernam: b, is_active: x}
  - {name: a, username: b, username: c}
apikey: [{name: b, header: "a b"}]
nonsense: []
"""
    lines = [problem.split(':')[1] for problem in read(tmp_path, text).problems]
    assert lines == ['5', '2', '4', '4', '4', '5', '6', '7']


def test_items_can_be_chosen_by_type_and_by_name(tmp_path: Path) -> None:
    text = """
outconn_sql: [{name: a}]
security: [{name: My CRM, type: apikey}, {name: other, type: nonsense}]
outgoing_rest: [{name: CRM, host: "http://a"}]
"""
    found = read(tmp_path, text, types=['security'], names=['crm', 'erp'])
    assert (found.problems, [item.name for item in found.items]) == ([], ['My CRM'])
    assert {item.name for item in read(tmp_path, text, types=['rest', 'security'], names=['CRM']).items} == {'My CRM', 'CRM'}
    assert len(read(tmp_path, text, types=['all']).problems) == 2


def test_services_that_items_refer_to_are_known_so_that_they_can_be_waited_for(tmp_path: Path) -> None:
    text = '- {name: a, url_path: /a, service: b.c}\n- {name: b, url_path: /b}\n- {name: c, url_path: /c, service: d}'
    assert [item.services for item in read(tmp_path, f'channel_rest:\n{text}').items] == [{'b.c'}, set(), {'d'}]


def test_json_says_the_same(tmp_path: Path) -> None:
    text = '{"basic_auth": [\n{"name": "a", "username": "b", "is_active": false}, {"name": "b"}]}'
    found = read(tmp_path, text, name='main.json')
    assert found.problems == ['main.json:2: Basic Auth `b`: `username` is required']
    assert found.settings[0] == {'username': 'b', 'is_active': 'false'}


# Items that stand for several

SUBSCRIPTIONS = """
pubsub_subscription:
  - name: Sub.%s
    endpoint_name: e
    delivery_method: pull
    topic_list: %s
"""


def test_an_item_with_a_list_is_an_object_for_each_that_is_named_after_it_too(tmp_path: Path) -> None:
    found = read(tmp_path, SUBSCRIPTIONS % ('1', '[/customer/new, "/order/new"]'))
    assert found.problems == []
    assert [change['name'] for change in found.changes] == ['Sub.1 /customer/new', 'Sub.1 /order/new']
    assert [settings['topic'] for settings in found.settings] == ['/customer/new', '/order/new']
    assert [change['places']['topic'] for change in found.changes] == [f'{tmp_path}/main.yaml:6'] * 2


@pytest.mark.parametrize('listed', ['[/customer/new]', '/customer/new', '\n      - /customer/new'])
def test_an_object_of_a_list_of_one_is_named_as_the_item(tmp_path: Path, listed: str) -> None:
    found = read(tmp_path, SUBSCRIPTIONS % ('1', listed))
    assert found.problems == []
    assert [(change['name'], change['topic']) for change in found.changes] == [('Sub.1', '/customer/new')]


def test_an_empty_list_is_no_object(tmp_path: Path) -> None:
    found = read(tmp_path, SUBSCRIPTIONS % ('1', '[]'))
    assert (found.problems, found.items) == ([], [])


def test_names_of_lists_have_values_of_the_callers_variables_in_them(tmp_path: Path) -> None:
    text = SUBSCRIPTIONS % ('{Zato_Enmasse_Env.NUMBER}', '[Zato_Enmasse_Env.TOPIC, /b]')
    found = read(tmp_path, text, environ={'NUMBER': '7', 'TOPIC': '/a'})
    assert found.problems == []
    assert [(change['name'], change['topic']) for change in found.changes] == [('Sub.7 /a', '/a'), ('Sub.7 /b', '/b')]
    missing = read(tmp_path, text, environ={'NUMBER': '7'})
    assert missing.problems == [
        'main.yaml:3: an item of `pubsub_subscription`: there is no environment variable TOPIC',
    ]


def test_a_list_beside_the_setting_itself_is_an_error(tmp_path: Path) -> None:
    found = read(tmp_path, SUBSCRIPTIONS % ('1', '[/a, /b]\n    topic: /c'))
    assert len(found.problems) == 1
    assert '`topic_list` is unknown' in found.problems[0]


def test_values_in_a_list_that_are_no_names_are_an_error(tmp_path: Path) -> None:
    found = read(tmp_path, SUBSCRIPTIONS % ('1', '[[/a], {a: b}]'))
    assert len(found.problems) == 3  # the second is named as the first, too
