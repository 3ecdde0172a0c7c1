"""The ATMOS client on the wire: what it sends, and what it makes of every answer."""

import asyncio
import base64
import json
import logging
import socket
import struct
import traceback
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from urllib.parse import parse_qs

import httpx
import pytest
import respx

from atmos import (
    AtmosClient,
    AtmosError,
    CannotResend,
    Declined,
    NeverArrived,
    OutcomeUnknown,
    Reason,
    State,
    WrongCredentials,
)
from atmos.auth import BearerAuth, Token
from atmos.codes import NOT_CHARGED, REASONS
from sandbox.atmos import Gateway
from sandbox.atmos.http import serve
from sandbox.faults import Fault, Kind

URL = "https://atmos.test"
KEY = "a-consumer-key"
SECRET = "a-consumer-secret"
TOKEN = "eyJ-a-bearer-token"
CARD = "8600990000000009"
EXPIRY = "4912"
OTP = "012345"
STORE = 57
PRICE = 73_900_000
NUMBER = 14_500_001
PAID = 2_000_001

OPEN = {
    "success_trans_id": None,
    "trans_id": NUMBER,
    "account": "333",
    "amount": PRICE,
    "confirmed": False,
    "confirm_time": None,
    "status_code": None,
    "status_message": None,
}
CHARGED = OPEN | {
    "success_trans_id": PAID,
    "confirmed": True,
    "confirm_time": 1_614_969_502_042,
    "status_code": "0",
}
BACK = CHARGED | {"status_code": "-20"}

FAULTS = {
    "xml": (
        '<ams:fault xmlns:ams="http://wso2.org/apimanager/security"><ams:code>{0}</ams:code>'
        "<ams:message>{1}</ams:message></ams:fault>"
    ),
    "json": '{{"fault":{{"code":{0},"message":"{1}","description":"{1}"}}}}',
    "json, the code as text": '{{"fault":{{"code":"{0}","message":"{1}"}}}}',
    "flat json": '{{"code":"{0}","message":"{1}"}}',
    "xml of another handler": (
        '<?xml version="1.0" encoding="UTF-8"?>\n<am:fault xmlns:am="http://wso2.org/apimanager">\n'
        "  <am:code>{0}</am:code><am:type>Status report</am:type>\n"
        "  <am:message>Runtime Error</am:message><am:description>{1}</am:description>\n"
        "</am:fault>\n"
    ),
    "xml with a time": (
        '<amt:fault xmlns:amt="http://wso2.org/apimanager/throttling"><amt:code>{0}</amt:code>'
        "<amt:message>{1}</amt:message><amt:description>{1}</amt:description>"
        "<amt:nextAccessTime>2025-Jun-01 00:00:00+0000 UTC</amt:nextAccessTime></amt:fault>"
    ),
}
PAGE = "<html><body><h1>{0}</h1><p>{1}</p></body></html>"

# What is no refusal of the gateway in front, though the request it quotes looks like one:
# `{0}` is a code typed by a student.
QUOTES = {
    "a page": "<html><h1>Error</h1>Request was: {{'otp': '{0}'}}</html>",
    "plain text": "{0}",
    "json": '{{"otp":"{0}","transaction_id":14500001,"store_id":"57"}}',
    "json beside another code": (
        '{{"code":1,"message":"Error {0}","description":"{0}","otp":"{0}"}}'
    ),
    "json beside another fault": (
        '{{"fault":{{"code":101503,"message":"Error {0}","description":"{0}"}},"otp":"{0}",'
        '"code":{0},"message":"No matching resource"}}'
    ),
    "json around a fault": '{{"request":{{"fault":{{"code":{0},"message":"{0}"}}}}}}',
    "json of a fault without words": '{{"fault":{{"code":{0}}}}}',
    "json and more": '{{"fault":{{"code":900802,"message":"Throttled"}}}} {0}',
    "xml of another code": (
        "<ams:fault><ams:code>101503</ams:code><ams:message>Error {0}</ams:message>"
        "<ams:description>code {0}</ams:description><ams:otp>{0}</ams:otp>"
        "<ams:code>{0}</ams:code></ams:fault>"
    ),
    "xml of other names": (
        "<request><code>{0}</code><message>Error</message><ams:code>{0}</ams:code></request>"
    ),
    "xml around a fault": (
        "<page><ams:fault><ams:code>{0}</ams:code><ams:message>x</ams:message></ams:fault></page>"
    ),
    "words of no fault": "<html>No matching resource found for given API Request, {0}</html>",
    "words in another fault": (
        '{{"fault":{{"code":101503,"message":"Error","description":"No matching resource"}}}}'
    ),
    "words quoted": '{{"code":404,"message":"Error","description":"not No matching resource"}}',
}

CALLS = {
    "create": lambda client: client.create(account="333", amount=PRICE),
    "pre-apply": lambda client: client.pre_apply(NUMBER, card_number=CARD, expiry=EXPIRY),
    "retry-otp": lambda client: client.retry_otp(NUMBER),
    "confirm": lambda client: client.confirm(NUMBER, otp=OTP),
    "reverse": lambda client: client.reverse(PAID, reason="asked for it"),
}

every_shape = pytest.mark.parametrize("shape", FAULTS.values(), ids=FAULTS)
every_body = pytest.mark.parametrize("shape", [*FAULTS.values(), PAGE], ids=[*FAULTS, "page"])
every_call = pytest.mark.parametrize("operation", CALLS)


def answer(code="OK", description="", **beside):
    result = {"code": code, "description": description}
    return httpx.Response(200, json={"result": result, **beside})


