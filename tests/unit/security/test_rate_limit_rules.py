"""How rules of rate limits are written, and which one fits an address."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.rate_limits import limited
from zato.common.config.kind import kinds
from zato.common.config.rate_limit import RateLimited, check_rules, parse_rules
from zato.common.exception import Forbidden
from zato.server.security.rate_limit.limits import RateLimits

UNITS = {'m': 60, 'h': 3_600, 'd': 86_400}


def parsed(text: str) -> list[tuple[str, int | None, int]]:
    return [(rule.source, rule.rate, rule.seconds) for rule in parse_rules(text)]


def is_let_in(rules: str, address: str) -> bool:
    """Does some line fit? None of them has a limit."""
    limits = RateLimits()
    limits.put(limited(rules))
    try:
        limits.check(1, address, 'cid')
    except Forbidden:
        return False
    return True


def test_a_rule_says_from_where_how_many_requests_there_may_be_in_which_time() -> None:
    text = """
        # the office
        10.0.0.0/8 = 50/m
        192.168.1.7=1000/h  # one address
        2001:db8::/32=7/d
        *=*
    """
    assert parsed(text) == [
        ('10.0.0.0/8', 50, 60),
        ('192.168.1.7/32', 1_000, 3_600),
        ('2001:db8::/32', 7, 86_400),
        ('*', None, 60),
    ]


@pytest.mark.parametrize(
    ('text', 'source'),
    [
        ('10.1.2.3/8=1/m', '10.0.0.0/8'),
        ('::ffff:10.0.0.1=1/m', '10.0.0.1/32'),
        ('::ffff:10.0.0.0/104=1/m', '10.0.0.0/8'),
        ('2001:DB8::1=1/m', '2001:db8::1/128'),
    ],
)
def test_an_address_may_be_written_in_any_of_its_forms(text: str, source: str) -> None:
    assert parsed(text) == [(source, 1, 60)]


@pytest.mark.parametrize(
    'line',
    [
        '10.0.0.0/8',
        '10.0.0.0/8=',
        '=5/m',
        '10.0.0.0/8=5',
        '10.0.0.0/8=5/s',
        '10.0.0.0/8=5/M',
        '10.0.0.0/8=-5/m',
        '10.0.0.0/8=5.5/m',
        '10.0.0.0/8=٥/m',
        '10.0.0.0/8=/m',
        '10.0.0.0/8=*/x',
        f'*={"9" * 5_000}/m',
        '10.0.0.0/33=5/m',
        '10.0.0=5/m',
        'localhost=5/m',
        '*=5/m=6/m',
        '10.0.0.1 10.0.0.2=5/m',
    ],
)
def test_a_wrong_rule_is_told_by_its_line(line: str) -> None:
    with pytest.raises(ValueError, match=r'^line 3 must be `<from>=<rate>/<unit>`, such as 10\.0\.0\.0/8=100/m, not `'):
        check_rules(f'# the first\n*=5/m\n{line}')


def test_limits_that_are_active_have_a_rule() -> None:
    limited_kinds = [kind for kind in kinds().values() if issubclass(kind.settings, RateLimited)]
    assert {kind.name for kind in limited_kinds} >= {
        'channel_rest',
        'security_apikey',
        'security_basic_auth',
        'security_jwt',
        'service',
    }
    for kind in limited_kinds:
        for rules in ('', '\n# *=5/m\n'):
            values = {name: None for name, declared in kind.fields.items() if declared.is_required}
            settings = kind.settings(**values, is_rate_limit_active=True, rate_limit_def=rules)
            assert kind.check is not None
            with pytest.raises(ValueError, match='`rate_limit_def` must have a rule where `is_rate_limit_active` is True'):
                kind.check(settings)


@given(st.lists(st.tuples(st.ip_addresses(v=4) | st.ip_addresses(v=6), st.integers(0, 10**15 - 1), st.sampled_from('mhd'))))
def test_rules_are_read_as_they_were_written(rules: list[tuple[object, int, str]]) -> None:
    text = '\n'.join(f' {address} = {rate} / {unit} # why' for address, rate, unit in rules)
    assert [(rate, seconds) for _, rate, seconds in parsed(text)] == [(rate, UNITS[unit]) for _, rate, unit in rules]


@given(st.text(max_size=60))
@example('\x00=1/m')
@example('fe80::1%eth0=1/m')
@example('*=1/m\x85*=2/h\u2028*=*')
def test_any_text_is_read_or_refused(text: str) -> None:
    refused = ''
    try:
        parse_rules(text)
    except ValueError as e:
        refused = str(e)
    assert not refused or refused.startswith('line ')


@pytest.mark.parametrize(
    ('rules', 'address', 'is_in'),
    [
        ('10.0.0.0/8=*', '10.255.255.255', True),
        ('10.0.0.0/8=*', '11.0.0.0', False),
        ('10.0.0.0/8=*', '9.255.255.255', False),
        ('10.0.0.7=*', '10.0.0.7', True),
        ('10.0.0.7=*', '10.0.0.8', False),
        ('::/0=*', '10.0.0.8', False),
        ('0.0.0.0/0=*', '::a00:8', False),
        ('2001:db8::/32=*', '2001:db8:ffff::1', True),
        ('fe80::/10=*', 'fe80::1%eth0', True),
        ('*=*', '10.0.0.8', True),
        ('*=*', '-', True),
        ('10.0.0.7=*\n*=*', '-', True),
        ('10.0.0.0/8=*', '-', False),
        ('0.0.0.0/0=*\n::/0=*', '', False),
    ],
)
def test_a_line_fits_the_addresses_of_its_network(rules: str, address: str, is_in: bool) -> None:
    assert is_let_in(rules, address) is is_in
