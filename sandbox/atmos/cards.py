"""The cards the stand-in for ATMOS knows, and what becomes of a payment by each.

ATMOS publishes three test cards and no card that fails. The rest are made up for this sandbox:
860099 M 00000 NNN and a check digit, where NNN is the result code and M says when it comes
(0 at pre-apply, 1 at confirm, 2 at confirm with the money taken all the same).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sandbox.atmos.codes import Failure

NUMBER = re.compile(r"[0-9]{16}")
YYMM = re.compile(r"[0-9]{2}(0[1-9]|1[0-2])")
TASHKENT = timezone(timedelta(hours=5))


@dataclass(frozen=True, slots=True)
class Card:
    number: str
    name: str
    refused: str | None = None  # the result code, unless the card is good
    at: str = "pre-apply"  # or "confirm": when it is refused
    charged: bool = False  # the money is taken although the answer says otherwise
    code: str | None = None  # the code of a public test card, which also never expires

    def check(self, operation: str) -> None:
        if self.refused and self.at == operation:
            raise Failure(self.refused)


CARDS = {
    card.number: card
    for card in (
        Card("8600490744313347", "public UzCard", code="111111"),
        Card("9860090101014364", "public Humo", code="111111"),
        Card("5614688715378807", "public UzCard 5614", code="111111"),
        Card("8600990000000009", "good UzCard"),
        Card("9860990000000002", "good Humo"),
        Card("6262990000000002", "good co-badge card"),
        Card("5555990000000000", "good card of an unlisted prefix"),
        Card("8600990000000017", "internal error", "001"),
        Card("8600990000000090", "wrong parameters", "009"),
        Card("8600990000000678", "card not found", "067"),
        Card("8600990000009000", "card expired", "900"),
        Card("8600990000009018", "card blocked", "901"),
        Card("8600990000009026", "SMS informing not connected", "902"),
        Card("8600990000009042", "operation limit exceeded", "904"),
        Card("8600990000009554", "unknown code", "955"),
        Card("8600991000001120", "insufficient funds", "112", at="confirm"),
        Card("8600991000009032", "daily limit exceeded", "903", at="confirm"),
        Card("8600991000009560", "unknown code at confirm", "956", at="confirm"),
        Card("8600991000000015", "internal error, not charged", "001", at="confirm"),
        Card("8600992000000013", "internal error, charged", "001", at="confirm", charged=True),
    )
}


def passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def with_check_digit(fifteen: str) -> str:
    return next(number for last in range(10) if passes_luhn(number := f"{fifteen}{last}"))


def read_card(body: Mapping[str, Any], now: float) -> Card:
    """Find the card a pre-apply is about; any other sound number is a good card."""
    number, expiry = str(body.get("card_number", "")), str(body.get("expiry", ""))
    if not (NUMBER.fullmatch(number) and passes_luhn(number) and YYMM.fullmatch(expiry)):
        raise Failure("009")
    card = CARDS.get(number) or Card(number, "any other card")
    card.check("pre-apply")
    month = datetime.fromtimestamp(now, UTC).astimezone(TASHKENT).strftime("%y%m")
    if not card.code and expiry < month:
        raise Failure("900")
    return card
