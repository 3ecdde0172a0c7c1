"""Nothing secret in a log: card numbers, tokens, people, and what is named a code or a password.

It fails closed: thirteen digits that only spacing parts are hidden, whatever they are. Every
pass is linear, and all that a line says shares one room, so that cleaning it takes less than
200 µs of CPU (`make redaction`). What the `repr` of an object takes comes on top.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from string import ascii_lowercase
from typing import Any
from unicodedata import category
from urllib.parse import quote, quote_plus, unquote, urlsplit

HIDDEN = "•••"
SHORTEST_CARD = 13
LONGEST_ID = 10**12
LOWEST_CHAT = -4 * 10**12  # Telegram's groups and channels count down to there
SHORTEST_SECRET = 6
# What keeps a line within its time: beyond these texts lose their middle, or are hidden whole.
LONGEST, LONGEST_ODD = 1_500, 150  # characters of a line, and of an odd one
MOST_KEYS, LONGEST_KEY = 10, 40
SHORTEST = 100  # of what is left of a text
HEAVIEST = 2_500  # bytes of what is no text
MOST_ODD, ODD = 150, 5  # bytes of other scripts, and as how many an escape or an address counts
NAME = 150  # as how many characters of a value the name of a secret counts
CUT = "{0} [cut] {0}".format("0" * SHORTEST_CARD)
TAIL = 0.75  # of a text that is cut is kept from its end, where a traceback has the exception

_CARD = b"0" * SHORTEST_CARD
_DIGITS = re.compile(rb"0[ 0]{12,}")
# What `repr` and JSON, and what URLs make of characters, as many as stand together.
_ESCAPED = {
    r"\x": (re.compile(r"\\x[0-9a-fA-F]{2}(?:\\+x[0-9a-fA-F]{2})*"), "utf-8"),
    r"\u": (re.compile(r"\\u[0-9a-fA-F]{4}(?:\\+u[0-9a-fA-F]{4})*"), "utf-16-be"),
    r"\U": (re.compile(r"\\U[0-9a-fA-F]{8}(?:\\+U[0-9a-fA-F]{8})*"), "utf-32-be"),
    "%": (re.compile(r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*"), "utf-8"),
}
_BLANKS = (r"\n", r"\r", r"\t", r"\f", r"\v")
# A stretch of other scripts, with what is short between them: to call for each is slow.
_OF_SCRIPTS = re.compile(r"[^\x00-\x7f](?:.{,3}[^\x00-\x7f])*", re.DOTALL)
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"

_BREAK = "\0x\0"
_PLAIN = re.compile(r"[A-Za-z_.]{0,40}|[0-9]{4}-[0-9-]{5}T[0-9:.]{8,15}Z")  # events and times
_PHONE = re.compile(
    r"998(?<![0-9]998)[\s()-]{0,3}[0-9]{2}[\s()-]{0,3}[0-9]{3}[\s-]?[0-9]{2}[\s-]?[0-9]{2}(?![0-9])"
)
_TOKEN = re.compile(r":[A-Za-z0-9_-]{20,}")
_TOKEN_IN_URL = re.compile(r"%3a[A-Za-z0-9_-]{20,}", re.IGNORECASE)
_URL = re.compile(r"://[^\s'\"<>\0]*")
_INPUT = re.compile(r"input_value=[^\n\0]*")  # pydantic quotes what it could not read, cut short
_ROW = re.compile(r"Failing row contains [^\n\0]*")  # PostgreSQL quotes all of it

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
    "phone", "name", "pan", "text", "capt", "sign", "bearer", "basic", "code", "kod",
)  # fmt: skip
_VALUE = (
    r"(?:[bru]?(?:\"(?:[^\"\\\0]++|\\+[^\0])*+|'(?:[^'\\\0]++|\\+[^\0])*+)"
    r"|(?P<quote>\\+[\"'])(?:[^\\\0]++|(?!(?<!\\)(?P=quote))[^\0])*+"
    r"|[^\s,;&(){}\[\]\"'\\\0]+)"
)
_CODE = re.compile(r"[0-9]{4,8}")
_DATE = r"[0-9]{1,2}[/.-](?:20)?[0-9]{2}"
# After a blank alone only what has the form of a code or a date.
_AFTER_SECRET = re.compile(
    rf"[\w-]{{0,16}}(?:(?:\\*[\"']\s?[:=,]|\s?[:=])\s?|\s(?=(?:{_DATE}|{_CODE.pattern})\b))"
    rf"(?P<value>{_VALUE})"
)
_AFTER_WORD = re.compile(rf"(?:\\*[\"']\s?[:,]|=)\s?(?P<value>{_VALUE})")
_AFTER_SCHEME = re.compile(r"\s{1,9}(?P<value>[A-Za-z0-9._~+/=-]+)")
_AFTER_CODE = re.compile(
    rf"(?:\\*[\"']?\s?[:=]\s?\\*[\"']?|\s(?=[0-9]{{6}}\b))(?P<value>{_CODE.pattern})\b"
)
_AFTER_KOD = re.compile(rf"[a-z]{{0,8}}{_AFTER_CODE.pattern}", re.IGNORECASE)  # kodi, kodingiz
_AFTER = {
    **dict.fromkeys(_WORDS, _AFTER_WORD),
    **dict.fromkeys(("bearer", "basic"), _AFTER_SCHEME),
    "code": _AFTER_CODE,
    "kod": _AFTER_KOD,
    **dict.fromkeys(_SECRET, _AFTER_SECRET),
}
_NO_LETTERS = bytes(code for code in range(256) if chr(code) not in ascii_lowercase)
_STEMS = {
    stem.encode(): [(name.encode(), after) for name, after in _AFTER.items() if stem in name]
    for stem in _COMMON
}

Processor = Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask what must not be read in `text`; a long one loses its middle."""
    return _redact([text], secrets)[0]


