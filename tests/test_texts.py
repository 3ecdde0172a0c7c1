"""Every sentence exists in every language, is used, and says what it may."""

import ast
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl
from fluent.syntax.visitor import Visitor

from atmos import Declined, NeverArrived, OutcomeUnknown, Reason, State, WrongCredentials
from bot import cards, checkout, notices, staff
from bot.app import COMMANDS, STAFF_COMMANDS
from bot.evidence import Verdict
from bot.limits import Limit
from bot.notices import Arg, Words
from bot.offers import LANGUAGES, load
from bot.payment import Buyer, Intent, Status, Tiyin
from bot.texts import LOCALES, Texts, TextsError, money, when
from handlers.refusals import OVER, words_for
from handlers.steps import ASKS

ROOT = Path(__file__).parent.parent
ID = re.compile(r"[a-z]+(?:-[a-z]+)+")
OFFERS = load(ROOT / "offers.toml")
MOMENT = "2026-11-24T10:04:00+00:00"
PAID = {"paid", "paid-with-receipt", "admin-paid", "admin-paid-with-receipt"}
PROMPTS = {
    "karta raqam": ("card-ask", "card-again"),
    "muddat": ("expiry-ask", "expiry-ask-hint", "expiry-again"),
    "SMS kod": ("code-ask", "code-again", "code-sent-again"),
}
# Beside the prompts, these answer what was typed, or say what became of it.
ABOUT_WHAT_WAS_TYPED = re.compile(
    r"(number|expiry|code|card|declined)-|wrong-code|resend-wait|capture-not-sent|privacy"
)
FAMILIES = {
    "declined-": tuple(Reason),
    "command-": COMMANDS + STAFF_COMMANDS,
    "language-": LANGUAGES,
    "too-many-": tuple(Limit),
    "paid": ("", "-with-receipt"),
    "admin-paid": ("", "-with-receipt"),
}


class Variables(Visitor):
    """Collects the variables of a message, and how each is said: MONEY, WHEN or as it is."""

    def __init__(self):
        self.found = {}
        self.references = set()

    def visit_FunctionReference(self, node):  # noqa: N802  the library's name
        for argument in node.arguments.positional:
            self.found[argument.id.name] = node.id.name

    def visit_VariableReference(self, node):  # noqa: N802  the library's name
        self.found.setdefault(node.id.name, "text")

    def visit_MessageReference(self, node):  # noqa: N802  the library's name
        self.references.add(node.id.name)


@cache
def entries(language):
    return FluentParser().parse((LOCALES / f"{language}.ftl").read_text("utf-8")).body


@cache
def messages(language):
    return {entry.id.name: entry for entry in entries(language) if isinstance(entry, ftl.Message)}


@cache
def variables(language):
    """Give {id: {variable: how it is said}}, with those of the messages it quotes."""
    all_of_them = messages(language)

    def of(name):
        visitor = Variables()
        visitor.visit(all_of_them[name])
        for quoted in visitor.references:
            visitor.found |= of(quoted)
        return visitor.found

    return {name: of(name) for name in all_of_them}


def quoted():
    """Give the ids of the texts that others quote."""
    visitor = Variables()
    for message in messages("uz").values():
        visitor.visit(message)
    return visitor.references


IDS = sorted(messages("uz"))


def sample(language, name, text="Matn"):
    kinds = {"MONEY": 73_900_000, "WHEN": MOMENT, "text": text}
    return {variable: kinds[how] for variable, how in variables(language)[name].items()}


TEXTS = Texts()
SAID = {
    (language, name): TEXTS.html(language, Words(name, sample(language, name)))
    for language in LANGUAGES
    for name in messages(language)
}


def saying(language, pattern):
    """Give the ids of the texts in which `pattern` is found."""
    return {
        name
        for (spoken, name), said in SAID.items()
        if spoken == language and re.search(pattern, said, re.IGNORECASE)
    }


# The files


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_holds_no_junk_and_no_text_twice(language):
    names = [entry.id.name for entry in entries(language) if isinstance(entry, ftl.Message)]

    assert [entry.content for entry in entries(language) if isinstance(entry, ftl.Junk)] == []
    assert sorted(set(names)) == sorted(names)
    assert [entry.id.name for entry in messages(language).values() if entry.value is None] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts_about_the_same_things(language):
    assert variables(language) == variables("uz")


