"""Pages of services: upload, source, versions, rollback, invoker."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FilePayload, expect

from tests.browser.conftest import Site, Visit
from tests.support.browser import Visitor

pytestmark = pytest.mark.xdist_group('browser-1')


def source(name: str, answer: str) -> str:
    return (
        'from zato.server.service import Service\n'
        '\n'
        '\n'
        'class Uploaded(Service):\n'
        f'    name = {name!r}\n'
        '\n'
        '    def handle(self):\n'
        f'        self.response.payload = {{"answer": {answer!r}}}\n'
    )


MIRROR = """
from zato.server.service import Service


class Mirror(Service):
    \"\"\"Says what it was sent.\"\"\"

    name = 'mirror.say'

    def handle(self):
        self.logger.info('Mirror was called')
        raw, payload = self.request.raw_request, self.request.payload
        self.response.payload = {'raw': str(raw), 'payload': str(payload), 'type': type(payload).__name__}


class Fails(Service):
    name = 'mirror.fail'

    def handle(self):
        raise ValueError('It fails on purpose')


class Sleeps(Service):
    name = 'mirror.sleep'

    def handle(self):
        self.sleep(60)
"""


def test_a_file_is_uploaded_and_a_broken_one_leaves_what_is_served(site: Site, visit: Visit) -> None:
    admin = visit(site)
    admin.go('/zato/service/')
    admin.follow('Upload')
    upload(admin, 'uploaded.py', source('uploaded.first', 'one'))
    admin.sees('uploaded.py: deployed')
    admin.follow('uploaded.first')
    admin.heading('uploaded.first')
    assert site.environment.invoke('uploaded.first').json == {'answer': 'one'}

    admin.watch.may_show_tracebacks = True
    admin.go('/zato/service/upload/')
    upload(admin, 'uploaded.py', source('uploaded.first', 'two').replace('def handle', 'def handle('))
    admin.sees('uploaded.py: not deployed')
    admin.sees('SyntaxError')
    assert site.environment.invoke('uploaded.first').json == {'answer': 'one'}


def test_versions_are_compared_and_rolled_back(site: Site, visit: Visit) -> None:
    admin = visit(site)
    for number, answer in enumerate(('one', 'two'), 1):
        admin.go('/zato/service/upload/')
        upload(admin, 'versioned.py', source('versioned.first', answer))
        admin.sees('versioned.py: deployed')
        assert site.environment.invoke('versioned.first').json == {'answer': answer}, number
    admin.follow('versioned.first')
    admin.follow('Source code')
    admin.sees('class Uploaded(Service)')
    admin.follow('Versions')
    admin.press('Compare')
    admin.sees('-        self.response.payload = {"answer": \'one\'}')
    admin.sees('+        self.response.payload = {"answer": \'two\'}')
    admin.follow('Roll back to version 1')
    admin.sees('Roll back to version 1?')
    admin.press('Roll back')
    admin.sees('Version 1 of module versioned is active again')
    assert site.environment.invoke('versioned.first').json == {'answer': 'one'}


@pytest.mark.parametrize(
    ('data_format', 'payload', 'expected'),
    [
        ('----', 'just text', '"raw": "just text"'),
        ('JSON', '{"a": [1, "ö"]}', '"type": "dict"'),
        ('CSV', 'a,b\n1,2', ',list'),
    ],
    ids=['none', 'json', 'csv'],
)
def test_the_invoker_shows_the_response(data_format: str, payload: str, expected: str, site: Site, visit: Visit) -> None:
    operator = visit(site, 'operator')
    invoker(operator, site, 'mirror.say')
    operator.fill('Payload', payload)
    operator.page.get_by_label('Data format').select_option(label=data_format)
    operator.press('Submit')
    response = operator.page.locator('#response')
    expect(response).to_contain_text(re.compile(r'[\d.]+ ms'))
    expect(response.get_by_role('region').first).to_contain_text(expected)
    expect(operator.page.get_by_role('textbox', name='Payload')).to_have_value(payload)


def test_an_answer_leads_to_its_call_in_the_log(site: Site, visit: Visit) -> None:
    operator = visit(site, 'operator')
    invoker(operator, site, 'mirror.say')
    operator.press('Submit')
    operator.follow('its log')
    operator.heading('Logs')
    expect(operator.page.get_by_role('log')).to_contain_text('Mirror was called')


def test_a_service_that_fails_or_takes_too_long_is_said_to(site: Site, visit: Visit) -> None:
    operator = visit(site, 'operator')
    operator.watch.may_show_tracebacks = True
    invoker(operator, site, 'mirror.fail')
    with operator.expecting(500, 502):
        operator.press('Submit')
        expect(operator.page.locator('#response')).to_contain_text('It fails on purpose')
    invoker(operator, site, 'mirror.sleep')
    operator.fill('Timeout', '0.2')
    with operator.expecting(504, 502):
        operator.press('Submit')
        expect(operator.page.locator('#response')).to_contain_text('0.2')
    expect(operator.page.get_by_role('button', name='Submit')).to_be_enabled()


def test_a_service_is_disabled_enabled_and_undeployed(site: Site, visit: Visit) -> None:
    admin = visit(site)
    site.environment.deploy('removed.py', source('removed.first', 'here'))
    admin.go('/zato/service/overview/removed.first/')
    admin.press('Disable')
    admin.sees('Calls are answered with 404')
    assert site.environment.invoke('removed.first').status == 404
    admin.press('Enable')
    expect(admin.page.get_by_role('button', name='Disable')).to_be_visible()
    assert site.environment.invoke('removed.first').status == 200
    admin.follow('Undeploy')
    admin.press('Undeploy')
    admin.page.get_by_role('status').first.wait_for()
    assert site.environment.invoke('removed.first').status == 404


def invoker(visitor: Visitor, site: Site, name: str) -> None:
    """Services → Find → name → Invoker."""
    if site.environment.invoke('mirror.say').status == 404:
        assert site.environment.deploy('mirror.py', MIRROR).code == 0
    visitor.choose('Services') if visitor.page.url != 'about:blank' else visitor.go('/zato/service/')
    visitor.page.get_by_role('main').get_by_role('searchbox').fill(name)
    visitor.press('Find')
    visitor.follow(name)
    visitor.follow('Invoker')
    expect(visitor.page.get_by_role('button', name='Submit')).to_be_visible()


def upload(visitor: Visitor, name: str, text: str) -> None:
    files = [FilePayload(name=name, mimeType='text/x-python', buffer=text.encode())]
    visitor.page.get_by_label('Files').set_input_files(files)
    visitor.press('Upload')
