"""Promises to Telegram, kept within its limits."""

import asyncio
import re
import time
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import structlog
from aiogram.exceptions import AiogramError
from aiohttp import web
from aiolimiter import AsyncLimiter

from bot import app, notices, telegram
from bot.notices import AdminGroup, Notice, Words, deletion
from bot.outbox import Outbox
from bot.redact import redact_event
from bot.telegram import AnotherCopyRuns
from bot.voice import Pace, Voice
from sandbox.faults import Fault, Kind
from sandbox.telegram import http as telegram_http
from sandbox.telegram.limits import Limits
from tests.conftest import (
    ADMINS,
    EXPIRY,
    GOOD,
    PRICE,
    everything_said,
    free_port,
    pays,
    reaches_code,
)
from tests.test_texts import INTENT

SALES = 40


async def promise_sales(database):
    group = AdminGroup(ADMINS, None, "uz")
    sales = [
        group.told(Words("admin-late", {"order": f"order-{n}.", "status": "failed"}), f"{n}")
        for n in range(SALES)
    ]
    await database.promise(sales)


def settled(number):
    return {"order": f"order-{number}", "shown": "paid", "by": "Admin"}


def told_of(world):
    said = "\n".join(world.admins.texts)
    return [said.count(f"order-{number}.") for number in range(SALES)]


async def test_a_flood_of_sales_is_told_within_the_limit_each_once(world, database):
    """Failure story E2: 429 with retry_after during forty sales."""
    world.telegram.limits = Limits(time.time)
    world.telegram.faults.add(Fault("sendMessage", Kind.too_many, seconds=2))
    await promise_sales(database)
    async with world.bot(), asyncio.timeout(120):
        while sum(told_of(world)) < SALES:
            await asyncio.sleep(0.1)

    assert told_of(world) == [1] * SALES
    assert len(world.admins.from_bot) <= 18


async def test_notices_of_one_chat_arrive_in_their_order(world, database):
    await promise_sales(database)
    async with world.bot(), asyncio.timeout(120):
        while sum(told_of(world)) < SALES:
            await asyncio.sleep(0.1)

    said = "\n".join(world.admins.texts)
    places = [said.index(f"order-{number}.") for number in range(SALES)]
    assert places == sorted(places)


async def test_the_first_notice_failing_does_not_keep_the_others_back(world):
    """Failure story E4."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        with world.holding("confirm"):
            student.says(world.code)
            await student.sees("⏳")
            world.telegram.faults.add(Fault("editMessageText", Kind.server_error, times=None))
        await world.admins.sees("✅")
        before = student.chat.render()
        world.telegram.faults.clear()
        await student.sees("✅")

    assert "✅" not in before
    assert world.charged == [PRICE]


async def test_of_three_notices_for_one_group_the_first_failing_lets_the_others_through(
    world, database
):
    """Failure story E4: where all three wait in one chat."""
    group = AdminGroup(ADMINS, None, "uz")
    late = [Words("admin-late", {"order": order, "status": "failed"}) for order in ("1.", "2.")]
    await database.promise([group.told(words) for words in (Words("no-such-text"), *late)])
    async with world.bot():
        await world.admins.sees("Kechikkan toʻlov: 1.")
        await world.admins.sees("Kechikkan toʻlov: 2.")


async def test_a_message_sent_whose_answer_was_lost_is_seen_twice_at_the_most(world):
    """Failure story E3: the second one is known by its order number."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        with world.holding("confirm"):
            student.says(world.code)
            await student.sees("⏳")
            world.telegram.faults.add(Fault("sendMessage", Kind.drop, acts=True))
        await student.sees("✅")
        await world.telegram.until(lambda: not world.telegram.faults.waiting)
        while world.stored("SELECT id FROM outbox WHERE sent_at IS NULL"):
            await asyncio.sleep(0.05)

    order = next(iter(world.gateway.transactions.values())).account
    told = [text for text in world.admins.texts if "✅" in text]
    assert 1 <= len(told) <= 2
    assert all(order in text for text in told)


