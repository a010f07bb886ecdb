"""Thousands of steps of a store's life on each engine, drawn anew each time."""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from runner.model import store_url
from runner.store import Store, StoreSettings, open_store
from runner.store.catalog import postgres as engines
from tests.store.histories import HistoryMachine
from tests.system.postgres import Postgres

pytestmark = pytest.mark.timeout(1800)

STEPS = 10_000
"""On each engine."""
LIVES_AT_A_TIME = 20
LIFE = settings(
    max_examples=LIVES_AT_A_TIME,
    stateful_step_count=100,  # at most: some end early
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)


def live(kind: type[HistoryMachine], figures, name: str) -> None:
    """Take the steps of an engine, in lives of some steps each."""
    begun, before = time.monotonic(), HistoryMachine.steps
    while (steps := HistoryMachine.steps - before) < STEPS:
        run_state_machine_as_test(kind, settings=LIFE)
    figures(f"histories: {name}: {steps} steps in {time.monotonic() - begun:.0f} s")


def test_many_steps_leave_what_a_plain_model_says(figures) -> None:
    live(HistoryMachine, figures, "SQLite")


def test_many_steps_on_postgresql_leave_what_a_plain_model_says(figures, postgres: Postgres) -> None:
    template = postgres.create()
    engines.Postgres(store_url.parse(template)).prepare()

    class PostgresHistories(HistoryMachine):
        looks_every = 5  # each look is some dozens of round trips

        def __init__(self) -> None:
            self.url = store_url.parse(postgres.renew("history", template.rpartition("/")[2]))
            super().__init__()

        def open(self) -> AbstractAsyncContextManager[Store]:
            return open_store(self.url, settings=StoreSettings(blobs=str(Path(self.folder.name) / "bytes")))

    live(PostgresHistories, figures, "PostgreSQL")
