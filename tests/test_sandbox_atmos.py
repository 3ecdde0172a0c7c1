"""The stand-in for ATMOS keeps to the contract it stands in for."""
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False

import asyncio
import json
from base64 import b64encode
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import md5
from random import Random

import httpx
import pytest
from aiohttp import web

from sandbox.atmos import CARDS, Gateway
from sandbox.atmos.cards import passes_luhn
from sandbox.atmos.http import serve
from sandbox.faults import Dropped, Fault, Kind, Refused

PUBLIC = "8600490744313347"
GOOD = "8600990000000009"
BASIC = {"Authorization": "Basic " + b64encode(b"sandbox:sandbox").decode()}
GRANT = {"grant_type": "client_credentials"}
STORE = 417
PRICE = 73_900_000


class Clock:
    def __init__(self):
        self.time = datetime(2026, 1, 31, 20, tzinfo=UTC).timestamp()

    def __call__(self):
        return self.time


class Shop:
    """Pays through the gateway the way a merchant's server does."""

    def __init__(self, http):
        self.http = http
        self.token = ""

    async def authorize(self):
        answer = (await self.http.post("/token", data=GRANT, headers=BASIC)).json()
        self.token = answer["access_token"]
        return answer

    async def post(self, path, **body):
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.http.post(path, json=body, headers=headers)

    async def pay(self, operation, **body):
        answer = await self.post(f"/merchant/pay/{operation}", **{"store_id": STORE, **body})
        return answer.json()

    async def create(self, **body):
        answer = await self.pay("create", **{"amount": PRICE, "account": "333", **body})
        return answer["transaction_id"]

    async def pre_apply(self, transaction_id, card=GOOD, expiry="3012"):
        return await self.pay(
            "pre-apply", transaction_id=transaction_id, card_number=card, expiry=expiry
        )

    async def confirm(self, transaction_id, otp):
        return await self.pay("confirm", transaction_id=transaction_id, otp=otp)

    async def look(self, transaction_id):
        return await self.pay("get", transaction_id=transaction_id)

    async def ready(self, card=PUBLIC):
        """Come as far as the code: only confirm is left."""
        transaction_id = await self.create()
        await self.pre_apply(transaction_id, card)
        return transaction_id


def code(answer):
    return answer["result"]["code"].removeprefix("STPIMS-ERR-")


@asynccontextmanager
async def opened(gateway):
    async with serve(gateway) as url, httpx.AsyncClient(base_url=url, timeout=60) as http:
        shop = Shop(http)
        await shop.authorize()
        yield shop


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gateway(clock):
    return Gateway(now=clock, random=Random(7))


@pytest.fixture
async def shop(gateway):
    async with opened(gateway) as shop:
        yield shop


@asynccontextmanager
async def merchant(answer):
    """Listen where the gateway asks before a debit."""

    async def asked(request):
        return await answer(await request.json())

    application = web.Application()
    application.router.add_post("/", asked)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


def test_every_listed_card_is_a_sound_number():
    assert all(len(number) == 16 and passes_luhn(number) for number in CARDS)


async def test_a_payment_from_create_to_receipt(shop, gateway):
    created = await shop.pay("create", amount=PRICE, account="333", details="a course")
    number = created["transaction_id"]
    waiting = created["store_transaction"]
    asked = await shop.pre_apply(number)
    paid = await shop.confirm(number, gateway.last_code(number))
    shown = paid["store_transaction"]

    assert (waiting["confirmed"], waiting["status_code"], waiting["details"]) == (
        False,
        None,
        "a course",
    )
    assert asked == {
        "result": {"code": "OK", "description": "Нет ошибок"},
        "transaction_id": number,
    }
    assert (shown["confirmed"], shown["status_code"], shown["amount"]) == (True, "0", PRICE)
    assert shown["success_trans_id"] != shown["trans_id"] == number
    assert len(shown["card_id"]) == 32
    assert paid["ofd_url"].startswith("https://ofd.example/")
    assert "phone" not in json.dumps(paid)
    assert gateway.charged("333") == PRICE


async def test_no_receipt_where_receipts_are_off(clock):
    async with opened(Gateway(now=clock, receipt=None)) as shop:
        paid = await shop.confirm(await shop.ready(), "111111")

    assert "ofd_url" not in paid


async def test_ids_may_be_strings_and_a_code_a_number(shop):
    number = await shop.ready()
    paid = await shop.pay("confirm", store_id="417", transaction_id=str(number), otp=111111)

    assert code(paid) == "OK"


