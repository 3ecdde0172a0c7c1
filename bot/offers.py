"""What is sold, and at which price it is sold now."""

import tomllib
from datetime import date, datetime, time
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    HttpUrl,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from bot.payment import Tiyin

TASHKENT = ZoneInfo("Asia/Tashkent")
LEAST = 1_000  # soʻm; below this a price is taken for a slip of the pen
MOST = 1_000_000_000  # soʻm; above it, too
LANGUAGES = ("uz", "ru", "en")


class OffersError(Exception):
    """The offers file cannot be used; the text says what to write instead."""


def tiyin(soum: int | Decimal) -> Tiyin:
    """Turn soʻm into whole tiyin, refusing what is not whole: 49999.50 → 4999950."""
    exact = Decimal(soum) * 100
    if not exact.is_finite() or exact != exact.to_integral_value():
        raise ValueError("a price is a number with at most two decimals")
    return Tiyin(int(exact))


def _price(soum: object) -> Tiyin:
    if isinstance(soum, bool) or not isinstance(soum, int | Decimal):
        raise ValueError("write the price as a number of soʻm, for example 1478000")  # noqa: TRY004  pydantic wants ValueError
    if Decimal(soum).is_finite() and not LEAST <= soum <= MOST:
        raise ValueError("write a price in soʻm, from 1 000 to 1 000 000 000")
    return tiyin(soum)


def _moment(until: object) -> datetime:
    """A bare date holds to its last second in Tashkent; a time without a zone is Tashkent's."""
    if not isinstance(until, date):
        raise ValueError("write a date without quotes, like 2026-12-31")  # noqa: TRY004  pydantic wants ValueError
    if not isinstance(until, datetime):
        until = datetime.combine(until, time(23, 59, 59))
    return until if until.tzinfo else until.replace(tzinfo=TASHKENT)


def _every_language(text: object) -> object:
    return dict.fromkeys(LANGUAGES, text) if isinstance(text, str) else text


def _has_uzbek(text: dict[str, str]) -> dict[str, str]:
    unknown = [language for language in text if language not in LANGUAGES]
    if unknown:
        raise ValueError(f"{unknown[0]}: no such language; known are {', '.join(LANGUAGES)}")
    if not text.get("uz", "").strip():
        raise ValueError("needs at least a text for uz")
    empty = [language for language in text if not text[language].strip()]
    if empty:
        raise ValueError(f"{empty[0]}: is empty; write a text or leave it out")
    return text


def _at_most(characters: int) -> AfterValidator:
    """Keep a text, as HTML, short enough for Telegram's 4096 characters of a message."""

    def check(text: dict[str, str]) -> dict[str, str]:
        if any(len(escape(said)) > characters for said in text.values()):
            raise ValueError(f"is too long for a message; write at most {characters} characters")
        return text

    return AfterValidator(check)


def _public(link: HttpUrl) -> HttpUrl:
    """Refuse what Telegram takes for no button: the message that it is paid would not be said."""
    if "." not in (link.host or ""):
        raise ValueError("write an address that others can open, like https://t.me/+AbCdEf")
    return link


Translated = Annotated[
    dict[str, str], BeforeValidator(_every_language), AfterValidator(_has_uzbek)
]
Price = Annotated[Tiyin, BeforeValidator(_price)]


class Discount(BaseModel, frozen=True, extra="forbid"):
    """A percentage off until a moment; without `until` it holds for good."""

    percent: int = Field(gt=0, lt=100, strict=True)
    until: Annotated[datetime | None, BeforeValidator(_moment)] = None

    def holds(self, now: datetime) -> bool:
        return self.until is None or now <= self.until


