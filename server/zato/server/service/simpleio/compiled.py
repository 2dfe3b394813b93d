"""A declaration, compiled: one function that makes a service's input, and one that makes what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from zato.common.exception import (
    BadRequest,
    DeploymentError,
    ElementIsNotAList,
    ElementMissing,
    ModelValidationError,
    SerialisationError,
)
from zato.server.http.turns import Turns
from zato.server.service.input import Input, input_class
from zato.server.service.simpleio.decimals import has_decimals
from zato.server.service.simpleio.declaration import Declaration, Side, declaration_of
from zato.server.service.simpleio.element import NOT_GIVEN, Elem, Float, Secret, convert, missing_value
from zato.server.service.simpleio.lists import lists_of
from zato.server.service.simpleio.model import OUTPUT, parse_model, parser_of
from zato.server.service.simpleio.names import DEFAULT_RULES, NameRules
from zato.server.service.simpleio.payload import Payload, content_of

if TYPE_CHECKING:
    from zato.server.service.base import Service

_MISSING: Final = object()

#: (what was received, the service) → `self.request.input`. Raises ModelValidationError, BadRequest.
Parse = Callable[[Any, 'Service'], Any]
#: What the service answered → the same as plain values. Raises SerialisationError.
Render = Callable[[Any], Any]


class IO:
    """parse, render: None where the service does not declare input, or output.

    is_flat: is the input declared by elements? names: theirs. secrets: names of those to be encrypted.
    masked: names of secrets of the input and of the output, which are not to be logged.
    format_options: as in Declaration, and what else data formats are told of the service. lists: None where there are none.
    """

    __slots__ = ('declaration', 'format_options', 'is_flat', 'lists', 'masked', 'names', 'parse', 'render', 'secrets')

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        input_, output = declaration.input, declaration.output
        self.parse: Parse | None = _input_parser(input_) if input_ is not None else None
        self.render: Render | None = None
        if output is not None:
            self.render = _wrapped(_output_renderer(output, declaration.is_output_repeated), declaration.response_elem)
        self.format_options = _format_options(declaration)
        self.lists = lists_of(input_) if input_ is not None else None
        elements = input_.elements if input_ is not None else ()
        self.is_flat = bool(elements)
        self.names = frozenset(elem.name for elem in elements)
        self.secrets = tuple(elem.name for elem in elements if isinstance(elem, Secret))
        answered = output.elements if output is not None else ()
        self.masked = frozenset(elem.name for elem in (*elements, *answered) if isinstance(elem, Secret))


def compile_io(cls: type[Any], rules: NameRules = DEFAULT_RULES) -> IO | None:
    """None if the class declares neither input nor output. Raises DeploymentError."""
    declaration = declaration_of(cls, rules)
    if declaration is None:
        return None
    try:
        return IO(declaration)
    except (TypeError, ValueError) as e:
        raise DeploymentError(f'Class {cls.__name__}: {e}') from None


def _format_options(declaration: Declaration) -> dict[str, Any]:
    options = dict(declaration.format_options)
    if declaration.output is not None and declaration.response_elem:
        options['response_elem'] = declaration.response_elem
    if declaration.input is not None and has_decimals(declaration.input):
        options['json_exact'] = True
    return options


def _input_parser(side: Side) -> Parse:
    if side.model is not None:
        return _model_parser(side.model, is_list=side.is_list)
    parse_one = _elements_parser(side)

    def parse(data: Any, service: Service) -> Any:
        if type(data) is dict:
            return parse_one(data)
        if isinstance(data, list):
            return _parse_items(parse_one, data)
        return parse_one(_to_dict(data))

    return parse


def _parse_items(parse_one: Callable[[Mapping[str, Any]], Input], data: list[Any]) -> list[Input]:
    """Raises BadRequest, with the index of the item that is wrong."""
    out: list[Input] = []
    try:
        for item in Turns().over(data):
            out.append(parse_one(_to_dict(item)))
    except ModelValidationError as e:
        raise e.within(f'/[{len(out)}]' if e.path.startswith('/') else f'/[{len(out)}]/') from None
    except BadRequest as e:
        raise BadRequest(msg=f'{e.msg}: /[{len(out)}]', needs_msg=True) from None
    return out


def _to_dict(data: Any) -> Any:
    if isinstance(data, Mapping):
        return data
    if data is None or (isinstance(data, str | bytes) and not data.strip()):
        return {}
    to_dict = getattr(data, 'to_dict', None)
    if to_dict is not None:
        return to_dict()
    raise BadRequest(msg=f'The input must be an object with the declared elements, not {_kind_of(data)}', needs_msg=True)


def _kind_of(data: Any) -> str:
    names = {str: 'text', bytes: 'bytes', list: 'a list', bool: 'true or false', int: 'a number', float: 'a number'}
    return names.get(type(data), type(data).__name__)


def _elements_parser(side: Side) -> Callable[[Mapping[str, Any]], Input]:
    """The hot path of most services: a value that is of the right type already costs one comparison."""
    skipped = {elem.name for elem in side.elements if elem.is_optional and side.skips(elem.name)}
    steps = tuple((elem.name, None if elem.name in skipped else elem.input_type, elem) for elem in side.elements)
    make = input_class(elem.name for elem in side.elements if elem.name not in skipped)
    floats = tuple(elem.name for elem in side.elements if isinstance(elem, Float))

    def parse(data: Mapping[str, Any]) -> Input:
        out = make()
        get = data.get
        for name, exact, elem in steps:
            value = get(name, _MISSING)
            if type(value) is exact:
                out[name] = value
            elif value is not _MISSING:
                value = convert(elem, elem.parse, value)
                if name not in skipped or not (value is None or value == ''):
                    out[name] = value
            elif not elem.is_optional:
                raise ElementMissing(name)
            elif name not in skipped:
                out[name] = missing_value(elem, side.default)
        for name in floats:
            value = out.get(name)
            if type(value) is float and value - value != 0:
                raise ModelValidationError(name, Float.rule)
        return out

    return parse


def _model_parser(model: type[Any], *, is_list: bool) -> Parse:
    parse_one = parser_of(model)
    if not is_list:

        def parse(data: Any, service: Service) -> Any:
            if type(data) is not dict and not isinstance(data, model):
                data = _to_dict(data)
            return parse_model(parse_one, data, service)

        return parse

    def parse_list(data: Any, service: Service) -> Any:
        if not isinstance(data, list | tuple):
            raise ElementIsNotAList('/')
        return [parse_model(parse_one, item, service, f'/[{i}]') for i, item in enumerate(Turns().over(data))]

    return parse_list


def _output_renderer(side: Side, is_repeated: bool) -> Render:
    if side.model is not None:
        return _model_renderer(side.model, is_list=side.is_list)
    render_one = _elements_renderer(side)

    def render(payload: Any) -> Any:
        if type(payload) is Payload:
            payload = content_of(payload)
        if type(payload) is dict and not is_repeated:
            return render_one(payload)
        if isinstance(payload, list | tuple) and not hasattr(payload, '_mapping'):
            return [render_one(row) for row in Turns().over(payload)]
        if payload is None or payload == '':
            payload = {}
        if isinstance(payload, str | bytes):
            return payload
        if is_repeated:
            return [render_one(payload)] if payload else []
        return render_one(payload)

    return render


def _getter(source: Any) -> Callable[[str, Any], Any]:
    """How values are read of what a service gave: dicts, rows of SQLAlchemy, anything with `to_zato` or attributes."""
    to_zato = getattr(source, 'to_zato', None)
    if to_zato is not None:
        source = to_zato()
    mapping = getattr(source, '_mapping', source)
    if isinstance(mapping, Mapping) or (hasattr(mapping, 'get') and not isinstance(mapping, type)):
        return mapping.get
    return lambda name, default: getattr(source, name, default)


def _elements_renderer(side: Side) -> Callable[[Any], dict[str, Any]]:
    steps = tuple((elem.name, elem.output_type, elem.is_optional, elem) for elem in side.elements)
    floats = tuple(elem.name for elem in side.elements if isinstance(elem, Float))

    def render(source: Any) -> dict[str, Any]:
        out: dict[str, Any] = {}
        get = source.get if type(source) is dict else _getter(source)
        for name, exact, is_optional, elem in steps:
            value = get(name, _MISSING)
            if type(value) is exact and (value or not is_optional):
                out[name] = value
            elif value is not _MISSING:
                _put(out, side, elem, value)
            elif not is_optional:
                raise SerialisationError(msg=f'Element missing in the response: {name}')
            elif side.default is not NOT_GIVEN and not side.skips(name):
                out[name] = side.default
        for name in floats:
            if type(value := out.get(name)) is float and value - value != 0:
                raise SerialisationError(msg=f'Element is not a number: {name} (in the response)')
        return out

    return render


def _put(out: dict[str, Any], side: Side, elem: Elem, value: Any) -> None:
    is_empty = value is None or value == ''
    if is_empty and elem.is_optional and side.skips(elem.name):
        return
    if is_empty and side.empty is not NOT_GIVEN:
        out[elem.name] = side.empty
        return
    try:
        out[elem.name] = convert(elem, elem.render, value)
    except ModelValidationError as e:
        raise SerialisationError(msg=f'{e.msg} (in the response)') from None


def _model_renderer(model: type[Any], *, is_list: bool) -> Render:
    parse_one = parser_of(model)

    def render_one(payload: Any, at: str = '') -> Any:
        if isinstance(payload, model):
            return payload
        if payload is None or isinstance(payload, str | bytes):
            return payload
        try:
            return parse_model(parse_one, payload, OUTPUT, at)
        except ModelValidationError as e:
            raise SerialisationError(msg=f'{e.msg} (in the response)') from None

    def render(payload: Any) -> Any:
        if type(payload) is Payload:
            payload = content_of(payload)
            if payload == {}:
                return [] if is_list else ''
        if isinstance(payload, list | tuple):
            return [render_one(item, f'/[{i}]') for i, item in enumerate(Turns().over(payload))]
        return render_one(payload)

    return render


def _wrapped(render: Render, elem: str) -> Render:
    if not elem:
        return render

    def wrap(payload: Any) -> Any:
        rendered = render(payload)
        return rendered if isinstance(rendered, str | bytes) else {elem: rendered}

    return wrap
