"""Whoever tests stolen cards, guesses codes or floods a phone is stopped; whoever buys is not."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from bot import db
from bot.cards import CardNumber
from bot.limits import HOUR, Attempts, Limit, LimitReached, Limits
from bot.offers import TASHKENT
from sandbox.atmos.cards import with_check_digit
from sandbox.faults import Kind
from tests.conftest import EXPIRY, GOOD, OFFERS, PRICE, everything_said, pays, reaches_code
from tests.test_texts import INTENT

NOW = datetime(2026, 11, 24, 10, 4, 30, tzinfo=UTC)
BUSY = "8600990000000017"
REFUSED = [  # at pre-apply, so that each leads back to the card
    BUSY,
    "8600990000000678",
    "8600990000009000",
    "8600990000009018",
    "8600990000009026",
]
TOO_MANY_CARDS = "juda koʻp karta yuborildi"
TOO_MANY_OF_ONE = "bu karta bilan juda koʻp"
TOO_MANY_CODES = "juda koʻp SMS"
TOO_MANY_GUESSES = "juda koʻp marta notoʻgʻri kiritildi, shuning uchun"
REPORTED = "begona kartalar"
ROWS = "SELECT kind, count(*) FROM attempts WHERE kind != 'payments' GROUP BY kind ORDER BY kind"
ONE_MORE = "INSERT INTO attempts (student_id, kind, at) VALUES (501, 'codes', datetime('now'))"
NINETEEN = """
    INSERT INTO attempts (student_id, kind, at)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 19)
    SELECT 501, 'guesses', datetime('now') FROM numbers"""
A_DAY_AGO = "UPDATE attempts SET at = datetime(at, '-1 day')"


def a_card(number):
    """Make up a sound number that is none of the sandbox's special ones."""
    return with_check_digit(f"860012345678{number:03}")


async def tries(student, card, said="yuboring"):
    """Name a card at its step, and give what the bot says of it."""
    typed = student.says(f"{card} {EXPIRY}")
    return await student.sees(lambda m: said in m.text and "⏳" not in m.text, since=typed)


async def asks_again(world, student, prompt, said):
    """Press "send again" as soon as it is there."""
    await world.lets_send_again(prompt)
    await world.telegram.until(lambda: "Kodni qayta yuborish" in str(prompt.buttons))
    return await student.sees(said, since=student.taps("Kodni qayta yuborish", prompt))


async def guesses(student, code, said):
    typed = student.says(code)
    return await student.sees(said, since=typed)


# Cards


async def test_a_sixth_card_within_the_hour_is_refused_and_atmos_is_not_asked(world):
    """Failure story D9."""
    student = world.student()
    async with world.bot():
        await pays(student)
        for card in REFUSED:
            await tries(student, card, "yuboring")
        refused = await tries(student, GOOD, TOO_MANY_CARDS)
        assert world.calls("pre-apply") == 5
        await tries(student, BUSY, "hozir band")  # the same card again is no new one

    assert world.calls("pre-apply") == 6
    assert world.gateway.sms == []
    assert [button["text"] for row in refused.rows for button in row] == [
        "🔄 Qaytadan boshlash",
        "Bekor qilish",
    ]


async def test_the_answer_says_when_to_come_back_in_tashkent(world):
    student = world.student()
    async with world.bot(code_requests_a_day=1):
        await pays(student)
        before = datetime.now(TASHKENT)
        await tries(student, BUSY, "hozir band")
        refused = await tries(student, BUSY, TOO_MANY_CODES)

    [said] = re.findall(r"\d\d\.\d\d\.\d{4} \d\d:\d\d", refused.text)
    back = datetime.strptime(said, "%d.%m.%Y %H:%M").replace(tzinfo=TASHKENT)
    [(stored,)] = world.stored("SELECT at FROM attempts WHERE kind = 'codes'")
    free = datetime.fromisoformat(stored).replace(tzinfo=UTC) + timedelta(days=1)
    assert before + timedelta(days=1) < free <= back < free + timedelta(minutes=1)


async def test_ten_accounts_and_one_card_are_five_messages_on_one_phone(world):
    students = [world.student(700 + number, f"Hisob {number}") for number in range(10)]
    async with world.bot():
        for student in students:
            await pays(student)
        await asyncio.gather(*(tries(student, GOOD, "SMS kod") for student in students[:5]))
        refused = (tries(student, GOOD, TOO_MANY_OF_ONE) for student in students[5:])
        await asyncio.gather(*refused)
        other = await tries(students[-1], a_card(1), "SMS kod")

    assert len(world.gateway.sms) == 6
    assert other.text.count("8600 12** **** ") == 1


