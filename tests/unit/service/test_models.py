"""Models: nested and recursive ones, dataclasses of all kinds, `after_created`, models as responses."""

# ruff: noqa: RUF009  # list_field() is a field

from __future__ import annotations

import dataclasses
import json
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from tests.unit.service.invoking import answering, call_of, invoke, invoker_of, run, service
from zato.common.exception import (
    BadRequest,
    DeploymentError,
    ElementIsNotAList,
    ElementMissing,
    ModelValidationError,
    SerialisationError,
)
from zato.common.typing_ import dict_, dict_field, list_, list_field, optional, strlist, strnone
from zato.server.service import Model, ModelCtx, Service
from zato.server.service.data import Request

ID = uuid.UUID('0123456789abcdef0123456789abcdef')
NOON = datetime(2026, 11, 22, 12, 30, 5)


class Color(Enum):
    RED = 'red'


@dataclass(init=False)
class Address(Model):
    street: str
    city: strnone


@dataclass(init=False)
class User(Model):
    name: str
    age: int
    address: optional[Address]


@dataclass(init=False)
class WithDefaults(Model):
    name: str = 'nobody'
    tags: strlist = list_field()


# Nested models


@dataclass(init=False)
class Team(Model):
    user_list: list_[User]
    by_name: dict_[str, User] = dict_field()


def test_models_are_nested_in_lists_dicts_and_optional_fields() -> None:
    user = {'name': 'alice', 'age': '7', 'address': {'street': 's', 'city': None}}
    team = Team.from_dict({'user_list': [user, {'name': 'bob', 'age': 8}], 'by_name': {'alice': user}})
    assert [type(one) for one in team.user_list] == [User, User]
    assert team.user_list[0].age == 7
    address = team.by_name['alice'].address
    assert isinstance(address, Address)
    assert (address.street, address.city) == ('s', None)
    assert team.user_list[1].address is None


@pytest.mark.parametrize(
    ('data', 'error'),
    [
        ({}, 'Element missing: /user_list'),
        ({'user_list': {}}, 'Element is not a list: /user_list'),
        ({'user_list': [{'name': 'a', 'age': 1}, {'age': 1}]}, 'Element missing: /user_list[1]/name'),
        ({'user_list': [{}]}, 'Element missing: /user_list[0]/age'),
        ({'user_list': [{'name': 'a', 'age': 'b'}]}, 'Element is not an integer: /user_list[0]/age'),
        ({'user_list': [5]}, 'Element is not an object: /user_list[0]'),
        ({'user_list': [{'name': 'a', 'age': 1, 'address': {}}]}, 'Element missing: /user_list[0]/address/street'),
        ({'user_list': [], 'by_name': {'a': {'age': 1}}}, 'Element missing: /by_name/a/name'),
        ({'by_name': 5}, 'Element is not a dict: /by_name'),
    ],
)
def test_an_error_in_a_nested_model_tells_the_way_to_it(data: Any, error: str) -> None:
    with pytest.raises(ModelValidationError) as info:
        Team.from_dict(data)
    assert str(info.value) == error


@dataclass(init=False)
class Unsorted(Model):
    c: int
    a: int
    b: int


@pytest.mark.parametrize(
    ('data', 'error'),
    [
        ({}, 'Element missing: /a'),
        ({'a': 1}, 'Element missing: /b'),
        ({'a': 1, 'b': 'x'}, 'Element is not an integer: /b'),
        ({'a': 'x', 'c': 'x'}, 'Element is not an integer: /a'),
    ],
)
def test_of_several_errors_the_first_one_by_the_names_of_the_fields_is_told(data: Any, error: str) -> None:
    with pytest.raises(ModelValidationError, match=error):
        Unsorted.from_dict(data)


# Recursive models, models of later classes


@dataclass(init=False)
class Node(Model):
    value: int
    left: Node | None
    children: list_[Node] = list_field()


@dataclass(init=False)
class Order(Model):
    lines: list_[Line]


@dataclass(init=False)
class Line(Model):
    order: optional[Order]
    sku: str


