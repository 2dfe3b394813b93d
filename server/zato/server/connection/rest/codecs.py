"""What outgoing REST connections are handed of the layers above them: how data becomes bytes, and the other way round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zato.server.audit_log.recorder import Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class Codecs:
    """to_json, text (of one value): raise ZatoException. from_json, charset (of a Content-Type; a codec's name): BadRequest.

    to_model: an instance of a class, made of a dict; raises ModelValidationError, or TypeError for what is no model.
    """

    to_json: Callable[[Any], bytes]
    from_json: Callable[[bytes], Any]
    text: Callable[[Any], str]
    charset: Callable[[bytes], str]
    to_model: Callable[[type[Any], Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """repo: the directory that files' names are relative to. component: how targets know this server.

    recorder: of the audit log, where there is one.
    """

    repo: Path
    component: str
    codecs: Codecs
    new_cid: Callable[[], str]
    recorder: Recorder | None = None

    def file(self, name: str) -> Path | None:
        """None for no name."""
        return self.repo / name if name else None
