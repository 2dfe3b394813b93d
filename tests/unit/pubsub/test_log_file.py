"""Where it is logged what becomes of messages."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from zato.common.log.config import configure

NAMES = ('', 'zato.pubsub', 'zato_access_log', 'zato_ibm_mq')


@pytest.fixture
def conf(tmp_path: Path) -> Iterator[Path]:
    """That of new servers. Afterwards the loggers that it sets up are what they were."""
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    (tmp_path / 'logs').mkdir()
    path = tmp_path / 'logging.conf'
    path.write_text((files('zato.cli') / 'templates' / 'logging.conf').read_text())
    yield path
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        for handler in {*logger.handlers} - {*handlers}:
            handler.close()
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


def lines(conf: Path, name: str) -> list[str]:
    path = conf.parent / 'logs' / name
    found = path.read_text().splitlines() if path.exists() else []
    return [line.rpartition(' - ')[2] for line in found]


def test_publish_subscribe_has_a_file_of_its_own_and_is_in_the_one_that_people_tail(conf: Path) -> None:
    configure(conf, conf.parent, to_stdout=False)
    logging.getLogger('zato.pubsub').info('delivered')
    logging.getLogger('zato.server').info('started')
    assert (lines(conf, 'pubsub.log'), lines(conf, 'server.log')) == (['delivered'], ['delivered', 'started'])


def test_servers_whose_file_does_not_say_where_log_it_with_the_rest(conf: Path) -> None:
    text = conf.read_text()
    conf.write_text(text[: text.index('  zato.pubsub:')])
    configure(conf, conf.parent, to_stdout=False)
    logging.getLogger('zato.pubsub').info('delivered')
    assert (lines(conf, 'pubsub.log'), lines(conf, 'server.log')) == ([], ['delivered'])
