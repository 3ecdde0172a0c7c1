"""A capture without a clear answer: nobody is told an untruth, and nobody pays twice."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.app import assembled, atmos_client
from bot.checkout import Checkout, StillChecking
from bot.payment import Status
from sandbox.atmos import CARDS, Card, Transaction
from sandbox.faults import Fault, Kind
from tests.conftest import GOOD, PRICE, everything_said, names_card, pays, reaches_code

UNANSWERED = "SELECT id FROM inbox WHERE answered_at IS NULL"
UNCLEAR = [Kind.drop, Kind.bad_gateway, Kind.server_error, Kind.garbage]


@pytest.mark.parametrize("kind", UNCLEAR)
async def test_charged_and_the_answer_lost_ends_in_paid_once(world, kind):
    """Failure stories A1, A8 and B8."""
    student = world.student()
    world.goes_wrong("confirm", kind, acts=True)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        checking = await student.sees("tekshir")
        tap = student.taps("pay:protokol-57")
        await student.sees("tekshir", since=tap)
        await world.hours_pass()
        paid = await student.sees("✅")
        await world.admins.sees("✅")

    assert "Qayta toʻlamang" in checking.text or "Qayta toʻlamang" in str(checking.edits)
    assert world.calls("confirm") == 1
    assert world.charged == [PRICE]
    assert "739" in paid.text


@pytest.mark.parametrize(("typed", "outcome"), [("right", "✅"), ("wrong", "ta urinish")])
async def test_whoever_asks_before_the_answer_comes_reads_it_below(world, typed, outcome):
    """An edit of "⏳" would make no sound, and stand above the promise to write."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        with world.holding("confirm"):
            student.says(world.code if typed == "right" else world.wrong_code)
            await student.sees("⏳ Toʻlov bankka")
            start = student.says("/start protokol-57")
            await student.sees("tekshir", since=start)
        result = await student.sees(outcome)

    assert result.id == max(message.id for message in student.chat.from_bot)
    assert result.edits == []


@pytest.mark.parametrize("known", ["✅", "SMS kod"])
async def test_checking_is_not_said_of_what_became_known_meanwhile(world, monkeypatch, known):
    """A handler that saw the capture under way comes to speak when its result is told."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        if known == "✅":
            student.says(world.code)
            await student.sees(known)
        [(order,)] = world.stored("SELECT id FROM intents")

        async def saw(checkout, student_id, _slug):
            intent = await checkout.owned(order, student_id)
            raise StillChecking(replace(intent, status=Status.capturing))

        monkeypatch.setattr(Checkout, "may_buy", saw)
        start = student.says("/start protokol-57")
        await student.sees("sotib olgansiz" if known == "✅" else known, since=start)

    assert not any("tekshir" in said for said in everything_said(student))


@pytest.mark.parametrize("kind", UNCLEAR)
async def test_not_charged_is_said_only_when_atmos_can_no_longer_act(world, kind):
    student = world.student()
    world.goes_wrong("confirm", kind, acts=False)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        await world.checks()

        assert not any("yechilmaganini" in said for said in everything_said(student))

        await world.hours_pass()
        await student.sees("pul yechilmaganini")
        student.taps("Qaytadan boshlash")
        await student.sees("karta raqam")

    assert world.calls("confirm") == 1
    assert world.charged == []


async def test_a_time_out_whose_charge_came_later_ends_in_paid(world):
    student = world.student()
    world.goes_wrong("confirm", Kind.slow, seconds=600)
    async with world.bot(confirm_timeout=1.0):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        await world.hours_pass()
        await student.sees("✅")

    assert world.charged == [PRICE]


@pytest.mark.parametrize(
    ("card", "charged"), [("8600991000000015", False), ("8600992000000013", True)]
)
async def test_internal_error_on_confirm_is_unknown_whichever_way_it_went(world, card, charged):
    student = world.student()
    async with world.bot():
        await reaches_code(student, card)
        student.says(world.code)
        await student.sees("tekshir")
        await world.hours_pass()
        await student.sees("✅" if charged else "pul yechilmaganini")

    assert world.charged == [PRICE] * charged


async def test_a_limit_that_has_no_known_code_is_told_once_not_charged_is_certain(world):
    student = world.student()
    async with world.bot():
        await reaches_code(student, "8600991000009032")
        student.says(world.code)
        await student.sees("tekshir")
        await world.hours_pass()
        await student.sees("limiti tugagan")

    assert world.charged == []


async def test_an_unknown_code_on_confirm_tells_the_admins_the_code(world):
    student = world.student()
    async with world.bot():
        await reaches_code(student, "8600991000009560")
        student.says(world.code)
        await student.sees("tekshir")
        await world.admins.sees("STPIMS-ERR-956")
        await world.hours_pass()
        await student.sees("pul yechilmaganini")


async def test_an_outage_of_get_proves_nothing(world):
    """Failure story A5: it lasts for longer than the ladder."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    world.goes_wrong("get", Kind.bad_gateway, times=None)
    async with world.bot(reconcile_delays=(130.0,)):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        await world.hours_pass()
        await world.checks(times=3)
        await world.admins.sees("haligacha nomaʼlum")

        assert world.stored("SELECT status FROM intents") == [("capturing",)]

        world.gateway.faults.clear()
        await world.comes("check_at")
        await student.sees("✅")

    assert not any("yechilmaganini" in said for said in everything_said(student))
    assert world.admins.render().count("haligacha nomaʼlum") == 1


