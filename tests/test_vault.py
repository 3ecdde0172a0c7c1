"""A card number waits for its expiry, in this process or sealed in Redis, and leaves no trace."""

import asyncio
import copy
import re
import shutil
import socket
import subprocess
import time
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path

import pytest
import structlog
from redis.asyncio import Redis

from bot.cards import CardNumber
from bot.check import findings
from bot.vault import MemoryVault, RedisVault, VaultAway
from sandbox.faults import Kind
from tests.conftest import EXPIRY, GOOD, PRICE, free_port, names_card, pays, reaches_code

REDIS_SERVER = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(
    REDIS_SERVER is None, reason="no redis-server here: apt-get install redis-server"
)
CARD_KEY = "bWFkZS11cC1rZXktb2YtMzItYnl0ZXMtbm9ib2R5cyE="
KEY, OTHER_KEY = b"a made-up key of thirty-two byte", b"another key, and made up as well"
NUMBER, OTHER = CardNumber(GOOD), CardNumber("8600490744313347")
DIGITS = re.compile(rb"[0-9]{10}")


class Server:
    """A Redis of our own on this machine, which a story stops and starts."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        assert REDIS_SERVER
        own = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._home)]
        kept = options or ("--save", "", "--appendonly", "no")
        self._process = subprocess.Popen(  # noqa: S603  ours
            [REDIS_SERVER, *own, *kept], stdout=subprocess.DEVNULL
        )
        while not self._answers():
            assert self._process.poll() is None, "redis-server did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with closing(socket.create_connection(("127.0.0.1", self.port), 1)) as asking:
                asking.sendall(b"PING\r\n")
                return asking.recv(7).startswith(b"+PONG")
        except OSError:
            return False

    async def holds(self) -> dict[bytes, bytes]:
        """Give every key with its value, as whoever gets hold of this Redis reads them."""
        async with self.opened() as redis:
            return {key: await redis.get(key) async for key in redis.scan_iter()}

    @asynccontextmanager
    async def opened(self):
        async with Redis.from_url(self.url) as redis:
            yield redis


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def sealed(server):
    """Give the settings of a bot that keeps its cards in Redis."""
    return {"redis_url": server.url, "card_key": CARD_KEY}


def readable(held: dict[bytes, bytes]) -> list[bytes]:
    return [text for pair in held.items() for text in pair if DIGITS.search(text)]


# Either vault


@pytest.fixture(params=["memory", pytest.param("redis", marks=needs_redis)])
async def vault(request):
    in_memory = request.param == "memory"
    url = "" if in_memory else request.getfixturevalue("server").url
    async with aclosing(MemoryVault(180) if in_memory else RedisVault(url, KEY, 180)) as made:
        yield made


async def test_a_number_is_held_for_its_intent_alone_in_place_of_another(vault):
    await vault.put(1, NUMBER)
    await vault.put(2, NUMBER)
    await vault.put(2, OTHER)

    assert [await vault.get(intent) for intent in (1, 2, 3)] == [NUMBER, OTHER, None]


async def test_wiping_forgets_what_is_named_and_nothing_else(vault):
    for intent in (1, 2, 3):
        await vault.put(intent, NUMBER)
    await vault.wipe()
    await vault.wipe(2, 3, 99)

    assert [await vault.get(intent) for intent in (1, 2, 3)] == [NUMBER, None, None]


async def test_a_vault_shows_nothing_of_what_it_holds(vault):
    await vault.put(1, NUMBER)
    shown = f"{vault} {vault!r} {vars(vault)}"

    assert GOOD[:8] not in shown
    assert GOOD[8:] not in shown
    assert KEY.decode() not in shown


# In this process


class Clock:
    def __init__(self):
        self.time = 1_000.0

    def __call__(self):
        return self.time


async def test_a_number_is_held_for_its_time_and_no_longer():
    clock = Clock()
    vault = MemoryVault(180, clock)
    await vault.put(1, NUMBER)
    clock.time += 179.9
    before = await vault.get(1)
    clock.time += 0.1

    assert before == NUMBER
    assert await vault.get(1) is None
    assert not vault._held


async def test_nobody_has_to_ask_for_a_number_to_be_forgotten():
    clock = Clock()
    vault = MemoryVault(180, clock)
    await vault.put(1, NUMBER)
    clock.time += 180
    await vault.forget_old()

    assert not vault._held


async def test_at_its_end_the_process_holds_nothing():
    vault = MemoryVault(180)
    await vault.put(1, NUMBER)
    await vault.aclose()

    assert not vault._held


async def test_a_copy_of_the_vault_shows_no_more():
    vault = MemoryVault(180)
    await vault.put(1, NUMBER)

    assert "···0009" in repr(vars(copy.deepcopy(vault)))
    assert GOOD not in repr(vars(copy.deepcopy(vault)))


# In Redis


@pytest.fixture
async def redis_vault(server):
    async with aclosing(RedisVault(server.url, KEY, 180)) as made:
        yield made


@needs_redis
async def test_what_lies_in_redis_is_sealed_each_time_anew_and_ends_by_itself(redis_vault, server):
    await redis_vault.put(1, NUMBER)
    [first] = (await server.holds()).items()
    await redis_vault.put(1, NUMBER)
    [second] = (await server.holds()).items()
    async with server.opened() as redis:
        left = await redis.pttl(first[0])

    assert first[0] == second[0]
    assert first[1] != second[1]
    assert readable(dict([first, second])) == []
    assert 0 < left <= 180_000


@needs_redis
async def test_a_number_in_redis_goes_when_its_time_is_over(server):
    async with aclosing(RedisVault(server.url, KEY, 0.2)) as vault:
        await vault.put(1, NUMBER)
        while await server.holds():
            time.sleep(0.02)  # noqa: ASYNC251  nothing else runs here

        assert await vault.get(1) is None


@pytest.fixture
def log_lines():
    with structlog.testing.capture_logs() as lines:
        yield lines


async def tampered(vault, server, change):
    """Put a number, and change what lies in Redis."""
    await vault.put(1, NUMBER)
    [(key, value)] = (await server.holds()).items()
    async with server.opened() as redis:
        await redis.set(key, change(value))


@needs_redis
@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda _: b"short",
        lambda _: GOOD.encode(),
        lambda value: value[:-1],
        lambda value: value[:-1] + bytes([value[-1] ^ 1]),
        lambda value: bytes([value[0] ^ 1]) + value[1:],
    ],
)
async def test_what_does_not_open_is_forgotten_and_logged_without_what_it_is(
    redis_vault, server, log_lines, change
):
    await tampered(redis_vault, server, change)

    assert await redis_vault.get(1) is None
    assert log_lines == [{"event": "card_does_not_open", "intent": 1, "log_level": "warning"}]


@needs_redis
async def test_a_value_moved_to_another_intent_does_not_open(redis_vault, server):
    await redis_vault.put(1, NUMBER)
    async with server.opened() as redis:
        await redis.copy("checkout:card:1", "checkout:card:2")

    assert await redis_vault.get(1) == NUMBER
    assert await redis_vault.get(2) is None


@needs_redis
async def test_a_value_does_not_open_with_another_key(redis_vault, server):
    await redis_vault.put(1, NUMBER)
    async with aclosing(RedisVault(server.url, OTHER_KEY, 180)) as other:
        assert await other.get(1) is None
    async with aclosing(RedisVault(server.url, KEY, 180)) as same:
        assert await same.get(1) == NUMBER


async def test_a_redis_that_is_away_gives_nothing_and_stops_no_wiping(log_lines):
    async with aclosing(RedisVault(f"redis://:a-password@127.0.0.1:{free_port()}", KEY, 180)) as v:
        with pytest.raises(VaultAway):
            await v.put(1, NUMBER)
        with pytest.raises(VaultAway):
            await v.get(1)
        await v.wipe(1)
        shown = f"{vars(v)} {log_lines}"

    assert [line["event"] for line in log_lines] == ["vault_away", "vault_away", "card_not_wiped"]
    assert "a-password" not in shown


@needs_redis
async def test_a_redis_that_was_restarted_is_used_again_at_once(redis_vault, server):
    await redis_vault.put(1, NUMBER)
    server.stop()
    server.start()
    await redis_vault.put(2, NUMBER)

    assert await redis_vault.get(1) is None
    assert await redis_vault.get(2) == NUMBER


# Stories


@needs_redis
async def test_the_search_of_the_stories_finds_a_planted_number(server):
    async with server.opened() as redis:
        await redis.set("planted", f"card={GOOD}")
        await redis.set(f"card:{GOOD}", "x")

    assert len(readable(await server.holds())) == 2


@needs_redis
async def test_a_card_waits_in_redis_unreadable_and_is_gone_when_its_code_is_out(
    world, server, sealed
):
    student = world.student()
    async with world.bot(**sealed):
        await pays(student)
        number = student.says(GOOD)
        await student.sees("muddat", since=number)
        waiting = await server.holds()
        expiry = student.says(EXPIRY)
        await student.sees("SMS kod", since=expiry)
        afterwards = await server.holds()
        student.says(world.code)
        await student.sees("✅")

    assert len(waiting) == 1
    assert readable(waiting) == []
    assert GOOD.encode() not in b"".join(waiting.values())
    assert afterwards == {}
    assert world.charged == [PRICE]


@needs_redis
async def test_with_redis_a_restart_between_number_and_expiry_does_not_lose_the_card(
    world, sealed
):
    """Without Redis it does: `test_a_restart_goes_on_at_the_step`."""
    student = world.student()
    async with world.bot(**sealed):
        await pays(student)
        number = student.says(GOOD)
        await student.sees("muddat", since=number)
    async with world.bot():
        expiry = student.says(EXPIRY)
        await student.sees("SMS kod", since=expiry)
        student.says(world.code)
        await student.sees("✅")

    assert world.charged == [PRICE]


@needs_redis
@pytest.mark.parametrize("how", ["cancelled", "expired", "begun anew", "another payment"])
async def test_a_card_whose_payment_ends_or_gives_way_is_wiped(world, server, sealed, how):
    student = world.student()
    async with world.bot(**sealed):
        await pays(student)
        number = student.says(GOOD)
        await student.sees("muddat", since=number)
        if how == "cancelled":
            student.says("/cancel")
            await student.sees("bekor qilindi")
        elif how == "expired":
            await world.comes("expires_at")
            await student.sees("vaqti tugadi")
        elif how == "begun anew":
            student.taps("pay:protokol-57")
            await student.sees("karta raqam", since=number)
        else:
            await world.alters("UPDATE intents SET amount = amount + 100")
            student.taps("pay:protokol-57")
            await student.sees("karta raqam", since=number)

        while await server.holds():
            await asyncio.sleep(0.02)


@needs_redis
async def test_a_refused_card_is_wiped_as_well(world, server, sealed):
    student = world.student()
    world.goes_wrong("pre-apply", Kind.drop)
    async with world.bot(**sealed):
        await pays(student)
        typed = await names_card(student)
        await student.sees("aloqa boʻlmadi", since=typed[-1])

        assert await server.holds() == {}


@pytest.fixture
def silent():
    """Give the settings of a bot whose Redis is away."""
    return {"redis_url": f"redis://127.0.0.1:{free_port()}", "card_key": CARD_KEY}


async def test_while_redis_is_away_a_card_in_one_message_is_charged(world, silent):
    student = world.student()
    async with world.bot(**silent):
        await pays(student)
        for _ in range(2):
            number = student.says(GOOD)
            asked = await student.sees("bitta xabarda", since=number)
        date = student.says(EXPIRY)
        await student.sees("bitta xabarda", since=date)
        whole = student.says(f"{GOOD} {EXPIRY}")
        await student.sees("SMS kod", since=whole)
        student.says(world.code)
        await student.sees("✅")
        await world.admins.sees("✅")

    assert "pul yechilmadi" in asked.text
    assert "masalan 8600 … 12/27" in asked.text
    assert number.deleted
    assert world.charged == [PRICE]
    assert sum("Redis javob bermayapti" in text for text in world.admins.texts) == 1


@needs_redis
async def test_a_redis_that_goes_away_between_number_and_expiry_costs_a_message_and_no_money(
    world, server, sealed
):
    student = world.student()
    async with world.bot(**sealed):
        await pays(student)
        number = student.says(GOOD)
        await student.sees("muddat", since=number)
        server.stop()
        expiry = student.says(EXPIRY)
        await student.sees("bitta xabarda", since=expiry)
        server.start()
        again = student.says(EXPIRY)
        lost = await student.sees("yana yuboring", since=again)
        typed = await names_card(student)
        await student.sees("SMS kod", since=typed[-1])
        student.says(world.code)
        await student.sees("✅")

    assert "oʻchirilgan" in lost.text
    assert world.calls("pre-apply") == 1
    assert world.charged == [PRICE]


@needs_redis
@pytest.mark.parametrize("ends", ["paid", "declined", "cancelled", "expired"])
async def test_no_result_hangs_on_a_redis_that_is_away(world, server, sealed, ends):
    student = world.student()
    async with world.bot(**sealed):
        await reaches_code(student)
        server.stop()
        if ends == "paid":
            student.says(world.code)
            await student.sees("✅")
        elif ends == "declined":
            for _ in range(3):
                said = student.says(world.wrong_code)
                await student.sees("notoʻgʻri", since=said)
        elif ends == "cancelled":
            student.says("/cancel")
            await student.sees("bekor qilindi")
        else:
            await world.comes("expires_at")
            await student.sees("Toʻlov vaqti tugadi")

    [(status,)] = world.stored("SELECT status FROM intents")
    assert status == {"paid": "captured", "declined": "failed"}.get(ends, ends)


# What `check` says


async def said_of_cards(world, **overrides):
    world.overrides |= overrides
    [line] = [found async for found in findings(world.settings()) if found.what == "cards"]
    return f"{line.mark} {line.said}"


async def test_check_says_that_cards_are_in_memory_and_for_how_long(world):
    said = await said_of_cards(world, card_ttl=90)

    assert said == "✓ in this process's memory, at most 90 s; a restart forgets"


@needs_redis
async def test_check_says_where_cards_are_sealed_and_leaves_nothing_there(world, server, sealed):
    said = await said_of_cards(world, **sealed)

    assert said == f"✓ sealed in Redis at 127.0.0.1:{server.port}/0, at most 180 s"
    assert await server.holds() == {}


@needs_redis
@pytest.mark.parametrize(
    "kept", [("--save", "3600 1", "--appendonly", "no"), ("--save", "", "--appendonly", "yes")]
)
async def test_check_warns_of_a_redis_that_writes_to_disk(world, server, sealed, kept):
    server.stop()
    server.start(*kept)
    said = await said_of_cards(world, **sealed)

    assert re.match("! sealed in Redis .*; this Redis writes to disk.*`appendonly no`", said), said


@needs_redis
async def test_check_asks_nothing_of_a_redis_that_does_not_tell(world, server, sealed):
    async with server.opened() as redis:
        await redis.execute_command("ACL", "SETUSER", "default", "-config")
    said = await said_of_cards(world, **sealed)

    assert said.startswith("✓ sealed in Redis at ")


@needs_redis
async def test_check_names_a_redis_that_lets_us_not_in(world, server, sealed):
    async with server.opened() as redis:
        await redis.config_set("requirepass", "another-password")
    url = sealed["redis_url"].replace("//", "//:wrong-password@")
    said = await said_of_cards(world, **sealed | {"redis_url": url})

    assert said == "✗ AuthenticationError: see REDIS_URL, and that Redis runs"


async def test_check_names_a_redis_that_is_away(world, silent):
    assert await said_of_cards(world, **silent) == (
        "✗ ConnectionError: see REDIS_URL, and that Redis runs"
    )
