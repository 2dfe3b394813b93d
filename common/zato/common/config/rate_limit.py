"""Rate limits: how many requests, from where, in which time (source of the rules' form: classic Zato).

A rule is a line, `<from>=<rate>/<unit>`: from is `*`, an address or a network, rate a number or `*` for no limit, unit m, h
or d for a minute, an hour or a day. Times are fixed windows that begin with a full minute, hour or day, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from zato.common.config.field import setting
from zato.common.config.network import Network, parse_network

APPROXIMATE: Final = 'APPROXIMATE'
EXACT: Final = 'EXACT'

_UNITS: Final = {'m': 60, 'h': 3_600, 'd': 86_400}
_DIGITS: Final = 15  #: of a rate


@dataclass(frozen=True, slots=True)
class Rule:
    """network: None for any address. rate: None for no limit. seconds: how long a window is."""

    network: Network | None
    rate: int | None
    seconds: int

    @property
    def source(self) -> str:
        return '*' if self.network is None else str(self.network)


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Lines in their order; what follows a # is a comment. Raises ValueError, its text being the rule that is broken."""
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition('#')[0].strip()
        if line:
            rules.append(
                _parse(line, f'line {number} must be `<from>=<rate>/<unit>`, such as 10.0.0.0/8=100/m, not `{line}`')
            )
    return tuple(rules)


def _parse(line: str, rule: str) -> Rule:
    source, _, limit = (part.strip() for part in line.partition('='))
    rate, _, unit = (part.strip() for part in limit.partition('/'))
    if rate == '*' and not unit:
        unit = 'm'
    if unit not in _UNITS or not (rate == '*' or (rate.isascii() and rate.isdecimal() and len(rate) <= _DIGITS)):
        raise ValueError(rule)
    try:
        network = None if source == '*' else parse_network(source)
    except ValueError:
        raise ValueError(rule) from None
    return Rule(network, None if rate == '*' else int(rate), _UNITS[unit])


def check_rules(value: Any) -> None:
    """Raises ValueError."""
    parse_rules(value)


def check_limits(settings: RateLimited) -> None:
    """Raises ValueError where limits are active, and have no rule: that would refuse everybody."""
    if settings.is_rate_limit_active and not parse_rules(settings.rate_limit_def):
        raise ValueError('`rate_limit_def` must have a rule where `is_rate_limit_active` is True, such as *=1000/h')


@dataclass(frozen=True, kw_only=True)  # with slots, a class could not have two such bases
class RateLimited:
    """Settings of what can be limited."""

    is_rate_limit_active: bool = setting(
        False, label='Rate limiting', group='Rate limits', help='Is the number of requests limited?'
    )
    rate_limit_type: str = setting(
        APPROXIMATE,
        label='Rate limit type',
        group='Rate limits',
        help='APPROXIMATE: each worker counts for itself. EXACT: all workers of all servers count together, in the ODB',
        choices=(APPROXIMATE, EXACT),
    )
    rate_limit_def: str = setting(
        '',
        label='Rate limit definition',
        group='Rate limits',
        help=(
            'One rule a line: <from>=<rate>/<unit>, such as *=1000/h or 10.0.0.0/8=50/m; the first that fits the address '
            'counts, and an address that none fits is refused'
        ),
        is_multiline=True,
        max_length=20_000,
        check=check_rules,
    )
    rate_limit_check_parent_def: bool = setting(
        False,
        label='Rate limit: check parent',
        group='Rate limits',
        help="Is an address that no rule fits left to the request's other limits, rather than refused?",
    )
