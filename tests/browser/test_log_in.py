"""Logging in, by people who know the password and by those who do not."""

from __future__ import annotations

from time import time

import pyotp
import pytest

from tests.browser.conftest import Site, Visit
from tests.support.browser import Visitor

pytestmark = pytest.mark.xdist_group('browser-1')


def test_a_user_gets_to_the_page_that_was_wanted(site: Site, visit: Visit) -> None:
    viewer = visit(site, '')
    viewer.go('/zato/changes/?kind=service')
    viewer.heading('Log in')
    viewer.log_in('viewer', site.passwords['viewer'])
    viewer.heading('Changes')
    assert viewer.page.url == f'{site.origin}/zato/changes/?kind=service'


def test_a_wrong_password_and_an_unknown_user_are_refused_alike(site: Site, visit: Visit) -> None:
    somebody = visit(site, '')
    texts = [refusal(somebody, name, 'wrong') for name in ('viewer', 'nobody')]
    assert texts[0] == texts[1]
    somebody.go('/zato/')
    somebody.heading('Log in')


def test_who_has_logged_out_has_to_log_in_again(site: Site, visit: Visit) -> None:
    visitor = visit(site, '')
    visitor.go('/')
    visitor.log_in('viewer', site.passwords['viewer'])
    visitor.page.wait_for_url('**/zato/')
    visitor.press('Log out')
    visitor.heading('Log in')
    visitor.page.go_back()
    visitor.heading('Log in')


def test_an_open_page_leads_to_the_log_in_once_the_session_has_ended(site: Site, visit: Visit) -> None:
    visitor = visit(site, '')
    visitor.go('/')
    visitor.log_in('viewer', site.passwords['viewer'])
    visitor.page.wait_for_url('**/zato/')
    other = visitor.context.new_page()
    other.goto('/zato/servers/')
    other.get_by_role('button', name='Log out').click()
    visitor.heading('Log in')  # by itself


def test_totp_is_asked_for_once_it_is_turned_on(own_site: Site, visit: Visit) -> None:
    operator = visit(own_site, 'operator')
    operator.go('/account/settings/basic/')
    operator.follow('Turn TOTP on')
    key = operator.page.locator('#totp-key').inner_text().replace(' ', '')
    code = pyotp.TOTP(key)
    operator.page.get_by_label('TOTP code').fill(code.now())
    operator.page.get_by_label('Password').fill(own_site.passwords['operator'])
    operator.press('Turn TOTP on')
    operator.sees('TOTP is on')

    somebody = visit(own_site, '')
    somebody.watch.secrets[key] = 'the TOTP key'
    assert refusal(somebody, 'operator', own_site.passwords['operator'])
    assert refusal(somebody, 'operator', own_site.passwords['operator'], '000000')
    somebody.go('/zato/')
    somebody.heading('Log in')
    of_next_step = code.at(time() + code.interval)  # since that of now has been used
    somebody.log_in('operator', own_site.passwords['operator'], of_next_step)
    somebody.heading('Everything works')


def refusal(visitor: Visitor, username: str, password: str, totp_code: str = '') -> str:
    visitor.go('/accounts/login/')
    with visitor.expecting(403):
        visitor.log_in(username, password, totp_code)
        return visitor.page.get_by_role('alert').inner_text()