async def test_a_payment_the_gateway_has_forgotten_stays_unknown_and_is_not_replayed(world):
    """Failure story A18."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        world.gateway.transactions.clear()
        await world.hours_pass()
        await world.admins.sees("haligacha nomaʼlum")
        tap = student.taps("pay:protokol-57")
        await student.sees("tekshir", since=tap)

    assert world.stored("SELECT status FROM intents") == [("capturing",)]
    assert (world.calls("create"), world.calls("confirm")) == (1, 1)
    assert world.charged == [PRICE]
    assert not any("✅" in said or "yechilmag" in said for said in everything_said(student))


@pytest.mark.parametrize(("answer", "a_rung"), [("not found", 1), (Kind.bad_gateway, 3)])
async def test_an_error_for_ever_is_asked_about_by_the_ladder_and_no_oftener(
    world, answer, a_rung
):
    """Failure story B20; the client itself asks three times where an answer was lost."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop)
    if answer != "not found":
        world.goes_wrong("get", answer, times=None)
    async with world.bot(reconcile_delays=(130.0, 300.0)):
        await reaches_code(student)
        if answer == "not found":
            world.gateway.transactions.clear()
        student.says(world.code)
        await student.sees("tekshir")
        await world.checks(times=2)
        await asyncio.sleep(1.2)  # more than two looks at what is due

        assert world.calls("get") == 2 * a_rung


async def test_a_new_attempt_hours_after_a_time_out_asks_about_the_old_one_first(world):
    """Failure story A2."""
    student = world.student()
    world.gateway.latency["confirm"] = 600
    async with world.bot(confirm_timeout=0.4):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
    await world.hours_pass()
    world.goes_wrong("get", Kind.bad_gateway, times=None)
    async with world.bot():
        tap = student.taps("pay:protokol-57")
        await student.sees("tekshir", since=tap)
        world.gateway.faults.clear()
        await world.comes("check_at")
        await student.sees("pul yechilmaganini")
        again = student.taps("Qaytadan boshlash")
        await student.sees("karta raqam", since=again)

    calls = [c.operation for c in world.gateway.calls if c.operation in ("create", "get")]
    assert calls[:2] == ["create", "get"]
    assert calls.count("create") == 2
    assert world.charged == []


LATE_NO = "8600992000001128"