def test_a_model_may_be_of_itself_and_of_classes_that_come_later_in_the_module() -> None:
    node = Node.from_dict({'value': '1', 'left': {'value': '2'}, 'children': [{'value': '3', 'children': [{'value': 4}]}]})
    assert (node.value, node.left and node.left.value, node.children[0].children[0].value) == (1, 2, 4)
    with pytest.raises(ElementMissing, match=r'^Element missing: /children\[0\]/children\[1\]/value$'):
        Node.from_dict({'value': 1, 'children': [{'value': 2, 'children': [{'value': 3}, {}]}]})
    order = Order.from_dict({'lines': [{'sku': 'a', 'order': {'lines': []}}]})
    assert order.lines[0].order == Order.from_dict({'lines': []})


def test_data_that_is_nested_too_deeply_is_the_clients_mistake() -> None:
    data: dict[str, Any] = {'value': 1}
    for _ in range(100_000):
        data = {'value': 1, 'left': data}
    with pytest.raises(ModelValidationError, match='Element is nested too deeply: /'):
        Node.from_dict(data)
    while data:  # it would be freed by recursion in C
        data = data.pop('left', {})


def test_a_model_whose_annotation_is_unknown_is_refused_each_time_it_is_used() -> None:
    @dataclass(init=False)
    class Local(Model):
        x: Nothing  # type: ignore[name-defined]  # noqa: F821  # there is none

    for _ in range(2):
        with pytest.raises(TypeError, match='Local has an annotation that cannot be found'):
            Local.from_dict({})


# Dataclasses of all kinds


@dataclass
class Plain(Model):
    name: str
    size: int = 5


@dataclass(frozen=True)
class Frozen(Model):
    name: str
    size: int = 5


@dataclass(slots=True)
class Slots(Model):
    name: str
    size: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class All(Model):
    name: str
    size: int = 5


@dataclass
class OfSlots(Slots):
    more: str = ''


@dataclass(init=False)
class Derived(Plain):
    more: strnone


@dataclass
class NoModel:
    name: str
    size: int = 5


@dataclass(frozen=True, slots=True)
class NoModelEither:
    name: str
    size: int = 5


@pytest.mark.parametrize('cls', [Plain, Frozen, Slots, All, OfSlots, Derived, NoModel, NoModelEither])
def test_dataclasses_of_all_kinds_are_input_and_output(cls: type[Any]) -> None:
    def handle(self: Service) -> None:
        received: Any = self.request.input
        assert type(received) is cls
        self.response.payload = received if self.request.payload['size'] else {'name': received.name, 'size': 7}

    invoker = invoker_of(service('x', handle, input=cls, output=cls))
    for size, expected in ((3, 3), (0, 7)):
        answer = invoke(invoker, 'x', {'name': 5, 'size': size})
        assert type(answer) is cls
        assert (answer.name, answer.size) == ('5', expected)
    with pytest.raises(ElementMissing, match='/name'):
        invoke(invoker, 'x', {'size': 1})


@pytest.mark.parametrize('cls', [Plain, Frozen, Slots, All, OfSlots, NoModel, NoModelEither])
def test_a_dataclass_with_a_constructor_is_made_by_it_too(cls: type[Any]) -> None:
    assert cls(name='a') == cls(name='a', size=5)
    assert dataclasses.asdict(cls(name='a'))['size'] == 5


def test_a_model_without_a_constructor_is_made_empty_but_for_its_defaults() -> None:
    user = User()
    assert not hasattr(user, 'name')
    user.name = 'alice'
    assert (user['name'], 'name' in user, 'age' in user) == ('alice', True, False)
    assert user.to_dict() == {'name': 'alice'}
    made = WithDefaults()
    assert (made.name, made.tags) == ('nobody', [])
    assert made.tags is not WithDefaults().tags
    with pytest.raises(TypeError, match=r'User takes no arguments: it is a dataclass with init=False'):
        User('alice')
    with pytest.raises(TypeError, match='User takes no arguments'):
        User(name='alice')


@dataclass
class WithPostInit(Model):
    name: str
    size: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.size = len(self.name)


def test_post_init_is_called_as_for_any_dataclass() -> None:
    assert WithPostInit.from_dict({'name': 'abc'}).size == WithPostInit('abc').size == 3


def test_a_model_that_is_no_dataclass_is_not_deployed() -> None:
    class NotDecorated(Model):
        name: str

    with pytest.raises(DeploymentError, match=r'NotDecorated is not a dataclass: decorate it with @dataclass\(init=False\)'):
        service('x', lambda self: None, input=NotDecorated)


# after_created