@pytest.mark.parametrize("amount", [0, -1, 100.0, True, "100", None])
async def test_an_amount_is_a_whole_number_of_tiyin(shop, amount):
    assert code(await shop.pay("create", amount=amount, account="333")) == "009"


@pytest.mark.parametrize("store_id", [0, -417, "shop", None, True])
async def test_a_store_is_positive(shop, store_id):
    assert code(await shop.pay("create", amount=1, account="333", store_id=store_id)) == "009"


async def test_accounts_are_digits_if_the_store_is_strict(shop, clock):
    async with opened(Gateway(now=clock, strict_accounts=True)) as strict:
        refused = await strict.pay("create", amount=1, account="order-1")
        taken = await strict.pay("create", amount=1, account="1")

    assert [code(refused), code(taken)] == ["009", "OK"]
    assert code(await shop.pay("create", amount=1, account="order-1")) == "OK"


async def test_the_answer_is_in_the_language_of_create(shop):
    number = await shop.create(lang="en")
    closed = await shop.confirm(number, "111111")

    assert closed["result"]["description"] == "Wrong parameters"


async def test_the_same_card_again_sends_no_second_code_but_another_card_does(shop, gateway):
    number = await shop.create()
    answers = [
        code(await shop.pre_apply(number, card)) for card in (GOOD, GOOD, "9860990000000002")
    ]

    assert answers == ["OK", "201", "OK"]
    assert [sms.last4 for sms in gateway.sms] == ["0009", "0002"]


async def test_a_code_is_sent_again_when_asked(clock):
    gateway = Gateway(now=clock, resend_after=60)
    async with opened(gateway) as shop:
        number = await shop.create()
        before_a_card = await shop.pay("retry-otp", transaction_id=number)
        await shop.pre_apply(number)
        too_soon = await shop.pay("retry-otp", transaction_id=number)
        clock.time += 60
        again = await shop.pay("otp-resend", transaction_id=number)

    assert [code(it) for it in (before_a_card, too_soon, again)] == ["009", "201", "OK"]
    assert len(gateway.sms) == 2


async def test_a_code_may_begin_with_zero_and_a_number_loses_it(clock):
    gateway = Gateway(now=clock, fixed_code="012345")
    async with opened(gateway) as shop:
        number = await shop.ready(GOOD)
        wrong = await shop.confirm(number, 12345)
        right = await shop.confirm(number, "012345")

    assert [code(wrong), code(right)] == ["098", "OK"]


async def test_the_last_wrong_code_closes_the_transaction(shop, gateway):
    number = await shop.ready()
    answers = [code(await shop.confirm(number, "000000")) for _ in range(3)]
    late = await shop.confirm(number, "111111")

    assert [*answers, code(late)] == ["098", "098", "098", "092"]
    assert gateway.ledger == []


async def test_an_old_code_is_expired_and_a_new_one_can_be_had(shop, clock):
    number = await shop.ready()
    clock.time += 300
    expired = await shop.confirm(number, "111111")
    asked = await shop.pre_apply(number, PUBLIC)
    paid = await shop.confirm(number, "111111")

    assert [code(it) for it in (expired, asked, paid)] == ["080", "OK", "OK"]


async def test_a_stale_transaction_is_closed(shop, clock):
    number = await shop.ready()
    clock.time += 1800
    seen = await shop.look(number)
    late = await shop.confirm(number, "111111")

    assert [code(seen), code(late)] == ["092", "092"]
    assert seen["store_transaction"]["confirmed"] is False


async def test_get_says_closed_of_a_paid_transaction_and_shows_it(shop):
    number = await shop.ready()
    before = await shop.look(number)
    await shop.confirm(number, "111111")
    after = await shop.look(number)
    again = await shop.confirm(number, "111111")

    assert [code(before), code(after), code(again)] == ["OK", "092", "092"]
    assert after["store_transaction"]["confirmed"] is True
    assert code(await shop.look(1)) == "061"


async def test_another_stores_transaction_is_not_shown(shop):
    number = await shop.create()

    assert code(await shop.pay("get", transaction_id=number, store_id=418)) == "009"


async def test_a_reversal_takes_the_success_id_and_leaves_confirmed(shop, gateway):
    number = await shop.ready()
    paid = await shop.confirm(number, "111111")
    success = paid["store_transaction"]["success_trans_id"]
    answers = [await shop.pay("reverse", transaction_id=it) for it in (number, success, success)]
    shown = (await shop.look(number))["store_transaction"]

    assert [code(answer) for answer in answers] == ["061", "OK", "092"]
    assert (shown["status_code"], shown["confirmed"]) == ("-20", True)
    assert [entry.kind for entry in gateway.ledger] == ["charge", "reversal"]
    assert gateway.charged("333") == 0


