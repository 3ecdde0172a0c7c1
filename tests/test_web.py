"""What the bot answers over HTTP: to ATMOS, to who runs it, and to whoever means no good."""

import asyncio
import errno
import json
import re
import resource
import socket
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Network
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiojobs import Scheduler
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from bot import web as http
from bot.check import findings
from bot.db import Database
from bot.notices import Notice, Words, deletion
from sandbox.faults import Kind
from tests.conftest import GOOD, free_port, reaches_code

KEY = "callback-key-made-up"
NOT_THERE = "an-invented-path-of-a-file"


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def url(port):
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def gate(world, url, port):
    world.overrides |= {"web_port": port, "atmos_callback_key": KEY}
    return f"{url}/atmos/callback"


@pytest.fixture
async def client():
    async with httpx.AsyncClient(timeout=60) as made:
        yield made


@asynccontextmanager
async def raw(port):
    """Speak TCP to the bot, without a client that knows what HTTP is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def says(port, request: bytes) -> str:
    """Send `request` as it is, and give all that is answered until the bot hangs up."""
    async with raw(port) as (reader, writer):
        writer.write(request)
        answer: bytes = await asyncio.wait_for(reader.read(), 60)
        return answer.decode()


async def raises(_request: web.Request) -> web.Response:
    raise RuntimeError(NOT_THERE)


async def listens(request: web.Request) -> web.Response:
    return web.json_response({"size": len(await request.read())})


@pytest.fixture
async def served(port):
    """Serve two routes of the story's own, as the bot serves its own."""
    routes = [web.get("/raises", raises), web.post("/listens", listens)]
    async with http.serve(routes, "127.0.0.1", port):
        yield port


async def scraped(client, url):
    """Read /metrics as Prometheus does."""
    answer = await client.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_metrics_tell_of_a_sale_a_refusal_and_an_unknown_outcome(world, client, url, port):
    first, second = world.student(), world.student(777, "Doʻst")
    async with world.bot(health_port=port):
        before = await scraped(client, url)
        await reaches_code(first)
        wrong = first.says(world.wrong_code)
        await first.sees("notoʻgʻri", since=wrong)
        first.says(world.code)
        await first.sees("✅")
        world.goes_wrong("confirm", Kind.drop)
        await reaches_code(second)
        second.says(world.code)
        await second.sees("tekshir")
        after = await scraped(client, url)

    assert before["checkout_intents", "captured"] == before["checkout_unknown_outcomes",] == 0
    assert after["checkout_intents", "captured"] == 1
    assert after["checkout_intents", "capturing"] == after["checkout_unknown_outcomes",] == 1
    assert 0 < after["checkout_unknown_outcome_oldest_seconds",] < 600
    assert {key[1]: n for key, n in after.items() if key[0] == "checkout_captures_total"} == {
        "charged": 1,
        "declined": 1,
        "not_sent": 0,
        "unclear": 1,
    }
    assert after["checkout_polled_timestamp_seconds",] > after["process_start_time_seconds",]
    assert after["checkout_jobs",] >= 0


async def test_a_full_disk_is_seen_by_whoever_watches(world, client, url, port):
    """The merchant's review: the shop was dead, and everything green."""
    student = world.student()

    async def readiness(expected):
        async with asyncio.timeout(60):
            while (answer := await client.get(f"{url}/readyz")).status_code != expected:
                await asyncio.sleep(0.05)
        return answer.json()

    with capture_logs() as lines:
        async with world.bot(health_port=port):
            before = await scraped(client, url)
            await world.fills_disk("INSERT ON inbox")
            asked = student.says("/help")
            full = await readiness(503)
            seen = await scraped(client, url)
            for _ in range(3):  # it is tried again, and said once
                await world.is_polled()
            tried = await anext(f"{f.mark} {f.said}" async for f in findings(world.settings()))
            await world.frees_disk()
            await student.sees("/cancel", since=asked)
            again = await readiness(200)
            after = await scraped(client, url)

    assert full["ok"] is False
    assert "is the disk full?" in full["updates"]
    assert again == {"ok": True, "dead_notices": 0}
    name = ("checkout_updates_not_stored_seconds",)
    assert before[name] == after[name] == 0 < seen[name]
    assert tried.startswith("✗ ")
    assert "is the disk full" in tried
    [line] = [line for line in lines if line["event"] == "updates_not_stored"]
    assert "is the disk full" in line["cure"]


