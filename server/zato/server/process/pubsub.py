"""What publish/subscribe of one worker is made of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from zato.common.config.kinds.pubsub_subscription import NOTIFY
from zato.common.exception import StoreUnavailable
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.common.odb.lease import Leases
from zato.common.pubsub.ids import MessageIDs
from zato.common.pubsub.schema import store_address
from zato.server.admin_api.pubsub_context import PubSubContext
from zato.server.config.runtime import ConfigObject
from zato.server.process.loop import Loop
from zato.server.process.propagation import unless_away
from zato.server.process.pubsub_objects import PubSubObjects
from zato.server.propagate.odb import ODB
from zato.server.propagate.presence import Peer, died_alone, known_workers
from zato.server.pubsub.assign import Assignment
from zato.server.pubsub.automatic import ensure_service_subscription
from zato.server.pubsub.copies import Copies, Moves
from zato.server.pubsub.dead import DeadLetters
from zato.server.pubsub.deliveries import Deliveries
from zato.server.pubsub.depth import Depths
from zato.server.pubsub.draft import Drafting
from zato.server.pubsub.figures import Figures
from zato.server.pubsub.following import Following
from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.pokes import Pokes
from zato.server.pubsub.published import Published
from zato.server.pubsub.publisher import Publisher
from zato.server.pubsub.pull import Pulls
from zato.server.pubsub.pulled import PulledMessages
from zato.server.pubsub.queues import Queues
from zato.server.pubsub.ram import RAMQueues
from zato.server.pubsub.replay import Replay
from zato.server.pubsub.store.interface import Store
from zato.server.pubsub.store.sqlite import SQLiteStore
from zato.server.pubsub.subs import SubscriptionRows
from zato.server.pubsub.surroundings import Surroundings
from zato.server.pubsub.sweeper import Sweeper
from zato.server.pubsub.task_figures import TaskState
from zato.server.pubsub.tidying import INTERVAL as TIDYING_INTERVAL
from zato.server.pubsub.tidying import Tidying
from zato.server.pubsub.watch import Watch
from zato.server.pubsub.writer import Writer
from zato.server.service.facade.pubsub import PubSub, PubSubParts
from zato.server.service.facade.pubsub_queues import QueueParts

if TYPE_CHECKING:
    from zato.common.alarm import Alarms
    from zato.server.process.propagation import Propagation
    from zato.server.process.settings import Settings
    from zato.server.service.facades import Facades
    from zato.server.service.invoker import Invoker

logger = logging.getLogger('zato.pubsub')

_ENSURE_EVERY: Final = 30.0  #: seconds
_WRITE_EVERY: Final = 1.0
_STORE: Final = 'Store of messages'
_STORE_ADVICE: Final = 'publishers are answered with 503 meanwhile; see to the disk, or the database, that it is on'
_CHANNEL: Final = 'zato_pubsub'
_NOTIFY: Final = text(f"SELECT pg_notify('{_CHANNEL}', :text)")


class PubSubOfWorker:
    """`start` and `stop` once each; `stop_delivering` before whatever services use ends."""

    def __init__(
        self, settings: Settings, odb: ODB, *, objects: PubSubObjects, propagation: Propagation, alarms: Alarms
    ) -> None:
        address, own = store_address(settings.odb), propagation.presence.id
        self._objects = objects
        self._registry = registry = objects.registry
        self._config_odb = odb
        self._odb = ODB(Database(address)) if address.is_sqlite else odb
        self._tables = MessageTables(self._odb)
        self._propagation = propagation
        self._alarms = alarms
        self._writer = Writer(_make_store(address), trouble=self._tell_trouble)
        self._published = Published(self._odb, own)
        self.deliveries = Deliveries(registry, self._surroundings, grace=settings.conf.main.gunicorn_graceful_timeout)
        self._pokes = Pokes(own, self.deliveries.look, None if address.is_sqlite else partial(_notify, odb))
        self.deliveries.pokes = self._pokes
        self._leases = Leases(self._odb.database, self._odb.write, self._odb.read)
        self._assignment = Assignment(self._leases, own, self.deliveries, others=self)
        self._pokes.use(self._assignment)
        self._ram = RAMQueues(registry, objects.target_of, hook_of=objects.hook_of, new_cid=objects.new_cid, now=time)
        self._figures = Figures(self._tables)
        self._depths = Depths(self._figures.longest, alarms)
        self._publisher = self._make_publisher(settings.conf.pubsub.max_message_size)
        self._tidying = self._make_tidying(own, settings.conf.pubsub.alarm_lag)
        self._queues = Queues(self._tables, self._pokes.changed)
        self._pulls = Pulls(self._tables)
        self._pulled = PulledMessages(self._pulls, registry, objects.hook_of)
        self._following = self._make_following()
        registry.listen(self._following)
        propagation.hear(self._pokes.receive)
        propagation.hear_notifications(_CHANNEL, self._pokes.receive_text)

    def use(self, invoker: Invoker, facades: Facades) -> None:
        """invoker: runs the services that messages go to. facades: those of services get `self.pubsub`."""
        self._objects.use(invoker)
        parts = PubSubParts(
            publisher=self._publisher,
            registry=self._registry,
            queues=QueueParts(
                registry=self._registry,
                configuration=self._propagation.configuration,
                pulled=self._pulled,
                queues=self._queues,
                now=time,
            ),
            make_topic=self._make_topic,
            security_id=self._objects.security_id,
        )
        facades.put('pubsub', lambda service: PubSub(service, parts))

    def context(self, task_states: Callable[[], Mapping[int, TaskState]]) -> PubSubContext:
        """What built-in services work with. task_states: of all workers of this server."""
        tables, changed = self._tables, self._pokes.changed
        copies = Copies(tables, MessageIDs().new)
        return PubSubContext(
            registry=self._registry,
            publisher=self._publisher,
            pulls=self._pulls,
            pulled=self._pulled,
            figures=self._figures,
            queues=self._queues,
            moves=Moves(tables, copies, changed),
            dead=DeadLetters(tables, copies, changed),
            replay=Replay(tables, changed),
            task_states=task_states,
            leases=self._leases.find,
            security_id=self._objects.security_id,
        )

    def start(self) -> None:
        """Raises StoreUnavailable, ODBUnavailable."""
        self._writer.start()
        self._following.start()
        self._assignment.start()

    def stop_delivering(self, grace: float) -> None:
        """Finish what is in flight, and let others have the subscriptions."""
        self._assignment.stop(grace)

    def stop(self) -> None:
        """Twice is safe."""
        self._following.stop()
        self._assignment.stop(0)
        self._ram.stop()
        self._pokes.stop()
        self._writer.stop()
        unless_away(self._published.write)()
        unless_away(self._tidying.release)()
        if self._odb is not self._config_odb:
            self._odb.close()

    def as_dict(self) -> dict[str, Any]:
        """What `zato info` shows: since the worker began, and of its latest commits."""
        states = self.deliveries.states().values()
        return {
            **self._published.as_dict(),
            **self._writer.commits.as_dict(),
            'subscriptions': len(states),
            **{name: sum(state[name] for state in states) for name in ('delivered', 'failed', 'expired', 'in_flight')},
        }

    def loops(self) -> list[Loop]:
        """What goes on in the background; they are not started."""
        return [
            Loop('figures of topics', unless_away(self._published.write), _WRITE_EVERY),
            Loop('topics that are full', self._depths.look, _WRITE_EVERY),
            Loop('subscriptions in the store', unless_away(self._following.ensure), _ENSURE_EVERY),
            Loop('tidying of messages', unless_away(self._tidying.step), TIDYING_INTERVAL),
            Loop('messages that clients pulled', self._bring_back, _ENSURE_EVERY),
        ]

    # What the assignment asks of others

    def peers(self) -> Sequence[Peer]:
        return known_workers(self._config_odb)

    def died_alone(self, peer: Peer) -> bool:
        return died_alone(peer)

    def tell(self, peers: Sequence[Peer]) -> None:
        self._pokes.tell_leases(peers)

    # Parts

    def _make_publisher(self, max_message_size: int) -> Publisher:
        return Publisher(
            self._registry,
            self._writer,
            drafting=Drafting(MessageIDs(), max_message_size),
            depths=self._depths,
            ram=self._ram,
            deliveries=self.deliveries,
            published=self._published,
            hook_of=self._objects.hook_of,
        )

    def _make_tidying(self, own: str, max_lag: float) -> Tidying:
        watch = Watch(self._registry, self._figures, leases=self._leases.find, alarms=self._alarms, max_lag=max_lag)
        sweeper = Sweeper(self._tables, self._not_delivered, lambda: [peer.id for peer in self.peers()])
        return Tidying(self._leases, own, sweeper=sweeper, watch=watch)

    def _make_following(self) -> Following:
        tell = self._objects.tell_hook
        return Following(
            registry=self._registry,
            odb=self._config_odb,
            rows=SubscriptionRows(self._tables, partial(tell, 'on_subscribed'), partial(tell, 'on_unsubscribed')),
            deliveries=self.deliveries,
            assignment=self._assignment,
            pokes=self._pokes,
            ram=self._ram,
            depths=self._depths,
        )

    def _surroundings(self, deliveries: Deliveries) -> Surroundings:
        return Surroundings(
            writer=self._writer,
            target_of=self._objects.target_of,
            topic_of=self._registry.topic_by_id,
            hook_of=self._objects.hook_of,
            new_cid=self._objects.new_cid,
            lost=lambda sub_id: self._assignment.doubt(sub_id),
            failed=deliveries.failed,
        )

    # What parts ask for

    def _bring_back(self) -> None:
        """What clients did not acknowledge is in its queue again, also where it is no longer pulled from but delivered."""
        try:
            self._pokes.changed(self._pulled.bring_back())
        except StoreUnavailable as e:
            logger.debug('%s', e)

    def _not_delivered(self) -> list[int]:
        """Subscriptions without a delivery task, whichever worker it would be in."""
        return [item.id for item in self._registry.subscriptions() if item.settings.delivery_method != NOTIFY]

    def _tell_trouble(self, text: str) -> None:
        if text:
            self._alarms.begin(_STORE, text, _STORE_ADVICE, action='pubsub.store_away')
        else:
            self._alarms.end(_STORE)

    def _make_topic(self, name: str) -> ConfigObject | None:
        """Of a service, None if there is no such service."""
        service = self._objects.service(name)
        if service is None:
            return None
        return ensure_service_subscription(self._propagation.configuration, self._registry, service)


def _make_store(address: ODBAddress) -> Store:
    if address.is_sqlite:
        return SQLiteStore(Path(address.db_name))
    from zato.server.pubsub.store.postgresql import PostgreSQLStore  # its driver takes long to import

    return PostgreSQLStore(address)


def _notify(odb: ODB, text: str) -> None:
    """Tell workers on other hosts."""
    odb.write(lambda connection: connection.execute(_NOTIFY, {'text': text}))
