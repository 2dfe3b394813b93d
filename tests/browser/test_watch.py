"""The watch over what people are sent is not blind."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Site, Visit

pytestmark = pytest.mark.xdist_group('browser-2')


def test_what_is_wrong_with_pages_is_noticed(site: Site, visit: Visit) -> None:
    viewer = visit(site, 'viewer')
    viewer.watch.secrets |= {'Recent changes': 'a secret heading', 'query=hush': 'a secret query'}
    viewer.go('/zato/')
    viewer.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">Red</p>')")
    viewer.page.evaluate("setTimeout(() => { throw new Error('It fails on purpose') })")
    viewer.page.evaluate("fetch('/zato/nothing/').then(answer => answer.text())")
    viewer.go('/zato/changes/?query=hush')
    viewer.flush()
    problems, viewer.watch.problems = viewer.watch.problems, []
    for expected in (
        'has a secret heading',
        'has a secret query',
        'Content Security Policy',
        'It fails on purpose',
        '/zato/nothing/: status 404',
    ):
        assert any(expected in problem for problem in problems), (expected, problems)
