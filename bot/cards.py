"""A card and a code as they are typed and shown: neither ever travels as a bare string."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import NoReturn, Self, SupportsIndex

# Prefixes name the brand for the eye; what a card is, the gateway decides.
BRANDS = {"8600": "UzCard", "5614": "UzCard", "6262": "UzCard", "9860": "Humo"}

_SEPARATORS = r"[\s\-\u2010-\u2015.\u00ad\u200b\u2060\ufeff]*"
# Looks ahead, so that digits in front, such as a phone number, do not hide the card behind them.
_NUMBER = re.compile(rf"(?<![0-9])(?=((?:[0-9]{_SEPARATORS}){{15}}[0-9])(?![0-9]))")
_EXPIRY = re.compile(
    r"(0?[1-9]|1[0-2])\s*[/.\-\s]\s*((?:20)?[0-9]{2})|(0[1-9]|1[0-2])((?:20)?[0-9]{2})"
)


class CardError(Exception):
    """What was typed is not what the step asks for."""


class NumberInvalid(CardError):
    """Not 16 digits with a valid check digit."""


class ExpiryInvalid(CardError):
    """Not a month and a year."""


class ExpiryPassed(CardError):
    """A month that is over."""


class CodeInvalid(CardError):
    """Not six digits."""


class Secret:
    """A value that only `reveal` gives, which is called where ATMOS is and where it is sealed.

    However it is printed, copied, taken apart or put into JSON, nothing of it is seen.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise TypeError(f"{self!r} is not pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"{self!r} is not pickled")


class CardNumber(Secret):
    """Sixteen digits that print as brand and last four."""

    __slots__ = ()

    @property
    def masked(self) -> str:
        return f"{self._value[:4]} {self._value[4:6]}** **** {self._value[-4:]}"

    @property
    def brand(self) -> str | None:
        return BRANDS.get(self._value[:4])

    @property
    def label(self) -> str:
        """The brand, where it is known, and the mask."""
        return f"{self.brand} {self.masked}" if self.brand else self.masked

    def __repr__(self) -> str:
        return f"<card {self.brand or 'unknown'} ···{self._value[-4:]}>"


class Expiry(Secret):
    """The month a card is good to the end of, as YYMM: ATMOS wants it so, though it is MM/YY."""

    __slots__ = ()


class Code(Secret):
    """The six digits of an SMS."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Card:
    """All that ATMOS needs to have a code sent."""

    number: CardNumber
    expiry: Expiry


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


def parse_card(text: str, today: date) -> Card | CardNumber:
    """Read a card number or, where the expiry is written beside it, the whole card."""
    number, rest = _split(text)
    if not re.search(r"[0-9]", rest):
        return number
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
    yymm = f"{year[-2:]}{month:0>2}"
    if yymm < f"{today:%y%m}":
        raise ExpiryPassed
    return Expiry(yymm)


def parse_code(text: str) -> Code:
    """Read the code of an SMS, also where it is typed in groups.

    Raises:
        CodeInvalid: It is not six ASCII digits.
    """
    code = re.sub(r"[\s-]", "", text)
    if not re.fullmatch("[0-9]{6}", code):
        raise CodeInvalid
    return Code(code)


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
