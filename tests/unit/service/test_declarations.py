"""The styles in which a service declares its input and output, and what each of their options does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from tests.unit.service.invoking import call_of, invoke, invoker_of, run, service
from zato.common.exception import BadRequest, DeploymentError, ElementIsNotAList, ElementMissing, SerialisationError
from zato.common.typing_ import list_
from zato.server.service import Bool, Dict, Float, Int, List, Model, Service, Text
from zato.server.service.compiled import compile_service
from zato.server.service.data import Request
from zato.server.service.simpleio.compiled import IO, compile_io

NO_SERVICE: Any = None


@dataclass(init=False)
class User(Model):
    name: str
    user_id: int


class NotADataclass(Model):
    name: str


@dataclass(init=False)
class OfNothing(Model):
    thing: Nothing  # type: ignore[name-defined]  # noqa: F821  # there is none


def simple_io(**attributes: Any) -> IO:
    """That of a service with this class SimpleIO."""
    return class_level(SimpleIO=type('SimpleIO', (), attributes))


def class_level(**attributes: Any) -> IO:
    """That of a service with these attributes."""
    found = compile_io(type('MyService', (Service,), attributes))
    assert found is not None
    return found


def parsed(io: IO, data: Any) -> Any:
    assert io.parse is not None
    return io.parse(data, NO_SERVICE)


def rendered(io: IO, payload: Any) -> Any:
    assert io.render is not None
    return io.render(payload)


# Styles

RECEIVED = {'a': 1, 'user_id': '2', 'is_b': 'yes', 'undeclared': 3}
PARSED = {'a': '1', 'user_id': 2, 'is_b': True, 'c': ''}


@pytest.mark.parametrize(
    'io',
    [
        simple_io(input_required=('a', 'user_id'), input_optional=('is_b', 'c')),
        simple_io(input_required=['a', Int('user_id')], input_optional=[Bool('is_b'), Text('-c')]),
        simple_io(input=('a', 'user_id', '-is_b', '-c')),
        simple_io(input=['a', Int('user_id'), Bool('-is_b'), Text('-c')]),
        class_level(input=('a', 'user_id', '-is_b', '-c')),
        class_level(input=[Text('a'), 'user_id', Bool('-is_b'), '-c']),
    ],
)
def test_each_style_declares_the_same_input(io: IO) -> None:
    assert parsed(io, RECEIVED) == PARSED
    assert parsed(io, {'a': '', 'user_id': ''}) == {'a': '', 'user_id': '', 'is_b': False, 'c': ''}
    with pytest.raises(ElementMissing, match='Element missing: user_id'):
        parsed(io, {'a': 1})


@pytest.mark.parametrize(
    ('io', 'elem'),
    [
        (simple_io(output_required=('a', 'user_id'), output_optional=('is_b', 'c')), 'response'),
        (simple_io(output=('a', Int('user_id'), '-is_b', '-c')), 'response'),
        (class_level(output=('a', 'user_id', Bool('-is_b'), '-c')), ''),
    ],
)
def test_each_style_declares_the_same_output_and_only_the_class_wraps_it(io: IO, elem: str) -> None:
    expected = {'a': '1', 'user_id': 2, 'is_b': True}
    assert rendered(io, RECEIVED) == ({elem: expected} if elem else expected)
    with pytest.raises(SerialisationError, match='Element missing in the response: user_id'):
        rendered(io, {'a': 1})


@pytest.mark.parametrize(
    'io',
    [
        simple_io(input_required='name'),
        simple_io(input_required=Text('name')),
        simple_io(input='name'),
        class_level(input='name'),
        class_level(input=Text('name')),
    ],
)
def test_one_name_needs_no_tuple_around_it(io: IO) -> None:
    assert parsed(io, {'name': 'x', 'n': 'y'}) == {'name': 'x'}


@pytest.mark.parametrize('io', [simple_io(input_optional='name'), simple_io(input='-name'), class_level(input='-name')])
def test_one_optional_name_needs_no_tuple_either(io: IO) -> None:
    assert parsed(io, {}) == {'name': ''}


def test_a_dash_may_be_inside_an_element_with_a_default() -> None:
    io = class_level(input=('a', Int('-b', default=5), Dict('-c', 'd', default=None)))
    assert parsed(io, {'a': '1'}) == {'a': '1', 'b': 5, 'c': None}


@pytest.mark.parametrize(
    'io',
    [
        simple_io(input_required=('a', 'b'), input_optional=('a', Int('b'))),
        simple_io(input=('a', '-a', 'b', '-b')),
        class_level(input=('-a', 'a', '-b', 'b')),
    ],
)
def test_an_element_that_is_both_required_and_optional_is_required(io: IO) -> None:
    assert parsed(io, {'a': '1', 'b': '2'}) == {'a': '1', 'b': '2'}
    with pytest.raises(ElementMissing):
        parsed(io, {'a': '1'})


def test_one_side_may_be_declared_alone() -> None:
    for io in (class_level(input='a'), simple_io(input_optional='a')):
        assert io.render is None
    for io in (class_level(output='a'), simple_io(output='a')):
        assert io.parse is None
    assert compile_io(Service) is None


@pytest.mark.parametrize('nothing', [(), []])
def test_an_empty_declaration_lets_nothing_in(nothing: Any) -> None:
    assert parsed(class_level(input=nothing), {'a': 1}) == {}


def test_declared_elements_are_attributes_of_the_input_whatever_they_are_called() -> None:
    io = class_level(input=('a', '-items', '-class', 'my-name', '-get'))
    found = parsed(io, {'a': '1', 'items': 'x', 'my-name': 'y', 'get': 'z'})
    assert (found.a, found['items'], found['my-name'], found['get']) == ('1', 'x', 'y', 'z')
    assert next(iter(found.items())) == ('a', '1'), 'its methods stay'
    assert (found.get('get'), found.get('none')) == ('z', None)
    with pytest.raises(AttributeError, match='There is no element `none` in the input'):
        _ = found.none


# Models


@pytest.mark.parametrize(
    'io',
    [class_level(input=User, output=User), simple_io(input=User, output=User)],
)
def test_a_model_is_input_and_output_and_nothing_wraps_it(io: IO) -> None:
    user = parsed(io, {'name': 'alice', 'user_id': '7'})
    assert type(user) is User
    assert (user.name, user.user_id) == ('alice', 7)
    assert rendered(io, user) is user
    assert rendered(io, {'name': 'bob', 'user_id': '8'}).to_dict() == {'name': 'bob', 'user_id': 8}


@pytest.mark.parametrize('annotation', [list_[User], list[User]])
def test_a_list_of_models_is_input_and_output(annotation: Any) -> None:
    for io in (class_level(input=annotation, output=annotation), simple_io(input=annotation, output=annotation)):
        [user] = parsed(io, [{'name': 'alice', 'user_id': '7'}])
        assert (type(user), user.user_id) == (User, 7)
        assert rendered(io, [user])[0] is user
        with pytest.raises(ElementIsNotAList, match='Element is not a list: /'):
            parsed(io, {'name': 'alice', 'user_id': 7})


def test_one_side_may_be_a_model_and_the_other_one_elements() -> None:
    for io in (class_level(input=User, output=('a', '-b')), simple_io(input=User, output_required='a', output_optional='b')):
        assert type(parsed(io, {'name': 'a', 'user_id': 1})) is User
        assert rendered(io, {'a': 1, 'c': 2}) == {'a': '1'}
    io = class_level(input=('a', 'user_id'), output=User)
    assert parsed(io, {'a': 1, 'user_id': '5'}) == {'a': '1', 'user_id': 5}
    assert rendered(io, {'name': 'a', 'user_id': 1}).name == 'a'


# Mistakes, found at deployment

EXCLUDE = 'exclude each other'


@pytest.mark.parametrize(
    ('attributes', 'error'),
    [
        ({'input': 'a', 'input_required': 'b'}, f'input and input_required or input_optional {EXCLUDE}'),
        ({'input': 'a', 'input_optional': 'b'}, f'input and input_required or input_optional {EXCLUDE}'),
        ({'input': User, 'input_required': 'b'}, f'input and input_required or input_optional {EXCLUDE}'),
        ({'output': 'a', 'output_required': 'b'}, f'output and output_required or output_optional {EXCLUDE}'),
        ({'output': 'a', 'output_optional': 'b'}, f'output and output_required or output_optional {EXCLUDE}'),
        ({}, 'SimpleIO declares neither input nor output'),
        ({'response_elem': 'a'}, 'SimpleIO declares neither input nor output'),
        ({'input_required': 5}, 'input_required must be names, elements or a model, not 5'),
        ({'output_optional': ('a', None)}, 'output_optional must be names, elements or a model, not None'),
        ({'input': NotADataclass}, 'NotADataclass is not a dataclass: decorate it with @dataclass(init=False)'),
        ({'input': OfNothing}, "OfNothing has an annotation that cannot be found: name 'Nothing' is not defined"),
        ({'input': '-'}, "the name of an element must be text and not empty, not '-'"),
        ({'input': ''}, "the name of an element must be text and not empty, not ''"),
    ],
)
def test_a_wrong_declaration_is_not_deployed_and_the_error_names_class_and_rule(
    attributes: dict[str, Any], error: str
) -> None:
    sio = type('SimpleIO', (), attributes)
    cls = type('MyService', (Service,), {'SimpleIO': sio, 'handle': lambda self: None})
    with pytest.raises(DeploymentError) as info:
        compile_service(cls)
    assert str(info.value) == f'Class MyService: {error}'
    with pytest.raises(DeploymentError):
        compile_service(cls)


@pytest.mark.parametrize(
    ('attributes', 'error'),
    [
        ({'input': 5}, 'input must be names, elements or a model, not 5'),
        ({'input': Int}, "input must be names, elements or a model, not <class 'zato.server.service.simpleio.element.Int'>"),
        ({'output': {'a': 'b'}}, "output must be names, elements or a model, not {'a': 'b'}"),
        ({'input': (User,)}, "input must be names, elements or a model, not <class '"),
        ({'input': list[str]}, 'input must be names, elements or a model, not list[str]'),
        ({'SimpleIO': 'a, b'}, 'SimpleIO must be a class'),
    ],
)
def test_a_wrong_attribute_is_not_deployed_either(attributes: dict[str, Any], error: str) -> None:
    with pytest.raises(DeploymentError) as info:
        class_level(**attributes)
    assert str(info.value).startswith(f'Class MyService: {error}')


# What wraps a response


@pytest.mark.parametrize(
    ('attributes', 'expected'),
    [
        ({}, {'response': {'a': '1'}}),
        ({'response_elem': 'answer'}, {'answer': {'a': '1'}}),
        ({'response_elem': None}, {'a': '1'}),
        ({'response_elem': ''}, {'a': '1'}),
    ],
)
def test_response_elem_is_what_wraps_a_response(attributes: dict[str, Any], expected: Any) -> None:
    assert rendered(simple_io(output_required='a', **attributes), {'a': 1}) == expected
    assert rendered(simple_io(output='a', **attributes), {'a': 1}) == expected


def test_a_service_may_turn_the_wrapper_off() -> None:
    sio = type('SimpleIO', (), {'output': 'a'})
    assert rendered(class_level(SimpleIO=sio, _zato_needs_response_wrapper=False), {'a': 1}) == {'a': '1'}


def test_a_wrapped_response_is_wrapped_for_other_services_too_unless_they_shed_it() -> None:
    def handle(self: Service) -> None:
        self.response.payload.a = 1

    target = service('target', handle, SimpleIO=type('SimpleIO', (), {'output': 'a'}))

    def caller(self: Service) -> Any:
        return self.invoke('target'), self.invoke('target', skip_response_elem=True)

    assert run(caller, target) == ({'response': {'a': '1'}}, {'a': '1'})


# Rows


def answer_of(handle: Any, **attributes: Any) -> Any:
    """What a service answers that has this class SimpleIO."""
    return invoke(invoker_of(service('x', handle, SimpleIO=type('SimpleIO', (), attributes))), 'x')


def set_rows(self: Service) -> None:
    self.response.payload[:] = [{'a': 1, 'b': 2}, {'a': 3}]


def append_rows(self: Service) -> None:
    self.response.payload.append({'a': 1, 'b': 2})
    self.response.payload.extend({'a': number} for number in (3,))
    assert len(self.response.payload) == 2


def replace_payload(self: Service) -> None:
    self.response.payload = [{'a': 1, 'b': 2}, {'a': 3}]


@pytest.mark.parametrize('handle', [set_rows, append_rows, replace_payload])
@pytest.mark.parametrize('is_repeated', [False, True])
def test_rows_are_a_list_in_the_response(handle: Any, is_repeated: bool) -> None:
    options = {'output_required': 'a', 'output_optional': 'b', 'output_repeated': is_repeated}
    assert answer_of(handle, **options) == {'response': [{'a': '1', 'b': '2'}, {'a': '3'}]}
    assert answer_of(handle, **options, response_elem=None) == [{'a': '1', 'b': '2'}, {'a': '3'}]


def test_repeated_output_is_a_list_even_of_one_or_none() -> None:
    def one(self: Service) -> None:
        self.response.payload.a = 1

    def nothing(self: Service) -> None:
        pass

    options: dict[str, Any] = {'output': 'a', 'output_repeated': True, 'response_elem': None}
    assert answer_of(one, **options) == [{'a': '1'}]
    assert answer_of(nothing, **options) == []


def test_elements_of_the_output_are_set_as_attributes_or_items() -> None:
    def handle(self: Service) -> None:
        payload = self.response.payload
        payload.a = 1
        payload['my-b'] = 2
        payload.update({'c': 3, 'd': 4})
        assert (payload.get('a'), payload.get('e', 5), payload['c'], len(payload)) == (1, 5, 3, 4)
        with pytest.raises(AttributeError, match='The response has no `e` yet'):
            _ = payload.e

    assert answer_of(handle, output=('a', 'my-b', '-c'), response_elem=None) == {'a': '1', 'my-b': '2', 'c': '3'}


def test_a_response_without_any_of_its_optional_elements_is_empty() -> None:
    def handle(self: Service) -> None:
        pass

    assert answer_of(handle, output=('-a', '-b')) == {'response': {}}


# Empty values

INPUT: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {'a': '', 'b': None}, {'a': '', 'b': None, 'c': '', 'user_id': ''}),
    ({}, {'a': ''}, {'a': '', 'b': '', 'c': '', 'user_id': ''}),
    ({'skip_empty_keys': True}, {'a': '', 'b': None, 'c': ''}, {'a': ''}),
    ({'skip_empty_keys': True}, {'a': '', 'user_id': '0'}, {'a': '', 'user_id': 0}),
    ({'skip_empty_keys': ('b', 'user_id')}, {'a': '', 'b': ''}, {'a': '', 'c': ''}),
    ({'skip_empty_keys': 'b'}, {'a': ''}, {'a': '', 'c': '', 'user_id': ''}),
    ({'SkipEmpty': {'input': True}}, {'a': ''}, {'a': ''}),
    ({'SkipEmpty': {'input': 'b'}}, {'a': ''}, {'a': '', 'c': '', 'user_id': ''}),
    ({'SkipEmpty': {'input': True, 'force_empty_input': ('c',)}}, {'a': ''}, {'a': '', 'c': ''}),
    ({'SkipEmpty': {'output_def': True}}, {'a': ''}, {'a': '', 'b': '', 'c': '', 'user_id': ''}),
    ({'default_value': None}, {'a': ''}, {'a': '', 'b': None, 'c': None, 'user_id': None}),
    ({'default_value': 1, 'default_input_value': 2}, {'a': ''}, {'a': '', 'b': 2, 'c': 2, 'user_id': 2}),
    ({'default_output_value': 3}, {'a': ''}, {'a': '', 'b': '', 'c': '', 'user_id': ''}),
    ({'default_value': 1}, {'a': '', 'b': ''}, {'a': '', 'b': '', 'c': 1, 'user_id': 1}),
]


def with_nested(options: dict[str, Any]) -> dict[str, Any]:
    return {name: type(name, (), value) if isinstance(value, dict) else value for name, value in options.items()}


@pytest.mark.parametrize(('options', 'received', 'expected'), INPUT)
def test_options_say_what_missing_and_empty_input_is(
    options: dict[str, Any], received: dict[str, Any], expected: dict[str, Any]
) -> None:
    io = simple_io(input_required='a', input_optional=('b', 'c', 'user_id'), **with_nested(options))
    assert parsed(io, received) == expected


OUTPUT: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {'a': '', 'b': '', 'x': None}, {'a': '', 'b': '', 'x': 0.0}),
    ({}, {'a': ''}, {'a': ''}),
    ({'skip_empty_keys': True}, {'a': '', 'b': '', 'c': None, 'x': None}, {'a': ''}),
    ({'skip_empty_keys': ('b',)}, {'a': '', 'b': '', 'c': ''}, {'a': '', 'c': ''}),
    ({'skip_empty_keys': True, 'force_empty_keys': 'b'}, {'a': '', 'b': '', 'c': ''}, {'a': '', 'b': ''}),
    ({'SkipEmpty': {'output_def': True}}, {'a': '', 'b': ''}, {'a': ''}),
    ({'SkipEmpty': {'output_def': ['b']}}, {'a': '', 'b': '', 'c': ''}, {'a': '', 'c': ''}),
    ({'SkipEmpty': {'output_def': True, 'force_empty_output': 'c'}}, {'a': '', 'b': '', 'c': ''}, {'a': '', 'c': ''}),
    ({'SkipEmpty': {'input': True}}, {'a': '', 'b': ''}, {'a': '', 'b': ''}),
    ({'SkipEmpty': {'empty_output_value': '-'}}, {'a': None, 'b': '', 'x': None}, {'a': '-', 'b': '-', 'x': '-'}),
    ({'default_value': ''}, {'a': '1'}, {'a': '1', 'b': '', 'c': '', 'x': ''}),
    ({'default_value': 1, 'default_output_value': 2}, {'a': '1'}, {'a': '1', 'b': 2, 'c': 2, 'x': 2}),
    ({'default_input_value': 2}, {'a': '1'}, {'a': '1'}),
    ({'default_value': 1, 'skip_empty_keys': True}, {'a': '1'}, {'a': '1'}),
]


@pytest.mark.parametrize(('options', 'payload', 'expected'), OUTPUT)
def test_options_say_what_missing_and_empty_output_is(
    options: dict[str, Any], payload: dict[str, Any], expected: dict[str, Any]
) -> None:
    io = simple_io(output_required='a', output_optional=('b', 'c', Float('x')), response_elem=None, **with_nested(options))
    assert rendered(io, payload) == expected


# Data formats


def test_options_of_data_formats_are_attributes_or_nested_classes() -> None:
    nested = {'CSV': type('CSV', (), {'quotechar': "'", 'delimiter': ','}), 'XML': type('XML', (), {'namespace': 'urn:x'})}
    io = simple_io(input='a', csv_delimiter=';', xml_root='root', **nested)
    assert io.format_options == {
        'csv_quotechar': "'",
        'csv_delimiter': ';',
        'xml_namespace': 'urn:x',
        'xml_root': 'root',
    }
    assert simple_io(output='a', response_elem='b').format_options == {'response_elem': 'b'}


# Methods and properties that happen to have these names


class WithMethods(Service):
    def input(self) -> str:
        return 'my input'

    @staticmethod
    def output() -> str:
        return 'my output'

    def handle(self) -> None:
        self.response.payload = [self.input(), self.output(), self.request.input.a]


class WithProperties(Service):
    @property
    def input(self) -> str:
        return 'my input'

    @cached_property
    def output(self) -> str:
        return 'my output'

    def handle(self) -> None:
        self.response.payload = [self.input, self.output, self.request.input.a]


class WithClassMethods(Service):
    @classmethod
    def input(cls) -> str:
        return 'my input'

    output = staticmethod(lambda: 'my output')

    def handle(self) -> None:
        self.response.payload = [self.input(), self.output(), self.request.input.a]


@pytest.mark.parametrize('cls', [WithMethods, WithProperties, WithClassMethods])
def test_methods_and_properties_called_input_and_output_declare_nothing(cls: type[Service]) -> None:
    compiled = compile_service(cls)
    assert compiled.io is None
    assert invoke(invoker_of(compiled), compiled.name, {'a': 1}) == ['my input', 'my output', 1]


def test_a_method_called_output_leaves_the_declared_input_alone() -> None:
    io = class_level(input='a', output=lambda self: None)
    assert parsed(io, {'a': 1}) == {'a': '1'}
    assert io.render is None


# Inheritance


class Base(Service):
    class SimpleIO:
        input_required = 'a'
        output_optional = 'b'
        response_elem = 'base'


class TakesOver(Base):
    pass


class Replaces(Base):
    class SimpleIO:
        input = 'c'


class Extends(Base):
    class SimpleIO(Base.SimpleIO):
        input_optional = 'c'


class ReplacesByAttributes(Base):
    input = 'c'


class DropsIt(Base):
    SimpleIO = None  # type: ignore[assignment]  # as users do


class AttributesBase(Service):
    input = 'a'
    output = '-b'


class TakesAttributesOver(AttributesBase):
    pass


class ReplacesOneAttribute(AttributesBase):
    input = 'a', '-c'


class ReplacesByClass(AttributesBase):
    class SimpleIO:
        input = 'c'


@pytest.mark.parametrize(
    ('cls', 'names', 'answer'),
    [
        (TakesOver, {'a'}, {'base': {'b': '1'}}),
        (Replaces, {'c'}, None),
        (Extends, {'a', 'c'}, {'base': {'b': '1'}}),
        (ReplacesByAttributes, {'c'}, None),
        (TakesAttributesOver, {'a'}, {'b': '1'}),
        (ReplacesOneAttribute, {'a', 'c'}, {'b': '1'}),
        (ReplacesByClass, {'c'}, None),
    ],
)
def test_a_derived_class_takes_the_declaration_over_unless_it_has_its_own(
    cls: type[Service], names: set[str], answer: Any
) -> None:
    io = compile_io(cls)
    assert io is not None
    assert set(parsed(io, {'a': 1, 'c': 2})) == names
    assert (io.render and io.render({'b': 1})) == answer


def test_a_derived_class_may_drop_the_declaration() -> None:
    assert compile_io(DropsIt) is None


def test_elements_that_services_share_are_required_in_one_and_optional_in_another() -> None:
    shared = (Int('a'), Text('b'))
    first = simple_io(input_required=shared)
    second = simple_io(input_optional=shared, output_required=shared)
    assert parsed(second, {}) == {'a': '', 'b': ''}
    for io in (first, simple_io(input_required=shared), class_level(input=shared)):
        with pytest.raises(ElementMissing):
            parsed(io, {})
    with pytest.raises(SerialisationError):
        rendered(second, {})


# Data that is no dict


@pytest.mark.parametrize('nothing', [None, '', b'', '  ', b' \n'])
def test_no_data_at_all_is_an_empty_dict(nothing: Any) -> None:
    assert parsed(class_level(input='-a'), nothing) == {'a': ''}
    with pytest.raises(ElementMissing, match='Element missing: a'):
        parsed(class_level(input='a'), nothing)
    with pytest.raises(ElementMissing, match='Element missing: /name'):
        parsed(class_level(input=User), nothing)


@pytest.mark.parametrize(
    ('data', 'kind'),
    [('text', 'text'), (b'bytes', 'bytes'), (5, 'a number'), (1.5, 'a number'), (True, 'true or false'), (0, 'a number')],
)
@pytest.mark.parametrize('declared', ['-a', User])
def test_data_that_is_no_object_is_the_clients_mistake(data: Any, kind: str, declared: Any) -> None:
    with pytest.raises(BadRequest) as info:
        parsed(class_level(input=declared), data)
    assert str(info.value) == f'The input must be an object with the declared elements, not {kind}'
    assert info.value.needs_msg


def test_a_list_is_not_a_model() -> None:
    with pytest.raises(BadRequest, match='must be an object with the declared elements, not a list'):
        parsed(class_level(input=User), [{'name': 'a', 'user_id': 1}])


def test_a_list_of_objects_is_a_list_of_inputs() -> None:
    io = class_level(input=('a', Int('-b', default=5)))
    found = parsed(io, [{'a': 1}, {'a': 2, 'b': '3', 'c': 4}])
    assert found == [{'a': '1', 'b': 5}, {'a': '2', 'b': 3}]
    assert [item.b for item in found] == [5, 3]
    assert parsed(io, []) == []
    with pytest.raises(ElementMissing, match=r'Element missing: /\[1\]/a$'):
        parsed(io, [{'a': 1}, {}])
    with pytest.raises(BadRequest, match=r'not a number: /\[1\]$'):
        parsed(io, [{'a': 1}, 5])


def test_an_error_in_a_list_of_objects_tells_the_way_to_it() -> None:
    io = class_level(input=(Int('-a'), Dict('-b', 'c')))
    with pytest.raises(BadRequest, match=r'Element is not an integer: /\[1\]/a$'):
        parsed(io, [{'a': 1}, {'a': 'x'}])
    with pytest.raises(ElementMissing, match=r'Element missing: /\[0\]/b/c$'):
        parsed(io, [{'b': {}}])


def test_objects_with_to_dict_are_input_too() -> None:
    user = User.from_dict({'name': 'alice', 'user_id': 7})
    assert parsed(class_level(input=('name', '-x')), user) == {'name': 'alice', 'x': ''}
    assert parsed(class_level(input=User), user) is user


# What the service sees


def test_undeclared_parameters_of_the_url_are_in_the_input_of_elements_but_not_of_models() -> None:
    def handle(self: Service) -> None:
        self.response.payload = dict(self.request.input) if isinstance(self.request.input, dict) else self.request.input

    for declared, expected in (
        ('name', {'name': 'url', 'page': '2', 'user_id': '7'}),
        (User, User.from_dict({'name': 'url', 'user_id': 7})),
    ):
        invoker = invoker_of(service('x', handle, input=declared))
        params = {'name': 'url', 'page': '2', 'user_id': '7'}
        request = Request(b'', {'name': 'body', 'age': 5}, None, None, params)
        request.channel_params = params
        assert invoker.run(call_of(invoker, 'x'), request).payload == expected


def test_a_service_without_a_declaration_answers_whatever_it_wants() -> None:
    def handle(self: Service) -> None:
        self.response.payload = self.request.input

    assert invoke(invoker_of(service('x', handle)), 'x', {'a': [1]}) == {'a': [1]}


def test_an_element_of_any_type_may_be_a_list() -> None:
    assert parsed(class_level(input=List('a')), {'a': 'b'}).a == ['b']