@pytest.mark.parametrize(
    "card", [card for card in CARDS.values() if card.at == "pre-apply"], ids=lambda it: it.name
)
async def test_a_card_refused_at_once_or_good(shop, gateway, card):
    number = await shop.create()
    asked = await shop.pre_apply(number, card.number)

    assert code(asked) == (card.refused or "OK")
    assert len(gateway.sms) == (0 if card.refused else 1)


@pytest.mark.parametrize(
    "card", [card for card in CARDS.values() if card.at == "confirm"], ids=lambda it: it.name
)
async def test_a_card_refused_at_the_debit(shop, gateway, card):
    number = await shop.ready(card.number)
    answer = await shop.confirm(number, gateway.last_code(number))
    shown = (await shop.look(number))["store_transaction"]

    assert code(answer) == card.refused
    assert gateway.charged("333") == (PRICE if card.charged else 0)
    assert shown["confirmed"] is card.charged


async def test_a_refused_debit_may_be_tried_with_another_card(shop, gateway):
    number = await shop.ready("8600991000001120")
    await shop.confirm(number, gateway.last_code(number))
    await shop.pre_apply(number, PUBLIC)

    assert code(await shop.confirm(number, "111111")) == "OK"


@pytest.mark.parametrize(
    ("card", "expiry", "expected"),
    [
        (GOOD, "2601", "900"),  # it is February in Tashkent already
        (GOOD, "2602", "OK"),
        (GOOD, 2602, "OK"),
        (GOOD, "1226", "009"),
        (PUBLIC, "2410", "OK"),
        ("8600990000000000", "3012", "009"),
        ("860099", "3012", "009"),
    ],
)
async def test_numbers_and_expiries(shop, card, expiry, expected):
    assert code(await shop.pre_apply(await shop.create(), card, expiry)) == expected


async def test_the_merchant_is_asked_before_the_debit(shop, gateway):
    asked = []

    async def agree(question):
        asked.append((question, gateway.charged("333"), await shop.look(number)))
        return web.json_response({"status": 1, "message": "Успешно"})

    number = await shop.ready()
    async with merchant(agree) as gateway.callback_url:
        gateway.callback_key = "secret"
        paid = await shop.confirm(number, "111111")

    question, charged, seen = asked[0]
    signed = f"{STORE}{number}333{PRICE}secret"
    assert question == {
        "store_id": str(STORE),
        "transaction_id": str(number),
        "transaction_time": question["transaction_time"],
        "amount": str(PRICE),
        "account": "333",
        "sign": md5(signed.encode(), usedforsecurity=False).hexdigest(),
    }
    assert (charged, code(seen), code(paid)) == (0, "OK", "OK")


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b'{"status":0}'), (500, b'{"status":1}'), (200, b"yes"), (200, b"[1]")],
)
async def test_whatever_is_not_a_yes_stops_the_debit(shop, gateway, status, body):
    async def refuse(_question):
        return web.Response(status=status, body=body)

    number = await shop.ready()
    async with merchant(refuse) as gateway.callback_url:
        refused = await shop.confirm(number, "111111")
    gateway.callback_url = None
    paid = await shop.confirm(number, "111111")

    assert [code(refused), code(paid)] == ["093", "OK"]
    assert len(gateway.ledger) == 1


async def test_a_merchant_who_is_slow_or_away_stops_the_debit(shop, gateway):
    async def dawdle(_question):
        await asyncio.sleep(5)

    gateway.callback_timeout = 0.1
    number = await shop.ready()
    async with merchant(dawdle) as gateway.callback_url:
        slow = await shop.confirm(number, "111111")
    away = await shop.confirm(number, "111111")

    assert [code(slow), code(away)] == ["093", "093"]
    assert gateway.ledger == []


async def test_two_confirms_at_once_debit_once(shop, gateway):
    gateway.latency["confirm"] = 0.05
    number = await shop.ready()
    answers = await asyncio.gather(*(shop.confirm(number, "111111") for _ in range(2)))

    assert sorted(code(answer) for answer in answers) == ["092", "OK"]
    assert len(gateway.ledger) == 1
    assert [call.status for call in gateway.called("confirm")] == [200, 200]


