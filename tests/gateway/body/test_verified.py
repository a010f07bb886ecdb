import hashlib
from base64 import b64encode

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from runner.gateway.body.announced import read
from runner.gateway.body.source import BLOCK_BYTES, ClientVanished, Source
from runner.gateway.body.verified import VerifiedBody
from runner.gateway.errors import S3Error
from runner.host import digests
from runner.model.entry import Checksum, ChecksumAlgorithm

from .framed import cut, frame

FORM = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def value(algorithm, data):
    digest = digests.new(algorithm)
    digest.update(data)
    return b64encode(digest.digest()).decode()


def messages(pieces):
    """Return the ``receive`` of a server that got a body in *pieces*, and then lost its client."""
    queue = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    queue += [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
    return _receive(queue)


def _receive(queue):
    async def receive():
        await trio.lowlevel.checkpoint()
        return queue.pop(0)

    return receive


def body_of(pieces, headers, *, idle_seconds=5):
    return VerifiedBody(
        Source(messages(pieces), has_body=True, idle_seconds=idle_seconds),
        read({"transfer-encoding": "chunked", **headers}),
        None,
    )


async def take(body):
    return b"".join([piece async for piece in body])


async def refusal(pieces, headers):
    with pytest.raises(S3Error) as caught:
        await take(body_of(pieces, headers))
    return caught.value.code


@given(st.binary(max_size=2000), st.sampled_from(ChecksumAlgorithm), st.booleans(), st.data())
async def test_every_checksum_is_verified_and_told(content, algorithm, in_trailer, data):
    name = f"x-amz-checksum-{algorithm.lower()}"
    checksum = value(algorithm, content)
    if in_trailer:
        framed = frame([content] if content else [], trailers=[(name, checksum)])
        headers = {
            "x-amz-content-sha256": FORM,
            "x-amz-trailer": name,
            "x-amz-decoded-content-length": str(len(content)),
        }
    else:
        framed, headers = content, {name: checksum}
    body = body_of(data.draw(cut(framed)), headers)
    assert await take(body) == content
    assert body.checksum == Checksum(algorithm, checksum)
    assert body.received == len(content)


@pytest.mark.parametrize("algorithm", ChecksumAlgorithm)
@pytest.mark.parametrize("size", [3, 3_000_000])
async def test_a_wrong_checksum_is_a_bad_digest(algorithm, size):
    name = f"x-amz-checksum-{algorithm.lower()}"
    wrong = value(algorithm, b"something else")
    content = b"x" * size
    assert await refusal([content], {name: wrong}) == "BadDigest"
    headers = {"x-amz-content-sha256": FORM, "x-amz-trailer": name, "x-amz-decoded-content-length": str(size)}
    assert await refusal([frame([content], trailers=[(name, wrong)])], headers) == "BadDigest"
    assert await refusal([frame([content], trailers=[(name, "?")])], headers) == "BadDigest"


async def test_the_trailer_that_was_announced_must_come_and_no_other():
    headers = {
        "x-amz-content-sha256": FORM,
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-decoded-content-length": "1",
    }
    crc = ("x-amz-checksum-crc32", value("CRC32", b"x"))
    for trailers in ([], [("x-amz-checksum-sha1", value("SHA1", b"x"))], [crc, ("x-amz-meta-more", "1")]):
        assert await refusal([frame([b"x"], trailers=trailers)], headers) == "MalformedTrailerError"


async def test_md5_and_sha256_are_verified_in_any_case_of_letters():
    md5, sha256 = hashlib.md5(b"right").digest(), hashlib.sha256(b"right").hexdigest().upper()
    headers = {"content-md5": b64encode(md5).decode(), "x-amz-content-sha256": sha256}
    assert await take(body_of([b"right"], headers)) == b"right"
    assert await refusal([b"wrong"], {"content-md5": headers["content-md5"]}) == "BadDigest"
    assert await refusal([b"wrong"], {"x-amz-content-sha256": sha256}) == "XAmzContentSHA256Mismatch"


async def test_a_checksum_is_computed_when_asked_for_and_none_came():
    body = body_of([b"data"], {})
    body.compute(ChecksumAlgorithm.CRC64NVME)
    await take(body)
    assert body.checksum == Checksum(ChecksumAlgorithm.CRC64NVME, value("CRC64NVME", b"data"))
    announced = body_of([b"data"], {"x-amz-checksum-sha1": value("SHA1", b"data")})
    announced.compute(ChecksumAlgorithm.CRC64NVME)
    await take(announced)
    assert announced.checksum == Checksum(ChecksumAlgorithm.SHA1, value("SHA1", b"data"))


async def test_an_error_stays_an_error_when_read_again():
    body = body_of([b"data"], {"x-amz-checksum-sha1": value("SHA1", b"other")})
    for _ in range(2):
        with pytest.raises(S3Error):
            await take(body)


async def test_small_pieces_are_gathered_to_blocks():
    sizes = [len(piece) async for piece in body_of([b"x" * 65536] * 10, {})]
    assert sizes == [BLOCK_BYTES, BLOCK_BYTES, 2 * 65536]


async def test_read_all_is_bounded_and_verified():
    assert await body_of([b"a", b"b"], {}).read_all(2) == b"ab"
    with pytest.raises(S3Error, match="too large"):
        await body_of([b"a" * 3], {}).read_all(2)
    with pytest.raises(S3Error, match="SHA1"):
        await body_of([b"a"], {"x-amz-checksum-sha1": value("SHA1", b"b")}).read_all(2)


async def test_read_all_waits_for_nothing_that_is_announced_too_large():
    source = Source(trio.sleep_forever, has_body=True, idle_seconds=1)
    with pytest.raises(S3Error, match="too large"):
        await VerifiedBody(source, read({"content-length": "3"}), None).read_all(2)


async def test_where_no_body_was_announced_all_of_it_is_nothing_and_its_pieces_are_missed():
    body = VerifiedBody(Source(_receive([]), has_body=False, idle_seconds=1), read({}), None)
    assert await body.read_all(9) == b""
    with pytest.raises(S3Error) as caught:
        await take(body)
    assert caught.value.code == "MissingContentLength"


async def test_a_client_that_goes_mid_body_is_noticed():
    queue = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    body = VerifiedBody(Source(_receive(queue), has_body=True, idle_seconds=1), read({"content-length": "9"}), None)
    with pytest.raises(ClientVanished):
        await take(body)


async def test_a_body_that_stalls_is_given_up(autojump_clock):
    body = VerifiedBody(Source(trio.sleep_forever, has_body=True, idle_seconds=30), read({"content-length": "9"}), None)
    with pytest.raises(S3Error) as caught:
        await take(body)
    assert (caught.value.code, trio.current_time()) == ("RequestTimeout", 30)


async def test_a_slow_body_that_goes_on_is_not(autojump_clock):
    async def receive():
        await trio.sleep(20)
        return {"type": "http.request", "body": b"x", "more_body": trio.current_time() < 100}

    body = VerifiedBody(Source(receive, has_body=True, idle_seconds=30), read({"content-length": "5"}), None)
    assert await take(body) == b"xxxxx"


async def test_the_loop_goes_on_while_a_large_piece_is_hashed():
    ticks = 0

    async def tick(task_status=trio.TASK_STATUS_IGNORED):
        nonlocal ticks
        task_status.started()
        while True:
            await trio.sleep(0.001)
            ticks += 1

    content = b"x" * (128 << 20)
    body = body_of([content], {"x-amz-checksum-sha256": value("SHA256", content)})
    async with trio.open_nursery() as nursery:
        await nursery.start(tick)
        await take(body)
        nursery.cancel_scope.cancel()
    assert ticks > 5  # one at most, were it hashed on the loop
