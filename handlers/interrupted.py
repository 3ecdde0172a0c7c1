"""After a kill: ask the students anew whose last message was being answered."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bot import db, notices
from bot.db import Database
from bot.notices import Notice
from bot.payment import WAITING_FOR_STUDENT, Intent
from bot.storage import DialogueStorage, key_of
from handlers.steps import Paying

TOGETHER = 300  # chats in one transaction: a start waits for the disk once for all of them


async def ask_again(database: Database, storage: DialogueStorage, bot_id: int) -> None:
    """Promise each of them one message that says what to send; no card is looked for any more.

    A capture that was under way is reconciliation's, and a payment that is over says so itself.
    It comes before any update is taken in: those that stand unanswered are the killed process's.
    """
    async with database.read() as tx:
        unanswered = await db.unanswered(tx)
    for first in range(0, len(unanswered), TOGETHER):
        chats = unanswered[first : first + TOGETHER]
        async with database.write() as tx:
            newest = await db.newest_open_intents(tx, chats)
            waiting = [intent for intent in newest if intent.status in WAITING_FOR_STUDENT]
            said = await _asked(tx, waiting, storage, bot_id)
            await db.promise(tx, said, database.now())
            await db.all_answered(tx, chats, database.now())


async def _asked(
    tx: AsyncConnection, waiting: Sequence[Intent], storage: DialogueStorage, bot_id: int
) -> list[Notice]:
    """Give what each is asked, and set the dialogues to where that is answered."""
    keys = {intent.id: key_of(bot_id, intent.buyer.id) for intent in waiting}
    states = await storage.states_of(tx, list(keys.values()))
    said = []
    for intent in waiting:
        key = keys[intent.id]
        if intent.transaction_id is None:
            step = "start-again"
        elif intent.code_expires_at and states.get(key) == Paying.code.state:
            step = "code-again"
        else:
            step = "card-again"
            await storage.put(tx, key, Paying.card, {"intent": intent.id})
        said.append(notices.interrupted(intent, step))
    return said
