"""Nothing secret in a log: card numbers, tokens, people, and what is named a code or a password.

It fails closed: thirteen digits that only spacing parts are hidden, whatever they are. Every
pass is linear and a long text is cut, so that a line takes no more than 200 µs.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from itertools import islice
from string import ascii_lowercase
from typing import Any
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "•••"
SHORTEST_CARD = 13
LONGEST_ID = 10**12
SHORTEST_SECRET = 6
# What keeps a line within its time: a text beyond these loses its middle, or is hidden whole.
LONGEST, LONGEST_ODD = 6_000, 400  # characters, and where many are odd
MOST_ODD = 250  # bytes of other scripts, and five times as many escapes
MOST_NAMES = 100  # of secrets
MOST_ADDRESSES = 100
TAIL = 0.75  # of a text that is cut is kept from its end, where a traceback has the exception

# What is drawn for each ASCII character: 0 a digit, a blank what may part digits, a all others.
_DRAWN = (
    bytes(
        ord("0") if chr(code).isdigit() else ord("a") if chr(code).isalpha() else ord(" ")
        for code in range(128)
    )
    + b" " * 128
)
_NO_LETTERS = bytes(code for code in range(256) if chr(code) not in ascii_lowercase)
_DIGITS = re.compile(rb"0[ 0]{12,}")
# What `repr` and JSON, and what URLs make of characters, as many as stand together. What begins
# with a backslash is looked for by it, and only by the first of many.
_X, _U, _LONG = "x[0-9a-fA-F]{2}", "u[0-9a-fA-F]{4}", "U000[0-9a-fA-F]{5}"
_ESCAPED = re.compile(
    rf"\\(?<!\\\\)\\*(?:{_X}(?:\\+{_X})*|{_U}(?:\\+{_U})*|{_LONG}(?:\\+{_LONG})*|[nrtfv])"
)
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*")

_PHONE = re.compile(
    r"(?<![0-9])\+?998[\s()-]{0,3}[0-9]{2}[\s()-]{0,3}[0-9]{3}[\s-]?[0-9]{2}[\s-]?[0-9]{2}(?![0-9])"
)
_TOKEN = re.compile(r":[A-Za-z0-9_-]{20,}")
_TOKEN_IN_URL = re.compile(r"%3a[A-Za-z0-9_-]{20,}", re.IGNORECASE)
_CREDENTIALS = re.compile(r"\b(bearer|basic)(\s{1,9})[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
_URL = re.compile(r"://[^\s'\"<>]*")
_INPUT = re.compile(r"input_value=[^\n]*")  # pydantic quotes what it could not read, cut short
_ROW = re.compile(r"Failing row contains [^\n]*")  # PostgreSQL quotes all of it

# Names of what is hidden wherever a value follows, and names that are words too: those only as
# keys, as in JSON, or before a `=`. They are looked for by what they have in common.
_SECRET = (
    "card_number", "cardnumber", "expiry", "otp", "passw", "pwd", "secret", "api_key", "apikey",
    "-key", "consumer_key", "access_token", "refresh_token", "authorization", "cookie", "cvv",
    "phone_number", "first_name", "last_name", "full_name", "username", "vcard",
)  # fmt: skip
_WORDS = ("card", "pan", "exp", "token", "text", "caption", "phone", "sign", "cvc")
_COMMON = (
    "card", "exp", "otp", "passw", "pwd", "secret", "key", "token", "authoriz",
    "cookie", "cv", "phone", "name", "pan", "text", "capt", "sign",
)  # fmt: skip
_VALUE = (
    r"(?:[bru]?(?P<quote>[\"'])(?:\\+.|(?!(?P=quote))[^\\])*"
    r"|(?P<escaped>\\+[\"'])(?:(?!(?<!\\)(?P=escaped)).)*"
    r"|[^\s,;&(){}\[\]\"'\\]+)"
)
_AFTER_SECRET = re.compile(
    rf"[\w-]{{0,16}}(?:\\*[\"']\s?[:=,]|\s?[:=])\s?(?P<value>{_VALUE})", re.DOTALL
)
_AFTER_WORD = re.compile(rf"(?:\\*[\"']\s?[:,]|=)\s?(?P<value>{_VALUE})", re.DOTALL)
_STEMS = {
    stem.encode(): [(name, _AFTER_SECRET) for name in _SECRET if stem in name]
    + [(name, _AFTER_WORD) for name in _WORDS if stem in name]
    for stem in _COMMON
}
_CODE = re.compile(r"\bcode\\*[\"']?\s?[:=]\s?\\*[\"']?(?P<value>[0-9]{4,8})\b", re.IGNORECASE)

Processor = Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask what must not be read in `text`; a long one loses its middle."""
    text = _cut(text).replace("\u0130", "I")  # which is two letters in lower case
    for secret in filter(None, secrets):
        text = text.replace(secret, HIDDEN)
    text = _hide_numbers(text)
    if "998" in text:
        text = _PHONE.sub(HIDDEN, text)
    if ":" in text:
        text = _TOKEN.sub(f":{HIDDEN}", text)
    if "%" in text:
        text = _TOKEN_IN_URL.sub(f":{HIDDEN}", text)
    if "://" in text and "@" in text:
        if text.count("://") > MOST_ADDRESSES:
            return HIDDEN
        text = _URL.sub(_hide_password, text)
    return _hide_named(text)


