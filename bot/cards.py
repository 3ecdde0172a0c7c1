"""A card and a code as they are typed and shown: neither ever travels as a bare string."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import NoReturn, Self, SupportsIndex

# Prefixes name the brand for the eye; what a card is, the gateway decides.
BRANDS = {"8600": "UzCard", "5614": "UzCard", "6262": "UzCard", "9860": "Humo"}

_SEPARATORS = r"[\s\-\u2010-\u2015.\u00ad\u200b\u2060\ufeff]*"
# Looks ahead, so that digits in front, such as a phone number, do not hide the card behind them.
_NUMBER = re.compile(rf"(?<![0-9])(?=((?:[0-9]{_SEPARATORS}){{15}}[0-9])(?![0-9]))")
_EXPIRY = re.compile(
    r"(0?[1-9]|1[0-2])(?:\s*[/.\-]\s*|\s+)((?:20)?[0-9]{2})|(0[1-9]|1[0-2])((?:20)?[0-9]{2})"
)
# What a digit counts for, and what one that is doubled: the digits of ten and more added up.
_SINGLE = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(b"0123456789", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))

# What `holds_card` takes for a card. Source: Wikipedia, "Payment card number", after ISO/IEC 7812;
# the local ones also by the clients of the gateway, of which 5440, 5445 and 4073 are within
# Mastercard's and Visa's.
_LENGTH = 16
_LOCAL = re.compile("|".join(BRANDS))
_INTERNATIONAL = re.compile(
    r"4"  # Visa
    r"|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"  # Mastercard
    r"|220[0-4]"  # Mir
    r"|62"  # UnionPay
)
# Joiners, marks of direction, of a keycap or a colour, accents: nothing of them is between digits.
_UNSEEN = re.compile(
    r"[\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u20d0-\u20ff\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    r"\U000e0000-\U000e0fff]+"
)
_ANY_DIGIT = re.compile(
    r"[\d\u00b2\u00b3\u00b9\u2070-\u2089\u2460-\u249b\u24ea-\u24ff\u2776-\u2793"
    r"\U0001f100-\U0001f10c]"
)
_LINK = re.compile(r"https?://\S*|www\.\S*|\bt\.me/\S*", re.IGNORECASE)
# What Unicode calls letters, and the eye takes for marks: ʻ, and what stretches Arabic words.
_LETTER = r"[^\W\d_\u02b0-\u02ff\u0640]"
_LETTERS = re.compile(rf"{_LETTER}+|\+")
_NO_SPACING = re.compile(rf"{_LETTER}+|[+:;=#%&?@$()\u20a0-\u20c0\u2116]")
_PLUS = re.compile(r"(?<=(?<![0-9])[0-9]{4})\s?\+\s?(?=[0-9]{4}(?![0-9]))")  # between fours
_O = "[Oo\u039f\u03bf\u041e\u043e]"  # Latin, Greek, Cyrillic
# Beside a digit, or as many as a group has, and beside no letter.
_O_FOR_ZERO = re.compile(
    rf"(?:(?<=[0-9]){_O}++|(?<![^\W_])(?:{_O}++(?=[0-9])|{_O}{{4}}))(?!{_LETTER})"
)
_DATE = re.compile(
    r"(?:(?:0[1-9]|1[0-2])(?:20)?[2-4][0-9]|[2-4][0-9](?:0[1-9]|1[0-2]))(?:[0-9]{3})?"
)
_DATE_LENGTHS = (4, 6, 7, 9)  # 1227, 122027, and with a code of three digits
# How cards and other numbers are grouped, a digit for the size of each group.
_FOURS = re.compile("444[4-9]")  # the last may run into a date
_SUMS = re.compile(r"(?:[1-3]3+2?)+")  # 45 000 000, 4 500.00
_PHONES = re.compile(r"(?:3?2?3(?:22|4))+|2322232")  # 55 123 45 67, 123 4567
_DAY = re.compile(r"\b(?:0?[1-9]|[12][0-9]|3[01]) (?:0?[1-9]|1[0-2]) (?:19|20)[0-9]{2}\b")


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
    """Check the last digit, as ISO/IEC 7812 defines it; in bytes, for a text full of numbers."""
    ends_first = digits.encode()[::-1]
    counted = ends_first[::2].translate(_SINGLE) + ends_first[1::2].translate(_DOUBLED)
    return sum(counted) % 10 == 0


def holds_card(text: str) -> bool:
    """Tell whether a card number stands anywhere in `text`, however it is written.

    It has sixteen digits of any script with a valid check digit, in the range of a card network,
    and between them anything but letters and `+`; an O may stand for a zero. It ends where a group
    of digits ends, or runs into what may be an expiry date: twenty digits are a card only with a
    month at their end, and then also an account number now and then, which is better deleted than
    a card is missed.

    What UzCard and Humo begin with does not come about by chance, so between their groups of four
    `+` is spacing too. Of all other numbers a fifth is in somebody's range, so those count only if
    they are grouped as cards are, or stand alone and are not grouped as sums, phones and dates
    are; and never inside of a link.
    """
    plain = text if text.isascii() else _as_seen(text)
    spelled = _O_FOR_ZERO.sub(lambda found: "0" * len(found[0]), plain)
    return _holds_number(plain) or (spelled != plain and _holds_number(spelled))


def _holds_number(plain: str) -> bool:
    local = (_numbers(run, _LOCAL) for run in _runs(_PLUS.sub(" ", plain), _LETTERS))
    return any(map(any, local)) or any(
        map(_holds_international, _runs(_LINK.sub("x", plain), _NO_SPACING))
    )


def can_be_number(text: str) -> bool:
    """Tell whether `parse_number` finds a number: of any range, but plainly written."""
    return _find(unicodedata.normalize("NFC", text)) is not None


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


def may_be_date_or_code(text: str) -> bool:
    """Tell what is typed at the steps of the expiry and of the code, right or wrong."""
    plain = text.strip()
    return bool(_EXPIRY.fullmatch(plain) or re.fullmatch(r"(?:[0-9][\s-]*){6}", plain))


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


def _as_seen(text: str) -> str:
    """Write digits of all scripts, raised and circled ones as ASCII, and drop what is unseen."""
    plain = _ANY_DIGIT.sub(lambda found: str(unicodedata.digit(found[0], found[0])), text)
    return _UNSEEN.sub("", plain)


def _runs(text: str, barrier: re.Pattern[str]) -> Iterator[list[str]]:
    """Give the groups of digits between two barriers, where there are enough for a card."""
    for part in barrier.split(text):
        groups = re.findall(r"[0-9]+", part)
        if sum(map(len, groups)) >= _LENGTH:
            yield groups


def _numbers(run: list[str], ranges: re.Pattern[str]) -> Iterator[tuple[int, bool]]:
    """Give the group that each valid number begins with, and whether it stands alone.

    Its date may stand beside it.
    """
    digits, ends = "".join(run), list(accumulate(map(len, run)))
    borders = set(ends)
    for first, start in enumerate([0, *ends[:-1]]):
        end = start + _LENGTH
        if end > len(digits):
            return
        if not ranges.match(digits, start) or not luhn(digits[start:end]):
            continue
        if end in borders or any(
            end + length in borders and _DATE.fullmatch(digits, end, end + length)
            for length in _DATE_LENGTHS
        ):
            alone = first == 0 and (end == len(digits) or bool(_DATE.fullmatch(digits, end)))
            yield first, alone


def _clipped(groups: list[str]) -> list[str]:
    """Leave the first sixteen digits."""
    starts = accumulate(map(len, groups), initial=0)
    clipped = [
        group[: max(_LENGTH - start, 0)] for group, start in zip(groups, starts, strict=False)
    ]
    return [group for group in clipped if group]


def _shape(groups: list[str]) -> str:
    return "".join(str(min(len(group), 9)) for group in groups)


def _holds_international(run: list[str]) -> bool:
    shape = _shape(run)
    if shape == "44444" and not _DATE.fullmatch(run[-1]):
        return False  # an account number
    return any(
        len(run[first]) >= _LENGTH
        or _FOURS.match(shape, first)
        or (alone and _is_grouped(_clipped(run)))
        for first, alone in _numbers(run, _INTERNATIONAL)
    )


def _is_grouped(groups: list[str]) -> bool:
    """Tell what may be a card, grouped in another way than sums, phones and dates are."""
    shape = _shape(groups)
    if all(end % 4 == 0 for end in accumulate(map(len, groups))):
        return True
    numbers = "33" in shape or _SUMS.fullmatch(shape) or _PHONES.fullmatch(shape)
    return set(shape) <= set("1234") and not numbers and not _DAY.search(" ".join(groups))