@pytest.mark.parametrize(("card", "ends"), [(GOOD, "times out"), (LATE_NO, "is declined")])
async def test_paid_is_not_taken_back_by_what_the_capture_answers_afterwards(
    world, monkeypatch, card, ends
):
    """Failure story A3: reconciliation was faster, then our call times out, or is declined."""
    declines = Card(LATE_NO, "charged, and said not to be", "112", at="confirm", charged=True)
    monkeypatch.setitem(CARDS, LATE_NO, declines)
    told = asyncio.Event()

    async def until_told(_seconds):
        await told.wait()

    student = world.student()
    world.goes_wrong("confirm", Kind.slow)
    world.gateway.sleep = until_told
    async with world.bot(confirm_timeout=2.0 if ends == "times out" else 120.0):
        await reaches_code(student, card)
        student.says(world.code)
        while not world.charged:
            await asyncio.sleep(0.02)
        await world.comes("check_at")
        paid = await student.sees("✅")
        if ends == "is declined":
            told.set()
    told.set()
    async with world.bot():  # the one before has waited for its call to end
        start = student.says("/start protokol-57")
        await student.sees("sotib olgansiz", since=start)

    assert "✅" in paid.text
    assert world.stored("SELECT status FROM intents") == [("captured",)]
    assert "yechilmadi" not in student.chat.render()
    assert world.charged == [PRICE]


HALVES = [
    {"status_code": "0", "success_trans_id": 7},
    {"confirmed": True, "success_trans_id": 7},
    {"status_code": "0", "confirmed": True, "success_trans_id": 0},
]


@pytest.mark.parametrize("half", HALVES)
async def test_completed_is_not_paid_before_the_money_has_moved(world, monkeypatch, half):
    """Failure story A7."""
    student = world.student()
    shows = Transaction.view
    world.goes_wrong("confirm", Kind.drop)
    async with world.bot():
        await reaches_code(student)
        monkeypatch.setattr(Transaction, "view", lambda transaction: shows(transaction) | half)
        student.says(world.code)
        await student.sees("tekshir")
        await world.checks(times=2)

        assert "✅" not in student.chat.render()

        monkeypatch.setattr(Transaction, "view", shows)
        await world.charges(world.code)
        await world.comes("check_at")
        await student.sees("✅")

    assert world.charged == [PRICE]


async def test_a_capture_that_was_under_way_at_a_restart_is_asked_about(world):
    """Failure story B1, the part that a stop can show."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot():
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
    async with world.bot():
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
    async with world.bot():
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


@pytest.mark.parametrize("remembered", [False, True])
async def test_a_moment_without_the_call_that_charges_does_not_outlast_it(world, remembered):
    """The attacker's find: one such moment stopped the shop until a restart."""
    confirm, apply = "/merchant/pay/confirm", "/merchant/pay/apply"
    first, second = world.student(), world.student(777, "Bek")
    async with world.bot():
        if remembered:  # that only /apply is served
            world.missing_paths.add(confirm)
            other = world.student(778, "Aziza")
            await reaches_code(other, "6262990000000002")
            other.says(world.code)
            await other.sees("✅")
        await reaches_code(first)
        code = world.code
        world.missing_paths |= {confirm, apply}
        first.says(code)
        await first.sees("aloqa boʻlmadi, pul yechilmadi")
        world.missing_paths.discard(confirm)
        again = first.says(code)
        await first.sees("✅", since=again)
        await reaches_code(second, "9860990000000002")
        second.says(world.code)
        await second.sees("✅")

    assert world.charged == [PRICE] * (2 + remembered)


@pytest.mark.parametrize("status", [403, 404, 429])
async def test_a_page_that_quotes_the_code_after_a_charge_is_no_refusal(world, status):
    """The attacker's find: with the code 900906 the student read that no money was taken."""
    student = world.student()
    world.gateway.fixed_code = "900906"
    answers = world.gateway.answer

    async def quotes(method, path, headers, body, query):
        answer = await answers(method, path, headers, body, query)
        if not path.endswith("/confirm"):
            return answer
        return replace(answer, status=status, body=b"<h1>Error</h1>Request was: " + body)

    world.gateway.answer = quotes
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("Qayta toʻlamang")
        await world.comes("check_at")
        await student.sees("✅")

    assert world.charged == [PRICE]
    assert world.calls("confirm") == 1
    assert not any("yechilmadi" in said for said in everything_said(student))


async def test_a_charge_of_another_amount_is_neither_accepted_nor_refused(world):
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot():
        await reaches_code(student)
        shown = next(iter(world.gateway.transactions.values()))
        shown.amount, shown.account = PRICE - 100, "of 8600 9900 0000 0009"
        student.says(world.code)
        await student.sees("tekshir")
        await world.checks(times=2)
        alarm = await world.admins.sees("boshqa toʻlovni")

    assert "738\xa0999" in alarm.text
    assert "(account of •••)" in alarm.text
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
        await student.sees("✅")

    assert "yechilmaganini" not in student.chat.render()
    assert world.charged == [PRICE]


