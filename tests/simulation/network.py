"""The wires between the bot and the outside world: what has arrived is done, whoever dies."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import httpx
from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import TelegramMethod
from aiogram.methods.base import TelegramType

from bot.telegram import REQUEST, Session
from sandbox.atmos import Answer
from sandbox.atmos_front import PATHS
from sandbox.faults import Dropped, Refused
from sandbox.telegram_answer import Answer as Said
from sandbox.telegram_form import plain

T = TypeVar("T")


class Caller(Protocol):
    """Whoever is at this end of the wire."""

    async def asks(self, place: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Make a call, if alive."""


class Outside(Protocol):
    """Whoever is at the other end."""

    async def gateway_answers(self, operation: str, request: httpx.Request) -> Answer:
        """Answer as ATMOS."""

    async def telegram_answers(self, method: str, params: dict[str, Any]) -> Said:
        """Answer as the Bot API."""


class Wire(httpx.AsyncBaseTransport):
    """Carries the client's requests to the gateway in this process."""

    def __init__(self, outside: Outside, caller: Caller) -> None:
        self._outside = outside
        self._caller = caller

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        operation = PATHS.get(request.url.path, "?")
        try:
            answer = await self._caller.asks(
                f"ATMOS {operation}", lambda: self._outside.gateway_answers(operation, request)
            )
        except Refused as error:
            raise httpx.ConnectError("refused") from error
        except Dropped as error:
            raise httpx.ReadError("dropped") from error
        headers = {"Content-Type": answer.content_type, **answer.headers}
        return httpx.Response(answer.status, headers=headers, content=answer.body)


class Line(Session):
    """Carries aiogram's calls to the Telegram in this process, prepared and read by aiogram."""

    def __init__(self, outside: Outside, caller: Caller) -> None:
        BaseSession.__init__(self, timeout=REQUEST)
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
        response = self.check_response(bot, method, answer.status, answer.text)
        return response.result  # type: ignore[return-value]

    def _params(self, bot: Bot, method: TelegramMethod[Any]) -> dict[str, Any]:
        """Write a call as aiogram's own session does, which leaves out what is empty."""
        values = method.model_dump(warnings=False)
        form = {name: self.prepare_value(value, bot, {}) for name, value in values.items()}
        # A member of an enum is a string already, and goes over a real wire as its value.
        return plain({name: str.__str__(value) for name, value in form.items() if value})
