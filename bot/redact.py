"""Nothing secret in a log: card numbers, tokens, people, and what is named a code or a password.

It fails closed: thirteen digits that only spacing parts are hidden, whatever they are. Every
pass is linear, and all that a line says shares one room, so that cleaning it takes less than
200 µs of CPU (`make redaction`). What the `repr` of an object takes comes on top.
"""

import codecs
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from string import ascii_lowercase
from typing import Any
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "•••"
SHORTEST_CARD = 13
LONGEST_ID = 10**12
SHORTEST_SECRET = 6
# What keeps a line within its time: a text beyond its room loses its middle, or is hidden whole.
LONGEST = 4_000  # characters of a line
MOST_KEYS = 16
HEAVIEST = 4_000  # bytes of all that is no text
ODD = 5  # what an escape takes, in bytes of other scripts
NAME, ADDRESS = 100, 50  # what each takes, in characters
CUT = "{0} [cut] {0}".format("0" * SHORTEST_CARD)
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
# What `repr` and JSON, and what URLs make of characters, as many as stand together.
_ESCAPED = {
    r"\x": (re.compile(r"\\x[0-9a-fA-F]{2}(?:\\+x[0-9a-fA-F]{2})*"), "utf-8"),
    r"\u": (re.compile(r"\\u[0-9a-fA-F]{4}(?:\\+u[0-9a-fA-F]{4})*"), "utf-16-be"),
    r"\U": (re.compile(r"\\U[0-9a-fA-F]{8}(?:\\+U[0-9a-fA-F]{8})*"), "utf-32-be"),
    "%": (re.compile(r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*"), "utf-8"),
}
_BLANKS = (r"\n", r"\r", r"\t", r"\f", r"\v")

_PLAIN = re.compile("[A-Za-z_]{0,40}")  # nothing in it can be a secret but those of the settings
_PHONE = re.compile(
    r"998(?<![0-9]998)[\s()-]{0,3}[0-9]{2}[\s()-]{0,3}[0-9]{3}[\s-]?[0-9]{2}[\s-]?[0-9]{2}(?![0-9])"
)
_TOKEN = re.compile(r":[A-Za-z0-9_-]{20,}")
_TOKEN_IN_URL = re.compile(r"%3a[A-Za-z0-9_-]{20,}", re.IGNORECASE)
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
    "card", "exp", "otp", "passw", "pwd", "secret", "key", "token", "authoriz", "cookie", "cv",
    "phone", "name", "pan", "text", "capt", "sign", "bearer", "basic", "code",
)  # fmt: skip
_VALUE = (
    r"(?:[bru]?(?:\"(?:[^\"\\]++|\\+.)*+|'(?:[^'\\]++|\\+.)*+)"
    r"|(?P<quote>\\+[\"'])(?:[^\\]++|(?!(?<!\\)(?P=quote)).)*+"
    r"|[^\s,;&(){}\[\]\"'\\]+)"
)
_AFTER_SECRET = re.compile(
    rf"[\w-]{{0,16}}(?:\\*[\"']\s?[:=,]|\s?[:=])\s?(?P<value>{_VALUE})", re.DOTALL
)
_AFTER_WORD = re.compile(rf"(?:\\*[\"']\s?[:,]|=)\s?(?P<value>{_VALUE})", re.DOTALL)
_AFTER_SCHEME = re.compile(r"\s{1,9}(?P<value>[A-Za-z0-9._~+/=-]+)")
_AFTER_CODE = re.compile(r"\\*[\"']?\s?[:=]\s?\\*[\"']?(?P<value>[0-9]{4,8})\b")
_AFTER = {
    **dict.fromkeys(_WORDS, _AFTER_WORD),
    **dict.fromkeys(("bearer", "basic"), _AFTER_SCHEME),
    "code": _AFTER_CODE,
    **dict.fromkeys(_SECRET, _AFTER_SECRET),
}
_STEMS = {
    stem.encode(): [(name.encode(), after) for name, after in _AFTER.items() if stem in name]
    for stem in _COMMON
}

Processor = Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]


def redact(text: str, secrets: Iterable[str] = (), room: int = LONGEST) -> str:
    """Mask what must not be read in `text`; a long one loses its middle."""
    text = _cut(text, room)
    for secret in filter(None, secrets):
        text = text.replace(secret, HIDDEN)
    if _PLAIN.fullmatch(text):
        return text
    text = _hide_numbers(text)
    if "998" in text:
        text = _PHONE.sub(HIDDEN, text)
    if ":" in text:
        text = _TOKEN.sub(f":{HIDDEN}", text)
    if "%" in text:
        text = _TOKEN_IN_URL.sub(f":{HIDDEN}", text)
    if "@" in text and (addresses := text.count("://")):
        if addresses * ADDRESS > room:
            return HIDDEN
        text = _URL.sub(_hide_password, text)
    return _hide_named(text, room)


