"""Security groups: many definitions, any of which lets a client in. Requests cost the same however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zato.common.exception import BadRequest, Forbidden, HTTPException
from zato.server.security.apikey import APIKeyAuth, key_digest
from zato.server.security.basic_auth import HEADER, BasicAuth, basic_digest, plain_of
from zato.server.security.definitions import Authenticator
from zato.server.security.principal import Principal


class Group:
    """Definitions of one group by a digest of what clients send; of two that want the same, the first counts."""

    def __init__(self, members: Iterable[BasicAuth | APIKeyAuth]) -> None:
        self.by_digest: dict[bytes, Principal] = {}
        self.key_headers: set[bytes] = set()  #: that API keys are in, in lower case
        for member in members:
            if isinstance(member, APIKeyAuth):
                self.key_headers.add(member.header_name)
            if member.digest:
                self.by_digest.setdefault(member.digest, member.principal)


class Groups:
    """By ID. Those that are down are not there."""

    def __init__(self) -> None:
        self._by_id: dict[int, Group] = {}

    def get(self, id: int) -> Group:
        """One that nobody is in where there is none."""
        return self._by_id.get(id) or Group(())

    def put(self, id: int, group: Group) -> None:
        self._by_id[id] = group

    def remove(self, id: int) -> None:
        self._by_id.pop(id, None)


class GroupAuth:
    """Lets in the members of any of some groups. own: the channel's own definition, which has to let them in, too."""

    def __init__(self, groups: Sequence[Group], own: Authenticator | None) -> None:
        self._groups = tuple(group.by_digest for group in groups)
        self._key_headers = frozenset[bytes]().union(*(group.key_headers for group in groups))
        self._own = own

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """None if the channel's own definition refuses; raises Forbidden where no group lets the client in.

        Raises BadRequest for a user name beside an API key, unless one of them may be there for the own definition.
        """
        if self._own is not None and self._own.identify(headers) is None:
            return None
        keys = self._key_headers & headers.keys()
        plain = plain_of(headers.get(HEADER, b''))
        if plain is not None and keys - {HEADER} and self._own is None:
            raise BadRequest()
        digests = [key_digest(header, headers[header]) for header in keys]
        if plain is not None:
            digests.append(basic_digest(plain))
        for by_digest in self._groups:
            for digest in digests:
                found = by_digest.get(digest)
                if found is not None:
                    return found
        raise Forbidden()

    def refusal(self, path: bytes, cid: str) -> HTTPException:
        return self._own.refusal(path, cid) if self._own is not None else Forbidden(cid)
