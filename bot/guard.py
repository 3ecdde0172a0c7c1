"""What of an update a person wrote, and whether a card number is in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.cards import holds_card

# The kinds of update that bring a message. What a button hangs under is the bot's own.
KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_message",
    "edited_business_message",
    "guest_message",
)
CHATS = ("private", "group", "supergroup", "channel")
SIXTEEN_DIGITS = range(10**15, 10**16)
MOST = 200_000  # characters looked at; of Telegram's 32 768 those of a rich text count twice


def message_of(update: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the message that somebody wrote, of an update as Telegram sent it."""
    found = (update.get(kind) for kind in KINDS)
    return next((message for message in found if isinstance(message, Mapping)), None)


def holds_card_anywhere(message: Mapping[str, Any]) -> bool:
    """Tell whether a card number is in any text of a message, as Telegram sent it.

    Every string counts, in fields that are not known yet too, and at any depth. Not looked at
    are ids, the names of senders and chats, and other messages: the one that this answers was
    looked at when it came. What is longer than a message can be is taken for one with a card.
    """
    seen = 0
    for text in _texts(message):
        seen += len(text)
        if seen > MOST or holds_card(text):
            return True
    return False


def _texts(message: Mapping[str, Any]) -> Iterator[str]:
    """Give each text, without recursion; the pieces of a rich text and a contact also as one."""
    pieces = []
    left = _fields(message, rich=False)
    while left:
        name, value, rich = left.pop()
        if isinstance(value, str):
            yield value
            if rich and name == "text":
                pieces.append(value)
        elif isinstance(value, int) and value in SIXTEEN_DIGITS:
            yield str(value)
        elif isinstance(value, list):
            left.extend((name, item, rich) for item in reversed(value))
        elif isinstance(value, Mapping) and not _is_somebody(value) and not _is_message(value):
            left.extend(_fields(value, rich=rich))
            yield from _contact(value)
    yield " ".join(pieces)


def _fields(node: Mapping[str, Any], *, rich: bool) -> list[tuple[str, Any, bool]]:
    """List the fields that hold no id, the last first. A table's cells do not make one text."""
    return [
        (name, value, (rich or name == "rich_message") and name != "cells")
        for name, value in reversed(list(node.items()))
        if name.rpartition("_")[2] not in {"id", "ids"}
    ]


def _contact(node: Mapping[str, Any]) -> Iterator[str]:
    """Read the name and the phone number of a contact as one, in both orders."""
    names, phone = [node.get("first_name"), node.get("last_name")], node.get("phone_number")
    if phone is not None:
        for parts in ([*names, phone], [phone, *names]):
            yield " ".join(part for part in parts if isinstance(part, str))


def _is_somebody(node: Mapping[str, Any]) -> bool:
    """Tell a user or a chat: their names stay when the message is deleted."""
    return "is_bot" in node or ("id" in node and node.get("type") in CHATS)


def _is_message(node: Mapping[str, Any]) -> bool:
    return {"message_id", "date", "chat"} <= node.keys() and "type" not in node
