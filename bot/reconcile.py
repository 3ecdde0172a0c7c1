"""Ask ATMOS about every payment whose outcome is unknown, until it knows."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from atmos import AtmosClient, AtmosError, OutcomeUnknown, Transaction
from bot import db
from bot.db import Database
from bot.evidence import SETTLED, Verdict, may_act, verdict
from bot.outcome import Outcomes
from bot.payment import PENDING, Intent, Status
from bot.times import Times

log = structlog.get_logger()

AT_ONCE = 10  # questions to ATMOS
TOO_LONG = timedelta(minutes=1)  # since ATMOS could last act: five since it was asked
PRESSED = timedelta(seconds=5)  # between two questions of a student
AFTERWARDS = 7  # times the last rung, a day


class Reconciliation:
    """Climbs the ladder of `Times.checks` for every intent left capturing or reversing."""

    def __init__(
        self, database: Database, atmos: AtmosClient, outcomes: Outcomes, times: Times
    ) -> None:
        self._database = database
        self._atmos = atmos
        self._outcomes = outcomes
        self._times = times
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._pressed: dict[int, datetime] = {}  # when a student last asked about an intent

    async def check_due(self) -> None:
        """Ask about every intent that is due, some at once: `get` may take half a minute."""
        async with self._database.read() as tx:
            due = await db.to_ask_about(tx, self._database.now())
        await _each(self._check_in_turn, due)

    async def ask_all(self) -> None:
        """Ask about everything unknown at once, as at a start; the ladder is not climbed."""
        async with self._database.read() as tx:
            unknown = await db.unknown(tx)
        await _each(self._ask_in_turn, unknown)

    async def ask(self, intent: Intent) -> Verdict:
        """Ask about one now, and record what the evidence shows.

        Raises:
            AtmosError: There is no evidence; nothing changed.
        """
        return await self._outcomes.record(intent, *await self.evidence(intent))

    async def ask_for_student(self, intent: Intent) -> Verdict:
        """Ask for a student who presses a button: once in a while, however often that is.

        Raises:
            AtmosError: There is no evidence; nothing changed.
        """
        now = self._database.now()
        self._pressed = {id_: at for id_, at in self._pressed.items() if now - at < PRESSED}
        if intent.id in self._pressed:
            return Verdict.undecided
        self._pressed[intent.id] = now
        return await self.ask(intent)

    async def look(self, intent: Intent) -> Verdict:
        """Ask about one now, and record nothing.

        Raises:
            AtmosError: There is no evidence.
        """
        return verdict(intent, *await self.evidence(intent))

    async def evidence(self, intent: Intent) -> tuple[Transaction, datetime]:
        """Give what ATMOS shows of an intent, and when it was asked.

        Raises:
            AtmosError: It shows nothing, which proves nothing.
        """
        if intent.transaction_id is None:
            raise OutcomeUnknown(f"{intent.id} was never opened at ATMOS")
        asked_at = self._database.now()
        return await self._atmos.get(intent.transaction_id), asked_at

    async def check(self, intent: Intent) -> None:
        """Record what the evidence shows; where that decides nothing, when to ask again."""
        try:
            found = await self.ask(intent)
        except AtmosError as error:  # proves nothing
            log.warning("no_evidence", intent=intent.id, error=str(error))
            await self._later(intent, error)
            return
        if found not in SETTLED:
            await self._later(intent)

    async def _check_in_turn(self, intent: Intent) -> None:
        """Check one; what goes wrong with it does not keep the others from being asked about."""
        async with self._at_once:
            try:
                await self.check(intent)
            except Exception:
                log.exception("check_failed", intent=intent.id)
                await self._later(intent)

    async def _ask_in_turn(self, intent: Intent) -> None:
        async with self._at_once:
            if intent.status is Status.capturing:
                said = self._outcomes.checking(intent)
                await self._database.amend(intent, said, note_id=None)
                intent = replace(intent, note_id=None)  # what comes of it is said anew
            try:
                await self.ask(intent)
            except AtmosError as error:
                log.warning("no_evidence", intent=intent.id, error=str(error))
            except Exception:
                log.exception("ask_failed", intent=intent.id)

    async def _later(self, intent: Intent, error: AtmosError | None = None) -> None:
        """Climb a rung. At the top it stays as it is: an unknown one is left to a person."""
        now, checks = self._database.now(), intent.checks + 1
        over = checks >= len(self._times.checks) + AFTERWARDS
        check_at = None if over else now + self._times.until_check(checks)
        said = self._outcomes.checking(intent)
        if intent.status in PENDING and over:
            said += self._outcomes.left_unknown(intent)
        elif intent.status in PENDING and not may_act(intent, now - TOO_LONG):
            said += self._outcomes.still_unknown(intent, error)
        await self._database.amend(intent, said, checks=checks, check_at=check_at, note_id=None)


async def _each(ask: Callable[[Intent], Awaitable[None]], intents: Sequence[Intent]) -> None:
    """Ask about each; only when all have ended, raise what went wrong with one."""
    ended = await asyncio.gather(*map(ask, intents), return_exceptions=True)
    if failed := next(filter(None, ended), None):
        raise failed
