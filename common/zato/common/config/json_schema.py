"""The JSON Schema (draft 2020-12) of what users may say about an object, made from its kind's declaration.

It says what a declaration says as data: types, ranges, choices. The rules of its `check` functions are told by the server.
"""

from __future__ import annotations

from typing import Any

from zato.common.config.field import Field
from zato.common.config.kind import Kind, kinds

DRAFT = 'https://json-schema.org/draft/2020-12/schema'

_VARIABLE = {'type': 'string', 'pattern': r'^\$[^$]', 'description': "$NAME, an environment variable of the server's"}
_TYPES = {str: 'string', int: 'integer', float: 'number', bool: 'boolean'}


def schema_of(kind: Kind) -> dict[str, Any]:
    """Of an object to create. References are names; `x-refers-to` has the kinds of objects that they may lead to."""
    return {'$schema': DRAFT, **_body(kind)}


def schema_of_all() -> dict[str, Any]:
    """Of lists of objects by the names of their kinds."""
    return {
        '$schema': DRAFT,
        'type': 'object',
        'properties': {name: {'type': 'array', 'items': {'$ref': f'#/$defs/{name}'}} for name in kinds()},
        'additionalProperties': False,
        '$defs': {name: _body(kind) for name, kind in kinds().items()},
    }


def _body(kind: Kind) -> dict[str, Any]:
    required = [name for name, declared in kind.fields.items() if declared.is_required]
    body: dict[str, Any] = {
        'title': kind.label,
        'description': kind.help,
        'type': 'object',
        'properties': {
            'name': {'type': 'string', 'title': 'Name', 'minLength': 1, 'maxLength': 200},
            'is_active': {'type': 'boolean', 'title': 'Active', 'default': True},
            **{key: {'const': value} for key, value in kind.fixed.items()},
            **{name: _property(declared) for name, declared in kind.fields.items()},
        },
        'required': ['name', *required],
        'additionalProperties': False,
    }
    if kind.unique:
        body['x-unique'] = [list(names) for names in kind.unique]
    return body


def _property(declared: Field) -> dict[str, Any]:
    found: dict[str, Any] = {'title': declared.label, 'description': declared.help}
    if declared.unit:
        found['x-unit'] = declared.unit
    if declared.aliases:
        found['x-aliases'] = list(declared.aliases)
    if declared.is_read_only:
        found['readOnly'] = True
    if declared.is_fixed:
        found['x-fixed'] = True
    if declared.is_secret:
        found['writeOnly'] = True
    elif not declared.is_required:
        found['default'] = [] if declared.is_many else declared.default
    return {**found, **_values(declared)}


def _values(declared: Field) -> dict[str, Any]:
    if declared.is_many:
        return {'type': 'array', 'items': {'type': 'string'}, 'x-refers-to': list(declared.refers_to)}
    if declared.refers_to:
        return {
            'type': 'string' if declared.default is not None else ['string', 'null'],
            'x-refers-to': list(declared.refers_to),
        }
    if declared.type is bool:
        return {'type': 'boolean'}
    if declared.choices:
        return {'anyOf': [{'enum': list(declared.choices)}, _VARIABLE]}
    if declared.type is str:  # which $NAME is too
        least = {'minLength': 1} if declared.is_required else {}
        return {'type': 'string', **least, 'maxLength': declared.max_length}
    limits = {'minimum': declared.minimum, 'maximum': declared.maximum}
    number = {'type': _TYPES[declared.type], **{key: value for key, value in limits.items() if value is not None}}
    return {'anyOf': [number, _VARIABLE]}
