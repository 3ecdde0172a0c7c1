"""The same stories on every database: SQLite always, PostgreSQL where TEST_POSTGRES_URL is set."""

import asyncio
import os
from dataclasses import replace
from datetime import date

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bot import db
from bot.app import assembled, atmos_client
from bot.cards import Card, parse_card
from bot.checkout import TooMany
from bot.db import Database
from bot.payment import Buyer, Status
from bot.tables import metadata
from sandbox.faults import Kind
from tests.conftest import EXPIRY, GOOD, PRICE, a_world, reaches_code

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
        async with world.bot(confirm_timeout=3.0, reconcile_delays=(3.5,)):
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


async def test_of_five_requests_at_once_one_has_the_last_place(url, tmp_path):
    """Two processes, past the turn that orders one process's messages."""
    async with a_world(tmp_path, url) as world:
        world.overrides["code_requests_a_day"] = 2
        async with assembled(world.settings()) as one, assembled(world.settings()) as other:
            await one.database.upgrade()
            intent = await one.checkout.start(Buyer(501, "Dilnoza", None, "uz"), "protokol-57")
            card = parse_card(f"{GOOD} {EXPIRY}", date(2026, 11, 24))
            assert isinstance(card, Card)
            intent = await one.checkout.challenge(intent, card)
            processes = (one, other, one, other, one)
            ready = (process.database.get(intent.id) for process in processes)
            await asyncio.gather(*ready)  # nobody is late because of a connection
            asked = await asyncio.gather(
                *(process.checkout.challenge(intent, card) for process in processes),
                return_exceptions=True,
            )

        assert sum(isinstance(one, TooMany) for one in asked) == 4
        assert world.calls("pre-apply") == 2


async def test_of_two_charges_recorded_at_once_one_sees_the_other(url, tmp_path):
    """On PostgreSQL neither did, and nobody was told to give one back."""
    async with (
        a_world(tmp_path, url) as world,
        assembled(world.settings()) as one,
        assembled(world.settings()) as other,
        atmos_client(world.settings()) as atmos,
    ):
        await one.database.upgrade()
        twice = []
        for student in range(501, 506):
            buyer = Buyer(student, "Dilnoza", None, "uz")
            first = await one.checkout.start(buyer, "protokol-57")
            await one.checkout.cancel(first)
            second = await one.checkout.start(buyer, "protokol-57")
            for intent in (first, second):
                assert intent.transaction_id
                await atmos.pre_apply(intent.transaction_id, card_number=GOOD, expiry="4912")
                await atmos.confirm(intent.transaction_id, otp=world.code)
            await asyncio.gather(
                one.reconciliation.ask(replace(first, status=Status.cancelled)),
                other.reconciliation.ask(second),
            )
            keys = [f"{intent.id}:admins:twice" for intent in (first, second)]
            async with one.database.read() as tx:
                twice.append(sum([await db.is_promised(tx, key) for key in keys]))

    assert twice == [1] * 5


async def test_models_match_migrations(url):
    database = Database(url)
    await database.upgrade()
    async with database.read() as tx:
        differences = await tx.run_sync(
            lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)
        )
    await database.close()

    assert differences == []