async def test_metrics_tell_what_waits_and_what_is_dead(world, client, url, port):
    database = Database(world.database_url)
    await database.upgrade()
    words = Words("admin-late", {"order": "57", "status": "failed"})
    await database.promise([Notice(chat_id=404, language="uz", words=words)])
    await database.promise([replace(deletion(405, 1, "uz"), after=timedelta(hours=1))])
    await database.close()
    async with world.bot(health_port=port), asyncio.timeout(60):
        while (seen := await scraped(client, url))["checkout_outbox", "message", "dead"] == 0:
            await asyncio.sleep(0.05)
        ready = await client.get(f"{url}/readyz")

    assert seen["checkout_outbox", "message", "waiting"] == 0
    assert seen["checkout_outbox_oldest_seconds", "message"] == 0
    assert seen["checkout_outbox", "deletion", "waiting"] == 1
    assert seen["checkout_outbox_oldest_seconds", "deletion"] > 0
    assert (ready.status_code, ready.json()) == (503, {"ok": False, "dead_notices": 1})


async def test_metrics_name_nobody(world, client, url, port):
    student = world.student(501, "Dilnoza", username="dilnoza")
    async with world.bot(health_port=port):
        await reaches_code(student)
        student.says(world.code)
        await student.sees("✅")
        said = (await client.get(f"{url}/metrics")).text

    order = next(iter(world.gateway.transactions.values())).account
    for secret in ("501", "ilnoza", order, GOOD[:6], GOOD[-4:], world.code, "protokol"):
        assert not re.search(rf"\b{secret}\b", said)


async def test_metrics_without_a_database_are_none(world, client, url, port):
    async with world.bot(health_port=port):
        await world.alters("ALTER TABLE outbox RENAME TO elsewhere")
        metrics = await client.get(f"{url}/metrics")
        ready = await client.get(f"{url}/readyz")
        await world.alters("ALTER TABLE elsewhere RENAME TO outbox")

    assert (metrics.status_code, metrics.text) == (503, "")
    assert ready.status_code == 503


async def test_health_and_metrics_are_not_where_the_outside_asks(world, client, url, port):
    """A proxy before WEB_PORT may lead everybody to all that is served there."""
    own = free_port()
    async with world.bot(web_port=port, health_port=own, atmos_callback_key=KEY):
        outside = [
            await client.get(f"{url}{path}") for path in ("/healthz", "/readyz", "/metrics")
        ]
        inside = [
            await client.get(f"http://127.0.0.1:{own}{path}")
            for path in ("/healthz", "/readyz", "/metrics")
        ]
        asked = await client.post(f"{url}/atmos/callback", content=b"{}")
        no_gate = await client.post(f"http://127.0.0.1:{own}/atmos/callback", content=b"{}")

    assert [answer.status_code for answer in outside] == [404, 404, 404]
    assert [answer.status_code for answer in inside] == [200, 200, 200]
    assert (asked.status_code, asked.json()["status"]) == (200, 0)
    assert no_gate.status_code == 404


