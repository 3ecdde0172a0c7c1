"""Every query.

A use case opens `Database.write()` or `.read()`, calls these functions with the connection, and
leaves. Nothing is awaited in between but the database: no transaction is open across a call to
ATMOS or Telegram.

Each statement, but those of `counts`, is made once and given its values when it runs, since
SQLAlchemy takes longer to make one than SQLite to run it. In an update the values named like
columns are what is set.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bot.notices import Action, AdminGroup, Notice, Words
from bot.payment import (
    ABANDONED,
    PENDING,
    SOLD,
    WAITING_FOR_STUDENT,
    Buyer,
    Intent,
    Status,
    check,
)
from bot.tables import IS_OPEN, WAITS, attempts, chats, dialogues, inbox, intents, ledger, outbox

MIGRATIONS = Path(__file__).parent.parent / "migrations"
given = sa.bindparam


def utc_now() -> datetime:
    return datetime.now(UTC)


class WrittenByNewer(Exception):
    """A migration was applied that this version does not have."""


class NoBackup(Exception):
    """Why none was made, and the cure."""


class Database:
    """The engine, and the two ways to use it."""

    def __init__(self, url: str, now: Callable[[], datetime] = utc_now) -> None:
        self.now = now
        self.committed = asyncio.Event()  # set by every commit: there may be something to send
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and self.url.database:
            _make_private(Path(self.url.database))
        self.engine = create_async_engine(self.url, hide_parameters=True)
        # SQLite has one writer; queueing here is fair, its own waiting is by sleeping and luck.
        self._writing = asyncio.Lock() if self.is_sqlite else nullcontext()
        if self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is committed at the end, or rolled back by an exception."""
        async with self._writing, self.engine.begin() as tx:
            yield tx
        self.committed.set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self.engine.connect() as connection:
            yield await connection.execution_options(reads_only=True)

    async def get(self, intent_id: int) -> Intent | None:
        async with self.read() as tx:
            return await intent(tx, intent_id)

    async def move(
        self,
        intent: Intent,
        target: Status,
        said: Sequence[Notice] = (),
        *,
        seen: Sequence[str] = (),
        **changes: Any,
    ) -> bool:
        """Move an intent and promise what is said: both, or False."""
        async with self.write() as tx:
            moved = await move(tx, intent, target, seen=seen, **changes)
            if moved:
                await promise(tx, said, self.now())
        return moved

    async def amend(self, intent: Intent, said: Sequence[Notice] = (), **changes: Any) -> bool:
        """Do as `move` does, without a move."""
        async with self.write() as tx:
            changed = await change(tx, intent, **changes)
            if changed:
                await promise(tx, said, self.now())
        return changed

    async def promise(self, said: Sequence[Notice]) -> None:
        async with self.write() as tx:
            await promise(tx, said, self.now())

    async def upgrade(self) -> None:
        """Apply the migrations that are missing.

        Raises:
            WrittenByNewer: One is applied that is not known here.
        """
        async with self.write() as tx:
            await tx.run_sync(_upgrade)

    async def close(self) -> None:
        await self.engine.dispose()


def _make_private(path: Path) -> None:
    """Only the account the bot runs under may read the database, whatever the umask is.

    SQLite gives the files it makes beside it the same rights; those it finds keep theirs.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    for file in files_of(path):
        file.chmod(0o600)


def files_of(path: Path) -> list[Path]:
    """Give the database's file, and those beside it that hold what is not in it yet."""
    beside = [path.with_name(f"{path.name}-{kind}") for kind in ("wal", "shm", "journal")]
    return [file for file in (path, *beside) if file.exists()]


def back_up(url: str, target: Path) -> None:
    """Copy a SQLite database with all that is committed, into a new file for this account alone.

    Raises:
        NoBackup: It is no such database, or `target` is there already or cannot be written.
    """
    source = make_url(url)
    if source.get_backend_name() != "sqlite":
        raise NoBackup(
            "DATABASE_URL is PostgreSQL: `umask 077; pg_dump -Fc -f FILE …` copies that"
        )
    if not Path(str(source.database)).is_file():
        raise NoBackup(f"{source.database} is not there: see DATABASE_URL")
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise NoBackup(f"{target} is there already: write another name") from error
    except OSError as error:
        raise NoBackup(f"{target} cannot be written: {error.strerror}") from error
    try:
        with (
            closing(sqlite3.connect(str(source.database))) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)
    except sqlite3.Error as error:
        target.unlink()
        raise NoBackup(f"no copy was made: {error}; is the disk full?") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # `_begin_sqlite` begins
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=10000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    """Take the write lock at once: a reader that turns writer under WAL is refused, not queued."""
    reads_only = connection.get_execution_options().get("reads_only")
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command  # noqa: PLC0415  costs 0.2 s, once
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script.revision import ResolutionError  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        if isinstance(error.__cause__, ResolutionError):
            raise WrittenByNewer from error
        raise


