"""Importing deployed modules: under which names, all or nothing, and which of their classes are services."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from zato.common.exception import DeploymentError, MethodNotAllowed
from zato.server.deploy.loader import (
    ModuleLoader,
    Source,
    class_lines,
    compile_services,
    import_name,
    imported_names,
    is_shadowed,
    service_classes,
)

SERVICE = 'from zato.server.service import Service\nclass MyService(Service):\n    def handle(self): pass\n'


def source_of(module: str, text: str, path: str = '') -> Source:
    return Source(module, path or f'/s/{module.rpartition(".")[2]}.py', text.encode())


@pytest.fixture
def loader() -> Iterator[ModuleLoader]:
    """Installed, and everything that it imported gone afterwards."""
    before = dict(sys.modules)
    created = ModuleLoader()
    created.install()
    yield created
    created.uninstall()
    for name in set(sys.modules) - set(before):
        del sys.modules[name]
    sys.modules.update(before)


Load = Callable[..., dict[str, ModuleType]]


@pytest.fixture
def load(loader: ModuleLoader) -> Load:
    """Loads modules given as name → text."""

    def load(texts: dict[str, str], removed: tuple[str, ...] = ()) -> dict[str, ModuleType]:
        return loader.load([source_of(name, text) for name, text in texts.items()], removed)

    return load


# Names


@pytest.mark.parametrize(
    'module', ['json', 'gevent', 'zato', 'sys', 'zato.x', 'json.x', 'json.decoder', 'pytest', '__main__']
)
def test_a_name_that_belongs_to_something_else_is_made_private(module: str) -> None:
    assert is_shadowed(module)
    assert import_name(module) == f'zato_deployed.{module}'


@pytest.mark.parametrize('module', ['orders', 'my-dash', '2fast', 'class', 'ünï', 'crm.json', 'gevent.of_my_own'])
def test_a_name_that_nothing_else_has_is_the_modules_own(module: str) -> None:
    assert import_name(module) == module


def test_a_module_below_an_installed_package_never_replaces_the_packages_own(load: Load) -> None:
    import gevent.event

    loaded = load({'gevent.event': 'VALUE = 1\n'})['gevent.event']
    assert loaded.VALUE == 1
    assert sys.modules['gevent.event'] is gevent.event


def test_a_shadowed_module_works_and_the_other_one_is_what_is_imported(load: Load) -> None:
    modules = load({'json': SERVICE, 'user': 'import json\nloads = json.loads\n'})
    assert list(compile_services(modules['json'], 'json', '/s/json.py')) == ['json.my-service']
    assert modules['user'].loads('1') == 1


def test_a_module_called_main_does_not_replace_the_processs_own(load: Load) -> None:
    main = sys.modules['__main__']
    modules = load({'__main__': SERVICE})
    assert list(compile_services(modules['__main__'], '__main__', '/s/__main__.py')) == ['--main--.my-service']
    assert sys.modules['__main__'] is main


@pytest.mark.parametrize('module', ['my-dash', '2fast', 'class', 'ünï', 'a b'])
def test_a_name_that_no_import_statement_can_say_is_loaded(load: Load, module: str) -> None:
    assert load({module: 'VALUE = 1\n'})[module].VALUE == 1


def test_modules_below_a_source_root_import_one_another_by_their_dotted_names(load: Load) -> None:
    modules = load(
        {
            'shop.rates': 'VALUE = 1\n',
            'shop.prices': 'from . import rates\nfrom .rates import VALUE\nimport shop.rates\nSUM = rates.VALUE + VALUE\n',
            'till': 'import shop.rates\nfrom shop import prices\nTOTAL = shop.rates.VALUE + prices.SUM\n',
        }
    )
    assert modules['till'].TOTAL == 3


def test_a_package_with_an_init_file_has_modules(loader: ModuleLoader) -> None:
    package = Source('shop', '/src/shop/__init__.py', b'from shop import rates\nVALUE = rates.VALUE\n')
    rates = Source('shop.rates', '/src/shop/rates.py', b'VALUE = 1\n')
    modules = loader.load([package, rates])
    assert modules['shop'].VALUE == modules['shop.rates'].VALUE == 1
    loader.load([Source('shop.rates', '/src/shop/rates.py', b'VALUE = 2\n')])
    assert modules['shop'].rates.VALUE == 2


# All or nothing


def test_a_module_is_replaced_and_its_importers_with_it(load: Load) -> None:
    load({'rates': 'VALUE = 1\n', 'user': 'import rates\nVALUE = rates.VALUE\n'})
    modules = load({'rates': 'VALUE = 2\n', 'user': 'import rates\nVALUE = rates.VALUE\n'})
    assert modules['user'].VALUE == 2
    assert sys.modules['rates'] is modules['rates']


def test_an_importer_that_is_not_reloaded_keeps_what_it_imported(load: Load) -> None:
    user = load({'rates': 'VALUE = 1\n', 'user': 'import rates\ndef later():\n    import rates as r\n    return r\n'})[
        'user'
    ]
    load({'rates': 'VALUE = 2\n'})
    assert user.rates.VALUE == 1
    assert user.later().VALUE == 2


@pytest.mark.parametrize(
    'broken', ['1 / 0\n', 'raise SystemExit\n', 'import nowhere\n', 'x = (\n', 'raise KeyboardInterrupt\n']
)
def test_one_failure_brings_everything_back(load: Load, broken: str) -> None:
    before = load({'a': 'VALUE = 1\n', 'b': 'import a\n', 'shop.c': 'VALUE = 1\n', 'gone': ''})
    with pytest.raises((Exception, SystemExit, KeyboardInterrupt)):
        load({'a': 'VALUE = 2\n', 'shop.c': 'VALUE = 2\n', 'shop.new': '', 'new': '', 'b': broken}, removed=('gone',))
    for name, module in before.items():
        assert sys.modules[name] is module
    shop = sys.modules['shop']
    assert shop.c is before['shop.c'], 'the package has the old module too'
    assert not hasattr(shop, 'new')
    assert 'new' not in sys.modules
    assert 'shop.new' not in sys.modules
    again = load({'late': 'import a, gone, shop.c\nVALUE = a.VALUE + shop.c.VALUE\n'})
    assert again['late'].VALUE == 2
    with pytest.raises(ModuleNotFoundError):
        load({'later': 'import new\n'})


@pytest.mark.parametrize('order', [('shop', 'shop.rates'), ('shop.rates', 'shop')])
def test_a_failure_brings_back_a_package_with_what_is_in_it(loader: ModuleLoader, order: tuple[str, str]) -> None:
    paths = {'shop': '/src/shop/__init__.py', 'shop.rates': '/src/shop/rates.py'}
    loader.load([Source(name, paths[name], b'VALUE = 1\n') for name in order])
    package = sys.modules['shop']
    with pytest.raises(ZeroDivisionError):
        loader.load([*(Source(name, paths[name], b'VALUE = 2\n') for name in order), source_of('bad', '1 / 0\n')])
    assert sys.modules['shop'] is package
    assert package.rates is sys.modules['shop.rates']
    assert package.rates.VALUE == 1


def test_what_is_removed_cannot_be_imported_any_more(load: Load) -> None:
    load({'rates': '', 'shop.rates': ''})
    load({}, removed=('rates', 'shop.rates', 'never_there'))
    for text in ('import rates\n', 'import shop.rates\n', 'from shop import rates\n'):
        with pytest.raises(ImportError):
            load({'user': text})


def test_a_module_that_moved_is_removed_and_new_at_once(loader: ModuleLoader) -> None:
    loader.load([Source('rates', '/old/rates.py', b'VALUE = 1\n')])
    loader.load([Source('rates', '/new/rates.py', b'VALUE = 1\n')], removed=['rates'])
    assert sys.modules['rates'].__file__ == '/new/rates.py'


def test_two_modules_may_import_each_other(load: Load) -> None:
    texts = {'a': 'import b\nVALUE = 1\ndef sum(): return VALUE + b.VALUE\n', 'b': 'import a\nVALUE = 2\n'}
    modules = load(texts)
    assert modules['a'].sum() == 3
    assert modules['b'].a is modules['a']
    again = load({**texts, 'b': 'import a\nVALUE = 3\n'})
    assert again['a'].sum() == 4
    assert again['b'].a is again['a']


def test_offered_modules_are_imported_when_somebody_needs_them_and_only_then(loader: ModuleLoader) -> None:
    sources = {name: source_of(name, text) for name, text in {'a': 'import b\n', 'b': '', 'bad': '1 / 0\n'}.items()}
    loader.offer(sources.values())
    assert loader.import_offered(sources['a']).b is sys.modules['b']
    assert 'bad' not in sys.modules


def test_the_installed_loader_is_asked_last_and_installed_once(loader: ModuleLoader) -> None:
    loader.install()
    assert sys.meta_path.count(loader) == 1
    assert sys.meta_path[-1] is loader


def test_a_traceback_names_the_users_file(load: Load) -> None:
    with pytest.raises(ZeroDivisionError) as info:
        load({'bad': '\n1 / 0\n'})
    assert (str(info.traceback[-1].path), info.traceback[-1].lineno + 1) == ('/s/bad.py', 2)


GREENLETS = """
from gevent import monkey; monkey.patch_all()
import sys, gevent
from gevent.event import Event
from zato.server.deploy.loader import ModuleLoader, Source

