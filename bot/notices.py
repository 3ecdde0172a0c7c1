"""What is said, to whom and in which words: pure values, rendered where they are sent."""

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

Arg = str | int  # an int is an amount in tiyin; a str is text, an id, or a moment in ISO 8601
Button = tuple[str, str]  # the id of its label, and its callback data or URL


@dataclass(frozen=True, slots=True)
class Words:
    """A text by its id in `locales/`, with what goes into it and the buttons under it."""

    text: str
    args: dict[str, Arg] = field(default_factory=dict)
    buttons: tuple[Button, ...] = ()
    then: str | None = None  # a second text, a line below

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> "Words":
        return cls(**stored | {"buttons": tuple((b[0], b[1]) for b in stored["buttons"])})


class Action(StrEnum):
    send = "send"
    edit = "edit"  # or send, where the message is gone
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