@dataclass(init=False)
class Checked(Model):
    name: str
    parts: list_[CheckedPart] = list_field()

    def after_created(self, ctx: ModelCtx) -> None:
        SEEN.append((ctx.service and ctx.service.name, ctx.data, ctx.DataClass))
        if self.name == 'bad':
            raise BadRequest(msg='The name is bad', needs_msg=True)
        self.name = self.name.title()


@dataclass(init=False)
class CheckedPart(Model):
    name: str

    def after_created(self, ctx: ModelCtx) -> None:
        SEEN.append((ctx.service and ctx.service.name, ctx.data, ctx.DataClass))


SEEN: list[Any] = []


@pytest.fixture
def seen() -> list[Any]:
    SEEN.clear()
    return SEEN


def test_after_created_is_told_of_each_model_and_may_change_it(seen: list[Any]) -> None:
    def handle(self: Service) -> None:
        received: Any = self.request.input
        self.response.payload = received.name

    invoker = invoker_of(service('x', handle, input=Checked))
    payload = {'name': 'alice', 'parts': [{'name': 'p'}]}
    assert invoke(invoker, 'x', payload) == 'Alice'
    assert seen == [('x', {'name': 'p'}, CheckedPart), ('x', payload, Checked)], 'what is inside comes first'
    with pytest.raises(BadRequest, match='The name is bad'):
        invoke(invoker, 'x', {'name': 'bad'})


def test_without_a_service_after_created_is_told_of_none(seen: list[Any]) -> None:
    assert Checked.from_dict({'name': 'alice'}).name == 'Alice'
    assert seen == [(None, {'name': 'alice'}, Checked)]


def test_after_created_is_not_told_of_what_a_service_answers(seen: list[Any]) -> None:
    invoker = invoker_of(answering('x', {'name': 'alice'}), service('y', set_dict, output=Checked))
    answer = invoke(invoker, 'y')
    assert (type(answer), answer.name, seen) == (Checked, 'alice', [])


def set_dict(self: Service) -> None:
    self.response.payload = self.invoke('x')


# What models can do


def team() -> Team:
    user = {'name': 'alice', 'age': 7, 'address': {'street': 's', 'city': 'c'}}
    return Team.from_dict({'user_list': [user], 'by_name': {'a': user}})


def test_a_model_as_a_dict_has_its_models_as_dicts() -> None:
    user = {'name': 'alice', 'age': 7, 'address': {'street': 's', 'city': 'c'}}
    assert team().to_dict() == {'user_list': [user], 'by_name': {'a': user}}
    assert type(team().to_dict()['user_list'][0]['address']) is dict
    assert Team.from_dict(team().to_dict()) == team()


def test_a_model_as_json_is_its_dict_with_dates_and_the_like_as_text() -> None:
    @dataclass(init=False)
    class Everything(Model):
        at: Any
        color: Any
        day: Any
        id: Any
        price: Any
        text: Any

    model = Everything()
    model.at, model.color, model.day, model.id = NOON, Color.RED, date(2026, 11, 22), ID
    model.price, model.text = Decimal('1.10'), 'ü'
    assert json.loads(model.to_json()) == {
        'at': '2026-11-22T12:30:05',
        'color': 'red',
        'day': '2026-11-22',
        'id': str(ID),
        'price': '1.10',
        'text': 'ü',
    }
    assert json.loads(team().to_json()) == team().to_dict()


def test_a_clone_is_equal_and_apart() -> None:
    model = team()
    clone = model.clone()
    assert clone == model
    clone.user_list[0].name = 'bob'
    assert model.user_list[0].name == 'alice'


def test_fields_are_items_too() -> None:
    model = Address.from_dict({'street': 's', 'city': None})
    assert (model['street'], model['city'], model.get('street'), model.get('zip', 5)) == ('s', None, 's', 5)
    assert 'street' in model
    assert 'zip' not in model
    with pytest.raises(KeyError, match='zip'):
        _ = model['zip']


# Models as responses


def test_a_model_that_a_service_answers_is_the_very_object_that_its_caller_gets() -> None:
    model = team()
    target = service('target', lambda self: setattr(self.response, 'payload', model), output=Team)
    undeclared = answering('undeclared', model)
    assert run(lambda self: self.invoke('target'), target) is model
    assert run(lambda self: self.invoke('undeclared'), undeclared) is model
    assert run(lambda self: self.invoke('undeclared', skip_response_elem=True, data_format='dict'), undeclared) is model


