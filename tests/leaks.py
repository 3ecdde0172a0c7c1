"""Looks for card data where none may be: numbers, expiries and codes, however they are written.

Seen through: any separators and any Unicode digits, UTF-16 and UTF-32, escapes of Python, JSON,
HTML and addresses, base64 and hex, SQLite's integers. Not seen through: compression, ciphers.
"""

import base64
import html
import json
import logging
import re
import sqlite3
import sys
import unicodedata
from binascii import unhexlify
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from random import Random
from urllib.parse import unquote

import structlog

from bot import log
from bot.log import QUIET
from bot.settings import Settings
from sandbox.atmos.cards import with_check_digit
from tests.conftest import World

RUN = 10  # digits of a card in a row: as many as the mask shows of it, in two parts
# Signs of a mask are no gap: the first six digits and the last four are not one run.
_GAP = "[^0-9A-Za-z*•·…]"
_DIGITS = re.compile(f"[0-9](?:{_GAP}{{0,16}}[0-9]){{5,}}")
_SIX = re.compile(rf"(?<![0-9])(?<![0-9]\.)(?=([0-9](?:{_GAP}{{0,2}}[0-9]){{5}})(?![0-9]))")
# Microseconds and addresses in memory may be any digits at all.
# A row that is gone has lost its beginning, and so may the moment in it have.
_MOMENT = re.compile(
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[ T])?[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
)
_ADDRESS = re.compile(r"\b0x[0-9a-f]+")
_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrtfv0\"'/ ]))")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{14,}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){10,}")
LIBRARIES = ("asyncio", "aiogram", "aiohttp", "httpx", "sqlalchemy", *QUIET)
TALKATIVE = ("sqlalchemy", "aiosqlite")  # some lines for each statement
_ASCII_DIGITS = {
    code: str(unicodedata.decimal(chr(code)))
    for code in range(128, sys.maxunicode + 1)
    if unicodedata.category(chr(code)) == "Nd"
}


@dataclass(frozen=True)
class Wanted:
    """What is looked for; expiries are MM/YY."""

    cards: Collection[str]
    codes: Collection[str] = ()
    expiries: Collection[str] = ()

    def within(self, said: str | bytes) -> set[str]:
        """Give what of all this can be read in `said`."""
        found = {card for card in self.cards if _holds_integer(said, int(card))}
        for text in _views(said):
            plain = _ADDRESS.sub("x", _MOMENT.sub("x", text))
            for digits in {digits[0] for digits in _DIGITS.finditer(plain)}:
                found |= self._cards_in(_only_digits(digits)) | self._codes_in(digits)
            lines = "\n".join(set(plain.splitlines()))
            found |= {expiry for expiry, shown in self._expiry.items() if shown.search(lines)}
        return found

    def _cards_in(self, run: str) -> set[str]:
        parts = (run[at : at + RUN] for at in range(len(run) - RUN + 1))
        return {self._parts[part] for part in parts if part in self._parts}

    def _codes_in(self, digits: str) -> set[str]:
        return {_only_digits(six[1]) for six in _SIX.finditer(digits)}.intersection(self.codes)

    @cached_property
    def _parts(self) -> dict[str, str]:
        """Map each run of ten digits to its card, but those of noughts, which any file may hold.

        Of a card of the sandbox, which has many, the first ten digits are always among them.
        """
        return {
            run: card
            for card in self.cards
            for at in range(len(card) - RUN + 1)
            if (run := card[at : at + RUN]).count("0") < 7
        }

    @cached_property
    def _expiry(self) -> dict[str, re.Pattern[str]]:
        return {expiry: _expiry_pattern(*expiry.split("/")) for expiry in self.expiries}


def made_up_card(number: int) -> str:
    """Give a card that nobody has, always the same for the same number, and no run of zeros."""
    digits = "".join(Random(number).choices("123456789", k=11))
    return with_check_digit(f"8600{digits}")


class Codes(Random):
    """Gives codes that no time, id, port or price can be taken for: every digit is 6 or more."""

    def randrange(self, *_range: int) -> int:  # type: ignore[override]
        return int("".join(self.choices("6789", k=6)))


