"""Ten thousand steps of a store's life, drawn anew each time."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.store.histories import HistoryMachine

STEPS = 10_000
STEPS_OF_ONE = 100


@pytest.mark.timeout(1800)
def test_ten_thousand_steps_leave_what_a_plain_model_says(figures) -> None:
    begun, before = time.monotonic(), HistoryMachine.steps
    lives = settings(
        max_examples=STEPS // STEPS_OF_ONE + 10,  # some end early
        stateful_step_count=STEPS_OF_ONE,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    run_state_machine_as_test(HistoryMachine, settings=lives)
    steps = HistoryMachine.steps - before
    figures(f"histories: {steps} steps in {time.monotonic() - begun:.0f} s")
    assert steps >= STEPS
