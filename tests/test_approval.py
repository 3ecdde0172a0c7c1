"""The question ATMOS asks before a debit: a gate, not a receipt."""

import asyncio
import hashlib
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmos import Declined, callback
from bot.approval import Approval
from bot.notices import AdminGroup
from bot.web import GATE, origin
from sandbox.faults import Kind
from tests.conftest import ADMINS, GOOD, PRICE, everything_said, free_port, reaches_code

KEY = "callback-key-made-up"


def signed(key: str = KEY, **fields: object) -> bytes:
    text = "".join(str(fields.get(name, "")) for name in ("store_id", "transaction_id"))
    account = fields.get("account") or fields.get("invoice") or ""
    text = f"{text}{account}{fields.get('amount', '')}{key}"
    digest = hashlib.md5(text.encode(errors="replace")).hexdigest()  # noqa: S324  ATMOS's
    return json.dumps({"sign": digest} | fields).encode()


@pytest.fixture
def gate(world):
    port = free_port()
    world.gateway.callback_url = f"http://127.0.0.1:{port}/atmos/callback"
    world.gateway.callback_key = KEY
    world.overrides |= {"web_port": port, "atmos_callback_key": KEY}
    return world.gateway.callback_url


def question(world, **changes: object) -> bytes:
    """Ask about the first payment as ATMOS would."""
    transaction = next(iter(world.gateway.transactions.values()))
    fields: dict[str, Any] = {
        "store_id": "57",
        "transaction_id": str(transaction.id),
        "account": transaction.account,
        "amount": str(transaction.amount),
    }
    return signed(**fields | changes)


async def ask(url: str, body: bytes) -> int:
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(url, content=body)

    assert answer.status_code == 200
    return int(answer.json()["status"])


@pytest.mark.usefixtures("gate")
async def test_a_wanted_capture_is_let_through(world):
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("✅")

    assert world.charged == [PRICE]


@pytest.mark.usefixtures("gate")
async def test_the_gate_answers_while_the_capture_waits_for_it(world):
    """Failure story B11: no deadlock, which would end in a no."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("✅")

    assert world.calls("confirm") == 1
    assert world.charged == [PRICE]


@pytest.mark.parametrize("amount", [PRICE - 1, PRICE + 1, 1])
async def test_another_amount_is_refused_and_told(world, gate, amount):
    """Failure story C3."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        with world.holding("confirm"):
            student.says(world.code)
            await student.sees("⏳")

            assert await ask(gate, question(world, amount=str(amount))) == 0

        await world.admins.sees("summa boshqa")


