"""Dialogues and languages without SQL, for most seeds: they were half of all statements."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiogram.fsm.state import State
from aiogram.fsm.storage.base import StateType, StorageKey
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage import _KEYS, DialogueStorage
from handlers.arrival import Languages

Kept = dict[str, tuple[str | None, dict[str, Any]]]


class KeptDialogues(DialogueStorage):
    """What `DialogueStorage` is, over a dict that outlives the process."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.going_on = {key for key, (state, _) in kept.items() if state}

    async def load(self) -> None:
        """Know already what goes on."""

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        name = state.state if isinstance(state, State) else state
        row = _KEYS.build(key)
        (self.going_on.add if name else self.going_on.discard)(row)
        self._kept[row] = (name, self._of(key)[1])

    async def end(self, key: StorageKey, intent_id: int) -> None:
        if self._of(key)[1].get("intent") == intent_id:
            await self.set_state(key)
            await self.set_data(key, {})

    async def get_state(self, key: StorageKey) -> str | None:
        return self._of(key)[0]

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        self._kept[_KEYS.build(key)] = (self._of(key)[0], dict(data))

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        return dict(self._of(key)[1])

    async def states_of(
        self, _tx: AsyncConnection, keys: Sequence[StorageKey]
    ) -> dict[StorageKey, str | None]:
        return {key: self._of(key)[0] for key in keys}

    async def put(
        self, _tx: AsyncConnection, key: StorageKey, state: State, data: Mapping[str, Any]
    ) -> None:
        await self.set_data(key, data)
        await self.set_state(key, state)

    def _of(self, key: StorageKey) -> tuple[str | None, dict[str, Any]]:
        return self._kept.get(_KEYS.build(key), (None, {}))


class OneLanguage(Languages):
    """The language of everybody who has chosen none."""

    async def of(self, chat_id: int) -> str:  # noqa: ARG002
        return self.default
