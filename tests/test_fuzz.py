"""Whatever comes in, nothing breaks and nothing secret is printed.

`make fuzz EXAMPLES=100000` tries more of it.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from io import BytesIO, StringIO
from itertools import count
from typing import Any, cast

import aiohttp
import httpx
import pytest
from aiogram import Bot
from aiogram.exceptions import AiogramError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from atmos import AtmosClient
from bot import app, telegram, web
from bot.app import App
from bot.settings import CALLBACK_PATH, Settings
from bot.storage import key_of
from handlers.steps import Paying
from sandbox.atmos import Gateway
from sandbox.telegram import Telegram
from sandbox.telegram.answer import Answer as Said
from tests.conftest import ADMINS, EXPIRY, OFFERS, TOKEN, free_port
from tests.leaks import TALKATIVE, Codes, Wanted, everything_written, made_up_card
from tests.simulation.network import Line
from tests.test_approval import signed

EXAMPLES = int(os.environ.get("EXAMPLES", "150"))
# Its own choice of examples is as good at the thousandth run: each run tries others.
fuzz = settings(
    max_examples=EXAMPLES,
    phases=[Phase.generate],  # the bot remembers what came before: a shorter example may not fail
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
KEY = "callback-key-made-up"
DOOR = "/telegram"
CARD, CODE = made_up_card(1), "678967"
WANTED = Wanted([CARD], [CODE])
LATEST = 90.0  # seconds in which whatever was begun has ended

texts = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["", CARD, CODE, "\ud800", "/start"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | texts
    | st.sampled_from([0, -1, 2**31, 2**53, 2**63, 10**400])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


class Outside:
    """Telegram and ATMOS in this process, without a wire in between."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []  # of the Bot API
        self.gateway = Gateway(random=Codes(57))

    async def asks(self, _place: str, call: Callable[[], Awaitable[Any]]) -> Any:
        return await call()

    async def gateway_answers(self, request: httpx.Request) -> httpx.Response:
        url, headers = request.url, dict(request.headers)
        answer = await self.gateway.answer(
            request.method, url.path, headers, request.content, dict(url.params)
        )
        return httpx.Response(answer.status, content=answer.body)

    async def telegram_answers(self, method: str, params: dict[str, Any]) -> Said:
        """Know every chat there may be: what is made up has none."""
        self.calls.append((method, params))
        chat = {"id": params.get("chat_id", 0), "type": "private"}
        results: dict[str, Any] = {
            "sendMessage": {"message_id": 1, "date": 1, "chat": chat},
            "editMessageText": True,
            "getChatAdministrators": [],
            "getMe": {"id": 700_000_001, "is_bot": True, "first_name": "B", "username": "b_bot"},
        }
        return Said(200, {"ok": True, "result": results.get(method, True)})


def as_json(value: Any) -> bytes:
    """Write anything as JSON, lone surrogates as escapes."""
    return json.dumps(value).encode()


