"""Every way a payment can be refused, by what the student reads and what was charged."""

import asyncio

import pytest
import stamina

from atmos import Reason
from bot.texts import Texts
from sandbox.faults import Fault, Kind
from tests.conftest import GOOD, PRICE, names_card, pays, reaches_code

# The sandbox's cards, which are made up, by the sentence each leads to.
AT_PRE_APPLY = {
    "8600990000000090": Reason.card_invalid,
    "8600990000000678": Reason.card_invalid,
    "8600990000009000": Reason.card_expired,
    "8600990000009018": Reason.card_blocked,
    "8600990000009026": Reason.sms_off,
    "8600990000009042": Reason.limit,
    "8600990000000017": Reason.busy,
    "8600990000009554": Reason.unknown,
}
SENTENCES = {
    Reason.card_invalid: "bunday kartani topmadi",
    Reason.card_expired: "muddati tugagan",
    Reason.card_blocked: "bloklangan",
    Reason.sms_off: "SMS-xabar xizmati",
    Reason.limit: "limiti tugagan",
    Reason.busy: "hozir band",
    Reason.unknown: "rad etdi",
    Reason.insufficient_funds: "mablagʻ yetarli emas",
}


@pytest.mark.parametrize(("card", "reason"), AT_PRE_APPLY.items())
async def test_a_card_refused_before_the_code_leaves_room_for_another(world, card, reason):
    student = world.student()
    async with world.bot():
        await pays(student)
        await names_card(student, card)
        refused = await student.sees(SENTENCES[reason])
        await names_card(student, GOOD)
        await student.sees("SMS kod")
        student.says(world.code)
        await student.sees("✅")

    then = (
        "Shundan keyin karta raqamini qaytadan" if reason is Reason.busy else "Endi karta raqamini"
    )
    assert then in refused.text
    assert world.calls("create") == 1
    assert world.charged == [PRICE]


@pytest.mark.parametrize(
    "typed",
    ["8600/9900/0000/0009", "٨٦٠٠ ٩٩٠٠ ٠٠٠٠ ٠٠٠٩", f"{GOOD}1227", "8️⃣6️⃣0️⃣0️⃣990000000009"],
)
async def test_a_card_that_is_seen_and_cannot_be_read_is_deleted_and_asked_for_again(world, typed):
    """At the step of the card and of the date, and the payment goes on after it."""
    student = world.student()
    async with world.bot():
        await pays(student)
        first = student.says(typed)
        await student.sees("16 ta raqamni yuboring", since=first)
        number = student.says(GOOD)
        await student.sees("muddat", since=number)
        second = student.says(typed)
        await student.sees("16 ta raqamni yuboring", since=second)
        await names_card(student)
        await student.sees("SMS kod")

    assert first.deleted
    assert second.deleted
    assert world.calls("pre-apply") == 1


async def test_too_little_money_ends_the_payment_and_a_fresh_start_is_offered(world):
    student = world.student()
    async with world.bot():
        await reaches_code(student, "8600991000001120")
        student.says(world.code)
        refused = await student.sees(SENTENCES[Reason.insufficient_funds])
        student.taps("Qaytadan boshlash", refused)
        await student.sees("karta raqam", since=refused)

    assert world.charged == []


async def test_a_code_nobody_knows_is_told_to_the_admins_and_not_to_the_student(world):
    student = world.student()
    async with world.bot():
        await pays(student)
        await names_card(student, "8600990000009554")
        await student.sees("rad etdi")
        told = await world.admins.sees("955")

    assert "STPIMS-ERR-955" in told.text
    assert "ERR" not in student.chat.render()


async def test_the_gateways_own_words_are_never_shown_to_a_student(world):
    student = world.student()
    async with world.bot(cards_an_hour=len(AT_PRE_APPLY)):
        await pays(student)
        for card in AT_PRE_APPLY:
            sent = await names_card(student, card)
            await student.sees(lambda m: "pul yechilmadi" in m.text.lower(), since=sent[-1])

    assert "STPIMS" not in student.chat.render()


async def test_a_code_atmos_calls_expired_can_be_asked_for_again(world):
    student = world.student()
    world.gateway.otp_ttl = 0.2
    async with world.bot():
        await world.lets_send_again(await reaches_code(student))
        await student.sees(lambda m: any("qayta yuborish" in b for row in m.buttons for b in row))
        await asyncio.sleep(0.3)
        student.says(world.code)
        over = await student.sees("vaqti tugadi")
        world.gateway.otp_ttl = 300
        student.taps("Kodni qayta yuborish", over)
        await student.sees("yangi SMS kod")
        student.says(world.code)
        await student.sees("✅")

    assert world.charged == [PRICE]


async def test_a_transaction_atmos_has_closed_is_started_afresh(world):
    student = world.student()
    world.gateway.transaction_ttl = 0.0
    async with world.bot():
        await pays(student)
        await names_card(student)
        closed = await student.sees("yopgan")
        world.gateway.transaction_ttl = 1800
        student.taps("Qaytadan boshlash", closed)
        await student.sees("karta raqam", since=closed)

    assert world.calls("create") == 2


