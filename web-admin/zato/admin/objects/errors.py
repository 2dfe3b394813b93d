"""What a server says is wrong with what a form has sent, input by input."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from zato.admin.middleware.problems import explain
from zato.admin.wording import in_labels
from zato.client.admin import ServerError
from zato.common.config.kind import Kind
from zato.common.exception import ZatoException


@dataclass(slots=True)
class Errors:
    """by_input: texts by the input's name. general: those that belong to none.

    is_conflict: has somebody else changed the object meanwhile? is_gone: or deleted it?
    """

    status: int
    by_input: dict[str, list[str]] = field(default_factory=dict)
    general: list[str] = field(default_factory=list)
    is_conflict: bool = False
    is_gone: bool = False


def read_errors(kind: Kind, e: ZatoException, inputs: Collection[str]) -> Errors:
    """inputs: names of those that the form has."""
    title, text, hint, status = explain(e)
    found = Errors(status)
    for error in e.errors if isinstance(e, ServerError) else ():
        key = str(error.get('key', ''))
        what = in_labels(kind, str(error.get('text', '')).removeprefix(f'`{key}` ').removesuffix('; got ``'))
        name = kind.keys[key].name if key in kind.keys else key
        if key == 'version' and status == 409:
            found.is_conflict = True
        elif name in inputs:
            found.by_input.setdefault(name, []).append(what)
        else:
            label = kind.fields[name].label if name in kind.fields else key
            found.general.append(f'{label}: {what}' if label else what)
    if not (found.by_input or found.general or found.is_conflict):
        found.general.append('\n'.join(filter(None, (f'{title}. {text}', hint))))
    found.is_gone = status == 404
    return found
