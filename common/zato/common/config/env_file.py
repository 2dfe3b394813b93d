"""`--env-file`: a file whose stanza [env] holds environment variables for the server."""

from __future__ import annotations

from pathlib import Path

from zato.common.config.reader import find_line, read_conf
from zato.common.exception import ConfigError


def read_env_file(path: Path) -> dict[str, str]:
    """Raises ConfigError."""
    conf = read_conf(path, has_lists=False)
    if 'env' not in conf.sections:
        raise ConfigError('there is no stanza [env]', path=str(path))
    wrong = next((name for name in conf['env'].scalars if any(map(str.isspace, name))), None)
    if wrong is not None:
        raise ConfigError(f'a variable cannot be called `{wrong}`', path=str(path), line=find_line(path, 'env', wrong))
    return {name: str(conf['env'][name]) for name in conf['env'].scalars}
