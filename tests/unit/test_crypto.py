"""Secrets at rest."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.crypto import Cipher, new_key, new_password
from zato.common.exception import CryptoError

KEY = urlsafe_b64encode(bytes(range(32))).decode()


@given(st.text())
def test_what_was_encrypted_is_decrypted(text: str) -> None:
    token = Cipher(KEY).encrypt(text)
    assert Cipher(KEY).decrypt(token) == text
    assert token.isascii()


def test_the_same_text_never_looks_the_same() -> None:
    assert Cipher(KEY).encrypt('x') != Cipher(KEY).encrypt('x')


@pytest.mark.parametrize('key', ['', 'x', 'ключ', KEY[:-4], KEY[4:], '\udcff', ' '])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(CryptoError, match='not a Fernet key'):
        Cipher(key)


def test_a_key_read_with_its_line_end_is_the_key() -> None:
    assert Cipher(f'{KEY}\n').decrypt(Cipher(KEY).encrypt('x')) == 'x'


@pytest.mark.parametrize('token', ['', 'plain', 'пароль', '\udcff', 'gAAAAA=='])
def test_what_was_not_encrypted_is_refused(token: str) -> None:
    with pytest.raises(CryptoError, match='not encrypted with this key'):
        Cipher(KEY).decrypt(token)


def test_a_token_that_was_cut_is_refused() -> None:
    with pytest.raises(CryptoError):
        Cipher(KEY).decrypt(Cipher(KEY).encrypt('x')[:-2])


def test_another_key_does_not_decrypt() -> None:
    with pytest.raises(CryptoError):
        Cipher(new_key()).decrypt(Cipher(KEY).encrypt('x'))


def test_bytes_that_are_no_text_are_refused() -> None:
    from cryptography.fernet import Fernet

    with pytest.raises(CryptoError):
        Cipher(KEY).decrypt(Fernet(KEY).encrypt(b'\xff').decode())


def test_errors_say_neither_key_nor_secret() -> None:
    for call in (lambda: Cipher('my-wrong-key'), lambda: Cipher(KEY).decrypt('my-secret')):
        with pytest.raises(CryptoError) as info:
            call()
        assert 'my-' not in str(info.value)
        assert info.value.__cause__ is None


@given(st.text(), st.text())
def test_keys_for_other_purposes_are_the_same_for_the_same_one_only(one: str, two: str) -> None:
    keys = {Cipher(KEY).derive(one), Cipher(KEY).derive(two)}
    assert len(keys) == len({one, two})
    assert Cipher(new_key()).derive(one) not in keys
    assert all(len(key) == 32 and key not in urlsafe_b64decode(KEY) for key in keys)


def test_new_keys_and_passwords_differ_and_are_safe_in_files_and_urls() -> None:
    passwords = {new_password() for _ in range(100)}
    assert len(passwords) == 100
    for password in passwords:
        assert len(password) == 22
        assert password.replace('-', '').replace('_', '').isalnum()
    assert new_key() != new_key()
