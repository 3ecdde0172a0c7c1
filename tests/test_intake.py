"""What Telegram hands over is taken once, and no card stays, whatever it comes in."""

import asyncio
import json
import sqlite3
from contextlib import closing
from functools import partial

import pytest

from sandbox.faults import Fault, Kind
from tests.conftest import EXPIRY, GOOD, PRICE, everything_said, names_card, pays, reaches_code

CARD = "8600 9900 0000 0009"
GROUP = -1_000_000_000_099


def last_update(world):
    """Give the newest update of a person's message, as Telegram sent it."""
    return list(world.telegram.updates)[-1].update


def begun(holder):
    """Take the database's only writing lock, in a moment in which nobody has it."""
    try:
        holder.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


async def until(true):
    while not true():
        await asyncio.sleep(0.02)


async def test_an_update_that_telegram_repeats_is_handled_once(world):
    student = world.student()
    async with world.bot():
        start = student.says("/help")
        again = last_update(world)
        await student.sees("/cancel", since=start)
        world.telegram.inject(again)
        question = student.says("/privacy")
        await student.sees("Karta", since=question)

    assert sum("/language" in said for said in everything_said(student)) == 1


async def test_an_update_that_a_new_process_is_given_again_is_not_handled_again(world):
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        code = student.says(world.code)
        again = last_update(world)
        await student.sees("✅")
    async with world.bot():
        world.telegram.inject(again)
        question = student.says("/privacy")
        await student.sees("Karta", since=question)

    assert code.deleted
    assert world.charged == [PRICE]
    assert sum("✅" in said for said in everything_said(student)) == 1


async def test_nothing_is_confirmed_to_telegram_before_it_is_stored(world):
    """A kill in between cost a card message that nobody deleted (the chaos' find)."""
    student = world.student()
    async with world.bot():
        await pays(student)
        await world.alters(
            "CREATE TRIGGER full BEFORE INSERT ON inbox "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
        world.telegram.faults.add(Fault("deleteMessage", Kind.bad_gateway, times=None))
        card = student.says(GOOD)
        await until(lambda: any(call.method == "deleteMessage" for call in world.telegram.calls))
    await world.alters("DROP TRIGGER full")
    world.telegram.faults.clear()
    async with world.bot():
        await student.sees("muddat", since=card)

    assert card.deleted


async def test_a_database_that_does_not_answer_keeps_nobodys_card_in_the_chat(world):
    first, second = world.student(501), world.student(503, "Sardor")
    async with world.bot():
        await pays(first)
        await pays(second)
        with closing(sqlite3.connect(world.home / "checkout.db", isolation_level=None)) as holder:
            await until(partial(begun, holder))
            card = first.says(GOOD)
            await until(lambda: card.deleted)
            other = second.says(GOOD)
            await until(lambda: other.deleted)
        await first.sees("muddat")
        await second.sees("muddat")


@pytest.mark.parametrize(
    "content",
    [
        {"text": f"{CARD}, 12/49"},
        {"text": "8600_9900/0000|0009"},
        {"text": "8600990000000009" + "1249"},
        {"text": "salom", "quote": {"text": CARD, "position": 0}},
        {"contact": {"phone_number": "8600990000000009", "first_name": "Karta"}},
        {"venue": {"title": CARD, "address": "", "location": {"longitude": 69, "latitude": 41}}},
    ],
    ids=lambda content: next(reversed(content)),
)
async def test_a_card_that_nobody_asked_for_is_deleted_and_goes_no_further(world, content):
    student = world.student()
    async with world.bot():
        sent = student.sends(content)
        await student.sees("faqat bot soʻraganda", since=sent)

    assert sent.deleted
    assert world.calls("create") == 0


async def test_a_card_at_the_step_of_the_code_is_no_code(world):
    """Failure story D6."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        card = student.says(CARD)
        await student.sees("faqat bot soʻraganda", since=card)
        await student.sees("6 xonali SMS kodni", since=card)
        student.says(world.code)
        await student.sees("✅")

    assert card.deleted
    assert world.calls("pre-apply") == 1
    assert world.charged == [PRICE]


async def test_a_card_in_a_group_is_deleted_where_the_bot_may_and_nobody_pays_there(world):
    """Failure story D6."""
    student = world.student()
    world.telegram.group(
        GROUP, "Kurs", members=[student], bot_rights={"can_delete_messages": True}
    )
    group = world.telegram.chats[GROUP]
    async with world.bot():
        sent = student.says(f"kartam: {CARD}", chat=group)
        await group.sees("guruhga yozmang", since=sent)

    assert sent.deleted


async def test_an_edit_that_brings_a_card_into_a_group_is_deleted(world):
    """Failure story D6."""
    student = world.student()
    world.telegram.group(
        GROUP, "Kurs", members=[student], bot_rights={"can_delete_messages": True}
    )
    group = world.telegram.chats[GROUP]
    async with world.bot():
        sent = student.says("salom", chat=group)
        student.edits(sent, CARD)
        await group.sees("guruhga yozmang", since=sent)

    assert sent.deleted


async def test_a_card_in_an_update_that_cannot_be_read_is_deleted_and_answered(world):
    student = world.student()
    async with world.bot():
        await pays(student)
        sent = student.chat.write(student, {"text": CARD})
        unreadable = sent.json() | {"date": "yesterday"}
        world.telegram.inject({"message": unreadable})
        await student.sees("faqat matn", since=sent)
        await names_card(student)
        await student.sees("SMS kod")

    assert sent.deleted


@pytest.mark.parametrize(
    "update",
    [
        {"message": None},
        {"message": {"chat": {"id": 10**30}, "message_id": True, "text": CARD}},
        {"message": {"chat": [], "message_id": "1", "text": [[[CARD]]]}},
        {"callback_query": {"message": {"chat": {"id": {}}}}},
        {"poll": json.loads("[" * 200 + "]" * 200)},
    ],
)
async def test_nonsense_stops_nothing(world, update):
    student = world.student()
    world.telegram.inject({"message": student.chat.write(student, {"text": "salom"}).json()})
    world.telegram.updates._waiting.clear()
    async with world.bot():
        world.telegram.updates.allowed = None
        world.telegram.inject(update)
        asked = student.says("/privacy")
        await student.sees("Karta", since=asked)


async def test_a_photo_at_the_card_step_is_deleted_and_never_downloaded(world):
    student = world.student()
    async with world.bot():
        await pays(student)
        photo = student.sends("photo", caption="kartam")
        await student.sees("faqat matn", since=photo)
        await names_card(student, GOOD, EXPIRY)

    assert photo.deleted
    assert not [call for call in world.telegram.calls if call.method == "getFile"]
