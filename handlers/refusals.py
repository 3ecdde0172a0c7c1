"""What is said of each refusal: the one table from errors to texts."""

from atmos import Declined, NeverArrived, OutcomeUnknown, WrongCredentials
from bot import cards, checkout, notices, staff
from bot.notices import Words
from bot.offers import Offers
from bot.payment import Status

OVER = {
    Status.expired: "expired",
    Status.cancelled: "cancelled",
    Status.reversed: "was-reversed",
}


SAID = {
    cards.NumberInvalid: "number-invalid",
    cards.ExpiryInvalid: "expiry-invalid",
    cards.ExpiryPassed: "expiry-passed",
    cards.CodeInvalid: "code-invalid",
    checkout.OfferGone: "offer-gone",
    checkout.IntentGone: "idle",
    staff.NoSuchOrder: "staff-no-order",
    staff.NoAnswer: "staff-no-answer",
    staff.WhichOrder: "staff-which-order",
    staff.NotSettled: "staff-not-settled",
    staff.AnotherPayment: "staff-another",
    staff.TelegramSilent: "staff-telegram",
}


def words_for(error: Exception, offers: Offers) -> Words:  # noqa: C901, PLR0911, PLR0912  a table
    """Say what went wrong and what to do next; of a defect, only what to do."""
    match error:
        case checkout.AlreadyPaid(intent=intent):
            return notices.already_paid(intent, offers.link_of(intent.offer))
        case checkout.StillChecking(intent=intent):
            return notices.checking(intent)
        case checkout.IntentOver(intent=intent) if intent.reason == "given-back":
            return notices.over(intent, "given-back")
        case checkout.IntentOver(intent=intent):
            return notices.over(intent, OVER.get(intent.status, "intent-over"))
        case checkout.CardNeeded(intent=intent):
            return notices.card_again(intent, "card-needed")
        case checkout.CardNotKept(intent=intent):
            return notices.card_not_kept(intent)
        case checkout.CardForgotten(intent=intent):
            return notices.card_again(intent, "card-lost")
        case checkout.CodeOver(intent=intent):
            return notices.code_over(intent)
        case checkout.ResendTooEarly(seconds=seconds):
            return Words("resend-wait", {"seconds": str(seconds)})
        case checkout.TooMany(intent=intent, limit=limit, until=until):
            return notices.too_many(intent, limit, until)
        case checkout.NotChallenged():
            return _not_challenged(error)
        case staff.AlreadyKnown(intent=intent):
            return notices.settled_already(intent)
        case staff.StillPaid(intent=intent):
            return Words("staff-still-paid", {"order": intent.account})
        case staff.NoOutcome():
            return Words("staff-no-outcome", then="staff-settle")
    return Words(SAID.get(type(error), "error"))


def _not_challenged(error: checkout.NotChallenged) -> Words:
    intent, why = error.intent, _why(error.error)
    if intent.status is Status.failed or intent.transaction_id is None:
        return notices.over(intent, why)
    if intent.status is Status.challenged:
        return notices.code_over(intent, why)
    return notices.card_again(intent, why)


def _why(error: Exception) -> str:
    match error:
        case Declined(reason=reason):
            return f"declined-{reason}"
        case WrongCredentials():
            return "gateway-misconfigured"
        case NeverArrived() | OutcomeUnknown():
            return "gateway-down"
    return "error"
