"""secrets.conf: the key that everything secret is encrypted with, and the server's own secrets.

`[secret_keys] key1` is a Fernet key, `$NAME` of the environment, or `zato+stdin:///`. All other values are encrypted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from zato.common.config.reader import find_line, read_conf
from zato.common.crypto import WELL_KNOWN_DATA, Cipher
from zato.common.exception import ConfigError, CryptoError

_STDIN = 'zato+stdin:///'


class Secrets:
    """One secrets.conf, its key verified. Raises ConfigError."""

    def __init__(self, path: Path, environ: Mapping[str, str], key: str = '') -> None:
        """`key`, where given, is used instead of the file's."""
        self._path = path
        self._conf = read_conf(path)
        self.key = key or self._key(environ)
        self.cipher = self._cipher(self.key)

    def get(self, name: str) -> str:
        """The decrypted value of 'stanza.key'. Raises ConfigError."""
        stanza, _, key = name.partition('.')
        try:
            token = self._conf[stanza][key]
        except (KeyError, TypeError):
            raise ConfigError(f'[{stanza}] {key} is missing', path=str(self._path)) from None
        try:
            return self.cipher.decrypt(str(token))
        except CryptoError as e:
            raise ConfigError(f'[{stanza}] {key}: {e}', path=str(self._path)) from None

    def all(self) -> Iterator[str]:
        """The key, and all decrypted values, but for those that cannot be: nobody may need them."""
        yield self.key
        for stanza in self._conf.sections:
            for key in self._conf[stanza].scalars if stanza != 'secret_keys' else ():
                try:
                    value = self.get(f'{stanza}.{key}')
                except ConfigError:
                    continue
                if value != WELL_KNOWN_DATA:
                    yield value

    def write(self, name: str, value: str) -> None:
        """Set 'stanza.key', which must be there, encrypted, in the file. Raises ConfigError, OSError."""
        stanza, _, key = name.partition('.')
        number = find_line(self._path, stanza, key)
        if not number:
            raise ConfigError(f'[{stanza}] {key} is missing', path=str(self._path))
        lines = self._path.read_text(encoding='utf-8-sig').splitlines()
        lines[number - 1] = f'{key}={self.cipher.encrypt(value)}'
        new = self._path.with_name(f'.{self._path.name}.new')
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), 'w', encoding='utf-8') as file:
            file.write('\n'.join([*lines, '']))
        new.replace(self._path)

    def _key(self, environ: Mapping[str, str]) -> str:
        raw = str(self._conf['secret_keys'].get('key1', '')) if 'secret_keys' in self._conf.sections else ''
        if not raw:
            raise ConfigError('[secret_keys] key1 is missing', path=str(self._path))
        if raw == _STDIN:
            return sys.stdin.readline().strip()
        if not raw.startswith('$'):
            return raw
        if raw[1:] not in environ:
            raise ConfigError(f'environment variable {raw[1:]} is not set; it holds the secret key', path=str(self._path))
        return environ[raw[1:]]

    def _cipher(self, key: str) -> Cipher:
        try:
            cipher = Cipher(key)
            if cipher.decrypt(str(self._conf['zato']['well_known_data'])) == WELL_KNOWN_DATA:
                return cipher
        except (KeyError, TypeError):
            raise ConfigError('[zato] well_known_data is missing', path=str(self._path)) from None
        except CryptoError:
            pass  # the same error as below
        raise ConfigError(
            'the secret key is wrong: it is not the one that this file was encrypted with', path=str(self._path)
        )


def secrets_text(key: str, secrets: Mapping[str, str], key_source: str = '') -> str:
    """The text of a new secrets.conf. secrets: name in [zato] → plain text. key_source: what key1 says, if not the key."""
    cipher = Cipher(key)
    lines = ['[secret_keys]', f'key1={key_source or key}', '', '[zato]']
    lines.append(f'well_known_data={cipher.encrypt(WELL_KNOWN_DATA)}')
    lines += [f'{name}={cipher.encrypt(value)}' for name, value in secrets.items()]
    return '\n'.join([*lines, ''])
