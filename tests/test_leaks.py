"""Card data leaves no trace: everything is done to the bot, and then everything is searched."""

import asyncio
import base64
import json
import re
import sqlite3
import sys
from collections import defaultdict
from contextlib import closing, suppress
from dataclasses import replace
from itertools import count, product
from typing import Any
from urllib.parse import quote_plus

import pytest

from bot.cards import CardNumber
from sandbox.atmos import CARDS, Answer, Sms
from sandbox.atmos.callback import post
from sandbox.faults import Fault, Kind
from sandbox.telegram import Person
from tests.conftest import TOKEN, World, free_port, names_card, pays, reaches_code
from tests.leaks import TALKATIVE, Codes, Wanted, everything_written, leaks, made_up_card
from tests.test_approval import signed

PATIENCE = 150.0  # seconds for all that is logged at DEBUG
KEY = "callback-key-made-up"
GROUP = -1_009_137_528_461  # unlike the usual one it has no run of zeros, as some cards have
EXPIRY = "12/97"
AT_ATMOS = ("token", "create", "pre-apply", "retry-otp", "confirm", "get")
AT_TELEGRAM = ("getUpdates", "sendMessage", "editMessageText", "deleteMessage")
ECHOING = (Kind.bad_gateway, Kind.server_error, Kind.garbage)
QUICK = {
    "confirm_timeout": 0.5,
    "reconcile_delays": (1.2, 2.0),
    "otp_resend_after": 0.1,
    "atmos_callback_key": KEY,
    "admin_chat_id": GROUP,
}


@pytest.fixture(autouse=True)
def _everything_is_quicker(monkeypatch):
    monkeypatch.setattr("bot.app.TIMEOUT", 0.5)
    monkeypatch.setattr("bot.app.TICK", 0.5)  # each look of the duties is many lines at DEBUG
    monkeypatch.setattr("bot.telegram.LONGEST_PAUSE", 0.1)


class Crowd:
    """The students of a run, and all that they type and that must never be seen again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cards: list[str] = []
        self.codes: set[str] = set()
        self.phones: defaultdict[str, list[str]] = defaultdict(list)  # codes sent, by card
        self._numbers = count(501)
        world.gateway.random = Codes(57)
        world.gateway.on_sms = self._rings

    def _rings(self, sms: Sms) -> None:
        self.codes.add(sms.code)
        card = self.world.gateway.transactions[sms.transaction_id].card
        if card is not None:
            self.phones[card.number].append(sms.code)

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.cards, self.codes, [EXPIRY])

    def person(self) -> Person:
        return self.world.student(next(self._numbers), "Dilnoza")

    def card(self) -> str:
        """Give a card nobody else has."""
        card = made_up_card(len(self.cards))
        self.cards.append(card)
        return card

    def code(self) -> str:
        """Give a code that was never sent."""
        code = str(self.world.gateway.random.randrange(10**6))
        self.codes.add(code)
        return code

    def order(self, student: Person) -> int:
        orders: dict[int, int] = dict(self.world.stored("SELECT student_id, id FROM intents"))
        return orders.get(student.id, 0)


async def is_heard(student: Person) -> None:
    """Wait until the bot has dealt with what was typed: it answers a chat in its order."""
    while True:
        asked = student.says("/help")
        with suppress(AssertionError):  # a fault ate the answer
            await student.sees("/cancel", timeout=3, since=asked)
            return


async def buys(crowd: Crowd) -> None:
    student, card = crowd.person(), crowd.card()
    await reaches_code(student, card, EXPIRY)
    student.says(crowd.phones[card][-1])
    await student.sees("✅", timeout=PATIENCE)


async def tries_to_buy(crowd: Crowd, *cards: str) -> None:
    """Try one card after another, blindly, as far as it goes."""
    student = crowd.person()
    said = student.says("/start protokol-57")
    for card in cards:
        crowd.world.telegram.tap(student, said, "pay:protokol-57")
        student.says(card)
        student.says(EXPIRY)
        await is_heard(student)
        crowd.world.telegram.tap(student, said, f"resend:{crowd.order(student)}")
        student.says(crowd.code())
        await is_heard(student)
        student.says((crowd.phones[card] or [crowd.code()])[-1])
    crowd.world.telegram.tap(student, said, f"ask:{crowd.order(student)}")
    await is_heard(student)


async def gives_all_back(world: World) -> None:
    """Press the button under every order, and have the answers go wrong."""
    admin = world.telegram.people[502]
    said = admin.says("/order 1", chat=world.admins)
    for kind in ECHOING:
        world.goes_wrong("reverse", kind, acts=True)
    for (order,) in world.stored("SELECT id FROM intents"):
        world.telegram.tap(admin, said, f"reverse:{order}")
    await world.telegram.until(lambda: not world.gateway.faults.waiting, timeout=PATIENCE)


def types_wrongly(crowd: Crowd, student: Person) -> None:
    """Type what is not asked for, whatever is asked for, each with a card of its own."""
    card, code = crowd.card(), crowd.code()
    wrong_check_digit = f"{card[:-1]}{(int(card[-1]) + 1) % 10}"
    crowd.cards.append(wrong_check_digit)
    for text in (
        card[:15],
        wrong_check_digit,
        f"{card}7",
        f"{card}1297",
        f"{card} {EXPIRY} 777",
        f"{card[:4]}/{card[4:8]}/{card[8:12]}/{card[12:]}",
        f"{card} 13/97",
        f"{card} 12/20",
        f"{card} {crowd.card()}",
        f"{card}, {EXPIRY}, {code}",
        card.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
        "13/97",
        "12/20",
        code[:5],
        f"{code[:3]}_{code[3:]}",
        f"{code} {crowd.code()}",
        f"kod: {code}",
        f"/start {card}",
        f"/start@checkout_bot {card}",
        f"/help {card}",
        f"/{card}",
        f"/order {card}",
    ):
        student.says(text)


def sends_strangely(crowd: Crowd, student: Person) -> None:
    """Send a card in everything that is no text of one's own."""
    card, words = crowd.card(), crowd.card()
    for kind in ("photo", "document", "voice", "video"):
        student.sends(kind, caption=card)
    for kind in ("sticker", "location"):
        student.sends(kind)
    student.sends("photo", caption=f"{EXPIRY} {crowd.code()}", media_group_id="1")
    student.sends({"contact": {"phone_number": card, "first_name": card}})
    student.sends({"poll": a_poll(card)})
    student.sends({"rich_message": {"blocks": [{"type": "paragraph", "text": card}]}})
    origin = {"type": "hidden_user", "sender_user_name": card, "date": 1}
    student.says(words, forward_origin=origin)
    original = student.says(card)
    student.says("mana", reply_to=original, quote={"text": card, "position": 0})
    student.edits(student.says("salom"), card)
    student.edits(student.sends("photo", caption="salom"), card)
    student.edits(student.says("kod"), crowd.code())


