"""Options of `self.pubsub.publish`, as type checkers and editors know them. What they are checked for is in draft.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from zato.server.service.base import Service


class MessageOptions(TypedDict, total=False):
    """Of one message."""

    msg_id: str | None  #: publishing it again within a day changes nothing; one is made unless it is given
    priority: int | None  #: 1 to 9; 9 is delivered first
    expiration: float | None  #: milliseconds after which it is not delivered any more; 0 for never
    deliver_after: float | None  #: seconds before which it is not delivered
    mime_type: str | None
    correl_id: str | None
    cid: str | None  #: the same, where there is no correl_id
    in_reply_to: str | None
    ext_client_id: str | None
    group_id: str | None  #: messages of one group are delivered in order, also where a subscription has several in flight
    position_in_group: int | None
    ext_pub_time: str | datetime | None  #: when it was published elsewhere; ISO 8601
    reply_to_sk: str | Sequence[str] | None  #: sub keys
    deliver_to_sk: str | Sequence[str] | None  #: sub keys of the subscriptions that alone get it
    user_ctx: Any  #: anything that JSON has
    zato_ctx: Any
    has_gd: bool | None  #: False keeps it in memory only


class PublishOptions(MessageOptions, total=False):
    """Of a call: those of its messages, and as whom they are published."""

    endpoint_name: str | None
    endpoint_id: int | None
    security_name: str | None
    security_id: int | None
    service: Service | str | None  #: whose name is the ext_client_id


class MessageDict(MessageOptions, total=False):
    """One of several messages that are published together."""

    data: Any


#: Messages that are published together: dicts with `data` and options of each.
Messages = Sequence[MessageDict] | Sequence[Mapping[str, Any]]
