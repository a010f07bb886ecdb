"""Stretches of work that are worth a name: measured, told to whoever counts, and traced when somebody wants that.

Spans lie within each other as the blocks do that open them; a task inherits the span that it was started in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

JOB = "job"
ATTEMPT = "attempt"
COMMAND = "command"
FINALIZE = "finalize"

Attribute = str | int | float | bool


@dataclass(slots=True)
class Span:
    """One stretch.

    Attributes:
        name: One of the words above.
        trace_id: Of the trace that it begins when it lies in none, 32 hex digits; empty: any.
        attributes: What is known of it; more may be added while it lasts.
        failure: Why it did not go well, one phrase; else empty.
        seconds: How long it took, once it has ended.
        traceparent: For those that are to go on with the trace, as W3C has it; empty when nobody traces.
    """

    name: str
    trace_id: str = ""
    attributes: dict[str, Attribute] = field(default_factory=dict)
    failure: str = ""
    seconds: float = 0.0
    traceparent: str = ""


Trace = Callable[[Span], AbstractContextManager[object]]
"""Follows one span for as long as it lasts, and fills its *traceparent* in."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Opens spans.

    Attributes:
        listeners: Told of each span that has ended; must not block.
        trace: None: nobody traces.
        common: Attributes of all spans.
    """

    listeners: Sequence[Callable[[Span], None]] = ()
    trace: Trace | None = None
    common: Mapping[str, Attribute] = field(default_factory=dict)

    def about(self, **attributes: Attribute) -> Spans:
        """Return what opens spans of one thing."""
        return replace(self, common={**self.common, **attributes})

    @contextmanager
    def open(self, name: str, *, trace_id: str = "", **attributes: Attribute) -> Iterator[Span]:
        """Measure a block; what it raises is its failure."""
        span = Span(name, trace_id, {**self.common, **attributes})
        began = time.monotonic()
        with self.trace(span) if self.trace else nullcontext():
            try:
                yield span
            except BaseException as exc:
                span.failure = span.failure or type(exc).__name__
                raise
            finally:
                span.seconds = time.monotonic() - began
                for listener in self.listeners:
                    listener(span)
