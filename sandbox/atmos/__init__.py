"""The card gateway, built to what is publicly known of it: in memory, and over HTTP."""

from sandbox.atmos.cards import CARDS, Card
from sandbox.atmos.front import Answer
from sandbox.atmos.gateway import Gateway
from sandbox.atmos.records import Call, Entry, Sms, State, Transaction

__all__ = [
    "CARDS",
    "Answer",
    "Call",
    "Card",
    "Entry",
    "Gateway",
    "Sms",
    "State",
    "Transaction",
]
