"""The figures of a store as metrics. They are the whole store's, and the same in each process on it."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from runner.model.errors import RunnerError
from runner.store import Store
from runner.store.figures import Figures, read_figures

_PIPELINE = ("project", "pipeline")


class StoreCollector(Collector):
    """Reads the store whenever somebody asks; on the thread of whoever does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without numbers, so that nothing is read to learn their names."""
        return [_up(is_up=False), *_metrics(Figures([], [], 0, 0))]

    def collect(self) -> Iterable[Metric]:
        """Return them with numbers; of a store that is out of reach only that it is."""
        try:
            figures = read_figures(self._store)
        except (RunnerError, OSError):
            return [_up(is_up=False)]
        return [_up(is_up=True), *_metrics(figures)]


def _up(*, is_up: bool) -> Metric:
    return GaugeMetricFamily("runner_store_up", "1 while the store can be read, else 0.", float(is_up))


def _metrics(figures: Figures) -> list[Metric]:
    jobs = GaugeMetricFamily("runner_jobs", "Jobs in the store, by state.", labels=(*_PIPELINE, "state"))
    for each in figures.jobs:
        jobs.add_metric((each.project, each.pipeline, each.state), each.jobs)
    length = GaugeMetricFamily("runner_queue_jobs", "Jobs that wait for a worker.", labels=_PIPELINE)
    age = GaugeMetricFamily("runner_queue_oldest_age_seconds", "How long the first of them has.", labels=_PIPELINE)
    for waiting in figures.waiting:
        names = (waiting.project, waiting.pipeline)
        length.add_metric(names, waiting.jobs)
        age.add_metric(names, waiting.oldest_seconds)
    return [
        jobs,
        length,
        age,
        GaugeMetricFamily("runner_store_catalog_bytes", "Size of the database, with its log.", figures.catalog_bytes),
        GaugeMetricFamily("runner_store_free_bytes", "Room left on the disk of the store.", figures.free_bytes),
    ]