class Fuzzed:
    """The bot of production, without its poll, its loops and its wires."""

    def __init__(self, runner: asyncio.Runner, outside: Outside, written: StringIO) -> None:
        self.outside = outside
        self.app: App
        self._runner = runner
        self._written = written
        self._ids = count(1_000)

    def run(self, what: Awaitable[Any]) -> Any:
        """Wait for it and for all that it has begun."""

        async def bounded() -> Any:
            async with asyncio.timeout(LATEST):
                found = await what
                while len(self.app.jobs):
                    await asyncio.sleep(0.001)
                return found

        return self._runner.run(bounded())

    def takes(self, update: dict[str, Any]) -> None:
        assert self.run(self.app.intake.take([update])) in (True, False)

    def takes_all(self, updates: list[dict[str, Any]]) -> None:
        assert self.run(self.app.intake.take(updates)) in (True, False)

    async def posts(self, path: str, body: bytes, kind: str, coding: str) -> tuple[int, bytes]:
        """Post as whoever knows Telegram's secret, and give the answer."""
        headers = {
            "Content-Type": kind,
            "Content-Encoding": coding,
            web.SECRET_HEADER: telegram.webhook_secret(self.app.bot),
        }
        url = f"http://127.0.0.1:{self.app.settings.web_port}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                url, data=BytesIO(body), headers={k: v for k, v in headers.items() if v}
            ) as told,
        ):
            return told.status, await told.read()

    def next_id(self) -> int:
        return next(self._ids)

    def is_at(self, student_id: int, step: str | None) -> None:
        key = key_of(self.app.bot.id, student_id)
        self.run(self.app.storage.set_state(key, step))

    def stays_quiet(self) -> str:
        """See that nothing was printed or said that must not be and no exception got away.

        Gives the log.
        """
        written = self._written.getvalue()
        said = json.dumps(self.outside.calls)
        self._written.seek(0)
        self._written.truncate()
        self.outside.calls.clear()

        assert WANTED.within(written) | WANTED.within(said) == set()
        for defect in ("job_failed", "update_failed", "request_failed"):
            assert defect not in written
        return written


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory) -> Iterator[Fuzzed]:
    home = tmp_path_factory.mktemp("fuzz")
    (home / "offers.toml").write_text(OFFERS, "utf-8")
    given = Settings(
        _env_file=None,
        bot_token=TOKEN,
        admin_chat_id=ADMINS,
        atmos_env="sandbox",
        atmos_store_id=57,
        atmos_consumer_key="sandbox",
        atmos_consumer_secret="sandbox",
        atmos_callback_key=KEY,
        database_url=f"sqlite+aiosqlite:///{home / 'checkout.db'}",
        offers_file=home / "offers.toml",
        web_port=free_port(),
        webhook_url=f"https://shop.example{DOOR}",
        wrong_codes_a_day=10_000,
        payments_a_day=10_000,
    )
    outside = Outside()
    with (
        pytest.MonkeyPatch.context() as patch,
        everything_written(given, but=TALKATIVE) as written,
        asyncio.Runner() as runner,
    ):
        patch.setattr(
            telegram,
            "bot",
            lambda token, _: Bot(token, session=Line(cast("Any", outside), outside)),
        )
        patch.setattr(app, "atmos_client", lambda _: client(outside))
        made = Fuzzed(runner, outside, written)
        living = lives(made, given)
        runner.run(living.__aenter__())
        yield made
        runner.run(living.__aexit__(None, None, None))


def client(outside: Outside) -> AtmosClient:
    return AtmosClient(
        base_url="http://127.0.0.1",
        consumer_key="sandbox",
        consumer_secret="sandbox",
        store_id=57,
        transport=httpx.MockTransport(outside.gateway_answers),
    )


@asynccontextmanager
async def lives(made: Fuzzed, given: Settings) -> AsyncIterator[None]:
    async with app.assembled(given) as made.app:
        await made.app.database.upgrade()
        async with app._web(made.app):
            yield


STEPS = (None, Paying.card.state, Paying.expiry.state, Paying.code.state)


def samples() -> list[dict[str, Any]]:
    """Give updates as Telegram sends them, of every kind a student can cause."""
    telegram = Telegram(token=TOKEN)
    student = telegram.person(501, "Dilnoza", username="dilnoza")
    group = telegram.group(-1_009_137_528_999, "Kurs", [student])
    shown = telegram.private(501).write(telegram.bot, {"text": "1/3"})
    for text in (CARD, EXPIRY, CODE, "/start protokol-57", f"/start {CARD}", "/cancel", "salom"):
        student.says(text)
    for kind in ("photo", "voice", "sticker", "document", "contact", "location"):
        student.sends(kind, caption=CARD)
    origin = {"type": "hidden_user", "sender_user_name": "A", "date": 1}
    original = student.says(CARD, forward_origin=origin)
    student.says("mana", reply_to=original, quote={"text": CARD, "position": 0})
    student.edits(student.says("salom"), CARD)
    student.says(CARD, chat=group)
    student.says(f"/order {CARD}", chat=group)
    for data in ("pay:protokol-57", f"pay:{CARD}", "ask:1", "resend:1", "cancel:1", "language:uz"):
        telegram.tap(student, shown, data)
    student.blocks()
    return [pending.update for pending in telegram.updates]


SAMPLES = samples()


def places(value: Any) -> list[tuple[Any, Any]]:
    """Give every (container, key) in a JSON value."""
    here: list[tuple[Any, Any]]
    if isinstance(value, dict):
        here = [(value, key) for key in value]
    elif isinstance(value, list):
        here = [(value, at) for at in range(len(value))]
    else:
        return []
    return here + [found for container, key in here for found in places(container[key])]


def drop(container: Any, key: Any, _: Any) -> None:
    del container[key]


def replace(container: Any, key: Any, value: Any) -> None:
    container[key] = value


