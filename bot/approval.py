"""Whether ATMOS may go on with a debit: it settles nothing and asks nothing of ATMOS."""

import structlog

from atmos import callback
from atmos.callback import NotGenuine, Question, Unreadable, WrongSignature
from bot import notices
from bot.db import Database
from bot.notices import AdminGroup, Words
from bot.payment import Intent, Status, order_number
from bot.redact import redact

log = structlog.get_logger()

NOT_GENUINE = "not genuine"
UNREADABLE = "not readable"
_WHY = {WrongSignature: "signature", Unreadable: "unreadable"}  # as the admins' text names them
LONGEST = 100  # characters of what is kept of a question that is refused


class Approval:
    """Answers ATMOS's question, and tells the admins of every no."""

    def __init__(self, database: Database, admins: AdminGroup, key: str) -> None:
        self._database = database
        self._admins = admins
        self._key = key
        self._alarmed: set[str] = set()  # by questions that are not genuine, in this hour

    async def refusal(self, body: bytes) -> str | None:
        """Give why the debit is not wanted, None where it is."""
        try:
            question = callback.read(body, self._key)
        except NotGenuine as error:
            hour = f"{self._database.now():%Y%m%d%H}"
            key = f"admins:approval:{error}:{hour}"
            if key not in self._alarmed:  # whoever floods us with these costs no write
                self._alarmed = {one for one in self._alarmed if one.endswith(hour)} | {key}
                log.warning("approval_refused", why=str(error))
                try:
                    await self._tell(notices.not_genuine(_WHY.get(type(error), "number")), key)
                except BaseException:
                    self._alarmed.discard(key)  # the next one is told
                    raise
            return UNREADABLE if isinstance(error, Unreadable) else NOT_GENUINE
        why = _refusal(question, await self._intent(question))
        if why is not None:
            # A card may stand in any field: mistyped by the gateway's staff, or put there.
            amount = redact(str(question.amount))[:LONGEST]
            account = redact(question.account)[:LONGEST]
            log.warning("approval_refused", why=why, amount=amount, account=account)
            key = redact(f"admins:approval:{question.transaction_id}:{why}")[:LONGEST]
            await self._tell(notices.refused_approval(why, amount, account), key)
        return why

    async def _intent(self, question: Question) -> Intent | None:
        order = order_number(question.account)
        return await self._database.get(order) if order else None

    async def flag(self, stranger: str) -> None:
        """Tell the admins, once a day, of a genuine question from an address that is not listed.

        It is answered all the same: the signature is the control.
        """
        log.warning("approval_from_unlisted_address", address=stranger)
        key = f"admins:approval-from:{stranger}:{self._database.now():%Y%m%d}"
        await self._tell(notices.unlisted_address(stranger), key)

    async def _tell(self, words: Words, key: str) -> None:
        await self._database.promise([self._admins.told(words, key)])


def _refusal(question: Question, intent: Intent | None) -> str | None:
    """Give why not, as the admins' text names it: what does not fit, or the payment's status."""
    if intent is None or intent.transaction_id != question.transaction_id:
        return "unknown"
    if intent.amount != question.amount:
        return "amount"
    if intent.status is not Status.capturing:
        return str(intent.status)
    return None