async def test_a_slow_telegram_does_not_eat_the_time_atmos_has(world):
    student = world.student()
    async with world.bot(confirm_timeout=1.0, reconcile_delays=(1.2, 1.7)):
        await reaches_code(student)
        world.gateway.latency["confirm"] = 0.9
        world.telegram.latency["sendMessage"] = 1.5
        student.says(world.code)
        await student.sees("✅")

    assert world.charged == [PRICE]
    assert all("yechilmaganini" not in said for said in everything_said(student))


async def test_a_late_charge_of_a_failed_payment_is_honoured_and_told(world):
    """Failure story A4."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        await world.hours_pass()
        await student.sees("pul yechilmaganini")
        await world.charges(world.code)
        await world.comes("check_at")
        await student.sees("✅")
        await student.sees("avval bu toʻlov oʻtmadi deb yozgan edik")
        await world.admins.sees("Kechikkan")

    assert world.charged == [PRICE]


@pytest.mark.parametrize(
    ("was", "said"), [("expired", "vaqti tugagan"), ("cancelled", "bekor qilingan")]
)
async def test_a_charge_found_for_a_payment_that_was_over_is_honoured_and_told(world, was, said):
    """Failure stories A15 and B5: half an hour later somebody has it asked about."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        if was == "cancelled":
            student.taps("Bekor qilish")
        else:
            await world.comes("expires_at")
        over = await student.sees("pul yechilmadi")
        await world.hours_pass()
        await world.charges(world.code)
        await world.alters("UPDATE intents SET check_at = created_at")
        paid = await student.sees("✅", since=over)
        told = await world.admins.sees("Kechikkan")

    [(order, status)] = world.stored("SELECT id, status FROM intents")
    assert status == "captured"
    assert world.charged == [PRICE]
    assert str(order) in paid.text
    assert f"{order}. Bot uni yopilgan deb hisoblagan edi ({said})" in told.text


async def test_a_last_look_before_the_capture_finds_it_bought_by_another_payment(world):
    """Failure story A12: a payment given up is charged while the next is at its code."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop)
    async with world.bot():
        await reaches_code(student)
        first = world.code
        student.says(first)
        await student.sees("tekshir")
        await world.hours_pass()
        await student.sees("pul yechilmaganini")
        again = student.taps("Qaytadan boshlash")
        await student.sees("karta raqam", since=again)
        await names_card(student)
        await student.sees("SMS kod", since=again)
        await world.charges(first)
        await world.comes("check_at")
        await student.sees("✅")
        code = student.says(world.code)
        await student.sees("sotib olgansiz", since=code)
        thanks = student.says("rahmat!")
        await student.sees("/start ni, toʻlov boʻyicha", since=thanks)

    assert len(world.gateway.transactions) == 2
    assert world.charged == [PRICE]
    assert world.stored("SELECT status FROM intents ORDER BY created_at") == [
        ("captured",),
        ("cancelled",),
    ]


async def test_a_charge_that_cannot_be_told_is_not_stored_either(world):
    """Both are one transaction: stored alone, it would never be told."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        await world.fills_disk("INSERT ON outbox WHEN new.key LIKE '%:paid'")
        student.says(world.code)
        while not world.charged:
            await asyncio.sleep(0.02)
        await world.checks()

        assert world.stored("SELECT status FROM intents") == [("capturing",)]

        await world.frees_disk()
        await world.comes("check_at")
        await student.sees("✅")
        await world.admins.sees("✅")


