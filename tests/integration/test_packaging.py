"""The wheel, the sdist and the editable install each give a working `zato`.

Everything is built from a copy of the sources and installed without dependencies: these come from the environment
that runs the tests, through PYTHONPATH, where .pth files do not count, so that its own editable install stays out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group('packaging')

TOP = Path(__file__).parents[2]
ROOTS = ('common', 'server', 'code', 'web-admin')

CHECK = """
import code, pdb, zato.cli, zato.common, zato.server
print(*(module.__file__ for module in (code, pdb, zato.cli, zato.common, zato.server)), sep='\\n')
"""


def run(*args: str | Path, cwd: Path) -> str:
    env = os.environ | {'PYTHONPATH': sysconfig.get_path('purelib'), 'PIP_DISABLE_PIP_VERSION_CHECK': '1'}
    result = subprocess.run(args, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope='module')
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the distribution is built from."""
    copy = tmp_path_factory.mktemp('source')
    for file in TOP.iterdir():
        if file.is_file():
            shutil.copy(file, copy)
    for root in ROOTS:
        if (TOP / root).is_dir():
            shutil.copytree(TOP / root, copy / root, ignore=shutil.ignore_patterns('__pycache__'))
    return copy


@pytest.fixture(scope='module')
def dist(source: Path) -> Path:
    """The folder with one sdist and one wheel, the latter built from the former."""
    run(sys.executable, '-m', 'build', '--no-isolation', cwd=source)
    return source / 'dist'


def install(where: Path, *what: str | Path) -> Path:
    """Make a virtual environment, install into it, and return its Python."""
    venv.create(where, symlinks=True)
    python = where / 'bin' / 'python'
    options = ('--no-index', '--no-deps', '--no-build-isolation', '--ignore-installed')
    run(sys.executable, '-m', 'pip', '--python', python, 'install', *options, *what, cwd=where)
    return python


def assert_works(python: Path, cwd: Path, zato_from: Path) -> None:
    code, pdb, *zato = (Path(line) for line in run(python, '-c', CHECK, cwd=cwd).splitlines())
    stdlib = Path(sysconfig.get_path('stdlib'))
    assert code == stdlib / 'code.py'
    assert pdb == stdlib / 'pdb.py'
    assert [path for path in zato if not path.is_relative_to(zato_from)] == []
    assert (python.parent / 'zato').is_file()


def only_file(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def test_the_wheel_installs(dist: Path, tmp_path: Path) -> None:
    python = install(tmp_path / 'venv', only_file(dist, '*.whl'))
    assert_works(python, cwd=tmp_path, zato_from=tmp_path)


def test_the_sdist_installs(dist: Path, tmp_path: Path) -> None:
    python = install(tmp_path / 'venv', only_file(dist, '*.tar.gz'))
    assert_works(python, cwd=tmp_path, zato_from=tmp_path)


def test_an_editable_install_uses_the_sources(source: Path, tmp_path: Path) -> None:
    python = install(tmp_path / 'venv', '--editable', source)
    assert_works(python, cwd=source, zato_from=source)


def test_an_editable_install_sees_a_new_package_at_once(source: Path, tmp_path: Path) -> None:
    python = install(tmp_path / 'venv', '--editable', source)
    new = source / 'code' / 'zato' / 'added_later'
    new.mkdir()
    (new / '__init__.py').touch()
    try:
        run(python, '-c', 'import zato.added_later', cwd=tmp_path)
    finally:
        shutil.rmtree(new)


def test_every_source_file_is_in_the_wheel_and_the_sdist(source: Path, dist: Path) -> None:
    expected = {
        path.relative_to(source / root).as_posix(): path.relative_to(source).as_posix()
        for root in ROOTS
        for path in (source / root / 'zato').rglob('*')
        if path.is_file() and path.suffix != '.pyc'
    }
    with zipfile.ZipFile(only_file(dist, '*.whl')) as wheel:
        assert sorted(set(expected) - set(wheel.namelist())) == []
    with tarfile.open(only_file(dist, '*.tar.gz')) as sdist:
        inside = {name.partition('/')[2] for name in sdist.getnames()}
        assert sorted(set(expected.values()) - inside) == []