def refusal(code, description="", **beside):
    return answer(f"STPIMS-ERR-{code:03}", description, **beside)


def turned_away(status, shape, code, message):
    return httpx.Response(status, text=shape.format(code, message))


def no_path(shape=FAULTS["xml"]):
    return turned_away(404, shape, 900906, "No matching resource found for given API Request")


def unauthorized(shape=FAULTS["xml"]):
    return turned_away(401, shape, 900901, "Invalid Credentials")


def granted(token=TOKEN, expires_in=2525):
    grant = {"access_token": token, "token_type": "Bearer", "expires_in": expires_in}
    return httpx.Response(200, json=grant)


def sent(route):
    """Read the body of the last call; a float would come out as text, and so be noticed."""
    return json.loads(route.calls.last.request.content, parse_float=str)


def shop(base_url=URL, key=KEY, secret=SECRET, **settings):
    return AtmosClient(
        base_url=base_url, consumer_key=key, consumer_secret=secret, store_id=STORE, **settings
    )


def logged_in(client):
    """Give the client a token it need not ask for."""

    async def fetch():
        return Token(access_token=TOKEN, expires_in=3600)

    client._auth = BearerAuth(fetch)
    return client


class Clock:
    def __init__(self):
        self.time = 1000.0

    def __call__(self):
        return self.time


@pytest.fixture
def wire():
    router = respx.MockRouter(base_url=URL, assert_all_called=False)
    router.post("/token", name="token").mock(return_value=granted())
    return router


@pytest.fixture
def token(wire):
    return wire["token"]


@pytest.fixture
def pay(wire):
    """Say what an operation answers; gives the route, which counts the calls."""

    def answers(operation, *responses):
        route = wire.post(f"/merchant/pay/{operation}")
        return route.mock(side_effect=responses) if responses[1:] else route.mock(*responses)

    return answers


@pytest.fixture
async def client(wire):
    async with shop(transport=httpx.MockTransport(wire.async_handler)) as client:
        yield client


# What is sent


async def test_create_sends_amount_as_a_number_and_account_as_digits(client, pay):
    create = pay("create", answer(transaction_id=NUMBER, store_transaction=OPEN))

    assert await client.create(account="0333", amount=PRICE, lang="ru") == NUMBER
    assert sent(create) == {"amount": PRICE, "account": "0333", "store_id": STORE, "lang": "ru"}


async def test_create_speaks_uzbek_unless_told_otherwise(client, pay):
    create = pay("create", answer(transaction_id=NUMBER))
    await client.create(account="333", amount=PRICE)

    assert sent(create)["lang"] == "uz"


async def test_pre_apply_sends_the_card_and_its_expiry_as_yymm(client, pay):
    pre_apply = pay("pre-apply", answer(transaction_id=NUMBER))
    await client.pre_apply(NUMBER, card_number=CARD, expiry="0703")

    assert sent(pre_apply) == {
        "transaction_id": NUMBER,
        "store_id": STORE,
        "card_number": CARD,
        "expiry": "0703",
    }


async def test_retry_otp_sends_the_transaction_and_the_store(client, pay):
    retry = pay("retry-otp", answer())
    await client.retry_otp(NUMBER)

    assert sent(retry) == {"transaction_id": NUMBER, "store_id": STORE}


async def test_confirm_keeps_the_leading_zeros_of_the_code(client, pay):
    confirm = pay("confirm", answer(store_transaction=CHARGED))
    await client.confirm(NUMBER, otp="000123")

    assert sent(confirm) == {"transaction_id": NUMBER, "store_id": STORE, "otp": "000123"}


async def test_get_sends_the_id_of_create_and_the_store(client, pay):
    get = pay("get", answer(store_transaction=OPEN))
    await client.get(NUMBER)

    assert sent(get) == {"transaction_id": NUMBER, "store_id": STORE}


async def test_reverse_sends_the_id_of_the_paid_transaction_and_no_store(client, pay):
    reverse = pay("reverse", answer(transaction_id=PAID))
    await client.reverse(PAID, reason="asked for it")

    assert sent(reverse) == {"transaction_id": PAID, "reason": "asked for it"}


@every_call
async def test_every_call_is_json_with_the_bearer_token(client, pay, operation):
    route = pay(operation, answer(transaction_id=NUMBER, store_transaction=CHARGED))
    await CALLS[operation](client)
    headers = route.calls.last.request.headers

    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["content-type"] == "application/json"


async def test_the_base_url_may_end_in_a_slash_and_have_a_path(wire):
    get = wire.post("/mirror/merchant/pay/get").mock(answer(store_transaction=OPEN))
    wire.post("/mirror/token").mock(granted())
    transport = httpx.MockTransport(wire.async_handler)
    async with shop(f"{URL}/mirror/", transport=transport) as client:
        await client.get(NUMBER)

    assert get.call_count == 1


# The token


async def test_the_token_is_asked_for_with_basic_auth_and_the_grant_in_query_and_body(
    client, token
):
    await client.log_in()
    request = token.calls.last.request

    pair = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    assert request.headers["authorization"] == f"Basic {pair}"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert dict(request.url.params) == {"grant_type": "client_credentials"}
    assert parse_qs(request.content.decode()) == {"grant_type": ["client_credentials"]}


