"""`self.cache`: least recently used keys go first, expired ones are as if they had never been there."""

from __future__ import annotations

import gc
import re
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import HandClock
from zato.server.service.facade.cache import Cache, Caches


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def cache(clock: HandClock) -> Cache:
    return Cache(clock=clock)


def filled(*keys: Any, **options: Any) -> Cache:
    """Each key's value is the key with an exclamation mark."""
    made = Cache(**options)
    for key in keys:
        made.set(key, f'{key}!')
    return made


# Single keys


def test_what_was_set_is_got_and_what_was_not_is_the_default(cache: Cache) -> None:
    cache.set('a', {'b': [1]})
    assert cache.get('a') == {'b': [1]}
    assert cache.get('x') is None
    assert cache.get('x', 5) == 5


def test_setting_returns_the_value_before(cache: Cache) -> None:
    assert cache.set('a', 1) is None
    assert cache.set('a', 2) == 1
    assert cache.get('a') == 2


def test_a_value_that_is_none_is_there(cache: Cache) -> None:
    cache.set('a', None)
    assert cache.get('a', 'default') is None
    assert 'a' in cache


def test_deleting_returns_the_value_and_a_missing_key_is_an_error_if_wanted(cache: Cache) -> None:
    cache.set('a', 1)
    assert cache.delete('a') == 1
    with pytest.raises(KeyError, match='a'):
        cache.delete('a')
    assert cache.delete('a', raise_key_error=False) is None


def test_a_cache_is_used_as_a_dict_whose_missing_keys_are_none(cache: Cache) -> None:
    cache['a'], cache['b'] = 1, 2
    assert (cache['b'], cache['x'], 'b' in cache, 'x' in cache) == (2, None, True, False)
    assert (cache.keys(), cache.values(), cache.items()) == (['a', 'b'], [1, 2], [('a', 1), ('b', 2)])
    assert (len(cache), list(cache)) == (2, ['a', 'b'])
    del cache['a']
    with pytest.raises(KeyError):
        del cache['a']
    cache.clear()
    assert (len(cache), cache.get('b')) == (0, None)


@pytest.mark.parametrize('key', [None, 1.5, ('a',), object()])
def test_keys_of_other_kinds_are_refused(cache: Cache, key: Any) -> None:
    with pytest.raises(ValueError, match='A key is text, bytes or a whole number'):
        cache.set(key, 1)


@pytest.mark.parametrize('value', ['a' * 11, b'a' * 11])
def test_a_value_that_is_too_long_is_refused_and_the_one_before_stays(value: Any) -> None:
    cache = Cache(max_item_size=10)
    cache.set('a', value[:10])
    with pytest.raises(ValueError, match='too long: 11 > 10'):
        cache.set('a', value)
    assert cache.get('a') == value[:10]


def test_only_text_and_bytes_have_a_length() -> None:
    cache = Cache(max_item_size=1)
    cache.set('a', [1, 2, 3])
    cache.set('b', 10**100)
    assert len(cache) == 2
    Cache(max_item_size=0).set('a', 'x' * 100_000)


def test_by_default_there_is_room_for_10000_keys_of_10000_characters() -> None:
    cache = Cache()
    assert (cache.max_size, cache.max_item_size) == (10_000, 10_000)


@pytest.mark.parametrize('options', [{'max_size': 0}, {'max_item_size': -1}])
def test_a_cache_without_room_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match='max_size is at least 1'):
        Cache(**options)  # type: ignore[arg-type]  # one of the two


# Least recently used


def test_the_least_recently_used_key_makes_room() -> None:
    cache = filled('a', 'b', 'c', max_size=3)
    cache.get('a')
    cache.set('b', 'new')
    cache.set('d', 1)
    assert cache.keys() == ['a', 'b', 'd']


def test_looking_whether_a_key_is_there_does_not_use_it() -> None:
    cache = filled('a', 'b', max_size=2)
    assert 'a' in cache
    cache.expire('a', 60)
    cache.set('c', 1)
    assert cache.keys() == ['b', 'c']


