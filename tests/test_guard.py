"""The guard finds a card however it is written and wherever it hides, and nothing else."""

import re
import unicodedata
from datetime import date
from itertools import accumulate, pairwise
from typing import Any

import pytest
from aiogram.types import Message, Update
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import cards
from bot.cards import BRANDS, Card, CardError, holds_card, luhn, parse_card
from bot.guard import KINDS, MOST, holds_card_anywhere, message_of
from sandbox.atmos.cards import CARDS, passes_luhn, with_check_digit
from tests import corpus

GOOD = "8600990000000009"
FACE = "8600 9900 0000 0009"
VISA = "4242424242424242"
INTERNATIONAL = {
    "Visa": "4242424242424242",
    "Mastercard": "5555555555554444",
    "Mastercard 51": "5105105105105100",
    "Mastercard 2221": "2221000000000009",
    "Mastercard 2720": "2720990000000007",
    "Mir": "2201382000000013",
    "UnionPay": "6212345678901232",
}
SEPARATORS = [
    "", " ", "  ", "\n", "\r\n", "\t", "\xa0", "\u2009", "\u202f", "\u3000", "-", " - ", "--",
    "\u2010", "\u2011", "–", "—", "\u2212", "\u30fb", "·", "•", ".", ". ", "/", " / ", "\\", "|",
    "_", ",", ", ", ";", ":", "*", "'", "\u00ad", "\u200b", "\u200d", "\u200e", "\u200f",
    "\u202a", "\u2060", "\u2066", "\ufeff", "\ufe0f\u20e3", "\ufe0f\u20e3 ", "\u0301",
    " \U0001f4b3 ", "ʻ", "ʼ", "\u02d0", "\u0640",
]  # fmt: skip
ZEROS = [chr(code) for code in range(0x110000) if unicodedata.decimal(chr(code), None) == 0]
CIRCLED = dict(zip("0123456789", "⓪①②③④⑤⑥⑦⑧⑨", strict=True))
RAISED = dict(zip("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True))
SCRIPTS = [{str(n): chr(ord(zero) + n) for n in range(10)} for zero in ZEROS] + [CIRCLED, RAISED]
ALONE = [
    "{}", "karta: {}", "karta{}rahmat", "«{}»", "UzCard{}", "{}so'm", "№{}", "#{}", "@{}", "+{}",
    "card_number={}&expiry=2712", '{{"card":"{}"}}', "<code>{}</code>", "{} 12/27", "{}, 12.2027",
    "{}\n1\n2\n2\n7", "{} 2712 123", "Dilnoza\n{}\nrahmat", "{}\n+998 90 123 45 67",
]  # fmt: skip
BESIDE = [
    "+998901234567 {}", "12/27 {}", "{} 998901234567", "123456789, {}, 739 000 soʻm",
    "{} {}", "24.11.2026 {}",
]  # fmt: skip
AROUND = [*ALONE, *BESIDE, "https://example.uz/?card={}"]


def numbers(*beginnings):
    return st.sampled_from(beginnings).flatmap(
        lambda beginning: st.text(
            "0123456789", min_size=15 - len(beginning), max_size=15 - len(beginning)
        ).map(lambda rest: with_check_digit(beginning + rest))
    )


local = numbers(*BRANDS)
international = numbers("4", "51", "55", "2221", "2300", "2720", "2200", "2204", "62")
groupings = st.lists(st.sampled_from(SEPARATORS), min_size=15, max_size=15)
scripts = st.sampled_from(SCRIPTS)
names = st.sampled_from(
    ["text", "caption", "rich_message", "cells", "contact", "phone_number", "first_name",
     "message_id", "id", "type", "quote", "date", "chat"]
)  # fmt: skip


def grouped(number, separators):
    return "".join(map("".join, zip(number, [*separators, ""], strict=True)))


def cut(number, size, separator):
    return separator.join(number[at : at + size] for at in range(0, 16, size))


def written(number, script):
    return "".join(script[digit] for digit in number)


@settings(database=None, deadline=None)
@given(local, groupings, scripts, st.sampled_from(AROUND))
def test_a_local_card_is_found_in_any_spacing_script_and_company(number, between, script, around):
    shown = grouped(written(number, script), between)

    assert holds_card(around.format(shown, shown))


@settings(database=None, deadline=None)
@given(local, st.lists(scripts, min_size=16, max_size=16), groupings)
def test_a_card_is_found_though_each_digit_is_of_another_script(number, mixed, between):
    typed = [written(digit, script) for digit, script in zip(number, mixed, strict=True)]

    assert holds_card(grouped(typed, between))


@settings(database=None, deadline=None)
@given(
    international,
    st.sampled_from([1, 2, 4, 8, 16]),
    st.sampled_from(SEPARATORS).filter(lambda between: between not in {":", ";"}),
    scripts,
    st.sampled_from(ALONE),
)
def test_an_international_card_is_found_alone_or_beside_its_date(
    number, size, between, script, around
):
    assert holds_card(around.format(cut(written(number, script), size, between)))


@settings(database=None, deadline=None)
@given(
    international, st.sampled_from([4, 16]), st.sampled_from(" \n-.\xa0_"), st.sampled_from(BESIDE)
)
def test_an_international_card_as_it_is_printed_is_found_beside_other_numbers(
    number, size, between, around
):
    shown = cut(number, size, between)

    assert holds_card(around.format(shown, shown))


@pytest.mark.parametrize("number", INTERNATIONAL.values(), ids=INTERNATIONAL)
@pytest.mark.parametrize("around", ["{}", "{}1227", "karta {}!", "{} 12/27"])
def test_a_card_of_each_network_is_found(number, around):
    assert holds_card(around.format(number))
    assert holds_card(around.format(cut(number, 4, " ")))


@pytest.mark.parametrize("number", CARDS)
def test_every_card_of_the_sandbox_is_found(number):
    assert holds_card(number)


@pytest.mark.parametrize("between", ["+", " + ", "\uff0b"])
@pytest.mark.parametrize(
    "around", ["{}", "karta {} 12/27", "+998901234567 {}", "{} +998901234567"]
)
def test_a_local_card_whose_fours_are_joined_by_a_plus_is_found(between, around):
    assert holds_card(around.format(cut(GOOD, 4, between)))


@pytest.mark.parametrize(
    "numbers",
    ["4242+4242+4242+4242", "86009900+00000009", "860+0990+0000+00009", "8600 +990000000009"],
)
def test_what_a_plus_parts_elsewhere_are_sums_and_phones(numbers):
    assert not holds_card(numbers)


@pytest.mark.parametrize("letter", "OoОоΟο")
@pytest.mark.parametrize("number", [GOOD, "4024007100000009"])
@pytest.mark.parametrize("size", [4, 8, 16])
@pytest.mark.parametrize("around", ["{}", "karta: {} 12/27", "{}, Dilnoza", "{}\n+998901234567"])
def test_a_card_with_the_letter_o_for_a_zero_is_found(letter, number, size, around):
    number = with_check_digit(number[:-1])
    shown = cut(number, size, " ").replace("0", letter)

    assert holds_card(around.format(shown)) == holds_card(around.format(cut(number, size, " ")))
    assert holds_card(shown)


@pytest.mark.parametrize(
    "text",
    ["karta 8600990000000009oʻtdi", "8600 9900 0000 0009 o'zimniki", "о 8600990000000009 о карте"],
)
def test_an_o_beside_a_card_hides_it_not(text):
    assert holds_card(text)


@pytest.mark.parametrize(
    "text",
    ["8600 ooo 9900 0000 9", "8600 o 990 0000 00009", "860olti990000000009"],
)
def test_an_o_that_is_a_word_or_in_one_is_no_zero(text):
    assert not holds_card(text)


EXPIRIES = [
    f"{month:02}{year}" for month in range(1, 13) for year in ("24", "27", "49", "2027")
] + [f"{year}{month:02}" for month in range(1, 13) for year in ("24", "27", "49")]


@pytest.mark.parametrize("glued", [*EXPIRIES, "1227123", "12/27", "12.2027", "1 2 2 7"])
@pytest.mark.parametrize("card", [GOOD, FACE, cut(GOOD, 1, "\n"), VISA, cut(VISA, 4, "-")])
def test_a_card_glued_to_its_expiry_is_found(card, glued):
    assert holds_card(card + glued)


@pytest.mark.parametrize("more", ["0", "00", "1327", "0027", "1219", "2713", "12271", "12272"])
@pytest.mark.parametrize("card", [GOOD, VISA])
def test_a_longer_number_is_no_card_unless_a_month_is_at_its_end(card, more):
    assert not holds_card(card + more)


def test_an_account_number_that_may_be_a_card_and_a_month_is_taken_for_one():
    """Missing a card is worse than deleting an account number, which this one is."""
    assert holds_card("40817810099910004312")


@pytest.mark.parametrize("text", corpus.BY_HAND)
def test_what_people_write_about_other_numbers_is_left_alone(text):
    assert not holds_card(text)


def test_numbers_of_all_kinds_are_left_alone():
    alarms = [text for text in corpus.generated(57, 5000) if holds_card(text)]

    assert not alarms


@pytest.mark.parametrize("zero", ["O", "о", "+"])
def test_numbers_of_all_kinds_are_left_alone_with_other_zeros_and_blanks(zero):
    """An O is a zero only where a number has one; a plus is what parts most sums and phones."""
    told = [*corpus.BY_HAND, *corpus.generated(57, 5000)]
    alarms = [text for text in told if holds_card(text.replace(" " if zero == "+" else "0", zero))]

    assert not alarms


@settings(database=None, deadline=None)
@given(st.text())
def test_any_text_can_be_looked_through(text):
    holds_card(text)


tails = st.sampled_from(["", "1227", "122027", "2712", "1227123", "1", "12", "998901234567"])
pieces = st.sampled_from(
    [*BRANDS, *"0123456789", *"    -:+xж٤²OоʻO", "8600+",
     "+9900 + ", "4 2 ", "5 1 ", "4242 ", "424 2", "12/27", "1227",
     "\u200b", "https://a.uz/", "24.11.2026", *INTERNATIONAL.values(),
     *(cut(number, 4, " ") for number in INTERNATIONAL.values())]
)  # fmt: skip


@st.composite
def regrouped(draw):
    """Give a number and what follows it in groups of any sizes, that end where it ends or not."""
    digits = draw(local | international) + draw(tails | international)
    sizes = st.lists(st.integers(1, 9) | st.just(4)) | st.just([4] * 9)
    borders = {0, len(digits), *accumulate(draw(sizes)), *draw(st.sampled_from([(), (16,)]))}
    groups = [digits[start:end] for start, end in pairwise(sorted(borders))]
    return draw(st.sampled_from(["", "90 ", "x "])) + draw(st.sampled_from(" -.")).join(groups)


@settings(database=None, deadline=None, max_examples=1000)
@given(
    regrouped()
    | st.lists(pieces | local | international | st.text("0123456789 ", max_size=9)).map("".join)
    | st.sampled_from([*corpus.BY_HAND, *corpus.generated(58, 1000)])
    | st.text()
)
def test_the_guard_finds_what_its_rule_read_word_by_word_finds(text):
    assert holds_card(text) == holds_card_slowly(text)


def holds_card_slowly(text):
    """Look at every number there may be, and at how it is grouped, without a short cut."""
    plain = cards._as_seen(text)
    zeros = cards._O_FOR_ZERO.sub(lambda found: "0" * len(found[0]), plain)
    return any(map(holds_number_slowly, (plain, zeros)))


def holds_number_slowly(plain):
    ours = numbers_in(cards._PLUS.sub(" ", plain), cards._LETTERS, cards._LOCAL)
    others = numbers_in(cards._LINK.sub("x", plain), cards._NO_SPACING, cards._INTERNATIONAL)
    return any(True for _ in ours) or any(looks_like_card(*found) for found in others)


def numbers_in(text, barrier, ranges):
    """Give all groups, those of each number clipped to it, and whether that stands alone."""
    for part in barrier.split(text):
        groups = re.findall("[0-9]+", part)
        for first in range(len(groups)):
            digits = "".join(groups[first:])
            number, behind = digits[:16], digits[16:]
            ends = list(accumulate(map(len, groups[first:])))
            is_whole = 16 in ends or any(
                16 + length in ends and is_date(behind[:length]) for length in (4, 6, 7, 9)
            )
            if is_whole and ranges.match(number) and passes_luhn(number):
                borders = sorted({0, 16, *(end for end in ends if end < 16)})
                own = [number[start:end] for start, end in pairwise(borders)]
                yield groups, own, first == 0 and (not behind or is_date(behind))


def is_date(digits):
    return cards._DATE.fullmatch(digits)


def looks_like_card(groups, number, alone):
    sizes = [len(group) for group in number]
    shape = "".join(map(str, sizes))
    if [len(group) for group in groups] == [4] * 5 and not is_date(groups[-1]):
        return False
    if sizes in ([16], [4] * 4):
        return True
    if not alone:
        return False
    if all(end % 4 == 0 for end in accumulate(sizes)):
        return True
    is_other = "33" in shape or cards._SUMS.fullmatch(shape) or cards._PHONES.fullmatch(shape)
    return max(sizes) <= 4 and not is_other and not cards._DAY.search(" ".join(number))


@settings(database=None, deadline=None)
@given(local, groupings, scripts, st.sampled_from(AROUND))
def test_what_the_guard_finds_is_read_or_refused_with_an_answer(number, between, script, around):
    shown = grouped(written(number, script), between)
    typed = around.format(shown, shown)
    try:
        read = parse_card(typed, date(2026, 11, 24))
    except CardError:
        return

    number = (read.number if isinstance(read, Card) else read).reveal()
    assert luhn(number)
    assert number in "".join(re.findall("[0-9]+", typed))


BASE = {
    "message_id": 4123456789012345,
    "date": 1764000000,
    "edit_date": 1764000001,
    "chat": {"id": 4242424242424242, "type": "private", "first_name": FACE},
    "from": {"id": 4242424242424242, "is_bot": False, "first_name": FACE, "username": f"a{GOOD}"},
}
PERSON = BASE["from"]
HIDING = {
    "text": {"text": f"karta {FACE}"},
    "caption": {"photo": [{"file_id": "A", "file_size": 1}], "caption": GOOD},
    "album": {"media_group_id": "12345678901234567", "caption": GOOD},
    "quote": {"text": "?", "quote": {"text": FACE, "position": 0}},
    "contact phone": {"contact": {"phone_number": GOOD, "first_name": "Ali"}},
    "contact name": {"contact": {"phone_number": "998901234567", "first_name": FACE}},
    "contact split": {"contact": {"phone_number": "00000009", "first_name": "8600 9900"}},
    "contact split, phone first": {
        "contact": {"phone_number": "86009900", "last_name": "00000009"}
    },
    "vcard": {"contact": {"phone_number": "1", "vcard": f"BEGIN:VCARD\nNOTE:{GOOD}\nEND:VCARD"}},
    "poll question": {"poll": {"id": "1", "question": FACE, "options": []}},
    "poll option": {"poll": {"id": "1", "question": "?", "options": [{"text": GOOD}]}},
    "venue": {"venue": {"location": {"latitude": 41.3}, "title": "Uy", "address": FACE}},
    "checklist": {"checklist": {"title": "Karta", "tasks": [{"id": 1, "text": FACE}]}},
    "link": {"entities": [{"type": "text_link", "url": f"https://a.uz/{GOOD}"}]},
    "link preview": {"link_preview_options": {"url": f"https://a.uz/?c={GOOD}"}},
    "file name": {"document": {"file_id": "A", "file_name": f"{GOOD}.txt"}},
    "audio title": {"audio": {"file_id": "A", "title": FACE, "performer": "?"}},
    "web app": {"web_app_data": {"data": f'{{"card": {GOOD}}}', "button_text": "OK"}},
    "game": {"game": {"title": "?", "description": FACE}},
    "hidden forward": {"forward_origin": {"type": "hidden_user", "sender_user_name": FACE}},
    "channel forward": {
        "forward_origin": {
            "type": "channel", "chat": BASE["chat"], "message_id": 1, "date": 1,
            "author_signature": FACE,
        }
    },
    "external reply": {"external_reply": {"origin": {"type": "user"}, "contact": {"vcard": GOOD}}},
    "new title": {"new_chat_title": FACE},
    "topic": {"forum_topic_created": {"name": FACE, "icon_color": 1}},
    "bare number": {"something_new": {"value": int(GOOD)}},
    "unknown and deep": {"of_tomorrow": [[{"a": [{"b": {"c": [None, 1.5, FACE]}}]}]]},
    "rich": {"rich_message": {"blocks": [{"type": "paragraph", "text": FACE}]}},
    "rich in pieces": {
        "rich_message": {
            "blocks": [
                {"type": "divider"},
                {
                    "type": "paragraph",
                    "text": [
                        "86", {"type": "bold", "text": ["00 99", {"type": "code", "text": "00"}]},
                        " 0000 0", {"type": "spoiler", "text": "009"},
                    ],
                },
            ]
        }
    },
    "rich, a line each": {
        "rich_message": {"blocks": [{"type": "paragraph", "text": digit} for digit in VISA]}
    },
    "rich card": {
        "rich_message": {
            "blocks": [{"text": {"type": "bank_card_number", "bank_card_number": GOOD}}]
        }
    },
}  # fmt: skip


@pytest.mark.parametrize("content", HIDING.values(), ids=HIDING)
def test_a_card_is_found_wherever_a_message_can_carry_it(content):
    assert holds_card_anywhere(BASE | content)


LEFT_ALONE = {
    "nothing": {},
    "ids": {
        "media_group_id": GOOD,
        "effect_id": VISA,
        "sticker": {"file_id": VISA, "file_unique_id": GOOD, "custom_emoji_id": VISA},
        "entities": [{"type": "custom_emoji", "custom_emoji_id": VISA, "offset": 0}],
        "users_shared": {"request_id": 1, "user_ids": [int(VISA)]},
        "contact": {"phone_number": "998901234567", "user_id": int(VISA), "first_name": "Ali"},
    },
    "answer to a card": {"text": "rahmat", "reply_to_message": BASE | {"text": FACE}},
    "pinned": {"pinned_message": BASE | {"text": FACE}},
    "people": {
        "via_bot": PERSON,
        "new_chat_members": [PERSON],
        "forward_origin": {"type": "user", "sender_user": PERSON, "date": 1},
        "entities": [{"type": "text_mention", "user": PERSON}],
    },
    "chats": {"sender_chat": BASE["chat"], "story": {"id": 1, "chat": BASE["chat"]}},
    "place": {"location": {"latitude": 41.31108123456789, "longitude": 69.24056212345678}},
    "truth": {"is_topic_message": True, "has_media_spoiler": False},
    "contact": {
        "contact": {"phone_number": "+998901234567", "first_name": "Ali", "last_name": "2"}
    },
    "price table": {
        "rich_message": {
            "blocks": [{"type": "table", "cells": [[{"text": VISA[:4]} for _ in range(4)]]}]
        }
    },
}


@pytest.mark.parametrize("content", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_ids_people_and_other_messages_are_left_alone(content):
    assert not holds_card_anywhere(BASE | content)


def test_numbers_of_all_kinds_are_left_alone_in_every_field():
    for text in corpus.BY_HAND:
        message = BASE | {
            "text": text,
            "quote": {"text": text},
            "poll": {"question": text, "options": [{"text": text}]},
            "contact": {"first_name": "Ali", "phone_number": "+998901234567", "vcard": text},
        }

        assert not holds_card_anywhere(message), text


texts = st.text(max_size=20)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | names, inner, max_size=4),
    max_leaves=20,
)


@settings(database=None, deadline=None)
@given(st.dictionaries(texts | names, anything))
def test_any_json_can_be_looked_through(message):
    holds_card_anywhere(message)
    message_of(message)


@settings(database=None, deadline=None)
@given(
    local,
    groupings,
    scripts,
    st.lists(names.filter(lambda name: name.rpartition("_")[2] not in {"id", "ids"}) | st.none()),
    st.dictionaries(texts, anything, max_size=3),
)
def test_a_card_is_found_at_any_depth(number, between, script, path, beside):
    """Each step of the path is a field beside others, or a list."""
    hidden: Any = grouped(written(number, script), between)
    for step in path:
        hidden = ["", hidden] if step is None else {step: hidden}

    assert holds_card_anywhere(beside | {"content": hidden})


def test_a_thousand_levels_are_no_danger():
    deep: Any = FACE
    for level in range(100_000):
        deep = [deep] if level % 2 else {"in": deep}

    assert holds_card_anywhere({"message": deep})


@pytest.mark.parametrize(
    "hostile",
    ["8600 ", "8", "4 ", "86005614 ", "\u200b8", "https://", "\u0301", "8o", "o ", "8600+"],
)
def test_a_hundred_kilobytes_are_no_danger(hostile):
    holds_card_anywhere({"text": (hostile * 100_000)[:100_000]})


def test_what_is_longer_than_a_message_can_be_is_taken_for_one_with_a_card():
    longest = {"rich_message": {"blocks": [{"type": "paragraph", "text": "salom  " * 4681}]}}

    assert not holds_card_anywhere(longest)
    assert not holds_card_anywhere({"of_tomorrow": ["salom"] * (MOST // 5)})
    assert holds_card_anywhere({"of_tomorrow": ["salom"] * (MOST // 5 + 1)})


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_person_wrote_is_found_in_every_kind_of_update(kind):
    assert message_of({"update_id": 1, kind: BASE}) is BASE


@pytest.mark.parametrize(
    "update",
    [
        {"update_id": 1},
        {"update_id": 1, "callback_query": {"id": "1", "message": BASE}},
        {"update_id": 1, "message_reaction": {"chat": BASE["chat"], "message_id": 1, "date": 1}},
        {"update_id": 1, "message": None},
        {"update_id": 1, "message": [BASE]},
        {"update_id": 1, "message": GOOD},
        {},
    ],
)
def test_an_update_without_a_message_has_none(update):
    assert message_of(update) is None


def test_every_kind_of_message_that_aiogram_knows_is_looked_at():
    fields = Update.model_fields.items()
    known = {name for name, field in fields if field.annotation == Message | None}

    assert known == set(KINDS)