@pytest.mark.parametrize(("passed", "fetched"), [(0, 1), (2464, 1), (2466, 2), (2600, 2)])
async def test_a_token_is_kept_for_what_is_left_of_it_less_a_minute(
    client, token, pay, passed, fetched
):
    clock = Clock()
    client._auth = BearerAuth(client._fetch_token, clock)
    pay("get", answer(store_transaction=OPEN))
    await client.get(NUMBER)
    clock.time += passed
    await client.get(NUMBER)

    assert token.call_count == fetched


@every_body
@every_call
async def test_a_401_is_answered_with_one_new_token_and_one_more_try(
    client, token, pay, operation, shape
):
    used, bodies = [], set()

    def refuses_the_old(request):
        used.append(request.headers["authorization"])
        bodies.add(request.content)
        good = answer(transaction_id=NUMBER, store_transaction=CHARGED)
        return unauthorized(shape) if used[1:] == [] else good

    token.mock(side_effect=[granted("old"), granted("new")])
    pay(operation).mock(side_effect=refuses_the_old)
    await CALLS[operation](client)

    assert used == ["Bearer old", "Bearer new"]
    assert len(bodies) == 1


@every_body
@every_call
async def test_a_second_401_means_it_never_arrived(client, token, pay, operation, shape):
    route = pay(operation, unauthorized(shape))
    with pytest.raises(NeverArrived, match="401"):
        await CALLS[operation](client)

    assert (route.call_count, token.call_count) == (2, 2)


async def test_many_401s_at_once_fetch_one_token(client, token, wire):
    all_at_once = asyncio.Barrier(40)

    async def gateway(request):
        await all_at_once.wait()
        fresh = request.headers["authorization"] == "Bearer new"
        return answer(store_transaction=OPEN) if fresh else unauthorized()

    token.mock(side_effect=[granted("old"), granted("new")])
    get = wire.post("/merchant/pay/get").mock(side_effect=gateway)
    await asyncio.gather(*(client.get(number) for number in range(40)))

    assert (get.call_count, token.call_count) == (80, 2)


@pytest.mark.parametrize(
    ("status", "error"), [(401, "invalid_client"), (400, "unsupported_grant_type")]
)
async def test_wrong_credentials_are_told_apart_and_not_tried_again(client, token, status, error):
    token.mock(httpx.Response(status, json={"error": error}))
    with pytest.raises(WrongCredentials):
        await client.get(NUMBER)

    assert token.call_count == 1


LOST_TOKENS = {
    "500": httpx.Response(500, text="oops"),
    "an HTML 502": httpx.Response(502, html="<h1>502 Bad Gateway</h1>"),
    "not allow-listed": httpx.Response(403, text="Forbidden"),
    "garbage": httpx.Response(200, text="<html>"),
    "no token in it": httpx.Response(200, json={"expires_in": 3600}),
    "no lifetime in it": httpx.Response(200, json={"access_token": TOKEN}),
    "reset": httpx.ReadError("reset"),
    "time-out": httpx.ReadTimeout("slow"),
    "refused": httpx.ConnectError("refused"),
}


@pytest.mark.parametrize("failure", LOST_TOKENS.values(), ids=LOST_TOKENS)
async def test_without_a_token_a_capture_was_never_sent(client, token, pay, failure):
    confirm = pay("confirm", answer(store_transaction=CHARGED))
    token.mock(side_effect=[failure] * 3)
    with pytest.raises(NeverArrived) as caught:
        await client.confirm(NUMBER, otp=OTP)

    assert not isinstance(caught.value, WrongCredentials)
    assert (token.call_count, confirm.call_count) == (3, 0)


@pytest.mark.parametrize("failure", LOST_TOKENS.values(), ids=LOST_TOKENS)
async def test_the_token_is_asked_for_again(client, token, failure):
    token.mock(side_effect=[failure, failure, granted()])
    await client.log_in()

    assert token.call_count == 3


# What ATMOS says no with


@pytest.mark.parametrize(("code", "reason"), REASONS.items())
async def test_every_known_code_has_its_reason(client, pay, code, reason):
    pay("create", refusal(code, "Недостаточно"))
    with pytest.raises(Declined) as caught:
        await client.create(account="333", amount=PRICE)

    assert (caught.value.reason, caught.value.code) == (reason, code)
    assert str(caught.value) == f"{reason} (STPIMS-ERR-{code:03})"


@pytest.mark.parametrize("code", ["8600990000000009", "ERR 8600990000000009", "111111", "271200"])
async def test_what_echoes_the_request_in_place_of_a_code_is_no_code(client, pay, code):
    """Failure story D1: a code is shown to the admins and stored."""
    pay("create", answer(code, f"card {code} is not known"))
    with pytest.raises(Declined) as caught:
        await client.create(account="333", amount=PRICE)

    assert caught.value.code is None
    assert code not in f"{caught.value!r} {caught.value}"


