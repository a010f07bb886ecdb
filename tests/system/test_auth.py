"""``--auth``: only the token of the job itself, rightly used, opens its buckets."""

import json
from pathlib import Path

from tests.system.processes import wait_until

REFUSED = Path(__file__).with_name("programs") / "refused.py"


def test_every_wrong_key_is_refused_and_stores_nothing(runner, installed, labresults, tmp_path) -> None:
    variables = {**installed("boto3"), "OTHER_TOKEN": str(tmp_path / "token"), "DONE": str(tmp_path / "done")}
    runner("repo", "create", "labresults")
    runner("file", "put", "-r", labresults, "labresults@master")
    script = 'printf %s "$AWS_ACCESS_KEY_ID" > "$OTHER_TOKEN.new"; mv "$OTHER_TOKEN.new" "$OTHER_TOKEN"'
    waiting = runner.spec("other", ["sh"], stdin=[f'{script}; until test -e "$DONE"; do sleep 0.1; done'])
    refused = runner.spec("refused", ["python3", str(REFUSED)])

    with runner.start("run", waiting, "--auth", **variables) as other:
        try:
            wait_until((tmp_path / "token").exists)
            done = runner("run", refused, "--auth", "--tries", "1", **variables)
        finally:
            (tmp_path / "done").touch()
        assert other.wait(60) == 0

    job = done.stdout.strip()
    assert runner.keys(job) == ["answers.json"]
    assert json.loads(runner("file", "cat", f"{job}:/answers.json").stdout) == {
        "right chunk": "accepted",
        "no credentials": [403, "AccessDenied"],
        "wrong secret": [403, "SignatureDoesNotMatch"],
        "made-up token": [403, "InvalidAccessKeyId"],
        "another job's token": [403, "InvalidAccessKeyId"],
        "expired URL": [403, "AccessDenied"],
        "tampered chunk": [403, "SignatureDoesNotMatch"],
    }
    token = (tmp_path / "token").read_text()
    assert token.startswith("rnr_")
    kept = done.stderr + json.dumps(runner.ask("provenance", "show", job)) + runner("job", "logs", job).stdout
    assert "rnr_" not in kept
    store = [path for path in (runner.folder / "store").rglob("*") if path.is_file()]
    assert [path for path in store if token.encode() in path.read_bytes()] == []