# Intents

_NEWEST = intents.select().order_by(intents.c.created_at.desc()).limit(1)
_EVERY = intents.select().order_by(intents.c.id)
_OF_STUDENT = intents.c.student_id == given("student_id")
_OF_OFFER = intents.c.offer == given("offer")
_IS_CHALLENGED = intents.c.status == Status.challenged


def _is(statuses: Iterable[Status]) -> sa.ColumnElement[bool]:
    return intents.c.status.in_(sorted(statuses))


async def add_intent(tx: AsyncConnection, **columns: object) -> bool:
    """Insert an intent; False where one is open for the offer, or the order number is taken."""
    return await _insert(tx, intents, columns)


_INTENT = _NEWEST.where(intents.c.id == given("intent_id"))


async def intent(tx: AsyncConnection, intent_id: int, *, lock: bool = False) -> Intent | None:
    """Give an intent; with `lock` nobody else changes it before this transaction ends."""
    return await _one(tx, _INTENT, lock=lock, intent_id=intent_id)


_OPEN = _NEWEST.where(_OF_STUDENT, IS_OPEN)
_OPEN_FOR_OFFER = _OPEN.where(_OF_OFFER)


async def open_intent(
    tx: AsyncConnection, student_id: int, offer: str, *, lock: bool = False
) -> Intent | None:
    return await _one(tx, _OPEN_FOR_OFFER, lock=lock, student_id=student_id, offer=offer)


async def newest_open_intent(tx: AsyncConnection, student_id: int) -> Intent | None:
    """Give the newest open intent of a student, whatever it is for."""
    return await _one(tx, _OPEN, student_id=student_id)


_OPEN_OF_MANY = (
    intents.select()
    .where(IS_OPEN, intents.c.student_id.in_(given("student_ids", expanding=True)))
    .order_by(intents.c.created_at)
)


async def newest_open_intents(tx: AsyncConnection, student_ids: Sequence[int]) -> list[Intent]:
    """Give the newest open intent of each of these students who has one."""
    found = await _all(tx, _OPEN_OF_MANY, student_ids=list(student_ids))
    return list({intent.buyer.id: intent for intent in found}.values())


_EVERY_OPEN = _EVERY.where(_OF_STUDENT, IS_OPEN)


async def open_intents(tx: AsyncConnection, student_id: int) -> Sequence[Intent]:
    return await _all(tx, _EVERY_OPEN, student_id=student_id)


_NEWEST_OF_STUDENT = _NEWEST.where(_OF_STUDENT)


async def newest_intent(tx: AsyncConnection, student_id: int) -> Intent | None:
    """Give the newest intent of a student, whatever became of it."""
    return await _one(tx, _NEWEST_OF_STUDENT, student_id=student_id)


_BOUGHT = _NEWEST.where(_OF_STUDENT, _OF_OFFER, _is(SOLD), intents.c.id != given("but"))


async def bought(
    tx: AsyncConnection, student_id: int, offer: str, *, but: int | None = None
) -> Intent | None:
    """Give the payment by which the student has the offer, another one than `but`."""
    return await _one(tx, _BOUGHT, student_id=student_id, offer=offer, but=but or 0)


_KNOWN_CHARGE = sa.select(
    sa.exists().where(
        ledger.c.success_trans_id == given("success_trans_id"), ledger.c.intent_id != given("but")
    )
)


async def is_known_charge(tx: AsyncConnection, success_trans_id: int, *, but: int) -> bool:
    """Tell whether a charge stands in the ledger as another intent's."""
    known = await tx.execute(_KNOWN_CHARGE, {"success_trans_id": success_trans_id, "but": but})
    return bool(known.scalar_one())


_SILENT = _EVERY.where(_is(WAITING_FOR_STUDENT), intents.c.expires_at <= given("now"))


