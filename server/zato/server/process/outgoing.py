"""What outgoing connections of one worker are made with, and how its services reach them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from zato.server.channel.format.json import to_json
from zato.server.channel.format.plain import text
from zato.server.connection.rest.codecs import Codecs, Surroundings
from zato.server.http.content_type import charset_of
from zato.server.http.json import decode
from zato.server.service.call import CIDs
from zato.server.service.facade.rest import RESTConnections
from zato.server.service.facade.rest_by_name import REST
from zato.server.service.facade.security import Security
from zato.server.service.simpleio.model import parse_model, parser_of

if TYPE_CHECKING:
    from zato.server.audit_log.recorder import Recorder
    from zato.server.config.objects import ConfigObjects
    from zato.server.connection.registry import OutgoingConnections
    from zato.server.process.settings import Settings
    from zato.server.service.facades import Facades


def make_surroundings(settings: Settings, recorder: Recorder) -> Surroundings:
    return Surroundings(
        repo=settings.directory.repo,
        component=f'zato/{quote(settings.name)}',
        codecs=make_codecs(),
        new_cid=CIDs().new,
        recorder=recorder,
    )


def make_codecs() -> Codecs:
    return Codecs(to_json=to_json, from_json=decode, text=text, charset=charset_of, to_model=_to_model)


def add_outgoing(
    facades: Facades, connections: OutgoingConnections, objects: ConfigObjects, environ: Mapping[str, str]
) -> None:
    """environ: of the server."""
    security = Security(connections, objects)
    facades.put('out.rest', lambda service: RESTConnections(connections, service))
    facades.put('out.soap', lambda service: RESTConnections(connections, service, is_soap=True))
    facades.put('rest', lambda service: REST(connections, service, environ))
    facades.put('security', lambda service: security)


def _to_model(cls: type[Any], data: Any) -> Any:
    return parse_model(parser_of(cls), data, None)