def a_poll(question: str) -> dict[str, Any]:
    flags = dict.fromkeys(("is_closed", "is_anonymous", "allows_multiple_answers"), False)
    options = [{"text": question, "voter_count": 0, "persistent_id": "1"}]
    about = {"id": "1", "question": question, "type": "regular", "total_voter_count": 0}
    return about | flags | {"options": options, "allows_revoting": True}


def makes_things_up(crowd: Crowd, student: Person) -> None:
    """Tap buttons that no message has, and have Telegram bring what aiogram cannot read."""
    card = crowd.card()
    shown = student.chat.from_bot[-1]
    for act in ("pay", "ask", "resend", "cancel", "offer", "language", "reverse", "settle", "?"):
        crowd.world.telegram.tap(student, shown, f"{act}:{card}")
    crowd.world.telegram.tap(student, shown, card)
    unreadable = student.says(card, external_reply={"story": {}})
    crowd.world.telegram.tell(unreadable, "edited_message")


async def speaks_in_groups(crowd: Crowd) -> None:
    """Type a card where others read along, and as an administrator."""
    world, student = crowd.world, crowd.person()
    course = world.telegram.group(
        -1_009_137_528_999, "Kurs", [student], bot_rights={"can_delete_messages": True}
    )
    for who, chat in ((student, course), (world.telegram.people[502], world.admins)):
        card = crowd.card()
        for text in (card, f"/start {card}", f"/order {card}", f"/settle {card}", f"/help {card}"):
            who.says(text, chat=chat)
        who.says(f"/settle {card} paid {card}", chat=chat)
        who.edits(who.says("salom", chat=chat), card)
        who.sends("photo", caption=card, chat=chat)
        asked = who.says("/start", chat=chat)
        await chat.sees("shaxsiy", timeout=PATIENCE, since=asked)


async def errs_over_the_card(crowd: Crowd) -> None:
    student = crowd.person()
    await pays(student)
    sends_strangely(crowd, student)
    types_wrongly(crowd, student)
    await is_heard(student)


