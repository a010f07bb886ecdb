import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.gateway.auth.sigv4 import ChunkSigner
from runner.gateway.body.framing import Framing
from runner.gateway.errors import S3Error

from .framed import DATE, KEY, SCOPE, SEED, cut, frame

CHUNKS = st.lists(st.binary(min_size=1, max_size=300), max_size=6)
TRAILER = [("x-amz-checksum-crc32", "AAAAAA==")]


def signer():
    return ChunkSigner(KEY, DATE, SCOPE, SEED)


def decode(pieces, length, *, has_trailer=False, is_signed=False):
    framing = Framing(length, has_trailer=has_trailer, signer=signer() if is_signed else None)
    decoded = b"".join(piece for data in pieces for piece in framing.feed(data))
    framing.finish()
    return decoded, framing.trailers


def refusal(body, length, **options):
    """Return the code with which *body* is refused, the same however it is cut."""
    codes = set()
    for pieces in ([body], [body[at : at + 1] for at in range(len(body))]):
        with pytest.raises(S3Error) as caught:
            decode(pieces, length, **options)
        codes.add(caught.value.code)
    (code,) = codes
    return code


@given(CHUNKS, st.booleans(), st.booleans(), st.data())
def test_any_chunks_in_any_pieces_come_out_as_they_went_in(chunks, is_signed, has_trailer, data):
    trailers = TRAILER if has_trailer else ()
    body = frame(chunks, trailers=trailers, is_signed=is_signed, has_trailer=has_trailer)
    whole = b"".join(chunks)
    decoded = decode(data.draw(cut(body)), len(whole), has_trailer=has_trailer, is_signed=is_signed)
    assert decoded == (whole, dict(trailers))


@given(CHUNKS, st.booleans(), st.booleans(), st.data())
def test_a_body_that_ends_early_is_incomplete(chunks, is_signed, has_trailer, data):
    body = frame(chunks, trailers=TRAILER if has_trailer else (), is_signed=is_signed, has_trailer=has_trailer)
    end = data.draw(st.integers(0, len(body) - 1))
    assert refusal(body[:end], len(b"".join(chunks)), has_trailer=has_trailer, is_signed=is_signed) == "IncompleteBody"


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=3), st.data())
def test_a_signed_body_that_was_changed_comes_out_as_it_was_signed_or_not_at_all(chunks, data):
    body = bytearray(frame(chunks, trailers=TRAILER, is_signed=True, has_trailer=True))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    whole = b"".join(chunks)
    try:
        decoded = decode([bytes(body)], len(whole), has_trailer=True, is_signed=True)
    except S3Error:
        return
    assert decoded == (whole, dict(TRAILER))  # only the case of a size or name had changed


@pytest.mark.parametrize("which", [0, 1, 2])
def test_each_chunk_signature_counts_also_the_last(which):
    body = frame([b"first", b"second"], is_signed=True)
    at = -1
    for _ in range(which + 1):
        at = body.index(b"chunk-signature=", at + 1)
    forged = body[: at + 16] + b"0" * 64 + body[at + 80 :]
    assert refusal(forged, 11, is_signed=True) == "SignatureDoesNotMatch"


def test_the_signature_of_the_trailer_counts():
    body = frame([b"data"], trailers=TRAILER, is_signed=True, has_trailer=True)
    at = body.index(b"x-amz-trailer-signature:") + 24
    for forged in (body[:at] + b"0" * 64 + body[at + 64 :], body[: at - 24] + b"\r\n"):
        assert refusal(forged, 4, is_signed=True, has_trailer=True) == "SignatureDoesNotMatch"


def test_a_chunk_without_signature_is_refused_where_chunks_are_signed():
    assert refusal(frame([b"data"]), 4, is_signed=True) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhello\r\n0\r\n\r\n",  # one too many
        b"3\r\nhel\r\n0\r\n\r\n",  # one too few
        b"ffffffffffffffff\r\nhell\r\n",
        b"fffffffffffffffff\r\nhell\r\n",
        b"-4\r\nhell\r\n0\r\n\r\n",
        b"0x4\r\nhell\r\n0\r\n\r\n",
        b"4 \r\nhell\r\n0\r\n\r\n",
        b"\r\nhell\r\n0\r\n\r\n",
        b"4\nhell\r\n0\r\n\r\n",
        b"4\r\nhell0\r\n\r\n",  # no CRLF after the data
        b"4\r\nhell\n0\r\n\r\n",
        b"4\r\nhello\r\n0\r\n\r\n",
        b"4;x=" + b"y" * 2000 + b"\r\nhell\r\n0\r\n\r\n",
        b"4;\n=y\r\nhell\r\n0\r\n\r\n",
        b"4\r\nhell\r\n0\r\n\r\nmore",
        b"hell",
    ],
)
def test_broken_framing_is_refused(body):
    assert refusal(body, 4) == "IncompleteBody"


@pytest.mark.parametrize(
    "trailers",
    [
        b"no colon\r\n",
        b"name:a\r\nname:b\r\n",
        b": value\r\n",
        b"name:\xff\r\n",
        b"name:value\n",
        b"".join(b"name-%d:x\r\n" % number for number in range(9)),
    ],
)
def test_malformed_trailers_are_refused(trailers):
    assert refusal(b"4\r\nhell\r\n0\r\n" + trailers + b"\r\n", 4, has_trailer=True) == "MalformedTrailerError"


def test_a_trailer_where_none_was_announced_is_refused():
    assert refusal(frame([b"data"], trailers=TRAILER), 4) == "MalformedTrailerError"


def test_unknown_extensions_are_passed_over():
    assert decode([b"4;a=b;chunk-signature=x\r\nhell\r\n0\r\n\r\n"], 4)[0] == b"hell"


def test_a_large_chunk_goes_out_before_it_is_complete():
    framing = Framing(1 << 40, has_trailer=False, signer=None)
    assert framing.feed(b"10000000000\r\n" + b"x" * 100) == [b"x" * 100]


def test_work_grows_with_the_bytes_alone():
    """Byte by byte, 100 times the bytes: a decoder that kept what it had seen would take 10,000 times as long."""

    def seconds(count):
        body = frame([b"x"] * count)
        framing = Framing(count, has_trailer=False, signer=None)
        began = time.perf_counter()
        for at in range(len(body)):
            framing.feed(body[at : at + 1])
        return time.perf_counter() - began

    seconds(100)
    assert seconds(10_000) < 1000 * seconds(100)
