"""JSON Schema of a service's input: its attribute `schema`, a dict or the path of a file, compiled at deployment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zato.common.exception import DeploymentError

#: Raises ValueError, whose text says what is wrong where.
Validate = Callable[[Any], None]


def compile_schema(schema: Any, directory: Path | None, class_name: str) -> Validate | None:
    """None where there is no schema. directory: where relative paths begin. Raises DeploymentError."""
    if not schema:
        return None
    if isinstance(schema, str | Path):
        path = Path(schema) if directory is None else directory / schema
        try:
            schema = json.loads(path.read_text(encoding='utf-8'))
        except (OSError, ValueError) as e:
            raise DeploymentError(f'Class {class_name}: JSON Schema {path} cannot be read: {e}') from None
    import fastjsonschema  # few services need it

    try:
        compiled = fastjsonschema.compile(schema, use_default=False)  # which would change what a caller has sent
    except Exception as e:  # whatever the compiler raises for what is no schema
        raise DeploymentError(f'Class {class_name}: its JSON Schema is not valid: {e}') from None

    def validate(data: Any) -> None:
        try:
            compiled(data)
        except fastjsonschema.JsonSchemaException as e:
            raise ValueError(str(e).replace('data.', '', 1).replace('data ', 'input ', 1)) from None

    return validate