async def test_one_card_has_no_more_codes_sent_than_one_student_however_they_are_asked_for(world):
    first, second, third = (world.student(700 + number) for number in range(3))
    async with world.bot(code_requests_a_day=3):
        prompt = await reaches_code(first)
        await asks_again(world, first, prompt, "yangi SMS kod")
        prompt = await reaches_code(second)
        refused = await asks_again(world, second, prompt, TOO_MANY_OF_ONE)
        await pays(third)
        await tries(third, GOOD, TOO_MANY_OF_ONE)

    assert len(world.gateway.sms) == 3
    assert "6 xonali SMS kodni yuboring" in refused.text


async def test_no_card_is_in_a_table(world):
    student = world.student()
    async with world.bot():
        await reaches_code(student)

    rows = world.stored("SELECT * FROM attempts")
    assert [row[1:3] for row in rows] == [(student.id, "payments"), (student.id, "codes")]
    assert {len(row) for row in rows} == {4}  # and its id and time


# Payments


async def test_who_opens_and_cancels_without_end_is_stopped_and_reported_once(world):
    """An attacker's find: a hundred transactions at ATMOS in twelve seconds, and no word of it."""
    student = world.student()
    async with world.bot(payments_a_day=2):
        for _ in range(2):
            await pays(student)
            cancel = student.taps("Bekor qilish")
            await student.sees("bekor qilindi", since=cancel)
        for _ in range(3):
            pay = student.taps("pay:protokol-57")
            await student.sees("juda koʻp toʻlov boshlandi", since=pay)
        reported = await world.admins.sees(REPORTED)

    assert "boshlangan toʻlov" in reported.text
    assert world.calls("create") == 2
    assert world.stored("SELECT count(*) FROM intents") == [(3,)]
    assert "".join(world.admins.texts).count(REPORTED) == 1


# Codes asked for


async def test_an_eleventh_request_for_a_code_within_a_day_is_refused(world):
    student = world.student()
    async with world.bot():
        await pays(student)
        for _ in range(10):
            await tries(student, BUSY, "hozir band")
        await tries(student, BUSY, TOO_MANY_CODES)
        assert world.calls("pre-apply") == 10
        await world.alters(A_DAY_AGO)
        bought = await tries(student, GOOD, "SMS kod")
        await guesses(student, world.code, "✅")

    assert "8600 99** **** 0009" in bought.text
    assert world.charged == [PRICE]


async def test_a_code_that_is_out_is_good_though_no_more_are_sent(world):
    student = world.student()
    async with world.bot(code_requests_a_day=2):
        prompt = await reaches_code(student)
        again = await asks_again(world, student, prompt, "yangi SMS kod")
        refused = await asks_again(world, student, again, TOO_MANY_CODES)
        await guesses(student, world.code, "✅")

    assert "6 xonali SMS kodni yuboring" in refused.text
    assert "Qaytadan boshlash" not in str(refused.buttons)  # which would end the code
    assert len(world.gateway.sms) == 2
    assert world.charged == [PRICE]


async def test_a_code_that_is_out_is_taken_where_the_card_was_to_be_named_again(world):
    world.missing_paths.add("/merchant/pay/retry-otp")
    student = world.student()
    async with world.bot(code_requests_a_day=2):
        await pays(student)
        prompt = await tries(student, GOOD, "SMS kod")
        await asks_again(
            world, student, prompt, "qaytadan yuborilganda"
        )  # no such call: it does not count
        assert world.stored(ROWS) == [("codes", 1)]
        await world.alters(ONE_MORE)
        await tries(student, GOOD, TOO_MANY_CODES)
        await guesses(student, world.code, "✅")

    assert world.charged == [PRICE]


async def test_what_never_reached_atmos_does_not_count(world):
    student = world.student()
    world.goes_wrong("pre-apply", Kind.too_many)
    async with world.bot(code_requests_a_day=1, cards_an_hour=1):
        await pays(student)
        await tries(student, a_card(1), "aloqa boʻlmadi")
        await tries(student, GOOD, "SMS kod")

    assert world.stored(ROWS) == [("codes", 1)]
    assert len(world.gateway.sms) == 1


async def test_an_outage_of_atmos_does_not_use_up_the_payments_of_a_day(world):
    """A reviewer's find: three refused connections, and the student was called a card tester."""
    student = world.student()
    world.goes_wrong("create", Kind.refuse, times=3)
    async with world.bot(payments_a_day=3):
        student.says("/start protokol-57")
        await student.sees("Protokol 57")
        for _ in range(3):
            tap = student.taps("pay:protokol-57")
            await student.sees("aloqa boʻlmadi", since=tap)
        tap = student.taps("pay:protokol-57")
        await student.sees("karta raqam", since=tap)


