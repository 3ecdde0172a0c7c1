"""aiogram's FSM storage over the bot's own database, so that a restart resumes the dialogue."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseStorage, DefaultKeyBuilder, StateType, StorageKey
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import db
from bot.db import Database

_KEYS = DefaultKeyBuilder(with_bot_id=True, with_destiny=True, with_business_connection_id=True)


def key_of(bot_id: int, student_id: int) -> StorageKey:
    """Give the key of a private chat, whose id is the student's own."""
    return StorageKey(bot_id, student_id, student_id)


class DialogueStorage(BaseStorage):
    """State and data of each dialogue, in one row.

    `going_on` knows without a query which dialogues have a step, since a message at a step is
    deleted before anything is waited for.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.going_on: set[str] = set()

    async def load(self) -> None:
        async with self._database.read() as tx:
            self.going_on.update(await db.dialogues_going_on(tx))

    def is_going_on(self, key: StorageKey) -> bool:
        return _KEYS.build(key) in self.going_on

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        name = state.state if isinstance(state, State) else state
        row = _KEYS.build(key)
        if name:
            self.going_on.add(row)  # before it is so: what comes meanwhile is deleted too
        await self._set(row, state=name)
        if name:
            self.going_on.add(row)  # again: another may just have ended
        else:
            self.going_on.discard(row)

    async def end(self, key: StorageKey, intent_id: int) -> None:
        """End a dialogue that is still about this payment, and not about the next by now."""
        row = _KEYS.build(key)
        async with self._database.write() as tx:
            _, data = await db.dialogue(tx, row, lock=True)
            if data.get("intent") != intent_id:
                return
            await db.set_dialogue(tx, row, state=None, data={})
        self.going_on.discard(row)

    async def get_state(self, key: StorageKey) -> str | None:
        async with self._database.read() as tx:
            return (await db.dialogue(tx, _KEYS.build(key)))[0]

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        await self._set(_KEYS.build(key), data=dict(data))

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        async with self._database.read() as tx:
            return (await db.dialogue(tx, _KEYS.build(key)))[1]

    async def states_of(
        self, tx: AsyncConnection, keys: Sequence[StorageKey]
    ) -> dict[StorageKey, str | None]:
        """Give many states at once, of those dialogues that there are."""
        rows = {_KEYS.build(key): key for key in keys}
        return {rows[row]: state for row, state in (await db.states(tx, list(rows))).items()}

    async def put(
        self, tx: AsyncConnection, key: StorageKey, state: State, data: Mapping[str, Any]
    ) -> None:
        """Set state and data, with whatever else the transaction does."""
        row = _KEYS.build(key)
        self.going_on.add(row)
        await db.set_dialogue(tx, row, state=state.state, data=dict(data))

    async def close(self) -> None:
        """Leave the database to whoever opened it."""

    async def _set(self, key: str, **columns: object) -> None:
        async with self._database.write() as tx:
            await db.set_dialogue(tx, key, **columns)
