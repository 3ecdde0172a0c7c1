"""How often a student may try: what keeps the bot from being a tool for testing stolen cards.

What counts for a day is in the database, and outlives a crash. What tells one card from another is
in this process alone: a hash under a random key, for an hour.
"""

import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from sqlalchemy.ext.asyncio import AsyncConnection

from bot import db
from bot.cards import CardNumber
from bot.db import Database
from bot.payment import Intent

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEPT = 2 * DAY  # in the database
REMEMBERED = 10_000  # requests in memory; of more, the oldest are let go


class Limit(StrEnum):
    """What there was too much of; each has its text, and the last three are counted in a table."""

    cards = "cards"  # of one student
    card = "card"  # its students, or what all of them together asked
    codes = "codes"  # asked for
    guesses = "guesses"  # wrong codes
    payments = "payments"  # opened at ATMOS


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is allowed; the settings say it."""

    cards_an_hour: int  # of one student; as many students of one card
    code_requests_a_day: int  # of one student; as many within an hour of one card
    codes_a_challenge: int
    wrong_codes_a_day: int
    payments_a_day: int


class LimitReached(Exception):
    """No more of it before `until`."""

    def __init__(self, limit: Limit, until: datetime) -> None:
        super().__init__(f"{limit}, until {until}")
        self.limit = limit
        self.until = until


@dataclass(frozen=True, slots=True)
class Request:
    """One request for a code, as it counts."""

    row_id: int
    at: datetime
    student_id: int
    intent_id: int
    card: bytes | None  # None: it is known to an earlier process only


class Attempts:
    """Counts what students try.

    Looking and counting are one transaction, the caller's, which counts alone; for a card they are
    one step without an await.
    """

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits
        self._key = secrets.token_bytes(32)
        self._requests: deque[Request] = deque(maxlen=REMEMBERED)  # the oldest first

    async def open_payment(self, tx: AsyncConnection, intent: Intent) -> int:
        """Count a payment that is opened at ATMOS, and give the row that does.

        Raises:
            LimitReached: The student has opened enough of them. Nothing is counted.
        """
        student_id = intent.buyer.id
        await self._check(tx, student_id, Limit.payments, self._limits.payments_a_day)
        return await db.add_attempt(tx, student_id, Limit.payments, self._database.now())

    async def request_code(
        self, tx: AsyncConnection, intent: Intent, number: CardNumber | None = None
    ) -> Request:
        """Count a request for a code; without `number` it is about the intent's last card.

        Raises:
            LimitReached: The student or the card has had enough of them. Nothing is counted.
        """
        student_id, now = intent.buyer.id, self._database.now()
        await self._check(tx, student_id, Limit.codes, self._limits.code_requests_a_day)
        row_id = await db.add_attempt(tx, student_id, Limit.codes, now)
        card = self._hash(number) if number else self._last_card(intent)
        if card is not None:
            self._check_card(student_id, card)
        request = Request(row_id, now, student_id, intent.id, card)
        self._requests.append(request)
        return request

    async def take_back(self, row_id: int) -> None:
        """Count no more what never arrived."""
        async with self._database.write() as tx:
            await db.take_back_attempt(tx, row_id)
        self.forget(row_id)

    def forget(self, row_id: int) -> None:
        """Let go of the card of a request that does not count."""
        counted = (request for request in self._requests if request.row_id != row_id)
        self._requests = deque(counted, maxlen=REMEMBERED)

    async def try_code(self, tx: AsyncConnection, intent: Intent) -> None:
        """Look before a code is tried; a wrong one is counted with its answer.

        Other codes of the student that are being tried may turn out wrong, so they count here.

        Raises:
            LimitReached: The student has tried enough wrong ones.
        """
        most = self._limits.wrong_codes_a_day - await db.captures_beside(tx, intent)
        await self._check(tx, intent.buyer.id, Limit.guesses, max(most, 1))

    def forget_old(self) -> None:
        """Let go of what was an hour ago."""
        since = self._database.now() - HOUR
        while self._requests and self._requests[0].at <= since:
            self._requests.popleft()

    async def _check(self, tx: AsyncConnection, student_id: int, limit: Limit, most: int) -> None:
        since = self._database.now() - DAY
        filling = await db.attempt_at(tx, student_id, limit, since, most)
        if filling is not None:
            raise LimitReached(limit, filling + DAY)

    def _check_card(self, student_id: int, card: bytes) -> None:
        self.forget_old()
        same = [request for request in self._requests if request.card == card]
        own = [request for request in self._requests if request.student_id == student_id]
        cards = {request.card: request.at for request in own if request.card}  # when last
        students = {request.student_id: request.at for request in same}
        if card not in cards:
            _check_room(Limit.cards, cards.values(), self._limits.cards_an_hour)
        if student_id not in students:
            _check_room(Limit.card, students.values(), self._limits.cards_an_hour)
        times = [request.at for request in same]
        _check_room(Limit.card, times, self._limits.code_requests_a_day)

    def _last_card(self, intent: Intent) -> bytes | None:
        newest = reversed(self._requests)
        return next((one.card for one in newest if one.intent_id == intent.id), None)

    def _hash(self, number: CardNumber) -> bytes:
        return blake2b(number.reveal().encode(), key=self._key, digest_size=16).digest()


def _check_room(limit: Limit, times: Iterable[datetime], most: int) -> None:
    """Refuse one more beside those of the last hour, until there are fewer than `most`."""
    newest = sorted(times, reverse=True)
    if len(newest) >= most:
        raise LimitReached(limit, newest[most - 1] + HOUR)
