"""Files that servers deploy services from, and what came of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from zato.admin.cluster import Failure
from zato.client.admin import Answer

#: State, as `zato.service.get-deployment-list` has it → what it is called, its badge's class, what to do about it.
STATES: Mapping[str, tuple[str, str, str]] = {
    'deployed': ('Deployed', 'good', ''),
    'refused': ('Not deployed', 'bad', 'Correct the file and save it again.'),
    'pending': ('Waiting', 'warn', 'The server has not come to it yet.'),
    'replaced': ('Replaced', 'warn', 'Another version is active. Change the file, or upload it, to deploy it.'),
    'undeployed': ('Undeployed', '', 'Roll its module back, change the file, or upload it, to deploy it.'),
    'gone': ('File is gone', 'warn', 'It is still served. Undeploy it, or put the file back.'),
}
_UNKNOWN = ('Unknown', 'warn', 'This dashboard does not know this state. Is the server newer?')


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of one server. label, css, hint: of its state. number: of the module's active version, 0 if there is none.

    saved, deployed: UTC, ISO 8601, or ''.
    """

    server: str
    path: str
    module: str
    label: str
    css: str
    hint: str
    error: str
    warnings: tuple[str, ...]
    saved: str
    deployed: str
    number: int

    @property
    def name(self) -> str:
        return PurePath(self.path).name

    @property
    def directory(self) -> str:
        return str(PurePath(self.path).parent)

    @property
    def is_problem(self) -> bool:
        return bool(self.error or self.warnings) or self.css in ('bad', 'warn')


def files_of(answers: Mapping[str, Answer | Failure]) -> list[File]:
    """Of all servers that answered: what needs attention first, then by path."""
    found = [
        _file(server, item)
        for server, answer in answers.items()
        if isinstance(answer, Answer) and isinstance(answer.payload, list)
        for item in answer.payload
    ]
    return sorted(found, key=lambda file: (not file.error, not file.is_problem, file.path, file.server))


def away(answers: Mapping[str, Answer | Failure]) -> dict[str, str]:
    """Servers whose files are not known, and why."""
    return {server: answer.text for server, answer in answers.items() if isinstance(answer, Failure)}


def without_path(error: str, path: str) -> str:
    """An error as it reads where the file is named already: 'Line 3: …' in place of '/…/hello.py:3: …'."""
    rest = error.removeprefix(f'{path}:')
    if rest == error:
        return error
    line, separator, text = rest.partition(': ')
    return f'Line {line}: {text}' if separator and line.isdecimal() else rest.strip()


def _file(server: str, item: dict[str, Any]) -> File:
    label, css, hint = STATES.get(item['state'], _UNKNOWN)
    return File(
        server=server,
        path=item['path'],
        module=item['module'],
        label=label,
        css=css,
        hint=hint,
        error=without_path(item['error'], item['path']),
        warnings=tuple(item['warnings']),
        saved=item['saved'],
        deployed=item['deployed'],
        number=item['number'],
    )
