"""Where ``egress`` may lead; what it does there is tested with real processes in tests/supervisor."""

from __future__ import annotations

import sys

import pytest

from runner.host.objectstores import ExtraMissing, LocationInvalid
from runner.job.egress import hidden_of, target_of


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("s3://archive", ()),
        ("s3a://archive/results", ()),
        ("gs://archive/results", ("GOOGLE_*",)),
        ("az://container/results", ("AZURE_*",)),
        ("wasb://container@account.blob.core.windows.net/results", ("AZURE_*",)),
    ],
)
def test_an_object_store_is_a_target_whose_credentials_the_command_does_not_get(url, hidden):
    target = target_of(url)
    assert target is not None
    assert (target.url, *(name for name in hidden_of(target) if "*" in name)) == (url, *hidden)


def test_no_egress_is_no_target():
    assert target_of("") is None


@pytest.mark.parametrize("url", ["archive/results", "ftp://host/x", "s3:archive", "file:///tmp/x", "https://host/x"])
def test_anything_else_is_refused_with_the_forms_there_are(url):
    with pytest.raises(LocationInvalid) as caught:
        target_of(url)
    assert url in caught.value.message
    assert "s3://BUCKET/PREFIX" in caught.value.hint


@pytest.mark.parametrize("url", ["s3://key:secret@archive/x", "az://container/c?sig=secret", "gs://archive/x#secret"])
def test_a_url_that_may_hold_a_secret_is_refused_without_repeating_it(url):
    with pytest.raises(LocationInvalid) as caught:
        target_of(url)
    assert "secret" not in caught.value.message


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ExtraMissing) as caught:
        target_of("s3://archive")
    assert caught.value.hint == "pip install 'sidecar-runner[objectstores]'"
