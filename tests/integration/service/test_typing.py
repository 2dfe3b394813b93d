"""What a type checker, and so an editor that completes names, knows of users' services."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from zato.server.deploy.loader import ModuleLoader, Source, compile_services

#: What stands behind `# is` is the type of what is before it, what stands behind `# error` begins mypy's message.
SERVICES = '''
from __future__ import annotations

from zato.common import DATA_FORMAT
from zato.common.exception import BadRequest
from zato.common.pubsub import PubSubMessage, PubSubReject
from zato.common.typing_ import any_, anydictnone, callable_, cast_, datetimez, dict_, dict_field, intnone, isotimestamp
from zato.common.typing_ import list_, list_field, optional, stranydict, strlist, strnone, strorlist, tuple_, union_
from zato.server.service import AsIs, Int, List, Model, ModelCtx, RESTAdapter, Service, dataclass


@dataclass(init=False)
class Address(Model):
    city: str
    lines: tuple_[str, ...]


@dataclass(init=False)
class CreateUser(Model):
    name: str
    age: intnone
    address: optional[Address]
    created: datetimez
    seen: isotimestamp
    tags: strorlist
    key: union_[int, str]
    nick: strnone
    roles: strlist = list_field()
    by_role: dict_[str, list_[Address]] = dict_field()

    def after_created(self, ctx: ModelCtx) -> None:
        reveal_type(ctx.service)  # is zato.server.service.base.Service | None
        reveal_type(ctx.data)  # is typing.Mapping[str, Any]


@dataclass(init=False)
class User(Model):
    id: int


class Create(Service):
    """Creates users."""

    name = 'user.create'
    input = CreateUser
    output = User

    def handle(self) -> None:
        request: CreateUser = self.request.input
        reveal_type(request.address)  # is my_services.Address | None
        reveal_type(request.age)  # is int | None
        reveal_type(request.created)  # is datetime.datetime
        reveal_type(request.seen)  # is str
        reveal_type(request.tags)  # is str | list[Any]
        reveal_type(request.by_role['a'][0])  # is my_services.Address
        reveal_type(request.clone())  # is my_services.CreateUser
        reveal_type(request.to_dict())  # is dict[str, Any]
        reveal_type(request['name'])  # is Any
        reveal_type(CreateUser.from_dict({}))  # is my_services.CreateUser
        response = User()
        reveal_type(response)  # is my_services.User
        response.id = 1
        self.response.payload = response
        request.nmae  # error "CreateUser" has no attribute "nmae"


class Get(Service):
    name = 'user.get'
    schema = {'type': 'object'}

    class SimpleIO:
        input_required = 'name', Int('user_id')
        input_optional = AsIs('-extra')
        output = List('-rows')
        response_elem = None

    def accept(self) -> bool:
        return self.request.http.method == 'GET'

    def before_handle(self) -> None:
        self.environ['started'] = self.time.utcnow()

    def handle_GET(self) -> None:
        data = self.request.input
        reveal_type(data)  # is zato.server.service.input.Input
        reveal_type(data.user_id)  # is Any
        reveal_type(data['name'])  # is Any
        reveal_type(data.get('name'))  # is Any
        reveal_type(self.request.http.params)  # is zato.server.service.input.Input
        reveal_type(self.request.http.headers)  # is dict[str, str]
        reveal_type(self.cid)  # is str
        reveal_type(self.channel.security.username)  # is str
        reveal_type(self.logger)  # is logging.Logger
        reveal_type(self.out)  # is zato.server.service.facades.Outgoing
        reveal_type(self.out.rest)  # is zato.server.service.facade.rest.RESTConnections
        reveal_type(self.rest.crm.get({}))  # is zato.server.connection.rest.response.RESTResponse
        reveal_type(self.security.get_bearer_token_by_name('a').token)  # is str
        reveal_type(self.pubsub)  # is zato.server.service.facade.pubsub.PubSub
        reveal_type(self.pubsub.publish('my.target', data={'a': 1}, priority=9, deliver_after=5))  # is str | None
        reveal_type(self.pubsub.publish(Create, 'text', correl_id=self.cid, user_ctx=[1], has_gd=False))  # is str | None
        reveal_type(self.pubsub.publish('/a', data_list=[{'data': 1, 'msg_id': 'a'}], priority=1))  # is list[str | None]
        reveal_type(self.pubsub.publish_many('/a', ['a', {'data': 'b'}], endpoint_name='e'))  # is list[str | None]
        reveal_type(self.pubsub.get_messages('/a', 'zpsk.1', needs_msg_id=True))  # is list[dict[str, Any]]
        reveal_type(self.pubsub.subscribe('/a', 'e', delivery_method='pull'))  # is str
        reveal_type(self.cache)  # is zato.server.service.facade.cache.Caches
        reveal_type(self.cache.default)  # is zato.server.service.facade.cache.Cache
        reveal_type(self.cache.default.get('a'))  # is Any
        reveal_type(self.time.now())  # is str
        reveal_type(self.time.today(needs_format=False))  # is arrow.arrow.Arrow
        reveal_type(self.crypto.encrypt('a'))  # is str
        reveal_type(self.static_config['a.txt'])  # is str
        reveal_type(self.server.pid)  # is int
        reveal_type(self.patterns.fanout)  # is zato.server.pattern.fanout.Fanout
        reveal_type(self.user_config.app.main.key)  # is Any
        reveal_type(self.response.status_code)  # is int
        reveal_type(self.invoke(Create, {'name': 'a'}))  # is Any
        reveal_type(self.invoke_async('user.create', data_format=DATA_FORMAT.JSON, callback=self))  # is str
        with self.lock('name', ttl=5) as lock:
            reveal_type(lock)  # is zato.server.service.facade.lock.Lock
        if not data.get('name'):
            raise BadRequest(self.cid, 'No name', needs_msg=True)
        conn = self.out.rest['CRM'].conn
        reveal_type(conn)  # is zato.server.service.facade.rest.RESTClient
        response = conn.get(self.cid, {'user_id': data.user_id})
        reveal_type(response)  # is zato.server.connection.rest.response.RESTResponse
        self.logger.info('Response %s', response.data)
        self.response.payload.rows = response.data
        self.response.headers['X-Rows'] = '1'
        self.spawn(self.work, print, 1)

    def work(self, report: callable_[..., any_], seconds: float, options: anydictnone = None) -> stranydict:
        self.sleep(seconds)
        return cast_('stranydict', report(options))

    def finalize_handle(self) -> None:
        self.logger.info('Done')
        self.requst  # error "Get" has no attribute "requst"
        self.out.rset  # error "Outgoing" has no attribute "rset"
        self.time.nwo()  # error "Time" has no attribute "nwo"
        self.pubsub.publsh('/a')  # error "PubSub" has no attribute "publsh"
        publish = self.pubsub.publish
        publish('/a', prio=5)  # error Unexpected keyword argument "prio"
        self.pubsub.publish_many('/a', [], prio=5)  # error Unexpected keyword argument "prio" for "publish_many" of "PubSub"
        self.invoke()  # error Missing positional argument "name" in call to "invoke" of "Service"
        self.response.status_code = 'OK'  # error Incompatible types in assignment


class Target(Service):
    def handle(self) -> None:
        message: PubSubMessage = self.request.raw_request
        reveal_type(message.data)  # is Any
        reveal_type(message.msg_id)  # is str
        reveal_type(message.delivery_count)  # is int
        with self.pubsub.batch() as pubsub:
            reveal_type(pubsub)  # is zato.server.service.facade.pubsub.PubSub
        if not message.data:
            raise PubSubReject(self.cid, 'No data')


class GetCustomer(RESTAdapter):
    name = 'customer.get'
    conn_name = 'CRM'
    method = 'POST'
    model = User

    def get_path_params(self, params: stranydict) -> stranydict:
        return {'customer_id': self.request.input.customer_id}

    def map_response(self, data: User, **ctx: any_) -> stranydict:
        return {'id': data.id}


from zato.server.service import Servcie  # error Module "zato.server.service" has no attribute "Servcie"
'''

_MARK = re.compile(r'  # (?P<kind>is|error) (?P<text>.+)$')
_MESSAGE = re.compile(r'^my_services\.py:(?P<line>\d+): (?P<kind>note|error): (?P<text>.+)$')
_REVEALED = re.compile(r'Revealed type is "(?P<type>.+)"').fullmatch

EXPECTED = {
    number: (found['kind'], found['text'])
    for number, line in enumerate(SERVICES.splitlines(), 1)
    if (found := _MARK.search(line)) is not None
}


@pytest.fixture(scope='module')
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[str, str]]:
    """By line, what mypy in its strictest mode says of the services, as their author runs it."""
    directory = tmp_path_factory.mktemp('typing')
    (directory / 'my_services.py').write_text(SERVICES)
    command = [sys.executable, '-m', 'mypy', '--strict', '--config-file=', '--no-error-summary', '--hide-error-context']
    done = subprocess.run([*command, 'my_services.py'], cwd=directory, capture_output=True, text=True)
    assert done.stderr == ''
    messages: dict[int, tuple[str, str]] = {}
    for line in done.stdout.splitlines():
        found = _MESSAGE.match(line)
        assert found is not None, line
        revealed = _REVEALED(found['text'])
        said = ('is', revealed['type']) if revealed else (found['kind'], found['text'])
        messages.setdefault(int(found['line']), said)  # an error comes before the notes that explain it
    return messages


def test_types_of_what_services_reach_through_self_are_known(told: dict[int, tuple[str, str]]) -> None:
    revealed = {line: text for line, (kind, text) in told.items() if kind == 'is'}
    assert revealed == {line: text for line, (kind, text) in EXPECTED.items() if kind == 'is'}


def test_a_service_without_mistakes_has_no_errors_and_each_mistake_is_one(told: dict[int, tuple[str, str]]) -> None:
    errors = {line: text for line, (kind, text) in told.items() if kind != 'is'}
    expected = {line: text for line, (kind, text) in EXPECTED.items() if kind == 'error'}
    assert errors.keys() == expected.keys(), errors
    for line, text in expected.items():
        assert errors[line].startswith(text)


def test_the_same_services_are_deployed_but_for_the_mistakes() -> None:
    text = '\n'.join(line for line in SERVICES.splitlines() if '  # error' not in line)
    loader = ModuleLoader()
    loader.install()
    try:
        module = loader.load([Source('my_services', '/s/my_services.py', text.encode())])['my_services']
        names = sorted(compile_services(module, 'my_services', '/s/my_services.py'))
        assert names == ['customer.get', 'my-services.target', 'user.create', 'user.get']
    finally:
        loader.uninstall()
        sys.modules.pop('my_services', None)
