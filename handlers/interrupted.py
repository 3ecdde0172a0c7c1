"""After a kill: ask the students anew whose last message was being answered."""

from aiogram.fsm.storage.base import StorageKey

from bot import db, notices
from bot.checkout import Checkout
from bot.db import Database
from bot.notices import Notice
from bot.payment import WAITING_FOR_STUDENT, Intent
from bot.storage import DialogueStorage, key_of
from handlers.steps import Paying


async def ask_again(
    database: Database, storage: DialogueStorage, checkout: Checkout, bot_id: int
) -> None:
    """Promise each of them one message that says what to send; no card is looked for any more.

    A capture that was under way is reconciliation's, and a payment that is over says so itself.
    """
    async with database.read() as tx:
        unanswered = await db.unanswered(tx)
    for chat_id in {chat_id or 0 for _, chat_id in unanswered}:
        said = []
        intent = await checkout.newest_open(chat_id)
        if intent is not None and intent.status in WAITING_FOR_STUDENT:
            said = [await _asked(intent, storage, key_of(bot_id, chat_id))]
        async with database.write() as tx:
            await db.promise(tx, said, database.now())
            mine = [update_id for update_id, chat in unanswered if (chat or 0) == chat_id]
            await db.answered(tx, mine, database.now())


async def _asked(intent: Intent, storage: DialogueStorage, key: StorageKey) -> Notice:
    if intent.transaction_id is None:
        return notices.interrupted(intent, "start-again")
    if intent.code_expires_at and await storage.get_state(key) == Paying.code.state:
        return notices.interrupted(intent, "code-again")
    await storage.set_data(key, {"intent": intent.id})
    await storage.set_state(key, Paying.card)
    return notices.interrupted(intent, "card-again")
