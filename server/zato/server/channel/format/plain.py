"""Payloads as dicts, lists and single values, whatever objects they were made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from zato.common.exception import BadRequest, ZatoException
from zato.server.http.json import decode

#: What has no form of its own.
_PLAIN: Final = frozenset({bool, bytes, dict, float, int, list, str, tuple, type(None)})


def is_plain(payload: Any) -> bool:
    """Has neither it, nor an item of it if it is a list, a form of its own? What is deeper inside is not looked at."""
    if type(payload) is list:
        return all(type(item) in _PLAIN for item in payload)
    return type(payload) in _PLAIN


def plain(payload: Any) -> Any:
    """Objects by their to_zato, to_dict or to_json, rows of SQLAlchemy as dicts, values of lxml.objectify as what they are;
    with all that is inside them, but dataclasses inside them by their fields. Anything else as it is. Raises ZatoException.
    """
    try:
        if isinstance(payload, list | tuple):
            return [_inside(_own_form(item)) for item in payload]
        return _inside(_own_form(payload))
    except RecursionError:
        raise ZatoException(msg=f'A value of type {type(payload).__name__} is nested too deeply, or in itself') from None


def _inside(value: Any) -> Any:
    if type(value) in (str, int, float, bool):
        return value
    if isinstance(value, Mapping):
        return {key: _inside(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_inside(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in dataclasses.fields(value)]
        return {name: _inside(getattr(value, name)) for name in names if hasattr(value, name)}
    found = _own_form(value)
    return value if found is value else _inside(found)


def _own_form(value: Any) -> Any:
    """Looked up in the class: an element of lxml.objectify has any attribute that a client has sent an element for."""
    cls = type(value)
    if cls in _PLAIN:
        return value
    for name in ('to_zato', 'to_dict'):
        if hasattr(cls, name):
            return getattr(value, name)()
    if hasattr(cls, 'to_json'):
        return _from_json(value)
    if hasattr(cls, '_mapping') and isinstance(value._mapping, Mapping):
        return dict(value._mapping)
    if hasattr(cls, 'pyval'):
        try:
            return value.pyval
        except ValueError as e:
            raise ZatoException(msg=f'An XML element does not have a value of its type: {e}') from e
    return value


def _from_json(value: Any) -> Any:
    found = value.to_json()
    if not isinstance(found, str | bytes):
        return found
    try:
        return decode(found.encode() if isinstance(found, str) else found)
    except (BadRequest, UnicodeEncodeError) as e:
        raise ZatoException(msg=f'What `to_json` of {type(value).__name__} returns is not JSON: {e}') from e


def text(value: Any) -> str:
    """One value as text: None is '', bool true or false, dates and times ISO 8601, bytes UTF-8. Raises ZatoException."""
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
    raise ZatoException(msg=f'A value of type {type(value).__name__} cannot be text')