async def test_a_code_without_its_prefix_is_the_same_code(client, pay):
    pay("confirm", answer("ERR-112"))
    with pytest.raises(Declined) as caught:
        await client.confirm(NUMBER, otp=OTP)

    assert (caught.value.reason, caught.value.code) == (Reason.insufficient_funds, 112)


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("СМС-информирование не подключено", Reason.sms_off),
        ("SMS-xabarnoma ulanmagan", Reason.sms_off),
        ("SMS informing is not connected", Reason.sms_off),
        ("Недостаточно средств на карте", Reason.insufficient_funds),
        ("Karta balansida mablag‘ yetarli emas", Reason.insufficient_funds),
        ("Insufficient funds on the card", Reason.insufficient_funds),
        ("Превышен дневной лимит по карте", Reason.limit),
        ("Kunlik limit oshib ketgan", Reason.limit),
        ("Daily card limit exceeded", Reason.limit),
        ("Превышено число попыток ввода кода", Reason.too_many_tries),
        ("Urinishlar soni tugadi", Reason.too_many_tries),
        ("Срок действия кода истек", Reason.code_expired),
        ("Код истёк", Reason.code_expired),
        ("Kod muddati tugagan", Reason.code_expired),
        ("The code has expired", Reason.code_expired),
        ("Expired code", Reason.code_expired),
        ("Срок действия карты истёк", Reason.card_expired),
        ("Истекла карта", Reason.card_expired),
        ("Karta muddati tugagan", Reason.card_expired),
        ("Card has expired", Reason.card_expired),
        ("Карта заблокирована", Reason.card_blocked),
        ("Karta bloklangan", Reason.card_blocked),
        ("Karta faol emas", Reason.card_blocked),
        ("Card is blocked", Reason.card_blocked),
        ("НЕВЕРНЫЙ КОД", Reason.wrong_code),
        ("Код неверный", Reason.wrong_code),
        ("Noto‘g‘ri kod", Reason.wrong_code),
        ("Kod noto'g'ri", Reason.wrong_code),
        ("Wrong code", Reason.wrong_code),
        ("Карта не найдена", Reason.card_invalid),
        ("Karta topilmadi", Reason.card_invalid),
        ("Card not found", Reason.card_invalid),
        ("Z-17/Q", Reason.unknown),
        ("", Reason.unknown),
    ],
)
async def test_the_description_names_the_reason_of_an_unknown_code(
    client, pay, description, reason
):
    pay("pre-apply", refusal(955, description))
    with pytest.raises(Declined) as caught:
        await client.pre_apply(NUMBER, card_number=CARD, expiry=EXPIRY)

    assert (caught.value.reason, caught.value.code) == (reason, 955)


async def test_a_description_may_be_missing(client, pay):
    pay("pre-apply", answer("STPIMS-ERR-955", None))
    with pytest.raises(Declined) as caught:
        await client.pre_apply(NUMBER, card_number=CARD, expiry=EXPIRY)

    assert caught.value.reason is Reason.unknown


async def test_wrong_parameters_at_pre_apply_are_about_the_card(client, pay):
    pay("pre-apply", refusal(9))
    with pytest.raises(Declined) as caught:
        await client.pre_apply(NUMBER, card_number=CARD, expiry=EXPIRY)

    assert (caught.value.reason, caught.value.code) == (Reason.card_invalid, 9)


@pytest.mark.parametrize("operation", ["pre-apply", "retry-otp"])
async def test_a_code_that_is_already_out_is_a_success(client, pay, operation):
    route = pay(operation, refusal(201, transaction_id=NUMBER))
    await CALLS[operation](client)

    assert route.call_count == 1


async def test_create_without_an_id_is_not_a_success(client, pay):
    pay("create", answer())
    with pytest.raises(OutcomeUnknown):
        await client.create(account="333", amount=PRICE)


# Confirm


async def test_a_charge_is_given_with_its_evidence(client, pay):
    pay("confirm", answer(store_transaction=CHARGED, ofd_url="https://ofd.test/1"))
    transaction = await client.confirm(NUMBER, otp=OTP)

    assert transaction.state is State.paid
    assert (transaction.trans_id, transaction.success_trans_id) == (NUMBER, PAID)
    assert (transaction.account, transaction.amount) == ("333", PRICE)
    assert transaction.paid_at == datetime(2021, 3, 5, 18, 38, 22, 42000, tzinfo=UTC)
    assert transaction.ofd_url == "https://ofd.test/1"


UNCLEAR = {
    "001": refusal(1, "Внутренняя ошибка"),
    "092": refusal(92, "Транзакция закрыта"),
    "092 with a paid transaction": refusal(92, store_transaction=CHARGED),
    "201": refusal(201),
    "an unknown code": refusal(956, "Q-29/Z"),
    "an unknown code with a known phrase": refusal(956, "Недостаточно средств"),
    "no code at all": answer("FAILED", "Неверный код"),
    "112 with a paid transaction": refusal(112, store_transaction=CHARGED),
    "500": httpx.Response(500, text="Error connecting to the back end 101503"),
    "503 in the gateway's words": turned_away(503, FAULTS["xml"], 900906, "No matching resource"),
    "an HTML 502": httpx.Response(502, html="<h1>502 Bad Gateway</h1>"),
    "a redirect": httpx.Response(302, headers={"location": "/login"}),
    "a 200 page": httpx.Response(200, html="<h1>Welcome</h1>"),
    "half a JSON": httpx.Response(200, text='{"result":{"code":"OK","descr'),
    "other JSON": httpx.Response(200, json=["OK"]),
    "a broken encoding": httpx.Response(
        200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip")
    ),
    "an empty body": httpx.Response(200),
    "OK without a transaction": answer(),
    "OK with an open one": answer(store_transaction=OPEN),
    "OK, not confirmed": answer(store_transaction=CHARGED | {"confirmed": False}),
    "OK, reversed": answer(store_transaction=BACK),
    "OK without a status": answer(store_transaction=CHARGED | {"status_code": None}),
    "OK without a success id": answer(store_transaction=CHARGED | {"success_trans_id": None}),
    "OK with success id 0": answer(store_transaction=CHARGED | {"success_trans_id": 0}),
    "OK with half a transaction": answer(store_transaction={"trans_id": NUMBER}),
}