def nest(container: Any, key: Any, value: Any) -> None:
    container[key] = {"text": container[key], "a": value}


def wrap(container: Any, key: Any, _: Any) -> None:
    container[key] = [container[key]]


def is_somebodys(update: dict[str, Any]) -> bool:
    """Tell whether it has what Telegram promises, a kind and who sent it: aiogram relies on it."""
    bodies = [update.get(kind) for kind in ("message", "edited_message", "callback_query")]
    return any(isinstance(body, dict) and body.get("from") for body in bodies)


@st.composite
def updates(draw: st.DrawFn) -> dict[str, Any]:
    """Give a real update to which one thing or a few were done."""
    update: dict[str, Any] = deepcopy(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(0, 3))):
        found = places(update)
        if not found:
            break
        container, key = found[draw(st.integers(0, len(found) - 1))]
        act = draw(st.sampled_from([drop, replace, replace, nest, wrap]))
        act(container, key, draw(anything))
    return update


@fuzz
@given(update=updates(), step=st.sampled_from(STEPS), is_new=st.booleans())
def test_whatever_update_comes_nothing_breaks(fuzzed, update, step, is_new):
    fuzzed.is_at(501, step)
    fuzzed.takes(update | ({"update_id": fuzzed.next_id()} if is_new else {}))
    written = fuzzed.stays_quiet()

    assert "handler_failed" not in written or not is_somebodys(update)


@fuzz
@given(
    sample=st.sampled_from(SAMPLES),
    at=st.integers(0, 30),
    name=st.sampled_from(["reply_to_message", "text", "caption", "a"]),
    depth=st.integers(1, 900),  # JSON of a thousand is not read any more
)
def test_however_deep_an_update_is_nothing_breaks(fuzzed, sample, at, name, depth):
    update = deepcopy(sample)
    found = places(update)
    container, key = found[at % len(found)]
    for _ in range(depth):
        container[key] = {name: container[key]}
    fuzzed.takes(update | {"update_id": fuzzed.next_id()})
    fuzzed.stays_quiet()


bodies = (
    st.binary(max_size=200)
    | anything.map(as_json)
    | updates().map(as_json)
    | st.sampled_from([b"[" * 1_000, b"[" * 200_000, b'{"message":' * 20_000, b"[" * 5_000 + b"1"])
    | st.sampled_from([web.LARGEST, web.LARGEST + 1]).map(lambda size: b'"' + b"8" * size)
)
# An amount may be six digits, and is told as it is.
questions = st.dictionaries(
    st.sampled_from(["store_id", "transaction_id", "account", "invoice", "amount"]),
    scalars.filter(lambda value: str(value) not in {"\ud800", CODE})
    | st.sampled_from(["57", "1", CARD]),
).map(lambda fields: signed(KEY, **fields))
kinds = st.sampled_from(["application/json", "text/plain", "multipart/form-data", "", "x/y;\xff"])
codings = st.sampled_from(["", "gzip", "deflate", "br", "identity", "?"])


@fuzz
@given(content=bodies)
def test_whatever_telegram_answers_is_read_or_refused_as_unreadable(fuzzed, content):
    method = telegram.GetRawUpdates(offset=None, timeout=0, allowed_updates=[])
    bot, text = fuzzed.app.bot, content.decode(errors="replace")
    for answer in (text, f'{{"ok": true, "result": [{text}]}}', f'{{"ok": false, "x": {text}}}'):
        printed = ""
        try:
            fuzzed.takes_all(bot.session.check_response(bot, method, 200, answer).result)
        except AiogramError as error:
            printed = str(error)

        assert WANTED.within(printed) == set()
    fuzzed.stays_quiet()


@fuzz
@given(body=bodies | questions, kind=kinds, coding=codings)
@pytest.mark.parametrize("path", [CALLBACK_PATH, DOOR, "/nowhere"])
def test_whatever_is_posted_is_refused_politely(fuzzed, path, body, kind, coding):
    status, said = fuzzed.run(fuzzed.posts(path, body, kind, coding))
    fuzzed.stays_quiet()

    assert status == 200 or 400 <= status < 500
    assert WANTED.within(said) == set()
    assert not any(word in said for word in (b"Traceback", b"File ", b"aiohttp", KEY.encode()))
    if len(body) > web.LARGEST:
        assert status >= 400
    if path == CALLBACK_PATH and status == 200:
        assert json.loads(said)["status"] == 0
