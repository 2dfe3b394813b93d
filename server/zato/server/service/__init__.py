"""What users' services import: `from zato.server.service import Service`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from zato.common.api import CHANNEL
from zato.server.service.base import Service
from zato.server.service.channel_info import ChannelInfo, ChannelSecurityInfo
from zato.server.service.hooks import PubSubHook, WSXAdapter, WSXHook
from zato.server.service.rest_adapter import RESTAdapter
from zato.server.service.simpleio.element import (
    CSV,
    NOT_GIVEN,
    UTC,
    UUID,
    AsIs,
    Bool,
    Boolean,
    Date,
    DateTime,
    Decimal,
    Dict,
    DictList,
    Elem,
    Float,
    ForceType,
    Int,
    Integer,
    List,
    ListOfDicts,
    Nested,
    Opaque,
    SIOElem,
    Text,
    Unicode,
)
from zato.server.service.simpleio.model import Model, ModelCtx

__all__ = [
    'CHANNEL',
    'CSV',
    'NOT_GIVEN',
    'UTC',
    'UUID',
    'AsIs',
    'Bool',
    'Boolean',
    'ChannelInfo',
    'ChannelSecurityInfo',
    'Date',
    'DateTime',
    'Decimal',
    'Dict',
    'DictList',
    'Elem',
    'Float',
    'ForceType',
    'Int',
    'Integer',
    'List',
    'ListOfDicts',
    'Model',
    'ModelCtx',
    'Nested',
    'Opaque',
    'PubSubHook',
    'RESTAdapter',
    'SIOElem',
    'Service',
    'Text',
    'Unicode',
    'WSXAdapter',
    'WSXHook',
    'dataclass',
]

#: Classic names of what this server does not have yet, and what they belong to.
_LATER: Final = {'AsyncCtx': 'contexts of asynchronous calls', 'PubSub': 'publish/subscribe'}


if not TYPE_CHECKING:  # a type checker would take any name for one of this module's

    def __getattr__(name: str) -> Any:
        if name in _LATER:
            raise ImportError(f'{name} is not available: this server does not have {_LATER[name]} yet', name=__name__)
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
