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


@pytest.mark.parametrize("price", ["1000.10", "1234567.89", "999999999.99"])
def test_no_price_passes_through_a_float(offer, price):
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
        ("1_478_000", "49999.505", "price: a price is a number with at most two decimals"),
        ("1_478_000", "-1000", "price: write a price in soʻm, from 1 000 to"),
        ("1_478_000", "0", "price: write a price in soʻm, from 1 000 to"),
        ("1_478_000", "999.99", "price: write a price in soʻm, from 1 000 to"),
        ("1_478_000", "1000000000.01", "price: write a price in soʻm, from 1 000 to"),
        ("1_478_000", "1e999999", "price: write a price in soʻm, from 1 000 to 1 000 000 000"),
        ("1_478_000", '"1478000"', "price: write the price as a number of soʻm"),
        ("1_478_000", "true", "price: write the price as a number of soʻm"),
        ("1_478_000", "inf", "price: a price is a number"),
        ("1_478_000", "nan", "price: a price is a number"),
        ("price = 1_478_000", "", "price: is missing"),
        ('"57 kunlik kurs"', "{ ru = 'Курс' }", "description: needs at least a text for uz"),
        ('"57 kunlik kurs"', "{ uz = 'Kurs', ru = ' ' }", "description: ru: is empty"),
        ('"57 kunlik kurs"', "{ uz = 'Kurs', rus = 'Курс' }",
         "description: rus: no such language; known are uz, ru, en"),
        ('"57 kunlik kurs"', '" "', "description: needs at least a text for uz"),
        ('"57 kunlik kurs"', "57", "description: write a text in quotes"),
        ('"57 kunlik kurs"', "{ uz = 57 }", "description.uz: write a text in quotes"),
        ("seller =", "selller =", "seller: is missing"),
        ("seller =", "selller =", "selller: no such field; known are slug, title, description"),
        ("seller =", "repeatable = 1\nseller =", "repeatable: write true or false"),
        ("seller =", 'link = "t.me/+AbC"\nseller =', "link: write an address that begins"),
        ("seller =", 'link = "https://localhost/a"\nseller =', "link: write an address that oth"),
        ('title = "', f'title = "{"x" * 201}', "title: is too long for a message; write at"),
        ('description = "', f'description = "{"x" * 2_001}', "description: is too long"),
        ('seller = "', f'seller = "{"x" * 201}', "seller: write who sells"),
        ("seller =", "discount = 50\nseller =", "discount: write percent = 50"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_after_its_offer(file, was, wrong, said):
    file.write_text(OFFER.replace(was, wrong), "utf-8")

    with pytest.raises(OffersError) as refused:
        load(file)

    assert f"protokol-57: {said}" in str(refused.value)
    assert "Tuple" not in str(refused.value)


@pytest.mark.parametrize(
    ("was", "wrong", "said"),
    [
        ("protokol-57", "Protokol 57", "Protokol 57: slug: write at most 40 of a-z, 0-9"),
        ("protokol-57", "", "offer 1: slug: write at most 40 of a-z, 0-9"),
        ("protokol-57", "a" * 41, "slug: write at most 40 of a-z, 0-9"),
        ('slug = "protokol-57"', "", "offer 1: slug: is missing"),
        ("[[offers]]", "[[offer]]", "begin each offer with a line [[offers]]"),
        ("[[offers]]", "[offers]", "begin each offer with a line [[offers]]"),
        ("[[offers]]", "currency = 860\n[[offers]]", "currency: no such field; begin each offer"),
        ("[[offers]]", "offers = [57]\n[other]", "offer 1: begin each offer with a line"),
        ("price = 1", "price := 1", "is not TOML ("),
        ("1_478_000", "1 478 000", "at line 7, column"),
        ("1_478_000", "31.12.2026", "write 2026-12-31, 1_478_000, and texts in straight quotes"),
        ('"Protokol 57"', "“Protokol 57”", "at line 4, column"),
    ],
)  # fmt: skip
def test_a_wrong_offer_is_refused_with_a_sentence(file, was, wrong, said):
    file.write_text(OFFER.replace(was, wrong), "utf-8")

    with pytest.raises(OffersError) as refused:
        load(file)

    assert f"{file}: " in str(refused.value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("percent", ["0", "-5", "100", "150", "50.5", '"half"', '"50"'])
def test_a_discount_takes_off_something_and_not_everything(file, percent):
    file.write_text(discounted("").replace("50", percent), "utf-8")

    with pytest.raises(OffersError, match=r"protokol-57: discount\.percent: write a whole"):
        load(file)


@pytest.mark.parametrize("until", ['"tomorrow"', '"2026-12-31"', "20261231", "1.5", "23:59:59"])
def test_an_end_is_a_date_and_not_a_text_or_a_number(file, until):
    """A date in quotes once passed, and then no student could open an offer."""
    file.write_text(discounted(f"until = {until}"), "utf-8")

    with pytest.raises(OffersError, match=r"until: write a date without quotes, like 2026-12-31"):
        load(file)


def test_two_offers_with_one_slug_are_refused(file):
    file.write_text(OFFER * 2, "utf-8")

    with pytest.raises(OffersError, match="protokol-57: two offers have this slug"):
        load(file)


def test_an_empty_file_sells_nothing_and_is_refused(file):
    file.write_text("offers = []", "utf-8")

    with pytest.raises(OffersError, match=r"begin each offer with a line \[\[offers\]\]"):
        load(file)


def test_a_missing_file_is_named(file):
    with pytest.raises(OffersError, match=r"cannot be read \(No such file or directory\)"):
        load(file)


def test_a_file_that_is_not_utf_8_is_refused(file):
    file.write_bytes(OFFER.replace("Protokol akademiyasi", "Протокол").encode("cp1251"))

    with pytest.raises(OffersError, match="save it as UTF-8"):
        load(file)


def test_the_mark_that_notepad_puts_first_is_accepted(file):
    file.write_text(OFFER, "utf-8-sig")

    assert load(file).find("protokol-57")


def test_the_second_offer_is_named_by_its_place_where_it_has_no_slug(file):
    file.write_text(OFFER + OFFER.replace('slug = "protokol-57"', ""), "utf-8")

    with pytest.raises(OffersError, match="offer 2: slug: is missing"):
        load(file)
