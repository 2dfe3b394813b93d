r"""The requests in tests/corpus/http, each with the answer that the server gives.

NAME.http is what a client sends, as text. Line breaks and lines that start with `#` are ignored; the bytes are in the rest:

    \r \n \t \\     as in Python
    \xFF            any byte
    \(TEXT*1000)    TEXT, which may have escapes, so many times

NAME.expect says, in the same escapes, what comes back, a `key: value` a line, in order:

    answer: HTTP/1.1 200 OK        a response; those with a status below 200 are not named
    saw: GET /path?query           what the application saw of the request of that answer
    header: host: example.com      and one of its headers
    body: text                     and its body, if not empty
    then: open                     last: does the connection stay `open` for the next request, or is it `closed`?

The server has the limits in `LIMITS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parents[2] / 'corpus' / 'http'
LIMITS = {'request_line': 256, 'head': 1024, 'headers': 20, 'body': 1000}

_ESCAPE = re.compile(rb'\\(?:([rnt\\])|x([0-9A-Fa-f]{2})|\(((?:[^()*\\]|\\[rnt\\]|\\x[0-9A-Fa-f]{2})+)\*([0-9]+)\)|(.))')
_SIMPLE = {b'r': b'\r', b'n': b'\n', b't': b'\t', b'\\': b'\\'}


@dataclass
class Expected:
    """One answer. `saw` is '' where the application saw nothing."""

    status_line: str
    saw: str = ''
    headers: list[str] = field(default_factory=list)
    body: bytes = b''


@dataclass
class Case:
    """One request, or several on one connection."""

    name: str
    data: bytes
    answers: list[Expected]
    closes: bool

    @property
    def is_head(self) -> bool:
        return self.data.lstrip().startswith(b'HEAD ')


def decode(text: str) -> bytes:
    """The bytes that a line stands for."""
    return _ESCAPE.sub(_decode_escape, text.encode())


def _decode_escape(match: re.Match[bytes]) -> bytes:
    simple, number, repeated, times, wrong = match.groups()
    if simple:
        return _SIMPLE[simple]
    if number:
        return bytes([int(number, 16)])
    if repeated:
        return decode(repeated.decode()) * int(times)
    raise ValueError(f'Not an escape: \\{wrong.decode()}')


def read_request(text: str) -> bytes:
    return b''.join(decode(line) for line in text.split('\n') if not line.startswith('#'))


def read_expected(text: str) -> tuple[list[Expected], bool]:
    """The answers, and whether the connection is closed after them."""
    answers: list[Expected] = []
    *lines, last = text.strip().split('\n')
    for line in lines:
        key, _, value = line.partition(': ')
        match key:
            case 'answer':
                answers.append(Expected(value))
            case 'saw':
                answers[-1].saw = decode(value).decode()
            case 'header':
                answers[-1].headers.append(value)
            case 'body':
                answers[-1].body = decode(value)
            case _:
                raise ValueError(line)
    return answers, {'then: closed': True, 'then: open': False}[last]


def load(folder: str) -> list[Case]:
    cases = []
    for path in sorted((FOLDER / folder).glob('*.http')):
        answers, closes = read_expected(path.with_suffix('.expect').read_text())
        cases.append(Case(f'{folder}/{path.stem}', read_request(path.read_text()), answers, closes))
    return cases


CASES = load('valid') + load('invalid')
