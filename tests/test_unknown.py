"""A capture without a clear answer: nobody is told an untruth, and nobody pays twice."""

import asyncio
import sqlite3

import pytest

from bot.app import atmos_client
from sandbox.faults import Kind
from tests.conftest import PRICE, pays, reaches_code

QUICK = {"confirm_timeout": 1.0, "reconcile_delays": (1.5, 2.0), "otp_resend_after": 60}
UNCLEAR = [Kind.drop, Kind.bad_gateway, Kind.server_error, Kind.garbage]


@pytest.mark.parametrize("kind", UNCLEAR)
async def test_charged_and_the_answer_lost_ends_in_paid_once(world, kind):
    """Failure stories A1, A8 and B8."""
    student = world.student()
    world.goes_wrong("confirm", kind, acts=True)
    async with world.bot(**QUICK):
        await reaches_code(student)
        student.says(world.code)
        checking = await student.sees("tekshir")
        student.taps("pay:protokol-57")
        await student.sees("tekshir", since=checking)
        paid = await student.sees("✅")
        await world.admins.sees("✅")

    assert "Qayta toʻlamang" in checking.text or "Qayta toʻlamang" in str(checking.edits)
    assert world.calls("confirm") == 1
    assert world.charged == [PRICE]
    assert "739" in paid.text


@pytest.mark.parametrize("kind", UNCLEAR)
async def test_not_charged_is_said_only_when_atmos_can_no_longer_act(world, kind):
    student = world.student()
    world.goes_wrong("confirm", kind, acts=False)
    async with world.bot(**QUICK):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        await student.sees("pul yechilmaganini")
        student.taps("Qaytadan boshlash")
        await student.sees("karta raqam")

    assert world.calls("confirm") == 1
    assert world.charged == []


async def test_a_time_out_whose_charge_came_later_ends_in_paid(world):
    student = world.student()
    world.goes_wrong("confirm", Kind.slow, seconds=5)
    async with world.bot(**QUICK):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        await student.sees("✅")

    assert world.charged == [PRICE]


@pytest.mark.parametrize(
    ("card", "charged"), [("8600991000000015", False), ("8600992000000013", True)]
)
async def test_internal_error_on_confirm_is_unknown_whichever_way_it_went(world, card, charged):
    student = world.student()
    async with world.bot(**QUICK):
        await reaches_code(student, card)
        student.says(world.code)
        await student.sees("tekshir")
        await student.sees("✅" if charged else "pul yechilmaganini")

    assert world.charged == [PRICE] * charged


async def test_a_limit_that_has_no_known_code_is_told_once_not_charged_is_certain(world):
    student = world.student()
    async with world.bot(**QUICK):
        await reaches_code(student, "8600991000009032")
        student.says(world.code)
        await student.sees("tekshir")
        await student.sees("limiti tugagan")

    assert world.charged == []


async def test_an_unknown_code_on_confirm_tells_the_admins_the_code(world):
    student = world.student()
    async with world.bot(**QUICK):
        await reaches_code(student, "8600991000009560")
        student.says(world.code)
        await student.sees("tekshir")
        await world.admins.sees("STPIMS-ERR-956")
        await student.sees("pul yechilmaganini")


async def test_an_outage_of_get_proves_nothing(world):
    """Failure story A5."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    world.goes_wrong("get", Kind.bad_gateway, times=None)
    async with world.bot(**QUICK):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        while world.calls("get") < 4:  # two rungs, with the client's own second try
            await asyncio.sleep(0.1)

        assert "yechilmaganini" not in student.chat.render()

        world.gateway.faults.clear()
        await student.sees("✅", timeout=10)


async def test_a_capture_that_was_under_way_at_a_restart_is_asked_about(world):
    """Failure story B1, the part that a stop can show."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot(confirm_timeout=1.0, reconcile_delays=(3.0,)):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
    async with world.bot():
        await student.sees("✅")
        await world.admins.sees("✅")

    assert world.charged == [PRICE]


async def test_start_shows_checking_and_sells_nothing_meanwhile(world):
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot(confirm_timeout=5.0, reconcile_delays=(5.0,)):
        await reaches_code(student)
        student.says(world.code)
        checking = await student.sees("tekshir")
        start = student.says("/start protokol-57")
        again = await student.sees("tekshir", since=start)
        cancel = student.says("/cancel")
        await student.sees("tekshir", since=cancel)

    assert again.id != checking.id
    assert world.calls("create") == 1


async def test_a_capture_that_was_never_sent_takes_the_same_code_again(world):
    student = world.student()
    world.goes_wrong("confirm", Kind.too_many)
    async with world.bot(**QUICK):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("aloqa boʻlmadi")
        student.says(world.code)
        await student.sees("✅")

    assert world.charged == [PRICE]


async def test_the_older_name_of_confirm_missing_falls_back_to_the_newer(world):
    student = world.student()
    world.missing_paths.add("/merchant/pay/confirm")
    async with world.bot():
        await pays(student)
        student.says("8600990000000009 12/49")
        await student.sees("SMS kod")
        student.says(world.code)
        await student.sees("✅")

    assert world.charged == [PRICE]


