"""What a damaged row is of, in the words of whoever uses the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runner.store.catalog.query import Snapshot, value
from runner.store.check.places import Places
from runner.store.files.names import shown

Found = Mapping[str, Any]

_COMMIT = "SELECT repo, uuid FROM commits WHERE id = ?"
_JOB = "SELECT p.name, j.uuid FROM job j LEFT JOIN pipeline p ON p.id = j.pipeline WHERE j.id = ?"


class Naming:
    """Names what rows belong to, also where the column is damaged that says so; costs nothing while no row is."""

    def __init__(self, db: Snapshot) -> None:
        self.places = Places(db)
        self._db = db

    def of(self, table: str, row: Found) -> Iterable[str]:
        """Return what cannot be trusted because of a damaged row."""
        return _NAMED[table](self, row)

    def branch(self, repo: int, name: str) -> str:
        """Return ``repo@branch``."""
        found = value(self._db, "SELECT name FROM repo WHERE id = ?", (repo,))
        return f"{_or_number(found, repo)}@{name}"

    def commit(self, number: int) -> str:
        """Return ``repo@commit``."""
        found = self._db.execute(_COMMIT, (number,)).fetchone()
        return self.branch(*found) if found else f"commit of the number {number}"

    def job(self, number: int) -> str:
        """Return ``job pipeline@commit``."""
        found = self._db.execute(_JOB, (number,)).fetchone()
        return f"job {found[0]}@{found[1]}" if found else f"job of the number {number}"

    def pipeline(self, number: int) -> str:
        """Return ``pipeline name``."""
        return f"pipeline {_or_number(value(self._db, 'SELECT name FROM pipeline WHERE id = ?', (number,)), number)}"  # noqa: S608  # a constant

    def account(self, number: int) -> str:
        """Return ``account name``."""
        return f"account {_or_number(value(self._db, 'SELECT name FROM account WHERE id = ?', (number,)), number)}"  # noqa: S608  # a constant

    def job_of_datum(self, number: int) -> str:
        """Return ``job pipeline@commit`` of a datum."""
        return self.job(value(self._db, "SELECT job FROM datum WHERE id = ?", (number,)) or 0)


def told(value: object) -> str:
    """Return a value of a key as it may stand in a sentence."""
    return shown(value) if isinstance(value, bytes) else shown(str(value).encode(errors="replace"))


def _or_number(name: object, number: object) -> object:
    return f"(number {number})" if name is None else name


def _of_job(naming: Naming, row: Found) -> Iterable[str]:
    return [naming.job(row["job"])]


def _of_branch(naming: Naming, row: Found) -> Iterable[str]:
    return [naming.branch(row["repo"], row["branch"])]


def _of_place(naming: Naming, row: Found) -> Iterable[str]:
    place = f"{row['repo']}@{row['branch']}"
    return [place, naming.pipeline(row["pipeline"])] if "pipeline" in row else [place]


_NAMED: dict[str, Callable[[Naming, Found], Iterable[str]]] = {
    "access": lambda naming, row: [naming.account(row["account"])],
    "account": lambda _, row: [f"account {row['name']}"],
    "attempt": _of_job,
    "branch": lambda naming, row: [naming.branch(row["repo"], row["name"])],
    "burst": _of_branch,
    "clock": _of_place,
    "commits": lambda naming, row: [naming.branch(row["repo"], row["uuid"]), *naming.places.of_commit(row["id"])],
    "datum": _of_job,
    "difference": lambda naming, row: [naming.commit(row["commit_id"])],
    "document": _of_branch,
    "doomed": lambda _, row: [f"what is to be collected: {told(row['name'])}"],
    "entry": lambda naming, row: naming.places.of_entry(row["layer"], row["key"]),
    "extent": lambda naming, row: naming.places.using_manifest(row["manifest"]),
    "follow": _of_place,
    "job": lambda naming, row: [naming.job(row["id"])],
    "job_input": _of_job,
    "layer": lambda naming, row: naming.places.of_layer(row["id"]),
    "log_chunk": _of_job,
    "meta": lambda *_: ["the whole store"],
    "observed": _of_job,
    "part": lambda _, row: [f"upload {row['upload']}"],
    "part_list": lambda naming, row: naming.places.using_parts(row["id"]),
    "pipeline": lambda _, row: [f"pipeline {row['name']}"],
    "pipeline_version": lambda naming, row: [naming.pipeline(row["pipeline"])],
    "produced": lambda naming, row: [naming.job_of_datum(row["datum"])],
    "project": lambda _, row: [f"project {row['name']}"],
    "provenance": lambda naming, row: [naming.commit(row["commit_id"])],
    "queue": _of_job,
    "registration": lambda naming, row: [naming.pipeline(row["pipeline"])],
    "repo": lambda _, row: [f"repo {row['name']}"],
    "run": lambda naming, row: naming.places.of_layer(row["layer"]),
    "stack": _of_job,
    "stop": _of_job,
    "token": lambda naming, row: [naming.account(row["account"])],
    "trigger": _of_place,
    "upload": lambda _, row: [f"upload {row['id']} of {told(row['key'])}"],
    "version": lambda naming, row: [f"{naming.branch(row['repo'], row['branch'])}:/{told(row['key'])}"],
}
"""By table, for each that has sums."""
