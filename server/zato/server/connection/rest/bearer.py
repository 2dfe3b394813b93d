"""Bearer tokens of one definition: asked for with client credentials (RFC 6749, 4.4), kept, renewed before they expire."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import gevent
import msgspec

from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.config.kinds.security_bearer_token import SecurityBearerToken
from zato.common.exception import CallFailed, CallTimeout, Inactive, RequestInvalid, TokenRefused, TokenUnavailable
from zato.server.connection.rest.headers import USER_AGENT
from zato.server.connection.rest.transport import Inbound, Outbound, Transport
from zato.server.connection.rest.url import form

logger = logging.getLogger(__name__)

_LIFETIME: Final = 60.0  #: seconds of a token of which nothing is known (source: classic Zato)
_FETCH_TIMEOUT: Final = 30.0  #: seconds that asking for a token may take
_MARGIN: Final = 30.0  #: seconds before its end at which a token is renewed, or a tenth of its life if that is more
_PAUSE: Final = 1.0  #: seconds between two attempts to renew a token that can still be used
_TOKEN: Final = re.compile(r'[\x21-\x7e]+').fullmatch
_ERRORS: Final = frozenset(  # RFC 6749, 5.2; anything else might repeat what was sent
    {'invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type', 'invalid_scope'}
)
_CONTENT_TYPES: Final = {'form': 'application/x-www-form-urlencoded', 'json': 'application/json'}


@dataclass(frozen=True, slots=True)
class _Token:
    """stale, expires: monotonic seconds."""

    value: str = field(repr=False)
    stale: float
    expires: float


class BearerTokens:
    """Keeps one token for each set of scopes. However many calls want one, it is asked for once."""

    def __init__(
        self,
        title: str,
        settings: SecurityBearerToken,
        transport: Transport,
        *,
        is_active: bool = True,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """title: of the definition. transport: to the authorization server, closed by `close`."""
        self.title = title
        self.settings = settings
        self._transport = transport
        self._is_active = is_active
        self._clock = clock
        self._tokens: dict[str, _Token] = {}
        self._fetches: dict[str, gevent.Greenlet[[str], _Token | TokenUnavailable]] = {}
        self._next_renewal = 0.0
        parts = urlsplit(settings.auth_server_url)
        self._server = f'{parts.scheme}://{parts.netloc}'

    def get(self, scopes: str = '', deadline: float | None = None) -> str:
        """A token that has not expired. scopes: '' for those of the definition. deadline: monotonic seconds.

        Raises Inactive, TokenUnavailable, TokenRefused, CallTimeout.
        """
        if not self._is_active:
            raise Inactive(msg=f'{self.title} is inactive')
        scopes = scopes or scopes_of(self.settings.scopes)
        now = self._clock.monotonic()
        token = self._tokens.get(scopes)
        if token is not None and now < token.expires:
            if now >= token.stale and now >= self._next_renewal and scopes not in self._fetches:
                self._next_renewal = now + _PAUSE
                self._start(scopes)
            return token.value
        return self._wait(self._fetches.get(scopes) or self._start(scopes), deadline, now)

    def drop(self, scopes: str, value: str) -> None:
        """The target does not accept a token any longer; another one is asked for next time."""
        scopes = scopes or scopes_of(self.settings.scopes)
        token = self._tokens.get(scopes)
        if token is not None and token.value == value:
            del self._tokens[scopes]

    def close(self) -> None:
        """Forget all tokens. Whoever waits for one still gets it."""
        self._tokens.clear()
        self._transport.close()

    def _start(self, scopes: str) -> gevent.Greenlet[[str], _Token | TokenUnavailable]:
        # In a greenlet of its own: the call that asks first may be cut off, and others wait for the same token.
        fetch = self._fetches[scopes] = gevent.Greenlet(self._fetch, scopes)
        fetch.start()
        return fetch

    def _wait(self, fetch: gevent.Greenlet[[str], _Token | TokenUnavailable], deadline: float | None, now: float) -> str:
        fetch.join(None if deadline is None else max(0.0, deadline - now))
        if not fetch.ready():
            raise CallTimeout(msg=f'{self.title}: {self._server} gave no token in time')
        outcome = fetch.value
        if isinstance(outcome, _Token):
            return outcome.value
        assert isinstance(outcome, TokenUnavailable)  # `_fetch` never raises
        raise type(outcome)(msg=outcome.msg) from outcome

    def _fetch(self, scopes: str) -> _Token | TokenUnavailable:
        asked = self._clock.monotonic()
        try:
            token = self._read(self._transport.send(self._request(scopes), asked + _FETCH_TIMEOUT), asked)
        except TokenUnavailable as e:
            return self._failed(e)
        except CallFailed as e:
            error = TokenUnavailable(msg=e.msg)
            error.__cause__ = e
            return self._failed(error)
        except Exception:
            logger.exception('%s: asking for a token failed', self.title, extra={'action': 'bearer.failed'})
            return TokenUnavailable(msg=f'{self.title}: asking for a token failed; the log of the server says why')
        finally:
            del self._fetches[scopes]
        self._tokens = {name: kept for name, kept in self._tokens.items() if asked < kept.expires}
        self._tokens[scopes] = token
        logger.debug('%s: new token, for %.0f s', self.title, token.expires - asked)
        return token

    def _failed(self, error: TokenUnavailable) -> TokenUnavailable:
        logger.warning('%s', error.msg, extra={'action': 'bearer.failed'})
        return error

    def _request(self, scopes: str) -> Outbound:
        settings = self.settings
        fields = {
            'grant_type': settings.grant_type,
            settings.client_id_field: settings.username,
            settings.client_secret_field: settings.password,
        }
        if scopes:
            fields['scope'] = scopes
        for line in filter(None, map(str.strip, settings.extra_fields.splitlines())):
            name, _, value = line.partition('=')
            fields[name.strip()] = value.strip()
        is_json = settings.data_format == 'json'
        body = (
            msgspec.json.encode(fields) if is_json else form(list(fields.items()), lambda name, value: str(value)).encode()
        )
        content_type = _CONTENT_TYPES[settings.data_format]
        headers = {'User-Agent': USER_AGENT, 'Accept': 'application/json', 'Content-Type': content_type}
        return Outbound(method='POST', url=settings.auth_server_url, headers=headers, body=body)

    def _read(self, inbound: Inbound, asked: float) -> _Token:
        """Raises TokenUnavailable, TokenRefused."""
        try:
            answer = msgspec.json.decode(inbound.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            answer = {}
        if not 200 <= inbound.status < 300:
            code = answer.get('error')
            words = f'{inbound.status} {code}' if isinstance(code, str) and code in _ERRORS else str(inbound.status)
            is_passing = inbound.status >= 500 or inbound.status in (408, 429)
            raise (TokenUnavailable if is_passing else TokenRefused)(
                msg=f'{self.title}: {self._server} answered {words} and gave no token'
            )
        value, kind = answer.get('access_token'), answer.get('token_type', 'bearer')
        if not isinstance(value, str) or not _TOKEN(value):
            raise TokenRefused(
                msg=f'{self.title}: {self._server} answered {inbound.status} without a token in `access_token`'
            )
        if not str(kind).lower().startswith('bearer'):
            raise TokenRefused(msg=f'{self.title}: {self._server} gave a token that is no bearer token')
        lifetime = self._lifetime(answer)
        margin = min(max(_MARGIN, lifetime / 10), lifetime / 2)
        return _Token(value, asked + lifetime - margin, asked + lifetime)

    def _lifetime(self, answer: Mapping[str, Any]) -> float:
        """Seconds."""
        try:
            if '.expires' in answer and 'expires_in' not in answer:
                end = parsedate_to_datetime(answer['.expires'])
                return max(0.0, (end - self._clock.utcnow()).total_seconds())
            lifetime = float(answer['expires_in'])
        except (KeyError, TypeError, ValueError):
            return _LIFETIME
        return lifetime if 0 <= lifetime < float('inf') else _LIFETIME


def scopes_of(given: Any) -> str:
    """As authorization servers are told: those of a text, one a line or with spaces between them, or of a list."""
    if isinstance(given, str):
        return ' '.join(given.split())
    if isinstance(given, list | tuple | set | frozenset) and all(isinstance(item, str) for item in given):
        return ' '.join(' '.join(given).split())
    raise RequestInvalid(msg=f'`auth_scopes` must be text or a list of texts, not {type(given).__name__}')