@given(st.lists(st.tuples(st.sampled_from(['get', 'set', 'delete']), st.integers(0, 6)), max_size=60))
def test_a_cache_holds_what_a_list_in_order_of_use_would(steps: list[tuple[str, int]]) -> None:
    cache, model = Cache(max_size=3), dict[int, int]()
    for number, (step, key) in enumerate(steps):
        if step == 'set':
            assert cache.set(key, number) == model.pop(key, None)
            model[key] = number
        elif step == 'get':
            assert cache.get(key) == model.get(key)
            if key in model:
                model[key] = model.pop(key)
        else:
            assert cache.delete(key, raise_key_error=False) == model.pop(key, None)
        for old in list(model)[:-3]:
            del model[old]
        assert cache.items() == list(model.items())


# Expiry


@pytest.mark.parametrize(
    'look',
    [
        lambda cache: cache.get('a') is None,
        lambda cache: cache.get('a', 'default') == 'default',
        lambda cache: cache['a'] is None,
        lambda cache: 'a' not in cache,
        lambda cache: len(cache) == 0,
        lambda cache: cache.keys() == cache.values() == cache.items() == list(cache) == [],
        lambda cache: cache.set('a', 2) is None,
        lambda cache: cache.delete('a', raise_key_error=False) is None,
        lambda cache: cache.expire('a', 60) is False,
        lambda cache: cache.get_by_prefix('') == {},
        lambda cache: cache.set_by_prefix('', 1, return_found=True) == {},
        lambda cache: cache.delete_by_prefix('', return_found=True) == {},
        lambda cache: cache.expire_by_prefix('', 60) is False,
    ],
)
def test_an_expired_key_is_as_one_that_was_never_there(clock: HandClock, look: Callable[[Cache], bool]) -> None:
    cache = Cache(clock=clock)
    cache.set('a', 1, 10)
    clock.now += 9.9
    assert 'a' in cache
    clock.now += 0.1
    assert look(cache)


def test_deleting_an_expired_key_is_an_error(cache: Cache, clock: HandClock) -> None:
    cache.set('a', 1, 10)
    clock.now += 10
    with pytest.raises(KeyError):
        cache.delete('a')


@pytest.mark.parametrize(('extend', 'found'), [(True, 1), (False, None)])
def test_reading_a_key_begins_its_time_anew_if_so_configured(clock: HandClock, extend: bool, found: int | None) -> None:
    cache = Cache(extend_expiry_on_get=extend, clock=clock)
    cache.set('a', 1, 10)
    clock.now += 6
    cache.get('a')
    clock.now += 6
    assert cache.get('a') == found


@pytest.mark.parametrize(('extend', 'found'), [(True, 2), (False, None)])
def test_writing_a_key_begins_its_time_anew_if_so_configured(clock: HandClock, extend: bool, found: int | None) -> None:
    cache = Cache(extend_expiry_on_set=extend, clock=clock)
    cache.set('a', 1, 10)
    clock.now += 6
    cache.set('a', 2, 10)
    clock.now += 6
    assert cache.get('a') == found


@pytest.mark.parametrize('extend', [True, False])
def test_a_key_that_is_set_without_an_expiry_never_expires(clock: HandClock, extend: bool) -> None:
    cache = Cache(extend_expiry_on_set=extend, clock=clock)
    cache.set('a', 1, 10)
    cache.set('a', 2)
    clock.now += 1e9
    assert cache.get('a') == 2


@pytest.mark.parametrize('extend', [True, False])
def test_a_key_without_an_expiry_gets_the_one_it_is_set_with(clock: HandClock, extend: bool) -> None:
    cache = Cache(extend_expiry_on_set=extend, clock=clock)
    cache.set('a', 1)
    cache.set('a', 2, 10)
    clock.now += 10
    assert 'a' not in cache


def test_an_expiry_is_changed_and_taken_back(cache: Cache, clock: HandClock) -> None:
    cache.set('a', 1)
    assert cache.expire('a', 5) is True
    assert cache.expire('a', 20) is True
    clock.now += 10
    assert 'a' in cache
    assert cache.expire('a') is True
    clock.now += 1e9
    assert 'a' in cache
    assert cache.expire('x', 5) is False


