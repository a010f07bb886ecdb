from __future__ import annotations

import obstore
import pytest

from runner.host.objectstores import LocationInvalid, is_failure, is_mistake, locate, sentence


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
    assert is_mistake(caught.value)
    assert sentence(caught.value) == "Generic MicrosoftAzure error: Account must be specified"


def test_a_sentence_is_one_line_without_a_signature_or_a_password():
    said = "\n  PUT http://user:pass@host/a?sig=secret&x=1 failed\nDebug source: more secret\n"
    assert sentence(ValueError(said)) == "PUT http://host/a failed"
    assert sentence(ValueError("")) == "ValueError"


def test_a_mistake_of_ours_is_no_failure_of_the_store():
    assert not is_failure(ValueError("start: 2 end: 2"))
    assert is_failure(FileNotFoundError())


ANSWER = (
    "Generic S3 error: Error performing GET http://host:9000/bucket/x?sig=secret in 12ms - Server returned non-2xx "
    'status code: {}: <?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>Some</Code>'
    "<Message>The region &#34;x&#34; is wrong.\nTime: now</Message></Error>\n\nDebug source:\nGeneric {{"
)


@pytest.mark.parametrize(
    ("status", "is_users"),
    [("400 Bad Request", True), ("403 Forbidden", True), ("404 Not Found", True), ("500 Internal Server Error", False)],
)
def test_what_a_store_answers_is_told_in_its_words_and_by_who_must_act(status, is_users):
    error = FileNotFoundError(ANSWER.format(status))
    assert sentence(error) == f'http://host:9000 answered {status}: The region "x" is wrong'
    assert is_mistake(error) is is_users


def test_plain_http_that_was_not_allowed_says_which_variable_allows_it(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_ALLOW_HTTP", raising=False)
    with pytest.raises(Exception, match="performing") as caught:
        obstore.get(locate("s3://bucket", "blobs").open(0.1), "x")
    assert is_mistake(caught.value)
    assert "AWS_ALLOW_HTTP=true" in sentence(caught.value)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    with pytest.raises(Exception, match="performing") as caught:
        obstore.get(locate("s3://bucket", "blobs").open(0.1), "x")
    assert not is_mistake(caught.value)
