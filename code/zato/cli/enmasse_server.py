"""What `zato enmasse` asks of a server."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from http.client import BAD_REQUEST, CONFLICT, NOT_FOUND, REQUEST_ENTITY_TOO_LARGE
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from zato.cli import component
from zato.cli.error import FAILED, TIMEOUT, CommandError
from zato.client.admin import ServerError, ServerUnreachable

_PATIENCE: Final = 600.0  #: seconds that a large import may take
_PAUSE: Final = 0.5  #: seconds between two looks
_REFUSED: Final = (BAD_REQUEST, CONFLICT, NOT_FOUND)


class EnmasseServer:
    """A running server, or one of an environment."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def wait(self, seconds: float) -> None:
        """Until the server answers. Raises CommandError if it does not in that time."""
        component.servers_of(self._path)  # what is no server need not be waited for
        end = monotonic() + seconds
        while True:
            try:
                server = component.running_server(self._path)
                component.client_of(server, timeout=min(5.0, seconds)).get('/zato/ping')
                return
            except (CommandError, ServerUnreachable) as e:
                if monotonic() > end:
                    raise CommandError(f'{e}; it was waited for for {seconds:g} s', TIMEOUT) from None
            sleep(_PAUSE)

    def wait_for_services(self, names: Collection[str], seconds: float) -> None:
        """Until all of them are deployed; whether those that are not then matter, the server says."""
        end = monotonic() + seconds
        while names and seconds:
            deployed = {item['name'] for item in self._call('zato.service.get-list') if item['is_deployed']}
            if deployed.issuperset(names) or monotonic() > end:
                return
            sleep(_PAUSE)

    def export(self) -> list[dict[str, Any]]:
        """Objects as zato.config.export has them."""
        found: list[dict[str, Any]] = self._call('zato.config.export', {})['objects']
        return found

    def plan(self, changes: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """What the changes would do. Raises CommandError if they are refused."""
        return self._change(changes, dry_run=True)

    def apply(self, changes: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Make the changes, all or none. Raises CommandError."""
        return self._change(changes, dry_run=False)

    def _change(self, changes: Sequence[dict[str, Any]], *, dry_run: bool) -> dict[str, Any]:
        request = {'changes': list(changes), **({'dry_run': True} if dry_run else {})}
        try:
            answer: dict[str, Any] = self._call('zato.config.apply', request)
        except ServerError as e:
            if e.http_status == REQUEST_ENTITY_TOO_LARGE:
                raise CommandError(
                    f'{e}; the file is imported whole or not at all, so server.conf must allow for it: [http] max_body',
                    FAILED,
                ) from None
            if e.http_status not in _REFUSED:
                raise
            raise CommandError(f'the server refuses it, and nothing was changed\n{e.details}', FAILED) from None
        return answer

    def _call(self, service: str, payload: Any = None) -> Any:
        """Raises CommandError, ServerError."""
        server = component.running_server(self._path)
        try:
            return component.client_of(server, timeout=_PATIENCE).invoke(service, payload)
        except ServerUnreachable as e:
            raise CommandError(
                f'{e}. Whether the change was made is not known: all of it was, or nothing. It can be asked for again; '
                f'see {server.server_log}'
                if service == 'zato.config.apply'
                else f'{e}; see {server.server_log}',
                FAILED,
            ) from None