started, go_on = Event(), Event()
import builtins
builtins.started, builtins.go_on = started, go_on

def source(name, text): return Source(name, f'/s/{name}.py', text.encode())

loader = ModuleLoader()
loader.install()
loader.load([source('rates', 'VALUE = 1')])
slow = source('slow', 'started.set(); go_on.wait(); import rates; VALUE = rates.VALUE')
importing = gevent.spawn(loader.load, [slow])
started.wait()
fresh = source('rates', 'VALUE = 2')
other = gevent.spawn(loader.load, [fresh])
other.join()
go_on.set()
print(importing.get()['slow'].VALUE, other.get()['rates'].VALUE, sys.modules['rates'].VALUE)

# A service that imports while its module is being replaced waits for the new one.
started.clear(); go_on.clear()
replacing = gevent.spawn(loader.load, [source('rates', 'started.set(); go_on.wait(); VALUE = 3')])
started.wait()
def service():
    import rates
    return rates.VALUE
running = gevent.spawn(service)
gevent.sleep(0)
go_on.set()
print(running.get(), replacing.get()['rates'].VALUE)

# Time that runs out is a failure like any other.
started.clear(); go_on.clear()
try:
    with gevent.Timeout(0.01):
        loader.load([source('rates', 'go_on.wait()')])
