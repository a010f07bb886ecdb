"""The live panel as a pure function: one moment of a job to the lines that show it.

A rule, a line on the job, a line for each bucket, a line on the log. Below 90 columns the curve, the try and the usual
time go; below 50 one line is left. A line is always one column shorter than the terminal, so that none ever wraps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from runner.cli import words
from runner.cli.looks import NARROW, RUNNING, TINY, Look, Sign

WIDEST = 100
SHOWN_BUCKETS = 4
CURVE = 12
_CURVE_UNICODE = "▁▂▃▄▅▆▇█"
_CURVE_ASCII = "_.,-=+*#"
_NAME_LONGEST = 24
_SIZE = len("1023.9 MiB")
_RATE = len("1023.9 MiB/s")


@dataclass(frozen=True, slots=True)
class BucketRow:
    """The traffic of one bucket.

    Attributes:
        objects: Read, or written.
        total: How many an input holds; None for the output.
        rates: Bytes per second, one value a second, newest last; the last is the speed that is shown.
    """

    name: str
    writes: bool
    objects: int
    total: int | None
    size_bytes: int
    rates: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment of a job.

    Attributes:
        number: The try, 1-based; 0 before the first.
        usual_seconds: The median of its past; None: it has none.
        log_lines: Of the user code, so far.
        failed: Requests that were refused, or asked for what is not there.
        advice: What the last line ends with.
    """

    pipeline: str
    id: str
    sign: Sign = RUNNING
    number: int = 0
    tries: int = 1
    seconds: float = 0.0
    usual_seconds: float | None = None
    rows: Sequence[BucketRow] = field(default_factory=tuple)
    log_lines: int = 0
    failed: int = 0
    advice: str = "Ctrl-C stops"


def frame(scene: Scene, look: Look) -> list[Text]:
    """Draw *scene* for a terminal of ``look.columns``."""
    columns = max((look.columns or WIDEST) - 1, 1)
    if columns < TINY:
        return [_cut(_head(scene, look), columns, look)]
    width = min(columns, WIDEST)
    lines = [Text(look.pick("─", "-") * width, style="dim"), _status(scene, look, width)]
    lines += _buckets(scene, look, width)
    lines.append(Text(_foot(scene, look, wide=columns >= NARROW - 1), style="dim"))
    return [_cut(line, columns, look) for line in lines]


def _cut(line: Text, columns: int, look: Look) -> Text:
    line.truncate(columns, overflow="ellipsis" if look.unicode else "crop")
    return line


def _head(scene: Scene, look: Look) -> Text:
    """Say state, pipeline and time in as little room as there is."""
    head = scene.sign.text(look)
    return head.append(f"  {words.ticking(scene.seconds)}  ").append(scene.pipeline, style="bold")


def _status(scene: Scene, look: Look, width: int) -> Text:
    left = Text.assemble(scene.sign.text(look), "  ", (scene.pipeline, "bold"), " ", (words.short(scene.id), "dim"))
    right = Text(words.ticking(scene.seconds))
    if width >= NARROW - 1:
        if scene.number:
            left.append(f"  try {scene.number} of {scene.tries}", style="dim")
        if scene.usual_seconds is not None:
            right.append(f"  usually {words.duration(scene.usual_seconds)}", style="dim")
    left.truncate(max(width - right.cell_len - 2, 0), overflow="ellipsis" if look.unicode else "crop")
    return Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right)


def _buckets(scene: Scene, look: Look, width: int) -> Iterator[Text]:
    """Draw the busiest buckets in their own order; each figure keeps its place while it grows."""
    shown = list(scene.rows)
    if len(shown) > SHOWN_BUCKETS:
        busiest = sorted(shown, key=lambda row: (sum(row.rates), row.size_bytes), reverse=True)[:SHOWN_BUCKETS]
        shown = [row for row in shown if row in busiest]
    names = min(max((len(row.name) for row in shown), default=0), _NAME_LONGEST)
    counts = max((len(_count(row)) for row in shown), default=0)
    for row in shown:
        name = Text(row.name, style="bold")
        name.truncate(names, overflow="ellipsis" if look.unicode else "crop", pad=True)
        speed = words.rate(row.rates[-1]) if row.rates and row.rates[-1] else ""
        left = Text.assemble(name, "  ", ("write" if row.writes else "read ", "dim"))
        right = f"{_count(row):>{counts}}  {words.size(row.size_bytes):>{_SIZE}}  {speed:>{_RATE}}"
        if width < NARROW - 1:
            yield Text.assemble(left, " " * max(width - left.cell_len - len(right), 1), right)
        else:
            yield Text.assemble(left, "  ", right, "   ", (_curve(row, look), "dim"))


def _count(row: BucketRow) -> str:
    if row.total is None:
        return words.count(row.objects)
    total = words.count(row.total)
    return f"{words.count(row.objects):>{len(total)}} of {total}"


def _curve(row: BucketRow, look: Look) -> str:
    """Draw the last seconds against their own peak."""
    if not row.objects and not row.size_bytes:
        return "" if row.writes else "not read yet"
    steps = look.pick(_CURVE_UNICODE, _CURVE_ASCII)
    rates = list(row.rates)[-CURVE:]
    peak = max(rates, default=0.0) or 1.0
    return "".join(steps[min(int(value / peak * len(steps)), len(steps) - 1)] for value in rates)


def _foot(scene: Scene, look: Look, *, wide: bool) -> str:
    if not wide:
        return scene.advice
    parts = []
    if (more := len(scene.rows) - SHOWN_BUCKETS) > 0:
        parts.append(f"{words.count(more, 'more bucket')}")
    parts.append(words.count(scene.log_lines, "log line"))
    if scene.failed:
        parts.append(f"{words.count(scene.failed)} refused or absent")
    return look.pick(" · ", " - ").join([*parts, scene.advice])
