"""TLS of outgoing calls: whom they trust, what they show, and errors that say what is wrong and which option is meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gevent import socket, ssl

from tests.support.authority import Authority, Certificate, server_context
from tests.support.scripted_target import Peer, Target, answer, once
from zato.common.exception import CallFailed, ConfigError, NotReachable, TLSFailed
from zato.server.connection.rest import tls
from zato.server.connection.rest.tls import make_context
from zato.server.connection.rest.transport import Outbound, TransportOptions, check_files


@pytest.fixture(scope='module')
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp('tls'))


@pytest.fixture(scope='module')
def good(authority: Authority) -> Certificate:
    return authority.issue('good')


@pytest.fixture
def target(good: Certificate) -> Iterator[Target]:
    with Target(tls=server_context(good)) as target:
        yield target


def fails(target: Target, match: str, host: str = '127.0.0.1', **options: object) -> CallFailed:
    transport = target.transport(**options)
    with pytest.raises(TLSFailed, match=match) as caught:
        transport.send(target.get(host=host), None)
    target.until_open(0)
    assert caught.value.status == 502
    assert not caught.value.retryable
    assert f'`CRM`: https://{host}:{target.port}: ' in str(caught.value)
    return caught.value


@pytest.mark.parametrize('host', ['127.0.0.1', 'localhost'])
def test_a_server_is_trusted_whose_authority_is_in_the_file(target: Target, authority: Authority, host: str) -> None:
    transport = target.transport(ca_certs=authority.path)
    for _ in range(3):
        assert transport.send(target.post(b'hello' * 100_000), None).body == b'hello' * 100_000
    assert transport.send(target.get(host=host), None).status == 200
    assert target.accepted == (1 if host == '127.0.0.1' else 2)


def test_a_name_may_end_with_a_dot(target: Target, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    here = (socket.AF_INET, socket.SOCK_STREAM, 6, '', ('127.0.0.1', target.port))
    monkeypatch.setattr(socket, 'getaddrinfo', lambda *args, **kwargs: [here])
    assert target.transport(ca_certs=authority.path).send(target.get(host='localhost.'), None).status == 200


def test_a_server_is_trusted_that_is_in_the_file_itself(target: Target, good: Certificate) -> None:
    assert target.transport(ca_certs=good.cert).send(target.get(), None).status == 200


def test_an_unknown_authority_is_an_error_that_names_the_option(target: Target, tmp_path: Path) -> None:
    text = 'signed by an authority that is not known here; tls_ca_certs can name a file with it'
    fails(target, text)
    fails(target, text, ca_certs=Authority(tmp_path, 'other').path)


def test_a_certificate_for_another_host_is_an_error(authority: Authority) -> None:
    with Target(tls=server_context(authority.issue('elsewhere', names=('example.com', '127.0.0.2')))) as target:
        for host in ('127.0.0.1', 'localhost'):
            fails(target, 'its certificate is for another host', host, ca_certs=authority.path)


@pytest.mark.parametrize(('days', 'match'), [(-1, 'its certificate has expired'), (5, 'its certificate is not valid yet')])
def test_a_certificate_that_is_not_valid_now_is_an_error(authority: Authority, days: int, match: str) -> None:
    with Target(tls=server_context(authority.issue('old', days=days))) as target:
        fails(target, match, ca_certs=authority.path)


def test_nothing_is_verified_where_nothing_is_to_be(authority: Authority) -> None:
    with Target(tls=server_context(authority.issue('bad', names=('example.com',), days=-1))) as target:
        assert target.transport(tls_verify=False).send(target.get(), None).status == 200


def test_the_client_certificate_is_shown(authority: Authority, good: Certificate, tmp_path: Path) -> None:
    client = authority.issue('client')
    both = tmp_path / 'both.pem'
    both.write_bytes(client.key.read_bytes() + client.cert.read_bytes())
    with Target(tls=server_context(good, clients=authority)) as target:
        for cert, key in ((client.cert, client.key), (both, None)):
            transport = target.transport(ca_certs=authority.path, client_cert=cert, client_key=key)
            assert transport.send(target.post(b'hello'), None).body == b'hello'


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=['1.2', '1.3'])
class TestServersThatWantACertificate:
    def test_no_certificate_is_an_error_that_names_the_option(
        self, authority: Authority, good: Certificate, version: ssl.TLSVersion
    ) -> None:
        context = server_context(good, clients=authority)
        context.maximum_version = version
        with Target(tls=context) as target:
            fails(target, 'wants a client certificate', ca_certs=authority.path)

    def test_one_that_they_do_not_know_is_an_error_that_names_the_option(
        self, authority: Authority, good: Certificate, version: ssl.TLSVersion, tmp_path: Path
    ) -> None:
        context = server_context(good, clients=authority)
        context.maximum_version = version
        other = Authority(tmp_path, 'other').issue('client')
        options = {'ca_certs': authority.path, 'client_cert': other.cert, 'client_key': other.key}
        with Target(tls=context) as target:
            fails(target, 'does not accept the client certificate that tls_client_cert names', **options)


def test_old_versions_of_tls_are_not_spoken(good: Certificate) -> None:
    context = server_context(good)
    context.set_ciphers('ALL:@SECLEVEL=0')
    with pytest.warns(DeprecationWarning, match='TLSv1'):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match='TLSv1_1'):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Target(tls=context) as target:
        fails(target, 'it does not speak TLS 1.2 or newer', tls_verify=False)


def test_a_server_without_tls_is_an_error_that_says_so() -> None:
    def script(peer: Peer) -> None:
        peer.socket.recv(1000)
        peer.send(answer(status='400 Bad Request'))

    with Target(script) as target:
        request = Outbound(method='GET', url=f'https://127.0.0.1:{target.port}/', headers={})
        with pytest.raises(TLSFailed, match='it does not speak TLS; should its address begin with http://'):
            target.transport().send(request, None)


def test_a_server_that_closes_during_the_handshake_is_an_error_that_may_pass() -> None:
    with Target(lambda peer: None) as target:
        request = Outbound(method='GET', url=f'https://127.0.0.1:{target.port}/', headers={})
        with pytest.raises(NotReachable, match='it closed the connection'):
            target.transport().send(request, None)


def test_an_idle_connection_that_was_closed_is_made_anew(good: Certificate, authority: Authority) -> None:
    with Target(once(answer(b'x')), tls=server_context(good)) as target:
        transport = target.transport(ca_certs=authority.path)
        for _ in range(3):
            assert transport.send(target.get(), None).body == b'x'
        assert target.accepted == 3


def test_the_settings_of_tls_are_read_once_for_all_connections(
    target: Target, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr(
        'zato.server.connection.rest.transport.make_context', lambda **o: made.append(o) or make_context(**o)
    )
    transport = target.transport(ca_certs=authority.path)
    for _ in range(2):
        transport.send(target.get(), None)
        transport.send(target.get(host='localhost'), None)
    assert len(made) == 1


def test_those_who_trust_the_system_share_its_authorities() -> None:
    options: dict[str, Any] = {'ca_certs': None, 'client_cert': None, 'client_key': None}
    first, second = make_context(verify=True, **options), make_context(verify=True, **options)
    assert first is second
    assert (first.verify_mode, first.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert make_context(verify=False, **options) is not first
    assert first.minimum_version == ssl.TLSVersion.TLSv1_2


def options(**files: Path) -> TransportOptions:
    values: dict[str, Any] = {
        'title': 'X',
        'timeout': 1,
        'connect_timeout': 0,
        'pool_size': 1,
        'max_redirects': 0,
        'max_response': 1,
    }
    return TransportOptions(**values, **files)


def test_files_that_can_be_used_are_no_error(authority: Authority) -> None:
    client = authority.issue('client')
    check_files(options())
    check_files(options(ca_certs=authority.path, client_cert=client.cert, client_key=client.key))


def test_files_that_cannot_be_used_are_errors_that_name_them(authority: Authority, tmp_path: Path) -> None:
    client, other = authority.issue('client'), authority.issue('other')
    locked = authority.issue('locked', password=b'secret')
    missing, empty = tmp_path / 'missing.pem', tmp_path / 'empty.pem'
    empty.touch()
    for files, path, text in (
        ({'ca_certs': missing}, missing, 'tls_ca_certs.*No such file'),
        ({'ca_certs': empty}, empty, 'no certificate in PEM format'),
        ({'ca_certs': client.key}, client.key, 'no certificate in PEM format'),
        ({'ca_certs': tmp_path}, tmp_path, 'tls_ca_certs'),
        ({'client_cert': missing}, missing, 'tls_client_cert.*No such file'),
        ({'client_cert': client.cert, 'client_key': missing}, missing, 'tls_client_key.*No such file'),
        ({'client_cert': empty}, empty, 'no certificate with its private key'),
        ({'client_cert': client.cert}, client.cert, 'no certificate with its private key'),
        ({'client_cert': client.cert, 'client_key': other.key}, other.key, 'is not that of the certificate'),
        ({'client_cert': client.cert, 'client_key': empty}, empty, 'no certificate with its private key'),
        ({'client_cert': locked.cert, 'client_key': locked.key}, locked.key, 'encrypted'),
    ):
        with pytest.raises(ConfigError, match=text) as caught:
            check_files(options(**files))
        assert str(caught.value).startswith(f'{path}: ')


def test_a_file_that_is_gone_is_an_error_of_the_call_and_of_no_other(target: Target, tmp_path: Path) -> None:
    transport = target.transport(ca_certs=tmp_path / 'gone.pem')
    for _ in range(3):
        with pytest.raises(ConfigError, match=r'gone\.pem'):
            transport.send(target.get(), None)
    assert tls.make_context(verify=True, ca_certs=None, client_cert=None, client_key=None)