def test_a_model_that_is_sent_to_a_service_is_the_very_object_that_it_gets() -> None:
    model = team()

    def target(self: Service) -> None:
        self.response.payload = self.request.input

    assert run(lambda self: self.invoke('target', model), service('target', target, input=Team)) is model


def test_fields_of_the_response_may_be_set_one_by_one() -> None:
    def handle(self: Service) -> None:
        self.response.payload.street = 's'
        self.response.payload.city = 5

    answer = invoke(invoker_of(service('x', handle, output=Address)), 'x')
    assert answer == Address.from_dict({'street': 's', 'city': '5'})


@pytest.mark.parametrize('annotation', [Address, list_[Address]])
def test_a_list_of_models_is_a_response(annotation: Any) -> None:
    address = Address.from_dict({'street': 's', 'city': 'c'})

    def replaced(self: Service) -> None:
        self.response.payload = [address, {'street': 't'}]

    def appended(self: Service) -> None:
        self.response.payload.append(address)
        self.response.payload.append({'street': 't'})

    for handle in (replaced, appended):
        first, second = invoke(invoker_of(service('x', handle, output=annotation)), 'x')
        assert first is address
        assert second == Address.from_dict({'street': 't'})


@pytest.mark.parametrize(
    ('annotation', 'payload', 'error'),
    [
        (Address, {'city': 'c'}, 'Element missing: /street (in the response)'),
        (Address, 5, 'Element is not an object: / (in the response)'),
        (User, {'name': 'a', 'age': 'b'}, 'Element is not an integer: /age (in the response)'),
        (list_[Address], [{'street': 's'}, {}], 'Element missing: /[1]/street (in the response)'),
        (list_[Address], [{'street': 's'}, 5], 'Element is not an object: /[1] (in the response)'),
    ],
)
def test_a_response_that_is_not_the_model_is_the_services_mistake(annotation: Any, payload: Any, error: str) -> None:
    def handle(self: Service) -> None:
        self.response.payload = payload

    with pytest.raises(SerialisationError) as info:
        invoke(invoker_of(service('x', handle, output=annotation)), 'x')
    assert (str(info.value), info.value.status) == (error, 500)


@pytest.mark.parametrize(('annotation', 'expected'), [(Address, ''), (list_[Address], [])])
def test_a_response_that_was_never_set_is_empty(annotation: Any, expected: Any) -> None:
    assert invoke(invoker_of(service('x', lambda self: None, output=annotation)), 'x') == expected


@pytest.mark.parametrize('annotation', [Address, list_[Address]])
def test_a_list_without_models_is_a_response_too(annotation: Any) -> None:
    def handle(self: Service) -> None:
        self.response.payload[:] = []

    assert invoke(invoker_of(service('x', handle, output=annotation)), 'x') == []


# Lists of models as input, parameters of the URL


def test_a_list_of_models_is_input_and_errors_tell_the_index() -> None:
    def handle(self: Service) -> None:
        items: Any = self.request.input
        self.response.payload = [item.street for item in items]

    invoker = invoker_of(service('x', handle, input=list_[Address]))
    assert invoke(invoker, 'x', [{'street': 1}, {'street': 2}]) == ['1', '2']
    for payload, error in (
        ([{'street': 1}, {}], r'Element missing: /\[1\]/street$'),
        ([5], r'Element is not an object: /\[0\]$'),
    ):
        with pytest.raises(ModelValidationError, match=error):
            invoke(invoker, 'x', payload)
    with pytest.raises(ElementIsNotAList, match=r'Element is not a list: /$'):
        invoke(invoker, 'x', {'street': 's'})


def test_parameters_of_the_url_go_over_top_level_fields_and_are_converted() -> None:
    def handle(self: Service) -> None:
        self.response.payload = self.request.input

    invoker = invoker_of(service('x', handle, input=User))
    params = {'name': 'url', 'age': '7', 'street': 'url'}
    request = Request(b'', {'name': 'body', 'age': 1, 'address': {'street': 'body'}}, None, None, None)
    request.channel_params = params
    answer = invoker.run(call_of(invoker, 'x'), request).payload
    assert (answer.name, answer.age, answer.address.street) == ('url', 7, 'body')
