"""Our way to the Bot API: a session whose errors quote nothing, and a poll that loses nothing."""

import asyncio
import hmac
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.exceptions import AiogramError, ClientDecodeError, TelegramConflictError
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import LinkPreviewOptions, Message

from bot.intake import Intake

log = structlog.get_logger()

POLL = 25  # seconds a poll may wait at Telegram
REQUEST = 15.0  # seconds any other call may take
LONGEST_PAUSE = 5.0
YOUNG = 5.0  # seconds in which a poller that meets another one takes itself for the second
# pydantic keeps generic classes weakly and builds these anew at every call if nobody holds them.
_HELD = (Response[bool], Response[Message], Response[Message | bool])


class AnotherCopyRuns(Exception):
    """Another process polls with the same token, and was first."""


class Session(AiohttpSession):
    """aiogram's session, whose decode errors do not quote what the students wrote.

    No call waits for a free connection: a deletion would wait for a hundred slow answers.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(limit=0, **options)

    async def close(self) -> None:
        """Close without aiogram's pause of 250 ms, which aiohttp has not needed since 3.12."""
        if self._session is not None:
            await self._session.close()

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109  aiogram's
    ) -> TelegramType:
        """Call; what is not even UTF-8, as a provider's own page, is no exception of its own."""
        try:
            return await super().make_request(bot, method, timeout)
        except UnicodeDecodeError:
            raise ClientDecodeError(
                "not UTF-8", ValueError("UnicodeDecodeError"), "withheld"
            ) from None

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        try:
            return super().check_response(bot, method, status_code, content)
        except ClientDecodeError as error:
            raise ClientDecodeError(
                f"HTTP {status_code}", ValueError(type(error.original).__name__), "withheld"
            ) from None


class GetRawUpdates(TelegramMethod[list[dict[str, Any]]]):
    """`getUpdates`, left unparsed: aiogram parses a batch as one, and fails it as one."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int | None
    timeout: int
    allowed_updates: Sequence[str]


def bot(token: str, api: str) -> Bot:
    return Bot(
        token,
        session=Session(api=TelegramAPIServer.from_base(api), timeout=REQUEST),
        default=DefaultBotProperties(
            parse_mode=ParseMode.HTML, link_preview=LinkPreviewOptions(is_disabled=True)
        ),
    )


def webhook_secret(bot: Bot) -> str:
    """Give what Telegram proves itself with at the webhook: it changes with the token."""
    return hmac.new(bot.token.encode(), b"webhook", "sha256").hexdigest()


async def subscribe(bot: Bot, url: str, secret: str, kinds: Sequence[str]) -> None:
    """Have Telegram bring updates of these kinds; it is asked until it says yes."""
    failures = 0
    while True:
        try:
            await bot.set_webhook(url, secret_token=secret, allowed_updates=list(kinds))
        except AiogramError as error:
            failures += 1
            await _pause(error, failures)
        else:
            return


async def poll(bot: Bot, intake: Intake, kinds: Sequence[str]) -> None:
    """Take updates of these kinds for ever.

    In place of aiogram's own loop, which fails a whole batch for one bad update, ignores
    `retry_after`, and abandons running handlers when it stops.

    Raises:
        AnotherCopyRuns: Telegram ends the older of two polls; whoever has just come up gives way.
    """
    failures = 0
    started = time.monotonic()
    while True:
        try:
            batch = await bot(
                GetRawUpdates(offset=intake.offset, timeout=POLL, allowed_updates=kinds),
                request_timeout=POLL + int(REQUEST),
            )
        except AiogramError as error:
            if isinstance(error, TelegramConflictError) and "webhook" in error.message:
                await _unsubscribe(bot)
            elif isinstance(error, TelegramConflictError) and _is_young(started):
                raise AnotherCopyRuns from error
            failures += 1
            await _pause(error, failures)
            continue
        failures = 0
        await intake.take(batch)


async def _unsubscribe(bot: Bot) -> None:
    """End the webhook that an earlier setting left, and lose nothing that waits."""
    with suppress(AiogramError):
        await bot.delete_webhook()


def _is_young(started: float) -> bool:
    return time.monotonic() - started < YOUNG


async def _pause(error: AiogramError, failures: int) -> None:
    longer = min(0.5 * 2 ** min(failures, 10), LONGEST_PAUSE)
    pause = float(getattr(error, "retry_after", longer))
    log.warning("updates_not_coming", error=type(error).__name__, pause=pause)
    await asyncio.sleep(pause)
