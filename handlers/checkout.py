"""The dialogue of a checkout: pay, card number, expiry, code."""

from contextlib import suppress
from dataclasses import replace
from datetime import date

from aiogram import F, Router
from aiogram.enums import ChatType
from aiogram.filters import StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message, User
from aiojobs import Scheduler

from atmos import AtmosError
from bot import notices
from bot.cards import Card, Code, can_be_number, holds_card, parse_card, parse_code, parse_expiry
from bot.checkout import Checkout, IntentGone
from bot.evidence import SETTLED
from bot.intake import Taken
from bot.notices import Words
from bot.offers import TASHKENT, Offers
from bot.payment import Buyer, Intent, Status, order_number
from bot.reconcile import Reconciliation
from bot.redact import redact
from handlers.buttons import after_colon
from handlers.speech import Speech
from handlers.steps import ASKS, Paying, intent_of, leave, leave_what_is_over


def _today(checkout: Checkout) -> date:
    return checkout.now().astimezone(TASHKENT).date()


def _buyer(user: User, language: str) -> Buyer:
    """Name a buyer; a card stands even in names, where somebody collects money."""
    username = redact(user.username) if user.username else None
    return Buyer(user.id, redact(user.full_name), username, language)


async def pays(
    query: CallbackQuery, state: FSMContext, checkout: Checkout, offers: Offers, speech: Speech
) -> None:
    """Open a payment for the offer whose button was pressed, if its price is still that."""
    slug, _, shown = after_colon(query).partition(":")
    offer, now = offers.find(slug), checkout.now()
    if offer and shown not in ("", str(offer.price_at(now))):
        words = notices.offer(offer, speech.language, now)
        await speech.say(replace(words, then="price-changed"))
        return
    await state.clear()  # a card typed after a refusal must not go to another payment
    async with speech.waiting("note-starting"):
        buyer = _buyer(query.from_user, speech.language)
        intent = await checkout.start(buyer, slug)
        await state.set_data({"intent": intent.id})
        await state.set_state(Paying.card)
    await speech.conclude(notices.card_ask(intent))


async def types_card(
    message: Message, state: FSMContext, checkout: Checkout, speech: Speech
) -> None:
    """Take the number, and the expiry where it is written beside it."""
    intent = await checkout.live(await intent_of(state))
    typed = parse_card(message.text or "", _today(checkout))
    if isinstance(typed, Card):
        await _challenge(intent, typed, state, checkout, speech)
        return
    await checkout.name_card(intent, typed)
    await state.set_state(Paying.expiry)
    await speech.say(notices.expiry_ask(intent, typed))


async def types_expiry(
    message: Message, state: FSMContext, checkout: Checkout, speech: Speech
) -> None:
    """Take the month, and have the code sent. A card number is taken as another card."""
    text = message.text or ""
    if can_be_number(text) or holds_card(text):
        await types_card(message, state, checkout, speech)
        return
    intent = await checkout.live(await intent_of(state))
    number = await checkout.named(intent)
    card = Card(number, parse_expiry(text, _today(checkout)))
    await _challenge(intent, card, state, checkout, speech)


async def _challenge(
    intent: Intent, card: Card, state: FSMContext, checkout: Checkout, speech: Speech
) -> None:
    await state.set_state(Paying.card)  # what is next if the bank says no
    async with speech.waiting("note-challenge"):
        intent = await checkout.challenge(intent, card)
        await state.set_state(Paying.code)
    await checkout.prompted(intent, await speech.conclude(notices.code_ask(intent)))


async def types_code(
    message: Message, state: FSMContext, checkout: Checkout, speech: Speech, jobs: Scheduler
) -> None:
    """Charge, in a job of its own: the student is answered while ATMOS takes its two minutes."""
    intent = await checkout.live(await intent_of(state))
    code = parse_code(message.text or "")
    intent = await checkout.begin_capture(intent)
    await speech.note("note-capture")
    await checkout.noted(intent, speech.note_id)
    await jobs.spawn(_capture(intent, code, state, checkout, speech))


