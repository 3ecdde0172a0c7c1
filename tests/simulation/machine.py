"""What all seeds share: the clocks of the libraries, the settings and the offers."""

import asyncio
import gc
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import stamina
import structlog
import tenacity
from aiogram import Dispatcher
from aiogram.fsm.storage.base import BaseStorage

import atmos.client
import handlers
from bot import app, db, outbox
from bot.offers import Offers
from bot.settings import Settings
from bot.texts import Texts
from handlers import speech
from tests.simulation.clock import OWNER
from tests.simulation.database import empty, listen

ADMINS = -1_000_000_000_057
TOKEN = "700000001:AAtest-token-of-no-bot-at-all-0000000"
SHARED_MEMORY = next((str(path) for path in [Path("/dev/shm")] if path.is_dir()), None)  # noqa: S108
TIMES = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
SETTINGS: dict[str, Any] = {
    "bot_token": TOKEN,
    "admin_chat_id": ADMINS,
    "atmos_env": "sandbox",
    "atmos_base_url": "http://127.0.0.1",
    "atmos_store_id": 57,
    "atmos_consumer_key": "sandbox",
    "atmos_consumer_secret": "sandbox",
}


STRICT: dict[str, Any] = {"cards_an_hour": 1, "code_requests_a_day": 1, "wrong_codes_a_day": 1}


def _offers(price: int) -> Offers:
    words = {"title": "Protokol 57", "description": "57 kun", "seller": "Protokol"}
    course = words | {"slug": "protokol-57", "price": price, "link": "https://t.me/+course"}
    book = words | {"slug": "kitob", "title": "Kitob", "price": 49_000, "repeatable": True}
    return Offers.model_validate({"offers": [course, book]})


class Machine:
    """What all seeds share because making it is slow, and none can change."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._empty = empty(home)
        self.settings = {
            (gate, strict): Settings(
                _env_file=None,
                **SETTINGS,
                **(STRICT if strict else {}),
                atmos_callback_key="sandbox" if gate else None,
                web_port=8080 if gate else 0,
            )
            for gate in (False, True)
            for strict in (False, True)
        }
        self.shops = (_offers(1_478_000), _offers(990_000))

    def database(self, seed: int) -> Path:
        """Make an empty database."""
        path = self._home / f"{seed}.db"
        path.write_bytes(self._empty)
        return path


TEXTS = Texts()
TREE = handlers.router()
DISPATCHER = Dispatcher(disable_fsm=True)
OF_ITS_OWN = len(DISPATCHER.update.outer_middleware)


@contextmanager
def simulated() -> Iterator[Machine]:
    """Have the libraries read the loop's time, and engines made without threads."""
    swapped: list[tuple[Any, str, Any]] = [
        (atmos.client, "time", TIMES),
        (tenacity, "time", TIMES),
        (atmos.client, "_transport", lambda _proxy: None),
        (httpx, "AsyncClient", lambda **_options: OWNER.get().http()),
        (db, "create_async_engine", lambda _url, **_options: OWNER.get().engine()),
        (db, "event", SimpleNamespace(listen=listen)),
        (app, "Texts", lambda: TEXTS),
        (handlers, "router", lambda: TREE),
        (app, "Dispatcher", _dispatcher),
        (outbox, "IDLE", None),  # it is woken when something is due
        (speech, "TYPING_EVERY", 3600.0),  # nobody sees it
        (app, "DialogueStorage", lambda database: OWNER.get().dialogues(database)),
        (app, "Languages", lambda database, default: OWNER.get().languages(database, default)),
    ]
    kept = [(module, name, getattr(module, name)) for module, name, _ in swapped]
    logs, tested = structlog.get_config(), stamina.is_testing()
    threshold = gc.get_threshold()
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as home:
        machine = Machine(Path(home))
        for module, name, ours in swapped:
            setattr(module, name, ours)
        structlog.configure(processors=[_heard])  # type: ignore[list-item]
        logging.disable()
        gc.freeze()
        gc.set_threshold(50_000)
        stamina.set_testing(False)
        try:
            yield machine
        finally:
            for module, name, theirs in kept:
                setattr(module, name, theirs)
            structlog.configure(**logs)
            logging.disable(logging.NOTSET)
            gc.set_threshold(*threshold)
            gc.unfreeze()
            stamina.set_testing(tested)


def _dispatcher(*, storage: BaseStorage, **_options: object) -> Dispatcher:
    """Give one dispatcher and its tree of handlers to each bot in turn: a new one takes 20 ms."""
    for middleware in DISPATCHER.update.outer_middleware[OF_ITS_OWN:]:
        DISPATCHER.update.outer_middleware.unregister(middleware)
    DISPATCHER.sub_routers.clear()
    TREE._parent_router = None
    DISPATCHER.workflow_data.clear()
    DISPATCHER.fsm.storage = storage
    return DISPATCHER


def _heard(_logger: object, level: str, event: dict[str, Any]) -> dict[str, Any]:
    owner = OWNER.get()
    if owner is not None:
        owner.world.logged(level, event)
    raise structlog.DropEvent