def test_uzbek_is_written_with_its_own_letters():
    """ʻ is U+02BB after o and g only, ʼ is U+02BC; what keyboards put there instead is neither."""
    texts = {name: said for (language, name), said in SAID.items() if language == "uz"}

    assert {name for name, said in texts.items() if re.search("['‘’`´]", said)} == set()  # noqa: RUF001, RUF100
    assert {name for name, said in texts.items() if re.search("(?<![oOgG])ʻ", said)} == set()
    assert {name for name, said in texts.items() if re.search("[gG]ʼ", said)} == set()


# Words with a weight


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_what_is_paid_is_ticked(language):
    assert saying(language, "✅") == PAID


@pytest.mark.parametrize(
    ("language", "word"),
    [("uz", "tekshir"), ("ru", "провер"), ("en", r"check(?!out)")],
)
def test_only_an_unknown_outcome_is_being_checked(language, word):
    """The name of the command `python -m bot check` is no word of ours."""
    commands = saying(language, r"python -m bot check")
    naming = (
        {"admin-misconfigured", "admin-not-reached", "admin-vault"} & commands
        if language == "en"
        else set()
    )

    assert saying(language, word) - naming <= {"checking"}


def test_the_uzbek_text_about_an_unknown_outcome_says_that_it_is_checked():
    assert saying("uz", "tekshir") == {"checking"}


@pytest.mark.parametrize(
    ("word", "prompt"), [(word, prompt) for word in PROMPTS for prompt in PROMPTS[word]]
)
def test_a_prompt_names_what_it_asks_for_and_nothing_else(word, prompt):
    assert [asked for asked in PROMPTS if asked in SAID["uz", prompt]] == [word]


@pytest.mark.parametrize("word", PROMPTS)
def test_what_asks_for_nothing_names_nothing_that_is_asked_for(word):
    others = {name for name in IDS if not ABOUT_WHAT_WAS_TYPED.match(name)}

    assert {"note-starting", "note-challenge", "note-capture", "offer", "paid", "idle"} <= others
    assert saying("uz", word) & others == set()


# The source


