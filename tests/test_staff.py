"""What the staff may do to a payment, told in the admin group."""

import asyncio
from datetime import timedelta

import pytest
import structlog

from atmos import State
from bot import app
from bot.payment import Intent
from bot.staff import AlreadyKnown
from sandbox.faults import Fault, Kind
from tests.conftest import ADMINS, PRICE, reaches_code

UNCLEAR = [Kind.drop, Kind.bad_gateway, Kind.server_error, Kind.garbage]


@pytest.fixture(autouse=True)
def _a_person_counts_at_once(monkeypatch):
    monkeypatch.setattr("bot.staff.BY_HAND", timedelta())


@pytest.fixture
def admin(world):
    return world.telegram.people[502]


async def buys(world, student):
    """Buy, and give the order number once the admins know of it."""
    await reaches_code(student)
    student.says(world.code)
    await student.sees("✅")
    order = list(world.gateway.transactions.values())[-1].account
    await world.admins.sees(lambda message: "✅" in message.text and order in message.text)
    return order


async def gives_back(world, admin, order):
    """Ask for an order and press the button under it."""
    asked = admin.says(f"/order {order}", chat=world.admins)
    shown = await world.admins.sees("toʻlangan", since=asked)
    return admin.taps(f"reverse:{order}", shown)


async def is_unknown(world, student, **how):
    """Come to a payment whose outcome nobody knows, and give its order number."""
    world.goes_wrong("confirm", Kind.drop, **how)
    world.goes_wrong("get", Kind.bad_gateway, times=None)
    await reaches_code(student)
    student.says(world.code)
    await student.sees("tekshir")
    return list(world.gateway.transactions.values())[-1].account


async def is_not_given_back(world, student, admin):
    """Come to a reversal that ATMOS said yes to and did not do, and can do no more."""
    order = await buys(world, student)
    world.gateway.keeps_reversals = False
    tap = await gives_back(world, admin, order)
    await world.admins.sees("qaytarilmoqda", since=tap)
    await world.alters("UPDATE intents SET acts_until = '2026-01-01 00:00:00.000000'")
    return order


def reversals(world):
    return [entry.amount for entry in world.gateway.ledger if entry.kind == "reversal"]


async def test_an_administrator_gives_the_money_back_and_the_student_is_told(world, admin):
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        await gives_back(world, admin, order)
        told = await student.sees("Pul qaytarildi")
        report = await world.admins.sees("Kim qaytardi: Admin (502)")
        await world.admins.sees("puli qaytarilgan")

    facts = world.stored("SELECT kind, amount FROM ledger ORDER BY id")
    assert reversals(world) == [PRICE]
    assert order in told.text
    assert "739\xa0000" in told.text
    assert order in report.text
    assert facts == [("captured", PRICE), ("reversed", PRICE)]


async def test_what_was_given_back_can_be_bought_again(world, admin):
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        await gives_back(world, admin, order)
        back = await student.sees("Pul qaytarildi")
        await reaches_code(student)
        student.says(world.code)
        await student.sees("✅", since=back)

    assert world.charged == [PRICE, PRICE]


@pytest.mark.parametrize("kind", UNCLEAR)
async def test_a_reversal_whose_answer_was_lost_is_one_reversal(world, admin, kind):
    """Failure story A13."""
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        world.goes_wrong("reverse", kind, acts=True)
        tap = await gives_back(world, admin, order)
        await student.sees("Pul qaytarildi")
        await world.admins.sees("puli qaytarilgan", since=tap)
        again = admin.says(f"/order {order}", chat=world.admins)
        await world.admins.sees("puli qaytarilgan", since=again)

    assert world.calls("reverse") == 1
    assert reversals(world) == [PRICE]


@pytest.mark.parametrize("kind", UNCLEAR)
async def test_a_reversal_that_did_not_happen_is_said_so_and_can_be_asked_again(
    world, admin, kind
):
    """Failure story A13, the other way it may have gone."""
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        world.goes_wrong("reverse", kind)
        tap = await gives_back(world, admin, order)
        await world.admins.sees("qaytarilmoqda", since=tap)
        await world.hours_pass()
        failed = await world.admins.sees("Pul qaytmadi")
        admin.taps(f"reverse:{order}", failed)
        await student.sees("Pul qaytarildi")

    assert world.calls("reverse") == 2
    assert reversals(world) == [PRICE]


