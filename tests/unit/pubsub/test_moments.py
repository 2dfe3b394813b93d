"""Moments as people read them."""

from __future__ import annotations

from zato.common.pubsub.moments import iso


def test_a_moment_is_shown_in_utc_without_a_zone_and_none_is_nothing() -> None:
    assert iso(1_714_557_600_120_000) == '2024-05-01T10:00:00.120000'
    assert iso(0) == ''


def test_moments_that_no_calendar_has_are_its_first_or_its_last_one() -> None:
    assert iso(2**62).startswith('9999-12-31')
    assert iso(-(2**62)).startswith('0001-01-01')
