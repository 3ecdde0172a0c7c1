"""What the passing of time does to a dialogue: silence ends it, a code goes stale."""

from bot import db, notices
from bot.db import Database
from bot.limits import Attempts
from bot.payment import Status
from bot.vault import Vault


class Timeouts:
    """Each method is run again and again, and does what has become due."""

    def __init__(self, database: Database, vault: Vault, attempts: Attempts) -> None:
        self._database = database
        self._vault = vault
        self._attempts = attempts
        self.duties = (self.expire, self.offer_resend, self.end_codes, self.forget_cards)

    async def expire(self) -> None:
        """End the payments whose student has said nothing for too long."""
        async with self._database.read() as tx:
            silent = await db.silent(tx, self._database.now())
        for intent in silent:
            said = notices.told(intent, notices.over(intent, "expired"), "expired")
            if await self._database.move(intent, Status.expired, [said], seen=["expires_at"]):
                await self._vault.wipe(intent.id)

    async def offer_resend(self) -> None:
        """Put "send again" under the prompts whose minute has passed."""
        async with self._database.read() as tx:
            resendable = await db.resendable(tx, self._database.now())
        for intent in resendable:
            said = [notices.resendable(intent)]
            await self._database.amend(intent, said, seen=["resend_at"], resend_at=None)

    async def forget_cards(self) -> None:
        """Let go of the cards whose time is over, though nobody asks for them."""
        await self._vault.forget_old()
        self._attempts.forget_old()

    async def end_codes(self) -> None:
        """Say that a code's time is over, and what can be done."""
        async with self._database.read() as tx:
            overdue = await db.overdue_codes(tx, self._database.now())
        for intent in overdue:
            key = f"code-over:{intent.code_expires_at}"
            said = notices.told(intent, notices.code_over(intent), key)
            await self._database.amend(
                intent, [said], seen=["code_expires_at"], code_expires_at=None, resend_at=None
            )
