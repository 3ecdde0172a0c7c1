"""SQLite for the bot without threads: the engine `bot.db` asks for, over the `sqlite3` of here.

The statements, the files and the locks are the real ones. Before each statement and around each
commit others may run, and the process may die.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, Self

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from bot.tables import metadata


class Process(Protocol):
    """Whose engine it is."""

    dead: bool

    async def point(self, place: str) -> None:
        """Let others run, or die."""

    def committed(self) -> None:
        """Hear of a commit."""


class Connection:
    """As much of SQLAlchemy's `AsyncConnection` as `bot.db` uses."""

    def __init__(self, connection: sa.Connection, process: Process) -> None:
        self._connection = connection
        self._process = process

    @property
    def dialect(self) -> sa.Dialect:
        return self._connection.dialect

    async def execution_options(self, **options: Any) -> Self:
        self._connection.execution_options(**options)
        return self

    async def execute(self, statement: sa.Executable) -> Any:
        await self._process.point("database, before a statement")
        return self._connection.execute(statement)


class Engine:
    """As much of SQLAlchemy's `AsyncEngine` as `bot.db` uses, for one process.

    When the process dies its connections are closed as the operating system would close them.
    """

    def __init__(self, sync_engine: sa.Engine, process: Process) -> None:
        self.sync_engine = sync_engine
        self._process = process
        self._opened: list[sqlite3.Connection] = []
        sa.event.listen(sync_engine, "connect", lambda raw, _: self._opened.append(raw))

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        await self._process.point("database, before BEGIN")
        connection = self.sync_engine.connect()
        try:
            yield Connection(connection, self._process)
        finally:
            if self._process.dead:
                connection.invalidate()  # the pool has nothing to put in order
            connection.close()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Connection]:
        async with self.connect() as connection:
            connection._connection.begin()
            yield connection
            await self._process.point("database, before COMMIT")
            connection._connection.commit()
            self._process.committed()
            await self._process.point("database, after COMMIT")

    def cut(self) -> None:
        for raw in self._opened:
            raw.close()

    async def dispose(self) -> None:
        self.sync_engine.dispose()


class Engines:
    """Makes databases, and engines that share what SQLAlchemy has compiled.

    For a new engine it would compile everything anew, which took longer than all else in a seed.
    """

    def __init__(self, home: Path) -> None:
        template = home / "template.db"
        self._first = sa.create_engine(f"sqlite:///{template}")
        with self._first.begin() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        with self._first.begin() as connection:
            metadata.create_all(connection)
        self._first.dispose()
        self._empty = template.read_bytes()

    def database(self, path: Path) -> Path:
        """Make an empty database."""
        path.write_bytes(self._empty)
        return path

    def engine(self, path: Path, process: Process) -> Engine:
        first = self._first
        pool = QueuePool(
            lambda: sqlite3.connect(path),  # type: ignore[arg-type]
            dialect=first.dialect,
            max_overflow=-1,
        )
        engine = sa.Engine(pool, first.dialect, sa.make_url(f"sqlite:///{path}"))
        engine._compiled_cache = first._compiled_cache
        return Engine(engine, process)
