"""The bot's HTTP side: ATMOS's gate, Telegram's door, health and metrics for the merchant.

Two sets of routes, so that they can be served at two addresses: the outside has to reach the
first two, and nobody outside has a reason to see the rest.
"""

import asyncio
import errno
import hmac
import math
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import structlog
from aiohttp import web, web_response
from aiojobs import Scheduler
from sqlalchemy.exc import SQLAlchemyError

from atmos import callback
from bot import db
from bot.approval import NOT_GENUINE, UNREADABLE, Approval
from bot.db import Database
from bot.intake import Intake
from bot.metrics import CONTENT_TYPE, Metrics
from bot.settings import CALLBACK_PATH

log = structlog.get_logger()

LARGEST = 256 * 1024  # bytes of a body; an update has some thousand
QUESTION = 8 * 1024  # bytes of one at the gate, which anybody may send; ATMOS's has some hundred
PATIENCE = 10.0  # seconds for a request's headers to come, and as many for its body and answer
CONNECTIONS = 4000  # about as many at once, at one address, if half the files allow it
LINGER = 2.0  # seconds in which a body that was refused unread may still be sent, to no effect
GATE = 1.0  # seconds in which ATMOS is answered, whatever the database does
NOT_NOW = "not now"  # whoever asked: that may not even have been looked at
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  its name
WITH_PORT = re.compile(r"(?:([0-9.]+)|\[(.+)\])(?::[0-9]+)?")  # as some proxies write one
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# aiohttp names itself and Python with their versions; its answer to malformed HTTP meets no hook.
NAME = web_response.SERVER_SOFTWARE = "checkout"  # type: ignore[attr-defined]


@asynccontextmanager
async def serve(routes: Iterable[web.RouteDef], host: str, port: int) -> AsyncIterator[None]:
    """Answer `routes` at an address until the caller leaves."""
    application = web.Application(client_max_size=LARGEST, middlewares=[_strictly])
    application.add_routes(routes)
    runner = web.AppRunner(
        application,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=PATIENCE,  # which also ends a connection whose headers do not come
        lingering_time=LINGER,
    )
    await runner.setup()
    try:
        accepts = _making_room(runner.server)
        listening = await asyncio.get_running_loop().create_server(accepts, host, port)
        try:
            yield
        finally:
            listening.close()
    finally:
        await runner.cleanup()