def redact_event(secrets: Iterable[str]) -> Processor:
    """Make the last processor before a log line is written. It never raises."""
    spelled = {spelling for secret in secrets for spelling in _spellings(secret)}
    hidden = sorted((it for it in spelled if len(it) >= SHORTEST_SECRET), key=len, reverse=True)

    def processor(
        _logger: Any,
        _method: str,
        event: MutableMapping[str, Any],
    ) -> MutableMapping[str, Any]:
        return {redact(str(key), hidden): _clean(key, it, hidden) for key, it in event.items()}

    return processor


def _clean(key: Any, value: Any, secrets: Iterable[str]) -> Any:
    """Give a value as it may be written; ids stay numbers."""
    try:
        if value is None or isinstance(value, bool) or key in {"timestamp", "level"}:
            return value
        if _is_secret(str(key).lower()):
            return HIDDEN
        if isinstance(value, int | float):
            return value if value < LONGEST_ID else HIDDEN
        return redact(value if isinstance(value, str) else repr(value), secrets)
    except Exception as error:  # noqa: BLE001  a `repr` may raise anything
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _is_secret(key: str) -> bool:
    return key in _WORDS or any(name in key for name in _SECRET)


def _spellings(secret: str) -> Iterator[str]:
    """Give the ways a secret, or the password in an address, may be written."""
    try:
        password = urlsplit(secret).password or ""
    except ValueError:
        password = ""
    for said in (secret, password, unquote(password)):
        yield from (said, quote(said), quote(said, safe=""))
        yield from (repr(said)[1:-1], json.dumps(said)[1:-1])


def _cut(text: str) -> str:
    """Shorten a long text, by whole words: no half of a secret is left to be known by nothing.

    Of a number in groups the rest would look short: the digits put in its place hide it.
    """
    if len(text) > LONGEST:
        text = _without_middle(text, LONGEST)
    if len(text) > LONGEST_ODD:
        scripts = len(text.encode(errors="replace")) - len(text)
        if scripts + 5 * (text.count("\\") + text.count("%")) > MOST_ODD:
            text = _without_middle(text, LONGEST_ODD)
    return text


def _without_middle(text: str, longest: int) -> str:
    end, digits = int(longest * TAIL), "0" * SHORTEST_CARD
    head = text[: longest - end].rsplit(None, 1)[:-1]
    tail = text[-end:].split(None, 1)[1:]
    return " ".join([*head, digits, "[cut]", digits, *tail])


def _hide_numbers(text: str) -> str:
    drawn = _drawing(text)
    shown, at = [], 0
    for found in _DIGITS.finditer(drawn):
        number = found[0].rstrip()
        if number.count(b"0") >= SHORTEST_CARD:
            shown += [text[at : found.start()], HIDDEN]
            at = found.start() + len(number)
    return "".join([*shown, text[at:]])


