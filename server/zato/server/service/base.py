"""The class that users' services derive from."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from zato.server.service.naming import service_name

if TYPE_CHECKING:
    from zato.server.service.data import Request, Response
    from zato.server.service.invoker import Call, Invoker


class Service:
    """Base class of all services. Derive from it, define `handle`, drop the file into the server's pickup folder.

    Over HTTP, methods `handle_GET`, `handle_POST` and so on, if there are any, take the place of `handle`.
    """

    name: ClassVar[str] = ''  #: '' means that it is made from the module's and the class's names
    logger: ClassVar[logging.Logger]

    cid: str  #: correlation ID of the request that this service takes part in
    request: Request
    response: Response
    channel: str  #: name of the channel that the request came through, 'invoke' if it came from another service

    _invoker: Invoker
    _call: Call

    @classmethod
    def get_name(cls) -> str:
        return cls.__dict__.get('name') or service_name(cls.__module__, cls.__name__)

    @classmethod
    def get_impl_name(cls) -> str:
        return f'{cls.__module__}.{cls.__name__}'

    @property
    def user_config(self) -> Any:
        """`self.user_config.<file>.<section>.<key>`, read again whenever a file changes."""
        return self._invoker.user_config()

    config = user_config

    def invoke(self, name: str | type[Service], payload: Any = '', **kwargs: Any) -> Any:
        """Run another service in this process and return its response's payload.

        Keyword arguments become the payload where none is given. The target's exceptions come through as they are.
        Raises KeyError for an unknown service, ZatoException where a service would invoke itself.
        """
        return self._invoker.invoke_from(self._call, name, kwargs if kwargs and payload == '' else payload)

    def invoke_async(self, name: str, payload: Any = '', **kwargs: Any) -> str:
        """Run another service in the background, in this process's memory only. Returns its cid at once."""
        return self._invoker.invoke_async_from(self._call, name, kwargs if kwargs and payload == '' else payload)