async def test_paid_is_never_said_before_it_is_stored(world):
    """Failure story B4: the database refuses the fact of the money."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        await world.fills_disk("INSERT ON ledger")
        student.says(world.code)
        while not world.charged:
            await asyncio.sleep(0.02)
        await world.checks()

        assert world.charged == [PRICE]
        assert "✅" not in student.chat.render() + world.admins.render()

        await world.frees_disk()
        await world.comes("check_at")
        await student.sees("✅")
        await world.admins.sees("✅")

    assert world.stored("SELECT kind, amount FROM ledger") == [("captured", PRICE)]
    assert world.calls("confirm") == 1


async def test_a_charge_given_back_before_we_knew_is_said_to_be(world):
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        transaction = next(iter(world.gateway.transactions.values()))
        async with atmos_client(world.settings()) as atmos:
            await atmos.reverse(transaction.success_trans_id)
        await world.hours_pass()
        await student.sees("qaytarilgan")


async def test_a_closed_payment_of_another_amount_does_not_end_as_if_nothing_was_taken(world):
    """An attacker's find: "maybe taken", and when its time was over "no money was taken"."""
    student = world.student()
    async with world.bot():
        prompt = await reaches_code(student)
        await world.charges(world.code)
        next(iter(world.gateway.transactions.values())).amount = PRICE - 100
        await world.lets_send_again(prompt)
        await world.telegram.until(lambda: "Kodni qayta yuborish" in str(prompt.buttons))
        tap = student.taps("Kodni qayta yuborish", prompt)
        await student.sees("tekshir", since=tap)
        await world.admins.sees("boshqa toʻlovni")
        await world.checks(times=2)
        start = student.says("/start protokol-57")
        await student.sees("tekshir", since=start)

    assert world.stored("SELECT status FROM intents") == [("capturing",)]
    assert "yechilmadi" not in student.chat.render()


async def test_another_amount_is_told_though_the_payment_has_moved_meanwhile(world):
    """A reviewer's find: what found the row moved took the alarm with it."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
    [(order,)] = world.stored("SELECT id FROM intents")
    async with assembled(world.settings()) as app:
        intent = await app.checkout.live(order)
        await world.alters("UPDATE intents SET status = 'expired'")
        next(iter(world.gateway.transactions.values())).amount = PRICE - 100
        await app.reconciliation.ask(intent)

    assert world.stored("SELECT status FROM intents") == [("expired",)]
    assert world.stored(f"SELECT id FROM outbox WHERE key = '{order}:admins:mismatch'")  # noqa: S608


async def test_a_question_that_does_not_arrive_says_nothing_of_the_charge(world, monkeypatch):
    """A reviewer's find: the admins read "no money moved" of a payment that was charged."""
    monkeypatch.setattr("bot.reconcile.TOO_LONG", timedelta())
    student = world.student()
    world.goes_wrong("confirm", Kind.bad_gateway, acts=True)
    async with world.bot():
        await reaches_code(student)
        world.missing_paths.add("/merchant/pay/get")
        student.says(world.code)
        await student.sees("tekshir")
        await world.hours_pass()
        await world.checks(times=2)
        await world.admins.sees("nomaʼlum")

    assert world.charged == [PRICE]
    assert "Pul yechilmadi" not in world.admins.render()


async def test_a_closed_payment_that_was_given_back_is_said_to_be(world):
    """An attacker's find: first "no money was taken", then that it was given back."""
    student = world.student()
    async with world.bot():
        prompt = await reaches_code(student)
        await world.charges(world.code)
        transaction = next(iter(world.gateway.transactions.values()))
        async with atmos_client(world.settings()) as atmos:
            await atmos.reverse(transaction.success_trans_id)
        await world.lets_send_again(prompt)
        await world.telegram.until(lambda: "Kodni qayta yuborish" in str(prompt.buttons))
        tap = student.taps("Kodni qayta yuborish", prompt)
        await student.sees("qaytarilgan", since=tap)

    assert "yechilmadi" not in student.chat.render()
    assert world.stored("SELECT kind FROM ledger") == [("captured",), ("reversed",)]


async def test_one_answer_that_makes_no_sense_stops_nothing(world):
    """The review's poison: a time in nanoseconds ended the process, again at every start."""
    first, second = world.student(), world.student(777, "Ikkinchi")
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot():
        await reaches_code(first)
        first.says(world.code)
        await first.sees("tekshir")
        next(iter(world.gateway.transactions.values())).confirm_time = 10**20
        await world.hours_pass()
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
        while world.stored("SELECT key FROM dialogues WHERE state IS NOT NULL"):
            await asyncio.sleep(0.02)
        thanks = student.says("rahmat!")
        await student.sees("/start ni, toʻlov boʻyicha", since=thanks)

    assert not thanks.deleted


