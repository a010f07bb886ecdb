"""Whether spans are traced, and for how long: as long as a command runs, when OpenTelemetry's variables want it.

Tracing never stops, slows or fails what it traces: whatever is wrong with it is one warning.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import structlog
import trio

if TYPE_CHECKING:
    from runner.host.otel import Otel

FLUSH_SECONDS = 3.0
"""For so long at most the end waits for a collector."""

_PREFIX = "OTEL_EXPORTER_OTLP"
_ENDPOINTS = (f"{_PREFIX}_TRACES_ENDPOINT", f"{_PREFIX}_ENDPOINT")
_PROTOCOLS = (f"{_PREFIX}_TRACES_PROTOCOL", f"{_PREFIX}_PROTOCOL")
_PROTOCOL = "http/protobuf"
_SHORTEST_SECRET = 16
"""Characters: what is shorter in a header is a name, of a tenant for one, and stands in logs by right."""

_LONGEST = 300
"""Characters of a problem: exceptions of HTTP libraries hold all that led to them."""

_log = structlog.get_logger()


@asynccontextmanager
async def open_tracing(environ: Mapping[str, str], clean: Callable[[str], str]) -> AsyncIterator[Otel | None]:
    """Trace for as long as the block runs; None: nobody wants that, or it cannot be.

    Args:
        environ: The variables.
        clean: Takes secrets out of text.

    Cancellation: spans that are not sent yet are, for `FLUSH_SECONDS`, shielded.
    """
    endpoint = _first(environ, _ENDPOINTS)
    if not endpoint or not _is_wanted(environ):
        yield None
        return
    try:
        from runner.host import otel
    except ModuleNotFoundError as exc:
        _warn(f"{exc.name} is not installed: pip install 'sidecar-runner[otel]'")
        yield None
        return
    token, place = trio.lowlevel.current_trio_token(), urlsplit(endpoint).netloc.rpartition("@")[2] or endpoint

    def complain(problem: str) -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(_warn, f"sending to {place}: {clean(problem)}")

    with otel.complaints(complain):
        try:
            tracing = otel.Otel(environ, clean)
        except ValueError as exc:
            _warn(clean(str(exc)))
            yield None
            return
        try:
            yield tracing
        finally:
            with trio.move_on_after(FLUSH_SECONDS, shield=True):
                await trio.to_thread.run_sync(tracing.close, abandon_on_cancel=True)


def secrets_in(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the credentials that spans are sent with."""
    for name, headers in environ.items():
        if name.startswith(_PREFIX) and name.endswith("_HEADERS"):
            for header in headers.split(","):
                for word in unquote(header.partition("=")[2]).split():
                    if len(word) >= _SHORTEST_SECRET:
                        yield word


def _is_wanted(environ: Mapping[str, str]) -> bool:
    """Tell whether spans are to be sent, in the one form that we have."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if "otlp" not in environ.get("OTEL_TRACES_EXPORTER", "otlp"):
        return False
    protocol = _first(environ, _PROTOCOLS) or _PROTOCOL
    if protocol != _PROTOCOL:
        _warn(f"{_PROTOCOLS[1]} is {protocol}, and spans are sent as {_PROTOCOL} alone, to port 4318 as a rule")
    return protocol == _PROTOCOL


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")


def _warn(problem: str) -> None:
    _log.warning("tracing.failed", message=f"spans may be lost, all else goes on: {problem[:_LONGEST]}")
