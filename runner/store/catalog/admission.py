"""Whether a PostgreSQL server lets us in, and what it says to whoever has given it the wrong thing.

Of a connection that was refused libpq keeps the server's sentence and drops its SQLSTATE, so the sentence decides. Of a
server that speaks another language than English every refusal is one that may pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.errors import InsufficientPrivilege

from runner.store.catalog import schema

_WRONG = (
    (r"authentication failed for user", "give the right one in the URL, by PGPASSWORD or in a pass file"),
    (r"no password supplied", "give one in the URL, by PGPASSWORD or in a pass file"),
    (r'database ".*" does not exist', "make it with createdb, or name another one"),
    (r'role ".*" (?:does not exist|is not permitted to log in)', "name another user in the URL"),
    (r"permission denied for database", "GRANT CONNECT ON DATABASE gives it"),
    (r"no pg_hba\.conf entry|pg_hba\.conf rejects", "let this host in, in the server's pg_hba.conf"),
    (r"invalid \S+ value|does not support SSL|certificate", "see what the URL, or a variable PG…, says of it"),
)
RIGHTS = "let the user own the database, or GRANT it CREATE on the schema and all rights on its tables"


@contextmanager
def admitted() -> Iterator[None]:
    """Turn what would be refused in the block again and again, since what was said is wrong, into an error of its own.

    Raises:
        CatalogForbidden: (Invalid)
        CatalogRefused: (Unavailable) The server may think better of it.
    """
    try:
        yield
    except schema.CatalogRefused as exc:
        hint = _hint_of(exc)
        if not hint:
            raise
        raise schema.CatalogForbidden(exc.message, hint=hint) from exc


def _hint_of(refused: schema.CatalogRefused) -> str:
    """Say what to do about a refusal that waiting does not mend; empty: it may pass."""
    cause = refused.__cause__
    if isinstance(getattr(cause, "orig", cause), InsufficientPrivilege):  # SQLAlchemy wraps what the driver raises
        return RIGHTS
    return next((hint for pattern, hint in _WRONG if re.search(pattern, refused.message)), "")