async def test_the_same_token_is_handed_out_again_with_less_left(shop, clock):
    first = await shop.authorize()
    clock.time += 1000
    second = await shop.authorize()
    clock.time += 2600
    third = await shop.authorize()

    assert (first["access_token"], second["expires_in"]) == (second["access_token"], 2600)
    assert third["access_token"] != second["access_token"]


async def test_a_token_is_asked_for_in_the_query_or_the_body_with_the_right_secret(shop):
    in_query = await shop.http.post("/token", params=GRANT, headers=BASIC)
    nowhere = await shop.http.post("/token", headers=BASIC)
    elsewhere = await shop.http.post("/token", data={"grant_type": "password"}, headers=BASIC)
    stranger = await shop.http.post("/token", data=GRANT, headers={"Authorization": "Basic eA=="})

    assert in_query.status_code == 200
    assert [nowhere.json()["error"], elsewhere.json()["error"]] == [
        "invalid_request",
        "unsupported_grant_type",
    ]
    assert (stranger.status_code, stranger.json()["error"]) == (401, "invalid_client")


async def test_a_dead_token_is_refused_in_every_shape(shop, gateway):
    gateway.expire_tokens()
    answers = [await shop.post("/merchant/pay/get") for _ in range(4)]

    assert {answer.status_code for answer in answers} == {401}
    assert all("900901" in answer.text for answer in answers)
    assert answers[0].text.startswith("<ams:fault")
    assert answers[1].json()["fault"]["code"] == 900901
    assert answers[2].json()["code"] == "900901"
    assert "<am:fault" in answers[3].text


async def test_a_revoked_expired_or_missing_token_is_refused(clock):
    async with opened(Gateway(now=clock, fault_shape="fault")) as shop:
        revoked = await shop.http.post("/revoke", data={"token": shop.token}, headers=BASIC)
        after = await shop.post("/merchant/pay/get")
        await shop.authorize()
        clock.time += 3600
        late = await shop.post("/merchant/pay/get")
        bare = await shop.http.post("/merchant/pay/get")

    assert (revoked.status_code, revoked.content) == (200, b"")
    assert [it.json()["fault"]["code"] for it in (after, late, bare)] == [900901, 900901, 900902]


async def test_paths_and_methods_nobody_serves(clock):
    gateway = Gateway(now=clock, fault_shape="fault", missing_paths={"/merchant/pay/confirm"})
    async with opened(gateway) as shop:
        number = await shop.ready()
        missing = await shop.post("/merchant/pay/confirm", transaction_id=number)
        unknown = await shop.post("/merchant/pay/info")
        wrong = await shop.http.get("/merchant/pay/get")
        paid = await shop.pay("apply", transaction_id=number, otp="111111")

    assert [it.status_code for it in (missing, unknown, wrong)] == [404, 404, 405]
    assert missing.json()["fault"]["code"] == 900906
    assert code(paid) == "OK"


