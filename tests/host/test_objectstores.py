from __future__ import annotations

import pytest

from runner.host.objectstores import LocationInvalid, is_failure, locate, sentence


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("s3://bucket/prefix", {"AWS_*"}),
        ("s3a://bucket", {"AWS_*"}),
        ("gs://bucket/prefix", {"GOOGLE_*"}),
        ("gcs://bucket", {"GOOGLE_*"}),
        ("az://container/prefix", {"AZURE_*", "IDENTITY_HEADER"}),
        ("abfss://container@account.dfs.core.windows.net/prefix", {"AZURE_*"}),
        ("wasbs://container@account.blob.core.windows.net/prefix", {"AZURE_*"}),
    ],
)
def test_a_url_tells_which_variables_may_hold_its_credentials(url, credentials):
    location = locate(url, "blobs")
    assert location.url == url
    assert set(location.credentials) >= credentials


@pytest.mark.parametrize("url", ["", "folder", "s3:bucket", "s3://", "http://host/x", "file:///x", "memory:///"])
def test_what_is_no_object_store_is_refused_with_the_forms_there_are(url):
    with pytest.raises(LocationInvalid, match="blobs cannot use") as caught:
        locate(url, "blobs")
    assert "az://CONTAINER/PREFIX" in caught.value.hint


def test_variables_make_a_client_and_no_request(monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "laboratory")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")
    client = locate("az://container/some/prefix", "blobs").open(1)
    assert client.prefix == "some/prefix"
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
    with pytest.raises(Exception, match="Account must be specified") as caught:
        locate("az://container", "blobs").open(1)
    assert is_failure(caught.value)
    assert sentence(caught.value) == "Generic MicrosoftAzure error: Account must be specified"


def test_a_sentence_is_one_line_without_a_signature_or_a_password():
    said = "\n  PUT http://user:pass@host/a?sig=secret&x=1 failed\nDebug source: more secret\n"
    assert sentence(ValueError(said)) == "PUT http://host/a failed"
    assert sentence(ValueError("")) == "ValueError"


def test_a_mistake_of_ours_is_no_failure_of_the_store():
    assert not is_failure(ValueError("start: 2 end: 2"))
    assert is_failure(FileNotFoundError())