def parts_of(node):
    """Give the strings in an expression; for `f"declined-{reason}"`, all that it can be."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.JoinedStr):
        start = str(getattr(node.values[0], "value", ""))
        return {f"{start}{end}" for end in FAMILIES.get(start, ())} or {f"{start}…"}
    return {part for child in ast.iter_child_nodes(node) for part in parts_of(child)}


POSITIONS = {
    "Words": 0,
    "waiting": 0,
    "note": 0,
    "over": 1,
    "code_over": 1,
    "card_again": 1,
    "_about_code": 1,
    "_failed": 1,
    "label": 1,
}


def calls_for_texts(tree):
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        called = getattr(call.func, "id", getattr(call.func, "attr", ""))
        place = POSITIONS.get(called, len(call.args))
        yield from call.args[place : place + 1]
        if called == "Words":
            yield from (given.value for given in call.keywords if given.arg == "then")


@cache
def trees():
    files = [*(ROOT / "bot").glob("*.py"), *(ROOT / "handlers").glob("*.py")]
    return [ast.parse(file.read_text("utf-8")) for file in files]


@cache
def asked_for():
    """Give the ids that the source asks for by name."""
    direct = {
        part for tree in trees() for node in calls_for_texts(tree) for part in parts_of(node)
    }
    return direct | {*OVER.values(), *ASKS.values()}


@cache
def kebabs():
    """Give the strings in the source that look like an id and are no variable of a text."""
    given = {variable for found in variables("uz").values() for variable in found}
    constants = {part for tree in trees() for part in parts_of(tree) if ID.fullmatch(part)}
    return constants - given


FROM_FAMILIES = {
    f"{start}{end}" for start in ("declined-", "command-", "language-") for end in FAMILIES[start]
}


def test_the_source_is_read_by_this_test():
    assert {"card-ask", "note-capture", "declined-limit", "paid-with-receipt"} <= asked_for()
    assert {"cancel-button", "expiry-ask-hint", "gateway-down", "not-charged"} <= kebabs()


def test_every_text_that_is_asked_for_exists():
    assert (asked_for() | kebabs() | FROM_FAMILIES) - set(IDS) == set()


def test_every_text_is_asked_for_somewhere():
    assert set(IDS) - (asked_for() | kebabs() | FROM_FAMILIES | quoted()) == set()


INTENT = Intent(
    id=123456789,
    buyer=Buyer(501, "Dilnoza <b>", "dilnoza", "uz"),
    offer="protokol-57",
    title="Protokol <57>",
    amount=Tiyin(73_900_000),
    status=Status.challenged,
    transaction_id=1000,
    success_trans_id=77,
    card="UzCard 8600 99** **** 0009",
    tries_left=3,
    reason=None,
    receipt=None,
    note_id=None,
    prompt_id=None,
    created_at=datetime.fromisoformat(MOMENT),
    captured_at=datetime.fromisoformat(MOMENT),
    reversed_by=None,
    reverse_accepted=False,
    expires_at=datetime.fromisoformat(MOMENT),
    resend_at=None,
    code_expires_at=None,
    acts_until=None,
    check_at=None,
    checks=0,
)
RECEIPTED = replace(INTENT, receipt="https://ofd.soliq.uz/check?t=1&r=2")
CODE_IS_OUT = replace(INTENT, code_expires_at=datetime.fromisoformat(MOMENT))
STATES = [replace(INTENT, status=status) for status in Status]
ERRORS = [
    cards.NumberInvalid(),
    cards.ExpiryInvalid(),
    cards.ExpiryPassed(),
    cards.CodeInvalid(),
    checkout.OfferGone(),
    checkout.IntentGone(),
    checkout.ResendTooEarly(INTENT, 42),
    staff.NoOutcome(),
    RuntimeError("a defect"),
    *(
        error(intent)
        for intent in STATES
        for error in (
            checkout.AlreadyPaid,
            checkout.StillChecking,
            checkout.IntentOver,
            checkout.CardForgotten,
            checkout.CardNeeded,
            checkout.CardNotKept,
            checkout.CodeOver,
            staff.AlreadyKnown,
            staff.StillPaid,
        )
    ),
    *(
        checkout.TooMany(intent, limit, datetime.fromisoformat(MOMENT))
        for intent in [INTENT, CODE_IS_OUT]
        for limit in Limit
    ),
    *(
        checkout.NotChallenged(intent, error)
        for intent in [*STATES, replace(INTENT, transaction_id=None)]
        for error in [
            *map(Declined, Reason),
            NeverArrived("x"),
            OutcomeUnknown("x"),
            WrongCredentials("x"),
        ]
    ),
]
NOTICES = [
    notices.card_ask(INTENT),
    notices.card_again(INTENT, "card-lost"),
    notices.expiry_ask(INTENT, cards.CardNumber("8600990000000009")),
    notices.expiry_ask(INTENT, cards.CardNumber("4242424242424242")),
    notices.code_ask(INTENT),
    notices.code_sent_again(INTENT),
    notices.wrong_code(INTENT, 2),
    notices.capture_not_sent(INTENT),
    *(notices.offer(offer, "uz", datetime.fromisoformat(MOMENT)) for offer in OFFERS.offers),
    *(notices.unfinished(INTENT, step) for step in ASKS.values()),
    *(notices.already_paid(intent, "https://t.me/+course") for intent in STATES),
    notices.paid(INTENT, None),
    notices.paid(RECEIPTED, "https://t.me/+course"),
    notices.paid_for_admins(INTENT),
    notices.paid_for_admins(RECEIPTED),
    notices.paid_for_admins(replace(INTENT, buyer=Buyer(501, "Dilnoza", None, "uz"))),
    notices.unknown_code(INTENT, 7),
    notices.unknown_code(INTENT, None),
    notices.misconfigured("STPIMS-ERR-009"),
    *(notices.limit_reached(INTENT, limit) for limit in Limit),
    notices.vault_away(),
    notices.late(INTENT),
    notices.twice(INTENT, replace(INTENT, id=987654321)),
    notices.mismatch(INTENT, "333", 100),
    notices.still_unknown(INTENT),
    notices.still_unknown(replace(INTENT, status=Status.reversing)),
    notices.left_unknown(INTENT),
    notices.left_unknown(replace(INTENT, status=Status.reversing)),
    notices.settled(INTENT, "paid", "Admin (502)"),
    notices.contradiction(INTENT, "open"),
    notices.money_back(INTENT),
    notices.money_back(INTENT, replace(INTENT, id=987654321)),
    notices.money_back_for_admins(INTENT, replace(INTENT, id=987654321)),
    notices.money_back_for_admins(replace(INTENT, reversed_by="Admin <b> (502)")),
    notices.not_reversed(INTENT),
    notices.money_stays(INTENT),
    notices.unreachable(501, "123456789"),
    notices.no_yes("refused-by-merchant (STPIMS-ERR-093)"),
    *(notices.refused_approval(why, "100", "9") for why in ["unknown", *Status]),
    *map(notices.not_genuine, ["signature", "unreadable", "number"]),
    *map(notices.staff_order, STATES),
    notices.daily(41, 0, []),
    notices.unlisted_address("192.0.2.1"),
    *(notices.daily(41, 1, [(INTENT, verdict)] * (notices.LISTED + 1)) for verdict in Verdict),
]
SHOWN_STATUSES = [
    *(notices.staff_order(intent) for intent in STATES),
    *(notices.late(intent) for intent in STATES),
    *(notices.contradiction(intent, state) for intent in STATES for state in State),
    *(notices.settled(INTENT, state, "Admin (502)") for state in State),
    *(
        notices.daily(0, 0, [(intent, verdict)])
        for intent in STATES
        for verdict in Verdict
        if verdict not in {Verdict.agrees, Verdict.undecided, Verdict.known}
    ),
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_becomes_of_a_payment_can_be_said(language):
    for words in [*NOTICES, *(words_for(error, OFFERS) for error in ERRORS)]:
        assert TEXTS.html(language, words)
        keyboard = TEXTS.keyboard(language, words)
        assert (keyboard is None) == (not words.buttons)


@pytest.mark.parametrize("language", ["uz", "ru"])
def test_the_words_of_the_code_are_not_shown_to_the_staff(language):
    raw = re.compile(rf"\\b({'|'.join([*Status, *State, *Verdict])})\\b")
    said = [TEXTS.html(language, words) for words in SHOWN_STATUSES]

    assert [text for text in said if raw.search(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_buyer_is_found_by_a_press_on_the_name(language):
    """A merchant's find: of one without a username only the id was told, which finds nobody."""
    nameless = replace(INTENT, buyer=Buyer(501, "Dilnoza <b>", None, "uz"))
    link = '<a href="tg://user?id=501">Dilnoza &lt;b&gt;</a>'

    assert f"{link} · @dilnoza · 501\n" in TEXTS.html(language, notices.staff_order(INTENT))
    assert f"{link} · 501\n" in TEXTS.html(language, notices.staff_order(nameless))
    assert 'href="tg://user?id=501"' in TEXTS.html(language, notices.unreachable(501, "1"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Dilnoza\n✅ Yangi toʻlov\r\u2028777\x85", "Dilnoza ✅ Yangi toʻlov 777"),
        ("\u202edlog\u2066 \u200eDilnoza\ufeff", "dlog Dilnoza"),
        ("\u200b \u202e", "501"),
        ("Gʻulom Oʻgʻli 🌷", "Gʻulom Oʻgʻli 🌷"),
    ],
)
def test_no_name_turns_a_line_or_begins_one(name, shown):
    """The attacker's find: a name could forge the lines that admins go by."""
    intent = replace(INTENT, buyer=replace(INTENT.buyer, name=name), reversed_by=name)
    one_line = f'<a href="tg://user?id=501">{shown}</a> · @dilnoza · 501\n'

    assert one_line in TEXTS.html("uz", notices.paid_for_admins(intent))
    for words in (notices.money_back_for_admins(intent), notices.settled(intent, "paid", name)):
        assert not re.search(r"[\u200e\u202e\u2028\ufeff]|\n✅", TEXTS.html("uz", words))


