"""The ways a call to ATMOS can fail, split by what may be done next.

* AtmosError
  + NeverArrived      nothing reached ATMOS: the same call may be made again
    x WrongCredentials  … once the merchant has mended the consumer key and secret
    x CannotResend      … though ATMOS, as it stands, sends no code again by itself
  + Declined          ATMOS answered no, and no money moved
  + OutcomeUnknown    no clear answer: only `AtmosClient.get` can tell what happened
"""

from atmos.codes import Reason, full


class AtmosError(Exception):
    """A call did not end in a clear yes."""


class NeverArrived(AtmosError):
    """The request was not sent, or was turned away in front of ATMOS."""


class WrongCredentials(NeverArrived):
    """ATMOS does not know this consumer key and secret."""


class CannotResend(NeverArrived):
    """ATMOS has no call that sends a code again, or not at this moment."""


class Declined(AtmosError):
    """ATMOS said no, for a reason the card's holder or the merchant can act on."""

    def __init__(self, reason: Reason, code: int | None = None) -> None:
        super().__init__(f"{reason} ({full(code)})" if code is not None else str(reason))
        self.reason = reason
        self.code = code


class OutcomeUnknown(AtmosError):
    """ATMOS may or may not have acted; `reason` is a guess for people, never a basis for money."""

    def __init__(self, what: str, reason: Reason | None = None, code: int | None = None) -> None:
        super().__init__(what)
        self.reason = reason
        self.code = code
