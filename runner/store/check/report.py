"""What a check found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from runner.model.errors import RunnerError, Unavailable

TOUCHED_MAX = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """One damage.

    Attributes:
        what: One sentence.
        touches: What cannot be trusted because of it, some of it: ``repo@commit``, or ``repo@commit:/key``.
    """

    what: str
    touches: tuple[str, ...] = ()


@dataclass(slots=True)
class Report:
    """What a check looked at and found.

    Attributes:
        errors: What the catalog's database raises.
        problems: Damage; none: the store is sound.
        notes: What is no damage but worth a word: bytes without a reference, work that somebody left open.
        blobs: Looked at.
        size_bytes: Of these blobs.
        entries: Rows of layers.
        commits: All of them.
    """

    errors: tuple[type[Exception], ...] = field(default=(), compare=False, repr=False)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    blobs: int = 0
    size_bytes: int = 0
    entries: int = 0
    commits: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.problems

    def tell(self, what: str, touches: Iterable[str] = ()) -> None:
        """Add a problem; of what it touches the first few are kept. Bytes that are no text are spelt out."""
        first = tuple(_text(touch) for touch, _ in zip(touches, range(TOUCHED_MAX), strict=False))
        self.problems.append(Problem(_text(what), first))

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Go on after the block when it met something that it could not even read.

        Raises:
            Unavailable: The catalog or the blobs are out of reach, which is no damage.
        """
        try:
            yield
        except Unavailable:
            raise
        except (RunnerError, ValueError, TypeError, LookupError) as exc:
            self.tell(f"the {name} cannot be read any further: {exc}")
        except self.errors as exc:
            self.tell(f"the {name} cannot be read any further: {exc}")


def _text(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