async def test_old_names_work(shop, gateway):
    number = await shop.create()
    asked = await shop.pay("pre-confirm", transaction_id=number, card_number=PUBLIC, expiry="2410")
    paid = await shop.pay("apply-ofd", transaction_id=number, otp="111111", lang="uz")

    assert [code(asked), code(paid)] == ["OK", "OK"]
    assert [call.path for call in gateway.called("confirm")] == ["/merchant/pay/apply-ofd"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
async def test_a_body_that_is_no_object_is_a_bad_request(shop, body):
    headers = {"Authorization": f"Bearer {shop.token}"}
    answer = await shop.http.post("/merchant/pay/create", content=body, headers=headers)

    assert answer.status_code == 400


@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize(
    ("kind", "status"), [(Kind.bad_gateway, 502), (Kind.server_error, 500), (Kind.garbage, 200)]
)
async def test_a_fault_comes_before_or_after_the_debit(shop, gateway, kind, status, acts):
    number = await shop.ready()
    gateway.faults.add(Fault("confirm", kind, acts=acts))
    answer = await shop.post(
        "/merchant/pay/confirm", store_id=STORE, transaction_id=number, otp="111111"
    )

    assert answer.status_code == status
    assert len(gateway.ledger) == acts
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("acts", [False, True])
async def test_a_dropped_connection_is_reset_before_or_after_the_debit(shop, gateway, acts):
    number = await shop.ready()
    gateway.faults.add(Fault("confirm", Kind.drop, acts=acts))
    with pytest.raises(httpx.ReadError):
        await shop.confirm(number, "111111")

    assert len(gateway.ledger) == acts
    assert gateway.called("confirm")[0].status is None


@pytest.mark.parametrize(("kind", "status"), [(Kind.unauthorized, 401), (Kind.too_many, 429)])
async def test_the_front_refuses_before_anything_is_done(shop, gateway, kind, status):
    number = await shop.ready()
    gateway.faults.add(Fault("confirm", kind, acts=True, seconds=3))
    answer = await shop.post("/merchant/pay/confirm", transaction_id=number, otp="111111")

    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("3" if status == 429 else None)
    assert gateway.ledger == []


async def test_a_refused_connection_reaches_nobody(shop, gateway):
    gateway.faults.add(Fault("create", Kind.refuse))
    with pytest.raises(httpx.TransportError):
        await shop.create()

    assert gateway.called("create") == []


async def test_a_slow_answer_finds_the_card_charged_once(shop, gateway):
    number = await shop.ready()
    gateway.faults.add(Fault("confirm", Kind.slow, seconds=600))
    shop.http.timeout = 1.0
    with pytest.raises(httpx.ReadTimeout):
        await shop.confirm(number, "111111")
    shop.http.timeout = 60
    again = await shop.confirm(number, "111111")

    assert code(again) == "092"
    assert len(gateway.ledger) == 1


async def test_a_caller_who_hangs_up_is_charged_all_the_same(shop, gateway):
    has_hung_up = asyncio.Event()

    async def until_then(_seconds):
        await has_hung_up.wait()

    gateway.latency["confirm"], gateway.sleep = 1.0, until_then
    number = await shop.ready()
    shop.http.timeout = 1.0
    with pytest.raises(httpx.ReadTimeout):
        await shop.confirm(number, "111111")
    before = len(gateway.ledger)
    has_hung_up.set()
    await gateway.settled()

    assert (before, len(gateway.ledger)) == (0, 1)


async def test_a_server_with_callers_still_waiting_closes_at_once(gateway):
    gateway.faults.add(Fault("create", Kind.slow, seconds=600))
    gateway.latency["get"] = 600
    async with asyncio.timeout(60):
        async with opened(gateway) as shop:
            waiting = asyncio.gather(shop.create(), shop.look(1), return_exceptions=True)
            while not (gateway.called("create") and gateway.called("get")):
                await asyncio.sleep(0.01)
        await waiting


async def in_process(gateway, path, **body):
    token = await gateway.answer("POST", "/token", BASIC, b"", GRANT)
    bearer = {"authorization": "Bearer " + json.loads(token.body)["access_token"]}
    text = json.dumps({"store_id": STORE, **body}).encode()
    return await gateway.answer("POST", path, bearer, text)


async def test_in_process_a_cut_call_is_an_exception(gateway):
    gateway.faults.add(Fault("create", Kind.refuse))
    gateway.faults.add(Fault("get", Kind.drop, acts=True))
    with pytest.raises(Refused):
        await in_process(gateway, "/merchant/pay/create", amount=1, account="1")
    with pytest.raises(Dropped):
        await in_process(gateway, "/merchant/pay/get", transaction_id=1)

    assert gateway.faults.injected == {"create refuse": 1, "get drop after acting": 1}


async def test_in_process_the_work_outlives_a_cancelled_caller(gateway):
    gateway.latency["*"] = 0.1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gateway.answer("POST", "/token", BASIC, b"", GRANT), 0.01)
    await gateway.settled()
    gateway.latency.clear()
    answer = await in_process(gateway, "/merchant/pay/create", amount=1, account="1")

    assert json.loads(answer.body)["transaction_id"] == gateway.first_id


async def test_the_control_interface(shop, gateway):
    http = shop.http
    await http.post(
        "/_sandbox/faults", json={"operation": "get", "kind": "server-error", "times": None}
    )
    await http.post("/_sandbox/latency", json={"operation": "create", "seconds": 0.01})
    await shop.ready(GOOD)
    state = (await http.get("/_sandbox/state")).json()
    await http.delete("/_sandbox/faults")
    await http.post("/_sandbox/callback", json={"url": "http://127.0.0.1:9/", "key": "k"})
    await http.post("/_sandbox/expire-tokens")

    assert state["faults"][0]["kind"] == "server-error"
    assert state["transactions"][0]["state"] == "otp-sent"
    assert state["sms"][0]["code"] == gateway.sms[0].code
    assert GOOD not in json.dumps(state)
    assert gateway.latency == {"create": 0.01}
    assert gateway.faults.view() == []
    assert (gateway.callback_url, gateway.callback_key) == ("http://127.0.0.1:9/", "k")
    assert (await shop.post("/merchant/pay/get")).status_code == 401
