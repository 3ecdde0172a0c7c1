"""A card is read however it is typed, and never shown."""

import ast
import copy
import json
import logging
import pickle
import pprint
import re
import traceback
from contextlib import redirect_stderr
from dataclasses import asdict, astuple, dataclass, replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bot.cards import (
    BRANDS,
    Card,
    CardNumber,
    Code,
    CodeInvalid,
    Expiry,
    ExpiryInvalid,
    ExpiryPassed,
    NumberInvalid,
    can_be_number,
    holds_card,
    may_be_date_or_code,
    parse_card,
    parse_code,
    parse_expiry,
    parse_number,
)
from bot.log import configure
from sandbox.atmos.cards import with_check_digit

ROOT = Path(__file__).parent.parent
TODAY = date(2026, 11, 24)
GOOD = "8600990000000009"
FACE = "8600 9900 0000 0009"
SEPARATORS = ("", " ", "-", ".", "\xa0", "\u202f", "\u2011", "–", "\u200b", " - ", "  ", "\n")


numbers = st.text("0123456789", min_size=15, max_size=15).map(with_check_digit)
groupings = st.lists(st.sampled_from(SEPARATORS), min_size=15, max_size=15)


def grouped(number, separators):
    return "".join(map("".join, zip(number, [*separators, ""], strict=True)))


@settings(database=None, deadline=None)
@given(numbers, groupings)
def test_any_valid_number_is_read_in_any_grouping(number, separators):
    typed = grouped(number, separators)

    assert parse_number(typed).reveal() == number
    assert parse_card(typed, TODAY) == CardNumber(number)
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
    assert parse_card(typed, TODAY) == Card(CardNumber(GOOD), Expiry("2712"))


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
    assert parse_expiry(typed, TODAY) == Expiry(yymm)


@pytest.mark.parametrize("typed", ["10/26", "1026", "1/26", "12/25", "12/2025", "01/01"])
def test_a_month_that_is_over_is_refused(typed):
    with pytest.raises(ExpiryPassed):
        parse_expiry(typed, TODAY)


@pytest.mark.parametrize("day", [1, 30])
def test_a_card_is_good_to_the_end_of_its_month(day):
    assert parse_expiry("11/26", date(2026, 11, day)) == Expiry("2611")


@pytest.mark.parametrize("between", [" ", "\n", " /", "/ "])
def test_a_month_far_from_its_year_is_no_danger(between):
    """It cost a third of a second of the whole bot's time in one message."""
    typed = f"12{between * 200_000}x"

    assert not may_be_date_or_code(typed)
    with pytest.raises(ExpiryInvalid):
        parse_expiry(typed, TODAY)


@pytest.mark.parametrize(
    "typed",
    ["13/27", "00/27", "0/27", "12/7", "127", "12", "12/327", "12/1999", "2712", "12//27",
     "dekabr", "", "٠١/٢٧", "１２/２７", "12/27 1", GOOD],
)  # fmt: skip
def test_what_is_not_a_month_and_a_year_is_refused(typed):
    with pytest.raises(ExpiryInvalid):
        parse_expiry(typed, TODAY)


SECRETS = [
    CardNumber(GOOD),
    CardNumber("4242424242424242"),
    Expiry("2712"),
    Code("271299"),
    Card(CardNumber(GOOD), Expiry("2712")),
    [CardNumber(GOOD)],
    {"card": Card(CardNumber(GOOD), Expiry("2712")), "code": Code("271299")},
]
HIDDEN = ("27", "12", "99", "8600", "4242424242424242")


def logged(style):
    def show(held):
        configure("DEBUG", style)
        with redirect_stderr(StringIO()) as lines:
            configure("DEBUG", style)  # writes to what stderr is now
            structlog.get_logger("test").info("held", held=held)
            logging.getLogger("library").info("held %s", held)
        configure("INFO", "console")
        return re.sub("[0-9:T.-]{19,}Z?", "", lines.getvalue())  # the time of a line

    return show


def validated(held):
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(int).validate_python(held)
    return str(refused.value) + repr(refused.value.errors(include_url=False))


@dataclass
class Holder:
    held: object


