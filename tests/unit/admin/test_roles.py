"""Whatever a user who may only look sends by hand, nothing changes and no server is asked to change anything."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.dashboard import Pages
from tests.unit.admin.test_frame import _views
from zato.admin.page import page_of

#: What the arguments of addresses stand for.
_SAMPLES = {'kind': 'channel-rest', 'what': 'delete'}
#: Of a user's own, which takes no role.
_OWN = {
    '/account/settings/basic/',
    '/account/settings/password/',
    '/account/settings/totp/',
    '/account/settings/totp/off/',
}


def _sample(pattern: str) -> str:
    def one(found: re.Match[str]) -> str:
        converter, _, name = found[1].rpartition(':')
        return _SAMPLES.get(name, '1' if converter == 'int' else 'sample')

    return re.sub(r'<([^>]+)>', one, pattern)


def _csrf(client: Any) -> dict[str, str]:
    client.get('/account/settings/basic/')
    return {'X-CSRFToken': client.cookies['zato_csrf'].value}


@pytest.mark.parametrize('role', ['viewer', 'operator'])
def test_every_write_takes_its_role(pages: Pages, role: str) -> None:
    client = pages.client(role, enforce_csrf_checks=True)
    headers = _csrf(client)
    seen = []
    for pattern, view in _views():
        declared = page_of(view)
        assert declared is not None
        path = _sample(pattern)
        if declared.role == 'public' or path in _OWN or (role == 'operator' and declared.role == 'operator'):
            continue
        for method in ('post', 'put', 'delete', 'patch'):
            status = getattr(client, method)(path, headers=headers).status_code
            seen.append((path, method, status))
    assert [found for found in seen if found[2] not in (403, 405)] == []
    assert len(seen) > 20
    assert pages.cluster.calls == []


@pytest.mark.parametrize('role', ['viewer', 'operator'])
def test_a_form_without_its_token_is_refused_before_anything(pages: Pages, role: str) -> None:
    client = pages.client(role, enforce_csrf_checks=True)
    for pattern, _ in _views():
        assert client.post(_sample(pattern)).status_code == 403, pattern
    assert pages.cluster.calls == []


def test_only_admins_see_users(pages: Pages) -> None:
    for role, status in (('viewer', 403), ('operator', 403), ('admin', 200)):
        client = pages.client(role)
        for path in ('/zato/users/', '/zato/users/create/'):
            assert client.get(path).status_code == status
        assert ('/zato/users/' in client.get('/account/settings/basic/').content.decode()) == (role == 'admin')