async def test_a_notice_whose_text_is_missing_stays_and_health_turns_red(world, database):
    """Failure story B6."""
    await database.promise([AdminGroup(ADMINS, None, "uz").told(Words("no-such-text"), "x")])
    port = free_port()
    async with (
        world.bot(health_port=port),
        httpx.AsyncClient(timeout=60) as merchant,
        asyncio.timeout(60),
    ):
        while True:
            ready = await merchant.get(f"http://127.0.0.1:{port}/readyz")
            if ready.status_code != 200:
                break
            await asyncio.sleep(0.1)
        alive = await merchant.get(f"http://127.0.0.1:{port}/healthz")

    assert (ready.status_code, ready.json()) == (503, {"ok": False, "dead_notices": 1})
    assert alive.status_code == 200
    assert world.stored("SELECT sent_at FROM outbox WHERE dead_at IS NOT NULL") == [(None,)]


async def test_the_notices_of_one_student_go_a_second_apart_after_a_short_burst(world, database):
    student = world.student()
    student.says("/help")
    promised = [
        Notice(chat_id=student.id, language="uz", words=Words("admin-settled", settled(number)))
        for number in range(7)
    ]
    await database.promise(promised)
    async with world.bot():
        await student.sees("order-6")
    sent = [
        call.at
        for call in world.telegram.calls
        if call.method == "sendMessage" and "order-" in call.params["text"]
    ]

    assert len(sent) == 7
    assert sent[6] - sent[0] > 1.5
    burst = world.stored("SELECT DISTINCT due_at FROM outbox WHERE id <= 5")
    assert len(burst) == 1  # none of the first five was put off


async def test_a_students_last_words_that_never_arrive_are_told_to_the_admins(world):
    """Failure story E5: paid, and the bot blocked before it was said."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        with world.holding("confirm"):
            student.says(world.code)
            student.deletes(await student.sees("⏳"))
            student.blocks()
        await world.admins.sees("✅")
        told = await world.admins.sees("botni bloklagan")

    order = next(iter(world.gateway.transactions.values())).account
    assert world.charged == [PRICE]
    assert order in told.text


async def test_a_notice_with_a_button_keeps_it_amid_a_flood(world, database):
    group = AdminGroup(ADMINS, None, "uz")
    before, after = (
        [group.told(Words("admin-settled", settled(n)), f"{n}") for n in numbers]
        for numbers in (range(3), range(3, 6))
    )
    alarm = group.told(notices.twice(INTENT, replace(INTENT, id=2)), "twice")
    await database.promise([*before, alarm, *after])
    async with world.bot():
        await world.admins.sees("order-5")

    said = world.admins.texts
    assert ["ikki marta" in text for text in said] == [False, True, False]
    assert all(f"order-{n}" in said[0] for n in range(3))
    assert world.admins.from_bot[1].markup


async def test_a_notice_that_cannot_be_said_does_not_take_its_neighbours_with_it(world, database):
    group = AdminGroup(ADMINS, None, "uz")
    words = [
        Words("admin-settled", settled(1)),
        Words("no-such-text"),
        Words("admin-settled", settled(2)),
    ]
    await database.promise([group.told(one, f"{n}") for n, one in enumerate(words)])
    async with world.bot():
        await world.admins.sees("order-2")

    assert any("order-1" in text for text in world.admins.texts)
    assert len(world.stored("SELECT id FROM outbox WHERE dead_at IS NOT NULL")) == 1


async def test_what_was_said_is_not_said_again_while_that_cannot_be_stored(world, database):
    group = AdminGroup(ADMINS, None, "uz")
    await world.fills_disk("UPDATE OF sent_at ON outbox")
    await database.promise([group.told(Words("admin-settled", settled(1)), "1")])
    async with world.bot():
        with structlog.testing.capture_logs() as lines:
            while [line["event"] for line in lines].count("outbox_failed") < 3:
                await asyncio.sleep(0.05)
        await world.frees_disk()
        while world.stored("SELECT id FROM outbox WHERE sent_at IS NULL"):
            await asyncio.sleep(0.05)

    assert sum("order-1" in text for text in world.admins.texts) == 1


async def test_a_card_goes_though_nothing_can_be_stored_and_its_step_is_done_when_it_can(world):
    student = world.student()
    async with world.bot():
        await pays(student)
        await world.fills_disk("INSERT ON outbox")
        card = student.says(GOOD)
        while not card.deleted:
            await asyncio.sleep(0.02)
        await world.frees_disk()
        await student.sees("muddat", since=card)

    assert sum("muddat" in said for said in everything_said(student)) == 1


async def test_all_students_together_are_told_no_faster_than_telegram_lets_a_bot_speak(
    world, database
):
    students = [world.student(1000 + number) for number in range(65)]
    for student in students:
        student.says("/help")
    promised = [
        Notice(chat_id=student.id, language="uz", words=Words("admin-settled", settled(1)))
        for student in students
    ]
    await database.promise(promised)
    world.telegram.updates.clear()
    async with world.bot():
        for student in students:
            await student.sees("order-1")
    sent = [call.at for call in world.telegram.calls if call.method == "sendMessage"]

    assert len(sent) == 65
    assert sent[-1] - sent[0] > 1.0


async def test_a_flood_of_accounts_makes_everybody_wait_and_nobody_go_unanswered(world, database):
    """The attacker's find: answers had no pace, met 429 and were lost, and so were others'."""
    world.telegram.limits = Limits(time.time)
    crowd = [world.student(1000 + number) for number in range(65)]
    promised = [
        Notice(chat_id=one.id, language="uz", words=Words("admin-settled", settled(1)))
        for one in crowd[:10]
    ]
    async with world.bot():
        for one in crowd:
            one.says("/help")
        await database.promise(promised)
        for one in crowd:
            await one.sees("Bu bot orqali")
        for one in crowd[:10]:
            await one.sees("order-1")


async def test_of_those_who_wait_three_are_urgent_for_each_that_is_not():
    """The chaos run's find: with hundreds paying nobody could begin, the group heard nothing."""
    pace, said = Pace(1), []

    async def says(what, *, urgent):
        await pace.turn(urgent=urgent)
        said.append(what)

    async with asyncio.TaskGroup() as group:
        for number in range(2):
            group.create_task(says(f"look {number}", urgent=False))
        for number in range(7):
            group.create_task(says(f"pay {number}", urgent=True))
        group.create_task(says("look 2", urgent=False)).cancel()
        await asyncio.sleep(0)
        assert pace.is_crowded(urgent=True)
        pace._limiter = AsyncLimiter(100)

    pays = [f"pay {number}" for number in range(7)]
    assert said == [*pays[:3], "look 0", *pays[3:6], "look 1", pays[6]]
    assert not pace.is_crowded(urgent=False)


