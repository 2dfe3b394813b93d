"""Figures of commits."""

from __future__ import annotations

from zato.server.pubsub.commits import Commits


def test_without_commits_all_figures_are_zero() -> None:
    assert Commits().as_dict() == {'commits': 0, 'operations_per_commit': 0.0, 'commit_ms_p50': 0.0, 'commit_ms_p99': 0.0}


def test_figures_are_those_of_the_latest_thousand() -> None:
    commits = Commits()
    commits.add(100.0, 1)
    for number in range(1_000):
        commits.add(number / 1_000, 64)
    assert commits.as_dict() == {
        'commits': 1_001,
        'operations_per_commit': 64.0,
        'commit_ms_p50': 500.0,
        'commit_ms_p99': 990.0,
    }


def test_one_commit_is_its_own_median() -> None:
    commits = Commits()
    commits.add(0.5, 3)
    assert commits.as_dict()['commit_ms_p50'] == 500.0