def _drawing(text: str) -> bytes:
    """Draw a text, as long as it is: 0 for a digit, a blank for what may part digits, else a."""
    if "\\" in text:
        text = _ESCAPED.sub(_draw_escaped, text)
    if "%" in text:
        text = _PERCENT.sub(_draw_escaped, text)
    return text.encode("ascii", _draw_odd.__name__).translate(_DRAWN)


def _draw_odd(error: UnicodeError) -> tuple[str, int]:
    """Draw the characters that are not ASCII, as an error handler of its codec."""
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101  it is asked by `encode` alone
    return error.object[error.start : error.end].translate(_ODD), error.end


codecs.register_error(_draw_odd.__name__, _draw_odd)


class _Odd(dict[int, str]):
    """What is drawn for a character of any script, remembered; ASCII is drawn later."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        if sign.isascii():
            drawn = sign
        elif sign.isdigit():
            drawn = "0"
        else:
            drawn = "a" if sign.isalpha() and sign not in _BLANK_LETTERS else " "
        self[code] = drawn
        return drawn


_ODD = _Odd()
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"


def _draw_escaped(found: re.Match[str]) -> str:
    """Draw what is escaped, each character as wide as its escape."""
    escaped = found[0]
    kind, codes = escaped.lstrip("\\")[0], re.sub(r"[\\%xuU]", "", escaped)
    match kind:
        case "x" | "X" | "%":
            raw = bytes.fromhex(codes)
            signs = raw.decode("utf-8", "ignore") or raw.decode("latin-1")
        case "u":
            signs = bytes.fromhex(codes).decode("utf-16-be", "ignore")
        case "U":
            signs = bytes.fromhex(codes).decode("utf-32-be", "ignore")
        case _:
            signs = " "
    drawn = signs.translate(_ODD) or " "
    width = len(escaped) // len(drawn)
    return "".join(sign * width for sign in drawn).ljust(len(escaped), drawn[-1])


def _hide_password(found: re.Match[str]) -> str:
    user, at, host = found[0][3:].rpartition("@")
    name, colon, _ = user.partition(":")
    return f"://{name}:{HIDDEN}@{host}" if at and colon else found[0]


def _hide_named(text: str) -> str:
    """Hide what stands beside a name that says that it is secret."""
    low = text.lower()
    if "bearer" in low or "basic" in low:
        text = _CREDENTIALS.sub(rf"\1\2{HIDDEN}", text)
        low = text.lower()
    if "code" in low:
        text = _CODE.sub(lambda found: found[0].replace(found["value"], HIDDEN), text)
    if "input_value" in low:
        text = _INPUT.sub(f"input_value={HIDDEN}", text)
    if "failing row" in low:
        text = _ROW.sub(f"Failing row contains {HIDDEN}", text)
    spans = sorted(islice(_named(text, text.lower()), MOST_NAMES))
    if len(spans) == MOST_NAMES:
        return HIDDEN
    shown, at = [], 0
    for start, end in spans:
        if at <= start < end:
            shown += [text[at:start], HIDDEN]
        at = max(at, end) if start < end else at
    return "".join([*shown, text[at:]])


def _named(text: str, low: str) -> Iterator[tuple[int, int]]:
    """Give where the values of secret names are; an empty place for a name without one."""
    letters = low.encode(errors="replace").translate(None, _NO_LETTERS)  # a quicker look
    for stem, names in _STEMS.items():
        for name, after in names if stem in letters else ():
            at = low.find(name)
            while at >= 0:
                end = at + len(name)
                found = (
                    None if after is _AFTER_WORD and _is_part(low, at) else after.match(text, end)
                )
                yield found.span("value") if found else (end, end)
                at = low.find(name, found.end() if found else end)


def _is_part(low: str, at: int) -> bool:
    """Tell whether a name begins within a word."""
    return at > 0 and (low[at - 1].isalnum() or low[at - 1] == "_")