except gevent.Timeout:
    import rates
    print(rates.VALUE)
"""


def test_a_module_may_be_replaced_while_another_greenlet_imports_it() -> None:
    done = subprocess.run([sys.executable, '-c', GREENLETS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ('2 2 2\n3 3\n3\n', 0), done.stderr


# What a module imports


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ('import a, b.c as d\n', {'a', 'b', 'b.c'}),
        ('from a.b import c\n', {'a', 'a.b', 'a.b.c'}),
        ('def f():\n    import a\n', {'a'}),
        ('if 0:\n    from a import *\n', {'a', 'a.*'}),
        ('from . import a\n', {'crm.a'}),
        ('from .a import b\n', {'crm.a', 'crm.a.b'}),
        ('from ..a import b\n', {'a', 'a.b'}),
        ('x = 1\n', set()),
    ],
)
def test_names_that_import_statements_may_refer_to_are_found(text: str, names: set[str]) -> None:
    if '..' in text:
        assert imported_names(source_of('crm.eu.cust', text)) == {'crm', 'crm.eu', *(f'crm.{name}' for name in names)}
    else:
        assert imported_names(source_of('crm.cust', text)) == {'crm', *names}


def test_a_module_depends_on_its_package_and_a_package_on_what_it_imports_relatively() -> None:
    assert imported_names(source_of('crm.eu.cust', '')) == {'crm', 'crm.eu'}
    assert imported_names(source_of('cust', '')) == set()
    package = Source('crm', '/src/crm/__init__.py', b'from . import cust\nfrom .eu import vat\n')
    assert imported_names(package) == {'crm.cust', 'crm.eu', 'crm.eu.vat'}


def test_lines_are_those_of_class_statements_of_the_top_level() -> None:
    text = b'\nclass A:\n    class B: pass\n\n@dec\nclass C: pass\n'
    assert class_lines(text) == {'A': 2, 'C': 6}


# Which classes are services


def names_in(load: Load, text: str) -> list[str]:
    module = load({'my_mod': 'from zato.server.service import Service\n' + text})['my_mod']
    return list(compile_services(module, 'my_mod', '/s/my_mod.py'))


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ('class A(Service):\n    def handle(self): pass\n', ['my-mod.a']),
        ('class A(Service):\n    name = "x.y"\n    def handle(self): pass\n', ['x.y']),
        ('class A(Service):\n    name = ""\n    def handle(self): pass\n', ['my-mod.a']),
        ('class A(Service): pass\n', []),
        ('class A(Service):\n    def handle_GET(self): pass\n', ['my-mod.a']),
        ('class A(Service):\n    def handle_get(self): pass\n', []),
        ('class A(Service):\n    zato_dont_import = True\n    def handle(self): pass\nclass B(A): pass\n', ['my-mod.b']),
        ('class A:\n    def handle(self): pass\n', []),
        ('def A(): pass\n', []),
        ('class A(Service):\n    def handle(self): pass\nAlias = A\n', ['my-mod.a']),
        ('class Base(Service): pass\nclass A(Base):\n    def handle(self): pass\n', ['my-mod.a']),
        ('class A(Service):\n    name = "x"\n    def handle(self): pass\nclass B(A): pass\n', ['x', 'my-mod.b']),
        ('A = type("A", (Service,), {"handle": lambda self: 0})\n', ['my-mod.a']),
    ],
)
def test_services_are_classes_with_a_handler_under_their_own_names(load: Load, text: str, names: list[str]) -> None:
    assert names_in(load, text) == names


def test_imported_base_classes_are_no_services_of_the_importer_and_give_it_no_name(load: Load) -> None:
    base = (
        'from zato.server.service import Service\nclass Base(Service):\n    name = "the.base"\n    def handle(self): pass\n'
    )
    modules = load({'lib': base, 'user': 'from lib import Base\nclass Child(Base): pass\n'})
    assert list(compile_services(modules['lib'], 'lib', '/s/lib.py')) == ['the.base']
    assert list(compile_services(modules['user'], 'user', '/s/user.py')) == ['user.child']
    assert [cls.__name__ for cls in service_classes(modules['user'])] == ['Child']


def test_two_classes_of_one_name_are_refused(load: Load) -> None:
    text = 'class A(Service):\n    name = "x"\n    def handle(self): pass\nclass B(Service):\n    name = "x"\n'
    with pytest.raises(DeploymentError, match=r'/s/my_mod\.py: classes A and B are both called `x`'):
        names_in(load, text + '    def handle(self): pass\n')


@pytest.mark.parametrize('name', ['5', 'b"x"', 'property(lambda self: "x")', '("x",)'])
def test_a_name_that_is_no_text_is_refused(load: Load, name: str) -> None:
    with pytest.raises(DeploymentError, match='attribute `name` of class A must be text'):
        names_in(load, f'class A(Service):\n    name = {name}\n    def handle(self): pass\n')


@pytest.mark.parametrize('name', [r'"a\nb"', r'"\x00"', r'"\udcff"'])
def test_a_name_that_nobody_could_read_is_refused(load: Load, name: str) -> None:
    with pytest.raises(DeploymentError, match='the name of class A, cannot be printed'):
        names_in(load, f'class A(Service):\n    name = {name}\n    def handle(self): pass\n')


def test_a_service_with_verbs_only_handles_these_and_no_calls_without_http(load: Load) -> None:
    text = 'class A(Service):\n    def handle_GET(self): pass\n    def handle_PUT(self): pass\n'
    module = load({'my_mod': 'from zato.server.service import Service\n' + text})['my_mod']
    compiled = compile_services(module, 'my_mod', '/s/my_mod.py')['my-mod.a']
    assert compiled.handler(b'GET') is module.A.handle_GET
    for method in (b'POST', None):
        with pytest.raises(MethodNotAllowed) as info:
            compiled.handler(method)
        assert info.value.allowed == ('GET', 'PUT')


def test_a_service_with_a_handler_beside_verbs_takes_calls_without_http_there(load: Load) -> None:
    text = 'class A(Service):\n    def handle_GET(self): pass\n    def handle(self): pass\n'
    module = load({'my_mod': 'from zato.server.service import Service\n' + text})['my_mod']
    compiled = compile_services(module, 'my_mod', '/s/my_mod.py')['my-mod.a']
    assert compiled.handler(None) is module.A.handle
    with pytest.raises(MethodNotAllowed):
        compiled.handler(b'POST')
