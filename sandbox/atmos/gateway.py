"""Our ATMOS: the card gateway as far as it is publicly known, with every failure at hand.

Guesses, for want of a source: 098 for a wrong code, closing after `otp_attempts` of them, 080
after `otp_ttl`, a new SMS when pre-apply names another card or the code is too old, the state
kept after 093 and 112, the closing of stale transactions, 092 for a second reversal, 009 for
another store's transaction, for a code before any was sent and for a resend before pre-apply,
the shape of the answer to a resend, and the 400 and 405 bodies. Payment by card token, holds,
partial reversals and bulk payments are not served.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sandbox.atmos.codes import Failure, result
from sandbox.atmos.front import Answer, Front, Request, in_json
from sandbox.atmos.payments import Payments
from sandbox.atmos.records import Call
from sandbox.faults import Dropped, Fault, Faults, Kind, Refused

GARBAGE = Answer(200, b'{"result":{"code":"OK","descr', "application/json")
BAD_GATEWAY = Answer(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html")


@dataclass(kw_only=True, eq=False)
class Gateway(Payments):
    """ATMOS as a caller meets it: calls, delays and faults around the payments."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    token_ttl: float = 3600
    missing_paths: Collection[str] = ()
    fault_shape: str | None = None  # of front.SHAPES; None: each in turn

    faults: Faults = field(default_factory=Faults)
    latency: dict[str, float] = field(default_factory=dict)  # by operation, "*" for the others
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._front = Front(
            now=self.now,
            random=self.random,
            token_ttl=self.token_ttl,
            missing_paths=self.missing_paths,
            fault_shape=self.fault_shape,
        )
        self._working: set[asyncio.Future[Answer]] = set()

    async def answer(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """Serve one HTTP request, or raise `Refused` or `Dropped`."""
        lowered = {name.lower(): value for name, value in headers.items()}
        request = Request(method, path, lowered, body, query)
        operation = self._front.operation(path)
        fault = self.faults.take(operation) if operation else None
        if fault and fault.kind is Kind.refuse:
            raise Refused
        call = Call(operation or "", path, _readable(request, operation), self.now())
        self.calls.append(call)
        answer = await (self._spoilt(fault, request) if fault else self._served(request))
        call.status = answer.status
        return answer

    def called(self, operation: str) -> list[Call]:
        return [call for call in self.calls if call.operation == operation]

    def expire_tokens(self) -> None:
        self._front.expire_tokens()

    async def settled(self) -> None:
        """Wait for the work that callers may have stopped waiting for."""
        await asyncio.gather(*self._working, return_exceptions=True)

    async def close(self) -> None:
        for work in self._working:
            work.cancel()
        await self.settled()

    async def _served(self, request: Request) -> Answer:
        """Do the work to its end even if the caller hangs up: a bank would."""
        work = asyncio.ensure_future(self._worked(request))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        return await asyncio.shield(work)

    async def _spoilt(self, fault: Fault, request: Request) -> Answer:
        if fault.kind is Kind.unauthorized:
            return self._front.fault(401, 900901, "Invalid Credentials")
        if fault.kind is Kind.too_many:
            return self._front.throttled(fault.seconds)
        if fault.kind is Kind.slow:
            answer = await self._served(request)
            await self.sleep(fault.seconds)
            return answer
        if fault.acts:
            await self._served(request)
        return self._broken(fault.kind)

    def _broken(self, kind: Kind) -> Answer:
        if kind is Kind.drop:
            raise Dropped
        if kind is Kind.garbage:
            return GARBAGE
        if kind is Kind.bad_gateway:
            return BAD_GATEWAY
        return self._front.fault(500, 101503, "Error connecting to the back end")

    async def _worked(self, request: Request) -> Answer:
        if stopped := self._front.stopped(request):
            return stopped
        operation = self._front.operation(request.path) or ""
        if seconds := self.latency.get(operation, self.latency.get("*", 0)):
            await self.sleep(seconds)
        if operation == "token":
            return self._front.token(request)
        if operation == "revoke":
            return self._front.revoke(request)
        return await self._business(operation, request.body)

    async def _business(self, operation: str, text: bytes) -> Answer:
        body = _parsed(text)
        if body is None:
            return in_json(400, {"status": 400, "error": "Bad Request"})
        try:
            code, payload = "OK", await self.operate(operation, body)
        except Failure as failure:
            code, payload = failure.code, failure.payload
        return in_json(200, {"result": result(code, self.language(body)), **payload})


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _readable(request: Request, operation: str | None) -> dict[str, Any]:
    if operation in ("token", "revoke"):
        return dict(request.form())
    return _parsed(request.body) or {}