async def test_two_processes_at_once_are_one_reversal(world):
    student = world.student()
    async with world.bot():
        order = int(await buys(world, student))
    async with app.assembled(world.settings()) as one, app.assembled(world.settings()) as other:
        staff = [made.dispatcher.workflow_data["staff"] for made in (one, other)]
        await asyncio.gather(*(each.reverse(order, "Admin") for each in staff))

    assert world.calls("reverse") == 1
    assert reversals(world) == [PRICE]


async def test_two_presses_at_once_are_one_reversal(world, admin):
    student = world.student()
    world.gateway.latency["reverse"] = 0.3
    async with world.bot():
        order = await buys(world, student)
        asked = admin.says(f"/order {order}", chat=world.admins)
        shown = await world.admins.sees("toʻlangan", since=asked)
        admin.taps(f"reverse:{order}", shown)
        admin.taps(f"reverse:{order}", shown)
        await student.sees("Pul qaytarildi")

    assert world.calls("reverse") == 1
    assert reversals(world) == [PRICE]


async def test_nothing_is_asked_back_while_atmos_shows_nothing(world, admin):
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        world.goes_wrong("get", Kind.bad_gateway, times=None)
        await gives_back(world, admin, order)
        await world.admins.sees("javob bermadi")

    assert world.calls("reverse") == 0
    assert world.stored("SELECT status FROM intents") == [("captured",)]


async def test_a_reversal_that_never_left_leaves_the_payment_paid(world, admin):
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        world.goes_wrong("reverse", Kind.too_many)
        await gives_back(world, admin, order)
        await world.admins.sees("javob bermadi")
        await gives_back(world, admin, order)
        await student.sees("Pul qaytarildi")

    assert reversals(world) == [PRICE]


async def test_a_payment_given_back_in_the_cabinet_is_found_by_whoever_looks(world, admin):
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        transaction = next(iter(world.gateway.transactions.values()))
        await world.gateway.operate("reverse", {"transaction_id": transaction.success_trans_id})
        await gives_back(world, admin, order)
        await student.sees("Pul qaytarildi")

    assert world.calls("reverse") == 0
    assert reversals(world) == [PRICE]


async def test_only_administrators_of_the_group_give_money_back(world, admin):
    student = world.student()
    member = world.telegram.person(503, "Aʼzo")
    async with world.bot():
        order = await buys(world, student)
        world.admins.admit(member)
        member.says(f"/order {order}", chat=world.admins)
        shown = admin.says(f"/order {order}", chat=world.admins)
        button = await world.admins.sees("toʻlangan", since=shown)
        member.taps(f"reverse:{order}", button)
        alone = admin.says(f"/order {order}")
        await admin.sees("/start", since=alone)
        again = admin.says(f"/order {order}", chat=world.admins)
        await world.admins.sees("toʻlangan", since=again)

    assert world.calls("reverse") == 0
    assert world.admins.render().count("Buyurtma " + order) == 2


@pytest.mark.parametrize("how", ["forwarded", "caption"])
async def test_a_command_that_an_administrator_did_not_write_is_not_theirs(world, admin, how):
    """The review's find: a student's receipt, captioned /settle, was forwarded and obeyed."""
    student = world.student()
    origin = {
        "type": "user",
        "date": 1,
        "sender_user": {"id": 501, "is_bot": False, "first_name": "D"},
    }
    async with world.bot():
        order = await is_unknown(world, student)
        await world.comes("acts_until")
        await world.checks()
        command = f"/settle {order} paid 2071428"
        if how == "caption":
            admin.sends("photo", command, chat=world.admins, forward_origin=origin)
        else:
            admin.says(command, chat=world.admins, forward_origin=origin)
        own = admin.says("/settle", chat=world.admins)
        await world.admins.sees("/settle 249100032 unpaid", since=own)

    assert world.stored("SELECT status FROM intents") == [("capturing",)]