async def test_in_a_rush_who_pays_is_not_kept_waiting_by_those_who_look(world):
    world.overrides["messages_a_second"] = 2  # for half a minute there is a queue
    student = world.student()
    crowd = [world.student(1000 + number) for number in range(60)]
    async with world.bot():
        await reaches_code(student)
        for one in crowd:
            one.says("/help")
        await crowd[2].sees("Bu bot orqali")
        student.says(world.code)
        await student.sees("✅")
        answered = sum("Bu bot orqali" in str(everything_said(one)) for one in crowd)

    assert answered < len(crowd)


class Held:
    """Deliveries to some chats that take until `go` is set, and all that were begun."""

    def __init__(self, monkeypatch, *chats):
        self.begun: list[tuple[int, str | None]] = []
        self.go = asyncio.Event()
        sends = Outbox._send

        async def send(outbox, notice):
            self.begun.append((notice.chat_id, notice.words and notice.words.args.get("order")))
            if notice.chat_id in chats and notice.words:
                await self.go.wait()
            await sends(outbox, notice)

        monkeypatch.setattr(Outbox, "_send", send)

    async def has_begun(self, *chats):
        while not {chat for chat, _ in self.begun} >= set(chats):
            await asyncio.sleep(0.02)


def promised(chat_id, number=1):
    return Notice(chat_id=chat_id, language="uz", words=Words("admin-settled", settled(number)))


def forgotten(chat_id, message_id):
    """Promise a deletion that is due now."""
    return replace(deletion(chat_id, message_id, "uz"), after=timedelta())


async def all_is_told(world):
    """Wait for all that is promised to be told, and that stored."""
    while world.stored("SELECT id FROM outbox WHERE sent_at IS NULL"):
        await asyncio.sleep(0.02)


