"""The versioned store. Knows no HTTP, no processes.

Rooms, each standing on those after it: `sessions` of jobs that run; `pipelines` as people change them; `collect`;
`check`; `files` in and out; `buckets`, what a gateway gets; `writing`, how branches get commits; `jobs` as rows;
`history`; `layers` of entries; `contents`; `owners` and `hints`; `catalog`; `blobs`.

The stored form, format 13
-------------------------

A store is a folder::

    catalog.sqlite3           what is known, in SQLite with WAL; its tables: `catalog.tables`
    catalog.sqlite3.format-N  the catalog as it was before it was migrated from format N
    blobs/                    bytes: `blobs.local`, `blobs.frames`; where ``meta`` names another place for them they lie
                              there: a folder of the same form, or an object store (`blobs.remote`)
    locks/writer              held around every write transaction and every checkpoint
    locks/…                   names that have an owner, each held by it for as long as it lives: `owners.folder`
    events/…                  sockets of who listens for hints: `hints.folder`

``PRAGMA application_id`` is 0x52554E52, ``PRAGMA user_version`` the format; a newer one is refused, an older one
migrated. Times are microseconds since 1970 UTC, keys and digests bytes, numbers of states those of `catalog.codes`.

A store in PostgreSQL has the same tables, and ``lease``: names that have an owner, a token that the owner drew, and
until when (`owners.leases`). Its folder, of one host, holds scratch files.

Names that have owners: ``job-…`` whoever runs a job; ``change-…``, ``bursts-…`` whoever changes a branch, or takes
writes to branches; ``merge-…``, ``gc`` whoever merges layers or collects garbage.

Words
-----

- An *entry* is an object, or a tombstone, under a key of a *layer*; of several layers the newest entry counts. Its
  *origin* is the layer that it was written into, and by that the commit that wrote it, wherever it was copied since.
- A *commit* has its own layers, a `parent` (history), a `base` (content below its own layers; none for the output
  of a job) and a `read_set`: layers that hold the same and may be replaced by others that do.
- A *branch* points at a commit and counts its moves; nothing else ever changes once it is finished.
- A *burst* is what was written to a branch and is no commit yet: an open layer, above sealed ones that are about to
  become commits. What a branch holds for whoever writes to it is its bursts above its head.
- A *difference* says what a commit changed in its parent, counted by folder when it was made.
- A *tally* says how many jobs of a pipeline ended in a state, and in which half hour; counted when each did.
- What is *doomed* was found by a collection with nothing that refers to it; it goes when its grace is over.
- A *registration* says by which version of its spec the jobs of a pipeline are made, when a branch moves that a
  *trigger* names. Such a job is in the *queue* until it ends; a *stop* asks whoever runs it to end it.
- A *clock* is a branch that gets a commit at each tick of a cron expression, and the time of the last one.

What is hashed
--------------

- A blob is named by the BLAKE3 of its bytes; several extents by that of a list of them (`content.manifest_digest`).
- A commit's digest is the BLAKE3 of ``runner.content/1`` and a newline, then of the sum of its objects' numbers
  modulo 2^4096, 512 bytes, least significant first. The number of an object is the first 512 bytes of BLAKE3 over
  the length of its key (2 bytes, big-endian), its key, its size (8 bytes, big-endian), its content's digest (32
  bytes), and its attributes: nothing, or the canonical JSON of ``{"headers": …, "metadata": …}`` without the metadata
  ``mtime``, which is a time, and without the ``"tags"`` that stand there where an object has some.
- A row of the catalog has a sum, the CRC-32 of its other columns (`catalog.sums`), by which reads of entries, of S3's
  versions and of extents, and a check of all rows, see that it is what was written. Blobs and manifests have none:
  they are named by digests of what they are; nor have tallies, which are compared with the jobs.

Order, each durable before the next
-----------------------------------

Bytes verified; pack or file synced; row committed; answered. For a job: layers sealed with a draft of the record;
content digested; commit, record, branch and job state in one transaction.
"""

from runner.store.opening import open_store
from runner.store.store import Store, StoreSettings

__all__ = ["Store", "StoreSettings", "open_store"]
