"""The class that users' services derive from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import gevent

from zato.server.service.facades import Member, Outgoing
from zato.server.service.invocation import InvokeOptions, invoke_with_options, only_payload
from zato.server.service.naming import service_name
from zato.server.service.simpleio.payload import Payload, content_of
from zato.server.service.wsgi import wsgi_environ

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime

    from zato.server.pattern.facade import Patterns
    from zato.server.service.call import Call
    from zato.server.service.channel_info import ChannelInfo
    from zato.server.service.data import Request, Response
    from zato.server.service.facade.cache import Caches
    from zato.server.service.facade.crypto import Crypto
    from zato.server.service.facade.lock import Lock
    from zato.server.service.facade.pubsub import PubSub
    from zato.server.service.facade.rest_by_name import REST
    from zato.server.service.facade.security import Security
    from zato.server.service.facade.server import ServerFacade
    from zato.server.service.facade.static_config import StaticConfig
    from zato.server.service.facade.time import Time
    from zato.server.service.invoker import Invoker

_SECONDS_TO_MS = 1_000


class Service:
    """Base class of all services. Derive from it, define `handle`, drop the file into the server's pickup folder.

    Over HTTP, methods `handle_GET`, `handle_POST` and so on, if there are any, take the place of `handle`.
    """

    name: ClassVar[str] = ''  #: '' means that it is made from the module's and the class's names
    schema: ClassVar[Any] = None  #: JSON Schema of the input: a dict, or a file, absolute or in config/repo/schema/json
    invokes: ClassVar[list[str]] = []  #: services that this one invokes; for readers only
    call_hooks: ClassVar[bool] = True  #: False turns off all hooks before and after `handle`
    http_method_handlers: ClassVar[Mapping[str, Callable[..., Any]]] = {}  #: made from `handle_GET` and the like
    slow_threshold: ClassVar[int] = 99_999  #: ms
    logger: ClassVar[logging.Logger]

    cid: str  #: correlation ID of the request that this service takes part in
    request: Request
    response: Response

    cache: Member[Caches] = Member()  #: per process, lost on restart: see Cache
    crypto: Member[Crypto] = Member()
    patterns: Member[Patterns] = Member()
    pubsub: Member[PubSub] = Member()
    rest: Member[REST] = Member()  #: outgoing REST connections
    security: Member[Security] = Member()  #: bearer tokens
    server: Member[ServerFacade] = Member()
    static_config: Member[StaticConfig] = Member()  #: files of config/repo/static
    time: Member[Time] = Member()
    user_config: Member[Any] = Member()  #: `self.user_config.<file>.<section>.<key>`, read again whenever a file changes
    config: Member[Any] = Member('user_config')

    amqp: Member[Any] = Member()
    audit_pii: Member[Any] = Member()
    cassandra_conn: Member[Any] = Member()
    cloud: Member[Any] = Member()
    commands: Member[Any] = Member()
    definition: Member[Any] = Member()
    email: Member[Any] = Member()
    im: Member[Any] = Member()
    kvdb: Member[Any] = Member()
    odb: Member[Any] = Member()
    schedule: Member[Any] = Member()
    search: Member[Any] = Member()
    sms: Member[Any] = Member()
    sso: Member[Any] = Member()
    wsx: Member[Any] = Member()
    zmq: Member[Any] = Member()

    _invoker: Invoker
    _call: Call

    @classmethod
    def get_name(cls) -> str:
        return cls.__dict__.get('name') or service_name(cls.__module__, cls.__name__)

    @classmethod
    def get_impl_name(cls) -> str:
        return f'{cls.__module__}.{cls.__name__}'

    @classmethod
    def before_add_to_store(cls, logger: logging.Logger) -> bool:
        """Called in each worker before the class is deployed. If it does not return True, or raises, the class is not."""
        return True

    @staticmethod
    def after_add_to_store(logger: logging.Logger) -> None:
        """Called in each worker once the class is deployed."""

    def handle(self) -> None:
        """What the service does: reads `self.request`, sets `self.response.payload`."""
        raise NotImplementedError(f'Service {self.name} has no handle')

    def accept(self) -> bool:
        """False refuses the request: `handle` is not called, and over HTTP the answer is 400."""
        return True

    def validate_input(self) -> None:
        """Called before `handle`; raise BadRequest or the like to refuse the request."""

    def validate_output(self) -> None:
        """Called after `handle`; raise to refuse what it has made."""

    def before_handle(self) -> None:
        """Called before `handle`; what it raises is logged."""

    def after_handle(self) -> None:
        """Called after `handle`, unless that has failed; what it raises is logged."""

    def finalize_handle(self) -> None:
        """Called last, whatever has happened; what it raises is logged."""

    def before_job(self) -> None:
        """Called before `handle` if the scheduler has invoked the service; what it raises is logged."""

    def after_job(self) -> None:
        """Called after `handle` if the scheduler has invoked the service; what it raises is logged."""

    def before_one_time_job(self) -> None:
        """As before_job, for jobs that run once."""

    def after_one_time_job(self) -> None:
        """As after_job, for jobs that run once."""

    def before_interval_based_job(self) -> None:
        """As before_job, for jobs that run at intervals."""

    def after_interval_based_job(self) -> None:
        """As after_job, for jobs that run at intervals."""

    def before_cron_style_job(self) -> None:
        """As before_job, for jobs with a cron definition."""

    def after_cron_style_job(self) -> None:
        """As after_job, for jobs with a cron definition."""

    @property
    def channel(self) -> ChannelInfo:
        """What the request came through."""
        return self._call.channel

    chan = channel

    @property
    def in_reply_to(self) -> str:
        """In a callback, the cid of the call that it is told the result of; '' elsewhere."""
        return self._call.in_reply_to

    @property
    def impl_name(self) -> str:
        return self.get_impl_name()

    @property
    def data_format(self) -> str:
        return self._call.data_format or self._call.channel.data_format

    @property
    def transport(self) -> str:
        return self._call.transport

    @property
    def job_type(self) -> str:
        """'one_time', 'interval_based' or 'cron_style' where the scheduler has invoked the service."""
        return self._call.job_type

    @property
    def environ(self) -> dict[str, Any]:
        """The service's own for one call; hooks and `handle` pass data to one another in it."""
        return self._call.environ

    @property
    def wsgi_environ(self) -> dict[str, Any]:
        """The HTTP request as WSGI has it (PEP 3333), empty if there was none. Made anew at each access."""
        return wsgi_environ(self._call.message, self._call.channel)

    @property
    def usage(self) -> int:
        """How often the service has run in this worker."""
        return self._call.service.usage.count

    @property
    def invocation_time(self) -> datetime:
        """When the service was invoked; UTC."""
        return self._call.started_utc

    @property
    def processing_time(self) -> float:
        """Milliseconds that `handle` took, or has taken so far."""
        return self._call.seconds * _SECONDS_TO_MS

    @property
    def handle_return_time(self) -> datetime | None:
        """When `handle` returned; UTC. None before that."""
        return self._call.ended_utc

    @property
    def out(self) -> Outgoing:
        """Outgoing connections by type: `self.out.rest`, `self.out.sql`, …"""
        return Outgoing(self)

    outgoing = out

    def invoke(
        self,
        name: str | type[Service],
        payload: Any = '',
        channel: str = 'invoke',
        data_format: str = 'dict',
        transport: str = '',
        serialize: bool = False,
        as_bunch: bool = False,
        timeout: float = 0,
        raise_timeout: bool = True,
        skip_response_elem: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Run another service in this process and return its response's payload.

        Keyword arguments that are not named here are the payload where none is given. timeout: seconds, 0 for none.
        serialize: return JSON. as_bunch: dicts as Bunch. skip_response_elem: without the one key that wraps a response.

        The target's exceptions come through as they are. Raises ServiceMissingException, a KeyError, for an unknown service,
        Inactive for one that is inactive, ZatoException where a service would invoke itself, and InvocationTimeout where the
        time is over, unless raise_timeout is False: then it returns None. ValueError for a timeout that is no number,
        TypeError for a keyword argument that is not named here beside a payload.
        """
        if kwargs:
            payload = only_payload(payload, kwargs)
        invoker = self._invoker
        needs_more = timeout or serialize or as_bunch or skip_response_elem or transport
        if not needs_more and data_format == 'dict' and channel == 'invoke':
            return invoker.invoke_from(self._call, name, payload)
        options = InvokeOptions(
            channel, data_format, transport, serialize, as_bunch, timeout, raise_timeout, skip_response_elem
        )
        return invoke_with_options(invoker, self._call, name, payload, options)

    def invoke_async(
        self,
        name: str | type[Service],
        payload: Any = '',
        channel: str = 'invoke-async',
        data_format: str = 'dict',
        transport: str = '',
        expiration: int = 15,
        to_json_string: bool = False,
        cid: str = '',
        callback: Any = None,
        zato_ctx: Any = None,
        environ: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> str:
        """Run another service in the background, in this process's memory only: it is lost if the server stops.

        Returns its cid at once. callback: a service, several, or `self`, invoked with the result; without it, the service
        `<this one's>-async-callback` if there is one. environ: what the target finds in `self.environ`. expiration and
        zato_ctx have no effect. Other keyword arguments are as in `invoke`.
        Raises ServiceMissingException, Inactive, ValueError for a callback that does not exist, TypeError.
        """
        return self._invoker.invoke_async_from(
            self._call,
            name,
            only_payload(payload, kwargs) if kwargs else payload,
            channel=channel,
            data_format=data_format,
            transport=transport,
            to_json_string=to_json_string,
            cid=cid,
            callback=self.name if callback is self else callback,
            environ=environ,
        )

    def invoke_by_id(self, service_id: int, payload: Any = '', **options: Any) -> Any:
        """As `invoke`, by the ID that the service has as an object of configuration."""
        return self.invoke(self._invoker.name_of_id(service_id), payload, **options)

    def invoke_by_impl_name(self, impl_name: str, payload: Any = '', **options: Any) -> Any:
        """As `invoke`, by module and class, such as 'my_module.MyService'."""
        return self.invoke(self._invoker.name_of_impl(impl_name), payload, **options)

    def new_instance(self, name: str) -> Service:
        """An instance of another service, with an empty request, for its methods to be called.

        Raises ServiceMissingException, Inactive.
        """
        return self._invoker.new_instance(self._call, name)

    def lock(self, name: str = '', ttl: float = 20, block: float = 10) -> AbstractContextManager[Lock]:
        """`with self.lock('my-lock'):` lets one in at a time, in the whole cluster. name: the service's own by default.

        ttl: seconds after which it is free even if its holder has not released it. block: seconds to wait for it.
        Raises LockTimeout, ODBUnavailable.
        """
        found: AbstractContextManager[Lock] = self._facade('lock').lock(name or self.name, ttl, block)
        return found

    def sleep(self, sec: float = 1) -> None:
        """Wait while other services run."""
        gevent.sleep(sec)

    def spawn(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> gevent.Greenlet[..., Any]:
        """Run a function in the background, in memory only. What it raises is logged, and raised by `get` of the result."""
        return self._invoker.background.spawn(f'{function!r} of service {self.name}', self.cid, function, *args, **kwargs)

    run_in_thread = spawn

    def log_input(self, user_msg: str = '', level: int = logging.INFO, suppress_keys: list[str] | None = None) -> None:
        """Log the input. Values of elements that are declared as secrets are masked, and of those in suppress_keys.

        Text that is not parsed is logged as it is.
        """
        self._log('request', self.request.payload, user_msg, level, suppress_keys)

    def log_output(self, user_msg: str = '', level: int = logging.INFO, suppress_keys: list[str] | None = None) -> None:
        """Log the response. Values of elements that are declared as secrets are masked, and of those in suppress_keys."""
        self._log('response', self.response.payload, user_msg, level, suppress_keys)

    def translate(self, *args: Any, **kwargs: Any) -> Any:
        """Not in this server: raises NotAvailable."""
        return self._facade('translate')

    def _log(self, what: str, data: Any, user_msg: str, level: int, suppress_keys: list[str] | None) -> None:
        io = self._call.service.io
        names = frozenset(suppress_keys or ()) | (io.masked if io is not None else frozenset())
        if names:
            data = _masked(data, names)
        before = f'{user_msg} ' if user_msg else ''
        self.logger.log(level, '%s%s of %s (cid: %s): %s', before, what, self.name, self.cid, data)

    def _facade(self, name: str) -> Any:
        return self._invoker.facades.make(name, self)


def _masked(data: Any, names: frozenset[str]) -> Any:
    """A copy of dicts, models and lists without the values of these names, however deep they are."""
    if isinstance(data, Payload):
        data = content_of(data)
    elif hasattr(type(data), 'to_dict'):
        data = data.to_dict()
    if isinstance(data, Mapping):
        return {key: '******' if key in names else _masked(value, names) for key, value in data.items()}
    return [_masked(item, names) for item in data] if isinstance(data, list | tuple) else data
