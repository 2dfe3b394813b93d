"""Files in a temporary directory, and what they are read as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zato.common.enmasse.environment import CallersEnvironment
from zato.common.enmasse.items import Item, ItemReader
from zato.common.enmasse.reading import Reader


@dataclass(frozen=True)
class Found:
    """What was read. problems: without the directory's path."""

    items: list[Item]
    problems: list[str]
    skipped: list[str]
    environment: CallersEnvironment

    @property
    def changes(self) -> list[dict[str, Any]]:
        return [item.as_change() for item in self.items]

    @property
    def settings(self) -> list[dict[str, Any]]:
        """Of each item, without what places it."""
        extra = ('action', 'kind', 'name', 'place', 'places')
        return [{key: value for key, value in change.items() if key not in extra} for change in self.changes]


def write(directory: Path, files: Mapping[str, str | bytes]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def read(
    directory: Path,
    text: str | bytes,
    *,
    name: str = 'main.yaml',
    environ: Mapping[str, str] | None = None,
    **options: Any,
) -> Found:
    """options: may_miss_includes of Reader, types and names of ItemReader."""
    write(directory, {name: text})
    environment = CallersEnvironment(environ or {})
    reader = Reader(environment, may_miss_includes=options.pop('may_miss_includes', False))
    sections = reader.read(directory / name)
    items = ItemReader(environment, **options)
    found = items.read(sections)
    problems = [problem.replace(f'{directory}/', '') for problem in [*reader.problems, *items.problems]]
    return Found(found, problems, [text.replace(f'{directory}/', '') for text in reader.skipped], environment)
