"""Thousands of small worlds in which everything goes wrong, and what holds in all of them."""

import os

import pytest

from tests.simulation.report import replay, report

SEEDS = 2000


@pytest.mark.timeout(300)
def test_whatever_goes_wrong_nobody_pays_twice_and_everybody_hears_the_truth():
    *_, total = report(range(SEEDS), os.cpu_count() or 1)

    assert total.seeds == SEEDS
    assert total.failures() == ""


def test_a_seed_is_the_same_history_every_time():
    for seed in range(5):
        assert replay(seed).lines == replay(seed).lines
