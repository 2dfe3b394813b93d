"""Those who may only look, or operate, and who make requests by hand: with a session and a CSRF token, and directly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from tests.browser.conftest import Site, Visit
from tests.support.admin import create, invoke
from tests.support.browser import Visitor
from zato.cli.component import client_of
from zato.client.admin import AdminClient, ServerError
from zato.server.admin_api import builtin_services
from zato.server.admin_api.context import AdminContext, AdminService

pytestmark = pytest.mark.xdist_group('browser-2')

#: What changes something → what its form sends. {}: an outgoing connection.
CHANGES: dict[str, dict[str, str]] = {
    '/zato/kind/outgoing-rest/create/': {'name': 'By hand', 'host': 'http://127.0.0.1:9'},
    '/zato/kind/outgoing-rest/{}/': {'name': 'By hand', 'host': 'http://127.0.0.1:66'},
    '/zato/kind/outgoing-rest/{}/active/': {'is_active': 'no'},
    '/zato/kind/outgoing-rest/{}/delete/': {'plan': ''},
    '/zato/kind/security-basic-auth/{}/password/': {'password1': 'By-hand-1', 'password2': 'By-hand-1'},
    '/zato/service/upload/': {},
    '/zato/service/set-active/demo.get-price/': {'id': '1', 'version': '1', 'is_active': 'no'},
    '/zato/service/undeploy/demo.get-price/': {},
    '/zato/service/rollback/demo.get-price/': {'number': '1', 'active': '1'},
    '/zato/users/create/': {'username': 'by-hand', 'role': 'admin'},
    '/zato/users/1/role/': {'role': 'admin'},
    '/zato/users/1/password/': {},
    '/zato/users/1/delete/': {},
}
OPERATIONS: dict[str, dict[str, str]] = {
    '/zato/kind/outgoing-rest/{}/ping/': {},
    '/zato/service/invoker/demo.get-price/': {'payload': '', 'timeout': '5'},
    '/zato/service/save-response/demo.get-price/': {'content_type': 'text/plain', 'response': 'eA=='},
    '/zato/servers/cancel/server1/': {'cid': 'a' * 24},
}


@pytest.mark.parametrize(('user', 'refused'), [('viewer', CHANGES | OPERATIONS), ('operator', CHANGES)])
def test_requests_made_by_hand_are_refused(user: str, refused: dict[str, Any], site: Site, visit: Visit) -> None:
    environment = site.environment
    created = create(environment, 'zato.outgoing-rest', f'Of {user}', host='http://127.0.0.1:9')
    before = invoke(environment, 'zato.audit.get-list', {'limit': 1})
    visitor = visit(site, user)
    token = csrf_token(visitor)
    answers = {path: post(visitor, path.format(created['id']), token, form) for path, form in refused.items()}
    assert {path: status for path, status in answers.items() if status != 403} == {}
    with_fragments = {
        path: post(visitor, path.format(created['id']), token, form, htmx=True) for path, form in refused.items()
    }
    assert set(with_fragments.values()) == {403}
    assert invoke(environment, 'zato.audit.get-list', {'limit': 1}) == before
    visitor.go('/zato/kind/outgoing-rest/')
    for name in ('Edit', 'Create a new Outgoing REST connection', 'Delete'):
        assert visitor.page.get_by_text(name, exact=True).count() == 0


def test_requests_without_a_token_are_refused_to_everybody(site: Site, visit: Visit) -> None:
    admin = visit(site)
    answers = {path: post(admin, path.format(1), 'x' * 64, form) for path, form in (CHANGES | OPERATIONS).items()}
    assert set(answers.values()) == {403}


@pytest.mark.parametrize('user', ['viewer', 'operator'])
def test_servers_refuse_what_a_role_may_not_whoever_asks_for_it(user: str, site: Site) -> None:
    client = replace(client_of(site.environment.server), user=user, role=user)
    before = invoke(site.environment, 'zato.audit.get-list', {'limit': 1})
    ranks = ('viewer', 'operator', 'admin')
    statuses = {
        name: refusal(client, name)
        for name, service in builtin_services(cast(AdminContext, None)).items()
        if issubclass(service.cls, AdminService) and ranks.index(service.cls.role) > ranks.index(user)
    }
    assert len(statuses) > 20
    assert {name: status for name, status in statuses.items() if status != 403} == {}
    assert invoke(site.environment, 'zato.audit.get-list', {'limit': 1}) == before


def refusal(client: AdminClient, service: str) -> int:
    """The status that the server answers with; 200 if it does what it is asked."""
    try:
        client.call(service, {'id': 1, 'name': 'zato.ping', 'changes': []})
    except ServerError as e:
        return e.http_status
    return 200


def csrf_token(visitor: Visitor) -> str:
    visitor.go('/zato/')
    return str(visitor.page.locator('input[name=csrfmiddlewaretoken]').first.input_value())


def post(visitor: Visitor, path: str, token: str, form: dict[str, str], *, htmx: bool = False) -> int:
    headers = {'HX-Request': 'true', 'X-CSRFToken': token} if htmx else {}
    sent: Any = {'csrfmiddlewaretoken': token, **form}
    return visitor.context.request.post(path, form=sent, headers=headers, max_redirects=0).status
