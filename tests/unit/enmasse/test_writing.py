"""The text of an export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.support.enmasse import read
from zato.common.enmasse.writing import document_of, render


def exported(kind: str, name: str, **settings: Any) -> dict[str, Any]:
    """As zato.config.export has it."""
    return {'kind': kind, 'name': name, 'is_active': True, 'settings': settings}


OBJECTS: list[dict[str, Any]] = [
    exported('outgoing_rest', 'CRM', timeout=15.0, host='$CRM', security='b'),
    {**exported('security_basic_auth', 'b', username='é'), 'is_active': False},
    exported('channel_rest', 'z', url_path='/z', cors_origins='http://a\nhttp://b'),
    exported('security_apikey', 'b'),
    exported('security_bearer_token', 'A', username='010', password='$P'),
    exported('security_group', 'g', members=['basic_auth/b', 'on']),
]


def test_the_text_is_made_to_be_read() -> None:
    assert render(document_of(OBJECTS), 'yaml') == (
        '# Made by zato enmasse --export. Passwords and other secrets are not in it; objects keep those that they have.\n'
        'security_groups:\n'
        '  - name: g\n'
        '    members:\n'
        '      - basic_auth/b\n'
        "      - 'on'\n"
        'security:\n'
        '  - name: A\n'
        '    type: bearer_token\n'
        "    username: '010'\n"
        '    password: $P\n'
        '  - name: b\n'
        '    type: apikey\n'
        '  - name: b\n'
        '    type: basic_auth\n'
        '    is_active: false\n'
        '    username: é\n'
        'channel_rest:\n'
        '  - name: z\n'
        '    url_path: /z\n'
        '    cors_origins: |-\n'
        '      http://a\n'
        '      http://b\n'
        'outgoing_rest:\n'
        '  - name: CRM\n'
        '    host: $CRM\n'
        '    security: b\n'
        '    timeout: 15\n'
    )


def test_the_order_of_objects_does_not_matter() -> None:
    assert render(document_of(OBJECTS[::-1]), 'json') == render(document_of(OBJECTS), 'json')


def test_objects_can_be_chosen_by_type_and_by_name() -> None:
    document = document_of(OBJECTS, types=['rest'])
    assert {section: len(items) for section, items in document.items()} == {'channel_rest': 1, 'outgoing_rest': 1}
    assert document_of(OBJECTS, types=['security'], names=['G', 'x']) == {
        'security_groups': [{'name': 'g', 'members': ['basic_auth/b', 'on']}]
    }
    assert document_of(OBJECTS, types=['sql']) == {}


def test_text_that_yaml_has_other_ideas_of_is_read_as_it_was_and_by_other_programs_too(tmp_path: Path) -> None:
    awkward = [
        'no',
        '~',
        '0123',
        '2024-01-01',
        'a: b',
        'a #b',
        '"',
        "'",
        '\\n',
        '{a}',
        '*a',
        '---',
        'é\u00a0b',
        '😀',
        '\u200b',
        'x' * 300,
    ]
    lines = 'é\n  # b \n\n\t- c\n'
    text = render(
        document_of(
            [exported('security_basic_auth', f'{i:02}', username='a', realm=text) for i, text in enumerate(awkward)]
        ),
        'yaml',
    )
    assert [change['realm'] for change in read(tmp_path, text).changes] == awkward
    assert [item['realm'] for item in yaml.safe_load(text)['security']] == awkward
    text = render(
        document_of([exported('security_bearer_token', 'a', username='b', auth_server_url='$A', scopes=lines)]), 'yaml'
    )
    assert read(tmp_path, text).settings[0]['scopes'] == lines