async def test_a_message_that_takes_long_keeps_no_other_chat_from_its_result(
    world, database, monkeypatch
):
    """The reviewer's find: the next round waited for the slowest of the last one."""
    student, other = world.student(), world.student(777, "Boshqa")
    other.says("/start")
    held = Held(monkeypatch, other.id)
    async with world.bot():
        await reaches_code(student)
        await database.promise([promised(other.id)])
        await held.has_begun(other.id)
        student.says(world.code)
        await student.sees("✅")
        held.go.set()
        await other.sees("order-1")


async def test_no_deletion_waits_for_messages_however_many_are_under_way(
    world, database, monkeypatch
):
    monkeypatch.setattr("bot.outbox.BATCH", 2)
    students = [world.student(1000 + number) for number in range(4)]
    written = [student.says("salom") for student in students]
    world.telegram.updates.clear()
    ids = [student.id for student in students]
    held = Held(monkeypatch, *ids)
    await database.promise([promised(chat) for chat in ids])
    async with world.bot():
        await held.has_begun(*ids[:2])
        await database.promise([forgotten(one.chat.id, one.id) for one in written])
        await world.telegram.until(lambda: all(one.deleted for one in written))
        told = [chat for chat, order in held.begun if order]
        held.go.set()
        for student in students:
            await student.sees("order-1")

    assert told == ids[:2]


async def test_the_next_deletion_does_not_wait_for_words_about_a_refused_one(
    world, database, monkeypatch
):
    student = world.student()
    old, new = student.says("salom"), student.says("salom")
    world.telegram.updates.clear()
    old.date -= 49 * 60 * 60
    go = asyncio.Event()
    says = Voice.say

    async def say(*args, **how):
        await go.wait()
        return await says(*args, **how)

    monkeypatch.setattr(Voice, "say", say)
    await database.promise([forgotten(student.id, one.id) for one in (old, new)])
    async with world.bot():
        await world.telegram.until(lambda: new.deleted)
        go.set()
        await student.sees("oʻchira olmadim")


async def test_a_notice_is_begun_once_and_the_next_of_its_chat_only_after_it(
    world, database, monkeypatch
):
    student, other = world.student(), world.student(777, "Boshqa")
    for one in (student, other):
        one.says("/start")
    world.telegram.updates.clear()
    held = Held(monkeypatch, student.id)
    await database.promise([promised(student.id, number) for number in (1, 2)])
    async with world.bot():
        await held.has_begun(student.id)
        for number in (3, 4):  # each is stored as told, which wakes the outbox
            await database.promise([promised(other.id, number)])
            await other.sees(f"order-{number}")
        begun = [order for chat, order in held.begun if chat == student.id]
        held.go.set()
        await all_is_told(world)

    assert begun == ["order-1"]
    assert [order for chat, order in held.begun if chat == student.id] == ["order-1", "order-2"]


async def test_a_delivery_that_cannot_be_stored_cancels_no_other_and_is_logged(
    world, database, monkeypatch
):
    student, other = world.student(), world.student(777, "Boshqa")
    for one in (student, other):
        one.says("/start")
    world.telegram.updates.clear()
    held = Held(monkeypatch, student.id)
    await world.fills_disk("UPDATE OF sent_at ON outbox WHEN new.chat_id = 777")
    await database.promise([promised(student.id), promised(other.id)])
    with structlog.testing.capture_logs() as lines:
        async with world.bot():
            await held.has_begun(student.id, other.id)
            while not any(line["event"] == "outbox_failed" for line in lines):
                await asyncio.sleep(0.02)
            held.go.set()
            await student.sees("order-1")
            await world.frees_disk()
            await all_is_told(world)

    assert sorted(held.begun) == [(student.id, "order-1"), (other.id, "order-1")]


async def test_a_stop_tells_what_waits_behind_what_is_under_way(world, database, monkeypatch):
    student = world.student()
    student.says("/start")
    held = Held(monkeypatch, student.id)
    await database.promise([promised(student.id, number) for number in (1, 2)])
    stop = asyncio.Event()
    stop.set()
    async with app.assembled(world.settings()) as made:
        telling = asyncio.ensure_future(made.outbox.run(stop))
        await held.has_begun(student.id)
        held.go.set()
        await telling

    assert [order for _, order in held.begun] == ["order-1", "order-2"]
    assert world.stored("SELECT id FROM outbox WHERE sent_at IS NULL") == []