async def silent(tx: AsyncConnection, now: datetime) -> Sequence[Intent]:
    """Intents whose student has said nothing for too long, and nobody was asked for money."""
    return await _all(tx, _SILENT, now=now)


_RESENDABLE = _EVERY.where(
    _IS_CHALLENGED, intents.c.resend_at <= given("now"), intents.c.prompt_id.is_not(None)
)


async def resendable(tx: AsyncConnection, now: datetime) -> Sequence[Intent]:
    return await _all(tx, _RESENDABLE, now=now)


_OVERDUE_CODES = _EVERY.where(_IS_CHALLENGED, intents.c.code_expires_at <= given("now"))


async def overdue_codes(tx: AsyncConnection, now: datetime) -> Sequence[Intent]:
    return await _all(tx, _OVERDUE_CODES, now=now)


_TO_ASK_ABOUT = _EVERY.where(_is(ABANDONED | PENDING), intents.c.check_at <= given("now"))


async def to_ask_about(tx: AsyncConnection, now: datetime) -> Sequence[Intent]:
    """Intents of which ATMOS is to be asked: unknown ones, and those that may be charged late."""
    return await _all(tx, _TO_ASK_ABOUT, now=now)


_UNKNOWN = _EVERY.where(_is(PENDING))


async def unknown(tx: AsyncConnection) -> Sequence[Intent]:
    return await _all(tx, _UNKNOWN)


_OPENED_SINCE = _EVERY.where(
    intents.c.transaction_id.is_not(None), intents.c.created_at >= given("since")
)


async def opened_since(tx: AsyncConnection, since: datetime) -> Sequence[Intent]:
    """Intents that ATMOS has a transaction of, from `since` on."""
    return await _all(tx, _OPENED_SINCE, since=since)


async def move(
    tx: AsyncConnection,
    intent: Intent,
    target: Status,
    *,
    seen: Sequence[str] = (),
    **changes: Any,
) -> bool:
    """Compare and set: False where the intent is not any more what `intent` says it is."""
    check(intent.status, target)
    return await change(tx, intent, seen=seen, status=target, **changes)


async def change(
    tx: AsyncConnection, intent: Intent, *, seen: Sequence[str] = (), **changes: Any
) -> bool:
    """Change columns of an intent, as long as it is still what was seen.

    The status alone would not tell a second attempt from the first, so the attempt's deadline
    must be the same too, and whatever columns `seen` names.
    """
    same = ("acts_until", *seen)
    was = {f"was_{name}": getattr(intent, name) for name in ("id", "status", *same)}
    return bool((await tx.execute(_change_of(same), changes | was)).rowcount)


@cache
def _change_of(same: tuple[str, ...]) -> sa.Update:
    """Update the intent that is in the status it was in, as are the columns of `same`."""
    was = (intents.c[name].is_not_distinct_from(given(f"was_{name}")) for name in same)
    is_it = (intents.c.id == given("was_id"), intents.c.status == given("was_status"))
    return intents.update().where(*is_it, *was)


_WITHOUT_TRANSACTION = intents.update().where(
    intents.c.id == given("intent_id"), intents.c.transaction_id.is_(None)
)


async def set_transaction(tx: AsyncConnection, intent_id: int, transaction_id: int) -> bool:
    """Remember the gateway's transaction, if none is remembered yet."""
    values = {"intent_id": intent_id, "transaction_id": transaction_id}
    return bool((await tx.execute(_WITHOUT_TRANSACTION, values)).rowcount)


async def _one(
    tx: AsyncConnection, query: sa.Select[Any], *, lock: bool = False, **values: object
) -> Intent | None:
    row = (await tx.execute(_locking(query) if lock else query, values)).mappings().first()
    return _intent(row) if row else None


@cache
def _locking(query: sa.Select[Any]) -> sa.Select[Any]:
    return query.with_for_update()


async def _all(tx: AsyncConnection, query: sa.Select[Any], **values: object) -> Sequence[Intent]:
    return [_intent(row) for row in (await tx.execute(query, values)).mappings()]


def _intent(row: sa.RowMapping) -> Intent:
    columns = dict(row)
    buyer = Buyer(
        columns.pop("student_id"),
        columns.pop("name"),
        columns.pop("username"),
        columns.pop("language"),
    )
    columns["status"] = Status(columns["status"])
    return Intent(buyer=buyer, **columns)