@pytest.mark.parametrize(
    "kind", [Kind.bad_gateway, Kind.server_error, Kind.garbage, Kind.drop, Kind.too_many]
)
@pytest.mark.parametrize("operation", ["create", "pre-apply"])
async def test_a_gateway_that_is_down_is_said_to_be_and_nothing_is_lost(world, operation, kind):
    student = world.student()
    world.goes_wrong(operation, kind)
    async with world.bot():
        student.says("/start")
        await student.sees("Protokol 57")
        student.taps("pay:protokol-57")
        if operation == "pre-apply":
            await student.sees("karta raqam")
            await names_card(student)
        down = await student.sees("aloqa boʻlmadi")
        if operation == "create":
            student.taps("Qaytadan boshlash", down)
            await student.sees("karta raqam", since=down)
        await names_card(student)
        await student.sees("SMS kod")
        student.says(world.code)
        await student.sees("✅")

    assert world.charged == [PRICE]


async def test_wrong_keys_are_told_to_the_admins_once(world):
    first, second = world.student(), world.student(777, "Ikkinchi")
    async with world.bot(atmos_consumer_secret="nobody-knows"):
        for student in (first, second):
            student.says("/start")
            await student.sees("Protokol 57")
            student.taps("pay:protokol-57")
            await student.sees("hozir ishlamayapti")
        await world.admins.sees("bot check")

    assert len(world.admins.from_bot) == 1


async def test_a_401_in_the_middle_renews_the_token_and_the_student_notices_nothing(world):
    student = world.student()
    async with world.bot():
        await pays(student)
        world.gateway.expire_tokens()
        await names_card(student)
        await student.sees("SMS kod")
        world.gateway.expire_tokens()
        student.says(world.code)
        await student.sees("✅")

    assert world.charged == [PRICE]


async def test_our_own_refusal_at_the_approval_question_charges_nothing(world):
    student = world.student()
    world.gateway.callback_url = "http://127.0.0.1:9/nobody"
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("Toʻlov hozir oʻtmadi")
        await world.admins.sees("ATMOS_CALLBACK_KEY")

    assert world.charged == []


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_in_every_language(reason):
    texts = Texts()

    for language in ("uz", "ru", "en"):
        assert texts.label(language, f"declined-{reason}")


async def test_a_code_that_comes_after_the_money_is_deleted_and_told_so(world):
    """The chaos run's find: a code sent twice stayed in the chat, under "to pay, press /start"."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        code = world.code
        student.says(code)
        paid = await student.sees("✅")
        late = student.says(code)
        said = await student.sees("sotib olgansiz", since=paid)
        await world.telegram.until(lambda: late.deleted)

    assert world.charged == [PRICE]
    assert "/start" not in said.text


@pytest.mark.parametrize("text", ["123456", "123 456", "12/49", "1/27"])
async def test_what_looks_like_a_code_or_a_date_is_deleted_outside_of_a_step_too(world, text):
    student = world.student()
    async with world.bot():
        late = student.says(text)
        await student.sees("/start")
        await world.telegram.until(lambda: late.deleted)


@pytest.mark.parametrize("text", ["998901234567", "1334", "salom", "24.11.2026"])
async def test_what_looks_like_neither_is_left_alone(world, text):
    student = world.student()
    async with world.bot():
        said = student.says(text)
        await student.sees("/start")

    assert not said.deleted


async def test_an_answer_that_meets_429_comes_when_telegram_wants(world):
    """The chaos run's find: the answer was lost, and so was the apology for it."""
    student = world.student()
    stamina.set_testing(False)
    async with world.bot():
        world.telegram.faults.add(Fault("sendMessage", Kind.too_many, seconds=1))
        student.says("/start protokol-57")
        await student.sees("Protokol 57")
    refused, said = [call.at for call in world.telegram.calls if call.method == "sendMessage"]

    assert said - refused >= 1


async def test_nobodys_turn_is_held_for_an_hour(world):
    student = world.student()
    async with world.bot():
        world.telegram.faults.add(Fault("sendMessage", Kind.too_many, seconds=3600))
        student.says("/help")
        asked = student.says("/privacy")
        await student.sees("Toʻliq karta raqami", since=asked)


@pytest.mark.parametrize("text", ["/help", "/start no-such-offer"])
async def test_an_answer_that_telegram_takes_at_no_try_is_a_line_and_no_defect(
    world, caplog, text
):
    student = world.student()
    async with world.bot():
        world.telegram.faults.add(Fault("sendMessage", Kind.too_many, seconds=1, times=3))
        student.says(text)
        await world.telegram.until(lambda: not world.telegram.faults.waiting)
        asked = student.says("/privacy")
        await student.sees("Toʻliq karta raqami", since=asked)

    assert "not_answered" in caplog.text
    assert "failed" not in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_refused_step_is_answered_and_not_asked_for_at_the_next_start(world):
    """The review's find: the next restart told the student of a restart for nothing."""
    student = world.student()
    async with world.bot():
        await pays(student)
        card = student.says("8600 1234")
        await student.sees("16 ta raqam", since=card)

    assert world.stored("SELECT id FROM inbox WHERE answered_at IS NULL") == []
