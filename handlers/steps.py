"""What the dialogue of a checkout waits for. A hint: the truth is the intent's row."""

from typing import cast

from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup

from bot.checkout import Checkout, IntentGone
from bot.payment import Intent
from bot.storage import DialogueStorage


class Paying(StatesGroup):
    card = State()
    expiry = State()
    code = State()


ASKS: dict[str | None, str] = {
    Paying.card.state: "card-again",
    Paying.expiry.state: "expiry-again",
    Paying.code.state: "code-again",
}


async def unfinished(
    state: FSMContext, checkout: Checkout, slug: str
) -> tuple[Intent, str] | None:
    """Give the payment of this offer that is going on, and the text for what it waits for."""
    intent_id = (await state.get_data()).get("intent")
    step = ASKS.get(await state.get_state())
    intent = await checkout.waiting(intent_id, slug) if intent_id and step else None
    return (intent, step) if intent and step else None


async def leave(state: FSMContext, intent_id: int) -> None:
    """End the dialogue, if it is about this payment and not already about another."""
    await cast("DialogueStorage", state.storage).end(state.key, intent_id)


async def leave_what_is_over(state: FSMContext, checkout: Checkout) -> None:
    """End the dialogue, if there is nothing left to type for its payment."""
    intent_id = (await state.get_data()).get("intent")
    if intent_id is not None and await checkout.is_over(intent_id):
        await leave(state, intent_id)


async def intent_of(state: FSMContext) -> int:
    """Give the payment that the dialogue is about; its data holds nothing else."""
    intent_id = (await state.get_data()).get("intent")
    if not isinstance(intent_id, int):
        await state.clear()
        raise IntentGone
    return intent_id
