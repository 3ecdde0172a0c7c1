"""SQLite for the bot without threads: aiosqlite's surface over the `sqlite3` of this thread.

Every statement and commit is a point at which others run and the process may die. The files, the
locks and the SQL are SQLite's own.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, Self

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_dbapi
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from bot import db

NAMES = (
    "DatabaseError",
    "Error",
    "IntegrityError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "sqlite_version",
    "sqlite_version_info",
)


class Process(Protocol):
    """Whose connection it is."""

    dead: bool

    async def point(self, place: str) -> None:
        """Let others run, or die."""

    def committed(self) -> None:
        """Hear of a commit."""


class Cursor:
    """A cursor of aiosqlite's kind."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._cursor = connection.raw.cursor()

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid

    async def execute(self, statement: str, parameters: Any = ()) -> Self:
        await self._connection.process.point(_place(statement))
        self._cursor.execute(statement, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def close(self) -> None:
        self._cursor.close()


class Connection:
    """A connection of aiosqlite's kind; it dies with its process, and its transaction with it."""

    def __init__(self, path: str, process: Process) -> None:
        self.process = process
        self.raw = sqlite3.connect(path, check_same_thread=False)
        self._tx = SimpleNamespace(put_nowait=_at_once)

    def __await__(self) -> Any:
        return self._opened().__await__()

    async def _opened(self) -> Self:
        return self

    @property
    def _conn(self) -> sqlite3.Connection:
        return self.raw

    @property
    def _connection(self) -> sqlite3.Connection | None:
        return None if self.process.dead else self.raw

    @property
    def isolation_level(self) -> str | None:
        return self.raw.isolation_level

    def cursor(self) -> Cursor:
        return Cursor(self)

    async def create_function(self, *args: Any, **options: Any) -> None:
        self.raw.create_function(*args, **options)

    async def commit(self) -> None:
        await self.process.point("db before COMMIT")
        self.raw.commit()
        self.process.committed()
        await self.process.point("db after COMMIT")

    async def rollback(self) -> None:
        if not self.process.dead:
            self.raw.rollback()

    async def close(self) -> None:
        self.stop()

    def stop(self) -> None:
        """Do what the operating system does for a process that is gone."""
        self.raw.close()


def _at_once(asked: tuple[Any, Callable[[], None]]) -> None:
    future, act = asked
    future.set_result(act())


def _place(statement: str) -> str:
    return f"db {statement.split(None, 1)[0]}"


class Module(SimpleNamespace):
    """What SQLAlchemy takes for the module `aiosqlite`."""

    Connection = Connection


_DBAPI = AsyncAdapt_aiosqlite_dbapi(
    Module(**{name: getattr(sqlite3, name) for name in NAMES}),  # type: ignore[arg-type]
    sqlite3,
)


class Engines:
    """Makes the engine of each process.

    All share one dialect and its compiled statements, which for a new engine would be compiled
    anew: that took longer than everything else in a seed.
    """

    def __init__(self, home: Path) -> None:
        template = home / "template.db"
        first = create_async_engine(f"sqlite+aiosqlite:///{template}", module=_DBAPI).sync_engine
        self._dialect = first.dialect
        self._cache = first._compiled_cache
        with closing(sqlite3.connect(template)) as raw:
            raw.execute("PRAGMA journal_mode=WAL")
            for statement in _schema(first.dialect):
                raw.execute(statement)
            raw.commit()
        self._empty = template.read_bytes()

    def database(self, path: Path) -> Path:
        """Make an empty database."""
        path.write_bytes(self._empty)
        return path

    def engine(self, path: Path, process: Process) -> tuple[AsyncEngine, list[Connection]]:
        """Make an engine for `process`, and the list its connections will be found in."""
        connections: list[Connection] = []

        def opened(*_args: Any, **_options: Any) -> Connection:
            connections.append(Connection(str(path), process))
            return connections[-1]

        def creator() -> Any:
            return _DBAPI.connect(async_creator_fn=opened)

        pool = AsyncAdaptedQueuePool(creator, dialect=self._dialect, max_overflow=-1)
        engine = sa.Engine(pool, self._dialect, sa.make_url(f"sqlite+aiosqlite:///{path}"))
        engine._compiled_cache = self._cache
        return AsyncEngine(engine), connections


def _schema(dialect: sa.Dialect) -> list[str]:
    statements: list[str] = []
    for table in db.metadata.sorted_tables:
        statements.append(str(sa.schema.CreateTable(table).compile(dialect=dialect)))
        statements += [
            str(sa.schema.CreateIndex(index).compile(dialect=dialect)) for index in table.indexes
        ]
    return statements