def test_a_list_stands_under_its_text_and_goes_no_further_than_is_read():
    words = Words.restored(
        json.loads(json.dumps(notices.daily(3, 0, [(INTENT, "charged")] * 23).stored()))
    )
    said = TEXTS.html("en", words).splitlines()

    assert said[2].startswith("⚠️ Differences")
    assert said[3:23] == ["123456789: waiting for the SMS code → paid"] * 20
    assert said[23:] == ["… and 3 more"]


def test_a_defect_is_not_quoted():
    assert words_for(RuntimeError("card 8600"), OFFERS) == Words("error")


# Rendering


@pytest.mark.parametrize(
    ("language", "tiyin", "said"),
    [
        ("uz", 73_900_000, "739\xa0000"),
        ("ru", 73_900_000, "739\xa0000"),
        ("en", 73_900_000, "739,000"),
        ("uz", 147_800_000, "1\xa0478\xa0000"),
        ("uz", 4_999_950, "49\xa0999,50"),  # failure story C1
        ("ru", 4_999_950, "49\xa0999,50"),
        ("en", 4_999_950, "49,999.50"),
        ("uz", 100_001, "1\xa0000,01"),
        ("uz", 100, "1"),
        ("uz", 9_007_199_254_740_993, "90\xa0071\xa0992\xa0547\xa0409,93"),  # no float's
    ],
)
def test_money_is_written_as_people_here_write_it(language, tiyin, said):
    assert money(language, tiyin) == said


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (MOMENT, "24.11.2026 15:04"),
        ("2026-11-24T15:04:00+05:00", "24.11.2026 15:04"),
        ("2026-12-31T18:59:59+00:00", "31.12.2026 23:59"),
        ("2026-12-31T19:00:00+00:00", "01.01.2027 00:00"),
        (datetime(2026, 7, 1, tzinfo=UTC).isoformat(), "01.07.2026 05:00"),
    ],
)
def test_a_moment_is_said_in_tashkent(moment, said):
    assert when(moment) == said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "variable"),
    [("offer", "title"), ("paid", "title"), ("admin-paid", "buyer"), ("paysupport", "contact")],
)
def test_what_comes_from_outside_is_escaped(language, name, variable):
    args = sample(language, name) | {variable: "<b>Ali & Co</b>"}
    said = TEXTS.html(language, Words(name, args))

    assert "&lt;b&gt;Ali &amp; Co&lt;/b&gt;" in said