def redact_event(secrets: Iterable[str]) -> Processor:
    """Make the last processor before a log line is written. It never raises."""
    spelled = {spelling for secret in secrets for spelling in _spellings(secret)}
    hidden = sorted((it for it in spelled if len(it) >= SHORTEST_SECRET), key=len, reverse=True)

    def processor(
        _logger: Any,
        _method: str,
        event: MutableMapping[str, Any],
    ) -> MutableMapping[str, Any]:
        """Give each text its share of the room, the shortest first: a long one has what is left.

        Of too many keys the last are kept, where what logging itself adds is.
        """
        last = list(event.items())[-MOST_KEYS:]
        heavy = _is_heavy(it for _, it in last if not isinstance(it, str))
        line = {str(key): _shown(str(key), it, heavy) for key, it in last}
        texts = sorted((len(it), key) for key, it in line.items() if isinstance(it, str))
        room = LONGEST
        for left, (length, key) in zip(range(len(texts), 0, -1), texts, strict=True):
            line[key] = redact(line[key], hidden, room // left)
            room -= min(length, room // left)
        return {redact(key, hidden, LONGEST // MOST_KEYS): it for key, it in line.items()}

    return processor


def _shown(key: str, value: Any, heavy: bool) -> Any:  # noqa: FBT001
    """Give a number or nothing as it is, and else a text that is to be redacted."""
    if _is_secret(key.lower()):
        return HIDDEN
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return value if value < LONGEST_ID else HIDDEN
    try:
        return f"<{type(value).__name__}: too large>" if heavy else repr(value)
    except Exception as error:  # noqa: BLE001  a `repr` may raise anything
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _is_heavy(values: Iterable[Any]) -> bool:
    """Tell whether values are more than can be printed in time."""
    waiting, left = [*values], HEAVIEST
    while waiting and left > 0:
        value = waiting.pop()
        left -= sys.getsizeof(value)
        if left > 0 and isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif left > 0 and isinstance(value, list | tuple | set | frozenset):
            waiting += value
    return left <= 0


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


def _cut(text: str, room: int) -> str:
    """Shorten a long text, and far more one that is full of other scripts and of escapes."""
    if len(text) > room:
        text = _without_middle(text, room)
    odd = room // 20
    if len(text) > odd:
        scripts = len(text.encode(errors="replace")) - len(text)
        if scripts + ODD * (text.count("\\") + text.count("%")) > odd:
            text = _without_middle(text, odd)
    return text


def _without_middle(text: str, room: int) -> str:
    """Keep the beginning and the last lines, of whole words: no half of a secret is shown.

    Where there are no lines the beginning has to do, as a name stands before its secret. Of a
    number in groups the rest would look short: the digits put in its place hide it.
    """
    end = int(room * TAIL)
    line = text.find("\n", -end) + 1 or text.rfind("\n") + 1
    if line <= room - end:
        return _begun(text, room)
    tail = text[line:] if len(text) - line <= end else _begun(text[line : line + end + 1], end)
    return f"{_begun(text, room - end)} {tail}"


def _begun(text: str, room: int) -> str:
    end = max(text.rfind(space, 0, room) for space in (" ", "\n", ',"'))
    return f"{text[: max(end, 0)]} {CUT}"


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
    for mark in _ESCAPED if "\\" in text or "%" in text else ():
        if mark in text:
            text = _draw_escaped(text, mark)
    if "\\" in text:
        for blank in _BLANKS:
            text = text.replace(blank, "  ")
    if len(text) <= LONGEST // 10 and not text.isascii():
        text = text.translate(_ODD)
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


def _draw_escaped(text: str, mark: str) -> str:
    """Draw what is escaped, each character as wide as its escape."""
    escaped, codec = _ESCAPED[mark]

    def draw(found: re.Match[str]) -> str:
        codes, wide = found[0].replace("\\", "").replace(mark[-1], ""), len(found[0])
        raw = bytes.fromhex(codes)
        drawn = (raw.decode(codec, "ignore") or raw.decode("latin-1")).translate(_ODD)
        each = wide // len(drawn)
        return "".join([sign * each for sign in drawn]).ljust(wide, drawn[-1])

    return escaped.sub(draw, text)


def _hide_password(found: re.Match[str]) -> str:
    user, at, host = found[0][3:].rpartition("@")
    name, colon, _ = user.partition(":")
    return f"://{name}:{HIDDEN}@{host}" if at and colon else found[0]


def _hide_named(text: str, room: int) -> str:
    """Hide what stands beside a name that says that it is secret; too many names hide it all."""
    if "input_value" in text:
        text = _INPUT.sub(f"input_value={HIDDEN}", text)
    if "Failing row" in text:
        text = _ROW.sub(f"Failing row contains {HIDDEN}", text)
    spans = []
    for start, end in _named(text):
        spans.append((start, end))
        room -= NAME + end - start
        if room < 0:
            return HIDDEN
    shown, at = [], 0
    for start, end in sorted(spans):
        if at <= start < end:
            shown += [text[at:start], HIDDEN]
        at = max(at, end) if start < end else at
    return "".join([*shown, text[at:]])


def _named(text: str) -> Iterator[tuple[int, int]]:
    """Give where the values of secret names are; an empty place for a name without one."""
    low = text.encode("ascii", "replace").lower()  # each character where it was
    letters = low.translate(None, _NO_LETTERS)  # a quicker look
    for stem, names in _STEMS.items():
        for name, after in names if stem in letters else ():
            at = low.find(name)
            while at >= 0:
                end = at + len(name)
                part = after is not _AFTER_SECRET and _is_part(text, at)
                found = None if part else after.match(text, end)
                yield found.span("value") if found else (end, end)
                at = low.find(name, found.end() if found else end)


def _is_part(text: str, at: int) -> bool:
    """Tell whether a name begins within a word."""
    return at > 0 and (text[at - 1].isalnum() or text[at - 1] == "_")
