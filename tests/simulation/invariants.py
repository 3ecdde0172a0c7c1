"""What must hold of a world at rest, whatever went wrong in it."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from bot.payment import OPEN, PENDING
from sandbox.atmos.cards import CARDS
from tests.simulation.world import Charge, Said, World

DAY = 24 * 3600.0
PAID = "✅"
CHECKING = "tekshirilmoqda"
NOT_CHARGED = re.compile("yechilma[dg]")  # yechilmadi, yechilmagan, yechilmaganini
LATE = "Kechikkan"
TWICE, TWICE_TOLD = "ikki marta", "ikkita toʻlov oʻtdi"
BACK = "Pul qaytarildi"
DIFFERS = "ATMOS bilan farq"
MISMATCH = "boshqa toʻlovni"


class Records:
    """What a world at rest has to show."""

    def __init__(self, world: World) -> None:
        self.world = world
        columns = "id, student_id, offer, status, reason, created_at"
        self.intents = [Row(*row) for row in world.rows(f"SELECT {columns} FROM intents")]  # noqa: S608
        self.admins = world.settings.admin_chat_id

    @cached_property
    def charges(self) -> dict[int, list[Charge]]:
        found = defaultdict(list)
        for charge in self.world.gateway.charges:
            found[int(charge.entry.account)].append(charge)
        return found

    @cached_property
    def kept(self) -> set[int]:
        """Orders whose money was taken and not given back."""
        return {int(account) for account, net in self.world.gateway.net.items() if net}

    def said(self, chat_id: int, *words: str) -> list[Said]:
        return [
            said
            for said in self.world.said
            if said.chat_id == chat_id and all(word in said.text for word in words)
        ]

    def told_paid(self, chat_id: int, order: int) -> list[Said]:
        return self.said(chat_id, PAID, str(order))


@dataclass(frozen=True, slots=True)
class Row:
    """An intent, as it is stored."""

    id: int
    student_id: int
    offer: str
    status: str
    reason: str | None
    created: str

    @property
    def created_at(self) -> float:
        return datetime.fromisoformat(self.created).replace(tzinfo=UTC).timestamp()


def no_intent_is_charged_twice(records: Records) -> Iterator[str]:
    for order, charges in records.charges.items():
        if len(charges) > 1:
            yield f"{order} was charged {len(charges)} times"


def charged_is_captured(records: Records) -> Iterator[str]:
    for intent in records.intents:
        taken, captured = intent.id in records.kept, intent.status == "captured"
        if captured and records.world.gateway.adds:
            yield f"{intent.id} is captured, though ATMOS took another amount"
        elif taken != captured and not records.world.gateway.adds:
            money = "taken" if taken else "not taken"
            yield f"{intent.id} is {intent.status}, and its money is {money}"


def captured_is_told(records: Records) -> Iterator[str]:
    for intent in records.intents:
        captured = intent.status in ("captured", "reversed")
        for who, chat_id in (("the student", intent.student_id), ("the admins", records.admins)):
            if captured and not records.told_paid(chat_id, intent.id):
                yield f"{who} was never told that {intent.id} is paid"
            if not captured and records.told_paid(chat_id, intent.id):
                yield f"{who} was told that {intent.id} is paid, and it is {intent.status}"


def paid_is_said_after_the_charge(records: Records) -> Iterator[str]:
    for said in records.world.said:
        for intent in records.intents:
            if PAID in said.text and str(intent.id) in said.text:
                before = [c for c in records.charges[intent.id] if c.entry.at <= said.at]
                if not before:
                    yield f"{intent.id} was called paid at {said.at:.3f}, before any charge"


def paid_is_said_once(records: Records) -> Iterator[str]:
    """A second time is allowed where the reply to the first, or the memory of it, was lost."""
    world = records.world
    lost = world.tally["death or stop"].total() + sum(
        count
        for what, count in world.tally["fault of Telegram"].items()
        if what.startswith(("sendMessage", "editMessageText"))
    )
    for intent in records.intents:
        for chat_id in (intent.student_id, records.admins):
            told = len(records.told_paid(chat_id, intent.id))
            if told > 1 + lost:
                yield f"{intent.id} was called paid {told} times, and {lost} replies were lost"


def nobody_is_left_waiting(records: Records) -> Iterator[str]:
    """Whoever reads "checking" last has a payment that is unknown."""
    unknown = {intent.student_id for intent in records.intents if intent.status in PENDING}
    for student in {intent.student_id for intent in records.intents} - unknown:
        last = max(records.world.telegram.private(student).from_bot, key=lambda said: said.id)
        if CHECKING in last.text:
            yield f"{student} still reads {last.text!r}"


def given_back_is_reversed_once_and_told(records: Records) -> Iterator[str]:
    """The student and the admins hear of it, and of nothing that did not happen."""
    given = Counter(
        int(entry.account) for entry in records.world.gateway.ledger if entry.kind == "reversal"
    )
    for intent in records.intents:
        is_reversed = intent.status == "reversed"
        if given[intent.id] != is_reversed:
            yield f"{intent.id} is {intent.status}, and was given back {given[intent.id]} times"
        for chat_id in (intent.student_id, records.admins):
            if bool(records.said(chat_id, BACK, str(intent.id))) != is_reversed:
                yield f"{intent.id} is {intent.status}: {chat_id} was told something else"


def nobody_is_alarmed_for_nothing(records: Records) -> Iterator[str]:
    if not records.world.gateway.adds:
        for alarm in records.said(records.admins, DIFFERS):
            yield f"the gateway is honest, and the admins read {alarm.text[:80]!r}"


def ledgers_agree(records: Records) -> Iterator[str]:
    if records.world.gateway.adds:
        return
    query = "SELECT intent_id, kind, amount, success_trans_id FROM ledger"
    ours = Counter(records.world.rows(query))
    kinds = {"charge": "captured", "reversal": "reversed"}
    theirs = Counter(
        (int(entry.account), kinds[entry.kind], entry.amount, entry.success_trans_id)
        for entry in records.world.gateway.ledger
    )
    for fact in (ours - theirs) + (theirs - ours):
        yield f"the ledgers differ by {fact}"


def nothing_is_left_undone(records: Records) -> Iterator[str]:
    for intent in records.intents:
        wrong = records.world.gateway.adds and intent.status == "capturing"
        if intent.status in OPEN | PENDING and not wrong:
            yield f"{intent.id} is still {intent.status}"
    undone = "SELECT key, error FROM outbox WHERE sent_at IS NULL"
    for key, error in records.world.rows(undone):
        yield f"the notice {key} was never delivered ({error})"


def not_charged_is_true(records: Records) -> Iterator[str]:
    """Nobody reads that no money was taken while it was, or while a call that took it ran.

    But for a charge that came when ATMOS should long have been over.
    """
    for said in records.world.said:
        if NOT_CHARGED.search(said.text) and said.chat_id != records.admins:
            about = _about(said, records.intents)
            false = [_false(said, records.charges[intent.id]) for intent in about]
            if false and all(false):
                orders = ", ".join(str(intent.id) for intent in about)
                yield f"{orders}: {said.text[:60]!r} at {said.at:.3f} was not true"


def _about(said: Said, intents: list[Row]) -> list[Row]:
    """Find the intents a text may speak of, by its buttons or by whose chat it is in."""
    known = [i for i in intents if i.student_id == said.chat_id and i.created_at <= said.at]
    named = [button.partition(":")[2] for button in said.buttons]
    return (
        [intent for intent in known if str(intent.id) in named]
        or [intent for intent in known if intent.offer in named]
        or known
    )


def _false(said: Said, charges: list[Charge]) -> bool:
    return any(charge.arrived <= said.at and not charge.is_late for charge in charges)


def a_second_purchase_is_reported(records: Records) -> Iterator[str]:
    """Only a late charge can make one, and then the admins know."""
    bought = defaultdict(list)
    for intent in records.intents:
        if intent.id in records.kept and intent.offer == "protokol-57":
            bought[intent.student_id].append(intent.id)
    for student, orders in bought.items():
        late = any(charge.is_late for order in orders for charge in records.charges[order])
        if len(orders) > 1 and not late:
            yield f"one student paid twice: {orders}"
        if len(orders) > 1 and not records.said(records.admins, TWICE):
            yield f"the admins do not know that one student paid twice: {orders}"
        if len(orders) > 1 and not records.said(student, TWICE_TOLD):
            yield f"a student does not know that they paid twice: {orders}"


def a_late_charge_is_reported(records: Records) -> Iterator[str]:
    for intent in records.intents:
        was_over = intent.status == "captured" and intent.reason == "not-charged"
        if was_over and not records.said(records.admins, LATE, str(intent.id)):
            yield f"the admins do not know that {intent.id} was charged late"


def another_amount_is_reported(records: Records) -> Iterator[str]:
    if records.world.gateway.adds:
        for order in records.kept:
            if records.world.gateway.callback_url:
                yield f"another amount was taken for {order}, and the bot was asked before"
            if not records.said(records.admins, MISMATCH, str(order)):
                yield f"the admins do not know of the other amount of {order}"


def nobody_has_more_codes_sent_than_allowed(records: Records) -> Iterator[str]:
    students = dict(records.world.rows("SELECT transaction_id, student_id FROM intents"))
    sent = defaultdict(list)
    for sms in records.world.gateway.sms:
        sent[students.get(sms.transaction_id)].append(sms.at)
    most = records.world.settings.code_requests_a_day
    for student, times in sent.items():
        for first, last in zip(times, times[most:], strict=False):
            if last - first < DAY:
                yield f"{student} had more than {most} codes sent within a day"


def no_card_is_kept_or_told(records: Records) -> Iterator[str]:
    stored = "\n".join(records.world.dump())
    told = "\n".join(said.text for said in records.world.said)
    for number in CARDS:
        if number in stored:
            yield f"the card {number} is stored"
        if number in told:
            yield f"the card {number} was told"


INVARIANTS: tuple[Callable[[Records], Iterator[str]], ...] = (
    no_intent_is_charged_twice,
    charged_is_captured,
    captured_is_told,
    paid_is_said_after_the_charge,
    paid_is_said_once,
    nobody_is_left_waiting,
    given_back_is_reversed_once_and_told,
    nobody_is_alarmed_for_nothing,
    ledgers_agree,
    nothing_is_left_undone,
    not_charged_is_true,
    a_second_purchase_is_reported,
    a_late_charge_is_reported,
    another_amount_is_reported,
    nobody_has_more_codes_sent_than_allowed,
    no_card_is_kept_or_told,
)


def broken(world: World) -> list[str]:
    """Give each invariant that does not hold, with what breaks it."""
    records = Records(world)
    return world.broken + [
        f"{invariant.__name__}: {what}" for invariant in INVARIANTS for what in invariant(records)
    ]
