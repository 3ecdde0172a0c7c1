"""What is said, to whom and in which words: pure values, rendered where they are sent."""

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from atmos import codes
from bot.cards import CardNumber
from bot.offers import Offer
from bot.payment import PENDING, Intent, Status

GRACE = timedelta(seconds=5)  # for a deletion that is being tried
LATER = {"declined-busy", "gateway-down"}  # what says to wait before the card is sent again
LISTED = 20  # differences named one by one in a report
Arg = str | int  # an int is an amount in tiyin; a str is text, an id, or a moment in ISO 8601
Button = tuple[str, str]  # the id of its label, and its callback data or URL


@dataclass(frozen=True, slots=True)
class Words:
    """A text by its id in `locales/`, with what goes into it and the buttons under it."""

    text: str
    args: dict[str, Arg] = field(default_factory=dict)
    buttons: tuple[Button, ...] = ()
    then: str | None = None  # a second text, a line below
    rows: tuple["Words", ...] = ()  # a list under it; their buttons are not shown

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> "Words":
        buttons = tuple((b[0], b[1]) for b in stored["buttons"])
        rows = tuple(map(cls.restored, stored.get("rows", ())))
        return cls(**stored | {"buttons": buttons, "rows": rows})


class Action(StrEnum):
    send = "send"
    edit = "edit"  # or send, where the message is gone
    buttons = "buttons"  # only these change under a message
    delete = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A promise to say or to delete something. One `key` is kept once, however often promised."""

    chat_id: int
    language: str
    words: Words | None = None
    action: Action = Action.send
    message_id: int | None = None
    topic_id: int | None = None
    key: str | None = None
    after: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class AdminGroup:
    """Where the admins watch, and the language they read."""

    chat_id: int
    topic_id: int | None
    language: str

    def told(self, words: Words, key: str | None = None) -> Notice:
        return Notice(
            chat_id=self.chat_id,
            topic_id=self.topic_id,
            language=self.language,
            words=words,
            key=key,
        )


def told(intent: Intent, words: Words, key: str, *, edits: int | None = None) -> Notice:
    """Tell the student, in place of the message `edits` where there is one."""
    return Notice(
        chat_id=intent.buyer.id,
        language=intent.buyer.language,
        words=words,
        action=Action.send if edits is None else Action.edit,
        message_id=edits,
        key=f"{intent.id}:{key}",
    )


def deletion(chat_id: int, message_id: int, language: str) -> Notice:
    """Promise a deletion that is tried at once, for the case that it does not work then."""
    return Notice(
        chat_id=chat_id,
        language=language,
        action=Action.delete,
        message_id=message_id,
        key=deletion_key(chat_id, message_id),
        after=GRACE,
    )


def deletion_key(chat_id: int, message_id: int) -> str:
    return f"delete:{chat_id}:{message_id}"


def not_read(chat_id: int, message_id: int, language: str) -> Notice:
    """Answer a message that was deleted and cannot be read."""
    return Notice(
        chat_id=chat_id,
        language=language,
        words=Words("not-text"),
        key=f"not-read:{chat_id}:{message_id}",
    )


def _reverse(intent: Intent) -> Button:
    return ("reverse-button", f"reverse:{intent.id}")


def _settle(intent: Intent) -> Button:
    return ("settle-button", f"settle:{intent.id}")


def _cancel(intent: Intent) -> Button:
    return ("cancel-button", f"cancel:{intent.id}")


def _resend(intent: Intent) -> Button:
    return ("resend-button", f"resend:{intent.id}")


def _again(intent: Intent) -> Button:
    return ("start-again-button", f"pay:{intent.offer}")


def offer(offer: Offer, language: str, now: datetime) -> Words:
    """Show an offer at the price of this moment, which its button names too."""
    title, description = offer.words(language)
    price = offer.price_at(now)
    args: dict[str, Arg] = {
        "title": title,
        "description": description,
        "seller": offer.seller,
        "price": price,
    }
    buttons = (("pay-button", f"pay:{offer.slug}:{price}"), ("language-button", "language:"))
    discount = offer.discount
    if discount is None or not discount.holds(now):
        return Words("offer", args, buttons)
    args |= {"list-price": offer.price, "percent": str(discount.percent)}
    if discount.until is None:
        return Words("offer-discounted", args, buttons)
    return Words("offer-discounted-until", args | {"until": discount.until.isoformat()}, buttons)


def card_ask(intent: Intent) -> Words:
    args: dict[str, Arg] = {"title": intent.title, "amount": intent.amount}
    return Words("card-ask", args, (_cancel(intent),))


def step(intent: Intent) -> Words:
    """Ask for what an intent that goes on waits for."""
    return code_ask(intent) if intent.status is Status.challenged else card_ask(intent)


def card_again(intent: Intent, why: str) -> Words:
    then = "card-again-later" if why in LATER else "card-again"
    return Words(why, {}, (_cancel(intent),), then=then)


def card_not_kept(intent: Intent) -> Words:
    return Words("card-not-kept", {}, (_cancel(intent),))


def expiry_ask(intent: Intent, number: CardNumber) -> Words:
    text = "expiry-ask" if number.brand else "expiry-ask-hint"
    return Words(text, {"card": number.label}, (_cancel(intent),))


def code_ask(intent: Intent) -> Words:
    return _about_code(intent, "code-ask")


def code_sent_again(intent: Intent) -> Words:
    return _about_code(intent, "code-sent-again")


def _about_code(intent: Intent, text: str) -> Words:
    args: dict[str, Arg] = {
        "title": intent.title,
        "card": intent.card or "",
        "amount": intent.amount,
    }
    return Words(text, args, (_cancel(intent),))


def resendable(intent: Intent) -> Notice:
    """Put "send again" under the message that asked for the code."""
    return Notice(
        chat_id=intent.buyer.id,
        language=intent.buyer.language,
        words=Words("code-ask", {}, (_resend(intent), _cancel(intent))),
        action=Action.buttons,
        message_id=intent.prompt_id,
        key=f"{intent.id}:resendable:{intent.prompt_id}",
    )


def wrong_code(intent: Intent, left: int) -> Words:
    return Words("wrong-code", {"left": str(left)}, _code_buttons(intent))


def code_over(intent: Intent, why: str = "code-over") -> Words:
    return Words(why, {}, (_resend(intent), _again(intent), _cancel(intent)))


def too_many(intent: Intent, limit: str, until: datetime) -> Words:
    """Say when there is room again; a code that is out already can be typed all the same."""
    minute = (until + timedelta(minutes=1, microseconds=-1)).replace(second=0, microsecond=0)
    args: dict[str, Arg] = {"until": minute.isoformat()}
    if intent.code_is_out and limit != "guesses":
        return Words(f"too-many-{limit}", args, (_cancel(intent),), then="code-again")
    return Words(f"too-many-{limit}", args, (_again(intent), _cancel(intent)))


def capture_not_sent(intent: Intent) -> Words:
    return Words("capture-not-sent", {}, _code_buttons(intent))


def _code_buttons(intent: Intent) -> tuple[Button, ...]:
    """Offer "send again" only where its minute has passed; else it comes when it has."""
    offered = intent.resend_at is None
    return (_resend(intent), _cancel(intent)) if offered else (_cancel(intent),)


def interrupted(intent: Intent, step: str) -> Notice:
    """Ask again after a kill, by the text of the step: its message may never have been read."""
    buttons = (_again(intent),) if step == "start-again" else (_cancel(intent),)
    return Notice(
        chat_id=intent.buyer.id,
        language=intent.buyer.language,
        words=Words("interrupted", {}, buttons, then=step),
    )


def over(intent: Intent, why: str) -> Words:
    """Say that an intent has ended without money, and how to begin anew."""
    return Words(why, {}, (_again(intent),), then="start-again")


def checking(intent: Intent) -> Words:
    args: dict[str, Arg] = {"order": intent.account}
    return Words("checking", args, (("ask-button", f"ask:{intent.id}"),))


def unfinished(intent: Intent, step: str) -> Words:
    """Remind of a payment that goes on at the price it was begun at."""
    return Words("unfinished", {"amount": intent.amount}, (_cancel(intent),), then=step)


def already_paid(intent: Intent, link: str | None) -> Words:
    """Say that the student has it; `link` is where to, else the seller writes."""
    args: dict[str, Arg] = {"order": intent.account, "title": intent.title}
    if intent.status is Status.reversing:
        return Words("being-given-back", args)
    return Words("already-paid", args, _enter(link), None if link else "access-follows")


def paid(intent: Intent, link: str | None) -> Words:
    """The receipt of ours; `link` is where the student goes now, else the seller writes."""
    then = None if link else "access-follows"
    return Words(f"paid{_with_receipt(intent)}", _facts(intent), _enter(link), then)


def paid_late(intent: Intent) -> Words:
    """Take back what the student read of a payment before its charge came."""
    return Words("paid-late", _order(intent))


def paid_twice(intent: Intent, other: Intent) -> Words:
    return Words("paid-twice", _order(intent) | {"other": other.account})


def _enter(link: str | None) -> tuple[Button, ...]:
    return (("enter-button", link),) if link else ()


def paid_for_admins(intent: Intent) -> Words:
    args = _facts(intent) | _buyer(intent) | {"success": str(intent.success_trans_id)}
    return Words(f"admin-paid{_with_receipt(intent)}", args)


def unknown_code(intent: Intent, code: int | None) -> Words:
    args: dict[str, Arg] = {
        "code": codes.full(code) if code is not None else "?",
        "order": intent.account,
        "transaction": str(intent.transaction_id),
    }
    return Words("admin-code", args | _buyer(intent))


def limit_reached(intent: Intent, limit: str) -> Words:
    args: dict[str, Arg] = {"limit": limit, "order": intent.account}
    return Words("admin-limit", args | _buyer(intent))


def late(intent: Intent) -> Words:
    return Words("admin-late", {"order": intent.account, "status": str(intent.status)})


def twice(intent: Intent, other: Intent) -> Words:
    """Report a second charge for one offer, with the button that gives it back."""
    args = _order(intent) | {"other": other.account, "title": intent.title}
    return Words("admin-twice", args, (("reverse-button", f"extra:{intent.id}"),))


def money_back(intent: Intent, other: Intent | None = None) -> Words:
    """Say that money went back; `other` is the payment by which the student still has it."""
    args = {name: arg for name, arg in _facts(intent).items() if name not in {"at", "receipt"}}
    if other is None:
        return Words("money-back", args)
    return Words("money-back", args | {"other": other.account}, then="money-back-other")


def money_back_for_admins(intent: Intent, other: Intent | None = None) -> Words:
    args = _order(intent) | {"title": intent.title, "by": _in_line(intent.reversed_by or "—")}
    args |= {"success": str(intent.success_trans_id)}
    if other is None:
        return Words("admin-money-back", args, then="admin-close-access")
    return Words("admin-money-back", args | {"other": other.account}, then="admin-keep-access")


def money_stays(intent: Intent) -> Words:
    """Tell a student, who may have read that money is being given back, that it was not."""
    return Words("money-stays", {"order": intent.account, "title": intent.title})


def not_reversed(intent: Intent) -> Words:
    return Words("admin-not-reversed", _order(intent), (_reverse(intent),))


def still_unknown(intent: Intent) -> Words:
    reversing = intent.status is Status.reversing
    text = "admin-reversal-unknown" if reversing else "admin-unknown"
    return Words(text, _order(intent), (_settle(intent),))


def left_unknown(intent: Intent) -> Words:
    reversing = intent.status is Status.reversing
    text = "admin-reversal-left-unknown" if reversing else "admin-left-unknown"
    return Words(text, _order(intent), (_settle(intent),))


def settled(intent: Intent, seen: str, by: str) -> Words:
    return Words("admin-settled", {"order": intent.account, "shown": seen, "by": _in_line(by)})


def contradiction(intent: Intent, shown: str) -> Words:
    args: dict[str, Arg] = {"status": str(intent.status), "shown": shown}
    return Words("admin-contradiction", _order(intent) | args)


def mismatch(intent: Intent, account: str, other: int) -> Words:
    return Words("admin-mismatch", _order(intent) | {"account": account, "other": other})


def unreachable(student_id: int, order: str) -> Words:
    return Words("admin-unreachable", {"student": str(student_id), "order": order})


def daily(agreed: int, undecided: int, differences: Sequence[tuple[Intent, str]]) -> Words:
    """Report a day's comparison with ATMOS: what is stored, and what ATMOS's word means."""
    args: dict[str, Arg] = {"agreed": str(agreed), "undecided": str(undecided)}
    if not differences:
        return Words("admin-daily", args)
    rows = [_difference(intent, found) for intent, found in differences[:LISTED]]
    if len(differences) > LISTED:
        rows.append(Words("admin-differences-more", {"more": str(len(differences) - LISTED)}))
    return Words("admin-daily-differences", args, rows=tuple(rows))


def _difference(intent: Intent, found: str) -> Words:
    args: dict[str, Arg] = {"status": str(intent.status), "verdict": str(found)}
    return Words("admin-difference", args | {"order": intent.account})


def staff_order(intent: Intent) -> Words:
    """Show a payment to the staff, with the button for what can be done to it."""
    is_left = intent.status in PENDING and intent.check_at is None  # nobody asks any more
    status = f"{intent.status}-left" if is_left else str(intent.status)
    args = _order(intent) | {"title": intent.title, "status": status}
    if intent.status is Status.captured:
        return Words("staff-order", args, (_reverse(intent),))
    return Words("staff-order", args, (_settle(intent),) if intent.status in PENDING else ())


def settled_already(intent: Intent) -> Words:
    """Show what a payment is, to whoever said what became of it when that was known."""
    return replace(staff_order(intent), then="staff-known")


def refused_approval(why: str, tiyin: str, account: str) -> Words:
    """Report a no to ATMOS; why is a word of the text's own, or the status of the payment."""
    args: dict[str, Arg] = {"why": why, "status": why, "tiyin": tiyin, "account": account}
    return Words("admin-approval", args)


