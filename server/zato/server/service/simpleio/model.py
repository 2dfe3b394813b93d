"""Models: dataclasses as input and output, nested as deep as they are.

What a field may be follows from its annotation. Values are converted where that loses nothing: text that is a number
becomes one, ISO dates become dates, numbers become text where text is declared. None passes for every field, as classic
users know it, and keys that are not declared are ignored.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast, get_type_hints

from zato.common.exception import ElementMissing, ModelValidationError
from zato.server.http.json import encode
from zato.server.service.simpleio.conversion import FLOAT, Convert, Converter, Rejected, converter_of, zero_of
from zato.server.service.simpleio.element import Float

if TYPE_CHECKING:
    from zato.server.service.base import Service

M = TypeVar('M', bound='Model')

_OWN_FORMS = ('to_dict', 'to_zato', 'to_json')

_MISSING = dataclasses.MISSING

#: In place of the service where a model is made of what a service gave: `after_created` is not called then.
OUTPUT: Final = object()


class Model:
    """Base class of models: `@dataclass(init=False) class Customer(Model)`, with annotated fields.

    A model made by calling its class without arguments has the defaults of its fields.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    #: Is there a model, of whatever class, that says by itself what it is as a dict?
    _has_own_forms: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__dict__.keys().isdisjoint(_OWN_FORMS):
            Model._has_own_forms = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Model:
        model = super().__new__(cls)
        if cls.__init__ is object.__init__ and (args or kwargs):  # dataclass has made none
            raise TypeError(f'{cls.__name__} takes no arguments: it is a dataclass with init=False')
        if is_dataclass(cls) and not cls.__dataclass_params__.init:  # type: ignore[attr-defined]  # dataclass makes it
            for item in fields(cls):
                if item.default is not _MISSING:
                    object.__setattr__(model, item.name, item.default)
                elif item.default_factory is not _MISSING:
                    object.__setattr__(model, item.name, item.default_factory())
        return model

    def after_created(self, ctx: ModelCtx) -> None:
        """Called for each model that was made of input; may change it, or raise."""

    def to_dict(self) -> dict[str, Any]:
        """Fields by name, models in them as dicts too."""
        return {
            item.name: _plain(value)
            for item in fields(self)
            if (value := getattr(self, item.name, _MISSING)) is not _MISSING
        }

    def to_json(self) -> str:
        """Raises ZatoException for what JSON does not have."""
        return encode(self.to_dict()).decode()

    @classmethod
    def from_dict(cls: type[M], data: Mapping[str, Any]) -> M:
        """Raises ModelValidationError."""
        model: M = parse_model(parser_of(cls), data, None)
        return model

    def clone(self: M) -> M:
        return deepcopy(self)

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self, name, default)

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None

    def __contains__(self, name: str) -> bool:
        return hasattr(self, name)


@dataclass(frozen=True, slots=True)
class ModelCtx:
    """What `after_created` is told. service: None where no service takes part. data: what the model was made of."""

    service: Service | None
    data: Mapping[str, Any]
    DataClass: type[Model]


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def parser_of(cls: type[Any]) -> Convert:
    """Makes instances of a dataclass: (data, the service or None) → instance. Raises ModelValidationError.

    Raises TypeError here if the class is no dataclass, or what its annotations name cannot be found.
    """
    found = cls.__dict__.get('_zato_parse')
    if found is None:
        found = _ModelParser(cls)
        cls._zato_parse = found  # before its fields are compiled, since one of them may be of this very class
        try:
            found.compile()
        except BaseException:
            del cls._zato_parse
            raise
    return found


class _Field:
    """One field. exact: values of this very type are taken as they are. zero: what it is if it may be missing, and is."""

    __slots__ = ('convert', 'exact', 'factory', 'is_required', 'name', 'zero')

    def __init__(self, item: dataclasses.Field[Any], annotation: Any) -> None:
        converter: Converter = converter_of(annotation, parser_of)
        self.name = item.name
        self.exact = float if converter is FLOAT else converter.exact
        self.convert = converter.convert
        self.factory: Callable[[], Any] | None = None if item.default_factory is _MISSING else item.default_factory
        is_optional, zero = zero_of(annotation)
        self.is_required = not is_optional and item.default is _MISSING and self.factory is None
        self.zero = zero if item.default is _MISSING else item.default
        if item.default is _MISSING and self.factory is None and isinstance(zero, type):
            self.factory = zero

    def missing(self) -> Any:
        return self.zero if self.factory is None else self.factory()


