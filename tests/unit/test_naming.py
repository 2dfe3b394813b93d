"""Names of services and modules: the table that users know from classic Zato, and the cases around it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.server.service.naming import is_reserved, module_name, service_name, to_kebab

NAMES = [
    ('my_module', 'MyService', 'my-module.my-service'),
    ('api', 'HTTPGetter', 'api.http-getter'),
    ('api', 'GetURL', 'api.get-url'),
    ('api', 'SAPInvoice', 'api.sap-invoice'),
    ('api', 'GetHTTP2Data', 'api.get-http2-data'),
    ('crm.cust', 'getCustomer', 'crm.cust.get-customer'),
    ('api', 'GetUser2', 'api.get-user2'),
    ('api', 'Get2Users', 'api.get2-users'),
    ('api_v2', 'My_Service', 'api-v2.my_service'),
    ('api', '_Private', 'api._private'),
    ('MyModule', 'MyService', 'my-module.my-service'),
    ('demo', 'A', 'demo.a'),
    (
        'api',
        'ILikeToReadWSDLDocsNotReallyNOPENotMeQ',
        'api.i-like-to-read-wsdl-docs-not-really-nope-not-me-q',
    ),
    ('my_crm.cust_v2', 'Get_HTTPData', 'my-crm.cust-v2.get_http-data'),
    ('My_Module', 'A', 'my-module.a'),
]

MODULES = [
    ('/env/pickup/incoming/services/api.py', 'api'),
    ('/home/me/src/crm/cust.py', 'crm.cust'),
    ('/home/me/source/crm/cust.py', 'crm.cust'),
    ('/home/me/source/x/src/crm/cust.py', 'crm.cust'),
    ('/home/me/src/x/source/crm/cust.py', 'x.source.crm.cust'),  # src is looked for first
    ('/home/src/project/src/crm/cust.py', 'crm.cust'),  # the nearest one counts
    ('/home/me/src/cust.py', 'cust'),
    ('/home/me/src/crm/__init__.py', 'crm'),
    ('/home/me/src/crm/eu/__init__.py', 'crm.eu'),
    ('/home/me/src/services/cust.py', 'cust'),
    ('/home/me/src/services/crm/cust.py', 'services.crm.cust'),
    ('/home/me/other/cust.py', 'cust'),
    ('/home/me/resources/cust.py', 'cust'),
    ('/home/me/services/my.dotted.py', 'my.dotted'),
]


@pytest.mark.parametrize(('module', 'class_name', 'name'), NAMES)
def test_a_name_is_derived_from_the_module_and_the_class(module: str, class_name: str, name: str) -> None:
    assert service_name(module, class_name) == name


@pytest.mark.parametrize(('path', 'module'), MODULES)
def test_a_module_is_named_by_where_its_file_is(path: str, module: str) -> None:
    assert module_name(Path(path)) == module


@pytest.mark.parametrize('name', ['zato.ping', 'ZATO.x', 'zato.my.service', 'pub.zato.ping', 'Pub.Zato.x'])
def test_names_of_built_in_services_are_reserved(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize('name', ['zatopek.run', 'my.zato.service', 'pub.zatopek', 'zato', 'publish.zato.x'])
def test_names_that_only_look_alike_are_not_reserved(name: str) -> None:
    assert not is_reserved(name)


@given(st.text(alphabet='abcXYZ019_', min_size=1, max_size=20))
def test_derived_words_are_lower_case_and_lose_nothing(text: str) -> None:
    name = to_kebab(text)
    assert name.replace('-', '') == text.lower()
    assert not name.startswith('-')
    assert not name.endswith('-')
    assert '--' not in name
    assert '_-' not in name
    assert '-_' not in name
