"""Logs: what filters leave, and that nothing is lost or shown twice while a page follows them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Site, Visit

pytestmark = pytest.mark.xdist_group('browser-2')

TALKER = """
from zato.server.service import Service

class Talk(Service):
    name = 'talker.talk'
    input = 'word', '-fails'

    def handle(self):
        self.logger.info('Info of %s', self.request.input.word)
        self.logger.warning('Warning of %s <b>&amp;</b>', self.request.input.word)
        if self.request.input.fails:
            raise ValueError('It fails on purpose')

class Other(Service):
    name = 'talker.other'

    def handle(self):
        self.logger.info('Info of another')
"""


@pytest.fixture(scope='module')
def talker(site: Site) -> Site:
    assert site.environment.deploy('talker.py', TALKER).code == 0
    return site


def test_filters_leave_what_is_looked_for(talker: Site, visit: Visit) -> None:
    cid = talker.environment.invoke('talker.talk', {'word': 'filtered'}).headers['x-zato-cid']
    talker.environment.invoke('talker.other')
    operator = visit(talker, 'operator')
    operator.go('/zato/logs/')
    log = operator.page.get_by_role('log')
    expect(log).to_contain_text('Info of another')
    expect(log).to_contain_text('Warning of filtered <b>&amp;</b>')
    expect(records(log).first).to_be_visible()

    for label, value in (('cid', cid), ('Text', 'of filtered'), ('Service', 'talker.talk')):
        operator.go('/zato/logs/')
        operator.page.get_by_label(label, exact=True).fill(value)
        operator.press('Find')
        expect(log).to_contain_text('Info of filtered')
        expect(log).not_to_contain_text('Info of another')
    operator.page.get_by_label('Level').select_option('WARNING')
    operator.press('Find')
    expect(log).not_to_contain_text('Info of filtered')
    expect(log).to_contain_text('Warning of filtered')


def test_a_followed_log_shows_each_record_once_and_can_be_paused(talker: Site, visit: Visit) -> None:
    operator = visit(talker, 'operator')
    operator.go('/zato/logs/?service=talker.talk&level=WARNING')
    log = operator.page.get_by_role('log')
    for number in (1, 2):
        talker.environment.invoke('talker.talk', {'word': f'number {number};'}, server=number % 2)
        expect(log).to_contain_text(f'number {number};')
    for number in (3, 4, 5):
        talker.environment.invoke('talker.talk', {'word': f'number {number};'}, server=number % 2)
    expect(log).to_contain_text('number 5;')
    assert [log.inner_text().count(f'number {number};') for number in (1, 2, 3, 4, 5)] == [1, 1, 1, 1, 1]
    operator.page.get_by_role('checkbox', name='Pause').check()
    talker.environment.invoke('talker.talk', {'word': 'while it rests'})
    another = visit(talker, 'operator')
    another.go('/zato/logs/?service=talker.talk')
    expect(another.page.get_by_role('log')).to_contain_text('while it rests')
    expect(log).not_to_contain_text('while it rests')
    operator.page.get_by_role('checkbox', name='Pause').uncheck()
    expect(log).to_contain_text('while it rests')


def test_a_traceback_is_one_record(talker: Site, visit: Visit) -> None:
    operator = visit(talker, 'operator')
    operator.watch.may_show_tracebacks = True
    cid = talker.environment.invoke('talker.talk', {'word': 'x', 'fails': 'yes'}).headers['x-zato-cid']
    operator.go(f'/zato/logs/?cid={cid}&level=ERROR')
    record = records(operator.page.get_by_role('log'))
    expect(record).to_have_count(1)
    expect(record).to_contain_text(re.compile('Traceback .*ValueError: It fails on purpose', re.DOTALL))


def test_what_is_shown_can_be_saved(talker: Site, visit: Visit) -> None:
    cid = talker.environment.invoke('talker.talk', {'word': 'saved'}).headers['x-zato-cid']
    operator = visit(talker, 'operator')
    operator.go(f'/zato/logs/?cid={cid}')
    with operator.page.expect_download() as download:
        operator.follow('Download')
    assert 'Info of saved' in download.value.path().read_text()


def records(log: Locator) -> Locator:
    return log.locator('.record')
