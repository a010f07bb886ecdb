"""Numbers of rows, millions of them in little memory, and the names that they have among the doomed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

_DIGITS = 19
"""Of the largest number that a row can have."""


class Numbers(Collection[int]):
    """A set that is iterated in ascending order: a byte for each number, where `set` takes fifty times as much."""

    def __init__(self, last: int) -> None:
        self._marks = bytearray(last + 1)

    def add(self, number: int) -> None:
        """Add a number; one above the last is left out."""
        if number < len(self._marks):
            self._marks[number] = 1

    def without(self) -> Numbers:
        """Return an empty set for as many numbers."""
        return Numbers(len(self._marks) - 1)

    def copy(self) -> Numbers:
        """Return another set of the same numbers."""
        other = self.without()
        other._marks[:] = self._marks  # noqa: SLF001  # of the same class
        return other

    def covers(self, number: int) -> bool:
        """Tell whether a number is not above the last."""
        return number < len(self._marks)

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.covers(number) and self._marks[number] == 1

    def __iter__(self) -> Iterator[int]:
        number = self._marks.find(1)
        while number >= 0:
            yield number
            number = self._marks.find(1, number + 1)

    def __len__(self) -> int:
        return self._marks.count(1)


class Names(Collection[str]):
    """The names of numbers, which are iterated in ascending order: as texts they have the same order."""

    def __init__(self, numbers: Collection[int]) -> None:
        self._numbers = numbers

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and len(name) == _DIGITS and int(name) in self._numbers

    def __iter__(self) -> Iterator[str]:
        return (f"{number:0{_DIGITS}}" for number in self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)
