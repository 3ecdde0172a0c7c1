"""Health for whoever runs the bot: alive, and ready to sell."""

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from bot import db
from bot.db import Database

DATABASE = web.AppKey("database", Database)


async def healthz(_request: web.Request) -> web.Response:
    """Answer that the process runs."""
    return web.json_response({"ok": True})


async def readyz(request: web.Request) -> web.Response:
    """Answer 200 while the database answers and every notice can be delivered, else 503."""
    try:
        async with request.app[DATABASE].read() as tx:
            dead = await db.dead_notices(tx)
    except SQLAlchemyError:
        return web.json_response({"ok": False, "database": "does not answer"}, status=503)
    return web.json_response({"ok": not dead, "dead_notices": dead}, status=503 if dead else 200)


def app(database: Database) -> web.Application:
    application = web.Application(client_max_size=64 * 1024)
    application[DATABASE] = database
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    return application