def not_genuine(why: str) -> Words:
    return Words("admin-not-genuine", {"why": why})


def unlisted_address(address: str) -> Words:
    return Words("admin-address", {"address": address})


def vault_away() -> Words:
    return Words("admin-vault")


def no_yes(what: str) -> Words:
    """Report that ATMOS did not get our yes to its question, and what that may be due to."""
    return Words("admin-no-yes", {"what": what})


def misconfigured(what: str) -> Words:
    return Words("admin-misconfigured", {"what": what})


def not_reached(what: str) -> Words:
    return Words("admin-not-reached", {"what": what})


def _with_receipt(intent: Intent) -> str:
    return "-with-receipt" if intent.receipt else ""


def _facts(intent: Intent) -> dict[str, Arg]:
    receipt: dict[str, Arg] = {"receipt": intent.receipt} if intent.receipt else {}
    return receipt | {
        "order": intent.account,
        "title": intent.title,
        "amount": intent.amount,
        "card": intent.card or "",
        "at": intent.captured_at.isoformat() if intent.captured_at else "",
        "transaction": str(intent.transaction_id),
    }


def _order(intent: Intent) -> dict[str, Arg]:
    """Give what an admin needs to find a payment here and in ATMOS's cabinet."""
    args: dict[str, Arg] = {"order": intent.account, "amount": intent.amount}
    return args | {"transaction": str(intent.transaction_id)} | _buyer(intent)


def _buyer(intent: Intent) -> dict[str, Arg]:
    buyer = intent.buyer
    return {
        "buyer": _in_line(buyer.name) or str(buyer.id),
        "username": f"@{buyer.username}" if buyer.username else "none",
        "student": str(buyer.id),
    }


def _in_line(name: str) -> str:
    """Leave what a name shows: what breaks or turns a line could forge one of ours."""
    shown = (" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in name)
    return " ".join("".join(shown).split())
