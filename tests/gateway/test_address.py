from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.gateway.address import Address, Hosts, resolve
from runner.gateway.errors import S3Error

LOCAL = Hosts(None, is_open=False)
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=250).map(str.encode)


def at(target: bytes, host: str | None = "127.0.0.1:9", hosts: Hosts = LOCAL) -> Address:
    return resolve(target, host, hosts)


def code(target: bytes, host: str | None = "127.0.0.1:9", hosts: Hosts = LOCAL) -> str:
    with pytest.raises(S3Error) as caught:
        resolve(target, host, hosts)
    return caught.value.code


@given(KEYS, st.sampled_from([b"", b"/"]))
def test_any_key_survives_encoding_in_both_styles(key, safe):
    encoded = quote(key, safe=safe.decode()).encode()
    assert at(b"/out/" + encoded).key == key
    virtual = at(b"/" + encoded, "out.localhost:9")
    assert (virtual.bucket, virtual.key, virtual.is_virtual_host) == ("out", key, True)


@pytest.mark.parametrize(
    ("target", "bucket", "key"),
    [
        (b"/", None, None),
        (b"/out", "out", None),
        (b"/out/", "out", None),
        (b"/out//", "out", b"/"),
        (b"/out/a//b", "out", b"a//b"),
        (b"/out/a/", "out", b"a/"),
        (b"/out/.", "out", b"."),
        (b"/out/../evil/key", "out", b"../evil/key"),
        (b"/out/%2e%2e/evil", "out", b"../evil"),
        (b"/out/%252e", "out", b"%2e"),
        (b"/out/..%2f..", "out", b"../.."),
        (b"/out/a\\b", "out", b"a\\b"),
        (b"/out/a+b", "out", b"a+b"),
        (b"/out/a%2Fb", "out", b"a/b"),
        (b"/out/%25", "out", b"%"),
        (b"/out/%00", "out", b"\0"),
        (b"http://127.0.0.1:9/out/k", "out", b"k"),
        (b"http://127.0.0.1:9", None, None),
    ],
)
def test_paths_are_taken_as_they_come(target, bucket, key):
    address = at(target)
    assert (address.bucket, address.key) == (bucket, key)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"out/key", "InvalidURI"),
        (b"*", "InvalidURI"),
        (b"/out/%", "InvalidURI"),
        (b"/out/%zz", "InvalidURI"),
        (b"/out/%ff", "InvalidURI"),
        (b"/%ff/key", "InvalidURI"),
        (b"//key", "InvalidBucketName"),
        (b"/out/" + b"k" * 1025, "KeyTooLongError"),
        (b"http://evil.example/out/k", "InvalidRequest"),
    ],
)
def test_paths_that_name_nothing_are_refused(target, expected):
    assert code(target) == expected


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("127.0.0.1", None),
        ("127.0.0.1:1600", None),
        ("10.1.2.3:80", None),
        ("[::1]:1600", None),
        ("localhost", None),
        ("LOCALHOST:1600", None),
        ("localhost.", None),
        ("out.localhost:1600", "out"),
        ("abc.master.repo.localhost", "abc.master.repo"),
        ("s3.example", None),
        ("out.s3.example:1", "out"),
    ],
)
def test_hosts_by_which_a_gateway_is_known(host, bucket):
    assert Hosts("http://s3.example:80", is_open=False).bucket_of(host) == bucket


@pytest.mark.parametrize("host", ["evil.example", "out.evil", "notlocalhost", "127.0.0.1.evil", "out.127.0.0.1", ""])
def test_a_foreign_host_is_refused_without_auth_and_taken_with_it(host):
    assert code(b"/", host) == "AccessDenied"
    assert at(b"/out/k", host, Hosts(None, is_open=True)).bucket == "out"


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:8000", "null", "", "http://127.0.0.1"])
def test_a_page_of_another_origin_is_refused_without_auth(origin):
    with pytest.raises(S3Error) as caught:
        Hosts(None, is_open=False).check_origin(origin, "127.0.0.1:1600")
    assert caught.value.code == "AccessDenied"
    Hosts(None, is_open=True).check_origin(origin, "127.0.0.1:1600")


def test_a_page_of_the_gateways_own_origin_is_let_in():
    Hosts(None, is_open=False).check_origin("http://LOCALHOST:1600", "localhost:1600")


@pytest.mark.parametrize("host", ["a:b", "a@localhost", "localhost:123456", "[::1", "a/b"])
def test_a_malformed_host_is_refused(host):
    assert code(b"/", host, Hosts(None, is_open=True)) == "InvalidRequest"


def test_a_virtual_host_wins_over_the_path():
    assert at(b"/images/k", "out.localhost") == Address("out", b"images/k", b"/images/k", is_virtual_host=True)


def test_http_1_0_needs_no_host():
    assert at(b"/out/k", None).bucket == "out"
