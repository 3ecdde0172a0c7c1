"""What is stored beside what ATMOS shows: by the ladder, a student, a day, a command."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from atmos import State, Transaction
from bot import db
from bot.evidence import Verdict, verdict
from bot.notices import AdminGroup, Words, deletion
from bot.offers import TASHKENT
from bot.payment import Status
from bot.reconcile import AFTERWARDS
from bot.tables import outbox
from sandbox.faults import Kind
from tests.conftest import ADMINS, PRICE, everything_said, pays, reaches_code
from tests.test_commands import run
from tests.test_texts import INTENT

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SHOWN = {
    State.open: (False, None),
    State.paid: (True, "0"),
    State.reversed: (True, "-20"),
}
MEANS = {
    "created": "agrees charged given_back",
    "challenged": "agrees charged given_back",
    "capturing": "not_charged charged given_back",
    "captured": "contradiction agrees reversed",
    "reversing": "contradiction not_reversed reversed",
    "reversed": "contradiction contradiction agrees",
    "failed": "agrees charged agrees",
    "expired": "agrees charged agrees",
    "cancelled": "agrees charged agrees",
}


def shown(state, **changes):
    confirmed, code = SHOWN[state]
    evidence = Transaction(
        trans_id=1000,
        success_trans_id=77 if confirmed else None,
        account=INTENT.account,
        amount=PRICE,
        confirmed=confirmed,
        status_code=code,
    )
    return evidence.model_copy(update=changes)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("state", State)
def test_every_status_means_something_beside_everything_atmos_may_show(status, state):
    intent = replace(INTENT, status=status, acts_until=NOW - timedelta(seconds=1))

    means = dict(zip(State, MEANS[status].split(), strict=True))[state]
    assert verdict(intent, shown(state), NOW) == means


@pytest.mark.parametrize(
    ("status", "state"), [(Status.capturing, State.open), (Status.reversing, State.paid)]
)
def test_that_nothing_happened_is_believed_only_when_atmos_can_act_no_more(status, state):
    intent = replace(INTENT, status=status, acts_until=NOW)

    assert verdict(intent, shown(state), NOW - timedelta(seconds=1)) is Verdict.undecided
    assert verdict(intent, shown(state), NOW) is not Verdict.undecided


async def test_evidence_is_as_old_as_the_question(world):
    """ATMOS charged after it had looked, and its answer came when it could act no more."""
    has_looked, can_act_no_more = asyncio.Event(), asyncio.Event()

    async def answers_late(_seconds):
        has_looked.set()
        await can_act_no_more.wait()

    student = world.student()
    world.goes_wrong("confirm", Kind.drop)
    world.goes_wrong("get", Kind.slow)
    world.gateway.sleep = answers_late
    async with world.bot(confirm_timeout=3.0):
        await reaches_code(student)
        code = world.code
        student.says(code)
        while not world.calls("confirm"):
            await asyncio.sleep(0.02)
        await world.comes("check_at")
        await has_looked.wait()
        await world.charges(code)
        while world.stored("SELECT id FROM intents WHERE acts_until >= datetime('now')"):
            await asyncio.sleep(0.1)
        can_act_no_more.set()
        while not world.stored("SELECT id FROM intents WHERE checks = 1"):
            await asyncio.sleep(0.02)

        assert world.stored("SELECT status FROM intents") == [("capturing",)]

        student.taps("Natijani soʻrash")
        await student.sees("✅")

    assert not any("yechilmaganini" in said for said in everything_said(student))


@pytest.mark.parametrize("changes", [{"amount": PRICE - 1}, {"account": "1"}])
@pytest.mark.parametrize("status", Status)
def test_another_amount_or_account_is_never_ours(status, changes):
    intent = replace(INTENT, status=status)

    assert verdict(intent, shown(State.paid, **changes), NOW) is Verdict.another


async def test_the_student_asks_and_is_told_at_once(world):
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        student.taps("Natijani soʻrash")
        await student.sees("✅")

    assert world.charged == [PRICE]


async def test_the_student_asks_while_nothing_is_known_and_reads_the_same(world):
    student = world.student()
    world.goes_wrong("confirm", Kind.drop)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        tap = student.taps("Natijani soʻrash")
        again = await student.sees("tekshir", since=tap)

    assert "Qayta toʻlamang" in again.text
    assert "yechilmaganini" not in student.chat.render()


async def test_another_students_payment_is_not_asked_about(world):
    student, other = world.student(), world.student(777, "Begona")
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot():
        await pays(other)
        mine = await other.sees("karta raqam")
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        order = list(world.gateway.transactions.values())[-1].account
        world.telegram.tap(other, mine, f"ask:{order}")
        await other.sees("/start")

    assert world.calls("get") == 0


async def test_a_start_asks_about_everything_unknown_at_once(world):
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
    async with world.bot():
        await student.sees("✅")

    assert world.charged == [PRICE]


async def test_the_top_of_the_ladder_leaves_it_unknown_and_to_a_person(world):
    student, admin = world.student(), world.telegram.people[502]
    world.goes_wrong("confirm", Kind.drop, acts=True)
    world.goes_wrong("get", Kind.bad_gateway, times=None)
    async with world.bot(reconcile_delays=(130.0,)):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        await world.comes("acts_until")
        await world.checks(times=1 + AFTERWARDS)
        left = await world.admins.sees("nomaʼlum qoldi")
        asked = world.calls("get")
        assert world.stored("SELECT check_at FROM intents") == [(None,)]
        order = next(iter(world.gateway.transactions.values())).account
        looks = admin.says(f"/order {order}", chat=world.admins)
        shown = await world.admins.sees(f"Buyurtma {order}", since=looks)

    assert world.calls("get") == asked
    assert "bot endi soʻramaydi" in shown.text
    assert "/settle" in shown.text
    assert "/settle" in left.text
    assert "yechilmaganini" not in student.chat.render()
    _, said = await run(world, "check")
    assert "/settle in the admin group" in said


# Once a day


async def is_lost(world, student):
    """Leave a payment that failed here and was charged there, far from the ladder's next rung."""
    world.goes_wrong("confirm", Kind.drop)
    await reaches_code(student)
    student.says(world.code)
    await student.sees("tekshir")
    await world.comes("acts_until")
    await world.comes("check_at")
    await student.sees("pul yechilmaganini")
    transaction = list(world.gateway.transactions.values())[-1]
    about = {"transaction_id": transaction.id, "store_id": 57, "otp": transaction.code}
    await world.gateway.operate("confirm", about)
    return transaction.account


