"""What an administrator of the admin group may ask for: look, give money back, settle."""

import re

from aiogram import Bot, F, Router
from aiogram.exceptions import AiogramError
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from atmos import State
from bot import notices
from bot.notices import Words
from bot.payment import order_number
from bot.redact import redact
from bot.staff import Staff, TelegramSilent, WhichOrder
from handlers.buttons import after_colon
from handlers.speech import Speech

# What an administrator may have seen in ATMOS's cabinet, by the word for it.
SEEN = {"paid": State.paid, "unpaid": State.open, "reversed": State.reversed}
SETTLE = re.compile(rf"#?([0-9]{{1,18}})(?:\s+({'|'.join(SEEN)})(?:\s+([0-9]{{1,18}}))?)?")


async def by_administrator(
    event: Message | CallbackQuery, bot: Bot, admin_chat_id: int
) -> bool | dict[str, str]:
    """Let administrators of the group through, with their name as `by`.

    Telegram is asked each time, so that who is one no more cannot go on. It tells a bot without
    rights the administrators, but not for certain what another member is.

    Raises:
        TelegramSilent: It does not say who they are.
    """
    message = event.message if isinstance(event, CallbackQuery) else event
    if message is None or message.chat.id != admin_chat_id:
        return False
    if isinstance(event, Message) and not _own_words(event):
        return False
    if isinstance(event, Message) and event.sender_chat is not None:
        anonymous = event.sender_chat.id == admin_chat_id  # only an administrator can be
        return {"by": event.author_signature or "admin"} if anonymous else False
    user = event.from_user
    if user is None or user.is_bot:  # a bot passes on what anybody told it
        return False
    try:
        administrators = await bot.get_chat_administrators(admin_chat_id)
    except AiogramError as error:
        raise TelegramSilent from error
    known = any(user.id == one.user.id for one in administrators)
    return {"by": redact(f"{user.full_name} ({user.id})")} if known else False


async def shows(_: Message, command: CommandObject, staff: Staff, speech: Speech) -> None:
    """Show a payment, with the button for what can be done to it."""
    intent = await staff.find(_order(command.args or ""))
    await speech.say(notices.staff_order(intent))


async def reverses(query: CallbackQuery, by: str, staff: Staff, speech: Speech) -> None:
    """Give the money of the payment whose button was pressed back."""
    async with speech.waiting("note-asking"):
        intent = await staff.reverse(_order(after_colon(query)), by)
    await speech.conclude(notices.staff_order(intent))


async def reverses_extra(query: CallbackQuery, by: str, staff: Staff, speech: Speech) -> None:
    """Give the second payment for one offer back, unless it is not a second one any more."""
    async with speech.waiting("note-asking"):
        intent = await staff.reverse_extra(_order(after_colon(query)), by)
    await speech.conclude(notices.staff_order(intent))


async def asks(query: CallbackQuery, staff: Staff, speech: Speech) -> None:
    """Ask ATMOS about the payment whose button was pressed."""
    async with speech.waiting("note-asking"):
        intent = await staff.settle(_order(after_colon(query)))
    await speech.conclude(notices.staff_order(intent))


async def settles(
    _: Message, command: CommandObject, by: str, staff: Staff, speech: Speech
) -> None:
    """Ask ATMOS about a payment; where it shows nothing, take an administrator's word."""
    given = SETTLE.fullmatch((command.args or "").strip())
    if given is None:
        await speech.say(Words("staff-settle"))
        return
    order, seen, success = int(given[1]), given[2], given[3]
    async with speech.waiting("note-asking"):
        if seen is None:
            intent = await staff.settle(order)
        else:
            number = int(success) if success else None
            intent = await staff.settle_by_hand(order, SEEN[seen], number, by)
    await speech.conclude(notices.staff_order(intent))


def _own_words(message: Message) -> bool:
    """Tell whether who sent a message wrote it: a forwarded command is somebody else's."""
    return message.text is not None and not (message.forward_origin or message.via_bot)


def _order(text: str) -> int:
    order = order_number(text.strip().removeprefix("#"))
    if order is None:
        raise WhichOrder
    return order


def router() -> Router:
    """Register each act for administrators; others are not answered, so that none floods."""
    router = Router()
    router.message.register(shows, Command("order"), by_administrator)
    router.message.register(settles, Command("settle"), by_administrator)
    router.callback_query.register(reverses, F.data.startswith("reverse:"), by_administrator)
    router.callback_query.register(reverses_extra, F.data.startswith("extra:"), by_administrator)
    router.callback_query.register(asks, F.data.startswith("settle:"), by_administrator)
    return router