async def test_a_button_carried_into_another_chat_does_nothing(world):
    """Callback data can be made up: the chat it came from decides."""
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        paid = await student.sees("✅")
        world.telegram.tap(student, paid, f"reverse:{order}")
        asked = student.says("/help")
        await student.sees("/paysupport", since=asked)

    assert world.calls("reverse") == 0


async def test_an_anonymous_administrator_is_one(world, admin):
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        asked = admin.says(
            f"/order {order}",
            chat=world.admins,
            sender_chat={"id": ADMINS, "type": "supergroup", "title": "Sotuvlar"},
        )
        await world.admins.sees("toʻlangan", since=asked)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("/order", "Buyurtma raqamini yozing"),
        ("/order abc", "Buyurtma raqamini yozing"),
        ("/order 1", "Bunday buyurtma yoʻq"),
        ("/order 9" + "9" * 30, "Buyurtma raqamini yozing"),
        ("/settle 1", "Bunday buyurtma yoʻq"),
        ("/settle", "/settle 249100032 unpaid"),
    ],
)
async def test_an_order_that_does_not_exist_is_said_so(world, admin, asked, answer):
    async with world.bot():
        said = admin.says(asked, chat=world.admins)
        await world.admins.sees(answer, since=said)


@pytest.mark.parametrize("command", ["/order", "/settle"])
async def test_an_order_number_may_be_written_with_a_mark(world, admin, command):
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        said = admin.says(f"{command} #{order}", chat=world.admins)
        await world.admins.sees("toʻlangan", since=said)


async def test_a_payment_that_atmos_never_heard_of_is_shown_and_not_asked_about(world, admin):
    student = world.student()
    world.goes_wrong("create", Kind.refuse, times=None)
    async with world.bot():
        start = student.says("/start protokol-57")
        await student.sees("Protokol 57", since=start)
        tap = student.taps("pay:protokol-57")
        await student.sees("aloqa boʻlmadi", since=tap)
        [(order,)] = world.stored("SELECT id FROM intents")
        said = admin.says(f"/settle {order}", chat=world.admins)
        await world.admins.sees("boshlangan", since=said)

    assert world.calls("get") == 0


@pytest.mark.parametrize("charged", [True, False])
async def test_staff_settle_the_unknown_by_what_the_cabinet_shows(world, admin, charged):
    student = world.student()
    async with world.bot():
        order = await is_unknown(world, student, acts=charged)
        transaction = next(iter(world.gateway.transactions.values()))
        seen = f"paid {transaction.success_trans_id}" if charged else "unpaid"
        early = admin.says(f"/settle {order} unpaid", chat=world.admins)
        await world.admins.sees("Hal boʻlmadi", since=early)
        await world.comes("acts_until")
        await world.checks()
        said = admin.says(f"/settle {order} {seen}", chat=world.admins)
        await world.admins.sees("qoʻlda hal qilindi", since=said)
        await student.sees("✅" if charged else "sotuvchi kartadan pul yechilmaganini aniqladi")

    assert len(world.charged) == charged
    assert "bank tasdiqladi" not in student.chat.render()


async def test_whoever_comes_second_has_settled_nothing(world):
    student = world.student()
    async with world.bot():
        order = int(await is_unknown(world, student))
        await world.comes("acts_until")
        await world.checks()
    world.gateway.latency["get"] = 0.5  # both have found it unknown
    async with app.assembled(world.settings()) as one, app.assembled(world.settings()) as other:
        staff = [made.dispatcher.workflow_data["staff"] for made in (one, other)]
        with structlog.testing.capture_logs() as lines:
            found = await asyncio.gather(
                *(each.settle_by_hand(order, State.open, None, "Admin") for each in staff),
                return_exceptions=True,
            )

    assert {type(each) for each in found} == {Intent, AlreadyKnown}
    assert world.stored("SELECT status FROM intents") == [("failed",)]
    assert [line["event"] for line in lines].count("settled_by_hand") == 1


async def test_paid_by_hand_needs_the_number_atmos_gave_it(world, admin):
    student = world.student()
    async with world.bot():
        order = await is_unknown(world, student, acts=True)
        await world.comes("acts_until")
        await world.checks()
        said = admin.says(f"/settle {order} paid", chat=world.admins)
        await world.admins.sees("paid SUCCESS_TRANS_ID", since=said)

    assert world.stored("SELECT status FROM intents") == [("capturing",)]