async def errs_over_the_expiry(crowd: Crowd) -> None:
    student = crowd.person()
    await pays(student)
    student.says(crowd.card())
    await student.sees("muddat")
    types_wrongly(crowd, student)
    await is_heard(student)


async def errs_over_the_code(crowd: Crowd) -> None:
    student = crowd.person()
    await reaches_code(student, crowd.card(), EXPIRY)
    makes_things_up(crowd, student)
    types_wrongly(crowd, student)
    await is_heard(student)


def quotes_requests(world: World) -> None:
    """Have ATMOS quote its requests in all it refuses, and Telegram's proxy what was written."""
    gateway_answers, telegram_answers = world.gateway.answer, world.telegram.call

    async def atmos(method: str, path: str, headers: Any, body: bytes, query: Any) -> Answer:
        answer = await gateway_answers(method, path, headers, body, query)
        echo = f"{body.decode()} {headers.get('Authorization')}"
        if answer.status != 200:
            return replace(answer, body=answer.body + echo.encode())
        if b"STPIMS-ERR" in answer.body:
            shown = json.loads(answer.body)
            shown["result"]["description"] += f" {echo}"
            return replace(answer, body=json.dumps(shown).encode())
        return answer

    async def telegram(token: str, method: str, params: dict[str, Any]) -> Any:
        answer = await telegram_answers(token, method, params)
        if answer.body is not None:
            chats = world.telegram.chats.values()
            answer.body += json.dumps([one.text for chat in chats for one in chat.messages])
        return answer

    world.gateway.answer = atmos  # type: ignore[method-assign, assignment]
    world.telegram.call = telegram  # type: ignore[method-assign]


def goes_wrong_in_every_way(world: World) -> None:
    for operation, kind in product(AT_ATMOS, Kind):
        world.gateway.faults.add(Fault(operation, kind, acts=True, seconds=0.7))
    for method, kind in product(AT_TELEGRAM, Kind):
        world.telegram.faults.add(Fault(method, kind, acts=True, seconds=0.3))
    world.gateway.expire_tokens()


def is_asked_before_each_debit(world: World) -> None:
    port = free_port()
    world.gateway.callback_url = f"http://127.0.0.1:{port}/atmos/callback"
    world.gateway.callback_key = KEY
    world.overrides |= {"web_port": port, "atmos_callback_key": KEY}


async def test_a_purchase_leaves_nothing_behind(world):
    """Failure story D2."""
    is_asked_before_each_debit(world)
    crowd = Crowd(world)
    student, card = crowd.person(), crowd.card()
    with everything_written(world.settings()) as written:
        async with world.bot():
            await pays(student)
            await names_card(student, card, EXPIRY)
            await student.sees("SMS kod")
            student.says(world.code)
            await student.sees("✅")
            await world.admins.sees("✅")
            running = leaks(world, written.getvalue(), crowd.wanted)
        stopped = leaks(world, written.getvalue(), crowd.wanted)

    assert running == {}
    assert stopped == {}
    for library in ("aiosqlite", "sqlalchemy.engine", "httpx", "aiogram.event", "bot.app"):
        assert f"[{library}" in written.getvalue()


@pytest.mark.timeout(600)  # half a minute, on a machine that does nothing else
async def test_every_card_every_fault_and_every_error_leave_nothing_behind(world):
    """Failure story D1: at DEBUG, with an ATMOS that echoes its requests in its errors."""
    is_asked_before_each_debit(world)
    world.admins = world.telegram.group(GROUP, "Sotuvlar", admins=[world.telegram.people[502]])
    world.overrides |= QUICK
    crowd = Crowd(world)
    crowd.cards += CARDS
    quotes_requests(world)
    with everything_written(world.settings(), but=TALKATIVE) as written:
        async with world.bot():
            await asyncio.gather(
                errs_over_the_card(crowd),
                errs_over_the_expiry(crowd),
                errs_over_the_code(crowd),
                speaks_in_groups(crowd),
                *(buys(crowd) for _ in ECHOING),
            )
            await gives_all_back(world)
            goes_wrong_in_every_way(world)
            await asyncio.gather(*(tries_to_buy(crowd, card, crowd.card()) for card in CARDS))
            await world.telegram.until(lambda: not world.gateway.faults.waiting, timeout=PATIENCE)
            await world.telegram.until(lambda: not world.telegram.faults.waiting, timeout=PATIENCE)
            running = leaks(world, "", crowd.wanted)
        stopped = leaks(world, written.getvalue(), crowd.wanted)

    assert running == {}
    assert stopped == {}
    assert {entry.kind for entry in world.gateway.ledger} == {"charge", "reversal"}


