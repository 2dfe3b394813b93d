"""Redirects of outgoing calls: which are followed, with what, and which are refused."""

from __future__ import annotations

import pytest

from tests.support.authority import Authority, server_context
from tests.support.scripted_target import Peer, Script, Target, answer
from zato.common.exception import RedirectRefused
from zato.server.connection.rest.transport import Outbound

BODY_HEADERS = {'Content-Type': 'text/plain', 'content-language': 'en', 'X-Name': 'value'}


def to(location: str, status: int = 302) -> bytes:
    return answer(b'moved', f'Location: {location}', status=f'{status} Moved')


def redirecting(places: dict[str, bytes]) -> Script:
    """places: what is answered where; echoes elsewhere."""

    def script(peer: Peer) -> None:
        while (received := peer.request()) is not None:
            if received.target in places:
                data = places[received.target]
                peer.send(data.removesuffix(b'moved') if received.method == 'HEAD' else data)
            else:
                peer.answer(received.body)

    return script


@pytest.mark.parametrize(
    ('status', 'method', 'then'),
    [
        *((status, 'GET', 'GET') for status in (301, 302, 303, 307, 308)),
        *((status, 'HEAD', 'HEAD') for status in (301, 302, 303, 307, 308)),
        *((status, 'POST', 'GET') for status in (301, 302, 303)),
        *((status, 'POST', 'POST') for status in (307, 308)),
        (303, 'PUT', 'GET'),
        (303, 'DELETE', 'GET'),
        *((status, method, method) for status in (301, 302, 307, 308) for method in ('PUT', 'PATCH', 'DELETE')),
    ],
)
def test_the_method_and_the_body_change_as_the_status_says(status: int, method: str, then: str) -> None:
    with Target(redirecting({'/a': to('/b', status)})) as target:
        body = b'' if method in ('GET', 'HEAD') else b'hello'
        request = Outbound(method=method, url=target.url('/a'), headers=BODY_HEADERS, body=body)
        inbound = target.transport().send(request, None)
        received = target.requests[1]
        assert (received.method, received.target, inbound.url) == (then, '/b', target.url('/b'))
        assert received.body == (body if then == method else b'')
        describes_body = {'content-type', 'content-language'} <= received.headers.keys()
        assert describes_body == (then == method and (status, method) != (303, 'GET'))
        assert received.headers['x-name'] == 'value'
        assert target.accepted == 1


@pytest.mark.parametrize(
    ('location', 'arrives'),
    [
        ('c', '/x/c'),
        ('/c?d=e&f', '/c?d=e&f'),
        ('?y=1', '/x/a?y=1'),
        ('../c#fragment', '/c'),
        ('/a b\xe9"<>%20%', '/a%20b%E9"<>%20%'),
        ('//127.0.0.1:{port}/c', '/c'),
        ('HTTP://user:password@127.0.0.1:{port}', '/'),
    ],
)
def test_addresses_of_any_form_are_followed(location: str, arrives: str) -> None:
    with Target() as target:
        target.script = redirecting({'/x/a?z=1': to(location.replace('{port}', str(target.port)))})
        inbound = target.transport().send(target.get('/x/a?z=1'), None)
        assert target.requests[1].target == arrives
        assert inbound.url == target.url(arrives)
        assert 'authorization' not in target.requests[1].headers


@pytest.mark.parametrize('follows', [True, False])
def test_the_redirect_itself_is_what_is_asked_for_with_no_redirects_to_follow(follows: bool) -> None:
    with Target(redirecting({'/a': to('/b')})) as target:
        request = Outbound(method='GET', url=target.url('/a'), headers={}, follows_redirects=follows)
        inbound = target.transport(max_redirects=0 if follows else 5).send(request, None)
        assert (inbound.status, inbound.headers['location'], inbound.body) == (302, '/b', b'moved')


@pytest.mark.parametrize(
    'data', [to('/b', 300), to('/b', 304).replace(b'moved', b''), to('/b', 200), answer(status='302 Found')]
)
def test_what_is_no_redirect_is_the_answer(data: bytes) -> None:
    with Target(redirecting({'/a': data})) as target:
        target.transport().send(target.get('/a'), None)
        assert len(target.requests) == 1