@pytest.mark.parametrize('expiry', [-1, -0.001, float('nan')])
def test_an_expiry_below_zero_is_refused(cache: Cache, expiry: float) -> None:
    cache.set('a', 1)
    with pytest.raises(ValueError, match='expiry is in seconds'):
        cache.set('a', 2, expiry)
    with pytest.raises(ValueError, match='expiry is in seconds'):
        cache.expire('a', expiry)
    assert cache.get('a') == 1


def test_expired_keys_that_nobody_asks_for_are_dropped_as_others_are_set(clock: HandClock) -> None:
    class Value:
        pass

    cache = Cache(clock=clock)
    values = [Value() for _ in range(100)]
    known = [weakref.ref(value) for value in values]
    for number, value in enumerate(values):
        cache.set(number, value, 10)
    del value, values
    clock.now += 10
    for number in range(1_000, 1_100):
        cache.set(number, number)
    gc.collect()
    assert [value for value in known if value() is not None] == []
    assert len(cache) == 100


def test_an_expired_key_makes_room_before_one_that_is_older_but_live(clock: HandClock) -> None:
    cache = Cache(max_size=3, clock=clock)
    cache.set('a', 1)
    cache.set('b', 1, 10)
    cache.set('c', 1)
    clock.now += 10
    cache.set('d', 1)
    assert cache.keys() == ['a', 'c', 'd']


# Details


def test_details_tell_when_a_key_was_used_in_utc(cache: Cache, clock: HandClock) -> None:
    cache.set('a', 1, 50)
    set_at = clock.utcnow().timestamp()
    clock.now += 1
    cache.set('a', 2, 50)
    clock.now += 1
    cache.get('a')
    clock.now += 1
    entry = cache.get('a', details=True)
    clock.now += 1
    assert entry.to_dict() == {
        'key': 'a',
        'value': 2,
        'last_read': set_at + 3,
        'prev_read': set_at + 2,
        'last_write': set_at + 1,
        'prev_write': set_at,
        'expiry': 50,
        'expires_at': set_at + 53,
        'hits': 2,
    }
    assert entry.hits == 2


def test_what_has_never_happened_was_at_0(cache: Cache) -> None:
    entry = cache.set('a', 1, details=True)
    assert (entry.value, entry.expiry, entry.expires_at, entry.hits) == (1, 0.0, 0.0, 0)
    assert entry.last_read == entry.prev_read == entry.prev_write == 0.0
    assert cache.get('x', 'default', details=True) == 'default'


# Families

KEYS = ['user.1', 'user.2', 'order.1', 'Übung', 7, b'user.3']
FAMILIES = [
    ('by_prefix', 'user.', ['user.1', 'user.2']),
    ('by_prefix', '', ['user.1', 'user.2', 'order.1', 'Übung']),
    ('by_suffix', '.1', ['user.1', 'order.1']),
    ('by_regex', r'\w+\.1', ['user.1', 'order.1']),
    ('by_regex', 'ser', []),
    ('by_regex', '.*ser', ['user.1', 'user.2']),
    ('contains', 'r.', ['user.1', 'user.2', 'order.1']),
    ('contains', 'bung', ['Übung']),
    ('not_contains', 'user', ['order.1', 'Übung']),
    ('contains_all', ['r.', '1'], ['user.1', 'order.1']),
    ('contains_all', ['r.', '1', 'x'], []),
    ('contains_all', 'user', ['user.1', 'user.2']),
    ('contains_any', ['2', 'bung'], ['user.2', 'Übung']),
    ('contains_any', 'user', ['user.1', 'user.2']),
    ('contains_any', [], []),
]


@pytest.mark.parametrize(('family', 'argument', 'keys'), FAMILIES)
def test_a_family_gets_the_keys_that_match(family: str, argument: Any, keys: list[str]) -> None:
    cache = filled(*KEYS)
    assert getattr(cache, f'get_{family}')(argument) == {key: f'{key}!' for key in keys}


