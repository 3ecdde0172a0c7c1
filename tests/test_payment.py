"""How a payment may move, and that a move is made once however many want it."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
import sqlalchemy as sa

from bot import db
from bot.db import Database
from bot.notices import Notice, Words
from bot.payment import ABANDONED, OPEN, SOLD, ForbiddenMove, Status, check
from bot.tables import ledger, outbox

NOW = datetime(2026, 11, 24, 10, 4, tzinfo=UTC)
ALLOWED = {
    ("created", "created"),  # a card is about to be sent
    ("created", "challenged"),
    ("created", "capturing"),  # ATMOS shows another amount or account
    ("created", "captured"),
    ("created", "failed"),
    ("created", "expired"),
    ("created", "cancelled"),
    ("challenged", "created"),  # started anew, or another card is about to be sent
    ("challenged", "capturing"),
    ("challenged", "captured"),
    ("challenged", "failed"),
    ("challenged", "expired"),
    ("challenged", "cancelled"),
    ("capturing", "challenged"),  # a wrong code charged nothing
    ("capturing", "captured"),
    ("capturing", "failed"),
    ("captured", "reversing"),
    ("captured", "reversed"),
    ("reversing", "reversed"),
    ("reversing", "captured"),
    ("failed", "captured"),  # a charge found late is honoured
    ("expired", "captured"),
    ("cancelled", "captured"),
}
PAIRS = list(product(Status, Status))


@pytest.mark.parametrize(
    ("source", "target"), [(Status(s), Status(t)) for s, t in sorted(ALLOWED)]
)
def test_these_moves_are_made(source, target):
    check(source, target)


@pytest.mark.parametrize(("source", "target"), [pair for pair in PAIRS if pair not in ALLOWED])
def test_no_other_move_is_made(source, target):
    with pytest.raises(ForbiddenMove, match=f"^{source} → {target}$"):
        check(source, target)


@pytest.mark.parametrize("target", Status)
def test_nothing_leaves_reversed(target):
    with pytest.raises(ForbiddenMove):
        check(Status.reversed, target)


@pytest.mark.parametrize("target", [*ABANDONED, *OPEN])
def test_a_payment_that_was_charged_is_never_given_up(target):
    with pytest.raises(ForbiddenMove):
        check(Status.captured, target)


@pytest.mark.parametrize("target", ["expired", "cancelled", "created"])
def test_a_payment_whose_outcome_is_unknown_is_neither_expired_nor_cancelled(target):
    with pytest.raises(ForbiddenMove):
        check(Status.capturing, Status(target))


def test_every_status_is_open_or_sold_or_given_up_or_given_back():
    assert len(OPEN) + len(SOLD) + len(ABANDONED) + 1 == len(Status)
    assert {*OPEN, *SOLD, *ABANDONED, Status.reversed} == set(Status)


@pytest.fixture
def url(tmp_path):
    return f"sqlite+aiosqlite:///{tmp_path / 'checkout.db'}"


@pytest.fixture
async def database(url):
    database = Database(url, now=lambda: NOW)
    await database.upgrade()
    yield database
    await database.close()


async def opened(database, number=1, student=501, offer="protokol-57", status=Status.challenged):
    """Insert an intent and give it, or None where the table refuses it."""
    async with database.write() as tx:
        added = await db.add_intent(
            tx,
            id=number,
            student_id=student,
            name="Dilnoza",
            language="uz",
            offer=offer,
            title="Protokol 57",
            amount=73_900_000,
            status=status,
            tries_left=3,
            created_at=NOW,
            expires_at=NOW + timedelta(minutes=15),
            checks=0,
        )
    return await database.get(number) if added else None


def notice(text="idle", key=None):
    return Notice(chat_id=501, language="uz", words=Words(text), key=key)


async def promised(database):
    """Give the ids of the texts the outbox holds, in order."""
    async with database.read() as tx:
        rows = await tx.execute(sa.select(outbox.c.words).order_by(outbox.c.id))
        return [words["text"] for words in rows.scalars()]


async def count(database, table):
    async with database.read() as tx:
        return (await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()


@pytest.mark.parametrize("processes", [1, 5])
async def test_of_five_moves_at_once_one_is_made(database, url, processes):
    intent = await opened(database)
    async with AsyncExitStack() as stack:
        others = [Database(url, now=lambda: NOW) for _ in range(processes)]
        for other in others:
            stack.push_async_callback(other.close)
        moved = await asyncio.gather(
            *(
                others[n % processes].move(intent, Status.capturing, [notice()], note_id=n)
                for n in range(5)
            )
        )

    after = await database.get(1)
    assert sorted(moved) == [False, False, False, False, True]
    assert (after.status, after.note_id) == (Status.capturing, moved.index(True))
    assert await promised(database) == ["idle"]


async def test_a_move_that_came_too_late_changes_and_promises_nothing(database):
    seen = await opened(database)
    await database.move(seen, Status.capturing)

    assert not await database.move(seen, Status.cancelled, [notice()], reason="late")
    assert not await database.amend(seen, [notice()], reason="late")

    after = await database.get(1)
    assert (after.status, after.reason) == (Status.capturing, None)
    assert await promised(database) == []


async def test_the_end_of_a_first_attempt_is_not_the_end_of_a_second(database):
    """Both are capturing: only the time until which ATMOS may act tells them apart."""
    intent = await opened(database)
    assert await database.move(intent, Status.capturing, acts_until=NOW)
    first = await database.get(intent.id)
    assert await database.move(first, Status.challenged)
    again = await database.get(intent.id)
    assert await database.move(again, Status.capturing, acts_until=NOW + timedelta(minutes=4))

    assert not await database.move(first, Status.failed, [notice()])
    assert (await database.get(intent.id)).status is Status.capturing
    assert await promised(database) == []


async def test_a_forbidden_move_changes_and_promises_nothing(database):
    intent = await opened(database, status=Status.captured)

    with pytest.raises(ForbiddenMove):
        await database.move(intent, Status.failed, [notice()])

    assert await database.get(1) == intent
    assert await promised(database) == []


async def test_a_move_keeps_what_was_changed_with_it(database):
    intent = await opened(database, status=Status.created)
    later = NOW + timedelta(minutes=3)

    assert await database.move(
        intent, Status.challenged, card="Humo 9860 12** **** 3456", code_expires_at=later
    )

    after = await database.get(1)
    changes = {"card": "Humo 9860 12** **** 3456", "code_expires_at": later}
    assert after == replace(intent, status=Status.challenged, **changes)


async def test_one_press_of_send_again_is_let_through(database):
    intent = await opened(database)

    async def presses():
        later = NOW + timedelta(minutes=1)
        return await database.amend(intent, seen=["resend_at"], resend_at=later)

    taken = await asyncio.gather(*(presses() for _ in range(5)))

    assert sorted(taken) == [False, False, False, False, True]


async def test_the_first_transaction_of_the_gateway_stays(database):
    await opened(database, status=Status.created)
    async with database.write() as tx:
        first = await db.set_transaction(tx, 1, 1000)
        second = await db.set_transaction(tx, 1, 2000)

    after = await database.get(1)
    assert (first, second, after.transaction_id) == (True, False, 1000)


@pytest.mark.parametrize("status", sorted(OPEN))
async def test_a_student_has_one_open_payment_for_an_offer(database, status):
    await opened(database, 1, status=status)

    assert await opened(database, 2, status=Status.created) is None
    assert await opened(database, 3, offer="protokol-58") is not None
    assert await opened(database, 4, student=502) is not None


@pytest.mark.parametrize("status", sorted({*Status} - OPEN))
async def test_a_payment_that_is_over_does_not_stand_in_the_way_of_another(database, status):
    await opened(database, 1, status=status)

    assert await opened(database, 2) is not None


async def test_of_five_payments_opened_at_once_one_is_open(database):
    added = await asyncio.gather(*(opened(database, number) for number in range(1, 6)))

    assert sum(intent is not None for intent in added) == 1


async def test_an_order_number_is_given_once(database):
    await opened(database, 1)

    assert await opened(database, 1, student=502) is None
    assert (await database.get(1)).buyer.id == 501


async def test_a_fact_of_money_is_recorded_once(database):
    intent = replace(await opened(database, status=Status.captured), success_trans_id=77)
    async with database.write() as tx:
        first = await db.record(tx, intent, "captured", NOW)
    async with database.write() as tx:
        second = await db.record(tx, replace(intent, success_trans_id=78), "captured", NOW)
        other = await db.record(tx, intent, "reversed", NOW)

    async with database.read() as tx:
        facts = await tx.execute(sa.select(ledger.c.kind, ledger.c.success_trans_id))
        assert sorted(map(tuple, facts)) == [("captured", 77), ("reversed", 77)]
    assert (first, second, other) == (True, False, True)


async def test_a_notice_with_a_key_is_kept_once_and_one_without_each_time(database):
    await database.promise([notice("paid", "1:paid"), notice("idle")])
    await database.promise(
        [notice("checking", "1:paid"), notice("idle"), notice("help", "2:paid")]
    )

    assert await promised(database) == ["paid", "idle", "idle", "help"]


async def test_what_is_rolled_back_is_never_said(database):
    intent = await opened(database, status=Status.capturing)

    async def crashes():
        async with database.write() as tx:
            await db.move(tx, intent, Status.captured, success_trans_id=77)
            await db.record(tx, replace(intent, success_trans_id=77), "captured", NOW)
            await db.promise(tx, [notice("paid", "1:paid")], NOW)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await crashes()

    assert await database.get(1) == intent
    assert await promised(database) == []
    assert await count(database, ledger) == 0


async def test_the_worker_of_the_outbox_is_woken_by_a_commit_and_not_by_a_rollback(database):
    database.committed.clear()

    async def crashes():
        async with database.write():
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await crashes()
    after_rollback = database.committed.is_set()
    await database.promise([notice()])

    assert not after_rollback
    assert database.committed.is_set()


async def test_a_notice_comes_back_from_the_outbox_as_it_was_promised(database):
    words = Words("wrong-code", {"left": "2"}, (("resend-button", "resend:1"),), then="idle")
    kept = replace(notice(key="1:wrong"), words=words, message_id=5, topic_id=7)
    await database.promise([kept])

    async with database.read() as tx:
        assert [found for _, _, found in await db.due(tx, NOW, 10, deletes=False)] == [kept]


async def test_moments_come_back_in_utc(database):
    in_tashkent = datetime.fromisoformat("2026-11-24T15:04:00+05:00")
    intent = await opened(database)
    await database.amend(intent, captured_at=in_tashkent)

    after = await database.get(1)
    assert after.captured_at == NOW
    assert after.captured_at.utcoffset() == timedelta()