def redact_event(secrets: Iterable[str]) -> Processor:
    """Make the last processor before a log line is written. It never raises."""
    spelled = {spelling for secret in secrets for spelling in _spellings(secret)}
    hidden = sorted((it for it in spelled if len(it) >= SHORTEST_SECRET), key=len, reverse=True)

    def processor(
        _logger: Any,
        _method: str,
        event: MutableMapping[str, Any],
    ) -> MutableMapping[str, Any]:
        """Clean what a line says; of too many keys the last stay, where logging puts its own."""
        last = {_name(key): value for key, value in list(event.items())[-MOST_KEYS:]}
        if left_out := len(event) - len(last):
            last["left_out"] = left_out
        heavy = _is_heavy(it for it in last.values() if not isinstance(it, str))
        values = [_shown(key, it, heavy) for key, it in last.items()]
        clean = iter(_redact([*last, *(it for it in values if isinstance(it, str))], hidden))
        keys = [next(clean) for _ in last]
        shown = (next(clean) if isinstance(it, str) else it for it in values)
        return dict(zip(keys, shown, strict=True))

    return processor


def _name(key: object) -> str:
    name = str(key)
    return name if len(name) <= LONGEST_KEY else HIDDEN


def _shown(key: str, value: Any, heavy: bool) -> Any:  # noqa: FBT001
    """Give a number or nothing as it is, and else a text that is to be redacted."""
    name = key.lower()
    if _is_secret(name) or (name == "code" and _is_code(value)):
        return HIDDEN
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return value if LOWEST_CHAT < value < LONGEST_ID else HIDDEN
    try:
        return f"<{type(value).__name__}: too large>" if heavy else repr(value)
    except Exception as error:  # noqa: BLE001  a `repr` may raise anything
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _is_heavy(values: Iterable[Any]) -> bool:
    """Tell whether values are more than can be printed in time, or will not be weighed."""
    waiting, left = [*values], HEAVIEST
    try:
        while waiting:
            value = waiting.pop()
            left -= sys.getsizeof(value)
            if left <= 0:
                return True
            if isinstance(value, dict):
                waiting += [*value, *value.values()]
            elif isinstance(value, list | tuple | set | frozenset):
                waiting += value
    except Exception:  # noqa: BLE001  a class may have its own way to be weighed and gone through
        return True
    return False


def _is_secret(key: str) -> bool:
    return key in _WORDS or any(name in key for name in _SECRET)


def _is_code(value: object) -> bool:
    """Tell what may be a code of an SMS, and not one of an error: four to eight digits."""
    if isinstance(value, int):
        return 10**3 <= value < 10**8
    return isinstance(value, str) and bool(_CODE.fullmatch(value))


def _spellings(secret: str) -> Iterator[str]:
    """Give the ways a secret, or the password in an address, may be written."""
    try:
        password = urlsplit(secret).password or ""
    except ValueError:
        password = ""
    for said in (secret, password, unquote(password)):
        yield from (said, quote(said), quote(said, safe=""), quote_plus(said))
        yield from (repr(said)[1:-1], json.dumps(said)[1:-1])


def _redact(texts: Sequence[str], secrets: Iterable[str]) -> list[str]:
    """Mask texts that share one room, as one: no pattern reaches over what is between them."""
    text = _BREAK.join([it.replace("\0", " ") for it in _cut(texts)])
    for secret in filter(None, secrets):
        text = text.replace(secret, HIDDEN)
    shown = _hide(text)
    if shown is not None:
        return shown.split(_BREAK)
    return [it if _PLAIN.fullmatch(it) else HIDDEN for it in text.split(_BREAK)]