async def test_atmoss_word_counts_before_a_persons(world, admin):
    """An administrator says unpaid; ATMOS answers again, and shows a charge."""
    student = world.student()
    async with world.bot():
        order = await is_unknown(world, student, acts=True)
        world.gateway.faults.clear()
        admin.says(f"/settle {order} unpaid", chat=world.admins)
        await student.sees("✅")

    assert "yechilmaganini" not in student.chat.render()


async def test_what_is_not_unknown_is_not_settled_by_hand(world, admin):
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        said = admin.says(f"/settle {order} unpaid", chat=world.admins)
        answer = await world.admins.sees("toʻlangan", since=said)
        assert "soʻzingiz hisobga olinmadi" in answer.text
        wrong = admin.says(f"/settle {order} gone", chat=world.admins)
        await world.admins.sees("/settle 249100032 unpaid", since=wrong)

    assert world.stored("SELECT status FROM intents") == [("captured",)]


async def test_a_second_charge_for_one_offer_is_given_back_by_one_press(world, admin):
    """Two captures of one student for one offer: reported, with the button."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        await world.hours_pass()
        await student.sees("pul yechilmaganini")
        first = next(iter(world.gateway.transactions.values()))
        second = await buys(world, student)
        await world.gateway.operate(
            "confirm", {"transaction_id": first.id, "store_id": 57, "otp": first.code}
        )
        await world.comes("check_at")
        twice = await student.sees("ikkita toʻlov oʻtdi")
        alarm = await world.admins.sees("ikki marta toʻladi")
        admin.taps(f"extra:{first.account}", alarm)
        back = await student.sees("Pul qaytarildi")
        await world.admins.sees("kursga kirishini yopmang")

    assert first.account in twice.text
    assert second in twice.text
    assert first.account in back.text
    assert second in back.text
    assert world.gateway.net == {first.account: 0, second: PRICE}


async def test_an_administrator_is_not_refused_because_telegram_is_silent(world, admin):
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        world.telegram.faults.add(Fault("getChatAdministrators", Kind.server_error))
        asked = admin.says(f"/order {order}", chat=world.admins)
        await world.admins.sees("Telegram javob bermadi", since=asked)
        again = admin.says(f"/order {order}", chat=world.admins)
        await world.admins.sees("toʻlangan", since=again)


async def test_a_word_that_settles_nothing_alarms_nobody(world, admin):
    """The review's find: /settle unpaid for a reversal told the group that ATMOS differs."""
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        world.goes_wrong("reverse", Kind.drop)
        tap = await gives_back(world, admin, order)
        await world.admins.sees("qaytarilmoqda", since=tap)
        world.goes_wrong("get", Kind.bad_gateway, times=None)
        said = admin.says(f"/settle {order} unpaid", chat=world.admins)
        await world.admins.sees("Hal boʻlmadi", since=said)

    assert "ATMOS bilan farq" not in world.admins.render()


