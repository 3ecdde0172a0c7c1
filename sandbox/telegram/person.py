"""A person with Telegram on their phone, and what they can do to the bot."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.telegram.chat import Chat, Look, Since
from sandbox.telegram.group import Link
from sandbox.telegram.html import utf16
from sandbox.telegram.message import THINGS, Message, User

if TYPE_CHECKING:
    from sandbox.telegram import Telegram

COMMAND = re.compile(r"(?<!\S)/[A-Za-z0-9_]+(?:@\w+)?")
MAY_EDIT = 2 * 24 * 3600.0


@dataclass(slots=True, eq=False)
class Query:
    """A tap that waits for an answer; `text` and `alert` are what the person was shown."""

    id: str
    person: Person = field(repr=False)
    message: Message
    data: str
    at: float
    born: int
    answered: bool = False
    text: str = ""
    alert: bool = False


@dataclass(eq=False)
class Person(User):
    telegram: Telegram = field(kw_only=True, repr=False)
    started: bool = False  # has written to the bot at least once
    blocked: bool = False
    deactivated: bool = False
    toasts: list[str] = field(default_factory=list)  # what answers to taps have said

    @property
    def chat(self) -> Chat:
        """The private chat with the bot."""
        return self.telegram.private(self.id)

    def says(
        self,
        text: str,
        chat: Chat | int | None = None,
        reply_to: Message | None = None,
        **extra: object,
    ) -> Message:
        content = {"text": text, **_entities(text, "entities"), **extra}
        return self._write(chat, content, reply_to)

    def sends(
        self,
        content: str | dict[str, Any],
        caption: str | None = None,
        chat: Chat | int | None = None,
        **extra: object,
    ) -> Message:
        """Send something that is not a text: a kind ("photo"), or its fields as they are."""
        if isinstance(content, str):
            content = {content: THINGS[content]}
        words = {} if caption is None else {"caption": caption}
        return self._write(
            chat, {**content, **words, **_entities(caption or "", "caption_entities"), **extra}
        )

    def edits(self, message: Message, text: str) -> Message:
        """Change a message of one's own: its text, or the caption of something."""
        self._check_own(message)
        if self.telegram.now() - message.date > MAY_EDIT:
            raise ValueError(f"message {message.id} is too old to be edited")
        words, marks = (
            ("text", "entities")
            if "text" in message.content
            else (
                "caption",
                "caption_entities",
            )
        )
        kept = {key: value for key, value in message.content.items() if key != marks}
        message.chat.rewrite(message, {**kept, words: text, **_entities(text, marks)})
        self.telegram.tell(message, "edited_message")
        return message

    def taps(self, button: str, message: Message | None = None) -> str:
        """Tap the newest inline button with this text or beginning of data; give the query's id.

        A button that opens something is not the bot's business: its address is given instead.
        """
        message, found = self._find(button, message)
        if opens := found.get("url") or found.get("web_app", {}).get("url"):
            return str(opens)
        if "copy_text" in found:
            return str(found["copy_text"]["text"])
        return self.telegram.tap(self, message, str(found["callback_data"])).id

    def deletes(self, message: Message) -> None:
        """Delete for everybody. The bot is not told, as with the real thing."""
        if message.chat.type != "private":
            self._check_own(message)
        message.chat.erase(message, self)

    def blocks(self) -> None:
        self._switch(blocked=True)

    def unblocks(self) -> None:
        self.started = True
        self._switch(blocked=False)

    def joins(self, link: Link | str) -> bool:
        """Follow an invitation; False if one has to be let in first."""
        found = self.telegram.links[link] if isinstance(link, str) else link
        if not found.open(self.telegram.now()) or self.id in found.group.banned:
            raise ValueError(f"the invitation {found.url} does not work any more")
        if found.by_request:
            self.requests_to_join(found)
            return False
        found.group.admit(self, found)
        return True

    def requests_to_join(self, link: Link) -> None:
        link.group.requests[self.id] = link
        request = {
            "chat": link.group.json(),
            "from": self.json(),
            "user_chat_id": self.id,
            "date": int(self.telegram.now()),
            "invite_link": link.json(),
        }
        self.telegram.inject({"chat_join_request": request})

    async def sees(self, what: Look, timeout: float = 30.0, since: Since = None) -> Message:  # noqa: ASYNC109  it also words the failure
        """Wait for the bot to say it in the private chat; see `Chat.sees`."""
        return await self.chat.sees(what, timeout, since)

    def _write(
        self, where: Chat | int | None, content: dict[str, Any], reply_to: Message | None = None
    ) -> Message:
        chat = self.telegram.chats[where] if isinstance(where, int) else where or self.chat
        if chat.type == "private":
            if self.blocked:
                raise ValueError(f"{self.first_name} has blocked the bot: unblock it first")
            self.started = True
        message = chat.write(self, content, reply_to=reply_to)
        self.telegram.tell(message)
        return message

    def _find(self, button: str, message: Message | None) -> tuple[Message, dict[str, Any]]:
        shown = reversed(self.chat.visible.values()) if message is None else [message]
        seen = [one for one in shown if one.from_bot and not one.deleted]
        for one in seen:
            for found in _inline(one):
                data = found.get("callback_data", "")
                if button in found["text"] or f"{data}:".startswith(f"{button}:"):
                    return one, found
        there = [found["text"] for one in seen for found in _inline(one)]
        raise LookupError(f"no button {button!r}; {self.first_name} sees {there}")

    def _switch(self, *, blocked: bool) -> None:
        before = self._bot()
        self.blocked = blocked
        self.telegram.membership(self.chat, self, before, self._bot())

    def _bot(self) -> dict[str, Any]:
        """Describe what the bot is to the private chat, as a ChatMember."""
        bot = self.telegram.bot.json()
        if self.blocked:
            return {"status": "kicked", "user": bot, "until_date": 0}
        return {"status": "member", "user": bot}

    def _check_own(self, message: Message) -> None:
        if message.sender is not self:
            raise ValueError(f"message {message.id} is not {self.first_name}'s own")


def _inline(message: Message) -> list[dict[str, Any]]:
    rows = (message.markup or {}).get("inline_keyboard", [])
    return [button for row in rows for button in row]


def _entities(text: str, name: str) -> dict[str, Any]:
    """Mark commands, the one kind of entity the bot's routing depends on."""
    if "/" not in text:
        return {}
    found = [
        {
            "type": "bot_command",
            "offset": utf16(text[: match.start()]),
            "length": utf16(match[0]),
        }
        for match in COMMAND.finditer(text)
    ]
    return {name: found} if found else {}
