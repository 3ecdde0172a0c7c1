"""What ATMOS's result codes mean, and which of them prove that no money moved.

There is no complete official table. Each line says how sure it is, in the marks of the
collected contract: [D] official docs, [L] seen live, [N=x] seen in x independent clients.
"""

import re
from enum import StrEnum


class Reason(StrEnum):
    """Why ATMOS said no, by what can be done about it."""

    card_invalid = "card-invalid"
    card_expired = "card-expired"
    card_blocked = "card-blocked"
    sms_off = "sms-off"
    insufficient_funds = "insufficient-funds"
    limit = "limit"
    wrong_code = "wrong-code"
    code_expired = "code-expired"
    too_many_tries = "too-many-tries"
    code_already_sent = "code-already-sent"
    closed = "closed"
    busy = "busy"
    refused_by_merchant = "refused-by-merchant"
    not_found = "not-found"
    wrong_parameters = "wrong-parameters"
    unknown = "unknown"


# By number, since some clients saw `ERR-112` beside `STPIMS-ERR-112` [L].
REASONS = {
    1: Reason.busy,  # [L] internal error, cleared on retry; never "bad card"
    4: Reason.card_invalid,  # [N=2] card not found or removed
    9: Reason.wrong_parameters,  # [L] at pre-apply: the number or the expiry
    61: Reason.not_found,  # [L]
    67: Reason.card_invalid,  # [N=2] refused by the processing centre
    80: Reason.code_expired,  # [N=1] tentative: code expired or its tries are over
    92: Reason.closed,  # [D] finished, which may mean paid: look inside
    93: Reason.refused_by_merchant,  # [L] our answer to the approval question
    98: Reason.wrong_code,  # [N=2] inferred from control flow
    112: Reason.insufficient_funds,  # [L]
    201: Reason.code_already_sent,  # [L]
}

# After `confirm` only these release a payment for another attempt. All others may have charged.
NOT_CHARGED = {4, 9, 61, 67, 80, 93, 98, 112}

# For the failures that have no known code. They choose a sentence, and decide nothing.
PHRASES = [
    (Reason.sms_off, r"смс-?\s?информ|sms-?\s?inform|sms[- ]?xabar"),
    (Reason.insufficient_funds, r"недостаточно|yetarli emas|mablag|insufficient"),
    (Reason.limit, r"лимит|limit"),
    (Reason.too_many_tries, r"попыт|urinish"),
    (Reason.code_expired, r"(срок|ист[её]к|muddat|expired).*(код|kod|code)"),
    (Reason.code_expired, r"(код|kod|code).*(срок|ист[её]к|muddat|expired)"),
    (Reason.card_expired, r"(срок|ист[её]к|muddat|expired).*(карт|kart|card)"),
    (Reason.card_expired, r"(карт|kart|card).*(срок|ист[её]к|muddat|expired)"),
    (Reason.card_blocked, r"блокир|blok|block|не активн|faol emas"),
    (Reason.wrong_code, r"(неверн|noto.g.ri|wrong).*(код|kod|code)"),
    (Reason.wrong_code, r"(код|kod|code).*(неверн|noto.g.ri|wrong)"),
    (Reason.card_invalid, r"(карт|kart|card).*(не найден|topilmadi|not found)"),
]


def number(code: str) -> int | None:
    """Give 112 for `STPIMS-ERR-112` and for `ERR-112`, None where there is none of four digits.

    It is shown and stored, and a longer one may be what the gateway was sent.
    """
    digits = re.search(r"(?<!\d)(\d{1,4})\s*$", code, re.ASCII)
    return int(digits[1]) if digits else None


def full(number: int) -> str:
    """Write 9 as ATMOS does, `STPIMS-ERR-009`."""
    return f"STPIMS-ERR-{number:03}"


def reason(code: int | None, description: str) -> Reason:
    """Name the reason by its code, or failing that by what the description says."""
    if code in REASONS:
        return REASONS[code]
    said = description.casefold()
    return next((name for name, phrase in PHRASES if re.search(phrase, said)), Reason.unknown)
