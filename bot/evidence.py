"""What ATMOS's evidence means beside what is stored: the one table, for whoever asks."""

from datetime import datetime
from enum import StrEnum, auto

from atmos import State, Transaction
from bot.payment import ABANDONED, OPEN, SOLD, Intent, Status


class Verdict(StrEnum):
    """What is to be done about it."""

    agrees = auto()
    undecided = auto()  # ATMOS may still be acting
    charged = auto()
    not_charged = auto()
    reversed = auto()
    not_reversed = auto()
    given_back = auto()  # charged and reversed before we knew of it
    another = auto()  # another amount or account: a person has to look
    contradiction = auto()  # our record says what ATMOS does not: the same
    known = auto()  # another road has recorded it meanwhile


_MEANING = {
    State.paid: dict.fromkeys(OPEN | ABANDONED, Verdict.charged)
    | {
        Status.captured: Verdict.agrees,
        Status.reversing: Verdict.not_reversed,
        Status.reversed: Verdict.contradiction,
    },
    State.open: dict.fromkeys(OPEN | ABANDONED, Verdict.agrees)
    | dict.fromkeys(SOLD | {Status.reversed}, Verdict.contradiction)
    | {Status.capturing: Verdict.not_charged},
    State.reversed: dict.fromkeys(OPEN, Verdict.given_back)
    | dict.fromkeys(SOLD, Verdict.reversed)
    | dict.fromkeys(ABANDONED | {Status.reversed}, Verdict.agrees),
}
_DID_NOT_HAPPEN = {Verdict.not_charged, Verdict.not_reversed}
# After these nothing is left to ask. (An abandoned intent agrees, and may be charged late.)
SETTLED = _DID_NOT_HAPPEN | {
    Verdict.charged,
    Verdict.reversed,
    Verdict.given_back,
    Verdict.known,
}


def verdict(intent: Intent, transaction: Transaction, asked_at: datetime) -> Verdict:
    """Compare what is stored with the evidence that ATMOS was asked for at `asked_at`.

    "It did not happen" is believed only when ATMOS could no longer be acting even then: what it
    shows may be as old as the question.
    """
    shown = (transaction.trans_id, transaction.account, transaction.amount)
    if shown != (intent.transaction_id, intent.account, intent.amount):
        return Verdict.another
    meaning = _MEANING[transaction.state][intent.status]
    if meaning in _DID_NOT_HAPPEN and may_act(intent, asked_at):
        return Verdict.undecided
    if meaning is Verdict.not_reversed and intent.reverse_accepted:
        return Verdict.contradiction  # ATMOS had said yes
    return meaning


def may_act(intent: Intent, at: datetime) -> bool:
    """Tell whether ATMOS may still be acting on what it was asked."""
    return intent.acts_until is None or intent.acts_until > at