async def test_a_press_that_came_too_early_does_not_count(world):
    student = world.student()
    async with world.bot():
        await world.lets_send_again(await reaches_code(student))
        offered = await student.sees(lambda m: "Kodni qayta yuborish" in str(m.buttons))
        taps = [student.taps("Kodni qayta yuborish", offered) for _ in range(3)]
        await student.sees("yangi SMS kod")
        await student.sees("keyin soʻrash mumkin", since=taps[1])

    assert world.stored(ROWS) == [("codes", world.calls("pre-apply") + world.calls("retry-otp"))]


async def test_a_restart_forgets_no_count(world):
    student = world.student()
    async with world.bot(code_requests_a_day=2):
        await pays(student)
        for _ in range(2):
            await tries(student, BUSY, "hozir band")
    async with world.bot():
        await tries(student, BUSY, TOO_MANY_CODES)

    assert world.calls("pre-apply") == 2


# Codes typed


async def test_a_twenty_first_wrong_code_within_a_day_is_not_passed_on(world):
    """Failure story D9."""
    student = world.student()
    async with world.bot():
        await world.alters(NINETEEN)
        await reaches_code(student)
        await guesses(student, world.wrong_code, "Yana 2 ta urinish")
        refused = await guesses(student, world.code, TOO_MANY_GUESSES)
        assert world.calls("confirm") == 1
        await world.alters(A_DAY_AGO)
        await guesses(student, world.code, "✅")

    assert "pul yechilmadi" in refused.text
    assert world.charged == [PRICE]


async def test_wrong_codes_count_over_all_payments(world):
    student = world.student()
    async with world.bot(wrong_codes_a_day=4):
        await reaches_code(student)
        for said in ("Yana 2 ta", "Yana 1 ta", "juda koʻp marta"):
            await guesses(student, world.wrong_code, said)
        await reaches_code(student)
        await guesses(student, world.wrong_code, "Yana 2 ta")
        await guesses(student, world.code, TOO_MANY_GUESSES)

    assert world.charged == []
    assert world.calls("confirm") == 4
    assert world.stored(ROWS) == [("codes", 2), ("guesses", 4)]


async def test_a_fresh_code_for_the_same_payment_gives_no_new_tries(world):
    """ATMOS counts by transaction, so that more tries than it has would be a false promise."""
    student = world.student()
    async with world.bot(codes_a_challenge=2):
        await reaches_code(student)
        wrong = await guesses(student, world.wrong_code, "Yana 1 ta")
        await asks_again(world, student, wrong, "yangi SMS kod")
        await guesses(student, world.wrong_code, "juda koʻp marta")
        await reaches_code(student)
        await guesses(student, world.wrong_code, "Yana 1 ta")

    assert world.calls("create") == 2


async def test_a_capture_under_way_may_be_the_last_wrong_code(database):
    """Two payments at once do not both try the last code there is."""
    attempts = Attempts(database, Limits(5, 10, 3, 2, 20))
    async with database.write() as tx:
        await db.add_attempt(tx, 501, Limit.guesses, database.now())
        await attempts.try_code(tx, INTENT)
        columns = {"name": "Dilnoza", "language": "uz", "title": "B", "amount": 1, "checks": 0}
        times = dict.fromkeys(("created_at", "expires_at"), NOW)
        await db.add_intent(
            tx,
            id=2,
            student_id=501,
            offer="b",
            status="capturing",
            tries_left=3,
            **columns,
            **times,
        )
        with pytest.raises(LimitReached, match="guesses"):
            await attempts.try_code(tx, INTENT)


# What goes on all the same


async def test_the_admins_are_told_once_a_student(world):
    tester, buyer = world.student(700, "Birinchi"), world.student(701, "Ikkinchi")
    async with world.bot(code_requests_a_day=1, cards_an_hour=1):
        await pays(tester)
        await tries(tester, BUSY, "hozir band")
        for _ in range(2):
            await tries(tester, BUSY, TOO_MANY_CODES)
        await world.alters(A_DAY_AGO)
        await tries(tester, GOOD, TOO_MANY_CARDS)
        await reaches_code(buyer)
        await guesses(buyer, world.code, "✅")
    told = [said for said in world.admins.texts if REPORTED in said]

    assert len(told) == 1
    assert "bir kunda juda koʻp SMS" in told[0]
    assert "Birinchi" in told[0]