@pytest.mark.parametrize('is_other_origin', [True, False])
def test_no_other_origin_gets_what_is_private(is_other_origin: bool) -> None:
    private = {
        'Authorization': 'a',
        'COOKIE': 'b',
        'proxy-authorization': 'c',
        'X-API-Key': 'd',
        'X-Key': 'e',
        'Host': 'own',
    }
    with Target() as first, Target() as second:
        first.script = redirecting({'/a': to((second if is_other_origin else first).url('/b'), 307)})
        request = Outbound(
            method='POST',
            url=first.url('/a'),
            headers={**private, 'X-Name': 'value'},
            body=b'hello',
            private_headers=frozenset({'x-key', 'x-api-key'}),
        )
        assert first.transport().send(request, None).body == b'hello'
        received = second.requests[0] if is_other_origin else first.requests[1]
    names = {name.lower() for name in private} - {'host'}
    assert names & received.headers.keys() == (set() if is_other_origin else names)
    assert received.headers['host'] == (f'127.0.0.1:{second.port}' if is_other_origin else 'own')
    assert received.headers['x-name'] == 'value'


def test_what_was_private_stays_away_on_the_way_back() -> None:
    with Target() as first, Target() as second:
        first.script = redirecting({'/a': to(second.url('/b'))})
        second.script = redirecting({'/b': to(first.url('/c'))})
        first.transport(pool_size=1).send(first.get('/a', Authorization='a'), None)
        assert ['authorization' in request.headers for request in first.requests] == [True, False]


def refused(places: dict[str, bytes], match: str) -> None:
    with Target() as target:
        target.script = redirecting({place: data.replace(b'{port}', b'%d' % target.port) for place, data in places.items()})
        transport = target.transport(max_redirects=3)
        with pytest.raises(RedirectRefused, match=match) as caught:
            transport.send(target.get('/a?key=secret'), None)
        assert f'`CRM`: http://127.0.0.1:{target.port}: it redirects ' in str(caught.value)
        assert 'secret' not in str(caught.value)
        assert caught.value.status == 502
        assert transport.send(target.post(b'hello', '/z'), None).body == b'hello'
        assert target.accepted == 1


@pytest.mark.parametrize(
    'places',
    [
        {'/a?key=secret': to('/a?key=secret')},
        {'/a?key=secret': to('/b'), '/b': to('/a?key=secret')},
        {'/a?key=secret': to('/b'), '/b': to('/b#x')},
    ],
    ids=['itself', 'there and back', 'later'],
)
def test_circles_are_refused(places: dict[str, bytes]) -> None:
    refused(places, 'in a circle, after [01] redirects')


def test_more_redirects_than_are_followed_are_refused() -> None:
    places = {'/a?key=secret': to('/b'), '/b': to('/c?secret'), '/c?secret': to('/d'), '/d': to('/e')}
    refused(places, 'more than 3 times, the max_redirects of this connection')


def test_as_many_redirects_as_are_followed_are_followed() -> None:
    with Target(redirecting({'/a': to('/b'), '/b': to('/c'), '/c': to('/d')})) as target:
        assert target.transport(max_redirects=3).send(target.get('/a'), None).url == target.url('/d')


@pytest.mark.parametrize(
    'location',
    [
        'ftp://a/secret',
        'file:///secret',
        'mailto:secret',
        'http://[secret',
        'http://a:b/',
        'http://a..b',
        f'http://{"a" * 64}',
    ],
)
def test_what_is_no_address_is_refused(location: str) -> None:
    refused({'/a?key=secret': to(location)}, 'to what is not an address')


def test_a_place_without_tls_is_refused_after_one_with_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = Authority(tmp_path_factory.mktemp('tls'))
    with Target() as plain, Target(tls=server_context(authority.issue('server'))) as target:
        target.script = redirecting({'/a': to(plain.url('/b'))})
        with pytest.raises(RedirectRefused, match=f'it redirects to http://127.0.0.1:{plain.port}, which has no TLS'):
            target.transport(ca_certs=authority.path).send(target.get('/a'), None)
        assert plain.requests == []
        plain.script = redirecting({'/a': to(target.url('/b'))})
        assert target.transport(ca_certs=authority.path).send(plain.get('/a'), None).status == 200
