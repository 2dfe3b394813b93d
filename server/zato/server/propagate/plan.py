"""What a set of changes leads to, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from zato.common.config.kind import Kind, kinds
from zato.common.config.stored import StoredObject
from zato.common.exception import BadRequest, Conflict, Fault, HTTPException
from zato.server.propagate.change import Change

_MOST_PROBLEMS = 100  #: in one answer


class Problems:
    """Sentences, each told once."""

    def __init__(self) -> None:
        self._found: list[tuple[type[HTTPException], str, Fault]] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, fault: Fault, error: type[HTTPException] = BadRequest, *, head: str = '', place: str = '') -> None:
        """head: what comes before the fault's text in the sentence. place: where the user wrote what it is about."""
        sentence = f'{head}{fault.text}'
        self._found.append((error, f'{place}: {sentence}' if place else sentence, fault))

    def raise_any(self) -> None:
        """Raises BadRequest, or Conflict or NotFound if all of them are that; the text has a line for each."""
        if not self._found:
            return
        errors = {error for error, _, _ in self._found}
        error = errors.pop() if len(errors) == 1 else BadRequest
        texts = list(dict.fromkeys(text for _, text, _ in self._found))
        faults = list(dict.fromkeys(fault for _, _, fault in self._found))
        more = [f'and {len(texts) - _MOST_PROBLEMS} more'] if len(texts) > _MOST_PROBLEMS else []
        msg = '\n'.join([*texts[:_MOST_PROBLEMS], *more])
        raise error(msg=msg, needs_msg=True).with_errors(faults[:_MOST_PROBLEMS])


class Plan:
    """objects: as they will be, with those that are only referred to. names: their IDs by kind and name. stored_names: as
    they are now. before: of what is touched, None for what is new. changes: those that touch an object first.
    """

    def __init__(self) -> None:
        self.problems = Problems()
        self.objects: dict[int, StoredObject] = {}
        self.names: dict[tuple[str, str], int] = {}
        self.stored_names: Mapping[tuple[str, str], int] = {}
        self.before: dict[int, StoredObject | None] = {}
        self.deleted: dict[int, StoredObject] = {}
        self.changes: dict[int, Change] = {}

    def load(self, stored: Iterator[StoredObject]) -> None:
        """What there is of all that the changes name."""
        for item in stored:
            self.objects[item.id] = item
            self.names[item.kind, item.name] = item.id
        self.stored_names = dict(self.names)

    def problem(
        self, item: StoredObject, text: str, error: type[HTTPException] = BadRequest, *, key: str = '', glue: str = ': '
    ) -> None:
        """Something is wrong with an object that is touched. key: its setting. glue: between the object's title and text."""
        change = self.changes[item.id]
        fault = Fault(change.position, change.key_of(key), text)
        self.problems.add(fault, error, head=f'{kinds()[item.kind].title(item.name)}{glue}', place=change.place)

    def touched(self) -> Iterator[tuple[StoredObject, Kind]]:
        """Those that stay."""
        for id in self.before:
            item = self.objects.get(id)
            if item is not None:
                yield item, kinds()[item.kind]

    @property
    def changed(self) -> set[int]:
        """Objects that are not what they were."""
        return {id for id, before in self.before.items() if self.objects.get(id) != before}

    def put(self, item: StoredObject, before: StoredObject | None) -> None:
        if before is not None and self.names.get((before.kind, before.name)) == item.id:
            del self.names[before.kind, before.name]
        other = self.names.get((item.kind, item.name))
        if item.name and other is not None and other in self.before and other != item.id:
            self.problem(item, 'is named twice', Conflict, key='name', glue=' ')
        self.objects[item.id] = item
        self.names[item.kind, item.name] = item.id

    def delete(self, item: StoredObject) -> None:
        self.deleted[item.id] = item
        del self.objects[item.id]
        if self.names.get((item.kind, item.name)) == item.id:  # and not that of another one, renamed to it
            del self.names[item.kind, item.name]