class _ModelParser:
    """Fields are looked at in alphabetical order (source: classic Zato)."""

    def __init__(self, cls: type[Any]) -> None:
        if not is_dataclass(cls):
            raise TypeError(f'{cls.__name__} is not a dataclass: decorate it with @dataclass(init=False)')
        self._cls = cls
        self._fields: tuple[tuple[str, type | None, Convert, _Field], ...] = ()
        self._floats: tuple[str, ...] = ()
        self._has_dict = not any('__slots__' in owner.__dict__ for owner in cls.__mro__)
        after = getattr(cls, 'after_created', Model.after_created)
        self._after = None if after is Model.after_created else after
        self._post = getattr(cls, '__post_init__', None)

    def compile(self) -> None:
        """Raises TypeError."""
        try:
            hints = get_type_hints(self._cls, include_extras=True)
        except NameError as e:
            raise TypeError(f'{self._cls.__name__} has an annotation that cannot be found: {e}') from None
        declared = sorted(fields(self._cls), key=lambda item: item.name)
        compiled = [_Field(item, hints[item.name]) for item in declared]
        self._fields = tuple((field.name, field.exact, field.convert, field) for field in compiled)
        self._floats = tuple(field.name for field in compiled if field.exact is float)

    def __call__(self, data: Any, service: Service | None) -> Any:
        cls = self._cls
        if type(data) is not dict:
            if isinstance(data, cls):
                return data
            data = self._as_dict(data)
        values = {}
        get = data.get
        for name, exact, convert, field in self._fields:
            value = get(name, _MISSING)
            if type(value) is exact or value is None:
                values[name] = value
            elif value is _MISSING:
                if field.is_required:
                    raise ElementMissing(f'/{name}')
                values[name] = field.missing()
            else:
                try:
                    values[name] = convert(value, service)
                except Rejected as e:
                    raise ModelValidationError(f'/{name}', e.rule) from None
                except ModelValidationError as e:
                    raise e.within(f'/{name}') from None
        for name in self._floats:
            value = values[name]
            if type(value) is float and value - value != 0:
                raise ModelValidationError(f'/{name}', Float.rule)
        return self._make(values, data, service)

    def _make(self, values: dict[str, Any], data: Mapping[str, Any], service: Service | None) -> Any:
        model: Any = object.__new__(self._cls)
        if self._has_dict:
            object.__setattr__(model, '__dict__', values)  # a class may be frozen
        else:
            for name, value in values.items():
                object.__setattr__(model, name, value)
        if self._post is not None:
            self._post(model)
        if self._after is not None and service is not OUTPUT:
            self._after(model, ModelCtx(service, data, cast(Any, self._cls)))
        return model

    def _as_dict(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            return dict(data)
        to_dict = getattr(data, 'to_dict', None)
        if to_dict is None or inspect.isclass(data):
            raise Rejected('Element is not an object')
        return to_dict()


def parse_model(parse: Convert, data: Any, service: Any, at: str = '') -> Any:
    """As `parse`, with errors as clients see them. service: it, None or OUTPUT. at: the way to the data.

    Raises ModelValidationError.
    """
    try:
        return parse(data, service)
    except Rejected as e:
        raise ModelValidationError(at or '/', e.rule) from None
    except ModelValidationError as e:
        raise (e.within(at) if at else e) from None
    except RecursionError:
        raise ModelValidationError(at or '/', 'Element is nested too deeply') from None


def is_model(value: Any) -> bool:
    """Is it a class that input or output can be declared by?"""
    return isinstance(value, type) and (issubclass(value, Model) or is_dataclass(value))
