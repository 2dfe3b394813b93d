"""JWT definitions: who logs in with a user name and a password is given a token, which each use makes live on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest

from zato.common.exception import HTTPException, ServiceUnavailable, Unauthorized
from zato.common.odb.database import ODBUnavailable
from zato.server.propagate.ledger import Actor
from zato.server.security.basic_auth import HEADER
from zato.server.security.digest import digest_of
from zato.server.security.principal import Principal
from zato.server.security.token_codec import LONGEST, Claims
from zato.server.security.tokens import Life, Tokens

_SCHEME = b'bearer'
_MOST_KNOWN = 10_000  #: tokens that a worker remembers of one definition


@dataclass(frozen=True, slots=True, kw_only=True)
class JWTDefinition:
    """One definition. ttl: seconds. stored_password: as the ODB has it, which differs each time that it is set."""

    id: int
    name: str
    username: str
    password: str = field(repr=False)
    stored_password: str = field(repr=False)
    ttl: float


class JWTAuth:
    """Lets in the clients of one definition. Tokens that were found to be right are remembered by their SHA-256."""

    def __init__(self, definition: JWTDefinition, tokens: Tokens) -> None:
        self.definition = definition
        username, password = definition.username, definition.password
        self.principal = Principal(username, 'viewer', definition.id)
        self.digest = digest_of(username.encode(), password.encode()) if password else b''
        self.version = tokens.codec.version_of(username, password, definition.stored_password)
        self._tokens = tokens
        self._monotonic = tokens.clock.monotonic
        self._known: OrderedDict[bytes, Life] = OrderedDict()
        self._forgotten = 0  # how often all was

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """None if there is no token of this definition, or its life is over. Raises ServiceUnavailable without the ODB."""
        token = token_of(headers)
        if not token:
            return None
        digest = sha256(token).digest()
        life = self._known.get(digest)
        now = self._monotonic()
        if life is None or life.is_over(now):
            life = self._read(token, digest)
            if life is None:
                return None
        else:
            self._known.move_to_end(digest)
            life.used = now
        if life.ends - now < life.enough:
            self._tokens.prolong(life)
        return self.principal

    def refusal(self, path: bytes, cid: str) -> HTTPException:
        return unauthorized(path.decode('utf-8', 'replace'), cid)

    def forget(self) -> None:
        """Read of each token anew: one of them has ended."""
        self._known.clear()
        self._forgotten += 1

    def gave(self, claims: Claims) -> bool:
        """Was the token given by this definition, as it is now?"""
        is_same = compare_digest(claims.version.encode(), self.version.encode())
        return is_same and claims.definition == self.definition.id and claims.username == self.definition.username

    def _read(self, token: bytes, digest: bytes) -> Life | None:
        claims = self._tokens.codec.decode(token)
        if claims is None or not self.gave(claims):
            return None
        forgotten = self._forgotten
        try:
            life = self._tokens.life_of(claims, self.definition.ttl)
        except ODBUnavailable:
            raise unavailable() from None
        if life is None:
            self._known.pop(digest, None)
            return None
        if self._forgotten != forgotten:
            return life  # it may have ended since; that is for the next request to find out
        self._known[digest] = life
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return life


class LogIns:
    """The definitions of a worker that clients can log in to."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self._by_id: dict[int, JWTAuth] = {}
        self._by_digest: dict[bytes, JWTAuth] = {}
        self._by_username: dict[str, JWTAuth] = {}

    def put(self, auth: JWTAuth) -> None:
        self._by_id[auth.definition.id] = auth
        self._by_username[auth.definition.username] = auth
        if auth.digest:
            self._by_digest[auth.digest] = auth

    def remove(self, definition: int) -> None:
        auth = self._by_id.pop(definition, None)
        if auth is not None:
            username = auth.definition.username
            if self._by_username.get(username) is auth:
                del self._by_username[username]
            if self._by_digest.get(auth.digest) is auth:
                del self._by_digest[auth.digest]

    def forget(self, definition: int) -> None:
        """Whatever is known of its tokens. Without effect if there is none, or it is not active."""
        auth = self._by_id.get(definition)
        if auth is not None:
            auth.forget()

    def definition_of(self, username: str) -> int:
        """The ID of the one that has this user name, 0 if there is none."""
        found = self._by_username.get(username)
        return found.definition.id if found is not None else 0

    def log_in(self, username: str, password: str) -> str | None:
        """A new token; None if the credentials are wrong, or no longer right, which takes as long whichever is wrong.

        Raises ServiceUnavailable.
        """
        auth = self._by_digest.get(digest_of(_bytes(username), _bytes(password)))
        if auth is None:
            return None
        definition = auth.definition
        try:
            return self.tokens.give(definition.username, definition.id, auth.version, definition.ttl)
        except ODBUnavailable:
            raise ServiceUnavailable(msg='No token can be given: the database does not answer; try again later') from None

    def log_out(self, headers: Mapping[bytes, bytes]) -> int:
        """End the token in these headers. Returns the event by which all workers learn of it, 0 for what is no valid token.

        Raises ServiceUnavailable.
        """
        claims = self.tokens.codec.decode(token_of(headers))
        auth = self._by_id.get(claims.definition) if claims is not None else None
        if claims is None or auth is None or not auth.gave(claims):
            return 0
        try:
            return self.tokens.end(claims, auth.definition.name, Actor(claims.username, ''))
        except ODBUnavailable:
            raise unavailable() from None


def token_of(headers: Mapping[bytes, bytes]) -> bytes:
    """That of an Authorization header with scheme Bearer (RFC 6750); b'' if there is none, or it is too long to be one."""
    header = headers.get(HEADER)
    if header is None or len(header) > LONGEST:
        return b''
    scheme, _, token = header.partition(b' ')
    return token.strip() if scheme.lower() == _SCHEME else b''


def unauthorized(path: str, cid: str) -> Unauthorized:
    """What clients without a valid token are told. path: of the request."""
    return Unauthorized(cid, f'Unauthorized; path={path}; cid={cid}', 'JWT')


def unavailable() -> ServiceUnavailable:
    return ServiceUnavailable(
        msg='It cannot be told whether the token is valid: the database does not answer; try again later'
    )


def _bytes(text: str) -> bytes:
    return text.encode('utf-8', 'surrogatepass')  # JSON may have half a character