async def test_a_defect_shows_nothing_of_itself_even_in_debug_mode(served, client):
    """asyncio's debug mode turns on aiohttp's, which answers with the stack trace."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    try:
        with capture_logs() as logged:
            answer = await client.get(
                f"http://127.0.0.1:{served}/raises", headers={"Accept": "text/html"}
            )
    finally:
        loop.set_debug(False)

    assert answer.status_code == 500
    assert answer.text == ""
    assert [(line["event"], line["exc_info"]) for line in logged] == [("request_failed", True)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
        ("GET", "/<script>", 404),
        ("GET", "/listens", 405),
        ("DELETE", "/listens", 405),
        ("TRACE", "/raises", 405),
    ],
)
async def test_what_is_not_there_is_said_in_a_line(served, client, method, path, status):
    answer = await client.request(method, f"http://127.0.0.1:{served}{path}")

    assert answer.status_code == status
    assert re.fullmatch(rf"{status}: [A-Z][A-Za-z ]+", answer.text)
    assert answer.headers["server"] == "checkout"


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /raises HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n",
        b"POST /listens HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /listens HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /listens HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        b"POST /listens HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 10_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
    ],
    ids=[
        "TLS",
        "version",
        "header",
        "negative",
        "two lengths",
        "length and chunks",
        "chunk",
        "long path",
        "long header",
        "many headers",
    ],
)
async def test_malformed_http_is_a_400_without_a_trace_or_a_version(served, request_):
    said = await says(served, request_)

    assert said.startswith(("HTTP/1.1 400", "HTTP/1.0 400"))
    assert "Server: checkout\r\n" in said
    for word in ("Traceback", "File ", "aiohttp", "Python", NOT_THERE):
        assert word not in said


async def test_a_body_that_says_it_is_too_large_is_not_waited_for(served):
    said = await says(
        served, b"POST /listens HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\nabc"
    )

    assert said.startswith("HTTP/1.1 413")


async def test_a_body_that_does_not_say_how_large_it_is_is_counted(served, client):
    async def endless():
        for _ in range(30):
            yield b" " * 10_000

    async def short():
        yield b"abc"

    large = await client.post(f"http://127.0.0.1:{served}/listens", content=endless())
    small = await client.post(f"http://127.0.0.1:{served}/listens", content=short())

    assert large.status_code == 413
    assert small.json() == {"size": 3}


async def test_a_body_that_is_packed_is_not_unpacked(served, client):
    answer = await client.post(
        f"http://127.0.0.1:{served}/listens",
        content=b"not gzip",
        headers={"Content-Encoding": "gzip"},
    )

    assert answer.json() == {"size": 8}


@pytest.mark.parametrize(
    ("trickle", "status"),
    [
        (b"", None),
        (b"POST /listens HTTP/1.1\r\nHost: x\r\n", None),
        (b"POST /listens HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", 408),
        (
            b"POST /listens HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
            408,
        ),
    ],
    ids=["nothing", "headers", "body", "chunks"],
)
async def test_who_says_it_slowly_is_not_waited_for(port, monkeypatch, trickle, status):
    """Slow loris: what has come by then is answered, and the connection is closed."""
    monkeypatch.setattr(http, "PATIENCE", 1.5)
    async with http.serve([web.post("/listens", listens)], "127.0.0.1", port):
        said = await says(port, trickle)

    assert said.startswith(f"HTTP/1.1 {status}") if status else said == ""


async def test_a_connection_serves_one_request(served, client):
    """A proxy that kept one could lose ATMOS's question on it, and with it a charge."""
    first = await client.get(f"http://127.0.0.1:{served}/nowhere")
    second = await client.post(f"http://127.0.0.1:{served}/listens", content=b"abc")

    assert first.headers["connection"] == second.headers["connection"] == "close"


UNREADABLE, NOT_GENUINE = (400, "not readable"), (200, "not genuine")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", UNREADABLE),
        (b"[]", UNREADABLE),
        (b"\xff", UNREADABLE),
        (b"[" * 8_000, UNREADABLE),
        (b"{}", NOT_GENUINE),
        ('{"sign": "подпись"}'.encode(), NOT_GENUINE),
        (b'{"sign": "\\ud800"}', NOT_GENUINE),
        (json.dumps({"sign": "0" * 32, "amount": "9" * 5000}).encode(), NOT_GENUINE),
    ],
    ids=["empty", "list", "bytes", "deep", "no fields", "Cyrillic", "surrogate", "number"],
)
async def test_the_gate_refuses_what_is_not_atmoss(world, client, gate, body, said):
    async with world.bot():
        answer = await client.post(gate, content=body)

    assert (answer.status_code, answer.json()["message"]) == said
    assert answer.json()["status"] == 0


async def test_the_gate_does_not_read_what_is_too_large_to_be_atmoss(world, client, gate):
    async with world.bot():
        answer = await client.post(gate, content=b" " * 300_000)
        wrong = await client.get(gate)

    assert answer.status_code == 413
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


POSTED = b"POST /atmos/callback HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.usefixtures("gate")
async def test_the_gate_waits_for_no_more_than_a_question_has(world, port):
    """The attacker's review: 256 KB of `[],[],` cost 30 ms each, and nobody else was answered."""
    async with world.bot():
        said = await says(port, POSTED + b"Content-Length: 8193\r\n\r\n{}")
        counted = await says(
            port, POSTED + b"Transfer-Encoding: chunked\r\n\r\n2001\r\n%b\r\n" % (b" " * 8193)
        )
        largest = await says(port, POSTED + b"Content-Length: 8192\r\n\r\n" + b"{}".ljust(8192))

    assert said.startswith("HTTP/1.1 413")
    assert counted.startswith("HTTP/1.1 413")
    assert largest.startswith("HTTP/1.1 200")


