"""Nothing secret is readable in a log, whoever wrote the line."""

import json
import logging
from contextlib import redirect_stderr
from io import StringIO

import httpx
import pytest
import structlog

from bot.log import QUIET, configure
from bot.redact import HIDDEN, redact, redact_event
from bot.settings import Settings

CARD = "8600990000000009"
TOKEN = "700000001:AAtest-token-of-no-bot-at-all-0000000"
BEARER = "eyJ4NXQiOiJOV0.made-up_bearer~token/0="
DATABASE = "postgresql+asyncpg://shop:database-password@db/checkout"
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
        database_url=DATABASE,
    )


def holds(said, card):
    """Tell whether half of the digits of a card, or more, are readable."""
    digits = "".join(filter(str.isdigit, card))
    plain = "".join(filter(str.isdigit, said))
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
        "+998901234567",
        "+998 90 123-45-67",
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
def test_phones_orders_and_addresses_stay_readable(text):
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
