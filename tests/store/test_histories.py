from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.store.histories import HistoryMachine

TestHistories = HistoryMachine.TestCase
TestHistories.settings = settings(
    max_examples=6, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
