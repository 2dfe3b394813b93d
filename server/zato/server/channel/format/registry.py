"""Data formats by their names. What one needs is imported once it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from zato.common.exception import ConfigError
from zato.server.channel.format.base import DataFormat

#: Name → module, which has the format in `FORMAT`.
FORMATS: Final = {
    '': 'zato.server.channel.format.raw',
    'csv': 'zato.server.channel.format.csv',
    'form': 'zato.server.channel.format.form',
    'json': 'zato.server.channel.format.json',
    'xml': 'zato.server.channel.format.xml',
}


def data_format(name: str) -> DataFormat:
    """Raises ConfigError if there is none of that name."""
    if name not in FORMATS:
        raise ConfigError(f'There is no data format `{name}`; there are {", ".join(filter(None, FORMATS))}, and none at all')
    found: DataFormat = import_module(FORMATS[name]).FORMAT
    return found