@pytest.mark.parametrize("field", ["account", "transaction_id", "amount", "store_id", "extra"])
async def test_a_card_in_the_approval_question_is_masked_before_it_is_stored(world, field):
    """Failure story D4."""
    is_asked_before_each_debit(world)
    crowd = Crowd(world)
    numbers = {"store_id": "57", "transaction_id": "1", "account": "9", "amount": "100"}
    card = crowd.card()
    with everything_written(world.settings()) as written:
        async with world.bot():
            answers = [
                await post(str(world.gateway.callback_url), signed(KEY, **numbers | {field: said}))
                for said in (card, f"{card[:4]} {card[4:]}")
            ]
            running = leaks(world, written.getvalue(), crowd.wanted)
        stopped = leaks(world, written.getvalue(), crowd.wanted)

    assert running == {}
    assert stopped == {}
    assert [crowd.wanted.within(answer) for answer in answers] == [set(), set()]


async def test_an_update_nobody_can_read_stops_no_other_and_is_not_quoted(world):
    """Failure story D10."""
    crowd = Crowd(world)
    poison, student, card = crowd.person(), crowd.person(), crowd.card()
    with everything_written(world.settings()) as written:
        async with world.bot():
            poison.says(card, external_reply={"story": {}})
            student.says(f"/start {card}")
            student.says("/start protokol-57")
            await student.sees("Protokol 57")
        found = leaks(world, written.getvalue(), crowd.wanted)

    assert "update_unreadable" in written.getvalue()
    assert found == {}


