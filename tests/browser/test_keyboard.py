"""The dashboard by keyboard alone: Tab, Enter and text. What has the focus is always to be seen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Site, Visit
from tests.support.admin import invoke
from tests.support.browser import Visitor

pytestmark = pytest.mark.xdist_group('browser-1')

_MOST_TABS = 80
_OUTLINE = """() => {
    const focused = document.activeElement;
    const style = getComputedStyle(focused);
    return focused === document.body || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2);
}"""


def test_logging_in_and_creating_a_channel(site: Site, visit: Visit) -> None:
    admin = visit(site, '')
    admin.go('/')
    page = admin.page
    expect(page.get_by_role('textbox', name='User name')).to_be_focused()
    page.keyboard.type('admin')
    tab_to(admin, page.get_by_role('textbox', name='Password'))
    page.keyboard.type(site.passwords['admin'])
    page.keyboard.press('Enter')
    page.wait_for_url('**/zato/')
    admin.keep_session_secret()

    menu = page.get_by_role('navigation', name='Main')
    for name in ('Connections', 'Channels'):
        tab_to(admin, menu.locator('summary', has_text=name))
        page.keyboard.press('Enter')
    tab_to(admin, menu.get_by_role('link', name='REST', exact=True))
    page.keyboard.press('Enter')
    admin.heading('REST')
    tab_to(admin, page.get_by_role('main').get_by_role('link', name='Create a new REST channel').first)
    page.keyboard.press('Enter')
    admin.heading('Create a new REST channel')
    tab_to(admin, page.get_by_role('textbox', name='Name', exact=True))
    page.keyboard.type('By keyboard')
    tab_to(admin, page.get_by_role('textbox', name='URL path', exact=True))
    page.keyboard.type('/by/keyboard')
    service = page.get_by_role('combobox', name='Service', exact=True)
    tab_to(admin, service)
    page.keyboard.type('demo.get-price')
    expect(service).to_have_value('demo.get-price')
    tab_to(admin, page.get_by_role('button', name='OK', exact=True))
    page.keyboard.press('Enter')
    admin.sees('has been created')
    made = invoke(site.environment, 'zato.channel-rest.get', {'name': 'By keyboard'})
    assert (made['url_path'], made['service']) == ('/by/keyboard', 'demo.get-price')

    row = page.get_by_role('row').filter(has=page.get_by_role('rowheader', name='By keyboard', exact=True))
    tab_to(admin, row.locator('summary'))
    page.keyboard.press('Enter')
    tab_to(admin, row.get_by_role('link', name='Delete'))
    page.keyboard.press('Enter')
    tab_to(admin, page.get_by_role('button', name='Delete it', exact=True))
    page.keyboard.press('Enter')
    admin.sees('has been deleted')


def test_the_menu_can_be_skipped(site: Site, visit: Visit) -> None:
    viewer = visit(site, 'viewer')
    viewer.go('/zato/service/')
    viewer.page.keyboard.press('Tab')
    skip = viewer.page.get_by_role('link', name='Skip to content')
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    viewer.page.keyboard.press('Enter')
    viewer.page.keyboard.press('Tab')
    in_main = viewer.page.evaluate("document.querySelector('main').contains(document.activeElement)")
    assert in_main


def tab_to(visitor: Visitor, target: Locator) -> None:
    """Press Tab until it has the focus."""
    for _ in range(_MOST_TABS):
        if target.evaluate('element => element === document.activeElement'):
            return
        visitor.page.keyboard.press('Tab')
        assert visitor.page.evaluate(_OUTLINE), visitor.page.evaluate('document.activeElement.outerHTML')
    raise AssertionError(f'not reached with {_MOST_TABS} times Tab: {target}')
