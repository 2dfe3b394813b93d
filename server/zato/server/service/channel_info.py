"""`self.channel`: what a service's request came through."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final

from zato.common.api import CHANNEL


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSecurityInfo:
    """The security definition that let a request in. type: such as 'basic_auth'. Empty where there is none."""

    id: int | None = None
    name: str = ''
    type: str = ''
    username: str = ''
    impl: Any = None

    def to_dict(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != 'impl'}


#: That of channels without security.
OPEN: Final = ChannelSecurityInfo()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelInfo:
    """type: one of CHANNEL. match_target: what the request was matched by; of REST channels their path."""

    id: int | None = None
    name: str = ''
    type: str = CHANNEL.INVOKE
    data_format: str = ''
    is_internal: bool = False
    match_target: str = ''
    impl: Any = None
    security: ChannelSecurityInfo = OPEN  #: the definition that let the request in

    @property
    def sec(self) -> ChannelSecurityInfo:
        return self.security

    def __str__(self) -> str:
        return self.name


#: One service invokes another.
INVOKE: Final = ChannelInfo(name=CHANNEL.INVOKE, type=CHANNEL.INVOKE, data_format='dict')


@lru_cache(maxsize=64)
def channel_of_type(type_: str) -> ChannelInfo:
    """That of a call that came through no configured channel, by the type that it is given."""
    return INVOKE if type_ == CHANNEL.INVOKE else ChannelInfo(name=type_, type=type_, data_format='dict')