# Ledger


async def record(tx: AsyncConnection, intent: Intent, kind: str, at: datetime) -> bool:
    """Append a money fact; False where it is known already."""
    fact = {
        "intent_id": intent.id,
        "kind": kind,
        "amount": intent.amount,
        "success_trans_id": intent.success_trans_id,
        "at": at,
    }
    return await _insert(tx, ledger, fact)


# Outbox


async def promise(tx: AsyncConnection, notices: Iterable[Notice], now: datetime) -> None:
    """Store what is to be said or deleted, each keyed notice once."""
    for notice in notices:
        row = {
            "key": notice.key,
            "chat_id": notice.chat_id,
            "topic_id": notice.topic_id,
            "action": notice.action,
            "message_id": notice.message_id,
            "words": notice.words.stored() if notice.words else {},
            "language": notice.language,
            "created_at": now,
            "due_at": now + notice.after,
            "attempts": 0,
        }
        new = await _insert(tx, outbox, row)
        if not new and notice.action is Action.delete:  # an edit may bring a card once more
            again = {"sent_at": None, "dead_at": None, "attempts": 0, "due_at": row["due_at"]}
            await tx.execute(_PROMISE, again | {"promised": notice.key})


_FIRST = sa.select(sa.func.min(outbox.c.id)).where(WAITS).group_by(outbox.c.chat_id)
_FIRST_OF_KIND = _FIRST.where(
    (outbox.c.action == Action.delete) == given("deletes"),  # no deletion waits for a message
    outbox.c.chat_id.not_in(given("but", expanding=True)),
)
_DUE = (
    outbox.select()
    .where(outbox.c.id.in_(_FIRST_OF_KIND), outbox.c.due_at <= given("now"))
    .order_by(outbox.c.id)
    .limit(given("limit"))
)


async def due(
    tx: AsyncConnection, now: datetime, limit: int, *, deletes: bool, but: Sequence[int] = ()
) -> Sequence[tuple[int, int, Notice]]:
    """Give (row id, attempts, notice) for the first that waits in every chat `but` some.

    That is its first deletion, or its first message; the oldest come first.
    """
    values = {"now": now, "limit": limit, "deletes": deletes, "but": list(but)}
    rows = (await tx.execute(_DUE, values)).mappings()
    return [(row["id"], row["attempts"], _notice(row)) for row in rows]


_WAITING_BESIDE = (
    outbox.select()
    .where(WAITS, outbox.c.chat_id == given("chat_id"), outbox.c.action == Action.send)
    .where(outbox.c.topic_id.is_not_distinct_from(given("topic_id")))
    .order_by(outbox.c.id)
    .limit(given("limit"))
)


async def waiting_beside(
    tx: AsyncConnection, notice: Notice, limit: int
) -> Sequence[tuple[int, Notice]]:
    """Give (row id, notice) of what waits to be sent to the chat and topic of `notice`."""
    here = {"chat_id": notice.chat_id, "topic_id": notice.topic_id, "limit": limit}
    rows = (await tx.execute(_WAITING_BESIDE, here)).mappings()
    return [(row["id"], _notice(row)) for row in rows]


_THESE_NOTICES = outbox.update().where(outbox.c.id.in_(given("row_ids", expanding=True)))


async def change_notices(tx: AsyncConnection, row_ids: Sequence[int], **changes: Any) -> None:
    await tx.execute(_THESE_NOTICES, changes | {"row_ids": row_ids})


_WAITING_OF_ATTEMPT = outbox.update().where(
    WAITS, outbox.c.chat_id == given("student_id"), outbox.c.key.like(given("keys"))
)


async def withdraw(tx: AsyncConnection, intent: Intent, now: datetime) -> None:
    """Say no more what waits to be said to the student of the intent's last attempt."""
    of_attempt = {"student_id": intent.buyer.id, "keys": f"{intent.id}:%:{intent.acts_until}"}
    await tx.execute(_WAITING_OF_ATTEMPT, of_attempt | {"sent_at": now, "error": "withdrawn"})


_PROMISE = outbox.update().where(outbox.c.key == given("promised"))


async def keep_promise(tx: AsyncConnection, key: str, now: datetime) -> None:
    await tx.execute(_PROMISE, {"promised": key, "sent_at": now})


