"""Imports modules where they can do no harm: in a child of a process that waits for nothing else.

The checker is forked from the arbiter once everything is imported and before there are threads, so a child of it costs 2 ms
and has what a worker has. The child imports and answers with declarations as data; if it hangs or dies, that is the answer.
"""

from __future__ import annotations

import ctypes
import json
import linecache
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.util import decode_source
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

from gevent import monkey, reinit

from zato.common import ipc
from zato.common.exception import DeploymentError, IPCError
from zato.server.deploy.loader import (
    ModuleLoader,
    Source,
    class_lines,
    compile_services,
    import_name,
    imported_names,
    is_shadowed,
    service_classes,
)
from zato.server.deploy.versions import ServiceDeclaration
from zato.server.service.compiled import CompileOptions, has_handler

if TYPE_CHECKING:
    from types import ModuleType

logger = logging.getLogger(__name__)

SOCKET_NAME = 'checker.sock'
_TRIES = 3
_PATIENCE = 5.0  #: seconds that a caller may take over each part of its request
_PR_SET_PDEATHSIG = 1
_CRASHES = {signal.SIGSEGV: 'crashed the interpreter', signal.SIGABRT: 'aborted the interpreter'}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a module turned out to be. without_handler: (class, line) of services that handle nothing.

    imports: names of all modules that its import statements may refer to.
    """

    module: str
    services: tuple[ServiceDeclaration, ...] = ()
    without_handler: tuple[tuple[str, int], ...] = ()
    imports: tuple[str, ...] = ()
    is_shadowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a module cannot be deployed. line: 0 if unknown. missing: the module that could not be imported."""

    path: str
    error: str
    line: int = 0
    details: str = field(default='', repr=False)
    missing: str = ''
    is_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleText:
    """A module to import. text_path: the file that its text is in, a copy of the user's."""

    module: str
    path: str
    text_path: str


def check(directory: Path, changed: list[ModuleText], others: list[ModuleText], timeout: float) -> list[Checked]:
    """Ask the checker. changed: imported, in this order; others: may be imported by them. timeout: seconds.

    Raises CheckFailed, IPCError.
    """
    request = {
        'changed': [asdict(item) for item in changed],
        'others': [asdict(item) for item in others],
        'limit': timeout,
    }
    answer = _ask(directory / SOCKET_NAME, timeout + 5, request)
    if 'failure' in answer:
        raise CheckFailed(Failure(**answer['failure']))
    return [
        Checked(
            module=item['module'],
            services=tuple(ServiceDeclaration(**service) for service in item['services']),
            without_handler=tuple((name, line) for name, line in item['without_handler']),
            imports=tuple(item['imports']),
            is_shadowed=item['is_shadowed'],
        )
        for item in answer['checked']
    ]


def _ask(path: Path, timeout: float, request: dict[str, Any]) -> Any:
    """The checker's answer, or that of one that took its place meanwhile."""
    for _ in range(_TRIES - 1):
        try:
            return ipc.call(path, 'check', timeout=timeout, **request)
        except IPCError as e:
            if isinstance(e.__cause__, TimeoutError):
                raise
    return ipc.call(path, 'check', timeout=timeout, **request)


class CheckFailed(DeploymentError):
    """A module cannot be imported"""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error, path=failure.path, line=failure.line, details=failure.details)
        self.missing = failure.missing
        self.is_late = failure.is_late


def listen(directory: Path) -> socket:
    """The checker's socket. The arbiter makes it and keeps it, so that a call made while a checker is replaced waits."""
    path = directory / SOCKET_NAME
    path.unlink(missing_ok=True)
    listener: socket = monkey.get_original('socket', 'socket')(AF_UNIX, SOCK_STREAM)
    listener.bind(os.fspath(path))
    listener.listen(8)
    return listener


def serve(listener: socket, is_parent_alive: Callable[[], bool], options: CompileOptions | None = None) -> NoReturn:
    """The checker's own loop; the process ends with it. Everything here blocks, for there is nothing else to do."""
    die_with_parent(signal.SIGKILL)
    for sig in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD):
        signal.signal(sig, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while is_parent_alive():
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(_PATIENCE)
            try:
                request = ipc.receive_message(connection)
                if request is not None:
                    ipc.send_message(connection, {'result': _answer(request, options)})
            except (OSError, IPCError) as e:
                logger.warning('The checker could not answer: %s', e)
    os._exit(0)


def die_with_parent(sig: signal.Signals) -> None:
    """Have the kernel send `sig` to this process when its parent ends, however it ends (Linux only)."""
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)


def _answer(request: dict[str, Any], options: CompileOptions | None) -> dict[str, Any]:
    """Run one check in a child of its own, kept to its time."""
    for item in [*request['changed'], *request['others']]:
        import_name(item['module'])  # remembered here, it need not be found out in each child
    reading, writing = os.pipe()
    pid = monkey.get_original('os', 'fork')()
    if pid == 0:
        os.close(reading)
        _run_child(request, writing, options)
    os.close(writing)
    try:
        data, is_late = _read_all(reading, request['limit'])
    finally:
        os.close(reading)
        _kill_group(pid)
    _, status = monkey.get_original('os', 'waitpid')(pid, 0)
    if is_late:
        return _failure(request, f'importing it took longer than {request["limit"]:g} s', is_late=True)
    try:
        answer: dict[str, Any] = json.loads(data)
    except ValueError:
        return _failure(request, _how_it_ended(status))
    return answer


