"""Telegram for one bot, in memory: people, chats, the queue of updates, the Bot API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.faults import Faults
from sandbox.telegram.answer import Answer
from sandbox.telegram.api import Call, perform
from sandbox.telegram.bell import Bell
from sandbox.telegram.chat import Chat, Since
from sandbox.telegram.group import SUPERGROUPS, Group, Link
from sandbox.telegram.limits import Limits
from sandbox.telegram.message import Message, User
from sandbox.telegram.person import Person, Query
from sandbox.telegram.queue import Updates, Webhook


class Telegram:
    """The world of one bot. Everything happens on one event loop."""

    def __init__(
        self,
        *,
        token: str,
        username: str = "checkout_bot",
        now: Callable[[], float] = time.time,
        limits: bool = False,
    ) -> None:
        self.token = token
        self.now = now
        self.bot = User(int(token.partition(":")[0]), username, username=username, is_bot=True)
        self.people: dict[int, Person] = {}
        self.chats: dict[int, Chat] = {}
        self.links: dict[str, Link] = {}
        self.queries: dict[str, Query] = {}
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.updates = Updates(now)
        self.webhook: Webhook | None = None
        self.faults = Faults()
        self.latency: dict[str, float] = {}  # seconds by method, or "*"
        self.calls: list[Call] = []
        self.limits = Limits(now) if limits else None
        self.bell = Bell()
        self._message_id = 0
        self._moment = 0

    async def call(self, token: str, method: str, params: dict[str, Any]) -> Answer:
        """Do what the bot asks; Refused or Dropped if the wire breaks."""
        call = Call(method, params, self.now())
        self.calls.append(call)
        self.bell.ring()
        if self.latency:
            await asyncio.sleep(self.latency.get(method, self.latency.get("*", 0.0)))
        try:
            answer = await perform(self, token, call)
            call.status = answer.status
        finally:
            self.bell.ring()
        return answer

    def person(
        self,
        id: int,  # noqa: A002  it is what Telegram calls it
        first_name: str = "Aziz",
        last_name: str | None = None,
        username: str | None = None,
        language_code: str | None = "uz",
    ) -> Person:
        person = Person(id, first_name, last_name, username, language_code, telegram=self)
        self.people[id] = person
        return person

    def group(  # noqa: PLR0917  each has a name that is easy to give
        self,
        id: int,  # noqa: A002  it is what Telegram calls it
        title: str,
        members: Iterable[User] = (),
        admins: Iterable[User] = (),
        bot_rights: dict[str, bool] | None = None,
        topics: Iterable[int] = (),
    ) -> Group:
        """Make a group. The bot is its administrator if it has rights; the first admin owns it."""
        rulers = {user.id: user for user in admins}
        group = Group(
            self,
            id,
            "supergroup" if id < SUPERGROUPS else "group",
            title=title,
            members={user.id: user for user in members} | rulers,
            admins=rulers,
            bot_rights=dict(bot_rights or {}),
            bot_status="member" if bot_rights is None else "administrator",
            topics=set(topics),
        )
        self.chats[id] = group
        return group

    def private(self, person_id: int) -> Chat:
        chat = self.chats.get(person_id)
        if chat is None:
            chat = self.chats[person_id] = Chat(self, person_id)
        return chat

    def inject(self, update: dict[str, Any]) -> int | None:
        """Queue an update as it is; its number, or None if the bot did not ask for its kind."""
        return self.updates.put(update)

    def tell(self, message: Message, kind: str = "message") -> None:
        """Let the bot know of a message, unless it is not in that chat."""
        if not isinstance(message.chat, Group) or message.chat.has_bot:
            self.inject({kind: message.json()})

    def membership(
        self,
        chat: Chat,
        who: User,
        before: dict[str, Any],
        after: dict[str, Any],
        link: Link | None = None,
    ) -> None:
        """Let the bot know that somebody, or itself, is something else to a chat now."""
        kind = "my_chat_member" if after["user"]["is_bot"] else "chat_member"
        change = {
            "chat": chat.json(),
            "from": who.json(),
            "date": int(self.now()),
            "old_chat_member": before,
            "new_chat_member": after,
        }
        if link:
            change["invite_link"] = link.json()
        self.inject({kind: change})

    def tap(self, person: Person, message: Message, data: str) -> Query:
        number = str(7_000_000_000 + len(self.queries))
        query = Query(number, person, message, data, self.now(), self.next_moment())
        self.queries[number] = query
        self.inject(
            {
                "callback_query": {
                    "id": number,
                    "from": person.json(),
                    "message": message.json(),
                    "chat_instance": str(message.chat.id),
                    "data": data,
                }
            }
        )
        return query

    async def until(self, predicate: Callable[[], object], timeout: float = 30.0) -> None:  # noqa: ASYNC109  it also words the failure
        """Wait until `predicate` holds; it is asked again whenever anything happens."""
        try:
            await self.bell.until(predicate, timeout)
        except TimeoutError:
            last = [(call.method, call.status) for call in self.calls[-10:]]
            raise AssertionError(
                f"it did not come true within {timeout} s; last calls: {last}"
            ) from None

    def next_message_id(self) -> int:
        self._message_id += 1
        return self._message_id

    def next_moment(self) -> int:
        self._moment += 1
        return self._moment

    def moment_of(self, chat: Chat, what: Since) -> int:
        """Tell when a message of `chat` was sent or a query tapped; -1 for nothing at all."""
        if what is None:
            return -1
        if isinstance(what, str):
            return self.queries[what].born
        return what.born if isinstance(what, Message) else chat.written[what].born
