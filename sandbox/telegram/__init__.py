"""Telegram for one bot: its chats and people in memory, its Bot API over HTTP."""

from sandbox.telegram.answer import Answer, Refusal
from sandbox.telegram.api import Call
from sandbox.telegram.chat import Chat
from sandbox.telegram.group import Group, Link
from sandbox.telegram.message import Event, Message, User
from sandbox.telegram.person import Person, Query
from sandbox.telegram.world import Telegram

__all__ = [
    "Answer",
    "Call",
    "Chat",
    "Event",
    "Group",
    "Link",
    "Message",
    "Person",
    "Query",
    "Refusal",
    "Telegram",
    "User",
]