def _read_all(fd: int, limit: float) -> tuple[bytes, bool]:
    select = monkey.get_original('select', 'select')
    end = monotonic() + limit
    pieces: list[bytes] = []
    while True:
        ready, _, _ = select([fd], [], [], max(0.0, end - monotonic()))
        if not ready:
            return b''.join(pieces), True
        data = os.read(fd, 65_536)
        if not data:
            return b''.join(pieces), False
        pieces.append(data)


def _kill_group(pid: int) -> None:
    """The child has said what it had to; whatever it started must not stay either."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _how_it_ended(status: int) -> str:
    if os.WIFSIGNALED(status):
        sig = os.WTERMSIG(status)
        name = signal.Signals(sig).name
        return f'importing it {_CRASHES.get(signal.Signals(sig), "ended the process")} ({name})'
    return f'importing it ended the process with exit code {os.WEXITSTATUS(status)}'


def _failure(request: dict[str, Any], error: str, *, is_late: bool = False) -> dict[str, Any]:
    return {'failure': asdict(Failure(path=request['changed'][0]['path'], error=error, is_late=is_late))}


def _run_child(request: dict[str, Any], writing: int, options: CompileOptions | None) -> NoReturn:
    os.setpgid(0, 0)
    die_with_parent(signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    try:
        reinit()
        encode = json.JSONEncoder().encode  # of our own, whatever the module does to `json.dumps`
        try:
            data = memoryview(encode(_import_all(request, options)).encode())
        except BaseException as e:  # an unreadable text, an exception that cannot be printed
            data = memoryview(encode(_failure(request, f'it could not be checked: {type(e).__name__}')).encode())
        while data:
            data = data[os.write(writing, data) :]
    finally:
        os._exit(0)


def _import_all(request: dict[str, Any], options: CompileOptions | None) -> dict[str, Any]:
    loader = ModuleLoader()
    loader.install()
    changed = [ModuleText(**item) for item in request['changed']]
    sources = {
        item.path: Source(item.module, item.path, Path(item.text_path))
        for item in [*changed, *(ModuleText(**other) for other in request['others'])]
    }
    loader.offer(sources.values())
    checked = []
    for item in changed:
        source = sources[item.path]
        try:
            module = loader.import_offered(source)
            checked.append(asdict(_describe(module, source, options)))
        except BaseException as e:  # whatever users' code raises, SystemExit included, is the answer
            _remember_lines([sources[other.path] for other in changed])
            return {'failure': asdict(describe_error(e, item.path))}
    return {'checked': checked}


def _remember_lines(sources: Iterable[Source]) -> None:
    """Of what was imported, for tracebacks; other lines may lie at its path."""
    for source in sources:
        with suppress(OSError, SyntaxError, UnicodeDecodeError):
            lines = decode_source(source.text).splitlines(keepends=True)
            linecache.cache[source.path] = len(source.text), None, lines, source.path


def _describe(module: ModuleType, source: Source, options: CompileOptions | None) -> Checked:
    lines = class_lines(source.text)
    services = compile_services(module, source.module, source.path, options)
    bases = {base for cls in service_classes(module) for base in cls.__mro__[1:]}
    return Checked(
        module=source.module,
        services=tuple(
            ServiceDeclaration(name, item.cls.__name__, lines.get(item.cls.__name__, 0)) for name, item in services.items()
        ),
        without_handler=tuple(
            (cls.__name__, lines.get(cls.__name__, 0))
            for cls in service_classes(module)
            if not has_handler(cls) and cls not in bases
        ),
        imports=tuple(sorted(imported_names(source))),
        is_shadowed=import_name(source.module) != source.module and is_shadowed(source.module),
    )


def _traceback_from(e: BaseException, path: str) -> str:
    """The traceback without what called the user's code; of a syntax error, the line itself."""
    tb = e.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename != path:
        tb = tb.tb_next
    return ''.join(traceback.format_exception(type(e), e, tb) if tb else traceback.format_exception_only(e))


def describe_error(e: BaseException, path: str) -> Failure:
    """What went wrong while importing, with the file and line that are the user's."""
    details = _traceback_from(e, path)
    if isinstance(e, SyntaxError):
        return Failure(path=e.filename or path, line=e.lineno or 0, error=f'{type(e).__name__}: {e.msg}', details=details)
    if isinstance(e, DeploymentError):
        return Failure(path=e.path or path, line=e.line, error=e.msg.removeprefix(f'{e.path}: '), details='')
    frames = [frame for frame in traceback.extract_tb(e.__traceback__) if frame.filename == path]
    missing = e.name or '' if isinstance(e, ImportError) else ''
    error = f'{type(e).__name__}: {e}' if str(e) else type(e).__name__
    return Failure(path=path, line=frames[-1].lineno or 0 if frames else 0, error=error, details=details, missing=missing)
