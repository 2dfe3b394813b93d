"""Reads a file and those that it includes into sections, and tells everything that is wrong with all of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zato.common.config.field import shown
from zato.common.enmasse.environment import CallersEnvironment, MissingVariable
from zato.common.enmasse.json_file import parse_json
from zato.common.enmasse.nodes import Flaw, ListNode, MapNode, Node, Parsed, Place, ScalarNode
from zato.common.enmasse.yaml_file import parse_yaml
from zato.common.exception import ConfigError

INCLUDE: Final = 'include'
PARSERS: Final = {'.yaml': parse_yaml, '.yml': parse_yaml, '.json': parse_json}

_MOST_BYTES: Final = 64 * 1024 * 1024
_FILE_URL: Final = 'file://'

#: What a file is, whatever it is called: device and inode.
_Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Section:
    """A section of one file. items: in their order. is_null: there is nothing after its name, not even an empty list."""

    name: str
    place: Place
    items: tuple[Node, ...]
    is_null: bool = False


class Reader:
    """Reads one file with all that belongs to it. problems: a line for everything that is wrong. skipped: includes that are
    not there, if they may be missing.
    """

    def __init__(self, environment: CallersEnvironment, *, may_miss_includes: bool = False) -> None:
        self.problems: list[str] = []
        self.skipped: list[str] = []
        self._environment = environment
        self._may_miss_includes = may_miss_includes
        self._main = Path()
        self._sections: list[Section] = []
        self._says_nothing = False
        self._read_once: set[_Identity] = set()
        self._chain: list[_Identity] = []

    def read(self, path: Path) -> list[Section]:
        """Sections in the order of files and lines, a file's own before those that it includes. Each file is read once.

        A file without any is likely to be the wrong one; but {} says so, which is what an export of nothing is.
        """
        self._main = path
        self._read(path, None)
        if not (self._sections or self.problems or self._says_nothing):
            self._problem(Place(str(path)), 'there is no section in it')
        return self._sections

    def _problem(self, place: Place | None, text: str) -> None:
        self.problems.append(f'{place}: {text}' if place else text)

    def _read(self, path: Path, included_at: Place | None) -> None:
        try:
            identity = _identity_of(path)
            if identity in self._chain:
                self._problem(included_at, f'{path} includes itself')
            if identity in self._read_once:
                return
            self._read_once.add(identity)
            parsed = _parse(path)
        except FileNotFoundError:
            self._miss(path, included_at)
            return
        except (ConfigError, OSError) as e:
            self._problem(included_at, e.msg if isinstance(e, ConfigError) else f'{path}: {e.strerror}')
            return
        self._chain.append(identity)
        for flaw in parsed.flaws:
            self._problem(Place(str(path), flaw.line, flaw.column), flaw.text)
        if isinstance(parsed.root, MapNode):
            self._read_sections(path, parsed.root)
        elif parsed.root is not None and not (isinstance(parsed.root, ScalarNode) and parsed.root.is_null):
            self._problem(Place(str(path), parsed.root.line), 'the file must be a mapping of sections')
        self._chain.pop()

    def _miss(self, path: Path, included_at: Place | None) -> None:
        text = f'there is no file {path}'
        if included_at is not None and self._may_miss_includes:
            self.skipped.append(f'{included_at}: {text}')
        else:
            self._problem(included_at, text)

    def _read_sections(self, path: Path, root: MapNode) -> None:
        self._says_nothing = not root.pairs
        includes: list[tuple[Place, str]] = []
        for key, node in root.pairs:
            place = Place(str(path), key.line)
            if key.text == INCLUDE:
                includes += self._includes(path, node)
            elif isinstance(node, ListNode):
                self._sections.append(Section(key.text, place, tuple(node.items)))
            elif isinstance(node, ScalarNode) and node.is_null:
                self._sections.append(Section(key.text, place, (), is_null=True))
            else:
                self._problem(Place(str(path), node.line), f'section {shown(key.text)} must be a list of items')
        for place, name in includes:
            self._read(self._main.parent / name.removeprefix(_FILE_URL), place)

    def _includes(self, path: Path, node: Node) -> list[tuple[Place, str]]:
        found = []
        for item in node.items if isinstance(node, ListNode) else [node]:
            place = Place(str(path), item.line)
            if not isinstance(item, ScalarNode) or not item.text.strip():
                self._problem(place, f'`{INCLUDE}` must be a list of files')
                continue
            try:
                found.append((place, self._environment.fill(item.text.strip())))
            except MissingVariable as e:
                self._problem(place, e.msg)
        return found


def _identity_of(path: Path) -> _Identity:
    """Raises OSError."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _parse(path: Path) -> Parsed:
    """Raises ConfigError, OSError."""
    parse = PARSERS.get(path.suffix.lower())
    if parse is None:
        raise ConfigError(f'the name must end in {", ".join(PARSERS)}', path=str(path))
    if not path.is_file():
        raise ConfigError('it is not a file', path=str(path))
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise ConfigError(f'it is longer than {_MOST_BYTES:,} bytes; it has {size:,}', path=str(path))
    raw = path.read_bytes()
    try:
        text = raw.decode('utf-8-sig')
    except UnicodeDecodeError as e:
        return Parsed(None, [Flaw(raw.count(b'\n', 0, e.start) + 1, 'it is not UTF-8')])
    return parse(text)
