"""SQLite for the bot without threads: the engine `bot.db` asks for, over the `sqlite3` of here.

The statements are what SQLAlchemy makes of them; the files and the locks are the real ones.
Before each statement and around each commit others may run, and the process may die.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Protocol, Self

import sqlalchemy as sa
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError

from bot.tables import metadata

DIALECT = sa.make_url("sqlite://").get_dialect()()
Values = Mapping[str, Any]
Processor = Callable[[Any], Any]
NOTHING: Values = {}


class Process(Protocol):
    """Whose engine it is."""

    dead: bool

    async def point(self, place: str) -> None:
        """Let others run, or die."""

    def committed(self) -> None:
        """Hear of a commit."""


class Statement:
    """A statement as SQLAlchemy has compiled it, to be run with any values of the same names.

    SQLAlchemy's own way from there to SQLite and back took longer than all else in a seed.
    """

    def __init__(self, statement: sa.ClauseElement, values: Values) -> None:
        compiled: Any = statement.compile(dialect=DIALECT, column_keys=list(values))
        state = compiled.construct_expanded_state(values)
        member_of = {
            member: (name, place)
            for name, members in state.parameter_expansion.items()
            for place, member in enumerate(members)
        }
        self.sql: str = state.statement
        self._constants: list[Any] = []
        self._given: list[tuple[int, str, int | None, Processor]] = []
        for position, bound in enumerate(state.positiontup):
            name, place = member_of.get(bound, (bound, None))
            kind = compiled.binds[name].type.dialect_impl(DIALECT)
            write = kind.bind_processor(DIALECT) or _same
            self._constants.append(None if name in values else write(state.parameters[bound]))
            if name in values:
                self._given.append((position, name, place, write))
        columns = getattr(statement, "exported_columns", ())  # of SELECT and RETURNING
        self._names = SimpleResultMetaData([column.key or "" for column in columns])
        kinds = [column.type.dialect_impl(DIALECT) for column in columns]
        self._readers = [kind.result_processor(DIALECT, None) or _same for kind in kinds]

    def parameters(self, values: Values) -> list[Any]:
        """Give the values in their order, as SQLite keeps them."""
        parameters = list(self._constants)
        for position, name, place, write in self._given:
            value = values[name] if place is None else values[name][place]
            parameters[position] = write(value)
        return parameters

    def result(self, cursor: sqlite3.Cursor) -> Any:
        """Give what came of it, with the methods of SQLAlchemy's own results."""
        if not self._readers:
            return SimpleNamespace(rowcount=cursor.rowcount)
        rows = [
            tuple([read(value) for read, value in zip(self._readers, row, strict=True)])
            for row in cursor
        ]
        return IteratorResult(self._names, iter(rows))


def _length(value: object) -> int | None:
    return len(value) if isinstance(value, list) else None


def _same(value: Any) -> Any:
    return value


@lru_cache(1000)
def _made(statement: sa.ClauseElement, shape: tuple[tuple[str, int | None], ...]) -> Statement:
    """Compile a statement once for values of these names and, where they are lists, lengths."""
    values = {name: None if length is None else [None] * length for name, length in shape}
    return Statement(statement, values)


class Connection:
    """As much of SQLAlchemy's connections, and of its transactions, as `bot.db` uses."""

    dialect = DIALECT

    def __init__(self, engine: "Engine", *, writes: bool) -> None:
        self._engine = engine
        self._process = engine.process
        self._writes = writes
        self._options: dict[str, Any] = {}
        self._raw: sqlite3.Connection

    async def __aenter__(self) -> Self:
        await self._process.point("database, before BEGIN")
        self._raw = self._engine.take()
        if self._writes:
            self._begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._writes and kind is None:
                await self._process.point("database, before COMMIT")
                self.exec_driver_sql("COMMIT")
                self._process.committed()
                await self._process.point("database, after COMMIT")
        finally:
            if not self._process.dead:
                self._engine.give_back(self._raw)

    async def execution_options(self, **options: Any) -> Self:
        self._options |= options
        return self

    def get_execution_options(self) -> dict[str, Any]:
        return self._options

    def exec_driver_sql(self, sql: str) -> None:
        self._run(sql)

    async def execute(self, statement: sa.ClauseElement, values: Values = NOTHING) -> Any:
        await self._process.point("database, before a statement")
        if not self._raw.in_transaction:
            self._begin()
        made = _made(statement, tuple([(name, _length(values[name])) for name in values]))
        return made.result(self._run(made.sql, made.parameters(values)))

    def _begin(self) -> None:
        self._engine.heard["begin"](self)

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._raw.execute(sql, parameters)
        except sqlite3.Error as error:
            raise DBAPIError.instance(
                sql, None, error, sqlite3.Error, hide_parameters=True, dialect=DIALECT
            ) from error


class Engine:
    """As much of SQLAlchemy's `AsyncEngine` as `bot.db` uses, for one process.

    When the process dies its connections are closed as the operating system would close them.
    """

    def __init__(self, path: Path, process: Process) -> None:
        self.process = process
        self.heard: dict[str, Callable[..., None]] = {}  # what `bot.db` does at an event
        self.sync_engine = self
        self._path = path
        self._opened: list[sqlite3.Connection] = []
        self._idle: list[sqlite3.Connection] = []

    def connect(self) -> Connection:
        return Connection(self, writes=False)

    def begin(self) -> Connection:
        return Connection(self, writes=True)

    def take(self) -> sqlite3.Connection:
        """Give a connection that nobody uses."""
        if self._idle:
            return self._idle.pop()
        raw = sqlite3.connect(self._path)
        self._opened.append(raw)
        self.heard["connect"](raw, None)
        return raw

    def give_back(self, raw: sqlite3.Connection) -> None:
        if raw.in_transaction:
            raw.rollback()
        self._idle.append(raw)

    def cut(self) -> None:
        for raw in self._opened:
            raw.close()


def listen(engine: Engine, event: str, act: Callable[..., None]) -> None:
    """Stand in for SQLAlchemy's function of this name."""
    engine.heard[event] = act


def empty(home: Path) -> bytes:
    """Make a database in which nothing has happened yet, and give what its file holds."""
    template = home / "template.db"
    engine = sa.create_engine(f"sqlite:///{template}")
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    with engine.begin() as connection:
        metadata.create_all(connection)
    engine.dispose()
    return template.read_bytes()
