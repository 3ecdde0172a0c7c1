"""Every payment of the last days beside what ATMOS shows of it: once a day, or when asked for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import structlog

from atmos import AtmosError
from bot import db, notices
from bot.db import Database
from bot.notices import AdminGroup
from bot.offers import TASHKENT
from bot.payment import Intent
from bot.reconcile import AT_ONCE, SETTLED, Reconciliation, Verdict

log = structlog.get_logger()

AT = time(9, tzinfo=TASHKENT)
DAYS = timedelta(days=3)  # looked back
LISTED = 20  # differences named one by one in the report


@dataclass(slots=True)
class Report:
    """What a comparison found; silent agreement is only counted."""

    agreed: int = 0
    undecided: int = 0  # ATMOS may still be acting, or shows nothing
    differences: list[tuple[Intent, Verdict]] = field(default_factory=list)

    def add(self, intent: Intent, found: Verdict | None) -> None:
        if found is Verdict.agrees:
            self.agreed += 1
        elif found in (None, Verdict.undecided):
            self.undecided += 1
        else:
            self.differences.append((intent, found))

    def lines(self) -> list[str]:
        """Give a line for each difference: the order, what is stored, what ATMOS's word means."""
        return [f"{intent.id}: {intent.status} → {found}" for intent, found in self.differences]

    def left(self, *, fixed: bool) -> bool:
        """Tell whether a difference is left, which only a person can mend."""
        return any(not fixed or found not in SETTLED for _, found in self.differences)


class Daily:
    """Compares both ways: what we hold for paid, and what ATMOS holds for paid."""

    def __init__(
        self,
        database: Database,
        reconciliation: Reconciliation,
        admins: AdminGroup,
        retention: timedelta,
    ) -> None:
        self._database = database
        self._reconciliation = reconciliation
        self._admins = admins
        self._retention = retention
        self._done_on: date | None = None

    async def run_due(self) -> None:
        """Once a day from nine o'clock on: compare, settle, report, forget what is over."""
        now = self._database.now().astimezone(TASHKENT)
        if self._done_on == now.date() or now.timetz() < AT:
            return
        key = f"admins:daily:{now.date()}"
        async with self._database.read() as tx:
            done = await db.is_promised(tx, key)
        if not done:
            await self._run(now, key)
        self._done_on = now.date()

    async def _run(self, now: datetime, key: str) -> None:
        report = Report()
        intents = await self.opened_since(now - DAYS)
        async for intent, found in self.compared(intents, fix=True):
            report.add(intent, found)
        async with self._database.write() as tx:
            if intents:
                words = notices.daily(report.agreed, report.undecided, report.lines()[:LISTED])
                await db.promise(tx, [self._admins.told(words, key)], self._database.now())
            forgotten = await db.forget_finished(tx, now - self._retention)
        log.info("daily", agreed=report.agreed, differ=len(report.differences), forgot=forgotten)

    async def opened_since(self, since: datetime) -> Sequence[Intent]:
        async with self._database.read() as tx:
            return await db.opened_since(tx, since)

    async def compared(
        self, intents: Sequence[Intent], *, fix: bool
    ) -> AsyncIterator[tuple[Intent, Verdict | None]]:
        """Ask ATMOS about each, some at once; with `fix` record and tell what it shows.

        Gives None for an intent of which ATMOS shows nothing.
        """
        at_once = asyncio.Semaphore(AT_ONCE)

        async def compare(intent: Intent) -> tuple[Intent, Verdict | None]:
            async with at_once:
                try:
                    if fix:
                        return intent, await self._reconciliation.ask(intent)
                    return intent, await self._reconciliation.look(intent)
                except AtmosError as error:
                    log.warning("no_evidence", intent=intent.id, error=str(error))
                    return intent, None

        for done in asyncio.as_completed([compare(intent) for intent in intents]):
            yield await done