def most_connections() -> int:
    """Give how many connections are held: no more than half the files that may be open."""
    files = os.sysconf("SC_OPEN_MAX")  # negative where there is no limit
    return CONNECTIONS if files < 0 else min(CONNECTIONS, files // 2)


def _making_room(server: web.Server | None) -> Callable[[], asyncio.BaseProtocol]:
    """Let the oldest connection go for one too many: that of a question is not a second old.

    To refuse the newest would let whoever opens many and says nothing lock ATMOS out.
    """
    if server is None:
        raise RuntimeError("the runner is not set up")
    most = most_connections()

    def accept() -> asyncio.BaseProtocol:
        there = server.connections
        for oldest in there[: max(0, len(there) - most + 1)]:
            oldest.force_close()
        return server()

    return accept


class Unaccepted:
    """A handler of the loop's errors that says in a line, and seldom, that no file is left.

    asyncio says it with a traceback for each connection that it could not accept, all the time.
    """

    PAUSE = 60.0  # seconds between two lines
    NOTHING_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

    def __init__(self) -> None:
        self._said_at = -math.inf

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not ("socket" in context and getattr(error, "errno", None) in self.NOTHING_LEFT):
            loop.default_exception_handler(context)
        elif loop.time() - self._said_at >= self.PAUSE:
            self._said_at = loop.time()
            log.error("connections_not_accepted", error=str(error), cure="raise LimitNOFILE")


@web.middleware
async def _strictly(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer each request in time, once a connection; of a failure nothing but its status is said.

    A connection is not kept: a proxy that reuses one in the moment it is closed would lose a
    question of ATMOS, and with it a charge.
    """
    response: web.StreamResponse
    try:
        async with asyncio.timeout(PATIENCE):
            response = await _answer(request, handler)
    except web.HTTPException as refused:
        refused.force_close()
        raise
    except TimeoutError:
        response = web.Response(status=503 if request.content.is_eof() else 408)
    except web.RequestPayloadError:
        response = web.Response(status=400)
    except ConnectionError:  # nobody is left to answer
        raise
    except Exception:
        log.exception("request_failed", path=request.path)
        response = web.Response(status=500)
    response.force_close()
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a body that says it is too large unread; aiohttp counts one that does not say."""
    _refuse_over(LARGEST, request)
    return await handler(request)


def _refuse_over(largest: int, request: web.Request) -> None:
    if (size := request.content_length or 0) > largest:
        raise web.HTTPRequestEntityTooLarge(largest, size)


def health(database: Database, metrics: Metrics, intake: Intake) -> list[web.RouteDef]:
    """Give what tells how the bot is: does it run, can it sell, what is waiting."""

    async def readyz(_request: web.Request) -> web.Response:
        """Answer 200 while what comes in is stored and what is promised delivered, else 503."""
        try:
            async with database.read() as tx:
                dead = await db.count_dead(tx)
        except (SQLAlchemyError, OSError):  # the latter from asyncpg
            return web.json_response({"ok": False, "database": "does not answer"}, status=503)
        if since := intake.unstored_since:
            why = f"not stored since {since:%Y-%m-%d %H:%M:%S} UTC: is the disk full?"
            return web.json_response({"ok": False, "updates": why}, status=503)
        return web.json_response(
            {"ok": not dead, "dead_notices": dead}, status=503 if dead else 200
        )

    async def scraped(_request: web.Request) -> web.Response:
        try:
            body = await metrics.read()
        except (SQLAlchemyError, OSError):
            return web.Response(status=503)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    return [
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/metrics", scraped),
    ]


async def healthz(_request: web.Request) -> web.Response:
    """Answer that the process runs."""
    return web.json_response({"ok": True})


def gate(
    approval: Approval, jobs: Scheduler, networks: Sequence[IPv4Network | IPv6Network]
) -> list[web.RouteDef]:
    """Give the gate where ATMOS asks before a debit.

    A genuine question from outside `networks`, where there are any, is answered and reported.
    """

    async def asked(request: web.Request) -> web.Response:
        """Answer yes or no within a second; every doubt and every failure is a no.

        ATMOS knows one yes, so that whatever else is answered refuses the debit. What can be no
        question of ATMOS's, being too large or no JSON, gets the status of HTTP for that.
        """
        _refuse_over(QUESTION, request)
        body = await request.clone(client_max_size=QUESTION).read()
        refusal: str | None = NOT_NOW
        try:
            # Shielded: cancelling a query waits for the database, which is what has no time.
            refusal = await asyncio.wait_for(jobs.shield(approval.refusal(body)), GATE)
        except (SQLAlchemyError, OSError) as error:  # no defect; TimeoutError is one of the latter
            log.warning("approval_failed", error=type(error).__name__)
        except Exception:
            log.exception("approval_failed")
        is_atmos = refusal not in (NOT_GENUINE, UNREADABLE, NOT_NOW)
        address = origin(request.remote or "", request.headers.getall("X-Forwarded-For", ()))
        if is_atmos and networks and address and not any(address in one for one in networks):
            await jobs.spawn(approval.flag(str(address)))
        answer = callback.answer(go_on=refusal is None, message=refusal or "OK")
        return web.json_response(answer, status=400 if refusal == UNREADABLE else 200)

    return [web.post(CALLBACK_PATH, asked)]


def webhook(intake: Intake, path: str, secret: str) -> list[web.RouteDef]:
    """Give the door for Telegram, which repeats what is not answered with 200."""

    async def brought(request: web.Request) -> web.Response:
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode(errors="surrogateescape"), secret.encode()):
            return web.Response(status=403)
        try:
            update = await request.json()
        except (ValueError, LookupError, RecursionError):  # the second: a charset nobody knows
            update = None
        if not isinstance(update, dict):
            return web.Response(status=400)
        return web.Response(status=200 if await intake.take([update]) else 503)

    return [web.post(path, brought)]


def origin(peer: str, forwarded: Sequence[str]) -> IPv4Address | IPv6Address | None:
    """Give the address a question comes from, None where it cannot be read.

    It is that of `peer`, or behind a proxy, whose own is private, the last one in the lines of
    X-Forwarded-For: the others may have been written by whoever asks.
    """
    named = ",".join(forwarded).rpartition(",")[2].strip()
    try:
        address = _address(peer)
        return _address(named) if named and address.is_private else address
    except ValueError:
        return None


def _address(text: str) -> IPv4Address | IPv6Address:
    with_port = WITH_PORT.fullmatch(text)
    address = ip_address((with_port[1] or with_port[2]) if with_port else text)
    return getattr(address, "ipv4_mapped", None) or address
