"""What a service declares of its input and output, in whichever style: class SimpleIO with four lists or with `input` and
`output`, attributes `input` and `output` of the service itself, models.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from zato.common.config.option import nearest
from zato.common.exception import DeploymentError
from zato.server.service.simpleio.element import NOT_GIVEN, Elem
from zato.server.service.simpleio.model import is_model
from zato.server.service.simpleio.names import NameRules

_SIDES = ('input', 'output')
_LISTS = ('input_required', 'input_optional', 'output_required', 'output_optional')
_FORMAT_PREFIXES = ('csv_', 'xml_')

#: Attributes of class SimpleIO, but for those that begin with _FORMAT_PREFIXES. The last four have no effect here.
_ATTRIBUTES = (
    *_SIDES,
    *_LISTS,
    'output_repeated',
    'response_elem',
    'default_value',
    'default_input_value',
    'default_output_value',
    'skip_empty_keys',
    'force_empty_keys',
    'SkipEmpty',
    'CSV',
    'XML',
    'request_elem',
    'namespace',
    'use_channel_params_only',
    'allow_empty_required',
)
_OF_SKIP_EMPTY = ('input', 'output_def', 'force_empty_input', 'force_empty_output', 'empty_output_value')


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Input or output. Either elements, or a model, or a list of models.

    skip_empty: which optional elements are left out when they are empty, True for all. keep_empty: those that never are.
    default: what optional elements are that were not given. empty: what an empty element is sent as.
    """

    elements: tuple[Elem, ...] = ()
    model: type[Any] | None = None
    is_list: bool = False
    skip_empty: bool | frozenset[str] = False
    keep_empty: frozenset[str] = frozenset()
    default: Any = NOT_GIVEN
    empty: Any = NOT_GIVEN

    def skips(self, name: str) -> bool:
        if name in self.keep_empty:
            return False
        return self.skip_empty if isinstance(self.skip_empty, bool) else name in self.skip_empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """input, output: None where it is not declared. response_elem: what wraps the output, '' for nothing.

    format_options: what data formats are told, such as csv_delimiter.
    """

    input: Side | None = None
    output: Side | None = None
    response_elem: str = ''
    is_output_repeated: bool = False
    format_options: Mapping[str, Any] = field(default_factory=dict)


def declaration_of(cls: type[Any], rules: NameRules) -> Declaration | None:
    """None if the class declares nothing. Raises DeploymentError."""
    try:
        sio = _simple_io_of(cls)
        if sio is not None:
            return _of_simple_io(cls, sio, rules)
        input_, output = getattr(cls, 'input', None), getattr(cls, 'output', None)
        if _is_declared(input_) or _is_declared(output):
            return Declaration(
                input=_side(input_, rules, 'input') if _is_declared(input_) else None,
                output=_side(output, rules, 'output') if _is_declared(output) else None,
            )
    except (ValueError, TypeError) as e:
        raise DeploymentError(f'Class {cls.__name__}: {e}') from None
    return None


def _simple_io_of(cls: type[Any]) -> type[Any] | None:
    """None where there is none, or where a derived class has declared its input or output in another style."""
    for owner in cls.__mro__:
        if 'SimpleIO' in owner.__dict__:
            sio = owner.__dict__['SimpleIO']
            if sio is None or isinstance(sio, type):
                return sio
            raise ValueError('SimpleIO must be a class')
        if any(_is_declared(getattr(owner, side)) for side in _SIDES if side in owner.__dict__):
            return None
    return None


def _is_declared(value: Any) -> bool:
    """Methods, properties and the like of these names are the service's own business."""
    if value is None or hasattr(type(value), '__get__'):
        return False
    return isinstance(value, type) or get_origin(value) is not None or not callable(value)


