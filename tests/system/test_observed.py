"""The provenance record tells what a program really read: no more, no less."""

import hashlib

READS = """
import boto3
s3 = boto3.client("s3")
def get(key, **more):
    return s3.get_object(Bucket="labresults", Key=key, **more)["Body"].read()
get("a/03.txt")
get("a/05.txt", Range="bytes=10-19")
get("a/05.txt", Range="bytes=20-29")
get("a/05.txt", Range="bytes=90-")
get("b/07.txt", Range="bytes=-5")
try:
    get("a/99.txt")
except s3.exceptions.NoSuchKey:
    pass
assert s3.list_objects_v2(Bucket="labresults", Prefix="b/")["KeyCount"] == 5
s3.put_object(Bucket="out", Key="done", Body=b"")
s3.get_object(Bucket="out", Key="done")
"""


def test_the_record_holds_exactly_what_was_read(runner, installed, tmp_path) -> None:
    given = tmp_path / "given"
    contents = {f"{'a' if number <= 5 else 'b'}/{number:02}.txt": bytes([number]) * 100 for number in range(1, 11)}
    for key, content in contents.items():
        (given / key).parent.mkdir(parents=True, exist_ok=True)
        (given / key).write_bytes(content)
    spec = runner.spec("reader", ["python3", "-c", READS])

    job = runner("run", spec, "--input", f"labresults={given}", **installed("boto3")).stdout.strip()

    def row(key, op, count=1, ranges=()):
        etag = hashlib.md5(contents[key]).hexdigest() if op == "get" else None
        return ("labresults", key, op, etag, tuple(ranges), count)

    observed = runner.ask("provenance", "show", job)["observed"]
    assert {
        (
            seen["input"],
            seen["key"],
            seen["op"],
            seen.get("etag"),
            tuple(map(tuple, seen.get("ranges", ()))),
            seen["count"],
        )
        for seen in observed
    } == {
        row("a/03.txt", "get", ranges=[(0, 100)]),
        row("a/05.txt", "get", count=3, ranges=[(10, 30), (90, 100)]),
        row("b/07.txt", "get", ranges=[(95, 100)]),
        row("a/99.txt", "miss"),
        row("b/", "list"),
    }
    assert len(observed) == 5
