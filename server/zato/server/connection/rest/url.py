"""Addresses of requests: the connection's own, parameters in its path filled in, and a query string made of the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlsplit

from zato.common.config.kinds.outgoing_rest import PARAM
from zato.common.exception import ConfigError, RequestInvalid, ZatoException

#: Stay as they are in what users configured: what has a meaning in a URL, and percent signs of what is encoded already.
_KEPT: Final = "%/:=&?~+!$,;'@()*[]"

Text = Callable[[Any], str]


class Target:
    """Where a connection leads. title: of the connection. text: one value as text; raises ZatoException.

    params: names of those in its path.
    """

    def __init__(self, title: str, host: str, url_path: str, text: Text) -> None:
        """Raises ConfigError for a name of a host that there cannot be."""
        self._title = title
        self._text = text
        self._base = _ascii(title, host).rstrip('/')
        pieces = PARAM.split(url_path)
        self._literals = [quote(piece, safe=_KEPT) for piece in pieces[::2]]
        self.params = pieces[1::2]
        self._url_path = url_path
        parts = urlsplit(self._base)
        self.origin = f'{parts.scheme}://{parts.netloc}'

    def url(self, params: Any) -> str:
        """params: a dict, a model, a list of pairs, a query string as text, or None. Raises RequestInvalid."""
        if isinstance(params, str | bytes):
            query = params.decode('utf-8', 'surrogateescape') if isinstance(params, bytes) else params
            return _with_query(self._base + self._path({}), _encoded(quote, query.removeprefix('?'), _KEPT))
        pairs = self._pairs(params)
        if not pairs and not self.params:
            return self._base + self._literals[0]
        path = self._path(dict(pairs)) if self.params else self._literals[0]
        return _with_query(self._base + path, self._query(pairs))

    def at(self, path: str) -> str:
        """Another path on the same host. Raises RequestInvalid."""
        if not path.startswith('/'):
            raise RequestInvalid(msg=f'{self._title}: a path must begin with a slash, not be {path!r}')
        return self._base + _encoded(quote, path, _KEPT)

    def shown(self, url: str) -> str:
        """An address, most likely of this target, as it may be logged: with no query string and no values of parameters."""
        if self.params and url.startswith(self._base + self._literals[0]):
            return without_query(self._base + self._url_path)
        return without_query(url)

    def _pairs(self, params: Any) -> list[tuple[str, Any]]:
        if params is None:
            return []
        if not isinstance(params, Mapping) and hasattr(type(params), 'to_dict'):
            params = params.to_dict()
        items = params.items() if isinstance(params, Mapping) else params
        try:
            pairs = [(name, value) for name, value in items]
        except (TypeError, ValueError):
            pairs = [(params, None)]
        if not all(isinstance(name, str) for name, _ in pairs):
            what = type(params).__name__
            raise RequestInvalid(
                msg=f'{self._title}: parameters must be a dict whose keys are text, not a value of type {what}'
            )
        return pairs

    def _path(self, values: Mapping[str, Any]) -> str:
        parts = [self._literals[0]]
        for name, literal in zip(self.params, self._literals[1:], strict=True):
            parts += self._segment(name, values), literal
        return ''.join(parts)

    def _segment(self, name: str, values: Mapping[str, Any]) -> str:
        value = values.get(name)
        text = '' if value is None else self._value(name, value)
        if not text:
            what = 'is empty' if name in values else 'is missing'
            given = f'the call has {", ".join(sorted(values))}' if values else 'the call has no parameters'
            raise RequestInvalid(msg=f'{self._title}: parameter `{name}` of its URL path {what}; {given}')
        if not text.strip('.'):  # the path would lead somewhere else
            raise RequestInvalid(msg=f'{self._title}: parameter `{name}` of its URL path must not be made of dots alone')
        return _encoded(quote, text, '')

    def _query(self, pairs: list[tuple[str, Any]]) -> str:
        found = [pair for pair in pairs if pair[0] not in self.params] if self.params else pairs
        return form(found, self._value)

    def _value(self, name: str, value: Any) -> str:
        try:
            return self._text(value)
        except ZatoException as e:
            raise RequestInvalid(msg=f'{self._title}: parameter `{name}` cannot be sent: {e}') from e


def without_query(url: str) -> str:
    """An address as it may be logged: its query string may have secrets."""
    return url.partition('?')[0]


def form(pairs: list[tuple[str, Any]], text: Callable[[str, Any], str]) -> str:
    """As browsers send forms: lists repeat, None is left out. text: (name, value) → text."""
    found: list[str] = []
    for name, value in pairs:
        for item in value if isinstance(value, list | tuple | set | frozenset) else (value,):
            if item is not None:
                found.append(f'{_encoded(quote_plus, name)}={_encoded(quote_plus, text(name, item))}')
    return '&'.join(found)


def _encoded(encode: Callable[[str, str], str], text: str, safe: str = '') -> str:
    try:
        return encode(text, safe)
    except UnicodeEncodeError:
        raise RequestInvalid(msg='A parameter has a surrogate in it, which UTF-8 cannot have') from None


def _with_query(url: str, query: str) -> str:
    return f'{url}{"&" if "?" in url else "?"}{query}' if query else url


def _ascii(title: str, host: str) -> str:
    """The address with all that is not ASCII encoded."""
    parts = urlsplit(host)
    name = parts.hostname or ''
    try:
        encoded = name if name.isascii() else name.encode('idna').decode()
    except UnicodeError:
        raise ConfigError(f'{title}: `host` has a name that no host can have: {name}') from None
    netloc = f'[{encoded}]' if ':' in encoded else encoded
    netloc += f':{parts.port}' if parts.port is not None else ''
    return f'{parts.scheme}://{netloc}{quote(parts.path, safe=_KEPT)}'