async def test_a_closed_transaction_that_is_paid_is_called_paid(world):
    student = world.student()
    async with world.bot():
        prompt = await reaches_code(student)
        transaction = next(iter(world.gateway.transactions.values()))
        async with atmos_client(world.settings()) as atmos:
            await atmos.confirm(transaction.id, otp=world.code)
        await world.lets_send_again(prompt)
        await world.telegram.until(lambda: "Kodni qayta yuborish" in str(prompt.buttons))
        student.taps("Kodni qayta yuborish")
        await student.sees("✅")

    assert world.charged == [PRICE]


async def test_a_database_that_fails_for_a_moment_stops_no_announcement(world):
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        with capture_logs() as lines:
            await world.alters("ALTER TABLE outbox RENAME TO elsewhere")
            while not any(line["event"] == "outbox_failed" for line in lines):
                await asyncio.sleep(0.02)
        await world.alters("ALTER TABLE elsewhere RENAME TO outbox")
        student.says(world.code)
        await student.sees("✅")
        await world.admins.sees("✅")


async def test_a_no_that_could_not_be_told_is_not_told_after_the_next_attempt(world):
    """The simulation's find, seed 1523: "wrong code, no money was taken" came after the charge."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        world.telegram.faults.add(Fault("editMessageText", Kind.server_error, times=None))
        wrong = student.says(world.wrong_code)
        await student.sees("⏳", since=wrong)
        while not world.stored("SELECT id FROM outbox WHERE key LIKE '%wrong-code%'"):
            await asyncio.sleep(0.02)
        world.gateway.latency["confirm"] = 1.0
        student.says(world.code)
        while world.calls("confirm") < 2:
            await asyncio.sleep(0.02)
        world.telegram.faults.clear()
        await student.sees("✅")

    assert world.charged == [PRICE]
    assert not any("notoʻgʻri" in said for said in everything_said(student))


async def test_a_card_typed_again_while_it_is_unknown_is_answered_with_that(world):
    """A merchant's find: the bot asked for the code, and said nothing of what it had done."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    world.goes_wrong("get", Kind.bad_gateway, times=None)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        card = student.says("8600 9900 0000 0009")
        answer = await student.sees("Qayta toʻlamang", since=card)
        world.gateway.faults.clear()
        await world.hours_pass()
        await student.sees("✅")

    assert "SMS kod" not in answer.text
    assert world.charged == [PRICE]


async def test_a_result_that_was_asked_for_is_told_once(world):
    """A merchant's find: "you have bought this already" came before "paid"."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop, acts=True)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        tap = student.taps("Natijani soʻrash")
        paid = await student.sees("✅", since=tap)

    assert paid.id == max(message.id for message in student.chat.from_bot)
    assert not any("sotib olgansiz" in said for said in everything_said(student))
    assert "soʻralmoqda" not in student.chat.render()


async def test_however_often_a_student_presses_atmos_is_asked_once_in_a_while(world, monkeypatch):
    """An attacker's find: a hundred presses were a hundred questions to ATMOS."""
    monkeypatch.setattr("bot.reconcile.PRESSED", timedelta(days=1))
    student = world.student()
    world.goes_wrong("confirm", Kind.drop)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        unknown = await student.sees("tekshir")
        for _ in range(5):
            tap = student.taps("Natijani soʻrash", unknown)
            await student.sees("tekshir", since=tap)

    assert world.calls("get") == 1


async def test_who_asks_again_and_again_reads_the_result_at_once(world):
    """An attacker's find: forty questions were answered one a second, before what was known."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        with world.holding("confirm"):
            student.says(world.code)
            await student.sees("⏳ Toʻlov bankka")
            for _ in range(30):
                student.says("/start protokol-57")
            while [*world.telegram.updates] or world.stored(UNANSWERED):
                await asyncio.sleep(0.02)
        paid = await student.sees("✅")

    answers = [message for message in student.chat.from_bot if "tekshir" in message.text]
    assert paid.id > max(message.id for message in answers)
    assert len(answers) < 30
