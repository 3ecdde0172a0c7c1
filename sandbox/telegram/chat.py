"""A chat: what stands in it, what stood in it, and who waits to read what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sandbox.telegram.bell import Bell
from sandbox.telegram.message import Event, Message, User, line

if TYPE_CHECKING:
    from sandbox.telegram import Telegram

Look = str | Callable[[Message], bool]
Since = Message | int | str | None


@dataclass(eq=False)
class Chat:
    """A private chat, and what all chats have in common."""

    telegram: Telegram = field(repr=False)
    id: int
    type: str = "private"
    history: list[Event] = field(default_factory=list, repr=False)
    visible: dict[int, Message] = field(default_factory=dict, repr=False)
    bell: Bell = field(default_factory=Bell, repr=False)
    written: dict[int, Message] = field(default_factory=dict, repr=False)  # the vanished too

    @property
    def messages(self) -> list[Message]:
        return list(self.visible.values())

    @property
    def from_bot(self) -> list[Message]:
        return [message for message in self.visible.values() if message.from_bot]

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.visible.values()]

    def json(self) -> dict[str, Any]:
        person = self.telegram.people[self.id].json()
        del person["is_bot"]
        person.pop("language_code", None)
        return {"type": self.type, **person}

    def write(
        self,
        sender: User,
        content: dict[str, Any],
        *,
        html: str | None = None,
        markup: dict[str, Any] | None = None,
        reply_to: Message | None = None,
    ) -> Message:
        """Put a new message in the chat."""
        text = str(content.get("text") or content.get("caption") or "")
        message = Message(
            chat=self,
            id=self.telegram.next_message_id(),
            sender=sender,
            text=text,
            html=text if html is None else html,
            date=int(self.telegram.now()),
            content=content,
            markup=markup,
            reply_to=reply_to,
        )
        self.visible[message.id] = message
        self.written[message.id] = message
        self._record("sent", message, sender)
        message.born = message.touched
        return message

    def rewrite(
        self,
        message: Message,
        content: dict[str, Any],
        *,
        html: str | None = None,
        markup: dict[str, Any] | None = None,
    ) -> None:
        """Replace what a message says, keeping what it said."""
        former = message.text
        message.content, message.markup = content, markup
        message.text = str(content.get("text") or content.get("caption") or "")
        message.html = message.text if html is None else html
        message.edit_date = int(self.telegram.now())
        if former != message.text:
            message.edits.append(former)
        self._record("edited", message, message.sender, former)

    def erase(self, message: Message, who: User) -> None:
        """Take a message away from everybody."""
        del self.visible[message.id]
        message.deleted = True
        self._record("deleted", message, who)

    async def sees(self, what: Look, timeout: float = 30.0, since: Since = None) -> Message:  # noqa: ASYNC109  it also words the failure
        """Wait until the bot has said `what`, and give its newest message that does.

        With `since` (a message, its id, or the id of a tap) only what the bot has sent or
        edited after that counts.
        """
        after = self.telegram.moment_of(self, since)
        try:
            found = await self.bell.until(lambda: self.newest(what, after), timeout)
        except TimeoutError:
            raise AssertionError(
                f"the bot did not say {what!r} within {timeout} s; the chat reads:\n"
                f"{self.render() or '(nothing)'}"
            ) from None
        assert found is not None  # noqa: S101  the bell gives only what is true
        return found

    def newest(self, what: Look, after: int = -1) -> Message | None:
        for message in reversed(self.visible.values()):
            if message.from_bot and message.touched > after and _fits(message, what):
                return message
        return None

    def render(self) -> str:
        """Tell the chat to a person, with what has vanished marked as such."""
        return "\n".join(line(message) for message in self.written.values())

    def _record(
        self,
        kind: Literal["sent", "edited", "deleted"],
        message: Message,
        who: User,
        former: str | None = None,
    ) -> None:
        message.touched = self.telegram.next_moment()
        self.history.append(
            Event(kind, message, who.first_name, message.text, self.telegram.now(), former)
        )
        self.bell.ring()
        self.telegram.bell.ring()


def _fits(message: Message, what: Look) -> bool:
    return what in message.text if isinstance(what, str) else bool(what(message))
