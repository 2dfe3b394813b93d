"""The migrations, as files."""

from __future__ import annotations

import re
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from zato.common.odb import schema
from zato.common.odb.migrations import runner, versions

FILES = sorted(path for path in Path(versions.__path__[0]).glob('*.py') if path.name != '__init__.py')


def test_the_revision_that_this_version_needs_is_the_newest_migration() -> None:
    assert FILES[-1].name.partition('_')[0] == schema.REVISION


def test_migrations_are_numbered_in_the_order_they_run_in() -> None:
    engine = create_engine('sqlite://')
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(runner.config(connection))
    engine.dispose()
    revisions = [script.revision for script in scripts.walk_revisions()][::-1]
    assert revisions == [f'{number:04}' for number in range(1, len(FILES) + 1)]
    assert [path.name.partition('_')[0] for path in FILES] == revisions
    assert all(re.fullmatch(r'\d{4}(_[a-z0-9]+)+\.py', path.name) for path in FILES)
