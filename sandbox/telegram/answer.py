"""What the Bot API answers: a result, or a refusal with its number and sentence."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Answer:
    """One HTTP answer; `body`, if there is one, goes over the wire in place of `payload`."""

    status: int
    payload: dict[str, Any]
    body: str | None = None

    @property
    def text(self) -> str:
        return json.dumps(self.payload, ensure_ascii=False) if self.body is None else self.body

    @property
    def headers(self) -> dict[str, str]:
        retry_after = self.payload.get("parameters", {}).get("retry_after")
        return {} if retry_after is None else {"Retry-After": str(retry_after)}

    @property
    def content_type(self) -> str:
        return "text/html" if self.body and self.body.startswith("<") else "application/json"


class Refusal(Exception):
    """The Bot API will not do it."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def answer(self) -> Answer:
        payload: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.parameters:
            payload["parameters"] = self.parameters
        return Answer(self.code, payload)


def bad_request(why: str, **parameters: int) -> Refusal:
    return Refusal(400, f"Bad Request: {why}", **parameters)


def forbidden(why: str) -> Refusal:
    return Refusal(403, f"Forbidden: {why}")