@pytest.mark.parametrize(('family', 'argument', 'keys'), FAMILIES)
def test_a_family_sets_the_keys_that_match_and_returns_what_they_were_if_wanted(
    family: str, argument: Any, keys: list[str]
) -> None:
    cache = filled(*KEYS)
    method = getattr(cache, f'set_{family}')
    assert method(argument, 'new', return_found=True) == {key: f'{key}!' for key in keys}
    assert dict(cache.items()) == {key: 'new' if key in keys else f'{key}!' for key in KEYS}
    assert method(argument, 'newer') == {}


@pytest.mark.parametrize(('family', 'argument', 'keys'), FAMILIES)
def test_a_family_deletes_the_keys_that_match_and_returns_them_if_wanted(
    family: str, argument: Any, keys: list[str]
) -> None:
    cache = filled(*KEYS)
    assert getattr(cache, f'delete_{family}')(argument, return_found=True) == {key: f'{key}!' for key in keys}
    assert cache.keys() == [key for key in KEYS if key not in keys]
    assert getattr(filled(*KEYS), f'delete_{family}')(argument) == {}


@pytest.mark.parametrize(('family', 'argument', 'keys'), FAMILIES)
def test_a_family_lets_the_keys_expire_that_match(clock: HandClock, family: str, argument: Any, keys: list[str]) -> None:
    cache = filled(*KEYS, clock=clock)
    assert getattr(cache, f'expire_{family}')(argument, 10) is bool(keys)
    clock.now += 10
    assert cache.keys() == [key for key in KEYS if key not in keys]


def test_a_limit_takes_the_least_recently_used_keys() -> None:
    cache = filled('a1', 'a2', 'b', 'a3')
    cache.get('a1')
    assert list(cache.get_by_prefix('a', limit=2)) == ['a2', 'a3']
    assert cache.set_by_prefix('a', 1, return_found=True, limit=1) == {'a1': 'a1!'}
    assert cache.expire_by_prefix('a', 10, limit=1) is True
    assert list(cache.delete_by_prefix('a', return_found=True, limit=2)) == ['a2', 'a3']


def test_a_family_sets_with_an_expiry(cache: Cache, clock: HandClock) -> None:
    cache['a1'] = cache['b'] = 1
    cache.set_by_prefix('a', 2, 10)
    clock.now += 10
    assert cache.keys() == ['b']


def test_a_family_that_gets_uses_its_keys(cache: Cache, clock: HandClock) -> None:
    cache.set('a', 1, 10)
    cache.set('b', 1, 10)
    clock.now += 6
    assert cache.get_by_prefix('a', details=True)['a'].hits == 1
    clock.now += 6
    assert cache.keys() == ['a']


def test_details_of_a_family_that_sets_are_those_before(cache: Cache) -> None:
    cache.set('a', 1, 10)
    found = cache.set_by_prefix('a', 2, return_found=True, details=True)
    assert (found['a'].value, found['a'].expiry) == (1, 10)
    assert cache.set_by_prefix('a', 3, details=True) == {}


def test_a_pattern_that_is_none_is_an_error(cache: Cache) -> None:
    with pytest.raises(re.error):
        cache.get_by_regex('(')


# Caches, threads


def test_there_is_one_cache_by_default() -> None:
    caches = Caches()
    caches.default.set('a', 1)
    assert caches.builtin['default'].get('a') == 1
    assert list(caches.builtin) == ['default']
    with pytest.raises(KeyError, match='There is no cache `mine`; there is `default`'):
        _ = caches.builtin['mine']
    assert Caches().default.get('a') is None, 'nothing is shared'


def test_native_threads_share_a_cache_without_losing_its_bounds() -> None:
    cache, errors = Cache(max_size=50), list[Exception]()

    def work(number: int) -> None:
        try:
            for step in range(3_000):
                key = f'{number}-{step % 40}'
                cache.set(key, step, 0.0001 if step % 3 else 0.0)
                cache.get(key)
                if step % 5 == 0:
                    cache.delete(key, raise_key_error=False)
                if step % 100 == 0:
                    cache.delete_by_prefix(f'{number}-1')
                    cache.items()
        except Exception as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(cache._items) <= 50