async def test_a_stop_does_not_wait_for_a_database_that_takes_nothing(world, database):
    """A reviewer's find: on a full disk the bot never ended, and was killed."""
    student = world.student()
    student.says("/start")
    await database.promise([promised(student.id)])
    await world.fills_disk("UPDATE ON outbox")
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(60), app.assembled(world.settings()) as made:
        await made.outbox.run(stop)

    assert world.stored("SELECT sent_at FROM outbox") == [(None,)]


@pytest.fixture
def foreign_page(monkeypatch):
    """What a provider answers in Telegram's place, in an encoding of its own."""
    answered = telegram_http._response

    def response(answer):
        if answer.status != 502:
            return answered(answer)
        page = "<h1>Сайт заблокирован</h1>".encode("cp1251")
        return web.Response(status=502, body=page, content_type="text/html")

    monkeypatch.setattr(telegram_http, "_response", response)


@pytest.mark.usefixtures("foreign_page")
async def test_a_page_that_is_no_utf_8_costs_neither_a_deletion_nor_the_word_of_a_charge(world):
    student = world.student()
    async with world.bot():
        await pays(student)
        world.telegram.faults.add(Fault("deleteMessage", Kind.bad_gateway, times=2))
        card = student.says(GOOD)
        await student.sees("muddat", since=card)
        while not card.deleted:
            await asyncio.sleep(0.05)
        expiry = student.says(EXPIRY)
        await student.sees("SMS kod", since=expiry)
        world.telegram.faults.add(Fault("getUpdates", Kind.bad_gateway))
        world.telegram.faults.add(Fault("editMessageText", Kind.bad_gateway))
        student.says(world.code)
        await student.sees("✅")


async def test_a_deletion_does_not_follow_a_group_to_where_its_number_is_anothers(world, database):
    student = world.student()
    group = world.telegram.group(-57, "Kurs", members=[student], admins=[student])
    upgraded = world.telegram.chats[group.upgrade()]
    upgraded.bot_rights["can_delete_messages"] = True
    innocent = next(iter(upgraded.written.values()))
    await database.promise([replace(deletion(-57, innocent.id, "uz"), after=timedelta())])
    async with world.bot():
        while world.stored("SELECT id FROM outbox WHERE sent_at IS NULL"):
            await asyncio.sleep(0.05)

    assert not innocent.deleted


async def test_an_outage_of_hours_does_not_overflow_its_pause(monkeypatch):
    paused = []

    async def sleep(seconds):
        paused.append(seconds)

    monkeypatch.setattr("bot.telegram.asyncio.sleep", sleep)
    for failures in (1, 5, 5000):
        await telegram._pause(AiogramError("x"), failures)

    assert paused == [1.0, 5.0, 5.0]


async def test_what_fails_beside_the_outbox_does_not_cancel_it(world, monkeypatch):
    """Between a message sent and that stored, the admins would be told twice."""
    ended = []
    runs = Outbox.run

    async def run(outbox, stop):
        await runs(outbox, stop)
        ended.append(stop.is_set())

    async def fails(_app):
        raise AnotherCopyRuns

    monkeypatch.setattr(Outbox, "run", run)
    monkeypatch.setattr("bot.app._receive", fails)
    with pytest.raises(ExceptionGroup):
        await app.run(world.settings(), asyncio.Event(), asyncio.Event())

    assert ended == [True]


async def test_the_log_says_readably_when_a_notice_died(world, database):
    """The merchant's review: "dead_at='datetime.datetime(•••, tzinfo=…)'"."""
    words = Words("admin-late", {"order": "57", "status": "failed"})
    await database.promise([Notice(chat_id=404, language="uz", words=words)])
    with structlog.testing.capture_logs() as lines:
        async with world.bot(), asyncio.timeout(60):
            while not world.stored("SELECT 1 FROM outbox WHERE dead_at IS NOT NULL"):
                await asyncio.sleep(0.02)

    [line] = [line for line in lines if line["event"] == "notice_not_sent"]
    said = redact_event(())(None, "", dict(line))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", said["dead_at"])
