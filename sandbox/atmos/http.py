"""The stand-in for ATMOS over HTTP: its API, a control interface for tests, a command line."""

import argparse
import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from typing import Any

from aiohttp import web

from sandbox.atmos import CARDS, Call, Gateway, Sms, Transaction
from sandbox.faults import Dropped, Fault, Kind, Refused

GATEWAY = web.AppKey("gateway", Gateway)


def app(gateway: Gateway) -> web.Application:
    application = web.Application()
    application[GATEWAY] = gateway
    application.add_routes(
        [
            web.get("/_sandbox/state", _state),
            web.post("/_sandbox/faults", _add_fault),
            web.delete("/_sandbox/faults", _clear_faults),
            web.post("/_sandbox/latency", _set_latency),
            web.post("/_sandbox/callback", _set_callback),
            web.post("/_sandbox/expire-tokens", _expire_tokens),
            web.route("*", "/{path:.*}", _relay),
        ]
    )
    return application


@asynccontextmanager
async def serve(gateway: Gateway, port: int = 0) -> AsyncIterator[str]:
    """Serve on the loopback and give the base URL; callers still waiting at the end are cut."""
    runner = web.AppRunner(app(gateway), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        await gateway.close()


async def _relay(request: web.Request) -> web.Response:
    gateway = request.app[GATEWAY]
    body = await request.read()
    try:
        answer = await gateway.answer(
            request.method, request.path, request.headers, body, request.query
        )
    except (Refused, Dropped):
        _reset(request)
        return web.Response()
    return web.Response(
        status=answer.status,
        body=answer.body,
        headers={**answer.headers, "Content-Type": answer.content_type},
    )


def _reset(request: web.Request) -> None:
    """Cut the connection with an RST: a mere FIN would pass for a server that hung up politely."""
    transport = request.transport
    if transport is None:
        return
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


async def _state(request: web.Request) -> web.Response:
    gateway = request.app[GATEWAY]
    return web.json_response(
        {
            "transactions": [_shown(known) for known in gateway.transactions.values()],
            "ledger": [asdict(entry) for entry in gateway.ledger],
            "net": gateway.net,
            "sms": [asdict(sms) for sms in gateway.sms],
            "calls": [_masked(call) for call in gateway.calls],
            "faults": gateway.faults.view(),
            "injected": gateway.faults.injected,
            "latency": gateway.latency,
        }
    )


def _shown(transaction: Transaction) -> dict[str, Any]:
    return {"state": transaction.state, "last4": transaction.last4, **transaction.view()}


def _masked(call: Call) -> dict[str, Any]:
    """Hide the card number: someone may have tried the demo with a real one."""
    shown = asdict(call)
    if "card_number" in call.body:
        shown["body"]["card_number"] = f"…{str(call.body['card_number'])[-4:]}"
    return shown


async def _add_fault(request: web.Request) -> web.Response:
    fault = await request.json()
    request.app[GATEWAY].faults.add(Fault(**{**fault, "kind": Kind(fault["kind"])}))
    return web.Response(status=204)


async def _clear_faults(request: web.Request) -> web.Response:
    request.app[GATEWAY].faults.clear()
    return web.Response(status=204)


async def _set_latency(request: web.Request) -> web.Response:
    latency = await request.json()
    request.app[GATEWAY].latency[latency["operation"]] = float(latency["seconds"])
    return web.Response(status=204)


async def _set_callback(request: web.Request) -> web.Response:
    callback = await request.json()
    gateway = request.app[GATEWAY]
    gateway.callback_url, gateway.callback_key = callback["url"], callback["key"]
    return web.Response(status=204)


async def _expire_tokens(request: web.Request) -> web.Response:
    request.app[GATEWAY].expire_tokens()
    return web.Response(status=204)


def main() -> None:
    parser = argparse.ArgumentParser(description="Stand in for the ATMOS card gateway.")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--callback-url", help="asked before each debit")
    parser.add_argument("--callback-key", default="sandbox", help="signs what is asked")
    options = parser.parse_args()
    gateway = Gateway(
        callback_url=options.callback_url,
        callback_key=options.callback_key,
        on_sms=_tell,
        # A shop's database outlives the sandbox: a restart must not give its ids out again.
        first_id=int(time.time()),
    )
    with suppress(KeyboardInterrupt):
        asyncio.run(_stand(gateway, options.port))


async def _stand(gateway: Gateway, port: int) -> None:
    async with serve(gateway, port) as url:
        print(url)
        for card in CARDS.values():
            note = f", code {card.code}" if card.code else ""
            print(f"{card.number}  {card.name}{note}", flush=True)
        await asyncio.Event().wait()


def _tell(sms: Sms) -> None:
    print(f"SMS to the owner of …{sms.last4}: {sms.code}", flush=True)