def _of_simple_io(cls: type[Any], sio: type[Any], rules: NameRules) -> Declaration:
    _check(sio, _ATTRIBUTES, _FORMAT_PREFIXES)
    has_lists = {name: getattr(sio, name) for name in _LISTS if hasattr(sio, name)}
    for side in _SIDES:
        if hasattr(sio, side) and any(name.startswith(f'{side}_') for name in has_lists):
            raise ValueError(f'{side} and {side}_required or {side}_optional exclude each other')
    skip = getattr(sio, 'SkipEmpty', None)
    _check(skip, _OF_SKIP_EMPTY)
    default = getattr(sio, 'default_value', NOT_GIVEN)
    input_ = _with_options(
        _sides(sio, has_lists, rules, 'input'),
        skip_empty=_skipped(getattr(skip, 'input', None), getattr(sio, 'skip_empty_keys', False)),
        keep_empty=_names(getattr(skip, 'force_empty_input', ())),
        default=getattr(sio, 'default_input_value', default),
    )
    output = _with_options(
        _sides(sio, has_lists, rules, 'output'),
        skip_empty=_skipped(getattr(skip, 'output_def', None), getattr(sio, 'skip_empty_keys', False)),
        keep_empty=_names(getattr(skip, 'force_empty_output', ())) | _names(getattr(sio, 'force_empty_keys', ())),
        default=getattr(sio, 'default_output_value', default),
        empty=getattr(skip, 'empty_output_value', NOT_GIVEN),
    )
    if input_ is None and output is None:
        raise ValueError('SimpleIO declares neither input nor output')
    is_model_style = any(side is not None and side.model is not None for side in (input_, output))
    is_wrapped = getattr(cls, '_zato_needs_response_wrapper', True) and not is_model_style
    response_elem = getattr(sio, 'response_elem', rules.response_elem) if is_wrapped else ''
    return Declaration(
        input=input_,
        output=output,
        response_elem=response_elem or '',
        is_output_repeated=bool(getattr(sio, 'output_repeated', False)),
        format_options=_format_options(sio),
    )


def _check(cls: Any, known: tuple[str, ...], prefixes: tuple[str, ...] = ()) -> None:
    """Raises ValueError for attributes of a class that are misspelt. Those that begin with `_` are the user's own."""
    for name in dir(cls) if isinstance(cls, type) else ():
        if name not in known and not name.startswith(('_', *prefixes)):
            raise ValueError(f'{cls.__name__} has no attribute `{name}`{nearest(name, list(known))}')


def _sides(sio: type[Any], lists: Mapping[str, Any], rules: NameRules, side: str) -> Side | None:
    if hasattr(sio, side):
        return _side(getattr(sio, side), rules, side)
    required = _elements(lists.get(f'{side}_required', ()), rules, f'{side}_required')
    optional = _elements(lists.get(f'{side}_optional', ()), rules, f'{side}_optional')
    optional = [copy(elem) for elem in optional]  # other services may have the same ones, as required
    for elem in optional:
        elem.is_optional = True
    if not required and not optional:
        return None
    names = {elem.name for elem in required}
    return Side(elements=(*required, *(elem for elem in optional if elem.name not in names)))


def _with_options(side: Side | None, **options: Any) -> Side | None:
    if side is None:
        return None
    return Side(elements=side.elements, model=side.model, is_list=side.is_list, **options)


def _side(value: Any, rules: NameRules, what: str) -> Side:
    if is_model(value):
        return Side(model=value)
    if get_origin(value) is list and len(get_args(value)) == 1 and is_model(get_args(value)[0]):
        return Side(model=get_args(value)[0], is_list=True)
    elements: dict[str, Elem] = {}
    for elem in _elements(value, rules, what):
        known = elements.get(elem.name)
        if known is None or known.is_optional:  # a name that is both required and optional is required
            elements[elem.name] = elem
    return Side(elements=tuple(elements.values()))


def _elements(value: Any, rules: NameRules, what: str) -> list[Elem]:
    """Raises ValueError."""
    items = value if isinstance(value, list | tuple) else (value,)
    found = []
    for item in items:
        if isinstance(item, Elem):
            found.append(item)
        elif isinstance(item, str):
            found.append(rules.element(item))
        else:
            raise ValueError(f'{what} must be names, elements or a model, not {item!r}')
    return found


def _names(value: Any) -> frozenset[str]:
    return frozenset((value,) if isinstance(value, str) else value or ())


def _skipped(of_side: Any, of_all: Any) -> bool | frozenset[str]:
    value = of_all if of_side is None else of_side
    return value if isinstance(value, bool) else _names(value)


def _format_options(sio: type[Any]) -> dict[str, Any]:
    """`csv_delimiter = ';'`, and the same as `class CSV: delimiter = ';'`. A class goes over those that it derives from."""
    options = {}
    for owner in reversed(sio.__mro__):
        found = vars(owner)
        for prefix in _FORMAT_PREFIXES:
            nested = found.get(prefix.rstrip('_').upper())
            names = [name for name in dir(nested) if not name.startswith('_')] if nested is not None else []
            options.update({f'{prefix}{name}': getattr(nested, name) for name in names})
            options.update({name: value for name, value in found.items() if name.startswith(prefix)})
    return options
