import hashlib
from dataclasses import replace

import pytest

from runner.job.datums import InputNotSupported, plan_datums
from runner.model.pipeline import CompositeInput, CompositeKind


def test_a_bucket_alone_is_one_datum(pipeline, job_input):
    (datum,) = plan_datums(pipeline, [job_input], {"labresults": 3})
    assert [member.input for member in datum.members] == [job_input]


def test_a_cross_of_buckets_is_one_datum_in_the_order_of_the_spec(pipeline, job_input):
    other = replace(job_input, name="wards", repo="wards")
    leaves = (pipeline.input, replace(pipeline.input, name="wards", repo="wards"))
    crossed = replace(pipeline, input=CompositeInput(CompositeKind.CROSS, leaves))
    (datum,) = plan_datums(crossed, [other, job_input], {"labresults": 3, "wards": 1})
    assert [member.input.name for member in datum.members] == ["labresults", "wards"]


def test_an_empty_input_leaves_nothing_to_do(pipeline, job_input):
    assert plan_datums(pipeline, [job_input], {"labresults": 0}) == ()


def test_the_id_is_pachyderms(datum):
    digest = hashlib.blake2b(digest_size=32)
    for text in (b"labresults", b"labresults", b"master", b"/"):
        digest.update(text + len(text).to_bytes(8, "big"))
    assert datum.id == digest.hexdigest()


@pytest.mark.parametrize("kind", ["files", CompositeKind.UNION, CompositeKind.JOIN, CompositeKind.GROUP])
def test_what_is_not_a_bucket_is_refused_by_name(pipeline, job_input, kind):
    refused = replace(pipeline.input, s3=False) if kind == "files" else CompositeInput(kind, (pipeline.input,))
    with pytest.raises(InputNotSupported, match="labresults" if kind == "files" else kind):
        plan_datums(replace(pipeline, input=refused), [job_input], {"labresults": 1})
