"""Applies, in one worker, what any worker of the cluster wrote: in the order of the commits, each change once or again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import gevent
from gevent.event import Event
from sqlalchemy import Connection, select

from zato.common.alarm import Alarms
from zato.common.config.kind import kinds
from zato.common.config.stored import StoredObject, without_defaults
from zato.common.odb.database import ODBUnavailable
from zato.common.odb.tables import config_counter, config_event
from zato.server.config.cooperation import Places
from zato.server.config.objects import ConfigObjects
from zato.server.propagate.objects import each_object, objects_by_id
from zato.server.propagate.odb import ODB
from zato.server.propagate.presence import Progress

logger = logging.getLogger(__name__)

MODULE = 'module'  #: kind of the events that tell of deployed modules
_POLL = 1.0  #: seconds
_LONGEST_PAUSE = 30.0  #: seconds between tries to load modules
_AT_ONCE = 2_000
_SUBJECT = 'ODB'  #: of the alarm


@dataclass(slots=True)
class _News:
    """What is behind some events. position: of the last one. more: are there further ones?"""

    position: int
    at: float | None = None
    objects: list[StoredObject] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    modules: int = 0  # the last event that tells of a module
    more: bool = False


class Follower:
    """apply_modules: loads what is deployed; returns what failed, by module: the event, and why. It may take long.

    moved: called whenever `progress` has grown.
    """

    def __init__(
        self,
        odb: ODB,
        objects: ConfigObjects,
        apply_modules: Callable[[], dict[str, tuple[int, str]]],
        moved: Callable[[], None],
        alarms: Alarms,
    ) -> None:
        self._odb = odb
        self._objects = objects
        self._apply_modules = apply_modules
        self._moved = moved
        self._alarms = alarms
        self._position = -1
        self._position_at: float | None = None  # by the ODB's clock, which tells that event from another one of its number
        self._modules_wanted = 0  # event up to which modules are to be loaded
        self._modules_loaded = 0
        self._module_errors: dict[str, tuple[int, str]] = {}
        self._changes = 0  # of `_module_errors`
        self._is_away = False  # has it been logged that the ODB is?
        self._turn = Places(1)
        self._woken = Event()
        self._modules_woken = Event()
        self._greenlets: list[gevent.Greenlet[..., None]] = []

    @property
    def progress(self) -> Progress:
        waits_for_modules = self._modules_loaded < self._modules_wanted
        return Progress(
            applied=self._position,
            loaded=self._modules_loaded if waits_for_modules else self._position,
            failed={**self._objects.errors, **self._module_errors} if self._module_errors else self._objects.errors,
            changes=self._changes + self._objects.changes,
        )

    @property
    def position(self) -> int:
        """The last event that was read, -1 before anything was."""
        return self._position

    def load(self) -> None:
        """Everything there is; the newest event is read first, so that none is missed. Raises ODBUnavailable."""
        self._reload()
        self._modules_loaded = self._modules_wanted = self._position
        self._module_errors = self._apply_modules()

    def start(self) -> None:
        self._greenlets = [gevent.spawn(self._follow), gevent.spawn(self._follow_modules)]

    def stop(self) -> None:
        """Twice is safe."""
        gevent.killall(self._greenlets)

    def wake(self) -> None:
        """There may be news."""
        self._woken.set()

    def catch_up(self) -> None:
        """Apply all there is now; modules follow in a greenlet of their own. If the ODB is away, an alarm says so."""
        try:
            self.apply_all()
        except ODBUnavailable as e:
            what_to_do = 'what is loaded goes on being served; changes wait'
            self._alarms.begin(_SUBJECT, str(e), what_to_do, action='odb.failed', log=not self._is_away)
            self._is_away = True
        else:
            self._alarms.end(_SUBJECT)
            self._is_away = False

    def apply_all(self) -> None:
        """The same, raising ODBUnavailable."""
        with self._turn:
            while self._catch_up_once():
                pass

    def _catch_up_once(self) -> bool:
        news = self._odb.read(self._look)
        if news is None:  # the log no longer has all that happened since
            self._reload()
            self._modules_wanted = 0
            self._want_modules(self._position)
            self._moved()
            return False
        if news.position == self._position:
            return False
        self._objects.put(news.objects, news.gone, news.position)
        self._want_modules(news.modules)
        self._position, self._position_at = news.position, news.at
        self._moved()
        return news.more

    def _reload(self) -> None:
        position, at, stored = self._odb.read(_everything)
        known = self._objects.stored
        there = {item.id for item in stored}
        self._objects.put([item for item in stored if known.get(item.id) != item], known.keys() - there, position)
        self._position, self._position_at = position, at

    def _look(self, connection: Connection) -> _News | None:
        counter = connection.execute(select(config_counter.c.event, config_counter.c.pruned)).one()
        if counter.pruned > self._position or _time_of(connection, self._position) != self._position_at:
            return None  # or the ODB was restored from a backup
        if counter.event == self._position:
            return _News(self._position)
        rows = connection.execute(
            select(config_event).where(config_event.c.id > self._position).order_by(config_event.c.id).limit(_AT_ONCE)
        ).all()
        ids = {row.object_id for row in rows if row.kind != MODULE}
        found = objects_by_id(connection, ids)
        return _News(
            position=rows[-1].id if rows else self._position,
            at=rows[-1].at if rows else self._position_at,
            objects=list(found.values()),
            gone=[id for id in ids if id not in found],
            modules=max((row.id for row in rows if row.kind == MODULE), default=0),
            more=len(rows) == _AT_ONCE,
        )

    def _want_modules(self, event: int) -> None:
        if event > self._modules_wanted:
            if self._modules_loaded == self._modules_wanted:
                self._modules_loaded = event - 1  # there was nothing to load up to here
            self._modules_wanted = event
            self._modules_woken.set()

    def _follow(self) -> None:
        while True:
            self._woken.wait(_POLL)
            self._woken.clear()
            try:
                self.catch_up()
            except Exception:
                logger.exception('Looking for changes failed', extra={'action': 'follow.failed'})
                gevent.sleep(_POLL)

    def _follow_modules(self) -> None:
        pause = _POLL
        while True:
            self._modules_woken.wait()
            self._modules_woken.clear()
            wanted = self._modules_wanted
            try:
                self._module_errors = self._apply_modules()
            except Exception as e:
                if not isinstance(e, ODBUnavailable):  # of which another alarm tells
                    logger.exception('Loading modules failed', extra={'action': 'follow.failed'})
                gevent.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                self._modules_woken.set()
                continue
            pause = _POLL
            self._modules_loaded = wanted
            self._changes += 1
            self._moved()


def _everything(connection: Connection) -> tuple[int, float | None, list[StoredObject]]:
    """The newest event, read first, its time, and all objects."""
    newest: int = connection.execute(select(config_counter.c.event)).scalar_one()
    known = kinds()
    # One at a time: all of them with all their settings would take memory that stays taken.
    objects = [without_defaults(known[item.kind], item) for item in each_object(connection) if item.kind in known]
    return newest, _time_of(connection, newest), objects


def _time_of(connection: Connection, event: int) -> float | None:
    """None if it is not in the log."""
    return connection.execute(select(config_event.c.at).where(config_event.c.id == event)).scalar()