async def test_an_unlisted_address_is_answered_by_the_signature_and_flagged(world, gate):
    """Failure story B12."""
    student = world.student()
    world.overrides["atmos_callback_networks"] = "192.0.2.0/24, 2001:db8::/32"
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("✅")
        await world.admins.sees("127.0.0.1")
        await ask(gate, signed(store_id="57", transaction_id="1", account="9", amount="1"))

    assert world.charged == [PRICE]
    assert sum("127.0.0.1" in text for text in world.admins.texts) == 1


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("9.9.9.9", [], "9.9.9.9"),
        ("9.9.9.9", ["192.0.2.7"], "9.9.9.9"),  # no proxy, so it says what it likes
        ("::ffff:9.9.9.9", ["192.0.2.7"], "9.9.9.9"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("172.17.0.1", ["192.0.2.7, 203.0.113.9"], "203.0.113.9"),  # the first may be made up
        ("::1", ["192.0.2.7", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9:51234"], "203.0.113.9"),
        ("127.0.0.1", ["2001:db8::9"], "2001:db8::9"),
        ("127.0.0.1", ["2001:1234::9"], "2001:1234::9"),
        ("127.0.0.1", ["[2001:db8::9]"], "2001:db8::9"),
        ("127.0.0.1", ["[2001:db8::9]:4711"], "2001:db8::9"),
        ("127.0.0.1", ["[::ffff:203.0.113.9]:4711"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9, nonsense"], "None"),
        ("127.0.0.1", ["203.0.113.9:"], "None"),
        ("", ["203.0.113.9"], "None"),
    ],
)
def test_a_question_comes_from_the_peer_or_from_whom_a_proxy_names_last(peer, forwarded, address):
    assert str(origin(peer, forwarded)) == address


@pytest.mark.parametrize(
    ("named", "flagged"),
    [
        (["192.0.2.7", "203.0.113.9:51234"], True),
        (["203.0.113.9", "192.0.2.7"], False),
        (["nonsense"], False),
    ],
)
async def test_behind_a_proxy_it_is_the_address_the_proxy_names(world, gate, named, flagged):
    """The attacker's find: of two lines the first was read, and an address with a port never."""
    world.overrides["atmos_callback_networks"] = "192.0.2.0/24"
    async with world.bot():
        body = signed(store_id="57", transaction_id="1", account="9", amount="1")
        lines = [("X-Forwarded-For", line) for line in named]
        async with httpx.AsyncClient(headers=lines, timeout=60) as client:
            answer = await client.post(gate, content=body)
        await world.admins.sees("bunday toʻlov botda yoʻq")

    assert answer.status_code == 200
    assert ("203.0.113.9" in "".join(world.admins.texts)) == flagged


@pytest.mark.usefixtures("gate")
async def test_a_listed_address_is_not_flagged(world):
    student = world.student()
    world.overrides["atmos_callback_networks"] = "127.0.0.0/8"
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await world.admins.sees("✅")

    assert "127.0.0.1" not in "".join(world.admins.texts)


async def test_a_card_in_a_question_is_hidden_before_it_is_stored_and_told(world, gate):
    """Failure story D4."""
    async with world.bot():
        body = signed(store_id="57", transaction_id="1", account=f"to {GOOD}", amount="100")

        assert await ask(gate, body) == 0

        await world.admins.sees("100 tiyin, account to •••")

    assert GOOD not in "".join(world.admins.texts)
    assert GOOD[:8] not in str(world.stored("select * from outbox"))


async def test_an_unknown_payment_is_refused_stored_and_told(world, gate):
    """Failure story B15."""
    async with world.bot():
        body = signed(store_id="57", transaction_id="1", account="999", amount="100")

        assert await ask(gate, body) == 0
        assert await ask(gate, body) == 0

        await world.admins.sees("bunday toʻlov botda yoʻq")

    assert len(world.admins.from_bot) == 1


async def test_a_payment_that_is_not_being_captured_is_refused(world, gate):
    """Failure story C4: a signed question outside of a capture moves nothing."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)

        assert await ask(gate, question(world)) == 0

    assert world.charged == []
    assert "✅" not in student.chat.render()


@pytest.mark.parametrize("key", ["another-key", KEY])
async def test_a_body_that_says_paid_is_not_believed_and_atmos_is_asked(world, gate, key):
    """Failure story C4: a forged "paid", and one that even the right key has signed."""
    student = world.student()
    world.goes_wrong("confirm", Kind.drop)
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("tekshir")
        fields = json.loads(question(world)) | {"status": "paid", "confirmed": True}
        del fields["sign"]
        await ask(gate, signed(key, **fields))
        await world.hours_pass()
        await student.sees("pul yechilmaganini")

    assert world.calls("get") >= 1
    assert world.charged == []
    assert not any("✅" in said for said in everything_said(student))


@pytest.mark.usefixtures("gate")
async def test_a_cancelled_payment_is_not_let_through_and_the_admins_are_told(world):
    """Failure story A15: somebody has the code, and the order is cancelled."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        student.taps("Bekor qilish")
        await student.sees("bekor qilindi")
        with pytest.raises(Declined):
            await world.charges(world.code)
        await world.admins.sees("bekor qilingan")

    assert world.charged == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"sign": "\xd0\xbf"}',
        b'{"account": {}, "sign": 1}',
        signed("another-key", store_id="57", transaction_id="1", account="1", amount="1"),
        b'{"store_id": "57", "transaction_id": "1", "account": "1", "amount": "1"}',
    ],
)
async def test_what_is_not_genuine_is_a_no_and_never_an_exception(world, gate, body):
    """Failure story C5."""
    async with world.bot(), httpx.AsyncClient(timeout=60) as atmos:
        answer = await atmos.post(gate, content=body)

    assert answer.json() == {"status": 0, "message": "not genuine"}


@pytest.mark.usefixtures("gate")
async def test_a_wrong_callback_key_is_named_to_the_admins(world):
    """The merchant's review: "the signature is not ours", in English, and no setting's name."""
    student = world.student()
    world.gateway.callback_key = "another-key"
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        stranger = await world.admins.sees("ATMOS_CALLBACK_KEY bilan imzolanmagan")
        refused = await world.admins.sees("«ha» javobini olmadi")

    assert "istalgan odam yozishi mumkin" in stranger.text
    assert "ATMOS pul yechishdan oldin soʻradi" not in "".join(world.admins.texts)
    for part in ("STPIMS-ERR-093", "ATMOS_CALLBACK_KEY", "WEB_PORT", "proksi"):
        assert part in refused.text
    assert world.charged == []


