"""The bearer token: fetched when needed, kept for as long as ATMOS says, renewed once on a 401."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from http import HTTPStatus

import httpx
from pydantic import BaseModel


class Token(BaseModel, frozen=True):
    """`expires_in` is in seconds and counts what is left: ATMOS hands out a live token again."""

    access_token: str
    expires_in: float


class BearerAuth(httpx.Auth):
    """Puts a token on every request.

    A 401 was given by the gateway in front of ATMOS, so nothing was done and the request may be
    repeated with a new token, once, whatever the body of the refusal is.
    """

    EARLY = 60.0  # seconds before the end at which a token is no longer trusted

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Token]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._good_until = 0.0

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = await self.token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            request.headers["Authorization"] = f"Bearer {await self.token(instead_of=token)}"
            yield request

    async def token(self, instead_of: str | None = None) -> str:
        """Give a live token, a new one where the caller has seen `instead_of` refused."""
        async with self._lock:
            if self._clock() >= self._good_until or self._token == instead_of:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        fetched = await self._fetch()
        self._token = fetched.access_token
        self._good_until = self._clock() + max(fetched.expires_in - self.EARLY, 0)
