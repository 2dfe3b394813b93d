"""Attributes of class SimpleIO: those it has from classes that it derives from, and those that are misspelt."""

from __future__ import annotations

from typing import Any

import pytest

from zato.common.exception import DeploymentError
from zato.server.service import Service
from zato.server.service.simpleio.compiled import IO, compile_io


def io_of(sio: type[Any]) -> IO:
    found = compile_io(type('MyService', (Service,), {'SimpleIO': sio}))
    assert found is not None
    return found


class Base:
    input = 'a'
    csv_delimiter = ';'
    xml_root = 'base'

    class CSV:
        quotechar = "'"
        delimiter = ','


def test_options_of_data_formats_are_inherited() -> None:
    class Derived(Base):
        xml_namespace = 'urn:x'

    assert io_of(Derived).format_options == {
        'csv_delimiter': ';',
        'csv_quotechar': "'",
        'xml_root': 'base',
        'xml_namespace': 'urn:x',
    }


def test_options_of_a_derived_class_go_over_those_of_its_base() -> None:
    class CSVBase:
        has_header = False

    class Derived(Base):
        xml_root = 'derived'

        class CSV(CSVBase):
            delimiter = '|'

    assert io_of(Derived).format_options == {
        'csv_delimiter': '|',
        'csv_quotechar': "'",
        'csv_has_header': False,
        'xml_root': 'derived',
    }


@pytest.mark.parametrize(
    ('attributes', 'error'),
    [
        ({'input_requird': 'a'}, 'SimpleIO has no attribute `input_requird`; did you mean `input_required`?'),
        ({'ouput': 'a'}, 'SimpleIO has no attribute `ouput`; did you mean `output`?'),
        ({'skipempty': True}, 'SimpleIO has no attribute `skipempty`; did you mean `SkipEmpty`?'),
        ({'something': 'a'}, 'SimpleIO has no attribute `something`'),
        (
            {'SkipEmpty': type('SkipEmpty', (), {'output_deff': True})},
            'SkipEmpty has no attribute `output_deff`; did you mean `output_def`?',
        ),
    ],
)
def test_a_misspelt_attribute_is_not_deployed_and_the_error_names_the_nearest_one(
    attributes: dict[str, Any], error: str
) -> None:
    with pytest.raises(DeploymentError) as info:
        io_of(type('SimpleIO', (), {'input': 'a', **attributes}))
    assert str(info.value) == f'Class MyService: {error}'


def test_a_misspelt_attribute_of_a_base_class_is_not_deployed_either() -> None:
    base = type('Base', (), {'defualt_value': 1})
    with pytest.raises(DeploymentError, match='default_value'):
        io_of(type('SimpleIO', (base,), {'input': 'a'}))


def test_classic_attributes_and_the_users_own_are_deployed() -> None:
    class SimpleIO:
        input_required = 'a'
        input_optional = 'b'
        output_required = 'c'
        output_optional = 'd'
        output_repeated = True
        response_elem = None
        request_elem = 'x'
        default_value = default_input_value = default_output_value = ''
        skip_empty_keys = True
        force_empty_keys = ('d',)
        csv_skipinitialspace = True
        xml_pretty_print = True
        _common = ('a', 'b')

        class SkipEmpty:
            input = True
            output_def = True
            force_empty_input = ('b',)
            force_empty_output = ('d',)
            empty_output_value = ''

    assert io_of(SimpleIO).names == {'a', 'b'}