@pytest.mark.parametrize("response", UNCLEAR.values(), ids=UNCLEAR)
async def test_whatever_is_not_a_clear_yes_leaves_the_outcome_unknown(client, pay, response):
    confirm = pay("confirm", response)
    with pytest.raises(OutcomeUnknown):
        await client.confirm(NUMBER, otp=OTP)

    assert confirm.call_count == 1


async def test_an_unclear_answer_carries_its_reason_for_people(client, pay):
    pay("confirm", refusal(903, "Превышен дневной лимит"))
    with pytest.raises(OutcomeUnknown) as caught:
        await client.confirm(NUMBER, otp=OTP)

    assert (caught.value.reason, caught.value.code) == (Reason.limit, 903)


@pytest.mark.parametrize("beside", [{}, {"store_transaction": OPEN}], ids=["bare", "with data"])
@pytest.mark.parametrize("code", sorted(NOT_CHARGED))
async def test_the_codes_known_not_to_charge_release_the_payment(client, pay, code, beside):
    confirm = pay("confirm", refusal(code, **beside))
    with pytest.raises(Declined) as caught:
        await client.confirm(NUMBER, otp=OTP)

    assert (caught.value.reason, caught.value.code) == (REASONS[code], code)
    assert confirm.call_count == 1


@every_shape
async def test_confirm_falls_back_to_apply_and_remembers(client, pay, shape):
    confirm = pay("confirm", no_path(shape))
    apply = pay("apply", answer(store_transaction=CHARGED))
    await client.confirm(NUMBER, otp=OTP)
    await client.confirm(NUMBER, otp=OTP)

    assert (confirm.call_count, apply.call_count) == (1, 2)
    assert sent(apply) == {"transaction_id": NUMBER, "store_id": STORE, "otp": OTP}


async def test_two_confirms_at_once_both_fall_back_to_apply(client, wire, pay):
    both_at_once = asyncio.Barrier(2)

    async def missing(_request):
        await both_at_once.wait()
        return no_path()

    wire.post("/merchant/pay/confirm").mock(side_effect=missing)
    apply = pay("apply", answer(store_transaction=CHARGED))
    await asyncio.gather(client.confirm(NUMBER, otp=OTP), client.confirm(NUMBER + 1, otp=OTP))

    assert apply.call_count == 2


async def test_a_gateway_with_neither_path_was_never_reached(client, pay):
    routes = [pay("confirm", no_path()), pay("apply", no_path())]
    with pytest.raises(NeverArrived, match="404"):
        await client.confirm(NUMBER, otp=OTP)

    assert [route.call_count for route in routes] == [1, 1]


async def test_a_moment_without_both_paths_is_not_remembered(client, pay):
    """The attacker's find: /apply was taken for the path to be, and asked alone for ever."""
    confirm = pay("confirm", no_path(), answer(store_transaction=CHARGED))
    apply = pay("apply", no_path())
    with pytest.raises(NeverArrived):
        await client.confirm(NUMBER, otp=OTP)
    await client.confirm(NUMBER, otp=OTP)

    assert (confirm.call_count, apply.call_count) == (2, 1)


@pytest.mark.parametrize("first", ["confirm", "apply"])
async def test_a_path_that_answered_and_is_gone_is_followed_by_the_other(wire, pay, first):
    other = {"confirm": "apply", "apply": "confirm"}[first]
    paid = answer(store_transaction=CHARGED)
    routes = [pay(first, no_path(), paid), pay(other, paid, no_path())]
    transport = httpx.MockTransport(wire.async_handler)
    async with shop(transport=transport, confirm_path=f"/merchant/pay/{first}") as client:
        for _ in range(2):
            await client.confirm(NUMBER, otp=OTP)

    assert [route.call_count for route in routes] == [2, 2]


async def test_a_path_whose_answer_is_lost_is_neither_remembered_nor_followed(client, pay):
    confirm = pay("confirm", no_path(), answer(store_transaction=CHARGED))
    apply = pay("apply", httpx.Response(500))
    with pytest.raises(OutcomeUnknown, match="500"):
        await client.confirm(NUMBER, otp=OTP)
    await client.confirm(NUMBER, otp=OTP)

    assert (confirm.call_count, apply.call_count) == (2, 1)


