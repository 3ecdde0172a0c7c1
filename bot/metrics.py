"""What a merchant's Prometheus reads: counts, taken from the database when it asks; no names."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from aiogram import Bot
from aiogram.client.session.middlewares.base import NextRequestMiddlewareType
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiojobs import Scheduler
from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bot import db
from bot.db import Counts, Database
from bot.payment import Status
from bot.times import Times

__all__ = ["CONTENT_TYPE", "Metrics"]


class Metrics(Collector):
    """A registry of its own, so that two bots in one process do not add up.

    `captures` is counted since the start, everything else is what is so now.
    """

    def __init__(
        self,
        database: Database,
        jobs: Scheduler,
        captures: Mapping[str, int],
        times: Times,
        unstored_since: Callable[[], datetime | None],
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._captures = captures
        self._lasts = {Status.capturing: times.confirm, Status.reversing: times.reverse}
        self._unstored_since = unstored_since
        self._polled_at: float | None = None
        self._counts: Counts | None = None
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    async def read(self) -> bytes:
        """Give every metric in Prometheus' text format.

        Raises:
            SQLAlchemyError, OSError: The database does not answer.
        """
        async with self._database.read() as tx:
            self._counts = await db.counts(tx)
        return generate_latest(self._registry)

    async def watch(
        self,
        make_request: NextRequestMiddlewareType[TelegramType],
        bot: Bot,
        method: TelegramMethod[TelegramType],
    ) -> Response[TelegramType]:
        """Remember when Telegram last gave updates; aiogram calls this around every request."""
        answer = await make_request(bot, method)
        if method.__api_method__ == "getUpdates":
            self._polled_at = time.time()
        return answer

    def collect(self) -> Iterator[Metric]:
        """Give what `read` has just counted; the registry calls it."""
        if self._counts is None:
            return
        counts, now = self._counts, self._database.now()
        intents = GaugeMetricFamily(
            "checkout_intents", "Payments by status, of all that are kept.", labels=["status"]
        )
        for status in Status:
            intents.add_metric([status], counts.intents.get(status, 0))
        yield intents
        yield GaugeMetricFamily(
            "checkout_unknown_outcomes",
            "Payments of which ATMOS was asked and gave no clear answer yet.",
            value=sum(counts.intents.get(status, 0) for status in self._lasts),
        )
        yield GaugeMetricFamily(
            "checkout_unknown_outcome_oldest_seconds",
            "Since ATMOS was asked about the oldest unknown outcome; 0 without one.",
            value=self._oldest_unknown(counts, now),
        )
        outbox = GaugeMetricFamily(
            "checkout_outbox",
            "What is to be said or deleted: waiting, or dead until somebody mends the cause.",
            labels=["kind", "state"],
        )
        oldest = GaugeMetricFamily(
            "checkout_outbox_oldest_seconds",
            "Since the oldest that waits was promised; 0 where nothing waits.",
            labels=["kind"],
        )
        for kind, waits in counts.outbox.items():
            outbox.add_metric([kind, "waiting"], waits.waiting)
            outbox.add_metric([kind, "dead"], waits.dead)
            oldest.add_metric([kind], _age(waits.oldest, now))
        yield from (outbox, oldest)
        yield GaugeMetricFamily(
            "checkout_jobs", "Updates and captures being worked at.", value=len(self._jobs)
        )
        captures = CounterMetricFamily(
            "checkout_captures", "Results of captures since the start.", labels=["result"]
        )
        for result, count in self._captures.items():
            captures.add_metric([result], count)
        yield captures
        yield GaugeMetricFamily(
            "checkout_updates_not_stored_seconds",
            "Since what Telegram hands over cannot be stored, and nobody is answered; else 0.",
            value=_age(self._unstored_since(), now),
        )
        if self._polled_at is not None:
            yield GaugeMetricFamily(
                "checkout_polled_timestamp_seconds",
                "When Telegram last answered getUpdates.",
                value=self._polled_at,
            )

    def _oldest_unknown(self, counts: Counts, now: datetime) -> float:
        """Give seconds: ATMOS was asked twice the call's length before it can act no more."""
        return max(
            (
                _age(until - 2 * self._lasts[status], now)
                for status, until in counts.unknown.items()
            ),
            default=0.0,
        )


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max((now - since) / timedelta(seconds=1), 0.0)
