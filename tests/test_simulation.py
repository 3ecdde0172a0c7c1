"""Thousands of small worlds in which everything goes wrong, and what holds in all of them."""

from dataclasses import replace

import pytest

from tests.simulation.invariants import CHECKING, INVARIANTS, PAID
from tests.simulation.machine import simulated
from tests.simulation.report import replay, report
from tests.simulation.run import play
from tests.simulation.world import Said

SEEDS = 200  # `make test` plays 2000 beside this suite, `make soak` as many as one likes
CARD = "8600990000000009"


@pytest.mark.timeout(900)  # a minute, on a machine that does nothing else
def test_nobody_pays_twice_and_everybody_hears_the_truth():
    *_, total = report(range(SEEDS), jobs=1)

    assert total.seeds == SEEDS
    assert total.failures() == ""


def test_a_seed_is_the_same_history_every_time():
    for seed in range(5):
        assert replay(seed).lines == replay(seed).lines


def _order(world):
    [charge] = world.gateway.charges
    return int(charge.entry.account)


def _says(text, after=0.0):
    def spoil(world):
        [charge] = world.gateway.charges
        [student] = world.rows("SELECT student_id FROM intents")[0]
        text_of_order = text.format(order=_order(world))
        world.said.append(Said(charge.entry.at + after, student, text_of_order, ()))

    return spoil


def _writes(statement):
    return lambda world: world.rows(statement)


def _buys_another(world):
    columns = "student_id, name, language, offer, title, amount, status, tries_left"
    columns += ", created_at, expires_at, checks"
    world.rows(f"INSERT INTO intents (id, {columns}) SELECT 1, {columns} FROM intents")  # noqa: S608
    [entry] = world.gateway.ledger
    world.gateway.ledger.append(replace(entry, account="1"))


def _takes_more(world):
    world.gateway.adds = 100


def _reads_last(text):
    def spoil(world):
        [(student,)] = world.rows("SELECT student_id FROM intents")
        world.telegram.private(student).from_bot[-1].text = text

    return spoil


SPOILS = {
    "no_intent_is_charged_twice": lambda world: world.gateway.charges.extend(
        world.gateway.charges
    ),
    "charged_is_captured": _writes("UPDATE intents SET status = 'failed'"),
    "captured_is_told": lambda world: world.said.clear(),
    "paid_is_said_after_the_charge": _says(f"{PAID} {{order}}", -1),
    "paid_is_said_once": lambda world: world.said.extend(world.said * 3),
    "nobody_is_left_waiting": _reads_last(f"⏳ {CHECKING}"),
    "given_back_is_reversed_once_and_told": _says("↩️ Pul qaytarildi {order}"),
    "nobody_is_alarmed_for_nothing": lambda world: world.said.append(
        Said(0.0, world.settings.admin_chat_id, "ATMOS bilan farq", ())
    ),
    "ledgers_agree": _writes("UPDATE ledger SET amount = amount + 1"),
    "nothing_is_left_undone": _writes("UPDATE outbox SET sent_at = NULL"),
    "not_charged_is_true": _says("pul yechilmadi", 1),
    "a_second_purchase_is_reported": _buys_another,
    "a_late_charge_is_reported": _writes("UPDATE intents SET reason = 'not-charged'"),
    "another_amount_is_reported": _takes_more,
    "nobody_has_more_codes_sent_than_allowed": lambda world: world.gateway.sms.extend(
        world.gateway.sms * 10
    ),
    "no_card_is_kept_or_told": _says(f"karta {CARD}"),
}


@pytest.fixture(scope="module")
def calm():
    """Find a seed in which one student buys the course, and nothing else happens."""
    with simulated() as machine:
        for seed in range(500):
            world = play(machine, seed)
            bought = world.tally["outcome"] == {"captured": 1, "charged": 1}
            if bought and world.said and "Protokol" in world.said[0].text:
                return seed
    pytest.fail("nobody buys the course in peace")


@pytest.mark.parametrize("invariant", [invariant.__name__ for invariant in INVARIANTS])
def test_each_invariant_can_be_broken(invariant, calm):
    with simulated() as machine:
        honest = play(machine, calm)
        spoilt = play(machine, calm, SPOILS[invariant])

    assert honest.broken == []
    assert [what for what in spoilt.broken if what.startswith(invariant)]
