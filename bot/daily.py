"""Every payment of the last days beside what ATMOS shows of it: once a day, or when asked for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import structlog

from atmos import AtmosError, Declined
from bot import db, notices
from bot.db import Database
from bot.evidence import SETTLED, Verdict
from bot.limits import KEPT
from bot.notices import AdminGroup
from bot.offers import TASHKENT
from bot.payment import Intent
from bot.reconcile import AT_ONCE, Reconciliation

log = structlog.get_logger()

AT = time(9)  # in Tashkent
DAYS = timedelta(days=3)  # looked back
REPEATED = timedelta(days=2)  # Telegram keeps an update for one
ERASED = timedelta(days=2)  # a deletion that was done; an edit with a card promises one anew


@dataclass(slots=True)
class Report:
    """What a comparison found; silent agreement is only counted."""

    agreed: int = 0
    undecided: list[tuple[Intent, str]] = field(default_factory=list)  # and why
    unanswered: int = 0  # of those, the ones to which ATMOS answered nothing
    differences: list[tuple[Intent, Verdict]] = field(default_factory=list)

    def add(self, intent: Intent, found: Verdict | AtmosError | None) -> None:
        if found in (Verdict.agrees, Verdict.known):
            self.agreed += 1
        elif isinstance(found, Verdict) and found is not Verdict.undecided:
            self.differences.append((intent, found))
        else:
            self.undecided.append((intent, _why(found)))
            self.unanswered += isinstance(found, AtmosError) and not isinstance(found, Declined)

    def lines(self) -> list[str]:
        """Give a line for each difference: the order, what is stored, what ATMOS's word means."""
        return [f"{intent.id}: {intent.status} → {found}" for intent, found in self.differences]

    def is_clean(self, *, fixed: bool) -> bool:
        """Tell whether everything is known, and no difference is left."""
        mended = all(fixed and found in SETTLED for _, found in self.differences)
        return mended and not self.undecided


def _why(found: Verdict | AtmosError | None) -> str:
    if isinstance(found, Declined):
        return f"ATMOS: {found}"
    if isinstance(found, AtmosError):
        return f"no answer: {found}"
    return "the log says why" if found is None else "ATMOS may still be acting"


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
        if self._done_on == now.date() or now.time() < AT:
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
                undecided = len(report.undecided)
                words = notices.daily(report.agreed, undecided, report.differences)
                await db.promise(tx, [self._admins.told(words, key)], self._database.now())
            forgotten = await db.forget_finished(tx, now - self._retention)
            forgotten += await db.forget_deletions(tx, now - ERASED)
            await db.forget_updates(tx, now - REPEATED)
            forgotten += await db.forget_attempts(tx, now - KEPT)
        log.info("daily", agreed=report.agreed, differ=len(report.differences), forgot=forgotten)

    async def opened_since(self, since: datetime) -> Sequence[Intent]:
        async with self._database.read() as tx:
            return await db.opened_since(tx, since)

    async def compared(
        self, intents: Sequence[Intent], *, fix: bool
    ) -> AsyncIterator[tuple[Intent, Verdict | AtmosError | None]]:
        """Ask ATMOS about each, some at once; with `fix` record and tell what it shows.

        Gives the error for an intent of which ATMOS shows nothing, None where the fault is ours.
        """
        at_once = asyncio.Semaphore(AT_ONCE)
        act = self._reconciliation.ask if fix else self._reconciliation.look

        async def compare(intent: Intent) -> tuple[Intent, Verdict | AtmosError | None]:
            async with at_once:
                try:
                    return intent, await act(intent)
                except AtmosError as error:
                    log.warning("no_evidence", intent=intent.id, error=str(error))
                    return intent, error
                except Exception:  # one that makes no sense stops no other
                    log.exception("compare_failed", intent=intent.id)
                return intent, None

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(compare(intent)) for intent in intents]
            for done in asyncio.as_completed(tasks):
                yield await done
