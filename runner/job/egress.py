"""Copies of a job's output in an object store, made when all datums are done and before the output is sealed.

Nothing can be written to the output any more then, for every view of it is closed. What could not be copied does not
undo the job: its commit stands, and its status says that somebody has to copy it. A job that is stopped meanwhile, or
whose runner dies, is not published, and copies again when it is run again: the same keys, the same bytes.

Requests are repeated by the client library, with a growing pause, until they succeed or the time is up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from runner.host import objectstores
from runner.host.objectstores import Location
from runner.host.signals import Stop
from runner.job.journal import Journal
from runner.model.entry import Entry
from runner.model.errors import Invalid, RunnerError
from runner.store.sessions.sessions import JobSession
from runner.store.view import Bucket

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from runner.job.prepare import Ready

_PIECE_BYTES = 8 * 1024 * 1024
_PIECES_UNDER_WAY = 2
_OBJECTS_AT_ONCE = 4
_PAGE = 1000

_HEADERS = ("Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language")


class KeyNotCopied(Invalid):
    """The client library has no way to write this key."""


def target_of(url: str) -> Location | None:
    """Return where *url* leads; None: it is empty, and nothing is to be copied.

    Raises:
        LocationInvalid, ExtraMissing.
    """
    return objectstores.locate(url, "egress") if url else None


def hidden_of(target: Location | None) -> Sequence[str]:
    """Return patterns of the variables that a command must not inherit, since they hold the target's credentials.

    Those of AWS are hidden or kept by `[job] inject`, as the user of the code decides.
    """
    return [] if target is None else [name for name in target.credentials if name != "AWS_*"]


async def egress(
    session: JobSession, ready: Ready, target: Location, journal: Journal, halt: Stop
) -> Mapping[str, Any]:
    """Copy the output to *target*, and return what the record says of it: ``url``, and ``objects`` or ``problem``.

    Args:
        session: Of a job whose attempts are all closed.
        ready: Gives credentials and limits.
        target: Where to.
        journal: Told.
        halt: Ends it; the job is not published then.

    Raises:
        JobLost, JobStopped.
    """
    bucket = await session.begin_egress()
    await journal.say("egress.started", f"copying the output to {target.url}")
    told: dict[str, Any] = {"url": target.url}
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when_asked, halt, nursery.cancel_scope)
            store = target.open(ready.host.settings.egress_seconds)
            told["objects"] = await copy_out(bucket, store)
            nursery.cancel_scope.cancel()
    except Exception as exc:  # noqa: BLE001  # the border to the client library
        told["problem"] = f"the output is committed, but not copied to {target.url}: {problem_of(exc)}"
        await journal.say("egress.failed", told["problem"], level="error")
    else:
        await journal.say("egress.finished", f"{told.get('objects', 'not all')} objects copied to {target.url}")
    return told


async def _cancel_when_asked(stop: Stop, scope: trio.CancelScope) -> None:
    await stop.asked.wait()
    scope.cancel()


async def copy_out(bucket: Bucket, store: ObjectStore) -> int:
    """Copy every object of *bucket* under its key, with its headers and metadata; what is there is replaced.

    Memory: some pieces of 8 MiB, whatever the sizes.

    Returns:
        How many objects there are.

    Raises:
        RunnerError: The output cannot be read.
        Whatever the client library raises when a request failed for good; in groups.

    Cancellation: requests under way go on by themselves until they end.
    """
    copied = 0
    send, receive = trio.open_memory_channel[Entry](0)

    async def work() -> None:
        nonlocal copied
        async for entry in receive:
            await _copy(bucket, entry, store)
            copied += 1

    async with trio.open_nursery() as nursery, send:
        for _ in range(_OBJECTS_AT_ONCE):
            nursery.start_soon(work)
        async for entry in _entries(bucket):
            await send.send(entry)
    return copied


def problem_of(error: BaseException) -> str:
    """Say in one line what kept the output from being copied; raises *error* when it is none of that kind."""
    while isinstance(error, BaseExceptionGroup):
        error = next((each for each in error.exceptions if not isinstance(each, trio.Cancelled)), error.exceptions[0])
    if isinstance(error, RunnerError):
        return error.message
    if objectstores.is_failure(error):
        return objectstores.sentence(error)
    raise error


async def _entries(bucket: Bucket) -> AsyncIterator[Entry]:
    after: bytes | None = b""
    while after is not None:
        page = await bucket.list(b"", b"", after, _PAGE)
        for item in page.items:
            if isinstance(item, Entry):
                yield item
        after = page.next_after


async def _copy(bucket: Bucket, entry: Entry, store: ObjectStore) -> None:
    import obstore

    def in_thread(function: Any, *args: Any) -> Any:
        return trio.to_thread.run_sync(partial(function, *args), abandon_on_cancel=True)

    reader = await bucket.get(entry.key)
    entry = reader.entry
    headers = {name: value for name in _HEADERS if (value := entry.attributes.headers.get(name.lower()))}
    try:
        writer = obstore.open_writer(
            store,
            entry.key.decode(),
            attributes={**headers, **entry.attributes.metadata},
            buffer_size=_PIECE_BYTES,
            max_concurrency=_PIECES_UNDER_WAY,
        )
    except ValueError as exc:  # an empty segment, or one of . and ..
        raise KeyNotCopied(f"the key {entry.key.decode()!r} has segments that cannot be written there") from exc
    async for piece in reader.read(0, entry.size):
        await in_thread(writer.write, piece)
    await in_thread(writer.close)
