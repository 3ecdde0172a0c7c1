"""What is sold, and at which price it is sold now."""

import tomllib
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    HttpUrl,
    ValidationError,
    model_validator,
)

from bot.payment import Tiyin

TASHKENT = ZoneInfo("Asia/Tashkent")
LEAST = 1_000_00  # tiyin; below this a price is taken for a slip of the pen


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
    return tiyin(soum)


def _moment(until: object) -> object:
    """A bare date holds to its last second in Tashkent; a time without a zone is Tashkent's."""
    if isinstance(until, date) and not isinstance(until, datetime):
        until = datetime.combine(until, time(23, 59, 59))
    if isinstance(until, datetime) and until.tzinfo is None:
        return until.replace(tzinfo=TASHKENT)
    return until


def _every_language(text: object) -> object:
    return {"uz": text, "ru": text, "en": text} if isinstance(text, str) else text


def _has_uzbek(text: dict[str, str]) -> dict[str, str]:
    if not text.get("uz", "").strip():
        raise ValueError("needs at least a text for uz")
    return text


Translated = Annotated[
    dict[str, str], BeforeValidator(_every_language), AfterValidator(_has_uzbek)
]
Price = Annotated[Tiyin, BeforeValidator(_price), Field(ge=LEAST)]


class Discount(BaseModel, frozen=True, extra="forbid"):
    """A percentage off until a moment; without `until` it holds for good."""

    percent: int = Field(gt=0, lt=100)
    until: Annotated[datetime | None, BeforeValidator(_moment)] = None

    def holds(self, now: datetime) -> bool:
        return self.until is None or now <= self.until


class Offer(BaseModel, frozen=True, extra="forbid"):
    """One thing that can be bought. `slug` goes into links and buttons: `/start <slug>`."""

    slug: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    title: Translated
    description: Translated
    seller: str = Field(min_length=1)
    price: Price
    discount: Discount | None = None
    repeatable: bool = False
    link: HttpUrl | None = None  # where a student who paid goes

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

    offers: tuple[Offer, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _slugs_differ(self) -> "Offers":
        slugs = [offer.slug for offer in self.offers]
        if len(set(slugs)) != len(slugs):
            raise ValueError("two offers have the same slug")
        return self

    def find(self, slug: str) -> Offer | None:
        return next((offer for offer in self.offers if offer.slug == slug), None)


def load(path: Path) -> Offers:
    """Read the offers file.

    Raises:
        OffersError: It is missing, is not TOML, or says something that cannot be sold.
    """
    try:
        return Offers.model_validate(tomllib.loads(path.read_text("utf-8"), parse_float=Decimal))
    except OSError as error:
        raise OffersError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise OffersError(f"{path}: {_what_is_wrong(error)}") from error


def _what_is_wrong(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return f"is not TOML in UTF-8 ({error})"
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'offers'}: "
        f"{problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    )
