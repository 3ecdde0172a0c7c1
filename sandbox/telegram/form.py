"""Read the parameters of a call, however they were sent."""

import json
from typing import Any

from aiohttp import web

# Words, even when they look like JSON: a text may be "123", and a query's id is one.
WORDS = frozenset(
    {
        "text",
        "caption",
        "parse_mode",
        "callback_query_id",
        "url",
        "secret_token",
        "name",
        "invite_link",
        "action",
        "language_code",
        "method",
    }
)


def plain(params: dict[str, Any]) -> dict[str, Any]:
    """Undo the JSON inside form fields: numbers, booleans, keyboards."""
    return {name: _value(name, value) for name, value in params.items()}


async def read(request: web.Request) -> dict[str, Any]:
    """Collect the parameters from the address and the body."""
    params: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json" and request.can_read_body:
        body = await request.json()
        params |= body if isinstance(body, dict) else {}
    else:
        params |= dict(await request.post())
    return plain(params)


def _value(name: str, value: object) -> object:
    if name in WORDS or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
