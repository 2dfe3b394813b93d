"""`zato.service.upload-package` and `.get-deployment-list`: files that are deployed, and what came of those that were."""

from __future__ import annotations

import binascii
import logging
from base64 import b64decode
from dataclasses import asdict
from typing import Any, ClassVar

from zato.common.config.kind import Role
from zato.common.exception import BadRequest, DeploymentError
from zato.server.admin_api.context import AdminService
from zato.server.admin_api.service_modules import reached, shown_version
from zato.server.deploy.upload import Uploaded

logger = logging.getLogger(__name__)


class UploadPackage(AdminService):
    """Deploy `payload`, base64 of a module's text, as the file `payload_name` of this server's pickup folder.

    `is_ok` says whether that could be done. If not, `error`, `line` and `details` say why, nothing has changed, and no file
    has been written. If so, the file is in the folder, and the rest says which version it is, and which workers have it.
    """

    def handle(self) -> None:
        name, source = self._name(), self._source()
        try:
            uploaded = self.context.uploads.upload(name, source, self.actor)
        except DeploymentError as e:
            logger.warning(
                '%s, which %s has uploaded, is not deployed: %s (cid: %s)',
                name,
                self.actor.name,
                e.msg,
                self.cid,
                extra={'action': 'deploy.refused', 'cid': self.cid},
            )
            self.response.payload = {'is_ok': False, 'error': e.msg, 'path': e.path, 'line': e.line, 'details': e.details}
            return
        self.response.payload = {'is_ok': True, 'error': '', **self._deployed(uploaded)}

    def _name(self) -> str:
        name = self.require('payload_name')
        if not isinstance(name, str):
            raise BadRequest(self.cid, '`payload_name` must be text', needs_msg=True)
        return name

    def _source(self) -> bytes:
        encoded = self.request.input.get('payload')
        if not isinstance(encoded, str):
            raise BadRequest(self.cid, 'Element missing: payload', needs_msg=True)
        try:
            return b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest(self.cid, 'Element payload is not base64', needs_msg=True) from None

    def _deployed(self, uploaded: Uploaded) -> dict[str, Any]:
        versions = self.context.modules.versions_of(uploaded.module)
        version = next(item for item in versions if item.sha256 == uploaded.sha256)
        outcome = self.context.configuration.wait_for(uploaded.event or version.revision)
        return {
            **shown_version(version),
            'is_changed': uploaded.event > 0,
            'warnings': list(uploaded.warnings),
            **reached(outcome),
        }


class GetDeploymentList(AdminService):
    """The files that this server deploys from, and what came of each: `path`, `module`, `state`, `error`, `warnings`,
    `saved`, `deployed`, `number`.

    state: `deployed`; `refused`, `error` says why; `pending`, not looked at yet; `replaced`, another version of its module
    is active; `undeployed`, none is; `gone`, but still served.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        self.response.payload = [asdict(item) for item in self.context.pickup.files()]
