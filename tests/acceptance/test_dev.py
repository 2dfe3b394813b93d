"""`zato dev`: a server to write services with, on the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.support.debugger import Debugger
from tests.support.environment import PATIENCE, ZATO, Environment
from tests.support.ports import free_ports

SERVICE = """
from zato.server.service import Service

class Fail(Service):
    name = 'my.fail'

    def handle(self):
        secret_number = len(self.request.payload['text'])
        raise ValueError('the reason')
"""


class Terminal:
    """What `zato dev` prints, read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.lines: list[str] = []

    def wait_for(self, text: str) -> str:
        assert self._process.stdout is not None
        while text not in (self.lines or [''])[-1]:
            self.lines.append(self._process.stdout.readline())
            assert self.lines[-1], ''.join(self.lines)
        return self.lines[-1]


@contextmanager
def running(*arguments: str | Path, env: dict[str, str] | None = None) -> Iterator[Terminal]:
    process = subprocess.Popen(
        [ZATO, 'dev', *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, **(env or {})},
    )
    try:
        terminal = Terminal(process)
        terminal.wait_for('Started server1')
        yield terminal
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_clients_get_the_traceback_with_lines_of_the_source_and_nothing_is_interrupted(tmp_path: Path) -> None:
    environment = Environment(tmp_path / 'qs-1', workers=2, servers=2)
    created = environment.server.server_conf
    created.write_text(created.read_text().replace('gunicorn_timeout=120', 'gunicorn_timeout=1'))
    with running(environment.path, '--debug-port', '0'):
        assert len(environment.info()['workers']) == 1
        assert environment.server.address.read_text().startswith('127.0.0.1:'), 'others must not see tracebacks'
        assert environment.processes(1) == [], 'the first server alone'
        assert environment.deploy('my.py', SERVICE).code == 0
        path = environment.server.services / 'my.py'
        answer = environment.invoke('my.fail', {'text': 'abc'})
        assert answer.status == 500
        details = answer.json['details']
        assert details[-1] == 'ValueError: the reason'
        at = next(i for i, line in enumerate(details) if f'File "{path}", line 9, in handle' in line)
        assert details[at + 1].strip() == "raise ValueError('the reason')"
        deployed = environment.deploy(
            'frozen.py',
            'import time\nfrom gevent.monkey import get_original\nfrom zato.server.service import Service\n'
            'class Frozen(Service):\n    def handle(self):\n        get_original("time", "sleep")(3)\n'
            '        self.response.payload = "still there"\n',
        )
        assert deployed.code == 0, deployed.err
        assert environment.invoke('frozen.frozen').body == b'still there'
    environment.start(server=0)
    assert environment.invoke('my.fail', {'text': 'abc'}).json['details'] == 'An error has occurred'
    environment.stop(0)
    environment.close()


def test_a_debugger_attaches_and_stops_at_a_breakpoint_in_a_service(tmp_path: Path) -> None:
    environment = Environment(tmp_path / 'qs-1')
    path = environment.save('my.py', SERVICE)
    port = free_ports()
    with running(environment.path, '--debug-port', str(port)), ThreadPoolExecutor(1) as pool:
        debugger = Debugger(port)
        debugger.run_to(str(path), 9)
        answer = pool.submit(environment.invoke, 'my.fail', {'text': 'abc'})
        thread = debugger.stopped_thread()
        assert debugger.evaluate(thread, 'secret_number') == '3'
        debugger.go_on(thread)
        assert answer.result(PATIENCE).status == 500
        debugger.close()
    environment.close()


def test_an_environment_is_created_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / 'new'
    with running(path, '--debug-port', '0', env={'Zato_Config_Bind_Port': '0'}) as terminal:
        assert any('Deployed 3 service(s)' in line for line in terminal.lines)
    assert (path / 'zato-qs-start.sh').exists()