async def test_both_paths_have_one_deadline(client, wire, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("atmos.client.time.monotonic", clock)
    left = []

    def asked(request):
        left.append(request.extensions["timeout"]["read"])
        clock.time += 50
        return no_path()

    for path in ("/merchant/pay/confirm", "/merchant/pay/apply"):
        wire.post(path).mock(side_effect=asked)
    logged_in(client)
    with pytest.raises(NeverArrived):
        await client.confirm(NUMBER, otp=OTP)

    assert left == [120, 70]


async def test_a_404_that_is_not_the_gateways_is_not_followed_by_a_second_call(client, pay):
    confirm = pay("confirm", httpx.Response(404, html="<h1>404 Not Found</h1>"))
    apply = pay("apply", answer(store_transaction=CHARGED))
    with pytest.raises(OutcomeUnknown, match="404"):
        await client.confirm(NUMBER, otp=OTP)

    assert (confirm.call_count, apply.call_count) == (1, 0)


@every_shape
@pytest.mark.parametrize("fault", [(403, 900908), (429, 900802)])
@every_call
async def test_what_the_gateway_turned_away_never_arrived(client, pay, operation, fault, shape):
    status, code = fault
    route = pay(operation, turned_away(status, shape, code, "Forbidden or throttled"))
    with pytest.raises(NeverArrived, match=str(status)):
        await CALLS[operation](client)

    assert route.call_count == 1


@pytest.mark.parametrize("code", [900906, 900802, 900908])
@pytest.mark.parametrize("status", [403, 404, 429])
@pytest.mark.parametrize("shape", QUOTES.values(), ids=QUOTES)
async def test_what_only_quotes_the_request_leaves_the_outcome_unknown(
    client, pay, shape, status, code
):
    """The attacker's find: a code like a fault's, echoed after a charge, was "not charged"."""
    confirm = pay("confirm", httpx.Response(status, text=shape.format(code)))
    apply = pay("apply", answer(store_transaction=CHARGED))
    with pytest.raises(OutcomeUnknown, match=str(status)):
        await client.confirm(NUMBER, otp=str(code))

    assert (confirm.call_count, apply.call_count) == (1, 0)


@pytest.mark.parametrize(
    ("status", "code"), [(404, 900802), (404, 404), (403, 404), (403, 101503), (429, 429)]
)
@every_shape
async def test_a_fault_of_another_kind_leaves_the_outcome_unknown(
    client, pay, shape, status, code
):
    pay("confirm", turned_away(status, shape, code, "Something else"))
    with pytest.raises(OutcomeUnknown):
        await client.confirm(NUMBER, otp=OTP)


@every_shape
async def test_a_fault_that_names_the_missing_path_in_words_is_one(client, pay, shape):
    message = "No matching resource found for given API Request"
    pay("confirm", turned_away(404, shape, 404, message))
    pay("apply", answer(store_transaction=CHARGED))

    assert (await client.confirm(NUMBER, otp=OTP)).state is State.paid


async def test_the_path_of_confirm_is_a_setting(wire):
    ofd = wire.post("/merchant/pay/apply-ofd").mock(answer(store_transaction=CHARGED))
    transport = httpx.MockTransport(wire.async_handler)
    async with shop(transport=transport, confirm_path="/merchant/pay/apply-ofd") as client:
        await client.confirm(NUMBER, otp=OTP)

    assert ofd.call_count == 1


# Get


async def test_a_closed_transaction_is_read_and_not_raised(client, pay):
    pay("get", refusal(92, "Транзакция закрыта", store_transaction=CHARGED))
    transaction = await client.get(NUMBER)

    assert (transaction.closed, transaction.state) == (True, State.paid)


async def test_an_open_transaction_is_neither_closed_nor_paid(client, pay):
    pay("get", answer(store_transaction=OPEN))
    transaction = await client.get(NUMBER)

    assert (transaction.closed, transaction.state) == (False, State.open)
    assert transaction.paid_at is None


async def test_a_transaction_closed_unpaid_is_not_taken_for_a_paid_one(client, pay):
    pay("get", refusal(92, store_transaction=OPEN))
    transaction = await client.get(NUMBER)

    assert (transaction.closed, transaction.state) == (True, State.open)


async def test_a_reversed_transaction_is_reversed_although_it_says_confirmed(client, pay):
    pay("get", refusal(92, store_transaction=BACK))
    transaction = await client.get(NUMBER)

    assert (transaction.confirmed, transaction.state) == (True, State.reversed)


@pytest.mark.parametrize(("status", "state"), [(0, State.paid), (-20, State.reversed)])
async def test_numbers_where_text_is_expected_are_read_alike(client, pay, status, state):
    pay("get", answer(store_transaction=CHARGED | {"status_code": status, "account": 333}))
    transaction = await client.get(NUMBER)

    assert (transaction.state, transaction.account) == (state, "333")


async def test_an_unknown_id_is_not_found_and_not_asked_for_again(client, pay):
    get = pay("get", refusal(61))
    with pytest.raises(Declined) as caught:
        await client.get(NUMBER)

    assert caught.value.reason is Reason.not_found
    assert get.call_count == 1


async def test_an_ok_without_a_transaction_proves_nothing(client, pay):
    pay("get", answer())
    with pytest.raises(OutcomeUnknown):
        await client.get(NUMBER)


@pytest.mark.parametrize(
    "beside",
    [
        {"store_transaction": CHARGED, "ofd_url": "https://ofd.test/1"},
        {"store_transaction": CHARGED | {"ofd_url": "https://ofd.test/1"}},
        {"store_transaction": CHARGED | {"ofd_url": "https://ofd.test/1"}, "ofd_url": None},
    ],
    ids=["top level", "nested", "nested beside null"],
)
@pytest.mark.parametrize("operation", ["get", "confirm"])
async def test_the_receipt_is_found_in_both_places(client, pay, operation, beside):
    pay(operation, answer(**beside))
    asked = CALLS | {"get": lambda client: client.get(NUMBER)}
    transaction = await asked[operation](client)

    assert transaction.ofd_url == "https://ofd.test/1"


@pytest.mark.parametrize(
    "failure", [failure for name, failure in LOST_TOKENS.items() if "token" not in name]
)
async def test_get_is_asked_again(client, pay, failure):
    get = pay("get", failure, failure, answer(store_transaction=OPEN))
    await client.get(NUMBER)

    assert get.call_count == 3


async def test_get_gives_up_after_its_tries(client, pay):
    get = pay("get", httpx.Response(500))
    with pytest.raises(OutcomeUnknown):
        await client.get(NUMBER)

    assert get.call_count == 3


async def test_a_gateway_without_get_is_asked_once(client, pay):
    get = pay("get", no_path())
    with pytest.raises(NeverArrived):
        await client.get(NUMBER)

    assert get.call_count == 1


# Sending the code again


@every_shape
async def test_a_gateway_without_retry_otp_is_asked_again_the_next_time(client, pay, shape):
    pay("retry-otp", no_path(shape), answer())
    with pytest.raises(CannotResend):
        await client.retry_otp(NUMBER)

    await client.retry_otp(NUMBER)


@pytest.mark.parametrize(
    "response", [httpx.Response(404, html="<h1>404</h1>"), refusal(1), httpx.Response(500)]
)
async def test_another_failure_to_resend_does_not_say_that_there_is_no_such_call(
    client, pay, response
):
    pay("retry-otp", response)
    with pytest.raises(AtmosError) as caught:
        await client.retry_otp(NUMBER)

    assert not isinstance(caught.value, CannotResend)


# Over real loopback HTTP


@pytest.fixture
def gateway():
    return Gateway()


@pytest.fixture
async def url(gateway):
    async with serve(gateway) as url:
        yield url


@pytest.fixture
async def real(url):
    async with shop(url, key="sandbox", secret="sandbox") as client:
        await client.log_in()
        yield client


@pytest.fixture
def impatient(real, monkeypatch):
    """The client after its log-in, to which the short deadline must not apply."""
    monkeypatch.setattr("atmos.client.TIMEOUT", 1.0)
    real.confirm_timeout = 1.0
    return real


@asynccontextmanager
async def listening(serve):
    """Serve raw bytes on the loopback, and give the `host:port`."""
    ended = []

    async def serve_one(reader, writer):
        over = asyncio.Event()
        ended.append(over)
        with closing(writer):
            await serve(reader, writer)
        with suppress(OSError):
            await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(serve_one, "127.0.0.1", 0) as server:
        yield "{}:{}".format(*server.sockets[0].getsockname())
        for over in ended:
            await asyncio.wait_for(over.wait(), 60)


async def read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (
            int(line[15:])
            for line in head.lower().split(b"\r\n")
            if line[:15] == b"content-length:"
        ),
        0,
    )
    return head + await reader.readexactly(length)


