"""Payloads as dicts, lists and single values, whatever objects they were made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from zato.common.exception import BadRequest, ZatoException
from zato.server.http.form import FormFile
from zato.server.http.json import decode, encode
from zato.server.http.turns import Turns
from zato.server.service.simpleio.model import Model

#: What has no form of its own.
_PLAIN: Final = frozenset({bool, bytes, dict, float, int, list, str, tuple, type(None)})
#: Single values that may be in a model.
_SINGLE: Final = frozenset({bool, bytes, date, datetime, Decimal, float, int, str, time, type(None), UUID})
_MISSING: Final = object()


def plain(payload: Any) -> Any:
    """The payload as `in_own_form`, with all that is inside it, but dataclasses inside it by their fields. Files, elements
    of XML, and what is not known here, stay what they are. Raises ZatoException.
    """
    payload = in_own_form(payload)
    try:
        return _inside(payload, Turns())
    except RecursionError:
        raise _too_deep(payload) from None


def in_own_form(payload: Any) -> Any:
    """The payload, or each item of it if it is a list, by its to_zato, to_dict or to_json, or as a dict if it is a row of
    SQLAlchemy. Models whose fields say the same stay models. Raises ZatoException.
    """
    try:
        if not isinstance(payload, list | tuple):
            return own_form(payload)
        if _PLAIN.issuperset(map(type, payload)):
            return payload
        return [own_form(item) for item in Turns().over(payload)]
    except RecursionError:
        raise _too_deep(payload) from None


def own_form(value: Any) -> Any:
    """Looked up in the class: an element of XML has any attribute that a client has sent an element for."""
    cls = type(value)
    if cls in _PLAIN or (not Model._has_own_forms and isinstance(value, Model)):
        return value
    if hasattr(cls, 'to_zato'):
        return value.to_zato()
    if hasattr(cls, 'to_dict'):
        return value if isinstance(value, Model) and _is_by_fields(value) else value.to_dict()
    if hasattr(cls, 'to_json'):
        return _from_json(value)
    if hasattr(cls, '_mapping') and isinstance(value._mapping, Mapping):
        return dict(value._mapping)
    return value


def _is_by_fields(model: Model) -> bool:
    """Has its `to_dict` nothing to add, nor that of a model in it? Attributes that are the class's, fields do not show."""
    cls = type(model)
    if cls.to_dict is not Model.to_dict or not hasattr(cls, '__dataclass_fields__'):
        return False
    get = model.__dict__.get
    for name in cls.__dataclass_fields__:
        value = get(name, _MISSING)
        if type(value) in _SINGLE:
            continue
        if hasattr(model, name) if value is _MISSING else not _is_of_fields(value):
            return False
    return True


def _is_of_fields(value: Any) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return not isinstance(value, Model) or _is_by_fields(value)
    return _SINGLE.issuperset(map(type, value)) or all(map(_is_of_fields, value))


def _inside(value: Any, turns: Turns) -> Any:
    if type(value) in (str, int, float, bool):
        return value
    if isinstance(value, Mapping):
        return {key: _inside(item, turns) for key, item in turns.over(value.items())}
    if isinstance(value, list | tuple | set | frozenset):
        return [_inside(item, turns) for item in turns.over(value)]
    if type(value) is FormFile:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in dataclasses.fields(value)]
        return {name: _inside(getattr(value, name), turns) for name in names if hasattr(value, name)}
    found = own_form(value)
    return value if found is value else _inside(found, turns)


def _from_json(value: Any) -> Any:
    found = value.to_json()
    if not isinstance(found, str | bytes):
        return found
    try:
        return decode(found.encode() if isinstance(found, str) else found)
    except (BadRequest, UnicodeEncodeError) as e:
        raise ZatoException(msg=f'What `to_json` of {type(value).__name__} returns is not JSON: {e}') from e


def _too_deep(payload: Any) -> ZatoException:
    return ZatoException(msg=f'A value of type {type(payload).__name__} is nested too deeply, or in itself')


def text(value: Any) -> str:
    """One value as text: None is '', bool true or false, dates and times ISO 8601, bytes UTF-8, a file what it is in JSON,
    an element of XML the text in it. Raises ZatoException.
    """
    if type(value) is str:
        return value
    if isinstance(value, Enum):
        value = value.value
    if value is None:
        return ''
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, str | int | float | Decimal | UUID):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise ZatoException(msg='Bytes that are not UTF-8 cannot be text') from None
    if isinstance(value, FormFile):
        return encode(value).decode()
    if hasattr(type(value), 'pyval') and value.find('*') is None:
        return str(value)
    raise ZatoException(msg=f'A value of type {type(value).__name__} cannot be text')
