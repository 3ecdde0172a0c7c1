"""The wires between the bot and the outside world: what has arrived is done, whoever dies."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

import httpx
from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import TelegramMethod
from aiogram.methods.base import TelegramType

from bot.telegram import REQUEST, Session
from sandbox.atmos import Answer
from sandbox.atmos.front import PATHS
from sandbox.faults import Dropped, Refused
from sandbox.telegram.answer import Answer as Said

T = TypeVar("T")


class Caller(Protocol):
    """Whoever is at this end of the wire."""

    async def asks(self, place: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Make a call, if alive."""


class Outside(Protocol):
    """Whoever is at the other end."""

    async def gateway_answers(self, operation: str, request: "Request") -> Answer:
        """Answer as ATMOS."""

    async def telegram_answers(self, method: str, params: dict[str, Any]) -> Said:
        """Answer as the Bot API."""


@dataclass(slots=True)
class Request:
    """What goes to the gateway."""

    path: str
    body: bytes
    query: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Response:
    """As much of httpx's answers as `atmos.client` reads."""

    status_code: int
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")


class Http:
    """As much of `httpx.AsyncClient` as `atmos.client` uses, to the gateway in this process.

    The addresses, headers and cookies of httpx took a tenth of a seed.
    """

    def __init__(self, outside: Outside, caller: Caller) -> None:
        self._outside = outside
        self._caller = caller

    async def post(
        self,
        path: str,
        *,
        auth: httpx.Auth,
        timeout: httpx.Timeout,  # noqa: ARG002, ASYNC109  the client has a deadline of its own
        **content: Any,
    ) -> Response:
        """Send as often as `auth` asks for it."""
        form = urlencode(content.get("data", {}))
        body = json.dumps(content["json"]) if "json" in content else form
        request: Any = Request(path, body.encode(), content.get("params", {}))
        flow = auth.async_auth_flow(request)
        try:
            request = await anext(flow)
            while True:
                response = await self._sent(request)
                request = await flow.asend(response)  # type: ignore[arg-type]
        except StopAsyncIteration:
            return response
        finally:
            await flow.aclose()

    async def _sent(self, request: Request) -> Response:
        operation = PATHS.get(request.path, "?")
        try:
            answer = await self._caller.asks(
                f"ATMOS {operation}", lambda: self._outside.gateway_answers(operation, request)
            )
        except Refused as error:
            raise httpx.ConnectError("refused") from error
        except Dropped as error:
            raise httpx.ReadError("dropped") from error
        return Response(answer.status, answer.body)


class Line(Session):
    """Carries aiogram's calls to the Telegram in this process, prepared and read by aiogram."""

    def __init__(self, outside: Outside, caller: Caller) -> None:
        BaseSession.__init__(self, timeout=REQUEST, json_loads=_read)
        self._outside = outside
        self._caller = caller

    async def close(self) -> None:
        """Hold nothing open."""

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109  aiogram's
    ) -> TelegramType:
        name = method.__api_method__
        if name == "sendChatAction":  # a hundred while one capture waits, and nobody reads them
            return True  # type: ignore[return-value]
        params = self._params(bot, method)
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                answer = await self._caller.asks(
                    f"Telegram {name}", lambda: self._outside.telegram_answers(name, params)
                )
        except TimeoutError as late:
            raise TelegramNetworkError(method=method, message="Request timeout error") from late
        except (Refused, Dropped) as lost:
            raise TelegramNetworkError(method=method, message=type(lost).__name__) from lost
        content: Any = _short(answer.payload) if answer.body is None else answer.body
        response = self.check_response(bot, method, answer.status, content)
        return response.result  # type: ignore[return-value]

    def _params(self, bot: Bot, method: TelegramMethod[Any]) -> dict[str, Any]:
        """Give a call as it comes out of the form of aiogram's own session, without empty ones."""
        form = {
            name: self.prepare_value(value, bot, {}, _dumps_json=False)
            for name, value in method
            if value is not None
        }
        # A member of an enum is a string already, and goes over a real wire as its value.
        return {
            name: str.__str__(value) if isinstance(value, str) else value
            for name, value in form.items()
            if value is not None and value != ""
        }


def _read(content: Any) -> Any:
    """Read what is text, which only broken answers are: writing the others took too long."""
    return json.loads(content) if isinstance(content, str) else content


def _short(payload: dict[str, Any]) -> dict[str, Any]:
    """Leave of a message what the bot reads of the ones it has sent."""
    result = payload.get("result")
    if not isinstance(result, dict) or "message_id" not in result:
        return payload
    return payload | {"result": {name: result[name] for name in ("message_id", "date", "chat")}}
