"""Every exception of a handler becomes a sentence, and the dialogue goes to where it belongs."""

import structlog
from aiogram import Router
from aiogram.exceptions import TelegramRetryAfter
from aiogram.filters import ExceptionTypeFilter
from aiogram.fsm.context import FSMContext
from aiogram.types import ErrorEvent

from bot import notices
from bot.cards import CardError
from bot.checkout import (
    AlreadyPaid,
    CardForgotten,
    CardNotKept,
    Checkout,
    CheckoutError,
    IntentOver,
    StillChecking,
    TooMany,
)
from bot.offers import Offers
from bot.payment import Status
from bot.staff import StaffError
from handlers.refusals import words_for
from handlers.speech import Speech
from handlers.steps import Paying, leave_what_is_over

log = structlog.get_logger()


async def refused(
    event: ErrorEvent, state: FSMContext, checkout: Checkout, offers: Offers, speech: Speech
) -> None:
    """Say why an act was refused."""
    error = event.exception
    if isinstance(error, CardForgotten):
        await state.set_data({"intent": error.intent.id})
        await state.set_state(Paying.card)
    elif isinstance(error, CardNotKept):  # a date alone is to be answered with the same again
        await state.set_data({"intent": error.intent.id})
        await state.set_state(Paying.expiry)
    elif isinstance(error, StillChecking) or (
        isinstance(error, TooMany) and error.intent.code_is_out
    ):
        await state.set_data({"intent": error.intent.id})
        await state.set_state(Paying.code)  # it is good all the same, or another may be asked for
    elif isinstance(error, AlreadyPaid | IntentOver):
        await leave_what_is_over(state, checkout)
    if not isinstance(error, StillChecking) or error.intent.status is not Status.capturing:
        await speech.conclude(words_for(error, offers))
    elif not await checkout.say_checking(error.intent, speech.language, speech.note_id):
        await _say_what_is_known(error.intent.id, state, checkout, offers, speech)


async def _say_what_is_known(
    intent_id: int, state: FSMContext, checkout: Checkout, offers: Offers, speech: Speech
) -> None:
    """Say where a payment stands whose outcome was unknown a moment ago."""
    await leave_what_is_over(state, checkout)
    try:
        words = notices.step(await checkout.live(intent_id))
    except CheckoutError as over:
        words = words_for(over, offers)
    await speech.conclude(words)


async def failed(event: ErrorEvent, offers: Offers, speech: Speech | None = None) -> None:
    """Log a defect, and tell the student how to go on."""
    log.error("handler_failed", update_id=event.update.update_id, exc_info=event.exception)
    if speech is not None:
        await speech.conclude(words_for(event.exception, offers))


def register(router: Router) -> None:
    router.error.register(refused, ExceptionTypeFilter(CheckoutError, CardError, StaffError))
    # Of a 429 nobody could be told: an apology would meet the same. The intake logs it.
    router.error.register(failed, ~ExceptionTypeFilter(TelegramRetryAfter))
