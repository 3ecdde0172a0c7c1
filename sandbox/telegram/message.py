"""One message and what is around it: who wrote it, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sandbox.telegram.chat import Chat


@dataclass(slots=True, eq=False)
class User:
    """A person or the bot, as others see them."""

    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None
    is_bot: bool = False

    def json(self) -> dict[str, Any]:
        optional = {
            "last_name": self.last_name,
            "username": self.username,
            "language_code": self.language_code,
        }
        return {
            "id": self.id,
            "is_bot": self.is_bot,
            "first_name": self.first_name,
            **{key: value for key, value in optional.items() if value is not None},
        }


@dataclass(slots=True, eq=False)
class Message:
    """One message; it knows what it said before and whether it is gone."""

    chat: Chat = field(repr=False)
    id: int
    sender: User
    text: str  # what is read: a text, or the caption of something
    html: str  # the same as it was sent
    date: int
    content: dict[str, Any] = field(default_factory=dict, repr=False)  # entities, photo, …
    markup: dict[str, Any] | None = field(default=None, repr=False)
    reply_to: Message | None = field(default=None, repr=False)
    edit_date: int | None = None
    edits: list[str] = field(default_factory=list)  # the former texts, oldest first
    deleted: bool = False
    born: int = 0  # when it was sent, in moments of the world
    touched: int = 0  # when it was last sent or edited

    @property
    def from_bot(self) -> bool:
        return self.sender.is_bot

    @property
    def rows(self) -> list[list[dict[str, Any]]]:
        markup = self.markup or {}
        found: list[list[dict[str, Any]]] = markup.get("inline_keyboard") or markup.get(
            "keyboard", []
        )
        return found

    @property
    def buttons(self) -> list[list[str]]:
        return [
            [button if isinstance(button, str) else str(button["text"]) for button in row]
            for row in self.rows
        ]

    def json(self, *, deep: bool = True) -> dict[str, Any]:
        """Show it as the Bot API does; a reply carries its original, but not the next one."""
        message: dict[str, Any] = {
            "message_id": self.id,
            "from": self.sender.json(),
            "chat": self.chat.json(),
            "date": self.date,
            **self.content,
        }
        if self.edit_date:
            message["edit_date"] = self.edit_date
        if self.markup and "inline_keyboard" in self.markup:
            message["reply_markup"] = self.markup
        if self.reply_to and deep:
            message["reply_to_message"] = self.reply_to.json(deep=False)
        return message


@dataclass(slots=True)
class Event:
    """Something that happened in a chat; for an edit, `former` is what was there before."""

    kind: Literal["sent", "edited", "deleted"]
    message: Message
    who: str
    text: str
    at: float
    former: str | None = None

    def json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "message_id": self.message.id,
            "who": self.who,
            "text": self.text,
            "at": self.at,
            "former": self.former,
        }


def line(message: Message) -> str:
    """Tell one message to a person."""
    if message.deleted:
        return f"{message.sender.first_name}: (deleted)"
    kinds = [key for key in message.content if key in THINGS]
    words = [f"<{kind}>" for kind in kinds] + [message.text] * bool(message.text)
    edited = " (edited)" * (message.edit_date is not None)
    rows = ["\n    " + " ".join(f"[{button}]" for button in row) for row in message.buttons]
    return f"{message.sender.first_name}: {' '.join(words)}{edited}{''.join(rows)}"


THINGS: dict[str, Any] = {
    "photo": [
        {"file_id": "photo-1", "file_unique_id": "p1", "width": 1280, "height": 800},
    ],
    "voice": {"file_id": "voice-1", "file_unique_id": "v1", "duration": 3},
    "video": {
        "file_id": "video-1",
        "file_unique_id": "m1",
        "width": 640,
        "height": 480,
        "duration": 5,
    },
    "sticker": {
        "file_id": "sticker-1",
        "file_unique_id": "s1",
        "type": "regular",
        "width": 512,
        "height": 512,
        "is_animated": False,
        "is_video": False,
        "emoji": "👍",
    },
    "document": {
        "file_id": "document-1",
        "file_unique_id": "d1",
        "file_name": "card.pdf",
        "mime_type": "application/pdf",
        "file_size": 1024,
    },
    "contact": {"phone_number": "+998901234567", "first_name": "Aziz"},
    "location": {"latitude": 41.311081, "longitude": 69.240562},
}