async def test_what_is_not_for_the_gate_may_be_larger(served, client):
    answer = await client.post(f"http://127.0.0.1:{served}/listens", content=b" " * 200_000)

    assert answer.json() == {"size": 200_000}


class Failing:
    """An approval that takes for ever, or that is defective."""

    flagged = False

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def refusal(self, _body: bytes) -> None:
        if self._error:
            raise self._error
        await asyncio.Event().wait()

    async def flag(self, _stranger: str) -> None:
        self.flagged = True


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (None, "TimeoutError"),
        (ConnectionRefusedError("the database is away"), "ConnectionRefusedError"),
        (RuntimeError("a defect"), None),
    ],
)
async def test_only_a_defect_of_the_gate_is_traced(client, port, monkeypatch, error, named):
    """The attacker's review: a flood left a traceback for each second that had passed."""
    monkeypatch.setattr(http, "GATE", 0.1)
    approval: Any = Failing(error)
    jobs = Scheduler()
    elsewhere = [IPv4Network("192.0.2.0/24")]
    async with http.serve(http.gate(approval, jobs, elsewhere), "127.0.0.1", port):
        with capture_logs() as lines:
            answer = await client.post(f"http://127.0.0.1:{port}/atmos/callback", content=b"{}")
    await jobs.close()

    assert answer.json() == {"status": 0, "message": "not now"}
    [line] = lines
    assert (line["event"], line.get("error")) == ("approval_failed", named)
    assert bool(line.get("exc_info")) == (named is None)
    assert not approval.flagged  # nobody knows that it was ATMOS


async def test_who_is_silent_for_longest_gives_way(port, monkeypatch):
    """The attacker's review: idle connections took every file that the bot may open."""
    monkeypatch.setattr(http, "CONNECTIONS", 5)
    monkeypatch.setattr(http, "PATIENCE", 1000.0)
    reading = b"POST /listens HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    async with (
        http.serve([web.post("/listens", listens)], "127.0.0.1", port),
        raw(port) as (silent, _),
        raw(port) as (half, asks),
    ):
        asks.write(reading)
        for _ in range(20):
            said = await says(port, reading + b"abcdefghi")
            assert said.startswith("HTTP/1.1 200")
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        first = await silent.read(), await half.read()
        last = await says(port, reading + b"abcdefghi")
        for _, writer in held:
            writer.close()

    assert first == (b"", b"")
    assert last.startswith("HTTP/1.1 200")


def test_connections_leave_half_the_files_to_the_bot():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    try:
        most = http.most_connections()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert most == min(1024, hard) // 2


@pytest.fixture
def no_file_is_left():
    """Give what takes from this process the right to open a file more, and what gives it back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def allow(files: int) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))

    yield lambda: allow(0), lambda: allow(soft)
    allow(soft)


async def test_a_process_without_a_file_left_says_so_once(served, no_file_is_left):
    """The attacker's review: asyncio wrote 22 MB of tracebacks within half a minute."""
    nothing_more, as_before = no_file_is_left
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(http.Unaccepted())
    with capture_logs() as lines, closing(socket.socket()) as waits:
        waits.settimeout(0)
        nothing_more()
        await loop.sock_connect(waits, ("127.0.0.1", served))
        while not lines:
            await asyncio.sleep(0.01)
        as_before()
        await loop.sock_sendall(waits, b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await loop.sock_recv(waits, 100)

    assert answer.startswith(b"HTTP/1.1 404")
    assert [line["event"] for line in lines] == ["connections_not_accepted"]
    assert "LimitNOFILE" in lines[0]["cure"]


@pytest.mark.usefixtures("gate")
async def test_the_bot_says_in_a_line_what_it_could_not_accept_and_all_else_as_ever(world, caplog):
    loop = asyncio.get_running_loop()
    full = {"message": "no", "exception": OSError(errno.EMFILE, "full"), "socket": None}
    with capture_logs() as lines:
        async with world.bot():
            for _ in range(3):
                loop.call_exception_handler(full)
            loop.call_exception_handler({"message": "something else"})

    assert [line["error"] for line in lines if line["event"] == "connections_not_accepted"] == [
        "[Errno 24] full"
    ]
    assert [line.message for line in caplog.records if line.name == "asyncio"] == [
        "something else"
    ]
