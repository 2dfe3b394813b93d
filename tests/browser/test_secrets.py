"""Secrets that go into the dashboard come out nowhere: not in a page, an address, a log or, as they are, its database."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_plus, urljoin, urlsplit

import pyotp
import pytest

from tests.browser.conftest import Site, Visit
from tests.browser.showroom import EMPTY_PAGES, SECRETS, furnish
from tests.support.admin import invoke
from tests.support.browser import Visitor

pytestmark = pytest.mark.xdist_group('browser-1')

PASSWORD, CHANGED, KEY, WRONG = 'Planted-pass/&<1', 'Planted-changed"2', 'Planted-key+3', 'Planted-wrong-4'
PAYLOAD, USERS = 'Planted-payload-5', 'Planted-of-user-6'

_MOST_QUERIES = 2  #: of one path


def test_secrets_are_in_no_page_address_log_or_database(own_site: Site, visit: Visit) -> None:
    environment = own_site.environment
    pages = furnish(own_site)
    admin = visit(own_site)
    admin.watch.may_show_tracebacks = True
    secrets = admin.watch.secrets
    secrets |= dict.fromkeys((PASSWORD, CHANGED, KEY, WRONG, USERS, *SECRETS), 'a planted secret')
    plant(admin, own_site)
    secrets[turn_totp_on(admin, own_site)] = 'the TOTP key'
    secrets[PAYLOAD] = 'a payload'

    texts = dict(crawl(admin, [*EMPTY_PAGES.values(), *pages.values()]))
    assert any('Planted key' in text for text in texts.values())
    found = [f'{address}: {what}' for address, text in texts.items() for what in in_text(text, secrets)]
    assert found == []
    files = [file for each in (environment.web_admin, environment.server) for file in each.logs.iterdir()]
    in_files = [f'{file.name}: {what}' for file in files for what in in_text(read(file), secrets)]
    assert in_files == []
    at_rest = {text: what for text, what in secrets.items() if what != 'the session cookie'}
    assert [what for file in environment.web_admin.work.glob('web-admin.db*') for what in in_text(read(file), at_rest)] == []


def plant(admin: Visitor, site: Site) -> None:
    for kind, name, label, text in (
        ('security-basic-auth', 'Planted', 'Password', PASSWORD),
        ('security-apikey', 'Planted key', 'API key', KEY),
    ):
        admin.go(f'/zato/kind/{kind}/create/')
        admin.fill('Name', name)
        if kind == 'security-basic-auth':
            admin.fill('Username', 'planted')
        admin.page.get_by_label(label, exact=True).fill(text)
        admin.press('OK')
        admin.sees('has been created')
    id = invoke(site.environment, 'zato.security-basic-auth.get', {'name': 'Planted'})['id']
    admin.go(f'/zato/kind/security-basic-auth/{id}/password/')
    for label in ('Password', 'Password, once more'):
        admin.page.get_by_label(label, exact=True).fill(CHANGED)
    admin.press('Change password')
    admin.sees('has been changed')
    admin.go('/zato/service/invoker/demo.get-price/')
    admin.fill('Payload', PAYLOAD)
    with admin.expecting(400, 500, 502):
        admin.press('Submit')
        admin.page.locator('#response h2').wait_for()
    admin.go('/zato/users/create/')
    admin.fill('User name', 'planted')
    admin.page.get_by_label('Password', exact=True).fill(USERS)
    admin.press('OK')
    admin.sees('planted')
    site.environment.request('GET', '/customers', user='shop', password=WRONG)


def turn_totp_on(admin: Visitor, site: Site) -> str:
    """Returns the key, which its page alone shows, once."""
    admin.go('/account/settings/totp/')
    key = admin.page.locator('#totp-key').inner_text().replace(' ', '')
    admin.page.get_by_label('TOTP code').fill(pyotp.TOTP(key).now())
    admin.page.get_by_label('Password').fill(site.passwords['admin'])
    admin.press('Turn TOTP on')
    admin.sees('TOTP is on')
    admin.keep_session_secret()
    return key


def crawl(visitor: Visitor, paths: list[str]) -> Iterator[tuple[str, str]]:
    """Address and text of these pages and of all that they lead to. None may be missing."""
    waiting, seen, queries = list(paths), set(paths), Counter[str]()
    while waiting:
        address = waiting.pop()
        response = visitor.context.request.get(address)
        assert response.status == 200, (address, response.status)
        text = response.text()
        yield address, f'{unquote_plus(response.url)} {text}'
        for link in re.findall(r' href="([^"#]+)', text) if 'html' in response.headers['content-type'] else ():
            target = urlsplit(urljoin(response.url, html.unescape(link)))
            path = f'{target.path}?{target.query}' if target.query else target.path
            if target.netloc == urlsplit(response.url).netloc and not path.startswith('/static/') and path not in seen:
                seen.add(path)
                queries[target.path] += 1
                if queries[target.path] <= _MOST_QUERIES:
                    waiting.append(path)
    assert len(seen) > 100


def in_text(text: str, secrets: dict[str, str]) -> list[str]:
    unescaped = html.unescape(text)
    return [what for secret, what in secrets.items() if secret in text or secret in unescaped]


def read(file: Path) -> str:
    return file.read_bytes().decode('utf-8', 'replace')
