"""Card numbers between their step and that of the expiry: in this process, or sealed in Redis."""

import os
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError, ResponseError

from bot.cards import CardNumber

log = structlog.get_logger()

SILENCE = 2.0  # seconds Redis may take; it needs a millisecond
NONCE = 12  # bytes, as AES-GCM wants them

_T = TypeVar("_T")


class VaultAway(Exception):
    """Redis does not answer, or not as it should: nothing was held, nothing is given."""


class Vault(Protocol):
    """Holds the card number of an intent, for at most its time from when it was typed."""

    async def put(self, intent_id: int, number: CardNumber) -> None:
        """Hold `number`, in place of another.

        Raises:
            VaultAway
        """

    async def get(self, intent_id: int) -> CardNumber | None:
        """Give what is held; None where nothing is, or nothing that can be read any more.

        Raises:
            VaultAway
        """

    async def wipe(self, *intent_ids: int) -> None:
        """Let go of what is held. Never fails: what cannot be wiped goes when its time is over."""

    async def forget_old(self) -> None:
        """Drop every number that has been held for its time."""

    async def aclose(self) -> None:
        """Leave nothing in this process."""


class MemoryVault:
    """In this process only: a restart forgets."""

    def __init__(self, ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ttl = ttl
        self._clock = clock
        self._held: dict[int, tuple[CardNumber, float]] = {}

    async def put(self, intent_id: int, number: CardNumber) -> None:
        await self.forget_old()
        self._held[intent_id] = number, self._clock() + self._ttl

    async def get(self, intent_id: int) -> CardNumber | None:
        await self.forget_old()
        number, _ = self._held.get(intent_id, (None, 0))
        return number

    async def wipe(self, *intent_ids: int) -> None:
        for intent_id in intent_ids:
            self._held.pop(intent_id, None)

    async def forget_old(self) -> None:
        now = self._clock()
        for intent_id in [key for key, (_, until) in self._held.items() if until <= now]:
            del self._held[intent_id]

    async def aclose(self) -> None:
        self._held.clear()


class RedisVault:
    """In Redis: what lies there opens with the key only, and for its own intent only."""

    def __init__(self, url: str, key: bytes, ttl: float) -> None:
        self._cipher = AESGCM(key)
        self._milliseconds = max(round(ttl * 1000), 1)
        self._redis = Redis.from_url(
            url,
            socket_timeout=SILENCE,
            socket_connect_timeout=SILENCE,
            retry=Retry(NoBackoff(), 1, (ConnectionLost,)),  # Redis may have been restarted
        )

    async def put(self, intent_id: int, number: CardNumber) -> None:
        nonce = os.urandom(NONCE)
        sealed = self._cipher.encrypt(nonce, number.reveal().encode(), _about(intent_id))
        await _answered(self._redis.set(_name(intent_id), nonce + sealed, px=self._milliseconds))

    async def get(self, intent_id: int) -> CardNumber | None:
        held = await _answered(self._redis.get(_name(intent_id)))
        if not isinstance(held, bytes):
            return None
        try:
            opened = self._cipher.decrypt(held[:NONCE], held[NONCE:], _about(intent_id))
        except (InvalidTag, ValueError):  # the latter where it is too short
            log.warning("card_does_not_open", intent=intent_id)
            return None
        return CardNumber(opened.decode())

    async def wipe(self, *intent_ids: int) -> None:
        if not intent_ids:
            return
        try:
            await self._redis.delete(*map(_name, intent_ids))
        except RedisError as error:
            log.warning("card_not_wiped", error=type(error).__name__)

    async def forget_old(self) -> None:
        """Redis does that itself."""

    async def aclose(self) -> None:
        """Leave in Redis what it holds, for its time: a restart costs no student the card."""
        await self._redis.aclose()

    async def writes_to_disk(self) -> bool:
        """Tell whether this Redis says that it does."""
        try:
            found = await _answered(self._redis.config_get("save", "appendonly"))
        except VaultAway as away:
            if isinstance(away.__cause__, ResponseError):  # not for every account
                return False
            raise
        return bool(found.get("save")) or found.get("appendonly") == "yes"


async def _answered(asked: Awaitable[_T]) -> _T:
    try:
        return await asked
    except RedisError as error:
        log.warning("vault_away", error=type(error).__name__)
        raise VaultAway(type(error).__name__) from error


def _name(intent_id: int) -> str:
    return f"checkout:card:{intent_id}"


def _about(intent_id: int) -> bytes:
    """Give what is sealed in with a number, so that it does not open under another intent."""
    return str(intent_id).encode()
