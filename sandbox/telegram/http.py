"""Telegram over HTTP on this machine: the Bot API, the webhook, the control interface."""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from sandbox.faults import Dropped, Refused
from sandbox.telegram import Telegram
from sandbox.telegram.answer import Answer, Refusal
from sandbox.telegram.control import routes
from sandbox.telegram.form import read
from sandbox.telegram.webhook import WebhookSender

Handler = Callable[[web.Request], Awaitable[web.Response]]
LOOPBACK = "127.0.0.1"
LAST_WORDS = 0.1  # seconds for requests still running when the server closes


def app(telegram: Telegram, *, patience: float = 1.0) -> web.Application:
    """Build the server. It pushes to the webhook too, its pauses scaled by `patience`."""
    application = web.Application()
    application.router.add_route("*", "/bot{token:[^/]+}/{method}", _bot_api(telegram))
    application.router.add_route("*", "/file/{rest:.*}", _no_file)
    application.add_routes(routes(telegram))
    application.cleanup_ctx.append(_pushing(telegram, patience))
    application.on_shutdown.append(_releasing(telegram))
    return application


@contextlib.asynccontextmanager
async def serve(
    telegram: Telegram, port: int = 0, *, host: str = LOOPBACK, patience: float = 1.0
) -> AsyncIterator[str]:
    """Serve while the block runs, and give the address to reach it at."""
    runner = web.AppRunner(
        app(telegram, patience=patience),
        access_log=None,
        handler_cancellation=True,  # a bot that hangs up ends its long poll
        shutdown_timeout=LAST_WORDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def main() -> None:
    """Run from the command line until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.telegram", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--token", default="42:sandbox")
    parser.add_argument("--limits", action="store_true", help="answer 429 as Telegram would")
    asked = parser.parse_args()
    telegram = Telegram(token=asked.token, limits=asked.limits)
    asyncio.run(_stand(telegram, asked.host, asked.port))


async def _stand(telegram: Telegram, host: str, port: int) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with serve(telegram, port, host=host) as url:
        print(f"Telegram stands at {url}", flush=True)
        await stopped.wait()


def _bot_api(telegram: Telegram) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        token, method = request.match_info["token"], request.match_info["method"]
        try:
            params = await read(request)
        except ValueError:
            return _response(Refusal(400, "Bad Request: can't parse the request").answer())
        try:
            return _response(await telegram.call(token, method, params))
        except (Refused, Dropped):
            if request.transport:
                request.transport.abort()
            return web.Response()  # goes nowhere

    return answer


async def _no_file(_request: web.Request) -> web.Response:
    return _response(Refusal(404, "Not Found").answer())


def _response(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status,
        text=answer.text,
        headers=answer.headers,
        content_type=answer.content_type,
    )


def _pushing(
    telegram: Telegram, patience: float
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def push(_application: web.Application) -> AsyncIterator[None]:
        # Not a task group: setting up and cleaning up need not happen in one task.
        sender = asyncio.ensure_future(WebhookSender(telegram, patience).run())
        yield
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sender

    return push


def _releasing(telegram: Telegram) -> Callable[[web.Application], Awaitable[None]]:
    async def release(_application: web.Application) -> None:
        telegram.updates.release()

    return release