class Model(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    held: Any


SHOWN_BY = {
    "repr": repr,
    "str": str,
    "format": "{}".format,
    "an f-string": lambda held: f"{held} {held!r} {held!s} {held=}",
    "%": lambda held: "%s %r" % (held, held),  # noqa: UP031  what is tried
    "ascii": ascii,
    "pprint": pprint.pformat,
    "asdict": lambda held: repr(asdict(Holder(held))),
    "astuple": lambda held: repr(astuple(Holder(held))),
    "replace": lambda held: repr(replace(Holder(held))),
    "vars": lambda held: repr(vars(Holder(held))),
    "copy": lambda held: repr(copy.copy(held)),
    "deepcopy": lambda held: repr(copy.deepcopy(Holder(held))),
    "json": lambda held: json.dumps(held, default=repr),
    "pydantic": lambda held: repr(Model(held=held).model_dump()),
    "pydantic's JSON": lambda held: Model(held=held).model_dump_json(fallback=repr),
    "pydantic's refusal": validated,
    "an exception": lambda held: "".join(traceback.format_exception(RuntimeError("x", held))),
    "a console log": logged("console"),
    "a JSON log": logged("json"),
}


@pytest.mark.parametrize("way", SHOWN_BY)
@pytest.mark.parametrize("held", SECRETS, ids=lambda held: type(held).__name__)
def test_a_card_shows_brand_and_last_four_only_and_expiry_and_code_nothing(held, way):
    shown = SHOWN_BY[way](held)

    assert not re.search("|".join(HIDDEN), shown.replace("···4242", "···")), shown


def test_that_search_finds_what_is_not_hidden():
    assert re.search("|".join(HIDDEN), repr(asdict(Holder(GOOD))))
    assert repr(CardNumber(GOOD)) == "<card UzCard ···0009>"
    assert repr(CardNumber("4242424242424242")) == "<card unknown ···4242>"
    assert (repr(Expiry("2712")), repr(Code("000123"))) == ("<expiry>", "<code>")


@pytest.mark.parametrize("held", [CardNumber(GOOD), Expiry("2712"), Code("271299")])
@pytest.mark.parametrize("take_apart", [vars, json.dumps, asdict, astuple, list, bytes, dict, int])
def test_a_secret_cannot_be_taken_apart(held, take_apart):
    with pytest.raises(TypeError) as refused:
        take_apart(held)

    assert not re.search("|".join(HIDDEN), str(refused.value))


@pytest.mark.parametrize("held", SECRETS, ids=lambda held: type(held).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(held, protocol):
    with pytest.raises(TypeError, match="not pickled") as refused:
        pickle.dumps(held, protocol)

    assert not re.search("|".join(HIDDEN), str(refused.value).replace("···4242", ""))


def test_secrets_are_compared_by_what_they_are_of_and_hold():
    assert CardNumber(GOOD) == CardNumber(GOOD)
    assert len({Code("000123"), Code("000123"), Code("000124"), Expiry("000123")}) == 3
    assert CardNumber(GOOD) != GOOD


def test_secrets_are_revealed_only_to_atmos_to_the_seal_and_to_the_hash():
    """The whole of the product is searched, so that a new place has to be named here."""
    found = {
        (file.name, outermost(call))
        for folder in ("bot", "handlers", "atmos")
        for file in sorted((ROOT / folder).glob("*.py"))
        for call in outermost_calls(ast.parse(file.read_text("utf-8")))
        if ".reveal()" in ast.unparse(call)
    }

    assert found == {
        ("checkout.py", "self._atmos.pre_apply"),
        ("checkout.py", "self._atmos.confirm"),
        ("limits.py", "blake2b(number.reveal().encode(), key=self._key, digest_size=16).digest"),
        ("vault.py", "self._cipher.encrypt"),
    }


def outermost_calls(tree):
    """Give the calls that stand in no other call."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call):
            yield node
        else:
            yield from outermost_calls(node)


def outermost(call):
    return ast.unparse(call.func)


@pytest.mark.parametrize(
    ("typed", "code"),
    [("000123", "000123"), ("000 123", "000123"), ("000-123", "000123"), (" 111111\n", "111111")],
)
def test_a_code_keeps_its_zeros_in_every_grouping(typed, code):
    assert parse_code(typed) == Code(code)


@pytest.mark.parametrize("typed", ["12345", "1234567", "12345a", "", "١٢٣٤٥٦", GOOD])
def test_what_is_not_six_digits_is_no_code(typed):
    with pytest.raises(CodeInvalid):
        parse_code(typed)


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
