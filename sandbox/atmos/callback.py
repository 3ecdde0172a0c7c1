"""Asking the merchant before a debit, the way ATMOS does."""

import json
from hashlib import md5

import aiohttp

from sandbox.atmos.records import Transaction


async def post(url: str, body: bytes) -> bytes:
    """Post to the merchant and give the body of a 200; anything else is an error."""
    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as response,
    ):
        if response.status != 200:  # noqa: PLR2004
            raise ValueError(f"the merchant answered {response.status}")
        return await response.read()


def question(transaction: Transaction, key: str, now: float) -> bytes:
    """Write the callback: all values strings, the sign an MD5 over some of them and the key."""
    fields = {
        "store_id": str(transaction.store_id),
        "transaction_id": str(transaction.id),
        "transaction_time": str(int(now * 1000)),
        "amount": str(transaction.amount),
        "account": transaction.account,
    }
    signed = [fields[name] for name in ("store_id", "transaction_id", "account", "amount")]
    sign = md5("".join([*signed, key]).encode(), usedforsecurity=False).hexdigest()
    return json.dumps({**fields, "sign": sign}, ensure_ascii=False).encode()


def agrees(answer: bytes) -> bool:
    reply = json.loads(answer)
    return isinstance(reply, dict) and reply.get("status") == 1
