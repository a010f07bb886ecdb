"""What is wrong with a spec, and where: places, problems, warnings, and the one error that carries them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from runner.model.errors import Invalid


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A character of a file; line and column are 1-based."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that must be changed before the spec is accepted.

    Attributes:
        place: Where the wrong text starts.
        path: The field, in the names of the file: ``input.pfs.glob``; empty for the file as a whole.
        message: What is wrong, one clause without a full stop.
        write: What to write instead, in the syntax of the file; may be empty.
        alternative: Another way out; may be empty.
        width: Characters of the wrong text on its line, for the mark below it.
    """

    place: Place
    path: str
    message: str
    write: str = ""
    alternative: str = ""
    width: int = 1


@dataclass(frozen=True, slots=True)
class Notice:
    """Something of a spec that is accepted, but does not do what its writer may expect."""

    place: Place
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Source:
    """A file as its reader sees it.

    Attributes:
        name: As given on the command line.
        lines: Its text, without line ends; empty when it is not text.
        is_json: Whether suggestions are spelled as JSON.
    """

    name: str
    lines: tuple[str, ...] = ()
    is_json: bool = False

    def at(self, place: Place) -> str:
        """Return ``name:line:column``."""
        return f"{self.name}:{place.line}:{place.column}"


class InvalidSpec(Invalid):
    """A spec has problems; all that were found stand in *problems*, in file order.

    Message and hint tell the first one whole, for whoever knows nothing of specs.
    """

    def __init__(self, source: Source, problems: Sequence[Problem]) -> None:
        first = problems[0]
        others = len(problems) - 1
        ways = [
            f"write  {first.write}" if first.write else "",
            f"{'or    ' if first.write else 'do    '} {first.alternative}" if first.alternative else "",
            f"more   runner spec check {source.name}" + (f" shows {others} more" if others else ""),
        ]
        super().__init__(f"{source.at(first.place)}  {first.message}", hint="\n".join(filter(None, ways)))
        self.source = source
        self.problems = tuple(problems)


@dataclass(slots=True)
class Report:
    """Collects what is found in one file; a place that is broken already is not reported again."""

    source: Source
    problems: list[Problem] = field(default_factory=list)
    _broken: set[Place] = field(default_factory=set)

    def add(self, problem: Problem) -> None:
        """Take *problem*, unless the value at its place was found unreadable before."""
        if problem.place not in self._broken:
            self.problems.append(problem)

    def add_broken(self, problem: Problem) -> None:
        """Take *problem* as the only one of its place: later rules cannot judge a value of the wrong form."""
        self.add(problem)
        self._broken.add(problem.place)

    def raise_if_any(self) -> None:
        """Raise what was found, in file order.

        Raises:
            InvalidSpec: There is at least one problem.
        """
        if self.problems:
            raise InvalidSpec(self.source, sorted(self.problems, key=lambda problem: problem.place))
