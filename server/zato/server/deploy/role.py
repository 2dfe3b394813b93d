"""What the worker with the deployment role does: watches the directories and feeds the deployer, one file at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import gevent
from gevent.queue import Empty, Queue

from zato.common.alarm import Alarms
from zato.server.config.watcher import Watcher
from zato.server.deploy.deployer import Deployer

logger = logging.getLogger(__name__)

_LOOK_EVERY = 1.0  #: seconds without a change after which what is left over is looked at


class DeploymentRole:
    """`start` when the role is taken, `stop` before it is given up."""

    def __init__(self, deployer: Deployer, directories: Iterable[Path], alarms: Alarms) -> None:
        self._deployer = deployer
        self._directories = list(directories)
        self._queue: Queue[Path] = Queue()
        self._watcher = Watcher(self._directories, self._queue.put, alarms)
        self._greenlet: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        self._watcher.start()  # before the scan, so that nothing falls between the two
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        self._watcher.stop()
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self) -> None:
        for directory in self._directories:
            self._queue.put(directory)
        while True:
            path: Path | None = None
            try:
                path = self._queue.get(timeout=_LOOK_EVERY)
            except Empty:
                pass
            try:
                if path is None:
                    self._deployer.tend()
                elif path in self._directories:
                    self._deployer.scan([path])
                else:
                    self._deployer.deploy(path)
            except Exception:
                logger.exception('Deploying %s failed', path or 'later', extra={'action': 'deploy.failed'})
