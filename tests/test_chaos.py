"""The chaos run in its short form, and that its checks can fail."""

import pytest

from sandbox.atmos import Entry, Gateway
from sandbox.chaos import run as chaos
from sandbox.chaos.checks import Evidence, violations
from sandbox.telegram import Telegram

ORDER, PRICE = "249100032", 73_900_000
PAID = f"✅ Toʻlov qabul qilindi\n\nBuyurtma: {ORDER}"


@pytest.mark.timeout(600)  # half a minute, on a machine that does nothing else
def test_students_buy_while_the_bot_is_killed_again_and_again(capsys):
    code = chaos.main(["--students", "12", "--seconds", "12", "--kill-every", "1", "--seed", "57"])
    said = capsys.readouterr().out

    assert code == 0, said
    assert "12 of 12 students have bought" in said
    assert "kill -9" in said
    assert said.endswith("0 violations\n")


@pytest.fixture
def evidence():
    """A world in which one student has bought, and all is as it should be."""
    telegram = Telegram(token="42:sandbox")
    student = telegram.person(501, "Dilnoza")
    admins = telegram.group(-57, "Admins")
    gateway = Gateway()
    gateway.ledger.append(charge(at=0.0))
    student.chat.write(telegram.bot, {"text": PAID})
    admins.write(telegram.bot, {"text": PAID})
    typed = student.says("111111")
    student.chat.erase(typed, telegram.bot)
    return Evidence(
        gateway=gateway,
        admins=admins,
        students=[student],
        intents=[{"id": int(ORDER), "student_id": 501, "status": "captured"}],
        ledger=[{"intent_id": int(ORDER), "kind": "captured", "amount": PRICE}],
        typed=[typed],
    )


def charge(order=ORDER, at=0.0):
    return Entry("charge", 14_500_001, 2_071_428, order, PRICE, at)


def broken(evidence):
    return {said for said, found in violations(evidence) if found}


def test_a_good_world_breaks_nothing(evidence):
    assert broken(evidence) == set()


def charge_twice(world):
    world.gateway.ledger.append(charge())


def sell_twice(world):
    world.gateway.ledger.append(charge("249100033"))
    world.intents.append({"id": 249100033, "student_id": 501, "status": "captured"})


def forget_a_capture(world):
    world.intents[0]["status"] = "failed"


def take_back_what_was_said(world):
    chat = world.students[0].chat
    chat.erase(chat.from_bot[0], world.students[0].telegram.bot)


def keep_it_from_the_admins(world):
    world.admins.erase(world.admins.from_bot[0], world.students[0].telegram.bot)


def say_it_too_early(world):
    world.gateway.ledger[:] = [charge(at=world.students[0].chat.history[0].at + 60)]


def say_it_of_no_charge_and_take_it_back(world):
    chat, bot = world.students[0].chat, world.students[0].telegram.bot
    chat.erase(chat.write(bot, {"text": PAID.replace(ORDER, "249100033")}), bot)


def lose_a_fact(world):
    world.ledger.clear()


def leave_it_unknown(world):
    world.intents.append({"id": 249100034, "student_id": 501, "status": "capturing"})


def leave_it_unsaid(world):
    world.outbox.append({"key": "paid", "chat_id": 501, "dead_at": None, "error": None})


def block_a_student(world):
    world.blocked.append(world.students[0])


def leave_a_code(world):
    world.typed.append(world.students[0].says("111111"))


def leak(world):
    world.leaks.add("checkout.db-wal")


def tell_admins_again(world):
    world.admins.write(world.students[0].telegram.bot, {"text": PAID})


def end(world):
    world.wrong_ends.append("ended by itself with 1")


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (charge_twice, "an order is charged once at the most"),
        (sell_twice, "a student is charged once at the most"),
        (forget_a_capture, "charged is what the database calls captured"),
        (take_back_what_was_said, "charged is what students read as paid"),
        (keep_it_from_the_admins, "charged is what admins read as paid"),
        (say_it_too_early, "nobody was ever told paid before it was"),
        (say_it_of_no_charge_and_take_it_back, "nobody was ever told paid before it was"),
        (lose_a_fact, "the ledger's sums are the gateway's"),
        (leave_it_unknown, "no outcome is left unknown"),
        (leave_it_unsaid, "no notice is left unsent"),
        (block_a_student, "nobody is kept from buying"),
        (leave_a_code, "card, expiry and code messages are gone"),
        (leak, "no card digits in database, WAL and log"),
        (tell_admins_again, "admins are told again only after a lost answer"),
        (end, "the bot ends only when told, with 0 at SIGTERM"),
    ],
)
def test_each_check_finds_what_breaks_it(evidence, plant, said):
    plant(evidence)

    assert said in broken(evidence)
