"""The catalog's tables, one per word. Keys are bytes; times are microseconds since 1970 UTC.

Small rows lie in WITHOUT ROWID tables, in the order of their keys. Digests, sizes and ETags stand in the entries
themselves, so that listing, HEAD and comparison join nothing. Numbers of states stand in `codes`. Rows have sums of
themselves (`sums`). A condition of an index is said for SQLite alone: to name another dialect here is to import it with
every command.
"""

from runner.store.catalog.tables import accounts, buckets, contents, history, jobs, triggers
from runner.store.catalog.tables.columns import metadata

__all__ = ["accounts", "buckets", "contents", "history", "jobs", "metadata", "triggers"]