async def test_a_charge_of_another_amount_is_neither_accepted_nor_refused(world):
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot(**QUICK):
        await reaches_code(student)
        next(iter(world.gateway.transactions.values())).amount = PRICE - 100
        student.says(world.code)
        await student.sees("tekshir")
        alarm = await world.admins.sees("boshqa toʻlovni")
        while world.calls("get") < 2:
            await asyncio.sleep(0.1)

    assert "738\xa0999" in alarm.text
    assert "✅" not in student.chat.render()
    assert len(world.admins.from_bot) == 1


async def test_not_charged_is_not_said_while_a_slow_token_holds_the_charge_back(world):
    """The review's double charge: confirm went out late, and was cut before ATMOS had acted."""
    student = world.student()
    async with world.bot(confirm_timeout=2.0, reconcile_delays=(2.2, 3.2)):
        await reaches_code(student)
        world.gateway.expire_tokens()
        world.gateway.latency |= {"token": 1.5, "confirm": 1.9}
        student.says(world.code)
        await student.sees("✅", timeout=10)

    assert "yechilmaganini" not in student.chat.render()
    assert world.charged == [PRICE]


async def test_a_slow_telegram_does_not_eat_the_time_atmos_has(world):
    student = world.student()
    async with world.bot(confirm_timeout=1.0, reconcile_delays=(1.2, 1.7)):
        await reaches_code(student)
        world.gateway.latency["confirm"] = 0.9
        world.telegram.latency["sendMessage"] = 1.5
        student.says(world.code)
        await student.sees("✅", timeout=10)

    assert world.charged == [PRICE]
    assert all("yechilmaganini" not in said for said in everything_said(student))


async def test_a_late_charge_of_a_failed_payment_is_honoured_and_told(world):
    """Failure story A4."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop)
    async with world.bot(confirm_timeout=0.4, reconcile_delays=(0.5, 1.0)):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("pul yechilmaganini")
        transaction = next(iter(world.gateway.transactions.values()))
        async with atmos_client(world.settings()) as atmos:
            await atmos.confirm(transaction.id, otp=world.code)
        await student.sees("✅")
        await world.admins.sees("Kechikkan")

    assert world.charged == [PRICE]


async def test_a_charge_given_back_before_we_knew_is_said_to_be(world):
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot(confirm_timeout=1.0, reconcile_delays=(1.5,)):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        transaction = next(iter(world.gateway.transactions.values()))
        async with atmos_client(world.settings()) as atmos:
            await atmos.reverse(transaction.success_trans_id)
        await student.sees("qaytarilgan")


async def test_one_answer_that_makes_no_sense_stops_nothing(world):
    """The review's poison: a time in nanoseconds ended the process, again at every start."""
    first, second = world.student(), world.student(777, "Ikkinchi")
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot(confirm_timeout=1.0, reconcile_delays=(1.2,)):
        await reaches_code(first)
        first.says(world.code)
        await first.sees("tekshir")
        next(iter(world.gateway.transactions.values())).confirm_time = 10**20
        await first.sees("✅")
        await reaches_code(second)


async def test_a_second_message_while_it_is_charged_does_not_break_the_dialogue(world):
    student = world.student()
    world.gateway.latency["confirm"] = 0.7
    async with world.bot():
        await reaches_code(student)
        student.says(world.wrong_code)
        await student.sees("⏳")
        student.says("nima boʻldi?")
        await student.sees("ta urinish")
        code = student.says(world.code)
        await student.sees("✅")

    assert code.deleted


async def test_after_paid_the_student_may_say_anything(world):
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("✅")
        await asyncio.sleep(0.3)
        thanks = student.says("rahmat!")
        await student.sees("/start ni bosing", since=thanks)

    assert not thanks.deleted


async def test_a_closed_transaction_that_is_paid_is_called_paid(world):
    student = world.student()
    async with world.bot(otp_resend_after=0.1):
        prompt = await reaches_code(student)
        transaction = next(iter(world.gateway.transactions.values()))
        async with atmos_client(world.settings()) as atmos:
            await atmos.confirm(transaction.id, otp=world.code)
        await world.telegram.until(lambda: "Kodni qayta yuborish" in str(prompt.buttons))
        student.taps("Kodni qayta yuborish")
        await student.sees("✅")

    assert world.charged == [PRICE]


async def test_a_database_that_fails_for_a_moment_stops_no_announcement(world):
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        with sqlite3.connect(world.home / "checkout.db", isolation_level=None) as other:
            other.execute("ALTER TABLE outbox RENAME TO elsewhere")
            await asyncio.sleep(1.5)
            other.execute("ALTER TABLE elsewhere RENAME TO outbox")
        other.close()
        student.says(world.code)
        await student.sees("✅")
        await world.admins.sees("✅")


def everything_said(student):
    written = student.chat.written.values()
    return [said for message in written for said in (message.text, *message.edits)]
