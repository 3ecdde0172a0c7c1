"""A card where none was asked for: it is deleted already, and goes no further than here."""

from aiogram import Bot, Router
from aiogram.enums import ChatType
from aiogram.filters import StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.types import Message

from bot.checkout import Checkout
from bot.intake import Taken
from bot.notices import Words
from handlers.menu import MENU, way_into_private
from handlers.speech import Speech
from handlers.steps import ASKS, Paying, intent_of


async def is_card(_: Message, taken: Taken) -> bool:
    return taken.is_card


async def sends_card(
    message: Message, bot: Bot, state: FSMContext, checkout: Checkout, speech: Speech
) -> None:
    """Say in one sentence where a card belongs, and what is waited for instead."""
    if message.chat.type != ChatType.PRIVATE:
        await speech.say(await way_into_private(bot, MENU))
        return
    step = ASKS.get(await state.get_state())
    if step is None:
        await checkout.no_news(message.chat.id)
    else:
        await checkout.live(await intent_of(state))
    await speech.say(Words("card-guard", then=step or "idle"))


def router() -> Router:
    """Register before everything else. A channel is guarded too, but not spoken in."""
    router = Router()
    elsewhere = ~StateFilter(Paying.card, Paying.expiry)
    router.message.register(sends_card, is_card, elsewhere)
    router.edited_message.register(sends_card, is_card, elsewhere)
    return router