@contextmanager
def everything_written(settings: Settings, but: Collection[str] = ()) -> Iterator[StringIO]:
    """Log at DEBUG in both styles at once, the libraries that are kept quiet too."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    written = StringIO()
    with redirect_stderr(written), redirect_stdout(written):
        log.configure("DEBUG", "json", settings.secrets())
        as_json = root.handlers
        log.configure("DEBUG", "console", settings.secrets())
        root.handlers = [*root.handlers, *as_json]
        for name in LIBRARIES:
            logging.getLogger(name).setLevel("ERROR" if name in but else "DEBUG")
        try:
            yield written
        finally:
            root.handlers = handlers
            root.setLevel(level)
            for name, before in levels.items():
                logging.getLogger(name).setLevel(before)
            structlog.reset_defaults()


def places(world: World, written: str) -> dict[str, str | bytes]:
    """Give everything that outlives a message, by where it stands; `written` is the log."""
    files = {
        f"file {file.name}": file.read_bytes()
        for file in world.home.iterdir()
        if file.name != "offers.toml"
    }
    calls = [json.dumps([c.method, c.params], ensure_ascii=False) for c in world.telegram.calls]
    told = world.admins.written.values()
    return {
        **files,
        **_tables(world),
        "log": written,
        "calls": _apart(calls),
        "admins": _apart(said for one in told if one.from_bot for said in (one.text, *one.edits)),
    }


def leaks(world: World, written: str, wanted: Wanted) -> dict[str, set[str]]:
    """Give what is found, by where."""
    searched = {name: wanted.within(said) for name, said in places(world, written).items()}
    return {name: found for name, found in searched.items() if found}


def _tables(world: World) -> dict[str, str]:
    """Read every cell of every table."""
    tables: dict[str, str] = {}
    with closing(sqlite3.connect(world.home / "checkout.db")) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            rows = database.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608
            tables[f"table {name}"] = _apart(str(cell) for row in rows for cell in row)
    return tables


def _apart(texts: Iterable[str]) -> str:
    """Join texts so that digits of two of them are never one run."""
    return "\nand\n".join(texts)


def _views(said: str | bytes) -> Iterator[str]:
    """Give a text as it is, with its escapes undone, and whatever is encoded in it."""
    if isinstance(said, bytes):  # a log of writes holds each page again and again
        said = b"\nand\n".join(dict.fromkeys(re.split(rb"\0{32,}", said))).decode(errors="replace")
    for view in dict.fromkeys((said, _unescaped(said), _decoded(said))):
        yield view if view.isascii() else view.translate(_ASCII_DIGITS)


def _unescaped(text: str) -> str:
    plain = _ESCAPE.sub(lambda at: chr(int(at[1] or at[2], 16)) if not at[3] else " ", text)
    return html.unescape(unquote(plain))


def _decoded(text: str) -> str:
    """Decode what may be base64, wherever its beginning is, or hexadecimal."""
    coded = {found[0] for found in _BASE64.finditer(text)}
    plain = [base64.urlsafe_b64decode(_whole(one[n:])) for one in coded for n in range(4)]
    plain += [unhexlify(found[0]) for found in _HEX.finditer(text)]
    return _apart(part.decode(errors="replace") for part in plain)


def _whole(part: str) -> str:
    return part[: len(part) // 4 * 4].replace("+", "-").replace("/", "_")


def _holds_integer(said: str | bytes, number: int) -> bool:
    ways: tuple[bytes, ...] = (number.to_bytes(8, "big"), number.to_bytes(8, "little"))
    return isinstance(said, bytes) and any(way in said for way in ways)


def _expiry_pattern(month: str, year: str) -> re.Pattern[str]:
    """Match a date anywhere, its bare digits only where they are a value or all there is."""
    glued = f"{month}(?:20)?{year}|(?:20)?{year}{month}"
    return re.compile(
        rf"(?<![0-9]){month}\s*[/.-]\s*(?:20)?{year}(?![0-9A-Za-z])"
        rf"|(?<![0-9])(?:20)?{year}[/.-]{month}(?![0-9])"
        rf"|(?:^|[\"']\s*)(?:{glued})(?:\s*[\"']|$)"
        rf"|={year}{month}\b",
        re.MULTILINE,
    )


def _only_digits(text: str) -> str:
    return re.sub("[^0-9]", "", text)
