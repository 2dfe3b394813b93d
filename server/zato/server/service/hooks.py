"""Base classes of services that other parts of the server call for what happens in them.

Each call is one method, named by the hook; `self.request.input.ctx` says what it is about, and
`self.response.payload.hook_action` may answer 'skip', 'delete' or 'deliver'. What calls WSXHook and WSXAdapter comes with
WebSockets.
"""

from __future__ import annotations

from typing import Any, ClassVar

from zato.server.service.base import Service
from zato.server.service.simpleio.element import Opaque, Text


class PubSubHook(Service):
    """Called as messages are published and delivered."""

    class SimpleIO:
        input_required = (Opaque('ctx'),)
        output_optional = (Text('hook_action'),)
        response_elem = None

    hook_methods: ClassVar[tuple[str, ...]] = (
        'before_publish',
        'before_delivery',
        'on_outgoing_soap_invoke',
        'on_subscribed',
        'on_unsubscribed',
    )

    def handle(self) -> None:
        """Calls the method that `ctx.hook_type` names."""
        _dispatch(self, self.hook_methods)

    def before_publish(self) -> None:
        """A message is about to be published."""

    def before_delivery(self) -> None:
        """A message is about to be delivered."""

    def on_outgoing_soap_invoke(self) -> None:
        """A message is about to be delivered through SOAP."""

    def on_subscribed(self) -> None:
        """Somebody has subscribed."""

    def on_unsubscribed(self) -> None:
        """A subscription has ended."""


class WSXHook(Service):
    """Called as clients of a WebSocket channel come and go."""

    class SimpleIO:
        input_required = (Opaque('ctx'),)
        output_optional = (Text('hook_action'),)
        response_elem = None

    hook_methods: ClassVar[tuple[str, ...]] = (
        'on_connected',
        'on_disconnected',
        'on_pubsub_response',
        'on_vault_mount_point_needed',
    )

    def handle(self) -> None:
        """Calls the method that `ctx.hook_type` names."""
        _dispatch(self, self.hook_methods)

    def on_connected(self) -> None:
        """A client has connected."""

    def on_disconnected(self) -> None:
        """A client has gone."""

    def on_pubsub_response(self) -> None:
        """A client has answered to a message."""

    def on_vault_mount_point_needed(self) -> None:
        """A client's credentials are about to be looked up."""


class WSXAdapter(Service):
    """Called as an outgoing WebSocket connection is made, receives and is closed."""

    def handle(self) -> None:
        """Calls the method that fits `ctx.type`."""
        _dispatch(self, ('on_connected', 'on_message_received', 'on_closed'), attribute='type')

    def on_connected(self, ctx: Any) -> None:
        """The connection is there."""

    def on_message_received(self, ctx: Any) -> None:
        """A message has come."""

    def on_closed(self, ctx: Any) -> None:
        """The connection is closed."""


def _dispatch(service: Service, methods: tuple[str, ...], attribute: str = 'hook_type') -> None:
    ctx = service.request.input.get('ctx', service.request.payload)
    name = getattr(ctx, attribute, None)
    if name in methods:
        method = getattr(service, name)
        if attribute == 'type':
            method(ctx)
        else:
            method()
