"""The tables of the migrations are the tables of the code."""

import stat

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.db import MIGRATIONS, Database
from bot.tables import metadata

TABLES = {*metadata.tables, "alembic_version"}
INTENT = """
INSERT INTO intents (id, student_id, name, language, offer, title, amount, status, tries_left,
    reason, created_at, expires_at, checks)
VALUES (:id, :id, '', 'uz', '', '', 1, 'reversing', 3, :reason, '2026-11-24', '2026-11-24', 0)
"""


def config(connection=None):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def revisions():
    """Give the revisions, oldest first."""
    found = ScriptDirectory.from_config(config()).walk_revisions()
    return [script.revision for script in found][::-1]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data" / "checkout.db"


@pytest.fixture
async def database(file):
    database = Database(f"sqlite+aiosqlite:///{file}")
    yield database
    await database.close()


async def tables(database):
    async with database.read() as tx:
        return set(await tx.run_sync(lambda connection: sa.inspect(connection).get_table_names()))


async def stored(database, query):
    async with database.read() as tx:
        return (await tx.execute(sa.text(query))).all()


async def moved(database, move, revision):
    async with database.write() as tx:
        await tx.run_sync(lambda connection: move(config(connection), revision))


async def test_the_tables_come_from_nothing(database):
    assert await tables(database) == set()

    await database.upgrade()

    assert await tables(database) == TABLES


async def test_an_upgrade_of_what_is_up_to_date_changes_nothing(database):
    await database.upgrade()
    async with database.write() as tx:
        await tx.execute(sa.text("INSERT INTO chats (id, language) VALUES (501, 'uz')"))
    await database.upgrade()

    assert await stored(database, "SELECT id, language FROM chats") == [(501, "uz")]


async def test_every_step_of_the_stairway_goes_up_and_down_and_up_again(database):
    for revision in revisions():
        await moved(database, command.upgrade, revision)
        await moved(database, command.downgrade, "-1")
        await moved(database, command.upgrade, revision)

    assert await tables(database) == TABLES


async def test_a_yes_to_a_reversal_is_kept_on_the_way_up_and_down(database):
    await moved(database, command.upgrade, "0004")
    async with database.write() as tx:
        for number, reason in ((1, "reverse_accepted"), (2, "limit")):
            await tx.execute(sa.text(INTENT), {"id": number, "reason": reason})
    await database.upgrade()
    up = await stored(database, "SELECT reason, reverse_accepted FROM intents ORDER BY id")
    await moved(database, command.downgrade, "0004")
    down = await stored(database, "SELECT reason FROM intents ORDER BY id")

    assert up == [(None, 1), ("limit", 0)]
    assert down == [("reverse_accepted",), ("limit",)]


async def test_the_way_down_leaves_nothing_behind(database):
    await database.upgrade()
    await moved(database, command.downgrade, "base")

    assert await tables(database) == {"alembic_version"}


def test_there_is_one_last_step():
    assert len(ScriptDirectory.from_config(config()).get_heads()) == 1


async def test_the_tables_of_the_code_are_those_of_the_migrations(database):
    await database.upgrade()

    def differences(connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, metadata)

    async with database.read() as tx:
        assert await tx.run_sync(differences) == []


async def test_the_indexes_of_the_code_are_those_of_the_migrations(tmp_path, database):
    """What alembic does not compare: where a partial index holds."""
    await database.upgrade()
    code = Database(f"sqlite+aiosqlite:///{tmp_path / 'code.db'}")
    async with code.write() as tx:
        await tx.run_sync(metadata.create_all)

    assert await indexes(database) == await indexes(code)
    await code.close()


async def indexes(database):
    query = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    async with database.read() as tx:
        return sorted(
            " ".join(sql.split()) for sql in (await tx.execute(sa.text(query))).scalars()
        )


async def test_only_the_bots_account_may_read_the_database(file, database):
    await database.upgrade()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    assert modes.keys() >= {"checkout.db", "checkout.db-wal"}
    assert set(modes.values()) == {0o600}


async def test_a_database_that_others_could_read_is_closed_to_them(tmp_path):
    file = tmp_path / "checkout.db"
    file.touch()
    file.chmod(0o644)
    await Database(f"sqlite+aiosqlite:///{file}").close()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