def test_labels_know_no_html():
    titles: dict[str, Arg] = {"title-a": "<b>Ali & Co</b>"}
    keyboard = TEXTS.keyboard("uz", Words("offers", titles, (("=title-a", "offer:a"),)))

    assert keyboard is not None
    assert keyboard.inline_keyboard[0][0].text == "<b>Ali & Co</b>"
    assert "<b>Ali & Co</b>" in TEXTS.label("uz", "paysupport", {"contact": "<b>Ali & Co</b>"})


def test_a_button_leads_to_an_address_or_back_to_the_bot():
    buttons = (("enter-button", "https://t.me/+course"), ("cancel-button", "cancel:1"))
    keyboard = TEXTS.keyboard("uz", Words("idle", {}, buttons))

    assert keyboard is not None
    [[enter], [cancel]] = keyboard.inline_keyboard
    assert (enter.url, enter.callback_data) == ("https://t.me/+course", None)
    assert (cancel.url, cancel.callback_data) == (None, "cancel:1")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "variable"), [(name, given) for name, of in variables("uz").items() for given in of]
)
def test_no_text_is_said_without_an_argument_it_speaks_of(language, name, variable):
    args = sample(language, name)
    del args[variable]

    with pytest.raises(TextsError, match=f"{language}: '{name}'"):
        TEXTS.html(language, Words(name, args))


def test_a_text_that_does_not_exist_is_not_said():
    with pytest.raises(TextsError, match="uz: no text 'nothing-like-it'"):
        TEXTS.html("uz", Words("nothing-like-it"))


def test_a_second_text_stands_a_line_below():
    said = TEXTS.html("uz", Words("expired", {}, then="start-again"))

    assert said == f"{SAID['uz', 'expired']}\n\n{SAID['uz', 'start-again']}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", IDS)
def test_every_text_is_html_that_telegram_takes(language, name):
    said = TEXTS.html(language, Words(name, sample(language, name, text='1 < 2 & 2 > "1"')))
    tag = r"<(/?(?:[bsa]|code))(?: href=\"[^<>\"]+\")?>"
    names = re.findall(tag, said)
    bare = re.sub(rf"{tag}|&lt;|&gt;|&amp;|&quot;", "", said)

    assert not re.search("[<>&]", bare)
    assert names[1::2] == [f"/{name}" for name in names[::2]]
    assert 0 < len(said) < 4096
    assert said == said.strip()
    assert "\u2068" not in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "name", [name for name in IDS if re.search(r"-button$|^command-|^language-(..)$", name)]
)
def test_labels_are_short_and_plain(language, name):
    said = TEXTS.label(language, name, sample(language, name))

    assert not re.search(r"[<>&\n]", said)
    assert len(said) <= 40
