"""Every main page: axe finds nothing serious, in light and dark, with data and without; a phone does not scroll sideways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.conftest import Site, Visit, open_site
from tests.browser.showroom import EMPTY_PAGES, furnish
from tests.support.admin import invoke
from tests.support.browser import PHONE, Visitor

pytestmark = pytest.mark.xdist_group('browser-2')

_COLOURS = {'runOnly': ['color-contrast', 'link-in-text-block']}  #: what differs between light and dark


@pytest.fixture(scope='module')
def showroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Mapping[str, str]]]:
    opened = open_site(tmp_path_factory.mktemp('showroom') / 'qs-1', servers=2)
    try:
        yield opened, furnish(opened)
    finally:
        opened.environment.close()


def test_pages_with_data_are_for_everybody(showroom: tuple[Site, Mapping[str, str]], visit: Visit) -> None:
    site, pages = showroom
    admin = visit(site)
    admin.watch.may_show_tracebacks = True
    assert {name: found for name, path in pages.items() if (found := faults(admin, path))} == {}


def test_pages_without_data_and_then_without_servers_are_for_everybody(own_site: Site, visit: Visit) -> None:
    admin = visit(own_site)
    invoke(own_site.environment, 'zato.service.undeploy', {'name': 'demo'})
    assert {name: found for name, path in EMPTY_PAGES.items() if (found := faults(admin, path))} == {}

    own_site.environment.stop(server=0)
    without: dict[str, list[str]] = {}
    for name, path in EMPTY_PAGES.items():
        with admin.expecting(503):
            admin.page.goto(path)
            without[name] = serious(admin.page)
    assert {name: found for name, found in without.items() if found} == {}


def test_a_form_with_errors_and_the_log_in_page_are_for_everybody(site: Site, visit: Visit) -> None:
    admin = visit(site)
    admin.go('/zato/kind/outgoing-rest/create/')
    admin.fill('Timeout seconds', 'soon')
    with admin.expecting(400):
        admin.press('OK')
        admin.page.get_by_role('alert').wait_for()
    assert faults_here(admin.page) == []
    somebody = visit(site, '')
    somebody.go('/accounts/login/')
    with somebody.expecting(403):
        somebody.log_in('viewer', 'wrong')
        somebody.page.get_by_role('alert').wait_for()
    assert faults_here(somebody.page) == []


def test_a_user_chooses_light_or_dark(own_site: Site, visit: Visit) -> None:
    jane = visit(own_site, 'jane')
    light, dark = 'rgb(255, 255, 255)', 'rgb(17, 22, 29)'
    assert background(jane.page) == light
    jane.page.emulate_media(color_scheme='dark')
    assert background(jane.page) == dark
    jane.go('/account/settings/basic/')
    jane.page.get_by_label('Theme').select_option('light')
    jane.page.get_by_role('form', name='Pages').get_by_role('button', name='OK').click()
    jane.page.locator('html[data-theme=light]').wait_for()
    assert background(jane.page) == light


def background(page: Page) -> str:
    return str(page.evaluate('getComputedStyle(document.body).backgroundColor'))


def faults(visitor: Visitor, path: str) -> list[str]:
    visitor.go(path)
    return faults_here(visitor.page)


def faults_here(page: Page) -> list[str]:
    """Of the page that is open, in light and dark, and narrow."""
    found = [*serious(page), *cut_off(page)]
    page.emulate_media(color_scheme='dark')
    found += [f'dark: {each}' for each in serious(page, _COLOURS)]
    page.emulate_media(color_scheme='light')
    before = page.viewport_size
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a dict of two numbers
    width, room = page.evaluate('[document.documentElement.scrollWidth, document.documentElement.clientWidth]')
    if width > room:
        found.append(f'{width} pixels wide where there are {room}: {too_wide(page)}')
    page.set_viewport_size(before)  # type: ignore[arg-type]
    return found


def serious(page: Page, options: Mapping[str, Any] | None = None) -> list[str]:
    if not page.evaluate('"axe" in window'):
        page.evaluate(AXE_SCRIPT)
    results = page.evaluate('options => axe.run(options)', {'resultTypes': ['violations'], **(options or {})})['violations']
    return [
        f'{each["id"]}: {node["html"][:200]} ({node.get("failureSummary", "")})'
        for each in results
        for node in each['nodes']
        if each['impact'] != 'minor'
    ]


def cut_off(page: Page) -> list[str]:
    """Tables that need to be scrolled sideways on a desk's screen, so that what is at their right is not seen."""
    script = """[...document.querySelectorAll('.scroll')].filter(frame => frame.scrollWidth > frame.clientWidth).map(
        frame => `${frame.scrollWidth} pixels wide where there are ${frame.clientWidth}: ${frame.innerText.slice(0, 60)}`)"""
    return list(page.evaluate(script))


def too_wide(page: Page) -> list[str]:
    """The innermost elements that stand out at the right."""
    script = """[...document.querySelectorAll('body *')].filter(element =>
        element.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !element.closest('.scroll, pre')
    ).slice(-3).map(element => element.outerHTML.slice(0, 150))"""
    return list(page.evaluate(script))
