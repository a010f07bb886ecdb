import json

import pytest
from pydantic import TypeAdapter

from runner.cli import documents, shapes
from tests.cli.samples import ACCOUNT, ATTEMPT, BRANCH, COMMIT, ENTRY, FAILED, ID, JOB, REPO


def test_a_job_has_pachyderms_names_and_ours():
    document = documents.job_info(FAILED.job)
    assert document["job"] == {"pipeline": {"project": {"name": "default"}, "name": "lab_summary"}, "id": ID}
    assert document["state"] == "JOB_FAILURE"
    assert document["outputCommit"]["id"] == ID
    assert document["outputCommit"]["branch"]["name"] == "master"
    assert document["dataTotal"] == 1
    assert document["stats"] == {"downloadBytes": 945_500_000, "uploadBytes": 100_873_011}
    assert document["created"] == "2026-11-22T09:14:03.113204Z"
    assert document["status"] == 1
    assert [given["name"] for given in document["inputs"]] == ["labresults", "wards"]


def test_what_has_no_value_is_absent():
    document = documents.job_info(JOB)
    assert "reason" not in document
    assert document["status"] == 0


def test_a_commit_names_its_parent_and_its_size_twice_as_pachyderm_does():
    document = documents.commit_info(COMMIT)
    assert document["parentCommit"]["repo"]["name"] == "lab_summary"
    assert document["details"]["sizeBytes"] == document["sizeBytesUpperBound"] == 100_873_011
    assert document["origin"] == {"kind": "AUTO"}


def test_a_try_says_how_it_ended():
    assert documents.attempt_info(ATTEMPT)["status"] == 0
    assert documents.attempt_info(ATTEMPT)["usage"]["maxRssBytes"] == 52_428_800


def test_a_common_prefix_is_a_folder():
    assert documents.file_info(COMMIT, b"2026/")["fileType"] == "DIR"
    assert documents.file_info(COMMIT, b"2026/")["file"]["path"] == "/2026/"


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("job", documents.job_info(JOB)),
        ("job", documents.job_info(FAILED.job)),
        ("commit", documents.commit_info(COMMIT)),
        ("repo", documents.repo_info(REPO, [BRANCH])),
        ("branch", documents.branch_info(BRANCH)),
        ("file", documents.file_info(COMMIT, ENTRY)),
        ("file", documents.file_info(COMMIT, b"2026/")),
        ("project", documents.project_info("default")),
        ("account", documents.account_info(ACCOUNT)),
    ],
)
def test_every_document_is_what_its_schema_says(name, document):
    TypeAdapter(shapes.SCHEMAS[name]).validate_python(document, strict=True)
    assert set(document) <= set(shapes.json_schema(name)["properties"])
    json.dumps(document)


def test_schemas_are_of_the_2020_draft():
    for name in shapes.SCHEMAS:
        assert shapes.json_schema(name)["$schema"].endswith("2020-12/schema")
