"""Operations per CPU second of a channel with much turned on: a security group, a rate limit, the audit log both ways.

The same echo as that of the baseline, which has none of this.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.bench.exchange import basic_auth
from tests.bench.load import CLIENTS
from tests.bench.options import Options
from tests.bench.peers import GUNICORN, gunicorn
from tests.bench.processes import two_cpus
from tests.bench.report import Report
from tests.bench.rest import add_rates, measure, ratio
from tests.bench.zato_server import Environment

NAME = 'rest-rich'

_PATH: Final = '/bench/rich'
_GROUP: Final = 'bench rich'
_LIMIT: Final = '10.0.0.0/8=1000/m\n*=1000000000/m'  # the second line is the one that fits


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'group, rate limit, audit log; {CLIENTS} keep-alive connections; ÷ is of requests per CPU second')
    server_cpu, load_cpu = two_cpus()
    with Environment(workers=1) as environment, gunicorn(server_cpu) as baseline:
        plain = environment.with_channel(environment.start(server_cpu))
        environment.admin('zato.config.apply', {'changes': _channel()})
        rich = replace(plain, name='zato, rich', path=_PATH, headers=basic_auth())
        rounds = measure([rich, plain, baseline], options, load_cpu)
    report.add(
        ratio(rounds, rich.name, GUNICORN, must=2.2, aim=3.2),
        ratio(rounds, rich.name, plain.name),
    )
    add_rates(report, NAME, rounds)


def _channel() -> list[dict[str, object]]:
    """The definition is there already: that of the plain channel."""
    return [
        {'action': 'create', 'kind': 'security_group', 'name': _GROUP, 'members': ['bench']},
        {
            'action': 'create',
            'kind': 'channel_rest',
            'name': _PATH,
            'url_path': _PATH,
            'service': 'helpers.echo',
            'data_format': 'json',
            'security_groups': [_GROUP],
            'is_rate_limit_active': True,
            'rate_limit_def': _LIMIT,
            'is_audit_log_received_active': True,
            'is_audit_log_sent_active': True,
        },
    ]