def reset(writer):
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def test_a_purchase_and_its_reversal(real, gateway):
    number = await real.create(account="333", amount=PRICE)
    await real.pre_apply(number, card_number=CARD, expiry=EXPIRY)
    await real.pre_apply(number, card_number=CARD, expiry=EXPIRY)
    await real.retry_otp(number)
    paid = await real.confirm(number, otp=gateway.last_code(number))
    assert (await real.get(number)).state is State.paid

    await real.reverse(paid.success_trans_id, reason="asked for it")
    assert (await real.get(number)).state is State.reversed
    assert [entry.kind for entry in gateway.ledger] == ["charge", "reversal"]


async def test_httpx_aiohttp_calls_a_reset_after_the_request_a_connect_timeout():
    """Taking that class at its word charged twice: it stands for "never arrived" elsewhere."""
    requests = []

    async def serve(reader, writer):
        requests.append(await read_request(reader))
        reset(writer)

    async with listening(serve) as peer, logged_in(shop(f"http://{peer}")) as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await client.confirm(NUMBER, otp=OTP)

    assert isinstance(caught.value.__context__, httpx.ConnectTimeout)
    assert len(requests) == 1


async def test_a_refused_connection_never_arrived(unused_tcp_port):
    async with logged_in(shop(f"http://127.0.0.1:{unused_tcp_port}")) as client:
        with pytest.raises(NeverArrived, match="ClientConnector"):
            await client.confirm(NUMBER, otp=OTP)


