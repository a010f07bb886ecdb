"""docs/operations.md names every metric, with its kind and labels, and no other."""

import re
from pathlib import Path

from runner.console.metrics import Metrics
from runner.gateway.options import Access
from runner.host.spans import ATTEMPT, FINALIZE, JOB, Spans
from runner.store import open_store
from tests.store.test_triggers import pipeline, watch
from tests.store.world import commit_objects

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
ROW = re.compile(r"^\| `((?:runner|process)_\w+)` \| (\w+) \|(.*?)\| .+ \|$", re.MULTILINE)
ONE_IS_ENOUGH = "process_"  # their names are not ours


def documented():
    rows = ROW.findall(DOCUMENT.read_text())
    assert len({name for name, *_ in rows}) == len(rows)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


async def told(tmp_path):
    """Return what there is when everything has happened once."""
    async with open_store(tmp_path / "store") as store:
        metrics = Metrics(store)
        metrics.answered(Access("1", "a", "PUT", "PutObject", "b", b"k", 200, "", 1, 1, 0.1))
        spans = Spans([metrics.ended]).about(project="default", pipeline="one")
        for name in (JOB, ATTEMPT, FINALIZE):
            with spans.open(name, state="SUCCESS", outcome="success"):
                pass
        await watch(store, pipeline("one", "data"))
        await commit_objects(store, {b"x": b"1"})
        found = {}
        for metric in metrics.collect():
            labels = {name for sample in metric.samples for name in sample.labels} - {"le"}
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            found[name] = (metric.type, frozenset(labels))
        return found


async def test_each_metric_stands_in_the_document_as_it_is(tmp_path):
    found, written = await told(tmp_path), documented()
    ours = {name: what for name, what in found.items() if not name.startswith(ONE_IS_ENOUGH)}
    assert {name: what for name, what in written.items() if not name.startswith(ONE_IS_ENOUGH)} == ours
    assert written["process_cpu_seconds_total"] == found["process_cpu_seconds_total"]
    text = DOCUMENT.read_text()
    assert [name for name in found if f"`{name}`" not in text] == []
