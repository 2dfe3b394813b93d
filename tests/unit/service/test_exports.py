"""What users' services import, by the names that they know."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import typing
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

import zato.common
import zato.server.service
from zato.common import api, typing_
from zato.common.exception import ServiceMissingException, ZatoException
from zato.server.service import Service
from zato.server.service.simpleio.element import Elem

ELEMENTS = (
    'AsIs', 'Bool', 'CSV', 'Date', 'DateTime', 'Decimal', 'Dict', 'DictList', 'Float', 'Int', 'List', 'Opaque', 'Text',
    'UTC', 'UUID',
)  # fmt: skip

ALIASES = {
    'Opaque': 'AsIs',
    'Nested': 'Opaque',
    'Boolean': 'Bool',
    'Integer': 'Int',
    'ListOfDicts': 'DictList',
    'Unicode': 'Text',
    'SIOElem': 'Elem',
    'ForceType': 'Elem',
}

HOOKS = {
    'PubSubHook': (
        'before_publish',
        'before_delivery',
        'on_outgoing_soap_invoke',
        'on_subscribed',
        'on_unsubscribed',
    ),
    'WSXHook': ('on_connected', 'on_disconnected', 'on_pubsub_response', 'on_vault_mount_point_needed'),
    'WSXAdapter': ('on_connected', 'on_message_received', 'on_closed'),
}

EXCEPTIONS = (
    'BadRequest', 'Conflict', 'ElementIsNotAList', 'ElementMissing', 'Forbidden', 'HTTPException', 'Inactive',
    'InternalServerError', 'MethodNotAllowed', 'ModelValidationError', 'NotFound', 'ServiceMissingException',
    'ServiceUnavailable', 'TimeoutException', 'TooManyRequests', 'Unauthorized', 'ZatoException',
)  # fmt: skip

OTHERS = ('ChannelInfo', 'ChannelSecurityInfo', 'Model', 'ModelCtx', 'NOT_GIVEN', 'RESTAdapter', 'Service', 'dataclass')

#: What users import of zato.common.typing_, and what it is.
TYPES: dict[str, Any] = {
    'any_': typing.Any,
    'anydict': dict[Any, Any],
    'anylist': list[Any],
    'boolnone': bool | None,
    'bytesnone': bytes | None,
    'callable_': Callable,
    'callnone': Callable[..., Any] | None,
    'cast_': typing.cast,
    'dict_': dict,
    'dictlist': list[dict[Any, Any]],
    'dictnone': dict[Any, Any] | None,
    'floatnone': float | None,
    'intlist': list[int],
    'intnone': int | None,
    'list_': list,
    'listnone': list[Any] | None,
    'optional': typing.Optional,
    'set_': set,
    'stranydict': dict[str, Any],
    'strdict': dict[str, Any],
    'strdictlist': list[dict[str, Any]],
    'strint': str | int,
    'strlist': list[str],
    'strlistnone': list[str] | None,
    'strnone': str | None,
    'strorlist': str | list[Any],
    'strstrdict': dict[str, str],
    'tuple_': tuple,
    'type_': type,
    'typevar_': typing.TypeVar,
    'union_': typing.Union,
}


@pytest.mark.parametrize('name', [*ELEMENTS, *ALIASES, *HOOKS, *OTHERS])
def test_a_name_that_users_know_is_there_and_listed(name: str) -> None:
    assert hasattr(zato.server.service, name)
    assert name in zato.server.service.__all__


@pytest.mark.parametrize('name', ELEMENTS)
def test_elements_are_of_one_kind(name: str) -> None:
    elem = getattr(zato.server.service, name)('-name')
    assert isinstance(elem, Elem)
    assert (elem.name, elem.is_optional) == ('name', True)


@pytest.mark.parametrize(('alias', 'name'), ALIASES.items())
def test_an_alias_is_the_very_same_class(alias: str, name: str) -> None:
    assert getattr(zato.server.service, alias) is getattr(zato.server.service, name)


@pytest.mark.parametrize(('name', 'methods'), HOOKS.items())
def test_a_base_class_of_hooks_has_their_methods(name: str, methods: tuple[str, ...]) -> None:
    cls = getattr(zato.server.service, name)
    assert issubclass(cls, Service)
    assert [method for method in methods if not callable(getattr(cls, method))] == []


def test_the_decorator_of_models_is_the_standard_one() -> None:
    assert zato.server.service.dataclass is dataclasses.dataclass


def test_all_that_is_listed_is_there() -> None:
    namespace: dict[str, Any] = {}
    exec('from zato.server.service import *', namespace)
    assert set(zato.server.service.__all__) <= set(namespace)


@pytest.mark.parametrize(
    ('name', 'what'),
    [('PubSub', 'publish/subscribe'), ('AsyncCtx', 'contexts of asynchronous calls')],
)
def test_a_name_that_comes_later_says_so(name: str, what: str) -> None:
    with pytest.raises(ImportError) as info:
        exec(f'from zato.server.service import {name}')
    assert str(info.value) == f'{name} is not available: this server does not have {what} yet'
    assert info.value.name == 'zato.server.service'


def test_any_other_name_is_an_error_as_of_any_module() -> None:
    with pytest.raises(ImportError, match=r"cannot import name 'Servcie' from 'zato\.server\.service'"):
        exec('from zato.server.service import Servcie')
    with pytest.raises(AttributeError, match="has no attribute 'Servcie'"):
        _ = zato.server.service.Servcie


@pytest.mark.parametrize('name', EXCEPTIONS)
def test_exceptions_that_services_raise_and_catch_are_of_one_root(name: str) -> None:
    assert issubclass(getattr(import_module('zato.common.exception'), name), ZatoException)


def test_a_service_that_is_missing_is_a_key_that_is() -> None:
    assert issubclass(ServiceMissingException, KeyError)


# zato.common


@pytest.mark.parametrize(('name', 'expected'), TYPES.items())
def test_a_short_name_of_a_type_is_that_type(name: str, expected: Any) -> None:
    assert getattr(typing_, name) == expected


def test_all_short_names_are_listed_and_there() -> None:
    assert [name for name in typing_.__all__ if not hasattr(typing_, name)] == []
    public = {name for name in vars(typing_) if not name.startswith('_')}
    assert public - set(typing_.__all__) == {'Annotated', 'Enum', 'annotations', 'date', 'datetime', 'field'}


def test_dates_have_short_names_too() -> None:
    assert (typing_.date_.__name__, typing_.datetime_.__name__) == ('date', 'datetime')
    assert typing.get_args(typing_.datetimez)[0] is typing_.datetime_
    assert typing.get_args(typing_.isotimestamp)[0] is str


@pytest.mark.parametrize(
    ('make', 'empty'),
    [(typing_.list_field, []), (typing_.dict_field, {}), (typing_.set_field, set()), (typing_.strlistempty, [])],
)
def test_a_field_that_is_empty_by_default_is_a_new_one_each_time(make: Callable[[], Any], empty: Any) -> None:
    cls = dataclasses.make_dataclass('Made', [('x', Any, make())])
    assert cls().x == empty
    assert cls().x is not cls().x


def test_types_of_channels_and_data_formats_are_in_the_api() -> None:
    assert api.CHANNEL is zato.server.service.CHANNEL
    assert (api.CHANNEL.INVOKE, api.CHANNEL.SCHEDULER, api.CHANNEL.WEB_SOCKET) == ('invoke', 'scheduler', 'web-socket')
    assert api.DATA_FORMAT is zato.common.DATA_FORMAT
    formats = api.DATA_FORMAT
    assert (formats.JSON, formats.XML, formats.CSV, formats.DICT) == ('json', 'xml', 'csv', 'dict')


def test_what_users_import_of_zato_common_brings_neither_gevent_nor_the_server() -> None:
    code = 'import sys, zato.common.api, zato.common.typing_, zato.common.exception; print(*sys.modules)'
    loaded = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if name.startswith(('gevent', 'zato.server'))] == []
