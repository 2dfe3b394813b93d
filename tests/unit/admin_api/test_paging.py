"""Pages of a list of objects: what is found, in which order, and where the page is cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.admin_services import AdminServices, stored
from zato.common.config.kind import kinds
from zato.common.exception import BadRequest
from zato.server.security.principal import Principal

CHANNELS, OUTGOING, BASIC = 'zato.channel-rest.get-list', 'zato.outgoing-rest.get-list', 'zato.security-basic-auth.get-list'
EVE = Principal('eve', 'viewer')


def channel(id: int, name: str, **settings: Any) -> Any:
    return stored(id, 'channel_rest', name, **{'url_path': f'/{id}', 'service': 1, **settings})


def outgoing(id: int, name: str, **settings: Any) -> Any:
    return stored(id, 'outgoing_rest', name, **{'host': 'http://localhost', **settings})


@pytest.fixture(scope='module')
def api() -> AdminServices:
    api = AdminServices()
    api.put(
        stored(1, 'service', 'crm.get-customer', impl_name='crm.GetCustomer'),
        stored(2, 'service', 'billing.Charge'),
        stored(3, 'security_basic_auth', 'Partner', username='user1', password='top-secret'),
        stored(4, 'security_group', 'partners', members=[3]),
        channel(11, 'beta', url_path='/b', method='POST', security=3),
        channel(12, 'Alpha', url_path='/a/Straße', service=2, data_format='json', service_timeout=2.5),
        channel(13, 'gamma', url_path='/c', service_timeout='$TIMEOUT', security_groups=[4], version=3),
        stored(14, 'channel_rest', 'delta', is_active=False, url_path='/d', service=2, service_timeout=10),
        outgoing(21, 'one', ping_method='GET'),
        outgoing(22, 'two'),
    )
    return api


def page(api: AdminServices, service: str = CHANNELS, **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = api.call(service, {'paginate': True, **request}, principal=EVE)
    return answer


def names(api: AdminServices, service: str = CHANNELS, **request: Any) -> list[str]:
    return [item['name'] for item in page(api, service, **request)['response']]


def test_without_paginate_there_is_the_whole_list_whatever_else_is_asked_for(api: AdminServices) -> None:
    for request in ({}, {'paginate': False, 'query': 'alpha', 'page_size': 1}, {'paginate': ''}, {'sort': 'nothing'}):
        found = api.call(CHANNELS, request)
        assert [item['name'] for item in found] == ['Alpha', 'beta', 'delta', 'gamma']


def test_a_page_has_what_the_whole_list_has_of_its_objects(api: AdminServices) -> None:
    assert page(api)['response'] == api.call(CHANNELS)


def test_it_says_which_page_it_is(api: AdminServices) -> None:
    assert page(api, page_size=2, cur_page=1)['_meta'] == {
        'total': 4,
        'num_pages': 2,
        'cur_page': 1,
        'page_size': 2,
        'has_prev_page': False,
        'has_next_page': True,
        'prev_page': None,
        'next_page': 2,
    }
    last = {'cur_page': 2, 'has_prev_page': True, 'has_next_page': False, 'prev_page': 1, 'next_page': None}
    assert page(api, page_size='2', cur_page='9')['_meta'] == {'total': 4, 'num_pages': 2, 'page_size': 2, **last}
    assert names(api, page_size=3, cur_page=2) == names(api, page_size=3, cur_page=99) == ['gamma']


def test_nothing_found_is_one_empty_page(api: AdminServices) -> None:
    found = page(api, query='nowhere', cur_page=3)
    assert found['response'] == []
    assert (found['_meta']['total'], found['_meta']['num_pages'], found['_meta']['cur_page']) == (0, 1, 1)


@pytest.mark.parametrize(
    ('query', 'found'),
    [
        ('', ['Alpha', 'beta', 'delta', 'gamma']),
        ('ALPHA', ['Alpha']),
        ('strasse', ['Alpha']),
        ('crm', ['beta', 'gamma']),
        ('crm post', ['beta']),
        ('post  crm /b', ['beta']),
        ('crm json', []),
        ('partner', ['beta', 'gamma']),
        ('$timeout', ['gamma']),
        ('2.5', ['Alpha']),
        ('true', []),
        ('beta\n', ['beta']),
    ],
)
def test_all_words_of_a_query_occur_in_names_settings_or_what_is_referred_to(
    api: AdminServices, query: str, found: list[str]
) -> None:
    assert names(api, query=query) == found


def test_a_default_is_found_only_where_lists_show_it(api: AdminServices) -> None:
    assert names(api, OUTGOING, query='head') == []
    assert names(api, OUTGOING, query='get') == ['one']
    assert names(api, query='qs-over-path') == []


@pytest.mark.parametrize('query', ['top-secret', '******', 'password'])
def test_secrets_are_not_searched(api: AdminServices, query: str) -> None:
    assert names(api, BASIC, query=query) == []


@pytest.mark.parametrize(
    ('sort', 'found'),
    [
        ('name', ['Alpha', 'beta', 'delta', 'gamma']),
        ('-name', ['gamma', 'delta', 'beta', 'Alpha']),
        ('url_path', ['Alpha', 'beta', 'gamma', 'delta']),
        ('service', ['Alpha', 'delta', 'beta', 'gamma']),
        ('-service', ['beta', 'gamma', 'Alpha', 'delta']),
        ('security', ['beta', 'Alpha', 'delta', 'gamma']),
        ('security_groups', ['gamma', 'Alpha', 'beta', 'delta']),
        ('service_timeout', ['beta', 'Alpha', 'delta', 'gamma']),
        ('is_active', ['delta', 'Alpha', 'beta', 'gamma']),
        ('version', ['Alpha', 'beta', 'delta', 'gamma']),
        ('-version', ['gamma', 'Alpha', 'beta', 'delta']),
        ('error', ['gamma', 'Alpha', 'beta', 'delta']),
        ('id', ['beta', 'Alpha', 'gamma', 'delta']),
    ],
)
def test_lists_are_sorted_by_what_is_asked_for_and_then_by_name(api: AdminServices, sort: str, found: list[str]) -> None:
    assert names(api, sort=sort) == found
    cut = [names(api, sort=sort, page_size=1, cur_page=number)[0] for number in range(1, 5)]
    assert cut == found


def test_every_setting_that_is_no_secret_can_be_sorted_by(api: AdminServices) -> None:
    for service, kind in ((CHANNELS, 'channel_rest'), (OUTGOING, 'outgoing_rest'), (BASIC, 'security_basic_auth')):
        [shown, *_] = api.call(service)
        derived = ('_id', '_name', '_kind')
        for key in shown.keys() - {'kind', 'password', *kinds()[kind].fixed}:
            if not key.endswith(derived):
                names(api, service, sort=key)


def test_those_that_are_down_or_inactive_are_told_apart(api: AdminServices) -> None:
    assert names(api, is_down=True) == ['gamma']
    assert names(api, is_down='false') == ['Alpha', 'beta', 'delta']
    assert names(api, is_active=False) == ['delta']
    assert names(api, is_active=True, is_down='') == ['Alpha', 'beta', 'gamma']
    assert page(api, is_active=True, is_down=False, page_size=1)['_meta']['total'] == 2
    assert 'TIMEOUT' in page(api, is_down=True)['response'][0]['error']


@pytest.mark.parametrize(
    ('request_', 'text'),
    [
        ({'sort': 'url'}, r'`sort` must be one of: name, is_active, error, version, id, url_path, .*; got `url`'),
        ({'sort': '--name'}, r'`sort` must be one of: .*; got `--name`'),
        ({'page_size': 1001}, r'`page_size` must be a number from 1 to 1,000; got `1001`'),
        ({'page_size': -1}, r'`page_size` must be a number from 1 to 1,000; got `-1`'),
        ({'cur_page': 'x'}, r'`cur_page` must be a number from 1 to .*; got `x`'),
        ({'paginate': 'maybe'}, r'`paginate` must be True or False; got `maybe`'),
        ({'is_active': 'maybe'}, r'`is_active` must be True or False; got `maybe`'),
        ({'is_down': [1]}, r'`is_down` must be True or False; got `\[1\]`'),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else '',
)
def test_what_cannot_be_asked_for_is_refused(api: AdminServices, request_: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest, match=text) as info:
        page(api, **request_)
    assert info.value.needs_msg


def test_a_secret_cannot_be_sorted_by(api: AdminServices) -> None:
    with pytest.raises(BadRequest, match=r'`sort` must be one of: .*username.*; got `password`') as info:
        page(api, BASIC, sort='password')
    assert 'password,' not in info.value.msg


@given(st.lists(st.sampled_from(['', 'a', 'B', 'b c', '$V']), max_size=9), st.integers(1, 4), st.booleans())
def test_the_pages_together_are_the_sorted_list(paths: list[str], size: int, is_down_first: bool) -> None:
    api = AdminServices()
    api.put(stored(1, 'service', 's'), *(channel(10 + i, f'n{i}', content_type=path) for i, path in enumerate(paths)))
    sort = '-content_type' if is_down_first else 'content_type'
    whole = names(api, sort=sort)
    assert sorted(whole) == sorted(f'n{i}' for i in range(len(paths)))
    pages = [page(api, sort=sort, page_size=size, cur_page=number + 1) for number in range(max(1, -(-len(paths) // size)))]
    assert [item['name'] for each in pages for item in each['response']] == whole
    assert [each['_meta']['has_next_page'] for each in pages] == [True] * (len(pages) - 1) + [False]
