"""Finds a card anywhere in what a person sent."""

from collections.abc import Mapping
from typing import Any

from bot.cards import holds_card

KINDS = ("message", "edited_message", "channel_post", "edited_channel_post")


def message_of(update: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the message a person wrote, whatever the kind of update."""
    found = (update.get(kind) for kind in KINDS)
    return next((message for message in found if isinstance(message, Mapping)), None)


def holds_card_anywhere(message: Mapping[str, Any]) -> bool:
    return holds_card(str(message.get("text") or message.get("caption") or ""))
