"""A server for writing services: one worker, no time limits, a debugger's port, tracebacks in answers."""

from __future__ import annotations

import logging
import os
import traceback
from dataclasses import replace

from zato.common.exception import ConfigError
from zato.server.process.settings import Development, Settings, bind_address

logger = logging.getLogger(__name__)

_HOST = '127.0.0.1'
_NO_LIMIT = 86_400.0  #: seconds; a day in the debugger


def for_development(settings: Settings, host: str, debug_port: int, *, is_waiting: bool) -> Settings:
    """The same server for development. host: where it listens, since it tells clients what only developers should know."""
    conf = settings.conf
    _, port = bind_address(conf, settings.directory)
    bind = f'[{host}]:{port}' if ':' in host else f'{host}:{port}'
    main = replace(conf.main, gunicorn_bind=bind, gunicorn_workers=1, gunicorn_timeout=0, gunicorn_graceful_timeout=1)
    hot_deploy = replace(conf.hot_deploy, check_timeout=_NO_LIMIT)
    return replace(
        settings,
        conf=replace(conf, main=main, hot_deploy=hot_deploy),
        development=Development(debug_port=debug_port, is_waiting=is_waiting),
    )


def listen_for_debugger(development: Development) -> None:
    """In the worker. Raises ConfigError where the port is taken; without debugpy there is a warning only."""
    if not development.debug_port:
        return
    os.environ['GEVENT_SUPPORT'] = 'True'  # read by the debugger as it is imported
    try:
        import debugpy
    except ImportError:
        logger.warning("No debugger can attach: it needs debugpy, pip install 'zato[debug]'")
        return
    try:
        debugpy.listen((_HOST, development.debug_port))
    except (OSError, RuntimeError) as e:
        raise ConfigError(f'the debugger cannot listen on {_HOST}:{development.debug_port}: {e}; use --debug-port') from None
    logger.info('A debugger may attach at %s:%d', _HOST, development.debug_port)
    if development.is_waiting:
        logger.info('Waiting for the debugger')
        debugpy.wait_for_client()


def traceback_of(e: BaseException) -> list[str]:
    """What a client is told: the traceback, a line each, with lines of the source."""
    return ''.join(traceback.format_exception(e)).splitlines()
