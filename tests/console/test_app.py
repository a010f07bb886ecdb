import json

import pytest
import structlog.testing

from runner.console.app import Part, create_app
from runner.model.errors import Conflict, Corrupt, Invalid, NotFound, Unavailable

KINDS = [(Invalid, 400), (NotFound, 404), (Conflict, 409), (Corrupt, 500), (Unavailable, 503)]


def raising(error):
    part = Part("sample", __name__)

    @part.route("/sample", methods=["GET", "POST"])
    async def sample():
        if error:
            raise error
        return "here"

    return part


@pytest.mark.parametrize(("kind", "status"), KINDS)
async def test_an_error_is_a_problem_document_by_its_kind(port, kind, status):
    await port.start(raising(kind("it is so", hint="do this")))
    reply = await port.get("/sample")
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")
    assert json.loads(reply.body) == {"title": "it is so", "status": status, "detail": "do this"}


async def test_a_bug_is_logged_and_told_to_nobody_else(port):
    await port.start(raising(ValueError("secret")))
    with structlog.testing.capture_logs() as logs:
        reply = await port.get("/sample")
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert [(log["event"], log["path"]) for log in logs] == [("admin.failed", "/sample")]


async def test_what_is_not_there_is_a_problem_document_too(port):
    await port.start(raising(None))
    assert json.loads((await port.get("/none")).body) == {"title": "GET /none: not found", "status": 404}
    async with port.connect() as raw:
        reply = await raw.ask("DELETE /sample HTTP/1.1\n")
    assert json.loads(reply.body)["status"] == reply.status == 405


HOSTS = [
    ("127.0.0.1:1680", 200),
    ("[::1]:1680", 200),
    ("10.1.2.3", 200),
    ("localhost:1", 200),
    ("LocalHost.", 200),
    ("page.localhost:1", 200),
    ("runner.example:80", 200),
    ("evil.example", 403),
    ("sub.runner.example", 403),
    ("localhost.evil.example", 403),
    ("evil@127.0.0.1", 403),
    ("", 403),
]


@pytest.mark.parametrize(("host", "status"), HOSTS)
async def test_a_name_that_is_not_ours_is_refused(port, host, status):
    await port.start(raising(None), names={"runner.example"})
    async with port.connect() as raw:
        await raw.send(f"GET /sample HTTP/1.1\nHost: {host}\n\n")
        assert (await raw.reply()).status == status


async def test_where_credentials_are_asked_for_every_name_will_do(port):
    await port.start(raising(None), names=None)
    async with port.connect() as raw:
        await raw.send("GET /sample HTTP/1.1\nHost: runner.research.svc\n\n")
        assert (await raw.reply()).status == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://127.0.0.1", 200), ("http://127.0.0.1:9", 403), ("http://evil.example", 403), ("null", 403)],
)
async def test_a_page_of_another_place_is_refused(port, origin, status):
    await port.start(raising(None))
    async with port.connect() as raw:
        assert (await raw.ask(f"POST /sample HTTP/1.1\nOrigin: {origin}\nContent-Length: 0\n")).status == status


async def test_nothing_is_kept_or_guessed_by_who_receives_it(port):
    await port.start(raising(None))
    headers = (await port.get("/sample")).headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert "server" not in headers


def test_parts_with_one_name_are_no_application():
    with pytest.raises(ValueError, match="sample"):
        create_app(raising(None), raising(None))
