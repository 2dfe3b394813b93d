"""Publishing over REST, from a request to its 200 once the message is flushed, against the REST echo of the same server.

Both are of the same worker on one CPU, with Basic Auth and 64 keep-alive clients; the body that is published holds the
document that is echoed. Afterwards as many messages must be in the database as were answered.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from tests.bench.exchange import ECHO, Exchange
from tests.bench.load import Round, ask, check_answer, wrk_round
from tests.bench.options import Options
from tests.bench.processes import BenchError, Server, two_cpus
from tests.bench.pubsub_turns import create_topic
from tests.bench.report import Report, over_rounds, quiet
from tests.bench.rest import Rounds, add_rates, ratio
from tests.bench.zato_server import Environment

NAME = 'pubsub-rest'

_CLIENTS: Final = 64
_TOPIC: Final = '/bench/rest'
_ECHO: Final = 'REST echo'
_PUBLISH: Final = 'REST publish'
_ENDPOINT: Final = {
    'action': 'create',
    'kind': 'pubsub_endpoint',
    'name': 'bench',
    'endpoint_type': 'rest',
    'role': 'pub-only',
    'security': 'bench',
    'topic_patterns': 'pub=/bench/*',
}


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'{_CLIENTS} keep-alive clients, one worker; ÷ is of requests per CPU second')
    server_cpu, load_cpu = two_cpus()
    with Environment(workers=1) as env:
        echo = replace(env.with_channel(env.start(server_cpu)), name=_ECHO)
        create_topic(env, _TOPIC)
        env.admin('zato.config.apply', {'changes': [_ENDPOINT]})
        sent: dict[str, Any] = {'data': dict(ECHO.sent)}
        publish = replace(echo, name=_PUBLISH, path=f'/zato/pubsub/topic/{_TOPIC}', exchange=Exchange(sent, {}))
        check_answer(echo)
        if 'msg_id' not in (answer := ask(publish, publish.path, publish.exchange.body)):
            raise BenchError(f'Publishing over REST was answered with {answer!r:.200}')
        for server in (echo, publish):
            wrk_round(server, options.warm_up, load_cpu, clients=_CLIENTS)
        before = _stored(env)
        rounds = [_round([echo, publish], options, load_cpu) for _ in range(options.rounds)]
        _check(_stored(env) - before, rounds)
    report.add(ratio(rounds, _PUBLISH, _ECHO, must=0.45, aim=0.6))
    good, is_clean = quiet(rounds, [max(item.foreign for item in one.values()) for one in rounds])
    walls = [one[_PUBLISH].per_second / one[_ECHO].per_second for one in good]
    report.add(over_rounds('    of requests per second', walls, '×', less=False, is_clean=is_clean))
    add_rates(report, NAME, rounds)


def _round(servers: list[Server], options: Options, cpu: int) -> dict[str, Round]:
    return {server.name: wrk_round(server, options.seconds, cpu, clients=_CLIENTS) for server in servers}


def _stored(env: Environment) -> int:
    with closing(sqlite3.connect(f'file:{env.pubsub_db}?mode=ro', uri=True)) as connection:
        (count,) = connection.execute('SELECT count(*) FROM ps_msg').fetchone()
        return int(count)


def _check(stored: int, rounds: Rounds) -> None:
    """Raises BenchError if an answer was given for what was not stored."""
    answered = sum(one[_PUBLISH].requests for one in rounds)
    if stored < answered:
        raise BenchError(f'{answered} publishes were answered with 200, {stored} messages were stored')
