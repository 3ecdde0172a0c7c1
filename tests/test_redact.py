"""Nothing secret is readable in a log, whoever wrote the line."""

import asyncio
import json
import logging
import sys
import time
import unicodedata
import warnings
from contextlib import redirect_stderr
from functools import partial
from io import StringIO
from urllib.parse import quote, quote_plus

import httpx
import pytest
import structlog
from aiogram.types import Update
from hypothesis import Phase, given
from hypothesis import settings as how
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from bot.log import QUIET, configure
from bot.redact import HIDDEN, LONGEST, redact, redact_event
from bot.settings import Settings
from tests.conftest import pays
from tests.test_guard import AROUND as COMPANY
from tests.test_guard import grouped, groupings, local, scripts, written

CARD = "8600990000000009"
TOKEN = "700000001:AAtest-token-of-no-bot-at-all-0000000"
BEARER = "eyJ4NXQiOiJOV0.made-up_bearer~token/0="
DATABASE = "postgresql+asyncpg://shop:database-password@db/checkout"
FACE = "8600 9900 0000 0009"
CARDS = [
    CARD,
    "8600 9900 0000 0009",
    "8600-9900-0000-0009",
    "8600.9900.0000.0009",
    "8600\xa09900\xa00000\xa00009",
    "8600\u202f9900\u202f0000\u202f0009",
    "8600–9900–0000–0009",
    "8600\u20119900\u20110000\u20110009",
    "8600\u200b9900\u200b0000\u200b0009",
    "8600  9900  0000  0009",
    "8600 - 9900 - 0000 - 0009",
    "8600\n9900\n0000\n0009",
    "8 6 0 0 9 9 0 0 0 0 0 0 0 0 0 9",
]
AROUND = ["{}", "card_number={}&expiry=2712", '{{"card": "{}"}}', "+998901234567 {} 12/27", "{}."]


def settings():
    return Settings(
        _env_file=None,
        bot_token=TOKEN,
        admin_chat_id=-1001234567890,
        atmos_env="production",
        atmos_store_id=57,
        atmos_consumer_key="key-of-the-shop",
        atmos_consumer_secret="secret-of-the-shop",
        atmos_callback_key="key-of-the-callback",
        web_port=8080,
        database_url=DATABASE,
    )


def holds(said, card):
    """Tell whether half of the digits of a card, or more, are readable."""
    digits, plain = (
        "".join(str(unicodedata.digit(sign)) for sign in text if sign.isdigit())
        for text in (card, said)
    )
    return any(digits[n : n + 8] in plain for n in range(9))


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("around", AROUND)
def test_a_card_is_hidden_in_any_spacing(card, around):
    said = redact(around.format(card))

    assert HIDDEN in said
    assert not holds(said, card)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("show", [repr, ascii, json.dumps, "{0!r}".format])
def test_a_card_is_hidden_in_what_a_library_prints_escaped(card, show):
    said = redact(show({"text": card}))

    assert not holds(said, card)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (TOKEN, TOKEN),
        (f"https://api.telegram.org/bot{TOKEN}/sendMessage", TOKEN),
        (f"Cannot connect to https://api.telegram.org/bot{TOKEN}/getUpdates: [Errno 111]", TOKEN),
        (f"Authorization: Bearer {BEARER}", BEARER),
        (f"{{'authorization': 'bearer {BEARER}'}}", BEARER),
        ("Authorization: Basic c2FuZGJveDpzYW5kYm94", "c2FuZGJveDpzYW5kYm94"),
        ("BASIC c2FuZGJveDpzYW5kYm94==", "c2FuZGJveDpzYW5kYm94"),
        (DATABASE, "database-password"),
        ("http://shop:proxy-password@10.0.0.1:3128 refused", "proxy-password"),
        ("redis://:only-password@cache/0", "only-password"),
    ],
)
def test_what_opens_a_door_is_hidden(text, secret):
    said = redact(text)

    assert HIDDEN in said
    assert secret not in said


@pytest.mark.parametrize(
    "text",
    [
        "order 123456789 of student 501234567",
        "transaction_id=55202694522 success_trans_id=123456",
        "2026-11-24T10:04:00.123456Z",
        "24.11.2026 15:04",
        "73900000 tiyin, 739 000 soʻm",
        "8600 99** **** 0009",
        "https://partner.atmos.uz/merchant/pay/confirm",
        "http://127.0.0.1:8090/token",
        "sotuvchi@protokol.uz",
        "STPIMS-ERR-098",
        "",
    ],
)
def test_orders_ids_times_and_addresses_stay_readable(text):
    assert redact(text) == text


