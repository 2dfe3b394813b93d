"""`self.crypto`: what is encrypted comes back, hashes verify, errors tell no secret, greenlets go on meanwhile."""

from __future__ import annotations

import re
from typing import Any

import gevent
import pytest
from gevent.event import Event

from zato.common.crypto import Cipher, new_key
from zato.common.exception import CryptoError
from zato.server.service.facade import crypto as module
from zato.server.service.facade.crypto import Crypto

KEY = new_key()
#: Made by passlib 1.7.
BY_PASSLIB = [
    (
        'C61mBoPzpa2sA',
        '$pbkdf2-sha512$1000$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0.Pw'
        '$U5a9cZ40EYzEO34bY3vZpi5g2VLo33kehaIelVFCQTNqhkuQfzr0.Y..z2FTVXTOyxaFSpL76M/P4hmKNuPIgw',
    ),
    (
        'zażółć',
        '$pbkdf2-sha512$100$.//.$ailOyuZcz.nTObv2lb5nwxMbq4WwvFRwDEtVlMY8FUCK9Gh9Tzk9RQ3D0bBJkDCxRhOTlCp.kvv3bERUnXyu5g',
    ),
]
DIGEST = 'A' * 86


@pytest.fixture
def crypto() -> Crypto:
    return Crypto(Cipher(KEY))


# Encryption


@pytest.mark.parametrize('data', ['', 'text', 'zażółć', 'a' * 100_000, b'bytes', 'zażółć'.encode()])
def test_what_was_encrypted_is_decrypted_to_text(crypto: Crypto, data: str | bytes) -> None:
    token = crypto.encrypt(data)
    assert re.fullmatch(r'[A-Za-z0-9_=-]+', token)
    text = data if isinstance(data, str) else data.decode()
    assert crypto.decrypt(token) == crypto.decrypt(token.encode()) == crypto.decrypt(f'zato.secf.{token}') == text


def test_what_others_with_the_same_key_encrypted_is_decrypted(crypto: Crypto) -> None:
    assert crypto.decrypt(Cipher(KEY).encrypt('x')) == 'x'
    with pytest.raises(CryptoError):
        Crypto(Cipher(new_key())).decrypt(crypto.encrypt('x'))


@pytest.mark.parametrize('data', [b'my-\xff', 'my-\udcff'])
def test_data_that_is_no_text_is_refused(crypto: Crypto, data: str | bytes) -> None:
    for call in (
        crypto.encrypt,
        crypto.decrypt,
        crypto.hash_secret,
        lambda data: crypto.verify_hash(data, BY_PASSLIB[0][1]),
    ):
        with pytest.raises(CryptoError, match='not text') as info:
            call(data)
        assert 'my-' not in str(info.value)


# Hashes


def test_a_hash_verifies_its_password_only(crypto: Crypto) -> None:
    hashed = crypto.hash_secret('my-password')
    assert re.fullmatch(r'\$pbkdf2-sha512\$210000\$[A-Za-z0-9./]{43}\$[A-Za-z0-9./]{86}', hashed)
    assert crypto.verify_hash('my-password', hashed) is True
    assert crypto.verify_hash(b'my-password', hashed) is True
    assert crypto.verify_hash('my-passwore', hashed) is False


def test_the_same_password_is_never_hashed_to_the_same_text(crypto: Crypto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, '_ROUNDS', 1)
    assert crypto.hash_secret('x') != crypto.hash_secret('x')


@pytest.mark.parametrize(('password', 'hashed'), BY_PASSLIB)
def test_a_hash_that_passlib_made_verifies_whatever_its_rounds(crypto: Crypto, password: str, hashed: str) -> None:
    assert crypto.verify_hash(password, hashed) is True
    assert crypto.verify_hash(f'{password} ', hashed) is False
    assert crypto.verify_hash('', hashed) is False


@pytest.mark.parametrize(
    'expected',
    [
        '',
        'my-plain-text',
        BY_PASSLIB[0][1][:-1],
        BY_PASSLIB[0][1] + '\n',
        f'$pbkdf2-sha256$1000$AAEC${DIGEST}',
        f'$pbkdf2-sha512$0$AAEC${DIGEST}',
        f'$pbkdf2-sha512$01$AAEC${DIGEST}',
        f'$pbkdf2-sha512$2000001$AAEC${DIGEST}',
        f'$pbkdf2-sha512$99999999999$AAEC${DIGEST}',
        f'$pbkdf2-sha512$1000$A${DIGEST}',
        f'$pbkdf2-sha512$1000$AA+C${DIGEST}',
        f'$pbkdf2-sha512$١$AAEC${DIGEST}',
    ],
)
def test_what_is_no_hash_is_an_error_that_does_not_show_it(crypto: Crypto, expected: str) -> None:
    with pytest.raises(CryptoError, match='not a PBKDF2-SHA512 hash') as info:
        crypto.verify_hash('x', expected)
    assert 'my-plain' not in str(info.value)


def test_other_greenlets_run_while_a_password_is_hashed(crypto: Crypto) -> None:
    has_run = Event()

    def hash_and_look() -> bool:
        crypto.hash_secret('x')
        return has_run.is_set()

    greenlet: Any = gevent.spawn(hash_and_look)
    gevent.spawn(has_run.set)
    assert greenlet.get() is True


# New secrets


@pytest.mark.parametrize(('bits', 'length'), [(8, 2), (128, 22), (256, 43), (512, 86)])
def test_a_secret_has_as_many_bits_as_wanted(crypto: Crypto, bits: int, length: int) -> None:
    secret = crypto.generate_secret(bits)
    assert len(secret) == length
    assert re.fullmatch(r'[A-Za-z0-9_-]+', secret)


def test_secrets_and_passwords_differ(crypto: Crypto) -> None:
    assert len(crypto.generate_secret()) == 43
    assert crypto.generate_secret() != crypto.generate_secret()
    assert len(crypto.generate_password()) == 22
    assert crypto.generate_password() != crypto.generate_password()


@pytest.mark.parametrize('bits', [0, -8, 7, 100])
def test_bits_that_are_no_bytes_are_refused(crypto: Crypto, bits: int) -> None:
    with pytest.raises(ValueError, match='multiple of 8'):
        crypto.generate_secret(bits)
