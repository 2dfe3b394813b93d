"""Which of several channels with one path and method a client wants, by its Accept header (RFC 9110, 12.5.1).

Parameters of media types are not looked at. What is malformed in a header is as if it were not there. Beyond the RFC, a
weight may have more than three digits, and begin with the point: `q=.2` is what Java's HttpURLConnection sends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from zato.common.exception import ConfigError

ANYTHING: Final = '*/*'

_MEDIA_RANGE: Final = re.compile(r"(?:\*/\*|(?!\*/)[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+)").fullmatch
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.?)*+"?', re.DOTALL)
_WEIGHT: Final = re.compile(r'[01](?:\.[0-9]{0,20})?|\.[0-9]{1,20}').fullmatch


class Offer(Protocol):
    """`http_accept`: what is offered, as `normalize` returns it."""

    @property
    def http_accept(self) -> str: ...


T = TypeVar('T', bound=Offer)


def normalize(text: str) -> str:
    """A media type or range in lower case, without parameters; */* if there is none. Raises ConfigError."""
    media_range = text.partition(';')[0].strip().lower() or ANYTHING
    if not _MEDIA_RANGE(media_range):
        raise ConfigError(f'`http_accept` must be a media type such as application/json, application/* or */*, not `{text}`')
    return media_range


def specificity(media_range: str) -> int:
    """0 for */*, 1 for a type with any subtype, 2 for one media type."""
    return 0 if media_range == ANYTHING else 1 if media_range.endswith('/*') else 2


class Accept:
    """One request's header, parsed when it is first needed. An empty one stands for anything."""

    __slots__ = ('_header', '_parsed')

    def __init__(self, header: bytes) -> None:
        self._header = header
        self._parsed: dict[str, float] = {}

    @property
    def _weights(self) -> dict[str, float]:
        """Of each media range, 0..1."""
        if not self._parsed:
            self._parsed = _parse(self._header) or {ANYTHING: 1.0}
        return self._parsed

    def weight(self, offered: str) -> float:
        """0 if the client does not want it; of a range, the weight of what it would like best in it."""
        weights = self._weights
        main, _, sub = offered.partition('/')
        rest = weights.get(f'{main}/*', weights.get(ANYTHING, 0.0))
        if sub != '*':
            return weights.get(offered, rest)
        start = '' if offered == ANYTHING else f'{main}/'
        return max(rest, max((weight for wanted, weight in weights.items() if wanted.startswith(start)), default=0.0))

    def choose(self, offers: Sequence[T]) -> T | None:
        """What the client wants most; of equals the most specific one, and of those the first. None if it wants none.

        */* is taken whatever the header says: what such a channel answers with is not known.
        """
        if not offers or (len(offers) == 1 and offers[0].http_accept == ANYTHING):
            return offers[0] if offers else None
        weighed = [(self.weight(offer.http_accept), offer) for offer in offers]
        wanted = [(weight, offer) for weight, offer in weighed if weight > 0 or offer.http_accept == ANYTHING]
        return max(wanted, key=lambda pair: (pair[0], specificity(pair[1].http_accept)))[1] if wanted else None


def _parse(header: bytes) -> dict[str, float]:
    """Of a media range that is there twice, as with different parameters, the highest weight counts."""
    weights: dict[str, float] = {}
    for item in _QUOTED.sub('"', header.decode('latin-1').lower()).split(','):
        name, *parameters = [part.strip(' \t') for part in item.split(';')]
        weight = _weight(parameters)
        if weight is not None and _MEDIA_RANGE(name):
            weights[name] = max(weight, weights.get(name, 0.0))
    return weights


def _weight(parameters: list[str]) -> float | None:
    """None if it is malformed."""
    for parameter in parameters:
        if parameter.startswith('q='):
            weight = float(parameter[2:]) if _WEIGHT(parameter[2:]) else 2.0
            return weight if weight <= 1 else None
    return 1.0
