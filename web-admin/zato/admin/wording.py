"""What servers say of objects, in the words that users know from lists and forms."""

from __future__ import annotations

import re
from typing import Final

from zato.common.config.kind import Kind, kinds

_QUOTED: Final = re.compile(r'`([a-z][a-z0-9_]*)`')


def in_labels(kind: Kind, text: str) -> str:
    """Settings by their labels: “Host” where the server says `host`. What is a value, or the name of an object, stays."""
    before_values = ('got ', *(f'{known.label} ' for known in kinds().values()))

    def label_of(found: re.Match[str]) -> str:
        is_value = text[: found.start()].endswith(before_values)
        declared = None if is_value else kind.keys.get(found[1])
        return f'“{declared.label}”' if declared else found[0]

    return _QUOTED.sub(label_of, text)


def parts_of_title(title: str) -> tuple[Kind, str] | None:
    """Kind and name of an object as messages name it, such as REST channel `my.channel`; None if it is none."""
    label, separator, rest = title.partition(' `')
    if not separator or not rest.endswith('`'):
        return None
    kind = next((kind for kind in kinds().values() if kind.label == label), None)
    return (kind, rest[:-1]) if kind is not None else None