async def test_a_second_charge_is_not_given_back_once_the_first_was(world, admin):
    """The review's find: two administrators, two buttons, and the shop had nothing."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop)
    async with world.bot():
        await reaches_code(student)
        first = world.code
        student.says(first)
        await student.sees("tekshir")
        await world.hours_pass()
        await student.sees("pul yechilmaganini")
        second = await buys(world, student)
        await world.charges(first)
        await world.comes("check_at")
        alarm = await world.admins.sees("ikki marta toʻladi")
        await gives_back(world, admin, second)
        await student.sees("Pul qaytarildi")
        tap = admin.taps("Pulni qaytarish", alarm)
        await world.admins.sees("toʻlangan", since=tap)

    assert reversals(world) == [PRICE]


async def test_one_receipt_buys_one_course(world, admin):
    first, friend = world.student(), world.student(777, "Doʻst")
    async with world.bot():
        paid = await buys(world, first)
        order = await is_unknown(world, friend)
        await world.comes("acts_until")
        await world.checks()
        number = next(iter(world.gateway.transactions.values())).success_trans_id
        said = admin.says(f"/settle {order} paid {number}", chat=world.admins)
        await world.admins.sees("boshqa buyurtmaniki", since=said)

    assert paid != order
    assert len(world.stored("SELECT id FROM ledger")) == 1


async def test_a_yes_to_a_reversal_is_not_overruled_by_what_get_still_shows(world, admin):
    student = world.student()
    async with world.bot(reconcile_delays=(100.0,)):
        order = await is_not_given_back(world, student, admin)
        said = admin.says(f"/settle {order}", chat=world.admins)
        await world.admins.sees("ATMOS bilan farq", since=said)

    assert "Pul qaytmadi" not in world.admins.render()
    assert world.calls("reverse") == 1


async def test_a_yes_to_a_reversal_that_was_not_kept_is_settled_by_hand(world, admin):
    """The review's find: all three words were dropped in silence, and no way led out."""
    student = world.student()
    async with world.bot(reconcile_delays=(100.0,)):
        order = await is_not_given_back(world, student, admin)
        start = student.says("/start protokol-57")
        await student.sees("puli qaytarilmoqda", since=start)
        for word, answer in {
            "unpaid": "bunday tugashi mumkin emas",
            "reversed": "hali toʻlangan deb koʻrsatyapti",
        }.items():
            said = admin.says(f"/settle {order} {word}", chat=world.admins)
            await world.admins.sees(answer, since=said)
        assert world.stored("SELECT status FROM intents") == [("reversing",)]
        said = admin.says(f"/settle {order} paid", chat=world.admins)
        await world.admins.sees("qoʻlda hal qilindi (toʻlangan)", since=said)
        stays = await world.admins.sees("Pul qaytmadi", since=said)
        told = await student.sees("puli qaytarilmadi", since=start)
        known = "SELECT status, reverse_accepted FROM intents"
        assert world.stored(known) == [("captured", 0)]
        world.gateway.keeps_reversals = True
        admin.taps(f"reverse:{order}", stays)
        await student.sees("Pul qaytarildi", since=told)

    assert reversals(world) == [PRICE]
    assert student.chat.render().count("Pul qaytarildi") == 1


async def test_a_yes_to_a_reversal_that_was_not_kept_is_made_good_in_the_cabinet(world, admin):
    student = world.student()
    async with world.bot(reconcile_delays=(100.0,)):
        order = await is_not_given_back(world, student, admin)
        transaction = next(iter(world.gateway.transactions.values()))
        world.gateway.keeps_reversals = True
        await world.gateway.operate("reverse", {"transaction_id": transaction.success_trans_id})
        said = admin.says(f"/settle {order} paid", chat=world.admins)
        answer = await world.admins.sees("puli qaytarilgan", since=said)
        await student.sees("Pul qaytarildi")

    assert "soʻzingiz hisobga olinmadi" in answer.text
    assert "qoʻlda hal qilindi" not in world.admins.render()
    assert reversals(world) == [PRICE]


async def test_who_saw_it_paid_outweighs_a_yes_while_atmos_is_silent(world, admin):
    student = world.student()
    async with world.bot(reconcile_delays=(100.0,)):
        order = await is_not_given_back(world, student, admin)
        world.goes_wrong("get", Kind.bad_gateway, times=None)
        said = admin.says(f"/settle {order} paid", chat=world.admins)
        await world.admins.sees("qoʻlda hal qilindi", since=said)
        await student.sees("puli qaytarilmadi")

    assert world.stored("SELECT status FROM intents") == [("captured",)]


@pytest.mark.parametrize("word", ["paid", "unpaid", "reversed"])
async def test_no_word_settles_a_reversal_within_the_hour(world, admin, monkeypatch, word):
    """Nor is giving it back in the cabinet advised: ATMOS may yet do it itself."""
    monkeypatch.setattr("bot.staff.BY_HAND", timedelta(days=3650))
    student = world.student()
    async with world.bot(reconcile_delays=(100.0,)):
        order = await is_not_given_back(world, student, admin)
        said = admin.says(f"/settle {order} {word}", chat=world.admins)
        await world.admins.sees("bir soat oʻtgach qayta yozing", since=said)

    assert world.stored("SELECT status FROM intents") == [("reversing",)]