def _hide_password(found: re.Match[str]) -> str:
    user, at, host = found[0][3:].rpartition("@")
    name, colon, _ = user.partition(":")
    return f"://{name}:{HIDDEN}@{host}" if at and colon else found[0]


# Each with a part that is in all it finds: to look for that alone is quicker.
_PATTERNS: tuple[tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    ("998", _PHONE, HIDDEN),
    (":", _TOKEN, f":{HIDDEN}"),
    ("%", _TOKEN_IN_URL, f":{HIDDEN}"),
    ("@", _URL, _hide_password),
    ("input_value", _INPUT, f"input_value={HIDDEN}"),
    ("Failing row", _ROW, f"Failing row contains {HIDDEN}"),
)


def _hide(text: str) -> str | None:
    """Hide all but the secrets of the settings; give nothing where it would take too long."""
    text = _hide_numbers(text)
    for part, pattern, hidden in _PATTERNS:
        if part in text:
            text = pattern.sub(hidden, text)
    return _hide_named(text)


def _cut(texts: Sequence[str]) -> Sequence[str]:
    """Shorten what is too long, and far more what is full of scripts, escapes and addresses."""
    texts = _share(texts, LONGEST)
    text = "".join(texts)
    scripts = len(text.encode(errors="replace")) - len(text)
    signs = sum(map(text.count, ("\\", "%", "://", "input_value")))
    return _share(texts, LONGEST_ODD) if scripts + ODD * signs > MOST_ODD else texts


def _share(texts: Sequence[str], room: int) -> Sequence[str]:
    """Make texts fit a room: the short ones stay whole, the long ones share what is left."""
    share, lengths = room, sorted(map(len, texts))
    for before, length in enumerate(lengths):
        share = room // (len(lengths) - before)
        room -= min(length, share)
    return [it if len(it) <= share else _without_middle(it, share) for it in texts]


def _without_middle(text: str, room: int) -> str:
    """Keep the beginning and the last lines, of whole words: no half of a secret is shown.

    Where there are no lines the beginning has to do, as a name stands before its secret. Of a
    number in groups the rest would look short: the digits put in its place hide it.
    """
    if room < SHORTEST:
        return "[cut]"
    end = int(room * TAIL)
    line = text.find("\n", -end) + 1 or text.rfind("\n") + 1
    if line <= room - end:
        return _begun(text, room)
    tail = text[line:] if len(text) - line <= end else _begun(text[line : line + end + 1], end)
    return f"{_begun(text, room - end)} {tail}"


def _begun(text: str, room: int) -> str:
    end = max(0, text.rfind(" ", 0, room), text.rfind("\n", 0, room), text.rfind(',"', 0, room))
    return f"{text[:end]} {CUT}"


def _hide_numbers(text: str) -> str:
    drawn = _drawing(text)
    if _CARD not in drawn.replace(b" ", b""):  # a quicker look
        return text
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
    if not text.isascii():
        text = _OF_SCRIPTS.sub(lambda found: found[0].translate(_DRAWN), text)
    return text.encode().translate(_DRAWN_ASCII)


class _Drawn(dict[int, str]):
    """What is drawn for a character of any script, remembered."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        is_letter = sign.isalpha() and sign not in _BLANK_LETTERS and category(sign) != "Lm"
        self[code] = "0" if sign.isdigit() else "a" if is_letter else " "
        return self[code]


_DRAWN = _Drawn()
_DRAWN_ASCII = "".join(_DRAWN[code] for code in range(256)).encode()


def _draw_escaped(text: str, mark: str) -> str:
    """Draw what is escaped, each character as wide as its escape."""
    escaped, codec = _ESCAPED[mark]

    def draw(found: re.Match[str]) -> str:
        codes, wide = found[0].replace("\\", "").replace(mark[-1], ""), len(found[0])
        raw = bytes.fromhex(codes)
        drawn = (raw.decode(codec, "ignore") or raw.decode("latin-1")).translate(_DRAWN)
        each = wide // len(drawn)
        return "".join([sign * each for sign in drawn]).ljust(wide, drawn[-1])

    return escaped.sub(draw, text)


def _hide_named(text: str) -> str | None:
    """Hide what stands beside a name that says that it is secret, but not beside too many."""
    values, left = [], LONGEST
    for start, end in _named(text):
        left -= NAME + end - start
        if left < 0:
            return None
        if start < end:
            values.append((start, end))
    shown, at = [], 0
    for start, end in sorted(values):
        if at <= start:
            shown += [text[at:start], HIDDEN]
        at = max(at, end)
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