class Offer(BaseModel, frozen=True, extra="forbid"):
    """One thing that can be bought. `slug` goes into links and buttons: `/start <slug>`."""

    slug: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    title: Annotated[Translated, _at_most(200)]
    description: Annotated[Translated, _at_most(2_000)]
    seller: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    price: Price
    discount: Discount | None = None
    repeatable: bool = Field(default=False, strict=True)
    link: Annotated[HttpUrl, AfterValidator(_public)] | None = (
        None  # where a student who paid goes
    )

    def price_at(self, now: datetime) -> Tiyin:
        """Give the price that holds at `now`, rounded down to whole tiyin."""
        if self.discount is None or not self.discount.holds(now):
            return self.price
        return Tiyin(self.price * (100 - self.discount.percent) // 100)

    def words(self, language: str) -> tuple[str, str]:
        """Give title and description in `language`, or in Uzbek where there is none."""
        return (
            self.title.get(language, self.title["uz"]),
            self.description.get(language, self.description["uz"]),
        )


class Offers(BaseModel, frozen=True, extra="forbid"):
    """The offers file."""

    offers: tuple[Offer, ...]

    @model_validator(mode="after")
    def _slugs_differ(self) -> "Offers":
        slugs = [offer.slug for offer in self.offers]
        if not slugs:
            raise ValueError(BEGIN)
        twice = [slug for slug in slugs if slugs.count(slug) > 1]
        if twice:
            raise ValueError(f"{twice[0]}: two offers have this slug")
        return self

    def find(self, slug: str) -> Offer | None:
        return next((offer for offer in self.offers if offer.slug == slug), None)

    def is_repeatable(self, slug: str) -> bool:
        """Tell whether one student may buy it more than once; not of what is sold no more."""
        offer = self.find(slug)
        return offer is not None and offer.repeatable

    def link_of(self, slug: str) -> str | None:
        """Give the address where who has bought an offer goes, if it is sold and has one."""
        offer = self.find(slug)
        return str(offer.link) if offer and offer.link else None


BEGIN = "begin each offer with a line [[offers]]"
CURES = {
    "slug": "write at most 40 of a-z, 0-9, - and _, like protokol-57",
    "title": 'write a text in quotes, or one for each language: { uz = "…", ru = "…" }',
    "description": 'write a text in quotes, or one for each language: { uz = "…", ru = "…" }',
    "seller": "write who sells, in quotes, with at most 200 characters",
    "discount": "write percent = 50, and until = 2026-12-31, below [offers.discount]",
    "percent": "write a whole number from 1 to 99, without quotes",
    "repeatable": "write true or false, without quotes",
    "link": "write an address that begins with https://, in quotes",
}


def load(path: Path) -> Offers:
    """Read the offers file.

    Raises:
        OffersError: It is missing, is not TOML, or says something that cannot be sold.
    """
    said: dict[str, Any] = {}
    try:
        said = tomllib.loads(path.read_text("utf-8-sig"), parse_float=Decimal)
        return Offers.model_validate(said)
    except OSError as error:
        raise OffersError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        problems = dict.fromkeys(_what_is_wrong(said, problem) for problem in error.errors())
        raise OffersError(f"{path}: {'; '.join(problems)}") from error
    except UnicodeDecodeError as error:
        raise OffersError(f"{path}: save it as UTF-8") from error
    except ValueError as error:
        raise OffersError(
            f"{path}: is not TOML ({error}): write 2026-12-31, 1_478_000, "
            'and texts in straight quotes "…"'
        ) from error


def _what_is_wrong(said: dict[str, Any], problem: ErrorDetails) -> str:
    match problem["loc"]:
        case ():
            return _own_words(problem)
        case ("offers", int(number)):
            return f"offer {number + 1}: {BEGIN}"
        case ("offers", int(number), *fields):
            field = ".".join(map(str, fields))
            return f"{_name(said, number)}: {field}: {_cure(problem, list(map(str, fields)))}"
        case (other, *_):
            return BEGIN if other in {"offers", "offer"} else f"{other}: no such field; {BEGIN}"
    return problem["msg"]


def _name(said: dict[str, Any], number: int) -> str:
    slug = said["offers"][number].get("slug")
    wrong = not isinstance(slug, str) or not slug.strip()
    return f"offer {number + 1}" if wrong else str(slug)


def _cure(problem: ErrorDetails, fields: list[str]) -> str:
    match problem["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            model = Discount if fields[0] == "discount" else Offer
            return f"no such field; known are {', '.join(model.model_fields)}"
        case "value_error":
            return _own_words(problem)
    return CURES.get(fields[-1]) or CURES.get(fields[0]) or problem["msg"]


def _own_words(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ")