_IS_DEAD = outbox.c.dead_at.is_not(None)
_DEAD = outbox.select().where(_IS_DEAD).order_by(outbox.c.id)


async def dead_notices(tx: AsyncConnection) -> Sequence[tuple[Notice, str]]:
    """Give what could not be delivered, which only the merchant can mend, and the error's name."""
    return [(_notice(row), row["error"]) for row in (await tx.execute(_DEAD)).mappings()]


_COUNT_DEAD = sa.select(sa.func.count()).where(_IS_DEAD)


async def count_dead(tx: AsyncConnection) -> int:
    """Give how many notices could not be delivered."""
    return int((await tx.execute(_COUNT_DEAD)).scalar_one())


_NEWER = outbox.alias()
_IS_SUPERSEDED = sa.exists().where(
    _NEWER.c.chat_id == outbox.c.chat_id,
    _NEWER.c.message_id == outbox.c.message_id,
    _NEWER.c.id > outbox.c.id,
    _NEWER.c.sent_at.is_not(None),
)
_REVIVE = outbox.update().where(_IS_DEAD)
_SUPERSEDE = _REVIVE.where(_IS_SUPERSEDED)


async def revive_notices(tx: AsyncConnection, now: datetime) -> None:
    """Let what could not be delivered be tried again, unless something newer stands there now."""
    await tx.execute(_SUPERSEDE, {"dead_at": None, "sent_at": now})
    await tx.execute(_REVIVE, {"dead_at": None, "attempts": 0, "due_at": now})


_READDRESS = outbox.update().where(
    outbox.c.sent_at.is_(None), outbox.c.chat_id < 0, outbox.c.action == Action.send
)


async def readdress(tx: AsyncConnection, group: AdminGroup) -> None:
    """Have what the admins were not told yet told in the group that is theirs now."""
    await tx.execute(_READDRESS, {"chat_id": group.chat_id, "topic_id": group.topic_id})


_IS_PROMISED = sa.select(sa.exists().where(outbox.c.key == given("key")))


async def is_promised(tx: AsyncConnection, key: str) -> bool:
    return bool((await tx.execute(_IS_PROMISED, {"key": key})).scalar_one())


_FORGET_INTENTS = intents.delete().where(
    _is(ABANDONED),
    intents.c.check_at.is_(None),
    intents.c.created_at < given("before"),
    intents.c.id.not_in(sa.select(ledger.c.intent_id)),
)
_FORGET_NOTICES = outbox.delete().where(
    outbox.c.sent_at < given("before"), outbox.c.dead_at.is_(None)
)


async def forget_finished(tx: AsyncConnection, before: datetime) -> int:
    """Delete what is over, tells of no money and is older than `before`; give how much that was.

    Kept for ever: the ledger, every intent that stands in it, is unknown or still asked about,
    and every notice that was not delivered.
    """
    old = await tx.execute(_FORGET_INTENTS, {"before": before})
    said = await tx.execute(_FORGET_NOTICES, {"before": before})
    return int(old.rowcount + said.rowcount)


_FORGET_DELETIONS = _FORGET_NOTICES.where(outbox.c.action == Action.delete)


async def forget_deletions(tx: AsyncConnection, before: datetime) -> int:
    """Forget the deletions that were done before that; give how many."""
    return int((await tx.execute(_FORGET_DELETIONS, {"before": before})).rowcount)


def _notice(row: sa.RowMapping) -> Notice:
    return Notice(
        chat_id=row["chat_id"],
        language=row["language"],
        words=Words.restored(row["words"]) if row["words"] else None,
        action=Action(row["action"]),
        message_id=row["message_id"],
        topic_id=row["topic_id"],
        key=row["key"],
    )


# Inbox


async def take_in(
    tx: AsyncConnection, updates: Mapping[int, int | None], now: datetime
) -> Sequence[int]:
    """Store the chats of updates by their ids, and give the ids that were not there before."""
    new = []
    for update_id, chat_id in updates.items():
        row = {"id": update_id, "chat_id": chat_id, "taken_at": now}
        if await _insert(tx, inbox, row):
            new.append(update_id)
    return new


_NO_UPDATE = -1  # Telegram's ids are above
_TAKE_OUT = inbox.delete().where(inbox.c.id == given("update_id"))


