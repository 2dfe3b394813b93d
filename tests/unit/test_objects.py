"""A worker's configuration objects: which are up, which are down and why, and what their run-time halves are told."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import pytest

from tests.support.audit_log import recorder
from tests.support.odb import KEY
from tests.support.runtimes import runtimes_of
from tests.support.security import security_parts
from zato.common.alarm import Alarms
from zato.common.config.kind import find_kind, kinds
from zato.common.config.stored import ObjectDown, StoredObject, read_settings, resolve
from zato.common.crypto import Cipher, new_key
from zato.common.exception import ConfigError, NotFound, ServiceUnavailable
from zato.server.channel.routes import Routes
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import ConfigObject, Runtime
from zato.server.service import Service
from zato.server.service.compiled import compile_service
from zato.server.service.store import ServiceStore

CHANNEL, BASIC, SERVICE = 'channel_rest', 'security_basic_auth', 'service'
CIPHER = Cipher(KEY)

Step = tuple[str, str]


def stored(id: int, kind: str, name: str, *, is_active: bool = True, version: int = 1, **settings: Any) -> StoredObject:
    return StoredObject(id=id, kind=kind, name=name, is_active=is_active, version=version, settings=settings)


def service(id: int = 1, name: str = 'my.service', **kwargs: Any) -> StoredObject:
    return stored(id, SERVICE, name, **{'impl_name': 'my.MyService', **kwargs})


def basic(id: int = 2, name: str = 's', **kwargs: Any) -> StoredObject:
    return stored(id, BASIC, name, **{'username': 'u', 'password': CIPHER.encrypt('p'), **kwargs})


def channel(id: int = 3, name: str = 'c', **kwargs: Any) -> StoredObject:
    return stored(id, CHANNEL, name, **{'url_path': f'/{name}', 'service': 1, 'security': 2, **kwargs})


class Half(Runtime):
    """Writes down what it is told, and lets nobody have what somebody else has."""

    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps
        self._taken: dict[Any, int] = {}
        self.fails: set[str] = set()  # names
        self.error: Exception = ZeroDivisionError('it fails')

    def start(self, item: ConfigObject) -> None:
        self._do('start', item)
        path = getattr(item.settings, 'url_path', item.id)
        if self._taken.setdefault(path, item.id) != item.id:
            raise ValueError(f'{path} is taken')

    def stop(self, item: ConfigObject) -> None:
        self._taken = {path: id for path, id in self._taken.items() if id != item.id}
        self._do('stop', item)

    def replace(self, old: ConfigObject, new: ConfigObject) -> None:
        assert old.id == new.id
        super().replace(old, new)

    def _do(self, what: str, item: ConfigObject) -> None:
        self._steps.append((what, item.name))
        if item.name in self.fails:
            raise self.error


class Setup:
    def __init__(self) -> None:
        self.environ: dict[str, str] = {}
        self.alarms = Alarms()
        self.steps: list[Step] = []
        self.halves = {kind: Half(self.steps) for kind in (CHANNEL, BASIC, SERVICE)}
        self.objects = ConfigObjects(self.environ, CIPHER.decrypt, self.alarms)
        self.objects.use(self.halves)

    def put(self, *changed: StoredObject, gone: Iterable[int] = (), event: int = 0) -> list[Step]:
        """Returns what the halves were told."""
        self.steps.clear()
        self.objects.put(changed, list(gone), event)
        return list(self.steps)

    @property
    def up(self) -> set[str]:
        return {item.name for item in self.objects.stored.values() if self.objects.get(item.id) is not None}

    def find(self, kind: str, name: str) -> ConfigObject | None:
        """None if there is none of that name, or it is down."""
        stored = self.objects.find_stored(kind, name)
        return self.objects.get(stored.id) if stored is not None else None

    @property
    def alarmed(self) -> dict[str, str]:
        return {alarm['subject']: alarm['what'] for alarm in self.alarms.as_list()}

    def settings(self, id: int) -> Any:
        item = self.objects.get(id)
        assert item is not None
        return item.settings


@pytest.fixture
def setup() -> Setup:
    return Setup()


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


# What is up


def test_objects_are_started_after_what_they_refer_to_whatever_their_order(setup: Setup) -> None:
    steps = setup.put(channel(), basic(), service())
    assert steps[-1] == ('start', 'c')
    assert sorted(steps) == [('start', 'c'), ('start', 'my.service'), ('start', 's')]
    assert setup.up == {'c', 's', 'my.service'}
    assert setup.alarmed == {}
    assert len(setup.objects) == 3


def test_objects_are_found_by_id_and_by_kind_and_name(setup: Setup) -> None:
    setup.put(service(), basic(name='x'), channel(name='x'))
    for found in (setup.objects.get(3), setup.find(CHANNEL, 'x')):
        assert found is not None
        assert (found.id, found.kind, found.name, found.settings.url_path) == (3, CHANNEL, 'x', '/x')
    assert setup.find(SERVICE, 'x') is None
    assert setup.objects.get(4) is None


def test_settings_have_variables_secrets_and_defaults_filled_in(setup: Setup) -> None:
    setup.environ.update(CRM_PATH='/crm', CRM_PASSWORD='$ecret', UNUSED='x')
    setup.put(
        service(),
        basic(2, 's', realm='$$5'),
        basic(4, 't', password='$CRM_PASSWORD', realm='$CRM_PATH'),
        basic(5, 'u', password=CIPHER.encrypt('$$x')),
        channel(url_path='$CRM_PATH'),
    )
    assert (setup.settings(2).username, setup.settings(2).password, setup.settings(2).realm) == ('u', 'p', '$5')
    assert (setup.settings(4).password, setup.settings(4).realm) == ('$ecret', '/crm')
    assert setup.settings(5).password == '$x'
    assert (setup.settings(3).url_path, setup.settings(3).method) == ('/crm', '')


def test_an_inactive_object_is_there_and_says_so(setup: Setup) -> None:
    assert ('start', 's') in setup.put(service(), basic(is_active=False), channel())
    item = setup.objects.get(2)
    assert item is not None
    assert not item.is_active
    assert setup.up == {'c', 's', 'my.service'}


def test_an_object_of_a_kind_that_this_version_does_not_know_is_left_alone(setup: Setup) -> None:
    setup.put(stored(9, 'carrier_pigeon', 'x'), service())
    setup.put(stored(9, 'carrier_pigeon', 'y'), gone=[9])
    assert setup.up == {'my.service'}
    assert setup.alarmed == {}


# What changes


def test_an_object_that_changed_is_replaced_and_so_is_what_refers_to_it(setup: Setup) -> None:
    setup.put(service(), basic(), channel(), channel(4, 'd', security=None))
    steps = setup.put(basic(version=2, realm='new'))
    assert steps == [('stop', 's'), ('start', 's'), ('stop', 'c'), ('start', 'c')]
    assert setup.settings(2).realm == 'new'
    assert setup.put(channel(version=2)) == [('stop', 'c'), ('start', 'c')]


def test_an_object_that_is_as_it_was_is_replaced_and_what_refers_to_it_is_not(setup: Setup) -> None:
    definition = basic()
    setup.put(service(), definition, channel())
    assert setup.put(definition) == [('stop', 's'), ('start', 's')]
    assert setup.put(basic(version=2))[-1] == ('start', 'c')


def test_what_refers_to_something_else_now_no_longer_follows_the_old_one(setup: Setup) -> None:
    setup.put(service(), basic(), basic(5, 't'), channel())
    setup.put(channel(security=5, version=2))
    assert setup.put(basic(version=2)) == [('stop', 's'), ('start', 's')]
    assert setup.put(basic(5, 't', version=2))[-1] == ('start', 'c')


def test_what_is_gone_is_stopped_before_what_it_referred_to(setup: Setup) -> None:
    setup.put(service(), basic(), channel())
    assert setup.put(gone=[2, 3, 99]) == [('stop', 'c'), ('stop', 's')]
    assert setup.up == {'my.service'}
    assert setup.find(CHANNEL, 'c') is None
    assert setup.put(gone=[2, 3]) == []


def test_a_renamed_object_is_found_by_its_new_name_only(setup: Setup) -> None:
    setup.put(service(), basic(name='old'), channel())
    setup.put(basic(name='new', version=2))
    found = setup.find(BASIC, 'new')
    assert found is not None
    assert found.id == 2
    assert setup.find(BASIC, 'old') is None


def test_two_objects_may_swap_their_names(setup: Setup) -> None:
    setup.put(basic(2, 'one'), basic(3, 'two'))
    setup.put(basic(2, 'two'), basic(3, 'one'))
    for name, id in (('two', 2), ('one', 3)):
        found = setup.find(BASIC, name)
        assert found is not None
        assert found.id == id


@pytest.mark.parametrize('order', [(3, 4, 5), (5, 4, 3), (4, 3, 5)])
def test_objects_may_swap_what_only_one_of_them_can_have(
    setup: Setup, caplog: pytest.LogCaptureFixture, order: tuple[int, ...]
) -> None:
    paths = ['/1', '/2', '/3']
    setup.put(service(), basic(), *(channel(id, f'c{id}', url_path=path) for id, path in zip((3, 4, 5), paths, strict=True)))
    after = dict(zip((3, 4, 5), paths[1:] + paths[:1], strict=True))
    setup.put(*(channel(id, f'c{id}', url_path=after[id], version=2) for id in order))
    assert {id: setup.settings(id).url_path for id in after} == after
    assert (setup.alarmed, errors_in(caplog)) == ({}, [])


def test_one_may_have_at_once_what_another_one_that_is_gone_had(setup: Setup) -> None:
    setup.put(service(), basic(), channel())
    setup.put(channel(4, 'd', url_path='/c'), gone=[3])
    assert setup.up == {'my.service', 's', 'd'}
    assert setup.alarmed == {}


# What is down


def test_a_missing_variable_downs_only_the_object_that_names_it(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    steps = setup.put(service(), basic(), channel(url_path='$CRM_PATH'), channel(4, 'd'), event=7)
    assert ('start', 'c') not in steps
    assert setup.up == {'my.service', 's', 'd'}
    reason = 'REST channel `c`: `url_path` is $CRM_PATH, and the server has no environment variable CRM_PATH'
    assert setup.objects.error_of(3) == reason
    assert setup.objects.error_of(4) == ''
    assert setup.objects.errors == {'REST channel `c`': (7, reason)}
    assert setup.alarmed == {'REST channel `c`': reason}
    assert len(errors_in(caplog)) == 1
    assert setup.find(CHANNEL, 'c') is None


@pytest.mark.parametrize(
    ('settings', 'value', 'reason'),
    [
        ({'url_path': '$X'}, 'crm', '`url_path`, from environment variable X, must begin with a slash'),
        ({'url_path': '$X'}, '$Y', '`url_path`, from environment variable X, must begin with a slash'),
        ({'url_path': '$X'}, '', '`url_path`, from environment variable X, must not be empty'),
    ],
)
def test_a_variable_whose_value_is_not_right_downs_the_object(
    setup: Setup, settings: dict[str, Any], value: str, reason: str
) -> None:
    setup.environ['X'] = value
    setup.put(service(), basic(), channel(**settings))
    assert setup.objects.error_of(3) == f'REST channel `c`: {reason}'


def test_a_secret_that_is_wrong_downs_the_object_and_is_not_shown(setup: Setup) -> None:
    setup.environ['X'] = 'secret\0'
    setup.put(basic(password='$X'), basic(5, 't', password=Cipher(new_key()).encrypt('x')))
    assert setup.up == set()
    assert setup.objects.error_of(2).startswith('Basic Auth `s`: `password`, from environment variable X, must not have')
    assert 'secret\\0' not in repr(setup.alarmed)
    assert (
        setup.objects.error_of(5)
        == 'Basic Auth `t`: `password` cannot be decrypted: The secret was not encrypted with this key'
    )


def test_an_object_that_is_inactive_is_down_without_an_alarm(setup: Setup) -> None:
    of_service, of_channel = service(), channel(security=None, url_path='$PATH_OF_C')
    setup.put(of_service, of_channel)
    assert setup.alarmed
    setup.put(channel(security=None, url_path='$PATH_OF_C', is_active=False, version=2))
    assert not setup.alarmed
    assert not setup.objects.errors
    assert setup.objects.down
    setup.put(channel(security=None, url_path='$PATH_OF_C', version=3))
    assert setup.alarmed


def test_a_variable_whose_value_is_empty_is_named_where_a_secret_must_not_be(setup: Setup) -> None:
    setup.environ['X'] = ''
    setup.put(basic(password='$X'))
    assert setup.objects.error_of(2) == 'Basic Auth `s`: `password`, from environment variable X, is empty'


def test_everything_that_is_wrong_with_an_object_is_told_at_once(setup: Setup) -> None:
    setup.put(basic(username='$A', realm='$B', password='$C'))
    assert setup.objects.error_of(2).split('\n') == [
        f'Basic Auth `s`: `{field}` is ${name}, and the server has no environment variable {name}'
        for field, name in (('username', 'A'), ('realm', 'B'), ('password', 'C'))
    ]


def test_what_refers_to_an_object_that_is_down_is_down_and_comes_back_with_it(setup: Setup) -> None:
    setup.put(service(), basic(), channel(), channel(4, 'd', security=None))
    steps = setup.put(basic(username='$X', version=2))
    assert steps == [('stop', 's'), ('stop', 'c')]
    assert setup.up == {'my.service', 'd'}
    assert setup.objects.error_of(3) == 'REST channel `c`: Basic Auth `s`, which it uses, is down'
    assert set(setup.alarmed) == {'Basic Auth `s`', 'REST channel `c`'}
    assert setup.put(basic(version=3)) == [('start', 's'), ('start', 'c')]
    assert setup.up == {'my.service', 's', 'c', 'd'}
    assert setup.alarmed == {}
    assert setup.objects.errors == {}


def test_a_variable_that_is_not_there_may_be_there_in_upper_case(setup: Setup) -> None:
    kind = find_kind('security_basic_auth')
    lower = StoredObject(
        id=8, kind=kind.name, name='d', is_active=True, version=1, settings={'username': '$my_user', 'password': 'x'}
    )
    assert resolve(kind, lower, {'MY_USER': 'jane'}, lambda text: 'secret').username == 'jane'
    assert resolve(kind, lower, {'MY_USER': 'jane', 'my_user': 'joe'}, lambda text: 'secret').username == 'joe'
    with pytest.raises(ObjectDown, match='has no environment variable my_user'):
        resolve(kind, lower, {}, lambda text: 'secret')


def test_a_list_of_references_is_as_good_as_those_of_it_that_are_up(setup: Setup) -> None:
    group = StoredObject(id=9, kind='security_group', name='g', is_active=True, version=1, settings={'members': [2, 8]})
    down = StoredObject(
        id=8, kind='security_basic_auth', name='d', is_active=True, version=1, settings={'username': '$NO_SUCH_VARIABLE'}
    )
    setup.objects.put([group, down])
    assert setup.objects.error_of(8)
    assert setup.objects.error_of(9) == ''
    found = setup.objects.get(9)
    assert found is not None
    assert found.settings.members == (2, 8)


def test_what_is_down_from_the_beginning_takes_others_with_it_in_the_same_step(setup: Setup) -> None:
    setup.put(channel(), basic(username='$X'), service())
    assert setup.up == {'my.service'}
    setup.put(channel(security=None, version=2))
    assert setup.up == {'my.service', 'c'}


def test_an_alarm_is_told_once_as_long_as_it_says_the_same(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    for version in (1, 2, 3):
        setup.put(basic(username='$X', version=version), event=version)
    assert len(errors_in(caplog)) == 1
    assert setup.objects.errors['Basic Auth `s`'][0] == 3, 'but that it was tried again'
    setup.put(basic(username='$Y', version=4))
    assert len(errors_in(caplog)) == 2
    assert '$Y' in setup.alarmed['Basic Auth `s`']


def test_the_alarm_of_an_object_goes_with_its_name_and_with_the_object(setup: Setup) -> None:
    setup.put(basic(name='old', username='$X'))
    setup.put(basic(name='new', username='$X', version=2))
    assert set(setup.alarmed) == {'Basic Auth `new`'}
    assert setup.put(gone=[2]) == []
    assert setup.alarmed == {}
    assert setup.objects.error_of(2) == ''


def test_a_half_that_fails_downs_its_object_and_no_other_one(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.halves[BASIC].fails = {'s'}
    setup.put(service(), basic(), basic(5, 't'), channel(), channel(4, 'd', security=5))
    assert setup.up == {'my.service', 't', 'd'}
    assert setup.alarmed == {
        'Basic Auth `s`': 'ZeroDivisionError: it fails',
        'REST channel `c`': 'REST channel `c`: Basic Auth `s`, which it uses, is down',
    }
    assert 'Traceback' in caplog.text
    setup.halves[BASIC].fails = set()
    setup.put(basic(version=2))
    assert setup.up == {'my.service', 's', 't', 'c', 'd'}
    assert setup.alarmed == {}


@pytest.mark.parametrize('text', ['/a.pem: cannot be read', 'Basic Auth `s`: /a.pem: cannot be read'])
def test_what_a_half_explains_is_told_without_a_traceback(setup: Setup, caplog: pytest.LogCaptureFixture, text: str) -> None:
    setup.halves[BASIC].fails = {'s'}
    setup.halves[BASIC].error = ConfigError(text)
    setup.put(service(), basic())
    assert setup.alarmed == {'Basic Auth `s`': 'Basic Auth `s`: /a.pem: cannot be read'}
    assert len(errors_in(caplog)) == 1
    assert 'Traceback' not in caplog.text


def test_a_half_that_fails_to_stop_an_object_does_not_keep_it(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.put(service(), basic(), channel())
    setup.halves[CHANNEL].fails = {'c'}
    setup.put(gone=[3])
    assert setup.up == {'my.service', 's'}
    assert errors_in(caplog) == ['REST channel `c` could not be stopped']
    assert setup.alarmed == {}


# With the halves that workers have


class Worker:
    """Its parts that objects become."""

    def __init__(self) -> None:
        self.routes = Routes()
        self.services = ServiceStore()
        self.alarms = Alarms()
        self.objects = ConfigObjects({}, CIPHER.decrypt, self.alarms)
        self.objects.use(
            runtimes_of([SERVICE, BASIC, CHANNEL], [self.routes, self.services, *security_parts(), recorder(), self.objects])
        )

    def deploy(self, name: str) -> None:
        cls = type('MyService', (Service,), {'name': name, 'handle': lambda self: None})
        self.services.swap({'my': {name: compile_service(cls)}})


def test_a_channel_has_the_security_definition_as_it_is_now() -> None:
    worker = Worker()
    worker.objects.put([service(), basic(realm='one'), channel()])
    found, _ = worker.routes.match(b'/c', b'GET')
    assert found.security is not None
    assert found.security.challenge == 'Basic realm="one"'
    worker.objects.put([basic(realm='two', version=2)])
    found, _ = worker.routes.match(b'/c', b'GET')
    assert found.security is not None
    assert found.security.challenge == 'Basic realm="two"'
    worker.objects.put([channel(security=None, version=2)])
    assert worker.routes.match(b'/c', b'GET')[0].security is None


def test_an_inactive_security_definition_lets_nobody_in() -> None:
    worker = Worker()
    worker.objects.put([service(), basic(), channel()])
    headers = {b'authorization': b'Basic dTpw'}
    security = worker.routes.match(b'/c', b'GET')[0].security
    assert security is not None
    assert security.identify(headers) is not None
    worker.objects.put([basic(is_active=False, version=2)])
    security = worker.routes.match(b'/c', b'GET')[0].security
    assert security is not None
    assert security.identify(headers) is None


def test_a_channel_whose_security_definition_is_down_is_not_served_without_it() -> None:
    worker = Worker()
    worker.objects.put([service(), basic(), channel()])
    worker.objects.put([channel(9, 'open', url_path='/{anything}', security=None)])
    worker.objects.put([basic(username='$X', version=2)])
    found, params = worker.routes.match(b'/c', b'GET')
    assert found.name == 'c', 'a less specific channel must not answer in its place'
    with pytest.raises(ServiceUnavailable, match='down'):
        found.resolve(params, 'cid')
    worker.objects.put([basic(version=3)])
    assert worker.routes.match(b'/c', b'GET')[0].security is not None


@pytest.mark.parametrize('field', ['method', 'http_accept'])
def test_a_channel_of_which_a_variable_should_say_what_it_is_for_is_not_served_by_a_less_specific_one(field: str) -> None:
    worker = Worker()
    worker.objects.put([service(), basic(), channel(9, 'open', url_path='/{anything}', security=None)])
    worker.objects.put([channel(**{field: '$X'})])
    assert worker.routes.match(b'/c', b'GET')[0].name == 'c'
    worker.objects.put([channel(version=2)])
    assert worker.routes.match(b'/c', b'GET')[0].security is not None


@pytest.mark.parametrize('is_first', [True, False])
def test_a_channel_that_is_down_is_not_in_the_way_of_one_that_is_certain_to_have_its_path(*, is_first: bool) -> None:
    worker = Worker()
    down, up = channel(3, 'down', url_path='/c', method='$X'), channel(4, 'up', url_path='/c')
    worker.objects.put([service(), basic()])
    for item in (down, up) if is_first else (up, down):
        worker.objects.put([item])
    assert worker.routes.match(b'/c', b'GET')[0].name == 'up'
    assert set(worker.objects.errors) == {'REST channel `down`'}
    worker.objects.put([down], gone=[4])
    assert worker.routes.match(b'/c', b'GET')[0].name == 'down'


def test_channels_that_swap_their_paths_are_both_served_afterwards() -> None:
    worker = Worker()
    worker.objects.put([service(), basic(), channel(3, 'c', url_path='/a/{x}'), channel(4, 'd', url_path='/b/{x}')])
    worker.objects.put([channel(3, 'c', url_path='/b/{y}', version=2), channel(4, 'd', url_path='/a/{y}', version=2)])
    assert [worker.routes.match(path, b'GET')[0].name for path in (b'/a/1', b'/b/1')] == ['d', 'c']
    assert worker.alarms.as_list() == []


def test_a_channel_finds_its_service_as_it_is_deployed_at_the_time_of_the_call() -> None:
    worker = Worker()
    worker.objects.put([service(), channel(security=None)])
    found, _ = worker.routes.match(b'/c', b'GET')
    with pytest.raises(ServiceUnavailable, match=r'`my\.service` is not deployed'):
        found.resolve({}, 'cid')
    worker.deploy('my.service')
    assert found.resolve({}, 'cid').name == 'my.service'
    worker.objects.put([service(is_active=False, version=2)])
    with pytest.raises(NotFound, match=r'`my\.service` is inactive'):
        worker.routes.match(b'/c', b'GET')[0].resolve({}, 'cid')
    worker.objects.put([service(version=3)])
    assert worker.routes.match(b'/c', b'GET')[0].resolve({}, 'cid').name == 'my.service'


@pytest.mark.parametrize(
    ('kind', 'settings', 'text'),
    [
        (
            'outgoing_rest',
            {'host': 'https://joe:planted@crm'},
            'must not have a user name or a password; a security definition is the place for them; got `https://******@crm`',
        ),
        (
            'security_bearer_token',
            {'extra_fields': 'a=b\nplanted'},
            'must have a line key=value for each field, which line 2 is not',
        ),
    ],
)
def test_what_is_wrong_with_a_value_is_told_without_secrets_in_it(kind: str, settings: dict[str, Any], text: str) -> None:
    problems: list[str] = []
    read_settings(kinds()[kind], settings, lambda key, problem: problems.append(problem))
    assert problems == [text]
