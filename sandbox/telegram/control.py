"""Act as a person over HTTP, and see what the bot did: /_sandbox/."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.faults import Fault, Kind
from sandbox.telegram import Message, Person, Telegram

Body = dict[str, Any]
Act = Callable[[Telegram, Body], object]


def routes(telegram: Telegram) -> list[web.RouteDef]:
    return [
        web.route(method, f"/_sandbox/{path}", _doing(telegram, act))
        for (method, path), act in ACTS.items()
    ]


def people(telegram: Telegram, body: Body) -> object:
    """Make a person, or give the one there is."""
    known = telegram.people.get(body["id"])
    return (known or telegram.person(**body)).json()


def groups(telegram: Telegram, body: Body) -> object:
    for role in ("members", "admins"):
        body[role] = [telegram.people[number] for number in body.get(role, [])]
    return telegram.group(**body).json()


def says(telegram: Telegram, body: Body) -> object:
    return _person(telegram, body).says(body["text"], body.get("chat")).json()


def sends(telegram: Telegram, body: Body) -> object:
    person = _person(telegram, body)
    return person.sends(body["kind"], body.get("caption"), body.get("chat")).json()


def edits(telegram: Telegram, body: Body) -> object:
    return _person(telegram, body).edits(_message(telegram, body), body["text"]).json()


def deletes(telegram: Telegram, body: Body) -> object:
    _person(telegram, body).deletes(_message(telegram, body))
    return True


def taps(telegram: Telegram, body: Body) -> object:
    """Tap a button; the answer is the query's id, or the address the button opens."""
    message = _message(telegram, body) if "message" in body else None
    return {"result": _person(telegram, body).taps(body["button"], message)}


def blocks(telegram: Telegram, body: Body) -> object:
    _person(telegram, body).blocks()
    return True


def unblocks(telegram: Telegram, body: Body) -> object:
    _person(telegram, body).unblocks()
    return True


def updates(telegram: Telegram, body: Body) -> object:
    return {"update_id": telegram.inject(body)}


def chat(telegram: Telegram, body: Body) -> object:
    number = int(body["id"])
    found = telegram.private(number) if number in telegram.people else telegram.chats[number]
    return {
        "messages": [_shown(message) for message in found.messages],
        "history": [event.json() for event in found.history],
    }


def calls(telegram: Telegram, _body: Body) -> object:
    return [
        {"method": call.method, "params": call.params, "at": call.at, "status": call.status}
        for call in telegram.calls
    ]


def faults(telegram: Telegram, _body: Body) -> object:
    return {"waiting": telegram.faults.view(), "injected": dict(telegram.faults.injected)}


def break_it(telegram: Telegram, body: Body) -> object:
    telegram.faults.add(Fault(**{**body, "kind": Kind(body["kind"])}))
    return telegram.faults.view()


def mend_it(telegram: Telegram, _body: Body) -> object:
    telegram.faults.clear()
    return True


ACTS: dict[tuple[str, str], Act] = {
    ("POST", "people"): people,
    ("POST", "groups"): groups,
    ("POST", "says"): says,
    ("POST", "sends"): sends,
    ("POST", "edits"): edits,
    ("POST", "deletes"): deletes,
    ("POST", "taps"): taps,
    ("POST", "blocks"): blocks,
    ("POST", "unblocks"): unblocks,
    ("POST", "updates"): updates,
    ("GET", "chat/{id}"): chat,
    ("GET", "calls"): calls,
    ("GET", "faults"): faults,
    ("POST", "faults"): break_it,
    ("DELETE", "faults"): mend_it,
}


def _doing(telegram: Telegram, act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json() if request.can_read_body else {}
            return web.json_response(act(telegram, {**body, **request.match_info}))
        except (LookupError, TypeError, ValueError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

    return handle


def _person(telegram: Telegram, body: Body) -> Person:
    return telegram.people[body["person"]]


def _message(telegram: Telegram, body: Body) -> Message:
    where: int = body.get("chat") or body["person"]
    return telegram.chats[where].visible[body["message"]]


def _shown(message: Message) -> Body:
    """Show a message as a person sees it; `date` and `text` are as in the Bot API."""
    return {
        **message.json(),
        "from_bot": message.from_bot,
        "text": message.text,
        "html": message.html,
        "buttons": message.buttons,
        "edits": message.edits,
    }
