from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runner.console.metrics import Metrics, metrics_routes
from runner.gateway.options import Access
from runner.host.spans import ATTEMPT, COMMAND, FINALIZE, JOB, Spans
from runner.store import open_store
from runner.store.catalog.sqlite import CATALOG_NAME

PUT = Access("1", "a", "PUT", "PutObject", "bucket", b"key", 200, "", 7, 0, 0.02)
NAMES = {"project": "default", "pipeline": "one"}


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "store") as store:
        yield store


@pytest.fixture
async def metrics(store):
    return Metrics(store)


async def scraped(port):
    """Return the samples by name and labels, as Prometheus reads them."""
    reply = await port.get("/metrics")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = list(text_string_to_metric_families(reply.body.decode()))
    assert all(family.documentation for family in families)
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


async def test_requests_are_counted_by_operation_and_status(port, metrics):
    await port.start(metrics_routes(metrics))
    metrics.answered(PUT)
    metrics.answered(PUT)
    metrics.answered(replace(PUT, status=403, received=0, sent=100))
    metrics.answered(replace(PUT, operation="", status=400))
    seen = await scraped(port)
    assert seen["runner_s3_requests_total", "200", "PutObject"] == 2
    assert seen["runner_s3_requests_total", "403", "PutObject"] == 1
    assert seen["runner_s3_requests_total", "400", "none"] == 1
    assert seen["runner_s3_received_bytes_total", "PutObject"] == 14
    assert seen["runner_s3_sent_bytes_total", "PutObject"] == 100
    assert seen["runner_s3_request_duration_seconds_count", "PutObject"] == 3
    assert seen["runner_s3_request_duration_seconds_bucket", "0.01", "PutObject"] == 0
    assert seen["runner_s3_request_duration_seconds_bucket", "0.025", "PutObject"] == 3


async def test_what_clients_choose_is_no_label(port, metrics):
    await port.start(metrics_routes(metrics))
    metrics.answered(PUT)
    before = len(await scraped(port))
    for number in range(100):
        metrics.answered(replace(PUT, bucket=f"b{number}", key=b"%d" % number, principal=f"p{number}", method="BREW"))
    assert len(await scraped(port)) == before


async def test_a_jobs_parts_are_counted_by_pipeline(port, metrics):
    await port.start(metrics_routes(metrics))
    spans = Spans([metrics.ended]).about(**NAMES, job_id="1" * 32)
    with spans.open(JOB, state="CREATED") as job:
        with spans.open(ATTEMPT, outcome="failure"), spans.open(COMMAND):
            pass
        with spans.open(ATTEMPT, outcome="success"):
            pass
        with spans.open(FINALIZE):
            pass
        job.attributes["state"] = "SUCCESS"
    with spans.open(JOB, state="CREATED"):
        pass  # given back
    with pytest.raises(OSError, match="lost"), spans.open(FINALIZE):
        raise OSError("lost")
    seen = await scraped(port)
    names = ("default", "one")
    counted = {name: value for name, value in seen.items() if "_duration_seconds_count" in name[0]}
    assert counted == {
        ("runner_job_duration_seconds_count", "SUCCESS", *names): 1,
        ("runner_attempt_duration_seconds_count", "default", "failure", "one"): 1,
        ("runner_attempt_duration_seconds_count", *names, "success"): 1,
        ("runner_commit_duration_seconds_count", *names): 1,
    }


async def test_of_a_store_that_is_lost_the_rest_is_told_all_the_same(port, metrics, store):
    await port.start(metrics_routes(metrics))
    seen = await scraped(port)
    assert seen["runner_store_up",] == 1
    assert seen["runner_store_free_bytes",] > 0
    assert seen["runner_store_catalog_bytes",] > 0
    (store.folder / CATALOG_NAME).rename(store.folder / "aside")
    seen = await scraped(port)
    (store.folder / "aside").rename(store.folder / CATALOG_NAME)
    assert seen["runner_store_up",] == 0
    assert ("runner_store_free_bytes",) not in seen
    assert seen["process_resident_memory_bytes",] > 0


async def test_daemons_that_share_a_process_share_no_number(store, metrics, port):
    Metrics(store).answered(PUT)
    await port.start(metrics_routes(metrics))
    assert ("runner_s3_requests_total", "200", "PutObject") not in await scraped(port)
