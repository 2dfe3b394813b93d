"""IDs of messages and keys of subscriptions."""

from __future__ import annotations

import re

from zato.common.pubsub.ids import MessageIDs, may_be_id, new_sub_key


def test_ids_of_messages_differ_and_begin_with_the_time() -> None:
    ids = MessageIDs(lambda: 0x123_4567_89AB * 1_000_000 + 999_999)
    made = [ids.new() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(re.fullmatch(r'zpsm123456789ab[0-9a-f]{13}', id) for id in made)


def test_the_digits_are_as_many_in_whatever_year() -> None:
    for now in (0, 4_102_444_800 * 10**9, 2 * 4_102_444_800 * 10**9):
        assert re.fullmatch(r'zpsm[0-9a-f]{24}', MessageIDs(lambda now=now: now).new())


def test_the_counter_begins_anew_without_growing() -> None:
    ids = MessageIDs(lambda: 0)
    ids._count = iter([0xFFFFF, 0x100000]).__next__
    assert [ids.new()[-5:], ids.new()[-5:]] == ['fffff', '00000']


def test_processes_at_the_same_moment_make_other_ids() -> None:
    assert len({MessageIDs(lambda: 0).new()[:-5] for _ in range(50)}) == 50


def test_keys_say_what_the_subscriber_is_and_cannot_be_guessed() -> None:
    for given, said in (('rest', 'rest'), ('service', 'srv'), ('wsx', 'wsx')):
        keys = {new_sub_key(given) for _ in range(100)}
        assert len(keys) == 100
        assert all(re.fullmatch(rf'zpsk\.{said}\.[0-9a-f]{{24}}', key) for key in keys)


def test_ids_are_what_can_be_printed() -> None:
    assert all(map(may_be_id, ('zpsm1', 'żółć 😀', '')))
    assert not any(map(may_be_id, ('a\0', '\ud800', 5)))