def test_every_secret_of_the_settings_is_hidden():
    secrets = settings().secrets()
    said = redact(" ".join(secrets), secrets)

    assert len(secrets) == 6
    assert said == " ".join([HIDDEN] * 6)


def test_an_empty_secret_hides_nothing():
    assert redact("12", ("",)) == "12"


@pytest.mark.parametrize(
    "value",
    [
        f"card {CARD}",
        [CARD],
        {"card": {"number": CARD}},
        (CARD, None),
        ValueError(CARD),
        CARD.encode(),
        httpx.Request("POST", f"https://atmos.uz/?card={CARD}"),
        httpx.Headers({"x-card": CARD}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_line_carries_is_cleaned(value):
    event = redact_event(())(None, "info", {"event": "said", "carried": value})

    assert HIDDEN in event["carried"]
    assert not holds(event["carried"], CARD)


def test_numbers_of_a_line_stay_numbers():
    event = {"event": "said", "update_id": 7, "took": 0.5, "ok": True, "chat": -1001234567890}

    assert redact_event(())(None, "info", event | {"none": None}) == event | {"none": None}


@pytest.fixture(params=["console", "json"])
def log(request):
    """Configure logging as the bot does, and give what was written since."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    root.handlers = []
    stream = StringIO()
    with redirect_stderr(stream):
        configure("INFO", request.param, settings().secrets())
    yield stream.getvalue
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


SECRETS = (TOKEN, TOKEN.split(":")[1], BEARER, "database-password", "secret-of-the-shop")


def shows_a_secret(said):
    return holds(said, CARD) or any(secret in said for secret in SECRETS)


@pytest.mark.parametrize("card", CARDS)
def test_a_line_of_a_library_with_a_card_is_cleaned(log, card):
    logging.getLogger("httpx").warning("Request: %s %r", card, {"body": card})
    said = log()

    assert "Request: " in said
    assert not holds(said, card)


def cannot_connect():
    raise ConnectionError(f"https://api.telegram.org/bot{TOKEN}/sendMessage")


def fails():
    """Raise as a client does, because of a network error with the address, token and all."""
    try:
        cannot_connect()
    except ConnectionError as error:
        raise RuntimeError(f"card {CARD}, Bearer {BEARER}, {DATABASE}") from error


def test_a_traceback_of_a_library_is_cleaned(log):
    """Failure story D7."""
    try:
        fails()
    except RuntimeError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    said = log()

    assert "Traceback" in said
    assert "ConnectionError" in said
    assert "RuntimeError" in said
    assert not shows_a_secret(said)


def test_a_traceback_of_ours_is_cleaned(log):
    try:
        fails()
    except RuntimeError as error:
        structlog.get_logger("bot").error("handler_failed", update_id=7, exc_info=error)
    said = log()

    assert "handler_failed" in said
    assert "RuntimeError" in said
    assert not shows_a_secret(said)


def test_context_and_arguments_are_cleaned(log):
    structlog.contextvars.bind_contextvars(request=f"Bearer {BEARER}")
    structlog.get_logger("bot").warning(
        "asked", card=CARD, url=f"/bot{TOKEN}/", body=[{"key": "secret-of-the-shop"}]
    )
    structlog.contextvars.clear_contextvars()
    said = log()

    assert said.count(HIDDEN) == 4
    assert not shows_a_secret(said)


def test_a_line_is_written_once_and_is_readable(log, request):
    structlog.get_logger("bot").info("running", atmos="production")
    said = log()

    assert said.count("\n") == 1
    assert "running" in said
    if "json" in request.node.name:
        assert json.loads(said) | {"timestamp": "…"} == {
            "event": "running",
            "atmos": "production",
            "level": "info",
            "logger": "bot",
            "timestamp": "…",
        }


def test_libraries_that_chatter_are_quiet(log):
    for name in QUIET:
        logging.getLogger(name).info("chatter")

    assert log() == ""


@how(database=None, deadline=None)
@given(local, groupings, scripts, st.sampled_from(COMPANY))
def test_what_the_guard_finds_is_hidden(number, between, script, around):
    shown = grouped(written(number, script), between)
    said = redact(around.format(shown, shown))

    assert HIDDEN in said
    assert not holds(said, number)


PRINTS = {
    "repr": repr,
    "ascii": ascii,
    "JSON": json.dumps,
    "readable JSON": lambda it: json.dumps(it, ensure_ascii=False),
    "JSON in JSON": lambda it: json.dumps(json.dumps(it)),
    "repr of JSON": lambda it: repr(json.dumps(it)),
    "bytes": lambda it: repr(it["text"].encode()),
    "URL": lambda it: quote(it["text"]),
}


def unescaped(said):
    for _ in range(3):
        said = said.encode("latin-1", "backslashreplace").decode("unicode_escape", "replace")
    return said


@pytest.mark.parametrize("show", PRINTS.values(), ids=PRINTS)
@how(database=None, deadline=None, max_examples=50)
@given(local, groupings, scripts)
def test_a_card_of_any_script_is_hidden_however_it_is_escaped(show, number, between, script):
    typed = grouped(written(number, script), between)
    said = redact(show({"text": f"a {typed} b", "n": typed}))

    assert HIDDEN in said
    assert not holds(unescaped(said), number)


nested = st.recursive(
    st.just(CARD) | st.just(f"otp=111111 {CARD}") | st.integers(0, 9) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.sampled_from(["a", "b", CARD]), inner, max_size=3)
    ),
    max_leaves=10,
)


@how(database=None, deadline=None)
@given(nested, st.sampled_from(["carried", CARD, f"card {CARD}", 7, None]))
def test_a_card_is_hidden_in_any_nesting_and_in_keys(value, key):
    line = structlog.processors.JSONRenderer()(
        None, "info", redact_event(())(None, "info", {"event": "said", key: value})
    )

    assert not holds(line, CARD)
    assert "111111" not in line


@how(database=None, deadline=None)
@given(st.text() | st.text("0123456789 \\ux%:@/'\"=otpcard_", max_size=300), st.text())
def test_any_text_can_be_redacted(text, secret):
    redact(text, (secret,))


class Rude:
    """An object that raises when it is looked at."""

    def __repr__(self):
        raise RuntimeError(CARD)


class Ruder(Exception):
    __repr__ = Rude.__repr__


class Rudest(dict[str, str]):
    __sizeof__ = __iter__ = values = __repr__ = Rude.__repr__


def endless():
    made: list[object] = []
    for _ in range(100_000):
        made = [made]
    return made


@pytest.mark.parametrize("value", [Rude(), [Rude()], Ruder(), Rudest(), endless()], ids=type)
def test_an_object_that_cannot_be_printed_costs_no_line(value):
    event = redact_event(())(None, "info", {"event": "said", "carried": value})

    assert event["event"] == "said"
    assert event["carried"].startswith(f"<{type(value).__name__}: ")
    assert not holds(event["carried"], CARD)


@pytest.mark.parametrize(
    "number",
    [
        int(CARD),
        float(CARD),
        4242424242424242,
        -int(CARD),
        -float(CARD),
        -4242424242424,
        -(10**30),
    ],
)
def test_a_number_as_long_as_a_card_is_hidden(number):
    event = redact_event(())(None, "info", {"event": "said", "amount": number})

    assert event["amount"] == HIDDEN


@pytest.mark.parametrize("code", ["123456", "1234", 123456, 12345678])
@pytest.mark.parametrize("key", ["code", "Code"])
def test_what_a_line_calls_a_code_is_hidden(key, code):
    event = redact_event(())(None, "info", {"event": "said", key: code})

    assert event[key] == HIDDEN


@pytest.mark.parametrize("code", ["STPIMS-ERR-098", "OK", "502", 429, -32600, None])
def test_the_code_of_an_error_stays_readable(code):
    event = redact_event(())(None, "info", {"event": "said", "code": code})

    assert event["code"] == code


NAMED = {
    "card_number": "9990",
    "expiry": "2712",
    "otp": "111111",
    "password": "it's 5 o'clock",
    "consumer_secret": 'with "quotes"',
    "x-telegram-bot-api-secret-token": "hush-hush",
    "access_token": "c0ffee",
    "token": "c0ffee",
    "Authorization": "c0ffee",
    "api_key": "c0ffee",
    "first_name": "O'tkir",
    "phone_number": "+7 916 123 45 67",
    "text": "12/27",
    "code": "111111",
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize(
    "show", [show for name, show in PRINTS.items() if name not in {"bytes", "URL"}]
)
def test_what_is_named_a_secret_is_hidden(name, show):
    value = NAMED[name]
    said = redact(show({"transaction_id": 57, name: value, "store_id": 58}))

    assert HIDDEN in said
    assert not any(part in said for part in value.replace('"', "'").split("'") if len(part) > 2)
    assert "57" in said
    assert "58" in said


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("card_number=9990&expiry=2712&otp=111111", "2712"),
        ("Card(expiry='12/27')", "12/27"),
        ("password: hunter2", "hunter2"),
        ("[(b'authorization', b'c0ffee')]", "c0ffee"),
        ("{'otp': 111111}", "111111"),
        ("+998901234567", "4567"),
        ("+998 (90) 123-45-67", "45-67"),
        (f"https://api.telegram.org/bot{quote(TOKEN, safe='')}/getMe", TOKEN.split(":")[1]),
        ("DETAIL: Failing row contains (1, Dilnoza, 57).", "Dilnoza"),
        ("postgresql://shop:p@ss:w/ord@db/checkout", "ss:w"),
        ("SMS kod 123456", "123456"),
        ("SMS-kodi: 123456", "123456"),
        ("kodingiz 123456, uni hech kimga aytmang", "123456"),
        ("kod=1234", "1234"),
        ("typed code 123456", "123456"),
        ("expiry 12/27", "12/27"),
        ("expiry 12.2027", "12.2027"),
        ("expiry_date 2712", "2712"),
        ("otp 123456", "123456"),
    ],
)
def test_what_opens_a_door_or_names_a_person_is_hidden(text, secret):
    said = redact(text)

    assert HIDDEN in said
    assert secret not in said


@pytest.mark.parametrize(
    "text",
    [
        "no token: HTTP 502",
        "wrong-code (STPIMS-ERR-098)",
        "{'code': 'STPIMS-ERR-098', 'description': 'x'}",
        "error_code=429",
        "exited with code 137 after 57014 s",
        "HTTP code 502, error_code 123456",
        "kod 5 daqiqa amal qiladi, 123456789 buyurtma",
        "expiry in 12 months",
        "the otp expired after 3 tries, the username is taken",
        "authorization 401, cookie 302",
        "Paying:card → Paying:expiry",
        "context: exception in a text",
    ],
)
def test_what_only_sounds_like_a_secret_stays_readable(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    "password", ["p@ss:w/o#r d", "two words", 'it\'s "odd"', "пароль-базы", "a%2Fb+c&d"]
)
def test_the_password_of_an_address_is_hidden_alone_and_in_every_spelling(password):
    url = f"postgresql+asyncpg://shop:{quote(password, safe='')}@db/checkout"
    clean = redact_event((url,))
    in_addresses = quote(password), quote(password, safe=""), quote_plus(password)
    for shown in (url, password, *in_addresses, repr(password)):
        event = clean(None, "info", {"event": f"cannot log in with {shown}."})

        assert not any(it in event["event"] for it in (password, *in_addresses))
        assert event["event"].startswith("cannot log in with")


def test_what_pydantic_quotes_is_hidden():
    """It shortens what it quotes, and of a card in the middle leaves too little to be known."""

    class Wanted(BaseModel):
        number: int

    for before in range(60):
        with pytest.raises(ValidationError) as error:
            Wanted.model_validate({"number": "x" * before + FACE + "y" * 60})

        assert not holds(redact(str(error.value)), CARD)


def test_an_update_that_is_printed_shows_nothing_of_what_was_written():
    user = {"id": 501, "is_bot": False, "first_name": "Dilnoza", "username": "dilnoza_57"}
    message = {"message_id": 1, "date": 1, "chat": {"id": 501, "type": "private"}, "from": user}
    update = Update.model_validate({"update_id": 7, "message": message | {"text": "12/27"}})
    for shown in (repr(update), str(update), update.model_dump_json()):
        said = redact(shown)

        assert "501" in said
        assert not any(it in said for it in ("12/27", "Dilnoza", "dilnoza_57"))


@pytest.mark.parametrize("at", [0, LONGEST // 4, LONGEST, 3 * LONGEST])
@pytest.mark.parametrize("filling", ["a b ", "8 ", "abc", "ё ", "\\n"])
def test_a_long_text_is_cut_and_shows_no_half_of_a_secret(at, filling):
    for shift in range(40):
        before, after = (
            (filling * 4 * LONGEST)[: at + shift],
            (filling * 4 * LONGEST)[: 4 * LONGEST],
        )
        said = redact(f"{before} {FACE} {TOKEN} {after}", (TOKEN,))

        assert len(said) <= LONGEST + 100
        assert "9900" not in said
        assert "token" not in said


@pytest.mark.parametrize(
    "hostile",
    ["8", "8 ", "8:", ":", "://", "://a:", "@", "\\", "\\x", "\\u0668", "%", "%3", "%39", "otp='",
     "otp", 'otp=\\"', "bearer ", "input_value=", "+998", "code=", "'", "٨", "\u0301", "İ",
     "\ud800"],
)  # fmt: skip
def test_a_megabyte_is_no_danger(hostile):
    said = redact(hostile * 1_000_000)

    assert len(said) <= LONGEST + 100


# What costs something to be cleaned of: repeated and mixed it makes the slowest lines there are.
COSTLY = [
    "card_number=a ", "otp=pwd=cvv=secret=token=", """otp='pwd="cvv='secret=" """, r"otp=\'aaaa ",
    "encode ", "Bearer abc ", "+998 90 123 45 67 ", "123456789012a", "code=1111 ",
    "kod ", "otp 12/2", "code 123456 ", "text=", "key=",
    "input_value=a\n", "Failing row", r"\n", r"\xd9\xa8 ", r"\u0668", r"\U0001d7d8", "%D9%A8%3A",
    "@://", "://a:b@c ", ":AAAAAAAAAAAAAAAAAAAAAAA ", "8600 ", "1: ", "8", "٨", "ё", "İ", "\\",
    "'", " ", "\0", "{'card': '", "a" * 50,
]  # fmt: skip
COSTLY_TEXTS = st.builds(
    lambda parts, times, length: ("".join(parts) * times)[:length],
    st.lists(st.sampled_from(COSTLY), min_size=1, max_size=9),
    st.sampled_from([1, 5, 30, 1_000]),
    st.sampled_from([30, 300, 2_000, 10_000]),
)
COSTLY_VALUES = COSTLY_TEXTS | st.lists(COSTLY_TEXTS) | st.dictionaries(COSTLY_TEXTS, COSTLY_TEXTS)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@how(max_examples=500, deadline=None, phases=[Phase.generate])  # to explain one is to trace it
@given(event=st.dictionaries(COSTLY_TEXTS, COSTLY_VALUES, max_size=30))
def test_no_line_takes_longer_than_200_us(event):
    """A line costs the same each time: what is above its quickest call is the machine's.

    On a slow one the sum of 5 000 numbers, which takes some 65 µs, takes longer too.
    """
    clean = partial(redact_event((TOKEN, "secret-of-the-shop")), None, "info", event)
    plain = partial(sum, range(5_000))

    def takes(act):
        start = time.thread_time_ns()
        act()
        return (time.thread_time_ns() - start) / 1_000

    assert any(takes(clean) < max(200, 3 * takes(plain)) for _ in range(1_000))


@pytest.mark.parametrize("length", [10, 300, 6_000])
@pytest.mark.parametrize("keys", [9, 50])
@pytest.mark.parametrize(
    "filling", ["a b ", "8 ", "otp=1 ", "\\\\u0668 ", "ё ", "://a:b@c ", "a\n"]
)
def test_all_that_a_line_says_shares_one_room(filling, keys, length):
    text = f"{FACE} {TOKEN} {filling * length}"[:length] + f" {FACE}, otp=111111"
    line = {f"k{n}": text for n in range(keys)} | {"event": "said", "level": "info"}
    event = redact_event((TOKEN,))(None, "info", line)
    said = json.dumps(event, ensure_ascii=False)

    assert event.items() >= {"event": "said", "level": "info"}.items()
    assert len(said) <= 2 * LONGEST
    assert not holds(said, CARD)
    assert not any(secret in said for secret in ("111111", "token"))


def test_what_one_text_says_hides_nothing_of_another():
    line = {
        "a": "otp='1",
        "b": "8600 99",
        "c": "00 0000 0009",
        "d": "text=",
        "e": "x\\",
        "f": "a\0x\0b",
    }
    event = redact_event(())(None, "info", {"event": "it's said", **line})

    assert event == {**line, "event": "it's said", "a": f"otp={HIDDEN}", "f": "a x b"}


def test_a_long_traceback_keeps_its_beginning_and_its_end():
    calls = [f'  File "/srv/bot/app.py", line {n}, in call_{n}\n' for n in range(200)]
    error = "ValueError: " + "a lot " * 1_000
    said = [redact("".join(["Traceback:\n", *calls, end])) for end in ("ValueError: no", error)]

    assert all(it.startswith('Traceback:\n  File "/srv/bot/app.py", line 0') for it in said)
    assert said[0].endswith("line 199, in call_199\nValueError: no")
    assert "ValueError: a lot a lot" in said[1]


def test_the_end_of_a_value_is_not_shown_without_its_name():
    said = redact(f"{{'text': '{'it is ' * LONGEST} 12/27 777', 'id': 57}}")

    assert "777" not in said


@pytest.mark.parametrize(
    "value", [{"otp": "a" * 10**6}, ["otp"] * 10**5, {7: {7: [10**4_000] * 9}}]
)
def test_a_value_that_is_long_to_print_is_not_printed(value):
    event = redact_event(())(None, "info", {"event": "said", "body": value, "id": 57})

    assert event == {"event": "said", "body": f"<{type(value).__name__}: too large>", "id": 57}


@pytest.fixture
def debug(log):  # noqa: ARG001  it is put back by the other
    """Log everything there is, through the bot's own configuration."""
    loggers = [logging.getLogger(name) for name in QUIET]
    stream = StringIO()
    with redirect_stderr(stream):
        configure("DEBUG", "json", settings().secrets())
    yield stream.getvalue
    assert all(not logger.isEnabledFor(logging.INFO) for logger in loggers)


async def test_a_purchase_at_debug_leaves_nothing_secret_in_the_log(debug, world):
    """Failure story D1, with the real libraries: a wrong code, a lost answer, a second card."""
    student = world.student()
    world.goes_wrong("pre-apply", "http-500")
    asyncio.get_running_loop().set_debug(enabled=True)  # asyncio prints what it waits for
    async with world.bot():
        await pays(student)
        typed = student.says(f"{FACE} 12/49")
        await student.sees("Shundan keyin karta raqamini", since=typed)
        typed = student.says(f"{CARD} 12/49")
        await student.sees("SMS kod", since=typed)
        wrong, code = world.wrong_code, world.code
        typed = student.says(wrong)
        await student.sees("notoʻgʻri", since=typed)
        student.says(code)
        await student.sees("✅")
    said = debug()

    assert "debug" in said
    assert not holds(said.replace("\n", "x"), CARD)
    for secret in (wrong, code, "12/49", "4912", "Dilnoza", TOKEN.split(":")[1]):
        assert secret not in said


def test_a_line_that_cannot_be_made_shows_no_argument(log):
    ours = next(it for it in logging.getLogger().handlers if type(it).__module__ == "bot.log")
    args = ("card", CARD)
    ours.handle(logging.LogRecord("aiohttp.client", 30, "client.py", 7, "%d of %s", args, None))
    said = log()

    assert "a line of aiohttp.client" in said
    assert not holds(said, CARD)


@pytest.mark.usefixtures("log")
def test_a_warning_is_a_line_and_cleaned():
    logging.captureWarnings(capture=False)
    stream = StringIO()
    with warnings.catch_warnings(), redirect_stderr(stream):
        warnings.simplefilter("always")
        configure("INFO", "json", settings().secrets())
        warnings.warn(f'Update: {{"text":"{CARD}"}}', RuntimeWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    said = stream.getvalue()

    assert json.loads(said)["logger"] == "py.warnings"
    assert not holds(said, CARD)


def test_what_ends_the_process_is_a_line_and_cleaned(log):
    try:
        fails()
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
    said = log()

    assert "ended_by_error" in said
    assert "ConnectionError" in said
    assert not shows_a_secret(said)