async def _capture(
    intent: Intent, code: Code, state: FSMContext, checkout: Checkout, speech: Speech
) -> None:
    """Say nothing of the result: the outbox does, whoever finds it out."""
    async with speech.typing():
        await checkout.capture(intent, code)
    await leave_what_is_over(state, checkout)


async def asks_again(
    query: CallbackQuery, state: FSMContext, checkout: Checkout, speech: Speech
) -> None:
    """Have the code sent again, for the payment whose button was pressed."""
    intent = await _own(query, checkout)
    async with speech.waiting("note-challenge"):
        intent = await checkout.resend(intent)
        await state.set_data({"intent": intent.id})
        await state.set_state(Paying.code)
    await checkout.prompted(intent, await speech.conclude(notices.code_sent_again(intent)))


async def asks_result(
    query: CallbackQuery,
    checkout: Checkout,
    reconciliation: Reconciliation,
    speech: Speech,
) -> None:
    """Ask ATMOS now what became of the payment whose button was pressed, and say where it is."""
    intent = await checkout.owned(_order(query), query.from_user.id)
    if intent.status is Status.capturing:
        async with speech.waiting("note-asking"):
            with suppress(AtmosError):  # proves nothing
                if await reconciliation.ask_for_student(intent) in SETTLED:
                    await speech.drop()  # the outbox tells
                    return
    await speech.conclude(notices.step(await checkout.live(intent.id)))


async def cancels(
    query: CallbackQuery, state: FSMContext, checkout: Checkout, speech: Speech
) -> None:
    """Cancel the payment whose button was pressed."""
    await _cancel(await _own(query, checkout), state, checkout, speech)


async def commands_cancel(
    message: Message, state: FSMContext, checkout: Checkout, speech: Speech
) -> None:
    """Cancel whatever payment of the student is open: their row knows, the dialogue may not."""
    intent = await checkout.newest_open(message.chat.id)
    if intent is None:
        await state.clear()
        await speech.say(Words("nothing-to-cancel"))
    else:
        await _cancel(intent, state, checkout, speech)


async def _cancel(intent: Intent, state: FSMContext, checkout: Checkout, speech: Speech) -> None:
    intent = await checkout.cancel(intent)
    await leave(state, intent.id)
    await speech.say(notices.over(intent, "cancelled"))


async def sends_something_else(
    _: Message, state: FSMContext, checkout: Checkout, speech: Speech
) -> None:
    """A photo, a voice, a sticker: it is deleted already; ask for the step again."""
    await checkout.live(await intent_of(state))
    await speech.say(Words("not-text", then=ASKS[await state.get_state()]))


async def edits(_: Message, taken: Taken, speech: Speech) -> None:
    """An edited message is never taken; where it may hold a card it is deleted already."""
    if taken.wiped:
        await speech.say(Words("edited"))


async def _own(query: CallbackQuery, checkout: Checkout) -> Intent:
    """Give the payment a button names, if it is this student's: callback data can be made up."""
    return await checkout.live(_order(query), query.from_user.id)


def _order(query: CallbackQuery) -> int:
    order = order_number(after_colon(query))
    if order is None:
        raise IntentGone
    return order


def router() -> Router:
    """Register what a student may do at each step."""
    router = Router()
    router.message.filter(F.chat.type == ChatType.PRIVATE)
    router.callback_query.filter(F.message.chat.type == ChatType.PRIVATE)
    router.callback_query.register(pays, F.data.startswith("pay:"))
    router.callback_query.register(asks_result, F.data.startswith("ask:"))
    router.callback_query.register(asks_again, F.data.startswith("resend:"))
    router.callback_query.register(cancels, F.data.startswith("cancel:"))
    router.message.register(types_card, Paying.card, F.text)
    router.message.register(types_expiry, Paying.expiry, F.text)
    router.message.register(types_code, Paying.code, F.text)
    router.edited_message.register(edits)
    router.message.register(sends_something_else, StateFilter(Paying))
    return router
