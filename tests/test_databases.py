"""The same stories on every database: SQLite always, PostgreSQL where TEST_POSTGRES_URL is set."""

import os

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.db import Database
from bot.tables import metadata
from sandbox.faults import Kind
from tests.conftest import PRICE, a_world, reaches_code

POSTGRES = os.environ.get("TEST_POSTGRES_URL")


@pytest.fixture(params=["sqlite", *(["postgresql"] if POSTGRES else [])])
async def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'checkout.db'}"
    engine = create_async_engine(str(POSTGRES))
    async with engine.begin() as tx:
        await tx.execute(text("DROP SCHEMA public CASCADE"))
        await tx.execute(text("CREATE SCHEMA public"))
    await engine.dispose()
    return str(POSTGRES)


async def test_a_purchase_with_a_restart_and_a_lost_answer(url, tmp_path):
    async with a_world(tmp_path, url) as world:
        student = world.student()
        world.goes_wrong("confirm", Kind.drop, acts=True)
        async with world.bot(confirm_timeout=1.0, reconcile_delays=(1.2,)):
            await reaches_code(student)
            student.says(world.wrong_code)
            await student.sees("tekshir")
            await student.sees("pul yechilmaganini")
        world.goes_wrong("confirm", Kind.drop, acts=True)
        async with world.bot():
            await reaches_code(student)
            student.says(world.code)
            await student.sees("tekshir")
            await student.sees("✅")
            await world.admins.sees("✅")

    assert world.charged == [PRICE]


async def test_models_match_migrations(url):
    database = Database(url)
    await database.upgrade()
    async with database.read() as tx:
        differences = await tx.run_sync(
            lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)
        )
    await database.close()

    assert differences == []