async def test_a_server_that_does_not_speak_tls_was_never_told():
    async def serve(_reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listening(serve) as peer, logged_in(shop(f"https://{peer}")) as client:
        with pytest.raises(NeverArrived):
            await client.confirm(NUMBER, otp=OTP)


async def test_a_handshake_that_never_ends_never_arrived(monkeypatch):
    async def serve(reader, _writer):
        await reader.read()

    monkeypatch.setattr("atmos.client.CONNECT_TIMEOUT", 0.2)
    async with listening(serve) as peer, logged_in(shop(f"https://{peer}")) as client:
        with pytest.raises(NeverArrived, match="ConnectionTimeout"):
            await client.confirm(NUMBER, otp=OTP)


async def test_an_unreachable_proxy_was_never_told(unused_tcp_port):
    proxy = f"http://127.0.0.1:{unused_tcp_port}"
    async with logged_in(shop(proxy=proxy)) as client:
        with pytest.raises(NeverArrived):
            await client.confirm(NUMBER, otp=OTP)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of httpx-aiohttp's own making
async def test_a_proxy_that_opens_no_tunnel_passed_nothing_on():
    asked = []

    async def serve(reader, writer):
        asked.append(await read_request(reader))
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    async with listening(serve) as peer:
        proxy = f"http://user:a-proxy-secret@{peer}"
        async with logged_in(shop(proxy=proxy)) as client:
            with pytest.raises(NeverArrived) as caught:
                await client.confirm(NUMBER, otp=OTP)

    assert asked[0].startswith(b"CONNECT atmos.test:443")
    assert "a-proxy-secret" not in told(caught.value)


@every_call
@pytest.mark.parametrize("kind", [Kind.drop, Kind.server_error, Kind.bad_gateway, Kind.garbage])
async def test_no_call_is_sent_twice_when_its_answer_is_lost(real, gateway, operation, kind):
    gateway.faults.add(Fault(operation, kind))
    with pytest.raises(OutcomeUnknown):
        await CALLS[operation](real)

    assert len(gateway.called(operation)) == 1


@every_call
async def test_no_call_is_sent_twice_when_its_answer_is_late(impatient, gateway, operation):
    gateway.faults.add(Fault(operation, Kind.slow, seconds=600))
    with pytest.raises(OutcomeUnknown, match="Timeout"):
        await CALLS[operation](impatient)

    assert len(gateway.called(operation)) == 1


async def test_an_answer_that_trickles_in_is_cut_off_at_the_deadline():
    async def serve(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.05)

    async with listening(serve) as peer, logged_in(shop(f"http://{peer}")) as client:
        client.confirm_timeout = 1.0
        with pytest.raises(OutcomeUnknown, match="Timeout"):
            await client.confirm(NUMBER, otp=OTP)


async def test_half_an_answer_leaves_the_outcome_unknown():
    async def serve(reader, writer):
        await read_request(reader)
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"result":')

    async with listening(serve) as peer, logged_in(shop(f"http://{peer}")) as client:
        with pytest.raises(OutcomeUnknown):
            await client.confirm(NUMBER, otp=OTP)


async def test_a_charge_whose_answer_was_lost_is_found_by_get(real, gateway):
    number = await real.create(account="333", amount=PRICE)
    await real.pre_apply(number, card_number=CARD, expiry=EXPIRY)
    gateway.faults.add(Fault("confirm", Kind.drop, acts=True))
    with pytest.raises(OutcomeUnknown):
        await real.confirm(number, otp=gateway.last_code(number))

    assert (await real.get(number)).state is State.paid
    assert gateway.charged("333") == PRICE


@pytest.mark.parametrize("kind", [Kind.drop, Kind.server_error, Kind.garbage])
async def test_get_survives_two_lost_answers(real, gateway, kind):
    number = await real.create(account="333", amount=PRICE)
    gateway.faults.add(Fault("get", kind, times=2))

    assert (await real.get(number)).state is State.open
    assert len(gateway.called("get")) == 3


async def test_a_token_that_was_revoked_is_replaced_on_the_way(real, gateway):
    gateway.expire_tokens()
    number = await real.create(account="333", amount=PRICE)

    assert list(gateway.transactions) == [number]


async def test_the_sandbox_without_confirm_is_paid_by_apply(real, gateway):
    gateway._front._missing_paths = ["/merchant/pay/confirm"]
    number = await real.create(account="333", amount=PRICE)
    await real.pre_apply(number, card_number=CARD, expiry=EXPIRY)
    await real.confirm(number, otp=gateway.last_code(number))

    assert gateway.charged("333") == PRICE


# Secrets


def told(error):
    return "".join([str(error), repr(error), *traceback.format_exception(error)])


def assert_nothing_told(text):
    pair = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    assert not [secret for secret in (CARD, OTP, SECRET, TOKEN, pair, EXPIRY) if secret in text]


def echo(request):
    """Give back all of a request, as some servers do in their error pages."""
    return f"{request.headers.raw} {request.content.decode()}"


ECHOES = {
    "a 500 page": lambda request: httpx.Response(500, text=echo(request)),
    "a 403 page": lambda request: httpx.Response(403, text=f"900908 {echo(request)}"),
    "a 401 page": lambda request: httpx.Response(401, text=echo(request)),
    "a 200 page": lambda request: httpx.Response(200, text=echo(request)),
    "JSON of another form": lambda request: httpx.Response(200, json={"result": echo(request)}),
    "a description": lambda request: refusal(955, echo(request)),
    "a known code's description": lambda request: refusal(112, echo(request)),
}


@every_call
@pytest.mark.parametrize("page", ECHOES.values(), ids=ECHOES)
async def test_an_answer_that_echoes_the_request_is_not_repeated(client, wire, operation, page):
    wire.post(f"/merchant/pay/{operation}").mock(side_effect=page)
    with pytest.raises(AtmosError) as caught:
        await CALLS[operation](client)

    assert_nothing_told(told(caught.value))


@pytest.mark.parametrize("page", ECHOES.values(), ids=ECHOES)
async def test_a_token_page_that_echoes_the_secret_is_not_repeated(client, token, page):
    token.mock(side_effect=page)
    with pytest.raises(AtmosError) as caught:
        await client.log_in()

    assert_nothing_told(told(caught.value))


@every_call
@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nBad Header ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["status line", "header", "chunk"],
)
async def test_bytes_that_are_not_http_are_not_repeated(caplog, operation, before):
    async def serve(reader, writer):
        request = await read_request(reader)
        writer.write(before + request.replace(b"\r\n", b" ").replace(b"POST", b"") + b"\r\n\r\n")

    caplog.set_level(logging.DEBUG)
    async with listening(serve) as peer, logged_in(shop(f"http://{peer}")) as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await CALLS[operation](client)

    assert_nothing_told(told(caught.value) + caplog.text)


async def test_a_whole_purchase_leaves_no_secret_in_a_debug_log(caplog, real, gateway):
    for logger in ("", "httpx", "aiohttp", "asyncio", "stamina"):
        caplog.set_level(logging.DEBUG, logger)
    gateway.fixed_code = OTP
    gateway.faults.add(Fault("get", Kind.drop))
    gateway.expire_tokens()
    number = await real.create(account="333", amount=PRICE)
    await real.pre_apply(number, card_number=CARD, expiry=EXPIRY)
    await real.confirm(number, otp=OTP)
    await real.get(number)

    assert "POST" in caplog.text
    assert_nothing_told(caplog.text)
    assert real._auth._token not in caplog.text