async def try_to_store(tx: AsyncConnection, now: datetime) -> None:
    """Take in what is no update and take it out again: the commit has both written to the disk."""
    await take_in(tx, {_NO_UPDATE: None}, now)
    await tx.execute(_TAKE_OUT, {"update_id": _NO_UPDATE})


_THESE_UPDATES = inbox.update().where(inbox.c.id.in_(given("update_ids", expanding=True)))


async def answered(tx: AsyncConnection, update_ids: Sequence[int], now: datetime) -> None:
    await tx.execute(_THESE_UPDATES, {"update_ids": update_ids, "answered_at": now})


_CHAT = sa.func.coalesce(inbox.c.chat_id, 0)
_IS_UNANSWERED = inbox.c.answered_at.is_(None)
_UNANSWERED = sa.select(_CHAT.label("chat")).where(_IS_UNANSWERED).distinct()
_THESE_CHATS = inbox.update().where(_IS_UNANSWERED, _CHAT.in_(given("chat_ids", expanding=True)))


async def unanswered(tx: AsyncConnection) -> Sequence[int]:
    """Give the chats which a killed process was answering or never came to; 0 for none at all."""
    return sorted((await tx.execute(_UNANSWERED)).scalars())


async def all_answered(tx: AsyncConnection, chat_ids: Sequence[int], now: datetime) -> None:
    """Leave nothing unanswered in these chats."""
    await tx.execute(_THESE_CHATS, {"chat_ids": list(chat_ids), "answered_at": now})


_FORGET_UPDATES = inbox.delete().where(inbox.c.answered_at < given("before"))


async def forget_updates(tx: AsyncConnection, before: datetime) -> None:
    """Delete what was answered so long ago that Telegram repeats it no more."""
    await tx.execute(_FORGET_UPDATES, {"before": before})


# Counts


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much of the outbox is not told; `oldest` is when the first that waits was promised."""

    waiting: int = 0
    dead: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What waits and what is; `unknown` gives until when ATMOS may act, of the oldest such."""

    intents: dict[Status, int]
    unknown: dict[Status, datetime]
    outbox: dict[str, Waiting]


_COUNT_INTENTS = sa.select(sa.func.count()).select_from(intents)


async def count_intents(tx: AsyncConnection) -> int:
    return int((await tx.execute(_COUNT_INTENTS)).scalar_one())


async def counts(tx: AsyncConnection) -> Counts:
    by_status = await tx.execute(
        sa.select(intents.c.status, sa.func.count(), sa.func.min(intents.c.acts_until)).group_by(
            intents.c.status
        )
    )
    rows = [(Status(status), count, until) for status, count, until in by_status]
    return Counts(
        intents={status: count for status, count, _ in rows},
        unknown={status: until for status, _, until in rows if status in PENDING and until},
        outbox={
            "message": await _waiting(tx, outbox.c.action != Action.delete),
            "deletion": await _waiting(tx, outbox.c.action == Action.delete),
        },
    )


async def _waiting(tx: AsyncConnection, of_kind: sa.ColumnElement[bool]) -> Waiting:
    waiting = sa.select(sa.func.count(), sa.func.min(outbox.c.created_at)).where(WAITS, of_kind)
    dead = _COUNT_DEAD.where(of_kind)
    count, oldest = (await tx.execute(waiting)).one()
    return Waiting(count, (await tx.execute(dead)).scalar_one(), oldest)


# Chats and dialogues

_GOING_ON = sa.select(dialogues.c.key).where(dialogues.c.state.is_not(None))


async def dialogues_going_on(tx: AsyncConnection) -> Sequence[str]:
    return (await tx.execute(_GOING_ON)).scalars().all()


_LANGUAGE = sa.select(chats.c.language).where(chats.c.id == given("chat_id"))


async def language(tx: AsyncConnection, chat_id: int) -> str | None:
    return (await tx.execute(_LANGUAGE, {"chat_id": chat_id})).scalar_one_or_none()


_SPEAK = intents.update().where(intents.c.student_id == given("speaker"))


async def choose_language(tx: AsyncConnection, chat_id: int, language: str) -> None:
    """Remember a language for a chat, and for what is still to be told of its payments."""
    await tx.execute(_SPEAK, {"speaker": chat_id, "language": language})
    await _upsert(tx, chats, {"id": chat_id}, {"language": language})


_DIALOGUE = sa.select(dialogues.c.state, dialogues.c.data).where(dialogues.c.key == given("key"))


