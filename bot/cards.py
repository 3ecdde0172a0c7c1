"""A card as it is typed, shown and held: the number never travels as a bare string."""

import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import NoReturn

# Prefixes name the brand for the eye; what a card is, the gateway decides.
BRANDS = {"8600": "UzCard", "5614": "UzCard", "6262": "UzCard", "9860": "Humo"}

_SEPARATORS = r"[\s\-\u2010-\u2015.\u00ad\u200b\u2060\ufeff]*"
# Looks ahead, so that digits in front, such as a phone number, do not hide the card behind them.
_NUMBER = re.compile(rf"(?<![0-9])(?=((?:[0-9]{_SEPARATORS}){{15}}[0-9])(?![0-9]))")
_EXPIRY = re.compile(
    r"(0?[1-9]|1[0-2])\s*[/.\-\s]\s*((?:20)?[0-9]{2})|(0[1-9]|1[0-2])((?:20)?[0-9]{2})"
)
_CENTURY = 2000


class CardError(Exception):
    """What was typed is not what the step asks for."""


class NumberInvalid(CardError):
    """Not 16 digits with a valid check digit."""


class ExpiryInvalid(CardError):
    """Not a month and a year."""


class ExpiryPassed(CardError):
    """A month that is over."""


@dataclass(frozen=True, slots=True, repr=False)
class CardNumber:
    """Sixteen digits that print as their mask only; `reveal` is called where ATMOS is."""

    _digits: str

    @property
    def masked(self) -> str:
        return f"{self._digits[:4]} {self._digits[4:6]}** **** {self._digits[-4:]}"

    @property
    def brand(self) -> str | None:
        return BRANDS.get(self._digits[:4])

    @property
    def label(self) -> str:
        """The brand, where it is known, and the mask."""
        return f"{self.brand} {self.masked}" if self.brand else self.masked

    def reveal(self) -> str:
        return self._digits

    def __repr__(self) -> str:
        return f"<card {self.brand or 'unknown'} ···{self._digits[-4:]}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a card number is not pickled")


@dataclass(frozen=True, slots=True, repr=False)
class Expiry:
    """The month a card is good to the end of."""

    year: int
    month: int

    @property
    def yymm(self) -> str:
        """As ATMOS wants it, though it is printed MM/YY."""
        return f"{self.year % 100:02}{self.month:02}"

    def __repr__(self) -> str:
        return "<expiry>"


@dataclass(frozen=True, slots=True)
class Card:
    """A number, and the expiry once it is typed."""

    number: CardNumber
    expiry: Expiry | None = None


def luhn(digits: str) -> bool:
    """Check the last digit, as ISO/IEC 7812 defines it."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def holds_card(text: str) -> bool:
    """Tell whether a card number stands anywhere in `text`."""
    return _find(text) is not None


def parse_number(text: str) -> CardNumber:
    """Read the one card number in `text`.

    Raises:
        NumberInvalid: There is none with 16 ASCII digits and a valid check digit.
    """
    return _split(text)[0]


def parse_card(text: str, today: date) -> Card:
    """Read a card number and, where it is written beside it, the expiry."""
    number, rest = _split(text)
    if not re.search(r"[0-9]", rest):
        return Card(number)
    if rest.isdigit() and not _EXPIRY.fullmatch(rest):
        raise NumberInvalid  # seventeen digits, not a card and a date
    return Card(number, parse_expiry(rest, today))


def parse_expiry(text: str, today: date) -> Expiry:
    """Read `12/27`, `12.27`, `1227`, `12/2027` or `1/27`.

    Raises:
        ExpiryInvalid: It is none of these.
        ExpiryPassed: That month is over.
    """
    found = _EXPIRY.fullmatch(text.strip())
    if found is None:
        raise ExpiryInvalid
    month, year = found[1] or found[3], found[2] or found[4]
    expiry = Expiry(_CENTURY + int(year[-2:]), int(month))
    if (expiry.year, expiry.month) < (today.year, today.month):
        raise ExpiryPassed
    return expiry


def _split(text: str) -> tuple[CardNumber, str]:
    plain = unicodedata.normalize("NFC", text)
    found = _find(plain)
    if found is None:
        raise NumberInvalid
    rest = f"{plain[: found.start(1)]} {plain[found.end(1) :]}"
    return CardNumber(_digits(found[1])), rest.strip(" ,;\n")


def _find(text: str) -> re.Match[str] | None:
    return next((found for found in _NUMBER.finditer(text) if luhn(_digits(found[1]))), None)


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


@dataclass(slots=True)
class _Held:
    card: Card
    until: float


class Vault:
    """Cards between the card step and the money, in this process only, each for `ttl` seconds."""

    def __init__(self, ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ttl = ttl
        self._clock = clock
        self._held: dict[int, _Held] = {}

    def put(self, intent_id: int, card: Card) -> None:
        """Hold a card; one that is held already keeps its time, when its expiry is added."""
        self.forget_old()
        held = self._held.get(intent_id)
        same = held is not None and held.card.number == card.number
        until = held.until if held and same else self._clock() + self._ttl
        self._held[intent_id] = _Held(card, until)

    def get(self, intent_id: int) -> Card | None:
        self.forget_old()
        held = self._held.get(intent_id)
        return held.card if held else None

    def wipe(self, intent_id: int) -> None:
        self._held.pop(intent_id, None)

    def wipe_all(self) -> None:
        self._held.clear()

    def forget_old(self) -> None:
        """Drop every card that has been held for its time."""
        now = self._clock()
        for intent_id in [key for key, held in self._held.items() if held.until <= now]:
            del self._held[intent_id]
