"""When a burst becomes a commit: soon after the last write to a branch, and in any case after some minutes.

Knows what is under way on each branch of this process, and sleeps until something is due: a task for each branch that
is written to, woken by the end of what it waits for.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import trio

from runner.host.beside import beside
from runner.model.commit import Commit
from runner.model.errors import Unavailable
from runner.store.history.staged import BranchBusy, BranchKey
from runner.store.owners import Owner, owning_new
from runner.store.store import Store
from runner.store.writing import closing, open_commits

PART_SECONDS = 60.0
"""An upload is under way for so long after its last part."""
RETRY_SECONDS = 10.0
"""After so long a commit that the store could not take is tried again."""

OnCommit = Callable[[Commit], None]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BurstSettings:
    """When bursts close.

    Attributes:
        idle_seconds: After the end of the last write, when none is under way.
        max_seconds: After the first write, whatever is under way.
        max_keys: After so many writes.
    """

    idle_seconds: float = 2.0
    max_seconds: float = 300.0
    max_keys: int = 100_000


class Activity:
    """What is under way on one branch, and since when something is staged there by this process.

    Attributes:
        is_closing: Nothing new is to be waited for.
    """

    def __init__(self, settings: BurstSettings) -> None:
        self.is_closing = False
        self._settings = settings
        self._under_way = 0
        self._writes = 0
        self._began = math.inf  # the first write that ended since the last close
        self._ended = -math.inf
        self._parts: dict[str, float] = {}  # the last part of each upload, the newest last
        self._not_before = -math.inf
        self._alarm = -math.inf  # until when `wait_until_due` sleeps
        self._wake = trio.Event()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is under way and nothing was written since the last close."""
        has_uploads = not self.is_closing and self._due_to_parts() > trio.current_time()
        return not self._under_way and not self._writes and not has_uploads

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Surround one write."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._writes += 1
            self._ended = trio.current_time()
            self._began = min(self._began, self._ended)
            self._look()

    def note_part(self, upload_id: str) -> None:
        """Learn that a part of an upload was stored."""
        self._parts.pop(upload_id, None)
        self._parts[upload_id] = trio.current_time()

    def note_upload_ended(self, upload_id: str) -> None:
        """Learn that an upload was completed or aborted."""
        self._parts.pop(upload_id, None)

    def close(self) -> None:
        """Be due as soon as nothing is under way."""
        self.is_closing = True
        self._look()

    def begin_anew(self) -> None:
        """Forget what was written: it becomes a commit."""
        self._writes = 0
        self._began = math.inf

    def put_off(self, seconds: float) -> None:
        """Be due later: what was written could not become a commit."""
        self._writes += 1
        self._began = trio.current_time()
        self._not_before = self._began + seconds

    async def wait_until_due(self) -> None:
        """Sleep until the burst is to be closed."""
        while (due := self._due()) > trio.current_time():
            self._wake = trio.Event()
            self._alarm = due
            with trio.move_on_at(due):
                await self._wake.wait()
        self._alarm = -math.inf

    def _look(self) -> None:
        """Wake the sleeper if it would sleep too long; one that wakes too early sleeps again."""
        if self._due() < self._alarm:
            self._wake.set()

    def _due(self) -> float:
        if self.is_closing:
            return math.inf if self._under_way else -math.inf
        if self._under_way or not (self._writes or self._parts):
            quiet = math.inf
        else:
            quiet = max(self._ended + self._settings.idle_seconds, self._due_to_parts())
        is_full = self._writes >= self._settings.max_keys
        latest = -math.inf if is_full else self._began + self._settings.max_seconds
        return max(self._not_before, min(latest, quiet))

    def _due_to_parts(self) -> float:
        return next(reversed(self._parts.values())) + PART_SECONDS if self._parts else -math.inf


