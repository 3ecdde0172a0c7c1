"""What must be true when all is quiet again, whatever went wrong on the way."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.atmos import Gateway
from sandbox.telegram import Chat, Group, Message, Person

Row = dict[str, Any]
# After each ✅ the first nine digits that stand alone are the order number.
TOLD = re.compile(r"✅[^✅]*?(?<!\d)(\d{9})(?!\d)")
SOLD = ("captured", "reversing")


@dataclass(frozen=True, slots=True)
class Violation:
    said: str
    order: str | None = None
    student: int | None = None


@dataclass(kw_only=True)
class Evidence:
    """All that a run left behind."""

    gateway: Gateway
    admins: Group
    students: list[Person]
    intents: list[Row] = field(default_factory=list)
    ledger: list[Row] = field(default_factory=list)
    outbox: list[Row] = field(default_factory=list)  # only what was never sent
    typed: list[Message] = field(default_factory=list)  # what had to vanish
    blocked: list[Person] = field(default_factory=list)  # who could not buy when all was quiet
    leaks: set[str] = field(default_factory=set)
    wrong_ends: list[str] = field(default_factory=list)
    answers_lost: int = 0  # how often the bot died or did not hear that it was heard

    @property
    def charged(self) -> set[str]:
        return {account for account, amount in self.gateway.net.items() if amount}

    @property
    def buyers(self) -> dict[str, int]:
        return {str(row["id"]): row["student_id"] for row in self.intents}


def violations(evidence: Evidence) -> Iterator[tuple[str, list[Violation]]]:
    """Give every invariant, and what breaks it."""
    for said, broken in INVARIANTS.items():
        yield said, list(broken(evidence))


def _charged_twice(evidence: Evidence) -> Iterator[Violation]:
    charges = Counter(e.account for e in evidence.gateway.ledger if e.kind == "charge")
    for order, times in charges.items():
        if times > 1:
            yield Violation(f"charged {times} times", order)


def _paid_twice(evidence: Evidence) -> Iterator[Violation]:
    orders: dict[int | None, list[str]] = {}
    for order in sorted(evidence.charged):
        orders.setdefault(evidence.buyers.get(order), []).append(order)
    for student, paid in orders.items():
        if len(paid) > 1:
            yield Violation(f"paid for {', '.join(paid)}", paid[-1], student)


def _not_as_stored(evidence: Evidence) -> Iterator[Violation]:
    stored = {str(row["id"]) for row in evidence.intents if row["status"] in SOLD}
    yield from _differ(evidence.charged, stored, "captured in the database")


def _not_as_students_read(evidence: Evidence) -> Iterator[Violation]:
    read = {order for person in evidence.students for order in _standing(person.chat)}
    yield from _differ(evidence.charged, read, "read as paid by its student")


def _not_as_admins_read(evidence: Evidence) -> Iterator[Violation]:
    yield from _differ(evidence.charged, set(_standing(evidence.admins)), "read by the admins")


def _told_falsely(evidence: Evidence) -> Iterator[Violation]:
    """Find a ✅ that was said before the money moved, or to somebody else, at any moment."""
    since = {e.account: e.at for e in evidence.gateway.ledger if e.kind == "charge"}
    for chat in [evidence.admins, *(person.chat for person in evidence.students)]:
        own = chat.id if chat.type == "private" else None
        for order, at in _told(chat):
            if at < since.get(order, float("inf")):
                yield Violation(f"chat {chat.id} was told paid, and it was not", order, own)
            if own is not None and evidence.buyers.get(order) != own:
                yield Violation(f"told to {own}, who did not buy it", order, own)


def _not_the_same_sums(evidence: Evidence) -> Iterator[Violation]:
    ours: Counter[str] = Counter()
    for fact in evidence.ledger:
        sign = 1 if fact["kind"] == "captured" else -1
        ours[str(fact["intent_id"])] += sign * fact["amount"]
    net = evidence.gateway.net
    for order in sorted(ours.keys() | net.keys()):
        if ours[order] != net[order]:
            yield Violation(f"ledger {ours[order]} tiyin, gateway {net[order]}", order)


def _undecided(evidence: Evidence) -> Iterator[Violation]:
    for row in evidence.intents:
        if row["status"] == "capturing":
            yield Violation("its outcome is still unknown", str(row["id"]), row["student_id"])


def _untold(evidence: Evidence) -> Iterator[Violation]:
    for row in evidence.outbox:
        state = "is dead" if row["dead_at"] else "was never sent"
        yield Violation(f"notice {row['key']} {state} ({row['error']})", student=row["chat_id"])


def _blocked(evidence: Evidence) -> Iterator[Violation]:
    for person in evidence.blocked:
        yield Violation("could not buy when all was quiet", student=person.id)


def _still_there(evidence: Evidence) -> Iterator[Violation]:
    for message in evidence.typed:
        if not message.deleted:
            said = f"message {message.id} stands: {len(message.text)} characters"
            yield Violation(said, student=message.chat.id)


def _leaked(evidence: Evidence) -> Iterator[Violation]:
    for name in sorted(evidence.leaks):
        yield Violation(f"digits of a card in {name}")


def _told_again(evidence: Evidence) -> Iterator[Violation]:
    """Count the messages that tell the admins what they know."""
    known: set[str] = set()
    again = 0
    for event in evidence.admins.history:
        orders = set(TOLD.findall(event.text)) if event.kind == "sent" else set()
        again += bool(orders & known)
        known |= orders
    if again > evidence.answers_lost:
        yield Violation(f"{again} messages again, {evidence.answers_lost} answers lost")


def _wrong_ends(evidence: Evidence) -> Iterator[Violation]:
    for said in evidence.wrong_ends:
        yield Violation(said)


def _differ(charged: set[str], found: set[str], what: str) -> Iterator[Violation]:
    for order in sorted(charged - found):
        yield Violation(f"charged, and not {what}", order)
    for order in sorted(found - charged):
        yield Violation(f"{what}, and not charged", order)


def _standing(chat: Chat) -> list[str]:
    """Give the orders that a chat now says are paid."""
    return [order for message in chat.from_bot for order in TOLD.findall(message.text)]


def _told(chat: Chat) -> Iterator[tuple[str, float]]:
    for event in chat.history:
        if event.message.from_bot and event.kind != "deleted":
            for order in TOLD.findall(event.text):
                yield order, event.at


INVARIANTS: dict[str, Callable[[Evidence], Iterator[Violation]]] = {
    "an order is charged once at the most": _charged_twice,
    "a student is charged once at the most": _paid_twice,
    "charged is what the database calls captured": _not_as_stored,
    "charged is what students read as paid": _not_as_students_read,
    "charged is what admins read as paid": _not_as_admins_read,
    "nobody was ever told paid before it was": _told_falsely,
    "the ledger's sums are the gateway's": _not_the_same_sums,
    "no outcome is left unknown": _undecided,
    "no notice is left unsent": _untold,
    "nobody is kept from buying": _blocked,
    "card, expiry and code messages are gone": _still_there,
    "no card digits in database, WAL and log": _leaked,
    "admins are told again only after a lost answer": _told_again,
    "the bot ends only when told, with 0 at SIGTERM": _wrong_ends,
}