async def test_a_gate_that_fails_says_no_even_to_what_is_wanted(world, gate):
    """Failure story B7."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        with world.holding("confirm"):
            student.says(world.code)
            while not world.calls("confirm"):
                await asyncio.sleep(0.01)
            await world.alters("ALTER TABLE intents RENAME TO elsewhere")
            failing = await ask(gate, question(world))
            await world.alters("ALTER TABLE elsewhere RENAME TO intents")

            assert failing == 0
            assert await ask(gate, question(world)) == 1

        await student.sees("✅")


async def test_a_database_that_does_not_answer_is_a_no_within_a_second(world, gate, monkeypatch):
    """Failure story B7: another process holds the database."""
    monkeypatch.setattr("bot.web.GATE", GATE)
    body = signed(store_id="57", transaction_id="1", account="9", amount="1")
    async with world.bot():
        with closing(sqlite3.connect(world.home / "checkout.db", isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")

            assert await ask(gate, body) == 0

        # Told, so that SQLite had not given up: ATMOS did not wait for its ten seconds.
        await world.admins.sees("bunday toʻlov botda yoʻq")

    assert GATE <= 1


async def test_an_oversized_body_is_refused_though_it_is_wanted(world, gate):
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        with world.holding("confirm"):
            student.says(world.code)
            while not world.calls("confirm"):
                await asyncio.sleep(0.01)
            wanted = question(world)

            async with httpx.AsyncClient(timeout=60) as atmos:
                oversized = await atmos.post(gate, content=wanted + b" " * 300_000)

            assert oversized.status_code == 413
            assert await ask(gate, wanted + b" " * 100) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"transaction_id": "{:٠>9}"},
        {"transaction_id": "+{}"},
        {"amount": " {} "},
    ],
)
async def test_what_is_signed_but_no_plain_number_is_refused(world, gate, changes):
    """The attacker's find: the signature alone let these through."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        with world.holding("confirm"):
            student.says(world.code)
            while not world.calls("confirm"):
                await asyncio.sleep(0.01)
            wanted = json.loads(question(world))
            changed = {name: shape.format(wanted[name]) for name, shape in changes.items()}

            assert await ask(gate, question(world, **changed)) == 0
            assert await ask(gate, question(world)) == 1

        await student.sees("✅")


def test_numbers_are_hashed_as_they_were_written():
    """Failure story C5."""
    body = signed(store_id=57, transaction_id=7, account="333", amount=10200)

    assert callback.read(body, KEY) == callback.Question(7, "333", 10200)


@pytest.mark.parametrize("name", ["account", "invoice"])
def test_the_account_is_read_under_both_its_names(name):
    body = signed(store_id="57", transaction_id="7", amount="10200", **{name: "333"})

    assert callback.read(body, KEY).account == "333"


def test_account_is_taken_before_invoice():
    """Failure story C5."""
    fields = {"store_id": "57", "transaction_id": "7", "amount": "1"}
    body = signed(**fields, account="333", invoice="444")

    assert callback.read(body, KEY).account == "333"


def test_an_upper_case_signature_is_the_same_signature():
    """Failure story C5."""
    body = signed(store_id="57", transaction_id="7", account="333", amount="1")
    fields = json.loads(body)
    fields["sign"] = fields["sign"].upper()

    assert callback.read(json.dumps(fields).encode(), KEY).account == "333"


OBJECTS = st.dictionaries(st.text(), st.text() | st.integers())


@given(st.binary() | OBJECTS.map(lambda fields: json.dumps(fields).encode()))
def test_no_body_is_anything_but_genuine_or_not(body):
    with pytest.raises(callback.NotGenuine):
        callback.read(body, KEY)


class Slow:
    """A database that takes its time to store what is promised."""

    def __init__(self) -> None:
        self.promised: list[str | None] = []

    def now(self) -> datetime:
        return datetime(2026, 5, 7, 9, tzinfo=UTC)

    async def promise(self, notices) -> None:
        self.promised += [notice.key for notice in notices]
        await asyncio.sleep(0)


async def test_a_hundred_forgeries_at_once_are_one_alarm():
    """The attacker's review: eighty at once cost eighty writes."""
    database: Any = Slow()
    approval = Approval(database, AdminGroup(ADMINS, None, "uz"), KEY)

    said = await asyncio.gather(*(approval.refusal(b"{}") for _ in range(100)))

    assert set(said) == {"not genuine"}
    assert len(database.promised) == 1


async def test_an_alarm_that_could_not_be_stored_is_told_at_the_next_forgery(world, gate):
    async with world.bot():
        await world.fills_disk("INSERT ON outbox")
        await ask(gate, b"{}")
        await world.frees_disk()
        while not world.admins.from_bot:
            await ask(gate, b"{}")

    assert len(world.admins.from_bot) == 1
    assert "ATMOS_CALLBACK_KEY bilan imzolanmagan" in world.admins.texts[0]