class Bursts:
    """The bursts of this process. Made by `open_bursts`.

    Attributes:
        owner: The name that this process owns for all of them.
    """

    def __init__(
        self, store: Store, settings: BurstSettings, owner: str, nursery: trio.Nursery, on_commit: OnCommit
    ) -> None:
        self.owner = owner
        self._on_commit = on_commit
        self._store = store
        self._settings = settings
        self._nursery = nursery
        self._activities: dict[BranchKey, Activity] = {}

    @contextmanager
    def writing(self, branch: BranchKey) -> Iterator[None]:
        """Surround one write to a branch; what it staged becomes part of a commit some time after its end."""
        activity = self._activities.get(branch)
        if activity is None:
            activity = self._activities[branch] = Activity(self._settings)
            self._nursery.start_soon(self._close_when_due, branch, activity)
        try:
            with activity.writing():
                yield
        except BranchBusy:
            self._nursery.start_soon(self._settle)  # it may be a dead process that holds the branch
            raise

    def note_part(self, branch: BranchKey, upload_id: str) -> None:
        """Learn, within `writing`, that a part of an upload was stored."""
        self._activities[branch].note_part(upload_id)

    def note_upload_ended(self, branch: BranchKey, upload_id: str) -> None:
        """Learn, within `writing`, that an upload was completed or aborted."""
        self._activities[branch].note_upload_ended(upload_id)

    async def keep_name(self, owner: Owner, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Go on under another name when another process has taken *owner*'s, and what was staged under it."""
        task_status.started()
        async with AsyncExitStack() as names:
            while True:
                await owner.lost.wait()
                try:
                    owner = await names.enter_async_context(owning_new(self._store.owners, "bursts"))
                except Unavailable:
                    await trio.sleep(RETRY_SECONDS)
                else:
                    self.owner = owner.name

    def close(self) -> None:
        """Let every burst become a commit now; the nursery ends with the last of them."""
        for activity in self._activities.values():
            activity.close()

    async def _close_when_due(self, branch: BranchKey, activity: Activity) -> None:
        """Close the bursts of a branch, one after the other, until nothing is under way on it; shielded."""
        with trio.CancelScope(shield=True):
            while not activity.is_quiet:
                await activity.wait_until_due()
                activity.begin_anew()
                try:
                    await self._close(branch, activity)
                except Unavailable as exc:
                    _log.warning("burst.kept", message=f"what is staged could not become a commit yet: {exc.message}")
                    if activity.is_closing:
                        break  # whoever opens the store next commits it
                    activity.put_off(RETRY_SECONDS)
            del self._activities[branch]

    async def _close(self, branch: BranchKey, activity: Activity) -> None:
        if not activity.is_closing and open_commits.find(self._store.catalog.db, branch) is not None:
            return  # it goes into that one
        for commit in await closing.close(self._store, branch, self.owner):
            self._on_commit(commit)

    async def _settle(self) -> None:
        try:
            await closing.settle(self._store)
        except Unavailable as exc:
            _log.warning("burst.kept", message=f"what is staged could not become a commit yet: {exc.message}")


def tell(commit: Commit) -> None:
    """Log a commit that a burst became."""
    _log.info(
        "commit.finished",
        project=commit.project,
        repo=commit.repo,
        branch=commit.branch,
        commit=commit.id,
        objects=commit.objects,
        bytes=commit.size_bytes,
        message=f"{commit.repo}@{commit.branch} is {commit.id}, objects: {commit.objects:,}",
    )


@asynccontextmanager
async def open_bursts(
    store: Store, settings: BurstSettings | None = None, on_commit: OnCommit = tell
) -> AsyncIterator[Bursts]:
    """Take writes to branches for as long as the block runs; at its end all that was staged becomes commits.

    Args:
        store: Where.
        settings: See `BurstSettings`.
        on_commit: Told of each commit; must not block.

    Raises:
        Whatever the block raises, as it is.

    Cancellation: what is staged becomes commits all the same, shielded; if that cannot be, whoever opens the store
        next does it.
    """
    error: BaseException | None = None
    async with owning_new(store.owners, "bursts") as owner, trio.open_nursery() as nursery:
        bursts = Bursts(store, settings or BurstSettings(), owner.name, nursery, on_commit)
        try:
            async with beside(partial(bursts.keep_name, owner)):
                yield bursts
        except BaseException as exc:  # noqa: BLE001  # raised below, out of the nursery's group
            error = exc
        bursts.close()
    if error is not None:
        raise error
