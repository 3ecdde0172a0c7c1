"""Everything that a handler asks for by name is there when it is called."""

import inspect
from pathlib import Path

import pytest
from aiogram.dispatcher.event.handler import HandlerObject
from aiogram.filters import Command

from bot.app import App, assembled
from bot.settings import Settings
from handlers.staff import by_administrator
from tests.mutants import MUTANTS

OFFERS = """
[[offers]]
slug = "protokol-57"
title = "Protokol 57"
description = "57 kunlik kurs"
seller = "Protokol akademiyasi"
price = 1_478_000
"""
# What is put beside the workflow data for each update, by whom.
GIVEN = {
    "Intake": {"taken"},
    "Arrival": {"speech"},
    "the FSM middleware": {"state", "raw_state", "fsm_storage"},
    "the dispatcher": {"bot", "bots", "event_update", "event_router", "handler"},
    "the user context": {"event_context", "event_from_user", "event_chat", "event_thread_id"},
}
PER_UPDATE = set().union(*GIVEN.values())
FILTERS = {Command: {"command"}, by_administrator: {"by"}}


@pytest.fixture
async def app(tmp_path):
    offers = tmp_path / "offers.toml"
    offers.write_text(OFFERS, "utf-8")
    settings = Settings(
        _env_file=None,
        bot_token="700000001:AAtest-token-of-no-bot-at-all-0000000",
        admin_chat_id=-1001234567890,
        atmos_env="sandbox",
        atmos_store_id=57,
        atmos_consumer_key="sandbox",
        atmos_consumer_secret="sandbox",
        database_url=f"sqlite+aiosqlite:///{tmp_path / 'checkout.db'}",
        offers_file=offers,
    )
    async with assembled(settings) as app:
        yield app


def handlers(app: App):
    """Give (event, handler) of every router, as aiogram walks them."""
    for router in app.dispatcher.chain_tail:
        for event, observer in router.observers.items():
            if event != "update":  # the dispatcher's own
                yield from ((event, handler) for handler in observer.handlers)


def given_to(app: App, handler: HandlerObject):
    """Give the names that are there when aiogram calls this handler."""
    by_filters = {
        name
        for found in handler.filters or ()
        for kind, names in FILTERS.items()
        if found.callback is kind or (isinstance(kind, type) and isinstance(found.callback, kind))
        for name in names
    }
    return {*app.dispatcher.workflow_data, *PER_UPDATE, *by_filters}


def call(app: App, handler: HandlerObject):
    """Bind as aiogram does: the event first, then by name whatever the handler asks for."""
    names = given_to(app, handler)
    passed = names if handler.varkw else handler.params & names
    return inspect.signature(handler.callback).bind("the event", **dict.fromkeys(passed))


async def test_every_handler_gets_every_parameter_it_asks_for(app):
    wrong = {}
    for _, handler in handlers(app):
        try:
            call(app, handler)
        except TypeError as error:
            wrong[handler.callback.__name__] = str(error)

    assert wrong == {}


async def test_no_filter_asks_for_what_is_not_there(app):
    for event, handler in handlers(app):
        for found in handler.filters or ():
            asked = inspect.signature(found.callback.__call__).parameters.values()
            required = [one.name for one in asked if one.default is one.empty and one.kind < 2]

            assert set(required[1:]) <= given_to(app, handler), (event, handler.callback)


async def test_every_kind_of_event_a_student_can_cause_has_a_handler(app):
    events = {event for event, _ in handlers(app)}

    assert events == {"message", "edited_message", "callback_query", "error"}


async def test_telegram_is_asked_for_edits_and_taps_too(app):
    kinds = app.dispatcher.resolve_used_update_types()

    assert set(kinds) == {"message", "edited_message", "callback_query"}


async def test_a_turn_is_waited_for_before_the_dialogue_is_read(app):
    """The order of the middlewares on an update: who it is from, our turns, the dialogue."""
    ours = [type(one).__name__ for one in app.dispatcher.update.outer_middleware]

    assert ours.index("Arrival") < ours.index("FSMContextMiddleware")
    assert ours.count("FSMContextMiddleware") == 1
    assert ours.index("UserContextMiddleware") < ours.index("Arrival")


async def test_two_bots_in_one_process_do_not_share_a_router(app):
    async with assembled(app.settings) as second:
        routers = {id(router) for router in app.dispatcher.chain_tail}

        assert routers.isdisjoint(id(router) for router in second.dispatcher.chain_tail)


async def test_building_the_bot_opens_no_connection(app):
    assert app.bot.session._session is None
    assert app.database.engine.pool.checkedout() == 0


def test_every_defect_of_make_mutants_has_its_place_in_the_code():
    """Two had lost theirs, unseen until somebody would have run all of them."""
    root = Path(__file__).parent.parent
    places = {it.name: (root / it.file).read_text("utf-8").count(it.old) for it in MUTANTS}

    assert {name: count for name, count in places.items() if count != 1} == {}
