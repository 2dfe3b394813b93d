"""What services reach through `self`: each facade is made by a factory that the worker, or a test, puts here by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

from zato.common.exception import NotAvailable

if TYPE_CHECKING:
    from zato.server.service.base import Service
    from zato.server.service.facade.rest import RESTConnections

T = TypeVar('T')

#: Makes what one service sees.
Factory = Callable[['Service'], Any]

#: Facades that classic services know and that may not be there, and what they belong to.
OPTIONAL: Final[Mapping[str, str]] = {
    'amqp': 'AMQP',
    'audit_pii': 'audit of personal data',
    'cassandra_conn': 'Cassandra',
    'cloud': 'cloud connections',
    'commands': 'operating system commands',
    'definition': 'Kafka',
    'email': 'e-mail',
    'im': 'instant messaging',
    'kvdb': 'Redis',
    'odb': 'direct access to the ODB',
    'schedule': 'the scheduler',
    'search': 'search engines',
    'sms': 'SMS',
    'sso': 'single sign-on',
    'translate': 'translation',
    'wsx': 'WebSockets',
    'zmq': 'ZeroMQ',
    'out.amqp': 'outgoing AMQP',
    'out.ftp': 'FTP',
    'out.hl7': 'outgoing HL7',
    'out.ibm_mq': 'outgoing IBM MQ',
    'out.ldap': 'LDAP',
    'out.mongodb': 'MongoDB',
    'out.odoo': 'Odoo',
    'out.redis': 'Redis',
    'out.sap': 'SAP',
    'out.sftp': 'SFTP',
    'out.sms': 'SMS',
    'out.sql': 'outgoing SQL',
    'out.vault': 'Vault',
    'out.wsx': 'outgoing WebSockets',
    'out.zmq': 'ZeroMQ',
}


class Facades:
    """Of one worker, by the name that follows `self.`, such as 'cache' or 'out.rest'."""

    def __init__(self, factories: Mapping[str, Factory]) -> None:
        self._factories = dict(factories)

    def put(self, name: str, factory: Factory) -> None:
        self._factories[name] = factory

    def make(self, name: str, service: Service) -> Any:
        """Raises NotAvailable."""
        factory = self._factories.get(name)
        if factory is None:
            what = OPTIONAL.get(name, 'it')
            raise NotAvailable(service.cid, f'self.{name} is not available: this server does not have {what}')
        return factory(service)


class Member(Generic[T]):
    """An attribute of services, or of `self.out`, that is a facade. name: its own, if not that of the attribute."""

    def __init__(self, name: str = '') -> None:
        self._name = name

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = self._name or name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Member[T]: ...

    @overload
    def __get__(self, instance: Any, owner: type[Any]) -> T: ...

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        return self if instance is None else instance._facade(self._name)


class Outgoing:
    """`self.out`: outgoing connections by type."""

    amqp: Member[Any] = Member('out.amqp')
    ftp: Member[Any] = Member('out.ftp')
    hl7: Member[Any] = Member('out.hl7')
    ibm_mq: Member[Any] = Member('out.ibm_mq')
    wmq: Member[Any] = Member('out.ibm_mq')
    jms_wmq: Member[Any] = Member('out.ibm_mq')
    ldap: Member[Any] = Member('out.ldap')
    mongodb: Member[Any] = Member('out.mongodb')
    odoo: Member[Any] = Member('out.odoo')
    redis: Member[Any] = Member('out.redis')
    rest: Member[RESTConnections] = Member('out.rest')
    plain_http: Member[RESTConnections] = Member('out.rest')
    sap: Member[Any] = Member('out.sap')
    sftp: Member[Any] = Member('out.sftp')
    sms: Member[Any] = Member('out.sms')
    soap: Member[RESTConnections] = Member('out.soap')
    sql: Member[Any] = Member('out.sql')
    vault: Member[Any] = Member('out.vault')
    wsx: Member[Any] = Member('out.wsx')
    zmq: Member[Any] = Member('out.zmq')

    def __init__(self, service: Service) -> None:
        self._service = service

    def _facade(self, name: str) -> Any:
        return self._service._facade(name)
