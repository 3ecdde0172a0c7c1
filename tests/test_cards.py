"""A card is read however it is typed, and never shown."""

import pickle
import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.cards import (
    BRANDS,
    Card,
    CardNumber,
    Expiry,
    ExpiryInvalid,
    ExpiryPassed,
    NumberInvalid,
    Vault,
    can_be_number,
    holds_card,
    luhn,
    parse_card,
    parse_expiry,
    parse_number,
)

TODAY = date(2026, 11, 24)
GOOD = "8600990000000009"
FACE = "8600 9900 0000 0009"
SEPARATORS = ("", " ", "-", ".", "\xa0", "\u202f", "\u2011", "–", "\u200b", " - ", "  ", "\n")


def with_check_digit(fifteen):
    return next(f"{fifteen}{digit}" for digit in range(10) if luhn(f"{fifteen}{digit}"))


numbers = st.text("0123456789", min_size=15, max_size=15).map(with_check_digit)
groupings = st.lists(st.sampled_from(SEPARATORS), min_size=15, max_size=15)


def grouped(number, separators):
    return "".join(map("".join, zip(number, [*separators, ""], strict=True)))


@settings(database=None, deadline=None)
@given(numbers, groupings)
def test_any_valid_number_is_read_in_any_grouping(number, separators):
    typed = grouped(number, separators)

    assert parse_number(typed).reveal() == number
    assert parse_card(typed, TODAY) == Card(CardNumber(number))
    assert can_be_number(typed)


@settings(database=None, deadline=None)
@given(
    st.builds(
        str.__add__, st.sampled_from(list(BRANDS)), st.text("0123456789", min_size=11, max_size=11)
    ).map(with_check_digit),
    groupings,
    st.sampled_from(
        ["", "karta: ", "Dilnoza, ", "+998901234567 ", "1227 ", "57-kurs ", "№123456789 "]
    ),
    st.sampled_from(["", " 12/27", ", 1227", "\n+998901234567", " rahmat", ". 55202694522"]),
)
def test_a_card_is_noticed_anywhere_in_a_text(number, separators, before, after):
    assert holds_card(f"{before}{grouped(number, separators)}{after}")


@settings(database=None, deadline=None)
@given(numbers, st.integers(0, 15), st.integers(1, 9))
def test_one_wrong_digit_is_refused(number, position, shift):
    wrong = str((int(number[position]) + shift) % 10)

    with pytest.raises(NumberInvalid):
        parse_number(f"{number[:position]}{wrong}{number[position + 1 :]}")


@pytest.mark.parametrize(
    "typed",
    [
        "8600 9900 0000 0008",
        "8600 9900 0000 000",
        "860099000000000",
        "8600 9900 0000 0009 1",
        "1 8600 9900 0000 0009",
        "86009900000000091",
        "186009900000000 09",
        "٨٦٠٠٩٩٠٠٠٠٠٠٠٠٠٩",
        "８６００９９０００００００００９",  # noqa: RUF001, RUF100  full-width
        "٨600990000000009",
        "8600/9900/0000/0009",
        "8600a9900a0000a0009",
        "karta yoʻq",
        "",
    ],
)
def test_what_is_not_sixteen_ascii_digits_with_a_check_digit_is_refused(typed):
    with pytest.raises(NumberInvalid):
        parse_card(typed, TODAY)


@pytest.mark.parametrize(
    "typed",
    [
        f"{GOOD} 12/27",
        f"{FACE} 12/27",
        f"{FACE}, 12.27",
        f"{FACE}\n1227",
        f"{GOOD} 12/2027",
        f"{GOOD}; 12-27",
        f"12/27 {FACE}",
        f"1227 {FACE}",
    ],
)
def test_card_and_expiry_are_read_from_one_message(typed):
    assert parse_card(typed, TODAY) == Card(CardNumber(GOOD), Expiry(2027, 12))


@pytest.mark.parametrize(
    ("rest", "error"),
    [("12/25", ExpiryPassed), ("13/27", ExpiryInvalid), ("12/27 777", ExpiryInvalid)],
)
def test_a_wrong_expiry_beside_the_card_is_refused_as_an_expiry(rest, error):
    with pytest.raises(error):
        parse_card(f"{FACE} {rest}", TODAY)


@pytest.mark.parametrize(
    ("number", "brand", "label"),
    [
        ("8600123412343456", "UzCard", "UzCard 8600 12** **** 3456"),
        ("5614123412343456", "UzCard", "UzCard 5614 12** **** 3456"),
        ("6262123412343456", "UzCard", "UzCard 6262 12** **** 3456"),
        ("9860123412343456", "Humo", "Humo 9860 12** **** 3456"),
        ("4242123412343456", None, "4242 12** **** 3456"),
        ("8601123412343456", None, "8601 12** **** 3456"),
    ],
)
def test_a_number_is_shown_as_its_brand_and_mask(number, brand, label):
    card = CardNumber(number)

    assert (card.brand, card.label) == (brand, label)
    assert card.masked == f"{number[:4]} 12** **** 3456"


