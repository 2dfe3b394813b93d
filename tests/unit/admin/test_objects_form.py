"""The form of objects: what it has, what it sends to servers, and what it says when they refuse that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.dashboard import Pages
from tests.support.html_form import HTMLForm
from tests.unit.admin.object_answers import SERVICES, as_saved, objects_of, page_of, required, saved, shown
from zato.admin.links import object_page
from zato.admin.menu import OWN_PAGES
from zato.admin.objects.values import request_of, values_of
from zato.client.admin import ServerError, ServerUnreachable
from zato.common.config.kind import Kind, find_kind, kinds
from zato.common.config.stored import read_settings

CHANNEL = kinds()['channel_rest']
OUTGOING = kinds()['outgoing_rest']
GROUP = kinds()['security_group']
BASIC_AUTH = kinds()['security_basic_auth']
KINDS = [kind for kind in kinds().values() if 'edit' in kind.operations]

NO_VARIABLE = 'Outgoing REST connection `My object`: `host` is $HOST, and the server has no environment variable HOST'


def _form(pages: Pages, path: str, *, role: str = 'admin', status: int = 200) -> tuple[Any, HTMLForm, str]:
    client = pages.client(role)
    answer = client.get(path)
    text = answer.content.decode()
    assert answer.status_code == status, text
    return client, HTMLForm(text), text


def _edit(pages: Pages, kind: Kind, **settings: Any) -> tuple[Any, HTMLForm, str]:
    pages.cluster.answers[f'{kind.derived_services}.get'] = shown(kind, **settings)
    return _form(pages, f'/zato/kind/{kind.slug}/1/')


def _refusal(status: int, *errors: tuple[str, str]) -> ServerError:
    found = [{'change': 0, 'key': key, 'text': text} for key, text in errors]
    return ServerError('cid-1', status, '\n'.join(text for _, text in errors), found)


@pytest.fixture(autouse=True)
def _objects(pages: Pages) -> None:
    objects_of(pages.cluster)


@pytest.mark.parametrize('kind', [kind for kind in KINDS if 'create' in kind.operations], ids=lambda kind: kind.name)
def test_the_form_of_every_kind_creates_what_its_service_takes(pages: Pages, kind: Kind) -> None:
    service = f'{kind.derived_services}.create'
    pages.cluster.answers[service] = as_saved
    client, form, _ = _form(pages, f'/zato/kind/{kind.slug}/create/')
    answer = client.post(f'/zato/kind/{kind.slug}/create/', {**form.values, **required(kind), 'name': 'New'})
    own = object_page(kind.name, 7, 'New') if kind.name in OWN_PAGES else ''
    assert answer.headers['Location'] == (own or f'/zato/kind/{kind.slug}/?highlight=7')
    (payload,) = pages.cluster.asked(service)
    assert (payload.pop('name'), payload.pop('is_active')) == ('New', True)
    problems: list[str] = []
    assert read_settings(kind, payload, lambda key, text: problems.append(f'{key} {text}'))
    assert problems == []
    able = {name for name, declared in kind.fields.items() if not (declared.is_secret or declared.is_read_only)}
    assert payload.keys() == able


@pytest.mark.parametrize('kind', KINDS, ids=lambda kind: kind.name)
def test_the_form_of_every_kind_edits_nothing_that_nobody_touched(pages: Pages, kind: Kind) -> None:
    texts = {name: '\nfirst\nsecond' for name, declared in kind.fields.items() if declared.is_multiline}
    client, form, _ = _edit(pages, kind, **texts)
    pages.cluster.answers[f'{kind.derived_services}.edit'] = as_saved
    assert client.post(f'/zato/kind/{kind.slug}/1/', form.values).status_code == 302
    (payload,) = pages.cluster.asked(f'{kind.derived_services}.edit')
    assert (payload.pop('id'), payload.pop('version')) == (1, '3')
    expected = request_of(kind, values_of(kind, shown(kind, **texts)))
    expected = {name: value for name, value in expected.items() if name not in kind.fields or not _is_fixed(kind, name)}
    if not kind.is_renamable:
        del expected['name']
    assert {key: _unix(value) for key, value in payload.items()} == expected


def _is_fixed(kind: Kind, name: str) -> bool:
    declared = kind.fields[name]
    return declared.is_read_only or declared.is_fixed or declared.is_secret


def test_what_stays_as_it_is_can_be_read_in_the_form_of_an_object(pages: Pages) -> None:
    kind = find_kind('pubsub_subscription')
    stays = {'topic': '/customer/new', 'endpoint': 'crm', 'sub_key': 'zpsk.rest.1'}
    _, form, text = _edit(pages, kind, **stays)
    assert not form.inputs.keys() & stays.keys()
    assert all(value in text for value in stays.values())


def _unix(value: Any) -> Any:
    return value.replace('\r\n', '\n') if isinstance(value, str) else value


@pytest.mark.parametrize('kind', KINDS, ids=lambda kind: kind.name)
def test_every_input_has_a_label_and_an_id_of_its_own(pages: Pages, kind: Kind) -> None:
    _, form, text = _edit(pages, kind)
    assert len(form.ids) == len(set(form.ids))
    for name, attributes in form.inputs.items():
        if attributes.get('type') == 'hidden':
            continue
        is_labelled = (
            f'<label for="{attributes.get("id")}"' in text or f'<label><input type="checkbox" name="{name}"' in text
        )
        assert is_labelled, name
        for described in (attributes.get('aria-describedby') or '').split():
            assert described in form.ids


def test_the_form_has_what_the_declaration_says(pages: Pages) -> None:
    _, form, text = _form(pages, '/zato/kind/outgoing-rest/create/')
    assert 'Timeout <span class="unit">seconds</span>' in text
    assert '0.001 to 86,400 seconds' in text
    assert 'required' in form.inputs['host']
    assert form.inputs['timeout']['inputmode'] == 'decimal'
    assert form.inputs['pool_size']['inputmode'] == 'numeric'
    assert form.options['data_format'] == ['', 'json', 'form', 'xml', '$']
    assert '<summary>TLS</summary>' in text
    assert '<details class="group" open>' not in text


def test_a_group_is_open_where_something_is_not_as_it_is_by_default(pages: Pages) -> None:
    _, _, text = _edit(pages, OUTGOING, tls_verify=False)
    assert text.count('<details class="group" open>') == 1
    assert '<details class="group" open><summary>TLS</summary>' in text


def test_references_are_chosen_from_what_there_is(pages: Pages) -> None:
    _, form, text = _form(pages, '/zato/kind/channel-rest/create/')
    assert form.options['service'] == list(SERVICES)
    assert form.values['service'] == 'pub.zato.ping'
    assert form.options['security'][:2] == ['', 'security_basic_auth/one']
    assert 'security_jwt/two' in form.options['security']
    assert '<optgroup label="API key">' in text


def test_of_many_objects_names_are_suggested(pages: Pages) -> None:
    names = [f'service.number-{number}' for number in range(1_000)]
    objects_of(pages.cluster, service=names, security_basic_auth=names)
    _, form, text = _form(pages, '/zato/kind/channel-rest/create/')
    assert form.inputs['service']['list'] == 'field-service-list'
    assert '<option value="service.number-999">' in text
    _, form, _ = _form(pages, '/zato/kind/security-group/create/')
    assert form.inputs['members.add']['list'] == 'field-members-list'


def test_members_are_boxes_or_lines(pages: Pages) -> None:
    members = ['one', 'two']
    _, form, text = _edit(pages, GROUP, members=members)
    assert form.values['members'] == ['security_basic_auth/one', 'security_basic_auth/two']
    assert '<fieldset' in text
    objects_of(pages.cluster, security_apikey=[f'key {number}' for number in range(200)])
    _, form, text = _edit(pages, GROUP, members=members)
    assert form.values['members'] == 'security_basic_auth/one\r\nsecurity_basic_auth/two'


def test_what_is_chosen_is_not_lost_where_it_is_not_among_the_choices(pages: Pages) -> None:
    _, form, _ = _edit(pages, CHANNEL, service='gone.service', method='BREW')
    assert form.values['service'] == 'gone.service'
    assert form.values['method'] == 'BREW'


def test_where_there_is_nothing_to_refer_to_a_link_leads_to_making_it(pages: Pages) -> None:
    objects_of(pages.cluster, security_group=())
    _, _, text = _form(pages, '/zato/kind/channel-rest/create/')
    assert 'There is none yet. Create a new <a href="/zato/kind/security-group/create/">Security group</a>.' in text


def test_where_several_kinds_may_be_referred_to_each_can_be_made(pages: Pages) -> None:
    objects_of(pages.cluster, security_basic_auth=(), security_apikey=(), security_jwt=())
    _, _, text = _form(pages, '/zato/kind/channel-rest/create/')
    assert all(f'/zato/kind/security-{slug}/create/">' in text for slug in ('basic-auth', 'apikey', 'jwt'))


def test_services_that_are_built_in_come_after_those_of_users(pages: Pages) -> None:
    kind = kinds()['service']
    items = [shown(kind, name='a.built-in', is_internal=True), shown(kind, name='z.mine', is_internal=False)]
    pages.cluster.answers[f'{kind.derived_services}.get-list'] = page_of(items)
    _, form, _ = _form(pages, '/zato/kind/channel-rest/create/')
    assert form.options['service'][:2] == ['z.mine', 'a.built-in']


def test_errors_are_beside_their_inputs_and_in_a_summary(pages: Pages) -> None:
    errors = [
        ('name', 'must be text and not empty'),
        ('url_path', 'must begin with a slash'),
        ('http_accept', 'must be a type'),
    ]
    errors += [('service_id', 'there is no Service `x`'), ('max_body', 'must be a number')]
    pages.cluster.answers['zato.channel-rest.create'] = _refusal(400, *errors)
    client, form, _ = _form(pages, '/zato/kind/channel-rest/create/')
    answer = client.post('/zato/kind/channel-rest/create/', {**form.values, 'url_path': 'typed', 'max_body': 'many'})
    text = answer.content.decode()
    assert answer.status_code == 400
    assert 'There are 5 problems' in text
    after = HTMLForm(text)
    for name in ('name', 'url_path', 'http_accept', 'service', 'max_body'):
        assert f'<a href="#field-{name}">' in text
        assert after.inputs[name]['aria-invalid'] == 'true'
        assert f'field-{name}-errors' in (after.inputs[name]['aria-describedby'] or '')
    assert (after.values['url_path'], after.values['max_body']) == ('typed', 'many')
    assert '<details class="group" open><summary>Requests and answers</summary>' in text
    assert '<details class="group"><summary>CORS</summary>' in text


def test_errors_name_settings_as_the_form_does(pages: Pages) -> None:
    errors = [
        ('name', 'must be text and not empty; got ``'),
        ('rate_limit_def', '`rate_limit_def` must have a rule where `is_rate_limit_active` is True'),
        ('url_path', 'is that of REST channel `host` already; got `service`'),
    ]
    pages.cluster.answers['zato.channel-rest.create'] = _refusal(400, *errors)
    client, form, _ = _form(pages, '/zato/kind/channel-rest/create/')
    text = client.post('/zato/kind/channel-rest/create/', form.values).content.decode()
    assert '</a>: must be text and not empty</li>' in text
    assert '</a>: must have a rule where “Rate limiting” is True</li>' in text
    assert '</a>: is that of REST channel `host` already; got `service`</li>' in text


def test_errors_that_belong_to_no_input_are_on_top(pages: Pages) -> None:
    error = _refusal(400, ('', '`a` and `b` do not fit'), ('unknown_key', 'is unknown'))
    pages.cluster.answers['zato.channel-rest.create'] = error
    client, form, _ = _form(pages, '/zato/kind/channel-rest/create/')
    text = client.post('/zato/kind/channel-rest/create/', form.values).content.decode()
    assert 'There are 2 problems' in text
    assert '`a` and `b` do not fit' in text
    assert 'unknown_key: is unknown' in text


def test_a_password_that_was_typed_is_never_shown_again(pages: Pages) -> None:
    pages.cluster.answers['zato.security-basic-auth.create'] = _refusal(400, ('username', 'must not have a colon'))
    client, form, _ = _form(pages, '/zato/kind/security-basic-auth/create/')
    assert form.inputs['password']['type'] == 'password'
    sent = {**form.values, 'name': 'x', 'username': 'a:b', 'password': 'planted-secret'}
    text = client.post('/zato/kind/security-basic-auth/create/', sent).content.decode()
    assert 'must not have a colon' in text
    assert 'planted-secret' not in text
    assert pages.cluster.asked('zato.security-basic-auth.create')[0]['password'] == 'planted-secret'


def test_a_mask_is_neither_shown_in_an_input_nor_sent(pages: Pages) -> None:
    client, form, text = _edit(pages, BASIC_AUTH, username='u')
    assert 'password' not in form.inputs
    assert 'value="******"' not in text
    assert 'href="/zato/kind/security-basic-auth/1/password/"' in text
    pages.cluster.answers['zato.security-basic-auth.edit'] = saved()
    client.post('/zato/kind/security-basic-auth/1/', form.values)
    assert 'password' not in pages.cluster.asked('zato.security-basic-auth.edit')[0]


def test_a_password_that_is_a_variable_is_shown_and_can_be_edited(pages: Pages) -> None:
    client, form, _ = _edit(pages, BASIC_AUTH, password='$PASSWORD')
    assert (form.inputs['password']['type'], form.values['password']) == ('text', '$PASSWORD')
    pages.cluster.answers['zato.security-basic-auth.edit'] = saved()
    client.post('/zato/kind/security-basic-auth/1/', {**form.values, 'password': '$OTHER'})
    assert pages.cluster.asked('zato.security-basic-auth.edit')[0]['password'] == '$OTHER'


def test_under_a_variable_it_says_on_which_servers_it_is_set(pages: Pages) -> None:
    _, _, text = _edit(pages, OUTGOING, host='$HOST')
    assert 'id="field-host-notes">Set on server1<' in text
    _, _, text = _edit(pages, OUTGOING, host='$HOST', error=NO_VARIABLE)
    assert 'id="field-host-notes">Missing on server1<' in text
    assert '<span class="badge bad">Down</span>' in text


def test_what_is_saved_and_down_is_told_with_the_reason(pages: Pages) -> None:
    failed = {
        f'server{number}:{pid}': {'Outgoing REST connection `My object`': NO_VARIABLE} for number, pid in ((1, 7), (2, 8))
    }
    pages.cluster.answers['zato.outgoing-rest.edit'] = saved(failed=failed, pending=['server2:9'])
    client, form, _ = _edit(pages, OUTGOING, host='$HOST')
    text = client.post('/zato/kind/outgoing-rest/1/', form.values, follow=True).content.decode()
    assert 'Outgoing REST connection `My object` has been saved.' in text
    assert 'It is down on server1, server2: “Host” is $HOST, and the server has no environment variable HOST' in text
    assert 'These workers do not have the change yet: server2:9' in text


def test_where_somebody_else_was_first_both_versions_are_shown(pages: Pages) -> None:
    client, form, _ = _edit(pages, OUTGOING, host='http://before')
    pages.cluster.answers['zato.outgoing-rest.get'] = shown(OUTGOING, host='http://theirs', version=4)
    pages.cluster.answers['zato.outgoing-rest.edit'] = _refusal(409, ('version', 'has been changed meanwhile'))
    pages.cluster.answers['zato.audit.get-list'] = [{'who': 'joe', 'at': '2026-11-22T11:00:00+00:00'}]
    answer = client.post('/zato/kind/outgoing-rest/1/', {**form.values, 'host': 'http://mine'})
    text = answer.content.decode()
    assert answer.status_code == 409
    assert 'joe did, at 2026-11-22 11:00:00' in text
    assert '<td data-label="Theirs">http://theirs</td><td data-label="Yours">http://mine</td>' in text
    assert 'data-label="Theirs">20<' not in text, 'what is the same is not told'
    after = HTMLForm(text)
    assert (after.values['version'], after.values['host']) == ('4', 'http://mine')
    pages.cluster.answers['zato.outgoing-rest.edit'] = saved()
    assert client.post('/zato/kind/outgoing-rest/1/', after.values).status_code == 302
    assert pages.cluster.asked('zato.outgoing-rest.edit')[-1]['version'] == '4'


def test_what_was_typed_is_not_lost_where_the_object_is_deleted_meanwhile(pages: Pages) -> None:
    client, form, _ = _edit(pages, OUTGOING)
    gone = ServerError('cid-1', 404, 'There is no Outgoing REST connection with ID 1')
    pages.cluster.answers.update({'zato.outgoing-rest.get': gone, 'zato.outgoing-rest.edit': gone})
    answer = client.post('/zato/kind/outgoing-rest/1/', {**form.values, 'host': 'http://mine'})
    text = answer.content.decode()
    assert answer.status_code == 404
    assert HTMLForm(text).values['host'] == 'http://mine'
    assert 'formaction="/zato/kind/outgoing-rest/create/">Create it anew<' in text


def test_what_was_typed_is_not_lost_where_no_server_answers(pages: Pages) -> None:
    client, form, _ = _edit(pages, CHANNEL)
    for service in list(pages.cluster.answers):
        pages.cluster.answers[service] = ServerUnreachable('No answer from 127.0.0.1:1', was_sent=False)
    pages.cluster.answers['zato.channel-rest.edit'] = ServerUnreachable('No answer: timed out', was_sent=True)
    answer = client.post('/zato/kind/channel-rest/1/', {**form.values, 'url_path': '/mine', 'service': 'my.service'})
    text = answer.content.decode()
    assert answer.status_code == 503
    assert 'It may have done what it was asked' in text
    after = HTMLForm(text)
    assert (after.values['url_path'], after.values['service'], after.values['version']) == ('/mine', 'my.service', '3')


def test_an_object_that_is_gone_says_who_deleted_it(pages: Pages) -> None:
    pages.cluster.answers['zato.channel-rest.get'] = ServerError('cid-1', 404, 'There is no REST channel with ID 1')
    entry = {'kind': 'channel_rest', 'action': 'delete', 'name': 'Mine', 'who': 'joe', 'at': '2026-11-22T11:00:00+00:00'}
    pages.cluster.answers['zato.audit.get-list'] = [entry]
    answer = pages.client('viewer').get('/zato/kind/channel-rest/1/')
    assert answer.status_code == 404
    assert 'Mine has been deleted meanwhile, by joe at 2026-11-22 11:00:00' in answer.content.decode()


def test_a_clone_has_all_but_the_secrets(pages: Pages) -> None:
    item = shown(BASIC_AUTH, username='u', realm='r')
    pages.cluster.answers['zato.security-basic-auth.get'] = item
    _, form, _ = _form(pages, '/zato/kind/security-basic-auth/create/?clone=1')
    assert (form.values['name'], form.values['username'], form.values['realm']) == ('My object copy', 'u', 'r')
    assert form.values['password'] == ''
    assert 'version' not in form.values


def test_who_may_not_change_anything_sees_everything_as_text(pages: Pages) -> None:
    item = shown(BASIC_AUTH, username='the-user')
    pages.cluster.answers['zato.security-basic-auth.get'] = item
    for role in ('viewer', 'operator'):
        _, form, text = _form(pages, '/zato/kind/security-basic-auth/1/', role=role)
        assert form.inputs == {}
        assert '<dt>Username</dt><dd>the-user</dd>' in text
        assert '<dt>Password</dt><dd>******</dd>' in text
        assert '<button' not in text.split('<main')[1]


def test_a_form_of_a_kind_that_cannot_be_renamed_has_its_name_as_text(pages: Pages) -> None:
    kind = kinds()['service']
    _, form, text = _edit(pages, kind, name='my.service', impl_name='my.MyService')
    assert 'name' not in form.inputs
    assert 'my.MyService' in text
    assert 'href="/zato/service/overview/my.service/"' in text


def test_an_unknown_kind_and_what_cannot_be_done_to_a_kind_are_no_pages(pages: Pages) -> None:
    client = pages.client('admin')
    paths = ('/zato/kind/nothing/', '/zato/kind/service/create/', '/zato/kind/channel-rest/1/password/')
    assert [client.get(path).status_code for path in paths] == [404, 404, 404]


def test_markup_in_names_is_text(pages: Pages) -> None:
    name = '<b onclick="x">&\'"</b>'
    objects_of(pages.cluster, service=[name])
    _client, form, text = _edit(pages, CHANNEL, name=name, service=name, url_path=f'/{name}')
    assert '<b onclick' not in text
    assert (form.values['name'], form.values['url_path']) == (name, f'/{name}')
    assert form.values['service'] == f'service/{name}', 'its slash would be taken for that after a kind'
