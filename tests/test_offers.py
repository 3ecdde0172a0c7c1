"""What is sold, and at which price."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.offers import OffersError, load, tiyin

SAMPLE = Path(__file__).parent.parent / "offers.toml"
OFFER = """
[[offers]]
slug = "protokol-57"
title = "Protokol 57"
description = "57 kunlik kurs"
seller = "Protokol akademiyasi"
price = 1_478_000
"""
UNTIL = datetime(2026, 12, 31, 18, 59, 59, tzinfo=UTC)  # 23:59:59 in Tashkent
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "offers.toml"


@pytest.fixture
def offer(file):
    """Give what a file with this one offer says."""

    def loaded(text):
        file.write_text(text, "utf-8")
        return load(file).offers[0]

    return loaded


def discounted(until):
    return f"{OFFER}\n[offers.discount]\npercent = 50\n{until}"


def test_the_sample_sells_the_course_for_half_the_price_until_the_end_of_the_year():
    offer = load(SAMPLE).find("protokol-57")

    assert offer is not None
    assert offer.price_at(datetime(2026, 11, 24, 12, tzinfo=UTC)) == 73_900_000
    assert offer.price_at(UNTIL) == 73_900_000
    assert offer.price_at(UNTIL + timedelta(seconds=1)) == 147_800_000
    assert {language: bool(offer.words(language)[1]) for language in ("uz", "ru", "en")} == {
        "uz": True,
        "ru": True,
        "en": True,
    }


@pytest.mark.parametrize(
    "until",
    [
        "until = 2026-12-31",
        "until = 2026-12-31T23:59:59",
        "until = 2026-12-31T23:59:59+05:00",
        "until = 2026-12-31T18:59:59Z",
    ],
)
@pytest.mark.parametrize(
    ("now", "price"),
    [
        (UNTIL - timedelta(days=30), 73_900_000),
        (UNTIL - MOMENT, 73_900_000),
        (UNTIL, 73_900_000),
        (UNTIL + MOMENT, 147_800_000),
        (UNTIL + timedelta(days=30), 147_800_000),
    ],
)
def test_a_discount_holds_to_its_last_moment_in_tashkent(offer, until, now, price):
    assert offer(discounted(until)).price_at(now) == price


def test_a_discount_without_an_end_holds_for_good(offer):
    assert offer(discounted("")).price_at(datetime(2999, 1, 1, tzinfo=UTC)) == 73_900_000


def test_without_a_discount_the_price_is_the_price(offer):
    assert offer(OFFER).price_at(UNTIL) == 147_800_000


def test_a_discounted_price_is_rounded_down_to_whole_tiyin(offer):
    text = discounted("").replace("1_478_000", "1000.01").replace("= 50", "= 33")

    assert offer(text).price_at(UNTIL) == 67_000


@pytest.mark.parametrize(
    ("soum", "expected"),
    [
        (1_478_000, 147_800_000),
        (Decimal("49999.50"), 4_999_950),
        (Decimal("49999.5"), 4_999_950),
        (Decimal("0.01"), 1),
        (Decimal("1e3"), 100_000),
    ],
)
def test_soum_become_tiyin_exactly(soum, expected):
    assert tiyin(soum) == expected


@pytest.mark.parametrize("price", ["49999.50", "49_999.50", "49999.5"])
def test_a_price_with_tiyin_is_kept_to_the_tiyin(offer, price):
    """Failure story C1."""
    kept = offer(OFFER.replace("1_478_000", price)).price

    assert kept == 4_999_950
    assert isinstance(kept, int)


@pytest.mark.parametrize("price", ["1000.10", "1234567.89", "4503599627370497.29"])
def test_no_price_passes_through_a_float(offer, price):
    """The last one has no float of its own."""
    assert offer(OFFER.replace("1_478_000", price)).price == int(price.replace(".", ""))


def test_a_title_may_be_one_for_all_languages_or_one_for_each(offer):
    title = 'title = { uz = "Kurs", ru = "Курс" }'
    texts = offer(OFFER.replace('title = "Protokol 57"', title))

    assert texts.words("uz") == ("Kurs", "57 kunlik kurs")
    assert texts.words("ru") == ("Курс", "57 kunlik kurs")
    assert texts.words("en") == ("Kurs", "57 kunlik kurs")


def test_an_offer_is_found_by_its_slug(file):
    file.write_text(OFFER + OFFER.replace("protokol-57", "protokol-58"), "utf-8")
    offers = load(file)

    assert [offers.find(f"protokol-{n}") == offers.offers[n - 57] for n in (57, 58)] == [True] * 2
    assert offers.find("protokol-59") is None


@pytest.mark.parametrize(
    ("was", "wrong", "said"),
    [
        ("1_478_000", "49999.505", "offers.0.price: a price is a number with at most two"),
        ("1_478_000", "-1000", "offers.0.price: Input should be greater than or equal to 100000"),
        ("1_478_000", "0", "offers.0.price: Input should be greater than"),
        ("1_478_000", "999.99", "offers.0.price: Input should be greater than"),
        ("1_478_000", '"1478000"', "offers.0.price: write the price as a number of soʻm"),
        ("1_478_000", "true", "offers.0.price: write the price as a number of soʻm"),
        ("1_478_000", "inf", "offers.0.price: a price is a number"),
        ("1_478_000", "nan", "offers.0.price: a price is a number"),
        ("price = 1_478_000", "", "offers.0.price: Field required"),
        ("protokol-57", "Protokol 57", "offers.0.slug: String should match pattern"),
        ("protokol-57", "", "offers.0.slug: String should match pattern"),
        ("protokol-57", "a" * 41, "offers.0.slug: String should match pattern"),
        ('"57 kunlik kurs"', "{ ru = 'Курс' }", "offers.0.description: needs at least a text"),
        ('"57 kunlik kurs"', '" "', "offers.0.description: needs at least a text"),
        ("seller", "vendor", "offers.0.seller: Field required"),
        ("[[offers]]", "[[offer]]", "offers: Field required"),
        ("price = 1", "price := 1", "is not TOML in UTF-8 ("),
    ],
)  # fmt: skip
def test_a_wrong_offer_is_refused_with_a_sentence(file, was, wrong, said):
    file.write_text(OFFER.replace(was, wrong), "utf-8")

    with pytest.raises(OffersError) as refused:
        load(file)

    assert f"{file}: " in str(refused.value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("percent", ["0", "-5", "100", "150", '"half"'])
def test_a_discount_takes_off_something_and_not_everything(file, percent):
    file.write_text(discounted("").replace("50", percent), "utf-8")

    with pytest.raises(OffersError, match=r"offers\.0\.discount\.percent: "):
        load(file)


def test_a_discount_that_ends_at_no_moment_is_refused(file):
    file.write_text(discounted('until = "tomorrow"'), "utf-8")

    with pytest.raises(OffersError, match=r"offers\.0\.discount\.until: "):
        load(file)


def test_two_offers_with_one_slug_are_refused(file):
    file.write_text(OFFER * 2, "utf-8")

    with pytest.raises(OffersError, match="offers: two offers have the same slug"):
        load(file)


def test_an_empty_file_sells_nothing_and_is_refused(file):
    file.write_text("offers = []", "utf-8")

    with pytest.raises(OffersError, match=r"offers: .*at least 1 item"):
        load(file)


def test_a_missing_file_is_named(file):
    with pytest.raises(OffersError, match=r"cannot be read \(No such file or directory\)"):
        load(file)


def test_a_file_that_is_not_utf_8_is_refused(file):
    file.write_bytes(OFFER.replace("Protokol akademiyasi", "Протокол").encode("cp1251"))

    with pytest.raises(OffersError, match="is not TOML in UTF-8"):
        load(file)
