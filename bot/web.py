"""The bot's HTTP side: health for whoever runs it, and the gate ATMOS asks at."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

import structlog
from aiohttp import web
from aiojobs import Scheduler
from sqlalchemy.exc import SQLAlchemyError

from atmos import callback
from bot import db
from bot.approval import NOT_GENUINE, Approval
from bot.db import Database

log = structlog.get_logger()

LARGEST = 64 * 1024  # bytes
GATE = 1.0  # seconds in which ATMOS is answered, whatever the database does
Handler = Callable[[web.Request], Awaitable[web.Response]]


def app(
    database: Database,
    approval: Approval | None,
    jobs: Scheduler,
    networks: Sequence[IPv4Network | IPv6Network] = (),
) -> web.Application:
    """Serve health, and the gate where ATMOS has given us a key for it.

    A genuine question from outside `networks`, where there are any, is answered and reported.
    """
    application = web.Application(client_max_size=LARGEST)
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", _readyz(database))
    if approval is not None:
        application.router.add_post("/atmos/callback", _gate(approval, jobs, networks))
    return application


async def healthz(_request: web.Request) -> web.Response:
    """Answer that the process runs."""
    return web.json_response({"ok": True})


def _readyz(database: Database) -> Handler:
    async def readyz(_request: web.Request) -> web.Response:
        """Answer 200 while the database answers and every notice can be delivered, else 503."""
        try:
            async with database.read() as tx:
                dead = len(await db.dead_notices(tx))
        except (SQLAlchemyError, OSError):  # the latter from asyncpg
            return web.json_response({"ok": False, "database": "does not answer"}, status=503)
        return web.json_response(
            {"ok": not dead, "dead_notices": dead}, status=503 if dead else 200
        )

    return readyz


def _gate(
    approval: Approval, jobs: Scheduler, networks: Sequence[IPv4Network | IPv6Network]
) -> Handler:
    async def gate(request: web.Request) -> web.Response:
        """Answer yes or no within a second; every doubt and every failure is a no."""
        try:
            body = await request.read()
            # Shielded: cancelling a query waits for the database, which is what has no time.
            refusal = await asyncio.wait_for(jobs.shield(approval.refusal(body)), GATE)
        except Exception:
            log.exception("approval_failed")
            refusal = "not now"
        if refusal != NOT_GENUINE and (stranger := _stranger(request.remote, networks)):
            await jobs.spawn(approval.flag(stranger))
        answer = callback.answer(go_on=refusal is None, message=refusal or "OK")
        return web.json_response(answer)

    return gate


def _stranger(remote: str | None, networks: Sequence[IPv4Network | IPv6Network]) -> str | None:
    """Give an address that is in none of the networks ATMOS is expected in."""
    if not networks or remote is None:
        return None
    address = ip_address(remote)
    address = getattr(address, "ipv4_mapped", None) or address
    return None if any(address in network for network in networks) else str(address)
