"""What is not a payment: offers, language, help."""

from dataclasses import replace

from aiogram import Bot, F, Router
from aiogram.enums import ChatType
from aiogram.filters import Command, CommandObject, CommandStart, StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from aiogram.utils.deep_linking import create_start_link

from bot import notices
from bot.checkout import Checkout, OfferGone
from bot.intake import Taken
from bot.notices import Arg, Words
from bot.offers import LANGUAGES, Offers
from handlers.arrival import Languages
from handlers.buttons import after_colon
from handlers.checkout import commands_cancel
from handlers.speech import Speech
from handlers.steps import unfinished

MENU = "menu"  # the payload of a link that names no offer


async def starts(
    message: Message,
    command: CommandObject,
    *,
    state: FSMContext,
    checkout: Checkout,
    offers: Offers,
    speech: Speech,
) -> None:
    """Show the offer a link names, the only one, or a choice."""
    slug = command.args or ""
    if len(offers.offers) == 1 and slug in ("", MENU):
        slug = offers.offers[0].slug
    if slug in ("", MENU):
        await speech.say(_choice(offers, speech.language))
    else:
        await _show(
            message.chat.id, slug, state=state, checkout=checkout, offers=offers, speech=speech
        )


async def chooses_offer(
    query: CallbackQuery, state: FSMContext, checkout: Checkout, offers: Offers, speech: Speech
) -> None:
    slug = after_colon(query)
    await _show(
        query.from_user.id, slug, state=state, checkout=checkout, offers=offers, speech=speech
    )


async def starts_in_group(
    _: Message, command: CommandObject, bot: Bot, offers: Offers, speech: Speech
) -> None:
    """Answer with a way into the private chat: cards have no place in a group.

    Whoever types one there all the same does not get it back as a link.
    """
    offer = offers.find(command.args or "")
    await speech.say(await way_into_private(bot, offer.slug if offer else MENU))


async def way_into_private(bot: Bot, payload: str) -> Words:
    link = await create_start_link(bot, payload)
    return Words("group-start", {}, (("private-button", link),))


async def asks_languages(_: Message, speech: Speech) -> None:
    await speech.say(_languages())


def _languages() -> Words:
    buttons = tuple((f"language-{language}", f"language:{language}") for language in LANGUAGES)
    return Words("language-ask", {}, buttons)


async def chooses_language(query: CallbackQuery, languages: Languages, speech: Speech) -> None:
    """Remember a choice; a press that names no language asks for one."""
    language = after_colon(query)
    if language not in LANGUAGES:
        await speech.say(_languages())
        return
    await languages.choose(query.from_user.id, language)
    await replace(speech, language=language).say(Words("language-chosen"))


async def asks_help(_: Message, speech: Speech) -> None:
    await speech.say(Words("help"))


async def asks_support(_: Message, support_contact: str | None, speech: Speech) -> None:
    if support_contact:
        await speech.say(Words("paysupport", {"contact": support_contact}))
    else:
        await speech.say(Words("paysupport-none"))


async def asks_privacy(_: Message, retention_days: int, speech: Speech) -> None:
    await speech.say(Words("privacy", {"days": str(retention_days)}))


async def says_anything(
    message: Message, taken: Taken, checkout: Checkout, speech: Speech
) -> None:
    """Answer outside of a dialogue: to a code that came late, where its payment stands."""
    if taken.wiped:
        await checkout.no_news(message.chat.id)
    await speech.say(Words("idle"))


async def _show(
    student_id: int,
    slug: str,
    *,
    state: FSMContext,
    checkout: Checkout,
    offers: Offers,
    speech: Speech,
) -> None:
    """Show an offer and, where its payment is under way, what that waits for at which price."""
    offer = offers.find(slug)
    if offer is None:
        raise OfferGone
    await checkout.may_buy(student_id, slug)
    now = checkout.now()
    words = notices.offer(offer, speech.language, now)
    match await unfinished(state, checkout, slug):
        case None:
            await speech.say(words)
        case intent, step if intent.amount == offer.price_at(now):
            await speech.say(replace(words, then=step))
        case intent, step:
            await speech.say(words)
            await speech.say(notices.unfinished(intent, step))


def _choice(offers: Offers, language: str) -> Words:
    """A title is no text of ours, so each button's label is a text with a title of its own."""
    titles: dict[str, Arg] = {
        f"title-{offer.slug}": offer.words(language)[0] for offer in offers.offers
    }
    buttons = tuple((f"={name}", f"offer:{name.removeprefix('title-')}") for name in titles)
    return Words("offers", titles, buttons)


def router() -> Router:
    """Register commands before the steps of a checkout, which take any text."""
    router = Router()
    private = F.chat.type == ChatType.PRIVATE
    router.message.register(starts, CommandStart(), private)
    router.message.register(starts_in_group, CommandStart())
    router.message.register(commands_cancel, Command("cancel"), private)
    router.message.register(asks_languages, Command("language"), private)
    router.message.register(asks_help, Command("help"), private)
    router.message.register(asks_support, Command("paysupport"), private)
    router.message.register(asks_privacy, Command("privacy"), private)
    router.message.register(says_anything, private, StateFilter(None))
    router.callback_query.filter(F.message.chat.type == ChatType.PRIVATE)
    router.callback_query.register(chooses_offer, F.data.startswith("offer:"))
    router.callback_query.register(chooses_language, F.data.startswith("language:"))
    return router
