"""The question ATMOS asks inside a capture, before the debit: do you still want this?

It is a gate, not a receipt: no money has moved, and none will if the answer is no. Seen live:
while it waits for the answer, `get` still shows the transaction open.
"""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any

NUMBER = re.compile("[0-9]{1,18}")  # `int` takes other scripts' digits, signs and blanks too


class NotGenuine(Exception):
    """Not a question signed with our key; the text says what is wrong with it."""


class WrongSignature(NotGenuine):
    """Signed with another key, or not at all."""


class Unreadable(NotGenuine):
    """Not even a JSON object, which ATMOS's questions are."""


@dataclass(frozen=True, slots=True)
class Question:
    """`amount` is in tiyin; `transaction_id` is what `create` gave, `account` what we gave."""

    transaction_id: int
    account: str
    amount: int


def read(body: bytes, key: str) -> Question:
    """Verify a question and read it.

    The signature is md5 over store_id, transaction_id, account, amount and the key, of the text
    exactly as received: values come as strings or as numbers. `account` was `invoice` once.

    Raises:
        Unreadable: It is no JSON object.
        WrongSignature: It is not signed with our key.
        NotGenuine: It lacks a number.
    """
    fields = _fields(body)
    account = fields.get("account") or fields.get("invoice") or ""
    store_id, transaction_id, amount = (
        fields.get(name, "") for name in ("store_id", "transaction_id", "amount")
    )
    signed = f"{store_id}{transaction_id}{account}{amount}{key}"
    expected = hashlib.md5(signed.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(expected.encode(), _ascii(fields.get("sign", ""))):
        raise WrongSignature("the signature is not ours")
    if not (NUMBER.fullmatch(transaction_id) and NUMBER.fullmatch(amount)):
        raise NotGenuine("a number is missing or is none")
    return Question(int(transaction_id), account, int(amount))


def answer(*, go_on: bool, message: str) -> dict[str, object]:
    """Say yes or no, with HTTP 200 either way."""
    return {"status": 1 if go_on else 0, "message": message}


def _ascii(text: str) -> bytes:
    return text.lower().encode("ascii", "replace")


def _fields(body: bytes) -> dict[str, str]:
    """Read the top level as text, numbers as they were written."""
    try:
        read: Any = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is no JSON") from error
    if not isinstance(read, dict):
        raise Unreadable("it is no JSON object")
    return {name: value for name, value in read.items() if isinstance(value, str)}
