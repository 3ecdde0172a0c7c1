"""A capture without a clear answer: nobody is told an untruth, and nobody pays twice."""

import asyncio

import pytest

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