@pytest.mark.parametrize(
    ("typed", "yymm"),
    [
        ("12/27", "2712"),
        ("12.27", "2712"),
        ("12-27", "2712"),
        ("12 27", "2712"),
        ("12 / 27", "2712"),
        (" 12/27\n", "2712"),
        ("1227", "2712"),
        ("12/2027", "2712"),
        ("122027", "2712"),
        ("1/27", "2701"),
        ("01/27", "2701"),
        ("0127", "2701"),
        ("12/26", "2612"),
        ("11/26", "2611"),
        ("11/2026", "2611"),
    ],
)
def test_an_expiry_is_read_in_every_form_and_given_as_yymm(typed, yymm):
    assert parse_expiry(typed, TODAY).yymm == yymm


@pytest.mark.parametrize("typed", ["10/26", "1026", "1/26", "12/25", "12/2025", "01/01"])
def test_a_month_that_is_over_is_refused(typed):
    with pytest.raises(ExpiryPassed):
        parse_expiry(typed, TODAY)


@pytest.mark.parametrize("day", [1, 30])
def test_a_card_is_good_to_the_end_of_its_month(day):
    assert parse_expiry("11/26", date(2026, 11, day)) == Expiry(2026, 11)


@pytest.mark.parametrize(
    "typed",
    ["13/27", "00/27", "0/27", "12/7", "127", "12", "12/327", "12/1999", "2712", "12//27",
     "dekabr", "", "٠١/٢٧", "１２/２７", "12/27 1", GOOD],
)  # fmt: skip
def test_what_is_not_a_month_and_a_year_is_refused(typed):
    with pytest.raises(ExpiryInvalid):
        parse_expiry(typed, TODAY)


@pytest.mark.parametrize("show", [repr, str, "{}".format, "%s".__mod__, lambda it: f"{it!r} {it}"])
@pytest.mark.parametrize(
    "held",
    [
        CardNumber(GOOD),
        CardNumber("4242424242424242"),
        Card(CardNumber(GOOD)),
        Card(CardNumber(GOOD), Expiry(2027, 12)),
        [CardNumber(GOOD)],
        {"card": Card(CardNumber(GOOD))},
        Expiry(2027, 12),
    ],
    ids=lambda held: type(held).__name__,
)
def test_no_more_than_six_and_four_digits_are_ever_printed(held, show):
    longest = max(map(len, re.findall("[0-9]+", show((held,)))), default=0)

    assert longest <= 4
    assert "27" not in show((held,)) or "12" not in show((held,))


@pytest.mark.parametrize("held", [CardNumber(GOOD), Card(CardNumber(GOOD)), [CardNumber(GOOD)]])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_card_is_not_pickled(held, protocol):
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(held, protocol)


def test_an_error_quotes_nothing_of_what_was_typed():
    with pytest.raises(NumberInvalid) as refused:
        parse_number("8600 9900 0000 0008")

    assert str(refused.value) == ""


@pytest.mark.parametrize(
    "text",
    [
        "+998901234567",
        "+998 90 123-45-67",
        "998 (90) 123 45 67",
        "90 123 45 67",
        "+998901234567, +998931234567",
        "+998901234567\n+998931234567",
        "Buyurtma: 123456789",
        "№ 123456789 · 55202694522",
        "Telegram ID 501234567, guruh -1001234567890",
        "24.11.2026 15:04",
        "2026-11-24T15:04:00+05:00",
        "31.12.2026 — 01.01.2027",
        "739 000 soʻm",
        "1 478 000.00",
        "49 999.50 + 1 478 000 = 1 527 999.50",
        "111111",
        "12/27",
        "8600 9900 0000 0008",
        "86009900000000090",
        "/start protokol-57",
        "",
    ],
)
def test_phones_orders_ids_dates_and_amounts_are_no_cards(text):
    assert not holds_card(text)


class Clock:
    def __init__(self):
        self.time = 1_000.0

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def vault(clock):
    return Vault(180, clock)


CARD = Card(CardNumber(GOOD))


def test_a_card_is_held_for_its_time_and_no_longer(vault, clock):
    vault.put(1, CARD)
    clock.time += 179.9
    before = vault.get(1)
    clock.time += 0.1

    assert before == CARD
    assert vault.get(1) is None
    assert not vault._held


def test_naming_a_card_again_does_not_prolong_its_time(vault, clock):
    vault.put(1, CARD)
    clock.time += 100
    whole = Card(CARD.number, Expiry(2027, 12))
    vault.put(1, whole)
    held = vault.get(1)
    clock.time += 80

    assert held == whole
    assert vault.get(1) is None


def test_a_card_whose_time_is_over_is_held_anew(vault, clock):
    vault.put(1, CARD)
    clock.time += 180
    vault.put(1, CARD)
    clock.time += 179

    assert vault.get(1) == CARD


def test_holding_another_card_lets_the_old_ones_go(vault, clock):
    vault.put(1, CARD)
    clock.time += 180
    vault.put(2, CARD)

    assert list(vault._held) == [2]


def test_wiping_forgets_one_card_and_wiping_all_forgets_every_one(vault):
    for intent_id in (1, 2, 3):
        vault.put(intent_id, CARD)
    vault.wipe(2)
    vault.wipe(99)
    after_one = [vault.get(intent_id) for intent_id in (1, 2, 3)]
    vault.wipe_all()

    assert after_one == [CARD, None, CARD]
    assert [vault.get(intent_id) for intent_id in (1, 2, 3)] == [None, None, None]