@pytest.fixture
def comes_nine(monkeypatch):
    """Give what makes the day's comparison due."""
    return lambda: monkeypatch.setattr("bot.daily.AT", time.min)


async def test_once_a_day_both_sides_are_compared_and_the_difference_is_mended(world, comes_nine):
    lost, good, returned = world.student(), world.student(777, "Rost"), world.student(888, "Uch")
    async with world.bot():
        order = await is_lost(world, lost)
        for student in (good, returned):
            await reaches_code(student)
            student.says(world.code)
            await student.sees("✅")
        back = list(world.gateway.transactions.values())[-1]
        await world.gateway.operate("reverse", {"transaction_id": back.success_trans_id})
        comes_nine()
        await lost.sees("✅")
        await returned.sees("Pul qaytarildi")
        report = await world.admins.sees("1 ta buyurtma mos")
        await asyncio.sleep(1.2)

    assert f"{order}: oʻtmagan → toʻlangan" in report.text
    assert f"{back.account}: toʻlangan → puli qaytarilgan" in report.text
    assert sum("buyurtma mos" in text for text in world.admins.texts) == 1


async def test_what_atmos_does_not_show_as_paid_is_reported_and_kept(world, comes_nine):
    """We hold a payment for paid, ATMOS shows it open: a person has to look."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("✅")
        transaction = next(iter(world.gateway.transactions.values()))
        transaction.state = type(transaction.state).otp_sent
        comes_nine()
        alarm = await world.admins.sees("ATMOS bilan farq")
        await world.admins.sees("toʻlangan → botdagiga zid")

    assert transaction.account in alarm.text
    assert world.stored("SELECT status FROM intents") == [("captured",)]


async def test_the_command_changes_nothing_until_it_is_told_to(world):
    lost = world.student()
    async with world.bot():
        order = await is_lost(world, lost)
    today = f"{datetime.now(TASHKENT):%Y-%m-%d}"

    code, said = await run(world, "reconcile", "--since", today)

    assert code == 1
    assert f"{order}: failed → charged" in said
    assert "0 agree, 1 differ, 0 not known yet" in said
    assert world.stored("SELECT status FROM intents") == [("failed",)]

    code, said = await run(world, "reconcile", "--since", today, "--fix")

    assert code == 0, said
    assert world.stored("SELECT status FROM intents") == [("captured",)]

    code, said = await run(world, "reconcile", "--since", today)

    assert (code, "1 agree, 0 differ" in said) == (0, True)
    async with world.bot():
        await lost.sees("✅")


async def test_the_command_says_that_atmos_did_not_answer(world):
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("✅")
    today = f"{datetime.now(TASHKENT):%Y-%m-%d}"
    world.goes_wrong("get", Kind.bad_gateway, times=None)

    code, said = await run(world, "reconcile", "--since", today)

    assert code == 1
    assert "captured → not known yet (no answer: HTTP 502)" in said
    assert "ATMOS did not answer 1 of 1 questions" in said


# What is forgotten, and what never is


OLD = datetime.now(UTC) - timedelta(days=100)
KEYS = "SELECT key FROM outbox WHERE key NOT LIKE '%checking%'"  # which the start promised


async def test_retention_touches_only_what_is_over(world, database, comes_nine):
    """Failure story B14."""
    columns: dict[str, object] = {
        "student_id": 501,
        "name": "Dilnoza",
        "language": "uz",
        "title": "Protokol 57",
        "amount": PRICE,
        "tries_left": 3,
        "checks": 0,
        "created_at": OLD,
        "expires_at": OLD,
    }
    kept: dict[int, dict[str, object]] = {
        1: {"status": Status.captured},
        2: {"status": Status.reversed},
        3: {"status": Status.capturing},
        4: {"status": Status.reversing},
        5: {"status": Status.failed, "check_at": OLD},  # may still be charged late
        6: {"status": Status.cancelled, "created_at": datetime.now(UTC)},
        7: {"status": Status.failed},  # stands in the ledger
    }
    over: dict[int, dict[str, object]] = {
        8: {"status": Status.failed},
        9: {"status": Status.expired},
    }
    async with database.write() as tx:
        for number, about in (kept | over).items():
            await db.add_intent(tx, id=number, offer=f"offer-{number}", **columns | about)
        disputed = replace(INTENT, id=7, success_trans_id=7)
        await db.record(tx, disputed, "captured", OLD)
        group = AdminGroup(ADMINS, None, "uz")
        told = [group.told(Words("privacy"), key) for key in ("told", "dead", "waiting")]
        await db.promise(tx, told, OLD)
        await tx.execute(outbox.update().where(outbox.c.key == "told").values(sent_at=OLD))
        await tx.execute(outbox.update().where(outbox.c.key == "dead").values(dead_at=OLD))

    comes_nine()
    async with world.bot():
        while len(world.stored("SELECT id FROM intents")) > len(kept):
            await asyncio.sleep(0.05)

    assert [number for (number,) in world.stored("SELECT id FROM intents")] == list(kept)
    assert [key for (key,) in world.stored(KEYS)] == ["dead", "waiting"]
    assert world.stored("SELECT count(*) FROM ledger") == [(1,)]


async def test_a_deletion_that_was_done_is_forgotten_after_two_days(world, database, comes_nine):
    """The attacker's review: each message at a step left a row for three months."""
    now = datetime.now(UTC)
    tomorrow = timedelta(days=1) + (now - OLD)
    erased, fresh, late = (deletion(501, message, "uz") for message in (1, 2, 3))
    told = AdminGroup(ADMINS, None, "uz").told(Words("privacy"), "told")
    async with database.write() as tx:
        await db.promise(tx, [erased, fresh, replace(late, after=tomorrow), told], OLD)
        for notice, ago in ((erased, 3), (told, 3), (fresh, 1)):
            await db.keep_promise(tx, notice.key or "", now - timedelta(days=ago))

    comes_nine()
    async with world.bot():
        while (left := [key for (key,) in world.stored(KEYS)])[0] == erased.key:
            await asyncio.sleep(0.05)

    assert left == [fresh.key, late.key, "told"]
