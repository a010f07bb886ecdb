"""How SQLite would find what it is asked for: whether it looks at rows that are no part of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runner.store import Store


class Plans:
    """The plans of all statements that a store read with.

    Attributes:
        steps: As SQLite tells them, each once.
    """

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.steps: list[str] = []

    def scans(self, *but: str) -> list[str]:
        """Return the steps that go through a whole table or index, those that name one of *but* aside."""
        whole = [step for step in self.steps if step.startswith("SCAN ") and "CONSTANT ROW" not in step]
        return [step for step in whole if not any(name in step for name in but)]


@contextmanager
def read_plans(store: Store) -> Iterator[Plans]:
    """Take note of every statement that *store* reads with in the block, and ask for their plans at its end."""
    plans = Plans()
    db = store.catalog.db
    db.set_trace_callback(plans.statements.append)
    try:
        yield plans
    finally:
        db.set_trace_callback(None)
    for statement in dict.fromkeys(plans.statements):
        if statement.lstrip().startswith(("SELECT", "WITH")):
            for *_, step in db.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall():
                if step not in plans.steps:
                    plans.steps.append(step)