async def dialogue(
    tx: AsyncConnection, key: str, *, lock: bool = False
) -> tuple[str | None, dict[str, Any]]:
    query = _locking(_DIALOGUE) if lock else _DIALOGUE
    row = (await tx.execute(query, {"key": key})).first()
    return (row.state, row.data) if row else (None, {})


_STATES = sa.select(dialogues.c.key, dialogues.c.state).where(
    dialogues.c.key.in_(given("keys", expanding=True))
)


async def states(tx: AsyncConnection, keys: Sequence[str]) -> dict[str, str | None]:
    """Give the states of these dialogues, of those that there are."""
    return {row.key: row.state for row in await tx.execute(_STATES, {"keys": list(keys)})}


async def set_dialogue(tx: AsyncConnection, key: str, **columns: object) -> None:
    await _upsert(tx, dialogues, {"key": key}, columns, otherwise={"data": {}})


async def _insert(tx: AsyncConnection, table: sa.Table, values: dict[str, Any]) -> bool:
    """Insert; False where a unique key says that it is there already."""
    statement = _insert_into(table, tx.dialect.name)
    return bool((await tx.execute(statement, values)).rowcount)


@cache
def _insert_into(table: sa.Table, dialect: str) -> Any:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing()


async def _upsert(
    tx: AsyncConnection,
    table: sa.Table,
    key: dict[str, Any],
    values: dict[str, Any],
    otherwise: dict[str, Any] | None = None,
) -> None:
    statement = _upsert_into(table, tx.dialect.name, tuple(key), tuple(values))
    await tx.execute(statement, (otherwise or {}) | key | values)


@cache
def _upsert_into(
    table: sa.Table, dialect: str, key: tuple[str, ...], names: tuple[str, ...]
) -> Any:
    insert = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(table)
    newer = {name: insert.excluded[name] for name in names}
    return insert.on_conflict_do_update(index_elements=key, set_=newer)


# Attempts

_NEWEST_ATTEMPTS = (
    sa.select(attempts.c.at)
    .where(attempts.c.student_id == given("student_id"), attempts.c.kind == given("kind"))
    .where(attempts.c.at > given("since"))
    .order_by(attempts.c.at.desc())
    .offset(given("skipped"))
    .limit(1)
)
_ADD_ATTEMPT = attempts.insert().returning(attempts.c.id)
_TAKE_BACK_ATTEMPT = attempts.delete().where(attempts.c.id == given("row_id"))
_FORGET_ATTEMPTS = attempts.delete().where(attempts.c.at < given("before"))
_CAPTURES_BESIDE = (
    sa.select(sa.func.count())
    .select_from(intents)
    .where(_OF_STUDENT, intents.c.id != given("but"), intents.c.status == Status.capturing)
)


async def alone(tx: AsyncConnection, student_id: int) -> None:
    """Have whoever else counts or looks at what this student did wait for the end of this.

    It comes before any lock of a row. SQLite has one writer, who is alone.
    """
    if tx.dialect.name == "postgresql":
        await tx.execute(sa.select(sa.func.pg_advisory_xact_lock(student_id)))


async def add_attempt(tx: AsyncConnection, student_id: int, kind: str, at: datetime) -> int:
    row = {"student_id": student_id, "kind": kind, "at": at}
    return int((await tx.execute(_ADD_ATTEMPT, row)).scalar_one())


async def take_back_attempt(tx: AsyncConnection, row_id: int) -> None:
    await tx.execute(_TAKE_BACK_ATTEMPT, {"row_id": row_id})


async def attempt_at(
    tx: AsyncConnection, student_id: int, kind: str, since: datetime, number: int
) -> datetime | None:
    """Give when the student's newest but `number - 1` was; None where there are fewer."""
    values = {"student_id": student_id, "kind": kind, "since": since, "skipped": number - 1}
    return (await tx.execute(_NEWEST_ATTEMPTS, values)).scalar_one_or_none()


async def captures_beside(tx: AsyncConnection, intent: Intent) -> int:
    """Count the student's other captures that are under way."""
    values = {"student_id": intent.buyer.id, "but": intent.id}
    return int((await tx.execute(_CAPTURES_BESIDE, values)).scalar_one())


async def forget_attempts(tx: AsyncConnection, before: datetime) -> int:
    return int((await tx.execute(_FORGET_ATTEMPTS, {"before": before})).rowcount)
