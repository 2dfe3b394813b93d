"""Rate limits of requests to REST channels: which objects' limits count, in which order, and what clients are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.rate_limits import Now, limited
from tests.unit.channel.rest import REST, Answer, request, service
from zato.common.exception import HTTPException, NotFound, Unauthorized
from zato.server.channel.builtin import builtin_channels
from zato.server.security.principal import Principal
from zato.server.security.rate_limit.limits import ApproximateCounter, RateLimits
from zato.server.service.channel_info import OPEN, ChannelInfo, ChannelSecurityInfo

OWN, MEMBER, CHANNEL, SERVICE = 1, 2, 3, 4
HERE = '127.0.0.1'  #: whom requests come from


class Auth:
    """Lets in whoever sends `Authorization: in`, as a member of a group or by the channel's own definition."""

    def __init__(self, definition: int) -> None:
        self._principal = Principal('alice', 'viewer', definition)

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        return self._principal if headers.get(b'authorization') == b'in' else None

    def refusal(self, path: bytes, cid: str) -> HTTPException:
        return Unauthorized(cid, 'Unauthorized')


class Place:
    """A channel with a definition of its own, a group, and limits."""

    def __init__(self, *, own: int = OWN, found: int = OWN, **options: Any) -> None:
        self.limits = RateLimits(approximate=ApproximateCounter(Now()))
        info = ChannelInfo(id=CHANNEL, name='c', security=ChannelSecurityInfo(id=own) if own else OPEN)
        self.rest = REST(pipeline={'limits': self.limits}, info=info, security=Auth(found), **options)

    def limit(self, id: int, rules: str) -> None:
        kind = 'service' if id == SERVICE else 'channel_rest'
        self.limits.put(limited(rules, id=id, kind=kind, name='my.service'))

    def ask(self, body: bytes = b'', **headers: str) -> Answer:
        return self.rest.ask(body, **{'authorization': 'in', **headers})

    def statuses(self, number: int) -> list[int]:
        return [self.ask().status for _ in range(number)]

    def refused_early(self, **headers: str) -> int:
        """The status that a request with a long body is answered with before the body was read; 0 if it is read."""
        refused = self.rest.pipeline.refuse(request(b'', b'/a', **{'authorization': 'in', **headers}))
        return refused.status if refused is not None else 0


def test_a_client_is_told_that_there_were_too_many_and_when_to_come_back() -> None:
    place = Place()
    place.limit(CHANNEL, '*=1/h')
    assert place.ask().status == 200
    answer = place.ask()
    assert (answer.status, answer.details) == (429, 'Error 429 Too Many Requests')
    assert answer.header('Retry-After') == '3600'
    assert len(place.rest.seen) == 1


def test_a_client_whose_address_is_not_listed_is_told_so() -> None:
    place = Place()
    place.limit(CHANNEL, '10.0.0.0/8=1/h')
    answer = place.ask()
    assert (answer.status, answer.details) == (403, 'Error 403 Forbidden')
    assert answer.header('Retry-After') is None


@pytest.mark.parametrize('limited_by', [OWN, CHANNEL, SERVICE])
def test_each_of_definition_channel_and_service_may_have_limits(limited_by: int) -> None:
    place = Place()
    place.limit(limited_by, '*=2/m')
    assert place.statuses(3) == [200, 200, 429]


def test_the_definition_counts_first_then_the_channel_then_the_service() -> None:
    place = Place()
    for id, rate in [(OWN, 4), (CHANNEL, 3), (SERVICE, 2)]:
        place.limit(id, f'{HERE}={rate}/m')
    counts = [place.limits._limiters[id].tallies[0] for id in (OWN, CHANNEL, SERVICE)]
    assert place.statuses(5) == [200, 200, 429, 429, 429]
    assert [tally.count for tally in counts] == [4, 3, 2]


def test_where_a_group_lets_in_the_member_counts_and_so_does_the_channels_own_definition() -> None:
    place = Place(own=OWN, found=MEMBER)
    place.limit(MEMBER, '*=2/m')
    assert place.statuses(3) == [200, 200, 429]
    place.limit(MEMBER, '*=100/h')
    place.limit(OWN, '*=1/m')
    assert place.statuses(2) == [200, 429]

    alone = Place(own=0, found=MEMBER)
    alone.limit(MEMBER, '*=1/m')
    assert alone.statuses(2) == [200, 429]


def test_requests_without_credentials_count_for_nobody() -> None:
    place = Place()
    for id in (OWN, CHANNEL, SERVICE):
        place.limit(id, '*=1/m')
    for _ in range(3):
        assert place.ask(authorization='out').status == 401
    assert place.statuses(2) == [200, 429]


def test_requests_count_for_the_channel_whatever_is_wrong_with_the_rest() -> None:
    def resolve(params: dict[str, str], cid: str) -> Any:
        raise NotFound(cid, 'inactive')

    place = Place(resolve=resolve)
    place.limit(CHANNEL, '*=2/m')
    assert place.statuses(3) == [404, 404, 429]
    broken = Place()
    broken.limit(CHANNEL, '*=1/m')
    assert [broken.ask(b'{').status for _ in range(2)] == [400, 429]


def test_too_many_requests_are_refused_before_their_bodies_are_read_and_none_counts_twice() -> None:
    place = Place()
    place.limit(OWN, '*=2/m')
    place.limit(CHANNEL, f'{HERE}=2/m')
    assert [place.refused_early() for _ in range(5)] == [0] * 5
    assert place.statuses(2) == [200, 200]
    assert place.refused_early() == 429
    place.limit(CHANNEL, '10.0.0.0/8=1/m')
    place.limits.remove(limited('', id=OWN))
    assert place.refused_early() == 403
    assert place.refused_early(authorization='out') == 401


def test_a_service_has_one_count_for_all_channels_and_none_for_calls_between_services() -> None:
    place = Place(path='/b/{c}')
    place.rest.routes.add(place.rest.channel('/a', name='other'))
    place.limit(SERVICE, '*=3/m')
    asked = [place.rest.ask(b'', target, authorization='in').status for target in (b'/a', b'/b/1', b'/a', b'/b/1')]
    assert asked == [200, 200, 200, 429]

    def handle(self: Any) -> None:
        self.response.payload = self.invoke('my.service')

    caller = service(handle, 'caller')
    place.rest.invoker.store.swap({'n': {'caller': caller}})
    place.rest.routes.add(place.rest.channel('/caller', name='caller', service=caller))
    assert place.rest.ask(b'', b'/caller').status == 200


def test_what_administrators_put_limits_right_with_has_none() -> None:
    channels = builtin_channels(Place().rest.invoker.store, Auth(0), Auth(0), frozenset())
    assert [channel.name for channel in channels if not channel.is_limited] == ['admin.invoke.json']
