"""What publish/subscribe of one worker is made of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, Final

import gevent
from sqlalchemy import Connection, select, text

from zato.common.config.kinds.pubsub_subscription import NOTIFY, PubSubSubscription
from zato.common.exception import ConnectionDown, StoreUnavailable, ZatoException
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.common.odb.lease import Leases
from zato.common.odb.tables import config_object
from zato.common.pubsub.ids import MessageIDs
from zato.common.pubsub.schema import store_address
from zato.server.admin_api.pubsub_context import PubSubContext
from zato.server.config.runtime import ConfigObject
from zato.server.connection.registry import OutgoingConnections
from zato.server.connection.rest.connection import RESTConnection
from zato.server.connection.rest.push import Push
from zato.server.process.loop import Loop
from zato.server.process.propagation import unless_away
from zato.server.propagate.odb import ODB
from zato.server.propagate.presence import Peer, known_workers
from zato.server.pubsub.administration import Administration, AdministrationParts, TaskState
from zato.server.pubsub.assign import Assignment
from zato.server.pubsub.automatic import ensure_service_subscription
from zato.server.pubsub.deliveries import Deliveries
from zato.server.pubsub.depth import Depths
from zato.server.pubsub.draft import Drafting
from zato.server.pubsub.figures import Figures
from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.pokes import Pokes
from zato.server.pubsub.published import Published
from zato.server.pubsub.publisher import Publisher
from zato.server.pubsub.pull import Pulls
from zato.server.pubsub.pulled import PulledMessages
from zato.server.pubsub.queues import Queues
from zato.server.pubsub.ram import RAMQueues
from zato.server.pubsub.registry import SUBSCRIPTION, Registry
from zato.server.pubsub.store.interface import Store, SubRow
from zato.server.pubsub.store.sqlite import SQLiteStore
from zato.server.pubsub.subs import SubscriptionRows
from zato.server.pubsub.sweeper import Sweeper
from zato.server.pubsub.target import Target
from zato.server.pubsub.task import Surroundings
from zato.server.pubsub.tidying import INTERVAL as TIDYING_INTERVAL
from zato.server.pubsub.tidying import Tidying
from zato.server.pubsub.watch import Watch
from zato.server.pubsub.writer import Writer
from zato.server.service.facade.pubsub import PubSub, PubSubParts
from zato.server.service.facade.pubsub_queues import QueueParts
from zato.server.service.pubsub import ServiceHook, ServiceTarget

if TYPE_CHECKING:
    from zato.common.alarm import Alarms
    from zato.server.config.objects import ConfigObjects
    from zato.server.process.propagation import Propagation
    from zato.server.process.settings import Settings
    from zato.server.service.facades import Facades
    from zato.server.service.invoker import Invoker

logger = logging.getLogger('zato.pubsub')

_SERVICE: Final = 'service'
_ENSURE_EVERY: Final = 30.0  #: seconds
_WRITE_EVERY: Final = 1.0
_STORE: Final = 'Store of messages'
_STORE_ADVICE: Final = 'publishers are answered with 503 meanwhile; see to the disk, or the database, that it is on'
_CHANNEL: Final = 'zato_pubsub'
_NOTIFY: Final = text(f"SELECT pg_notify('{_CHANNEL}', :text)")


class PubSubOfWorker:
    """`start` and `stop` once each; `stop_delivering` before whatever services use ends."""

    def __init__(
        self,
        settings: Settings,
        odb: ODB,
        *,
        registry: Registry,
        objects: ConfigObjects,
        propagation: Propagation,
        connections: OutgoingConnections,
        alarms: Alarms,
    ) -> None:
        address = store_address(settings.odb)
        self.registry = registry
        self.odb = ODB(Database(address)) if address.is_sqlite else odb
        self.tables = MessageTables(self.odb)
        self.writer = Writer(_make_store(address), trouble=self._tell_trouble)
        self._config_odb = odb
        self._objects = objects
        self._propagation = propagation
        self._connections = connections
        self._alarms = alarms
        self._invoker: Invoker | None = None
        self._subs = SubscriptionRows(
            self.tables, partial(self._tell_hook, 'on_subscribed'), partial(self._tell_hook, 'on_unsubscribed')
        )
        self._hooks: dict[int, tuple[int, ServiceHook | None]] = {}  # topic → generation of the registry, hook
        own = propagation.presence.id
        self._published = Published(self.odb, own)
        self.deliveries = Deliveries(registry, self._surroundings, grace=settings.conf.main.gunicorn_graceful_timeout)
        notify = None if address.is_sqlite else partial(_notify, odb)
        self.pokes = Pokes(own, self.deliveries.look, notify)
        self.deliveries.pokes = self.pokes
        self._leases = leases = Leases(self.odb.database, self.odb.write, self.odb.read)
        self.assignment = Assignment(leases, own, self.deliveries, others=self)
        self.pokes.use(self.assignment)
        self._ram = RAMQueues(registry, self._target_of, hook_of=self._hook_of, new_cid=self._new_cid, now=time)
        figures = Figures(self.tables)
        self._depths = Depths(figures.longest, alarms)
        self.publisher = Publisher(
            registry,
            self.writer,
            drafting=Drafting(MessageIDs(), settings.conf.pubsub.max_message_size),
            depths=self._depths,
            ram=self._ram,
            deliveries=self.deliveries,
            published=self._published,
            hook_of=self._hook_of,
        )
        self._tidying = Tidying(
            leases,
            own,
            sweeper=Sweeper(self.tables, self._not_delivered, self._live),
            watch=Watch(
                registry,
                figures,
                leases=leases.find,
                alarms=alarms,
                max_lag=settings.conf.pubsub.alarm_lag,
            ),
        )
        self._pulls = Pulls(self.tables)
        self._pulled = PulledMessages(self._pulls, registry, self._hook_of)
        self._is_started = False
        registry.listen(self)
        propagation.hear(self.pokes.receive)
        propagation.hear_notifications(_CHANNEL, self.pokes.receive_text)

    def use(self, invoker: Invoker, facades: Facades) -> None:
        """invoker: runs the services that messages go to. facades: those of services get `self.pubsub`."""
        self._invoker = invoker
        parts = PubSubParts(
            publisher=self.publisher,
            registry=self.registry,
            queues=QueueParts(
                registry=self.registry,
                configuration=self._propagation.configuration,
                pulled=self._pulled,
                queues=Queues(self.tables, self.pokes.changed),
                now=time,
            ),
            make_topic=self._make_topic,
            security_id=self._security_id,
        )
        facades.put('pubsub', lambda service: PubSub(service, parts))

    def context(self, task_states: Callable[[], Mapping[int, TaskState]]) -> PubSubContext:
        """What built-in services work with. task_states: of all workers of this server."""
        parts = AdministrationParts(
            registry=self.registry,
            publish=self.publisher.publish,
            task_states=task_states,
            changed=self.pokes.changed,
            leases=self._leases.find,
            security_id=self._security_id,
        )
        return PubSubContext(
            registry=self.registry,
            publisher=self.publisher,
            pulls=self._pulls,
            pulled=self._pulled,
            administration=Administration(self.tables, parts),
        )

    def start(self) -> None:
        """Raises StoreUnavailable, ODBUnavailable."""
        self.writer.start()
        self._is_started = True
        self._ensure()
        self.assignment.start()

    def stop_delivering(self, grace: float) -> None:
        """Finish what is in flight, and let others have the subscriptions."""
        self.assignment.stop(grace)

    def stop(self) -> None:
        """Twice is safe."""
        self._is_started = False
        self.assignment.stop(0)
        self._ram.stop()
        self.pokes.stop()
        self.writer.stop()
        unless_away(self._published.write)()
        unless_away(self._tidying.release)()
        if self.odb is not self._config_odb:
            self.odb.close()

    def as_dict(self) -> dict[str, Any]:
        """What `zato info` shows: since the worker began, and of its latest commits."""
        states = self.deliveries.states().values()
        return {
            **self._published.as_dict(),
            **self.writer.commits.as_dict(),
            'subscriptions': len(states),
            **{name: sum(state[name] for state in states) for name in ('delivered', 'failed', 'expired', 'in_flight')},
        }

    def loops(self) -> list[Loop]:
        """What goes on in the background; they are not started."""
        return [
            Loop('figures of topics', unless_away(self._published.write), _WRITE_EVERY),
            Loop('topics that are full', self._depths.look, _WRITE_EVERY),
            Loop('subscriptions in the store', unless_away(self._ensure), _ENSURE_EVERY),
            Loop('tidying of messages', unless_away(self._tidying.step), TIDYING_INTERVAL),
            Loop('messages that clients pulled', self._bring_back, _ENSURE_EVERY),
        ]

    def _bring_back(self) -> None:
        """What clients did not acknowledge is in its queue again, also where it is no longer pulled from but delivered."""
        try:
            self.pokes.changed(self._pulled.bring_back())
        except StoreUnavailable as e:
            logger.debug('%s', e)

    def _not_delivered(self) -> list[int]:
        """Subscriptions without a delivery task, whichever worker it would be in."""
        return [item.id for item in self.registry.subscriptions() if item.settings.delivery_method != NOTIFY]

    def _live(self) -> list[str]:
        """IDs of the workers there are."""
        return [peer.id for peer in self.peers()]

    # What the assignment asks of others

    def peers(self) -> Sequence[Peer]:
        return known_workers(self._config_odb)

    def tell(self, peers: Sequence[Peer]) -> None:
        self.pokes.tell_leases(peers)

    # What the registry tells

    def subscribed(self, item: ConfigObject) -> None:
        self._ram.changed(item)
        self.deliveries.restart(item)
        if self._is_started:
            self.pokes.changed(self._subs.ensure([_row_of(item)]))
            self.assignment.wake()

    def changed(self, old: ConfigObject, new: ConfigObject) -> None:
        self._ram.changed(new)
        self.deliveries.restart(new)
        self.assignment.wake()

    def suspended(self, item: ConfigObject) -> None:
        self.assignment.wake()

    def unsubscribed(self, item: ConfigObject) -> None:
        self._ram.forget(item)
        self.assignment.wake()
        if self._is_started:
            gevent.spawn(self._in_background, self._subs.remove, item.id)

    def topic_changed(self, old: ConfigObject | None, new: ConfigObject | None) -> None:
        if new is None and old is not None and self._is_started:
            self._depths.forget(old.id)
            gevent.spawn(self._in_background, self._subs.remove_topic, old.id)

    def _in_background(self, function: Callable[[int], object], id: int) -> None:
        """What could not be done now is done when a worker starts."""
        try:
            function(id)
        except ZatoException as e:
            logger.warning('Messages of deleted objects are tidied up later: %s', e, extra={'action': 'pubsub.tidy_failed'})

    def _ensure(self) -> None:
        """All subscriptions are known to those who publish, and no others."""
        self.pokes.changed(self._subs.ensure([_row_of(item) for item in self.registry.subscriptions()]))
        self._subs.reconcile(self._existing)

    def _existing(self, ids: Collection[int]) -> Collection[int]:
        def read(connection: Connection) -> list[int]:
            return list(connection.execute(select(config_object.c.id).where(config_object.c.id.in_(list(ids)))).scalars())

        return self._config_odb.read(read)

    def _tell_trouble(self, text: str) -> None:
        if text:
            self._alarms.begin(_STORE, text, _STORE_ADVICE, action='pubsub.store_away')
        else:
            self._alarms.end(_STORE)

    # What publishing and delivering ask for

    def _surroundings(self, deliveries: Deliveries) -> Surroundings:
        return Surroundings(
            writer=self.writer,
            target_of=self._target_of,
            topic_of=self.registry.topic_by_id,
            hook_of=self._hook_of,
            new_cid=self._new_cid,
            lost=lambda sub_id: self.assignment.doubt(sub_id),
            failed=deliveries.failed,
        )

    def _target_of(self, item: ConfigObject) -> Target:
        """Raises nothing: what is not there fails when something is delivered to it."""
        assert self._invoker is not None
        endpoint = self.registry.endpoint(item.settings.endpoint)
        settings = item.settings
        if endpoint is not None and endpoint.settings.endpoint_type == _SERVICE:
            name = partial(self._name_of, endpoint.settings.service)
            is_single = settings.delivery_batch_size == 1 and (settings.is_internal or not settings.wrap_one_msg_in_list)
            return ServiceTarget(self._invoker, name, wraps=not is_single)
        return Push(
            partial(self._connection, settings.rest_connection),
            method=settings.rest_method,
            is_list=settings.delivery_batch_size > 1 or settings.wrap_one_msg_in_list,
            rejects_4xx=settings.reject_on_4xx,
        )

    def _connection(self, id: int) -> RESTConnection:
        """Raises ConnectionDown."""
        found = self._connections.by_id(id)
        if not isinstance(found, RESTConnection):
            raise ConnectionDown(msg=self._objects.error_of(id) or 'The outgoing REST connection is not there')
        return found

    def _name_of(self, id: int) -> str:
        """Of a service, '' if it is no longer there."""
        stored = self._objects.stored.get(id)
        return stored.name if stored is not None else ''

    def _hook_of(self, topic_id: int) -> ServiceHook | None:
        generation = self.registry.generation
        found = self._hooks.get(topic_id)
        if found is None or found[0] != generation:
            topic = self.registry.topic_by_id(topic_id)
            id = topic.settings.hook_service if topic is not None else None
            hook = ServiceHook(self._invoker, self._name_of(id)) if id and self._invoker is not None else None
            found = self._hooks[topic_id] = generation, hook
        return found[1]

    def _tell_hook(self, what: str, row: SubRow) -> None:
        """In the background: whoever applies configuration, or starts a worker, does not wait for a service."""
        topic, hook = self.registry.topic_by_id(row.topic_id), self._hook_of(row.topic_id)
        if topic is not None and hook is not None and self._invoker is not None:
            item = self.registry.subscription(row.id) or _as_it_was(row)
            cid = self._new_cid()
            self._invoker.background.spawn(f'{what} of {hook.name}', cid, hook.tell, what, item, topic, cid)

    def _new_cid(self) -> str:
        assert self._invoker is not None
        return self._invoker.cids.new()

    def _make_topic(self, name: str) -> ConfigObject | None:
        stored = self._objects.find_stored(_SERVICE, name)
        service = self._objects.get(stored.id) if stored is not None else None
        if service is None:
            return None
        return ensure_service_subscription(self._propagation.configuration, self.registry, service)

    def _security_id(self, name: str) -> int | None:
        stored = self._objects.find_stored('security_basic_auth', name)
        return stored.id if stored is not None else None


def _make_store(address: ODBAddress) -> Store:
    if address.is_sqlite:
        return SQLiteStore(Path(address.db_name))
    from zato.server.pubsub.store.postgresql import PostgreSQLStore  # its driver takes long to import

    return PostgreSQLStore(address)


def _row_of(item: ConfigObject) -> SubRow:
    return SubRow(item.id, item.settings.topic, item.settings.sub_key)


def _as_it_was(row: SubRow) -> ConfigObject:
    """A subscription that was deleted: all that is still known of it."""
    settings = PubSubSubscription(topic=row.topic_id, endpoint=0, sub_key=row.sub_key)
    return ConfigObject(id=row.id, kind=SUBSCRIPTION, name=row.sub_key, is_active=False, version=0, settings=settings)


def _notify(odb: ODB, text: str) -> None:
    """Tell workers on other hosts."""
    odb.write(lambda connection: connection.execute(_NOTIFY, {'text': text}))
