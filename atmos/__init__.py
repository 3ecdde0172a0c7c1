"""A client of the ATMOS payment API. It knows nothing of the bot that uses it."""

from atmos.client import AtmosClient
from atmos.codes import Reason
from atmos.errors import (
    AtmosError,
    CannotResend,
    Declined,
    NeverArrived,
    OutcomeUnknown,
    WrongCredentials,
)
from atmos.transaction import State, Transaction

__all__ = [
    "AtmosClient",
    "AtmosError",
    "CannotResend",
    "Declined",
    "NeverArrived",
    "OutcomeUnknown",
    "Reason",
    "State",
    "Transaction",
    "WrongCredentials",
]