CARD = made_up_card(1)
CODE = "678967"
WANTED = Wanted([CARD], [CODE], [EXPIRY])
FACE = " ".join(re.findall("....", CARD))
SPACED = [
    CARD,
    CARD[3:13],
    FACE,
    FACE.replace(" ", "\xa0"),
    FACE.replace(" ", "\n\n"),
    FACE.replace(" ", " - "),
    FACE.replace(" ", "\u200b"),
    FACE.replace(" ", "_"),
    " ".join(CARD),
    f"99890{CARD}1297",
    f"{CARD[:10]}******",
]
ENCODED = {
    "as it is": str,
    "a repr": repr,
    "ASCII": ascii,
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "UTF-8": str.encode,
    "UTF-16": lambda text: text.encode("utf-16"),
    "an address": quote_plus,
    "HTML": lambda text: text.encode("ascii", "xmlcharrefreplace"),
    "base64": lambda text: base64.b64encode(f"karta: {text}.".encode()),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(f">>{text}<<".encode()),
    "hexadecimal": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("encode", ENCODED.values(), ids=ENCODED)
@pytest.mark.parametrize("spaced", SPACED)
def test_the_search_finds_ten_digits_of_a_card_however_they_are_written(spaced, encode):
    assert WANTED.within(encode(spaced)) == {CARD}


@pytest.mark.parametrize("encode", [str, ascii, json.dumps, str.encode, quote_plus])
@pytest.mark.parametrize("zero", "٠०０")  # noqa: RUF001, RUF100  full-width
def test_the_search_finds_a_card_in_any_digits(zero, encode):
    assert WANTED.within(encode("".join(chr(ord(zero) + int(digit)) for digit in CARD))) == {CARD}


def test_the_search_finds_a_card_stored_as_an_integer():
    assert WANTED.within(b"\6" + int(CARD).to_bytes(8, "big") + b"\0") == {CARD}


@pytest.mark.parametrize("card", CARDS)
def test_the_search_finds_every_card_of_the_sandbox_and_none_in_noughts(card):
    wanted = Wanted([card])

    assert wanted.within(f"card {card}.") == wanted.within(card[:10]) == {card}
    assert wanted.within("-24 00:00:00.0000000017, 10000000000, 0000000090") == set()


@pytest.mark.parametrize("said", [CODE, f"kod {CODE}.", "678 967", "67-89-67", f'"otp":"{CODE}"'])
@pytest.mark.parametrize("encode", [str, ascii, json.dumps, str.encode, quote_plus])
def test_the_search_finds_a_code(said, encode):
    assert WANTED.within(encode(said)) == {CODE}


@pytest.mark.parametrize(
    "said", ["12/97", "12.97", "12-2097", "12 / 97", "97/12", "1297", '"9712"', "expiry=9712"]
)
def test_the_search_finds_an_expiry(said):
    assert WANTED.within(said) == {EXPIRY}


@pytest.mark.parametrize(
    "said",
    [
        CardNumber(CARD).label,
        repr(CardNumber(CARD)),
        f"{CARD[:9]} and {CARD[10:]}",
        f"{CARD[:6]}••••••{CARD[-4:]}",
        "998901234567",
        f"1{CODE}",
        f"{CODE}0",
        "2026-11-24 10:04:00.678967",
        "in 0.678967 s",
        "<object at 0x7f678967a0>",
        "[cached since 12.97s ago]",
        "order 129712",
    ],
)
def test_the_search_finds_nothing_in_masks_and_in_other_numbers(said):
    assert WANTED.within(said) == set()


def changes(world: World, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(world.home / "checkout.db")) as other:
        other.execute(statement, values)
        other.commit()


def in_the_dialogues(world: World, text: str) -> None:
    changes(world, "INSERT INTO dialogues VALUES ('1', 'card', ?)", json.dumps({"card": text}))


def in_the_outbox(world: World, text: str) -> None:
    words = json.dumps(["error", {"text": text}])
    now = "2026-11-24 10:04:00.000000"
    columns = "chat_id, action, words, language, created_at, due_at, attempts"
    changes(
        world,
        f"INSERT INTO outbox ({columns}) VALUES (501, 'send', ?, 'uz', ?, ?, 0)",  # noqa: S608
        *(words, now, now),
    )


def in_a_name(world: World, text: str) -> None:
    changes(world, "INSERT INTO chats (id, language) VALUES (501, ?)", text)


def in_a_row_that_is_deleted(world: World, text: str) -> None:
    """Leave it in the room that the row has left, as a SQLite does that was not told to wipe."""
    in_a_name(world, text)
    with closing(sqlite3.connect(world.home / "checkout.db")) as other:
        other.execute("PRAGMA secure_delete = OFF")
        other.execute("INSERT INTO chats (id) VALUES (502)")
        other.execute("DELETE FROM chats WHERE id = 501")
        other.commit()
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def in_the_log_of_writes(world: World, text: str) -> None:
    """Leave it where only a reader of the file finds it: overwritten before a checkpoint."""
    keeps = sqlite3.connect(world.home / "checkout.db")  # the last one to close folds it in
    in_a_name(world, text)
    changes(world, "DELETE FROM chats")
    copy = (world.home / "checkout.db-wal").read_bytes()
    keeps.close()
    (world.home / "checkout.db-wal.copy").write_bytes(copy)


def in_another_file(world: World, text: str) -> None:
    (world.home / "crash.dump").write_text(text, "utf-8")


def in_an_admins_text(world: World, text: str) -> None:
    world.admins.write(world.telegram.bot, {"text": text})


def in_an_admins_text_that_was_edited(world: World, text: str) -> None:
    said = world.admins.write(world.telegram.bot, {"text": text})
    world.admins.rewrite(said, {"text": "✅"})


def in_the_log(_: World, text: str) -> None:
    sys.stderr.write(f"{text}\n")


PLANTS = {
    in_the_dialogues: "table dialogues",
    in_the_outbox: "table outbox",
    in_a_name: "table chats",
    in_a_row_that_is_deleted: "file checkout.db",
    in_the_log_of_writes: "file checkout.db-wal.copy",
    in_another_file: "file crash.dump",
    in_an_admins_text: "admins",
    in_an_admins_text_that_was_edited: "admins",
    in_the_log: "log",
}


@pytest.mark.parametrize("text", [CARD, FACE, CARD[2:12]])
@pytest.mark.parametrize(("plant", "place"), PLANTS.items(), ids=[one.__name__ for one in PLANTS])
@pytest.mark.usefixtures("database")
async def test_a_planted_number_is_found_where_it_is(world, plant, place, text):
    with everything_written(world.settings()) as written:
        before = leaks(world, written.getvalue(), WANTED)
        plant(world, text)
        after = leaks(world, written.getvalue(), WANTED)

    assert before == {}
    assert after[place] == {CARD}
    assert after.keys() <= {place, "file checkout.db", "file checkout.db-wal"}


@pytest.mark.usefixtures("database")
async def test_a_planted_number_is_found_in_what_the_bot_asks_of_telegram(world):
    said = {"chat_id": 501, "reply_markup": {"inline_keyboard": [[{"text": FACE, "url": "x"}]]}}
    await world.telegram.call(TOKEN, "sendMessage", said)

    assert leaks(world, "", WANTED) == {"calls": {CARD}}