async def test_an_earlier_capture_of_whoever_is_stopped_still_has_its_result(world):
    second = OFFERS.replace("protokol-57", "ikkinchi").replace("Protokol 57", "Kitob")
    (world.home / "offers.toml").write_text(OFFERS + second, "utf-8")
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot(code_requests_a_day=1):
        await reaches_code(student)
        unclear = await guesses(student, world.code, "tekshir")
        start = student.says("/start ikkinchi")
        await student.sees("Kitob", since=start)
        await student.sees("karta raqam", since=student.taps("pay:ikkinchi"))
        await tries(student, GOOD, TOO_MANY_CODES)
        student.taps("Natijani soʻrash", unclear)
        await student.sees("✅")
        await student.sees("/start — takliflar", since=student.says("/help"))
        cancelled = student.says("/cancel")
        await student.sees("bekor qilindi", since=cancelled)

    assert world.charged == [PRICE]
    assert not any("✅" in said and "Kitob" in said for said in everything_said(student))


async def test_what_is_two_days_old_is_deleted(world, database, monkeypatch):
    async with database.write() as tx:
        for hours in (1, 47, 49):
            at = database.now() - timedelta(hours=hours)
            await db.add_attempt(tx, 501, Limit.guesses, at)
    monkeypatch.setattr("bot.daily.AT", time.min)
    async with world.bot():
        while world.stored(ROWS) == [("guesses", 3)]:
            await asyncio.sleep(0.05)

    assert world.stored(ROWS) == [("guesses", 2)]


# What is remembered of cards


class Clocked:
    """Requests of students for codes, at moments of a story's choice."""

    def __init__(self, database, **limits):
        self.now = NOW
        self.database = database
        database.now = lambda: self.now
        many = dict.fromkeys(Limits.__slots__, 100)
        self.attempts = Attempts(database, Limits(**many | limits))

    async def asks(self, card, student=501):
        intent = replace(INTENT, buyer=replace(INTENT.buyer, id=student))
        async with self.database.write() as tx:
            return await self.attempts.request_code(tx, intent, CardNumber(card))

    async def is_refused(self, card, student=501):
        with pytest.raises(LimitReached) as refused:
            await self.asks(card, student)
        return refused.value.limit, refused.value.until - self.now


async def test_an_hour_later_there_is_room_for_another_card(database):
    clocked = Clocked(database, cards_an_hour=2)
    await clocked.asks(a_card(1))
    clocked.now += timedelta(minutes=10)
    await clocked.asks(a_card(2))
    clocked.now += timedelta(minutes=10)
    await clocked.asks(a_card(1))  # from now on it is the newer one

    assert await clocked.is_refused(a_card(3)) == (Limit.cards, timedelta(minutes=50))
    clocked.now += timedelta(minutes=50)
    await clocked.asks(a_card(3))
    assert await clocked.is_refused(a_card(2)) == (Limit.cards, timedelta(minutes=10))


async def test_an_hour_later_a_card_may_be_anothers(database):
    clocked = Clocked(database, cards_an_hour=1)
    await clocked.asks(GOOD, 501)

    assert await clocked.is_refused(GOOD, 502) == (Limit.card, HOUR)
    clocked.now += HOUR
    await clocked.asks(GOOD, 502)


async def test_a_refused_request_leaves_nothing(database):
    clocked = Clocked(database, cards_an_hour=1)
    await clocked.asks(a_card(1))
    for _ in range(3):
        await clocked.is_refused(a_card(2))
    async with database.read() as tx:
        assert await db.attempt_at(tx, 501, Limit.codes, NOW - HOUR, 2) is None


async def test_a_hash_is_forgotten_within_the_hour_and_tells_nothing_without_its_key(database):
    clocked = Clocked(database)
    request = await clocked.asks(GOOD)
    clocked.now += HOUR
    clocked.attempts.forget_old()

    assert not clocked.attempts._requests
    assert request.card not in (None, (await Clocked(database).asks(GOOD)).card)
    assert GOOD not in repr(request)


async def test_the_memory_of_cards_has_an_end(database, monkeypatch):
    monkeypatch.setattr("bot.limits.REMEMBERED", 3)
    clocked = Clocked(database)
    for number in range(5):
        await clocked.asks(a_card(number))

    assert len(clocked.attempts._requests) == 3


async def test_a_request_is_taken_back_once_and_whole(database):
    clocked = Clocked(database, cards_an_hour=1, code_requests_a_day=1)
    request = await clocked.asks(a_card(1))
    await clocked.attempts.take_back(request.row_id)
    await clocked.attempts.take_back(request.row_id)
    await clocked.asks(a_card(2))

    assert await clocked.is_refused(a_card(1)) == (Limit.codes, timedelta(days=1))
