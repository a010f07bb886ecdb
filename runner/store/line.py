"""A connection to PostgreSQL by which the processes on a store reach each other; it is made again when it is lost.

Apart from the connections of the catalog: what goes over it is small and must not wait behind a long write. One task
has the connection; it is used in threads while something is asked, and on the loop to hear what others tell.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

import psycopg
import structlog
import trio

from runner.model.errors import Unavailable

PATIENCE_SECONDS = 15.0
"""So long a lost connection is waited for: a database that is restarted, or moved to another host, is back by then."""
CLOSE_SECONDS = 2.0
"""So long what was asked last may take when the store is closed."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 3.0

_LOST = (psycopg.OperationalError, psycopg.InterfaceError)
_OPTIONS: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 5,
    "keepalives_idle": 5,  # a host that is gone says nothing
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "runner",
}
_LIMITS = "SET statement_timeout = '10s'"

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

_log = structlog.get_logger()


class Unreachable(Unavailable):
    """The database could not be reached for long."""


@dataclass(slots=True, eq=False)
class _Request:
    function: Callable[[Connection], object]
    begun: bool = False
    result: object = None
    error: psycopg.Error | None = None
    done: trio.Event = field(default_factory=trio.Event)


class Line:
    """The connection of this process, while `run` runs.

    What is asked may be done twice, when the connection is lost before the answer: it must not matter.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._requests: deque[_Request] = deque()
        self._told: set[str] = set()
        self._channels: dict[str, _Request] = {}
        self._hearers: list[Callable[[str | None], None]] = []
        self._resting = trio.CancelScope()
        self._running = trio.CancelScope(shield=True)
        self._closing = trio.Event()

    def on_hint(self, hear: Callable[[str | None], None]) -> None:
        """Let *hear* be called with the channel that another process told on; None: some of that may have been lost."""
        self._hearers.append(hear)

    def tell(self, channel: str) -> None:
        """Tell the other processes that listen on *channel*, soon; what is told again before that is one."""
        self._told.add(channel)
        self._resting.cancel()

    async def listen(self, channel: str) -> None:
        """Hear what is told on *channel* from now on; without a connection, from the next one on."""
        request = self._channels.get(channel)
        if request is None:
            request = self._channels[channel] = _Request(partial(_listen, channels=(channel,)))
            self._submit(request)
        with trio.move_on_after(PATIENCE_SECONDS):
            await request.done.wait()

    async def ask(self, function: Callable[[Connection], T]) -> T:
        """Call *function* with the connection, in a thread, and return what it returns.

        Raises:
            Unreachable: There was no connection for too long; it may be called later all the same.

        Cancellation: as after a lost answer, it may be called later.
        """
        request = _Request(function)
        self._submit(request)
        try:
            with trio.fail_after(PATIENCE_SECONDS):
                await request.done.wait()
        except trio.TooSlowError as exc:
            raise Unreachable("the store's database cannot be reached", hint="see whether it runs") from exc
        finally:
            if not request.begun and request in self._requests:
                self._requests.remove(request)
        if request.error is not None:
            raise Unreachable(f"the store's database refuses: {request.error}") from request.error
        return cast("T", request.result)

    def ask_soon(self, function: Callable[[Connection], object]) -> None:
        """Call *function* with the connection after all that was asked before; nobody waits for it."""
        self._submit(_Request(function))

    def close(self) -> None:
        """Let `run` end once all that was asked and told is done, or some seconds have passed."""
        self._closing.set()
        self._running.deadline = trio.current_time() + CLOSE_SECONDS
        self._resting.cancel()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Have a connection, and another one when it is lost, until `close`; shielded, for clean-up elsewhere."""
        pause = FIRST_PAUSE_SECONDS
        with self._running:
            task_status.started()
            while self._is_wanted:
                try:
                    connection = await trio.to_thread.run_sync(_connect, self._conninfo, abandon_on_cancel=True)
                except psycopg.Error as exc:
                    _log.debug("database.unreachable", message=str(exc))
                    with trio.move_on_after(pause):
                        await self._closing.wait()
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                    continue
                pause = FIRST_PAUSE_SECONDS
                try:
                    await self._use(connection)
                except _LOST as exc:
                    _log.debug("database.lost", message=str(exc))
                finally:
                    connection.close()

    @property
    def _is_wanted(self) -> bool:
        return bool(self._requests or self._told) or not self._closing.is_set()

    def _submit(self, request: _Request) -> None:
        self._requests.append(request)
        self._resting.cancel()

    async def _use(self, connection: Connection) -> None:
        """Do what is asked and hear what is told, until the connection is lost or nothing is left to do."""
        heard: deque[psycopg.Notify] = deque()
        connection.add_notify_handler(heard.append)  # of those that come while something is asked
        await trio.to_thread.run_sync(partial(_listen, connection, channels=tuple(self._channels)))
        self._hear(None)
        while self._is_wanted:
            told, self._told = self._told, set()
            if told:  # first: it is short, and others wait for it
                try:
                    await trio.to_thread.run_sync(_tell, connection, told)
                except _LOST:
                    self._told |= told
                    raise
            if self._requests:
                await self._answer(connection, self._requests[0])
                self._requests.popleft()
            elif not told:
                await self._rest(connection)
                connection.pgconn.consume_input()
                while (notify := connection.pgconn.notifies()) is not None:
                    heard.append(psycopg.Notify(notify.relname.decode(), "", notify.be_pid))
            while heard:
                notice = heard.popleft()
                if notice.pid != connection.info.backend_pid:
                    self._hear(notice.channel)

    async def _answer(self, connection: Connection, request: _Request) -> None:
        request.begun = True
        try:
            request.result = await trio.to_thread.run_sync(request.function, connection)
        except _LOST:
            raise
        except psycopg.Error as exc:
            request.error = exc
        request.done.set()

    async def _rest(self, connection: Connection) -> None:
        """Sleep until there is something to do."""
        with trio.CancelScope() as self._resting:
            await trio.lowlevel.wait_readable(connection.fileno())

    def _hear(self, channel: str | None) -> None:
        for hear in self._hearers:
            hear(channel)


def _connect(conninfo: str) -> Connection:
    connection = psycopg.connect(conninfo, **_OPTIONS)
    connection.execute(_LIMITS)
    return connection


def _listen(connection: Connection, channels: tuple[str, ...]) -> None:
    for channel in channels:
        connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))


def _tell(connection: Connection, channels: set[str]) -> None:
    for channel in channels:
        connection.execute("SELECT pg_notify(%s, '')", (channel,))
