"""The first form."""

from alembic import op

revision = "0001"
down_revision = None

_STATEMENTS = (
    """CREATE TABLE attempt (
    job INTEGER NOT NULL,
    datum TEXT NOT NULL,
    number INTEGER NOT NULL,
    n INTEGER NOT NULL,
    layer INTEGER NOT NULL,
    started_us INTEGER NOT NULL,
    finished_us INTEGER,
    exit_status INTEGER,
    exit_signal INTEGER,
    user_seconds REAL,
    system_seconds REAL,
    max_rss_bytes INTEGER,
    reason TEXT NOT NULL,
    objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (job, datum, number)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE blob (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    place INTEGER NOT NULL,
    pack INTEGER,
    off INTEGER,
    name TEXT,
    epoch INTEGER NOT NULL,
    UNIQUE (digest)
)
 STRICT""",
    """CREATE INDEX blob_pack ON blob (pack) WHERE pack IS NOT NULL""",
    """CREATE TABLE branch (
    repo INTEGER NOT NULL,
    name TEXT NOT NULL,
    head INTEGER,
    gen INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (repo, name)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE commits (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    repo INTEGER NOT NULL,
    uuid TEXT NOT NULL,
    branch TEXT NOT NULL,
    parent INTEGER,
    base INTEGER,
    layers TEXT NOT NULL,
    read_set TEXT NOT NULL,
    state INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    digest BLOB NOT NULL,
    content_sum BLOB NOT NULL,
    objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    started_us INTEGER NOT NULL,
    finished_us INTEGER,
    description TEXT NOT NULL,
    error TEXT NOT NULL,
    UNIQUE (repo, uuid)
)
 STRICT""",
    """CREATE INDEX commits_base ON commits (base)""",
    """CREATE INDEX commits_parent ON commits (parent)""",
    """CREATE INDEX commits_uuid ON commits (uuid)""",
    """CREATE TABLE entry (
    layer INTEGER NOT NULL,
    "key" BLOB NOT NULL,
    kind INTEGER NOT NULL,
    content INTEGER,
    digest BLOB,
    size INTEGER,
    etag TEXT,
    modified_us INTEGER,
    meta BLOB,
    checksum TEXT,
    parts INTEGER,
    PRIMARY KEY (layer, "key")
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE extent (
    manifest INTEGER NOT NULL,
    start INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    off INTEGER NOT NULL,
    len INTEGER NOT NULL,
    PRIMARY KEY (manifest, start)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE job (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    pipeline INTEGER NOT NULL,
    uuid TEXT NOT NULL,
    version INTEGER NOT NULL,
    state INTEGER NOT NULL,
    output_repo INTEGER NOT NULL,
    output_branch TEXT NOT NULL,
    reason TEXT NOT NULL,
    status INTEGER,
    restarts INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    started_us INTEGER,
    finished_us INTEGER,
    commit_id INTEGER,
    draft BLOB,
    data_total INTEGER NOT NULL,
    data_processed INTEGER NOT NULL,
    data_skipped INTEGER NOT NULL,
    data_failed INTEGER NOT NULL,
    data_recovered INTEGER NOT NULL,
    read_bytes INTEGER NOT NULL,
    written_bytes INTEGER NOT NULL,
    UNIQUE (pipeline, uuid)
)
 STRICT""",
    """CREATE INDEX job_unfinished ON job (state) WHERE state < 5""",
    """CREATE INDEX job_uuid ON job (uuid)""",
    """CREATE TABLE job_input (
    job INTEGER NOT NULL,
    n INTEGER NOT NULL,
    name TEXT NOT NULL,
    project TEXT NOT NULL,
    repo TEXT NOT NULL,
    branch TEXT NOT NULL,
    uuid TEXT NOT NULL,
    s3 INTEGER NOT NULL,
    PRIMARY KEY (job, n)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE layer (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    owner TEXT,
    rows INTEGER,
    tombstones INTEGER,
    bytes INTEGER,
    min_key BLOB,
    max_key BLOB
)
 STRICT""",
    """CREATE INDEX layer_unsettled ON layer (state) WHERE state != 1""",
    """CREATE TABLE log_chunk (
    job INTEGER NOT NULL,
    first_line INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    text BLOB NOT NULL,
    PRIMARY KEY (job, first_line)
)
 STRICT""",
    """CREATE TABLE manifest (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    epoch INTEGER NOT NULL
)
 STRICT""",
    """CREATE TABLE meta (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE observed (
    job INTEGER NOT NULL,
    input TEXT NOT NULL,
    "key" BLOB NOT NULL,
    op TEXT NOT NULL,
    detail BLOB NOT NULL,
    ranges TEXT NOT NULL,
    reached BLOB,
    requests INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    PRIMARY KEY (job, input, "key", op, detail)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE part (
    upload TEXT NOT NULL,
    n INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    content INTEGER NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    checksum TEXT,
    modified_us INTEGER NOT NULL,
    PRIMARY KEY (upload, n)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE part_list (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    parts BLOB NOT NULL
)
 STRICT""",
    """CREATE TABLE pipeline (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    UNIQUE (project, name)
)
 STRICT""",
    """CREATE TABLE pipeline_version (
    pipeline INTEGER NOT NULL,
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    spec BLOB NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (pipeline, version)
)
 STRICT""",
    """CREATE TABLE project (
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (name)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE provenance (
    commit_id INTEGER NOT NULL,
    record BLOB NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (commit_id)
)
 STRICT""",
    """CREATE TABLE repo (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    UNIQUE (project, name)
)
 STRICT""",
    """CREATE TABLE run (
    layer INTEGER NOT NULL,
    covers TEXT NOT NULL,
    PRIMARY KEY (layer)
)
 STRICT""",
    """CREATE TABLE stack (
    job INTEGER NOT NULL,
    n INTEGER NOT NULL,
    layer INTEGER NOT NULL,
    PRIMARY KEY (job, n)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE TABLE upload (
    id TEXT NOT NULL,
    layer INTEGER NOT NULL,
    "key" BLOB NOT NULL,
    meta BLOB,
    algorithm TEXT,
    checksum_type TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    completed BLOB,
    PRIMARY KEY (id)
)
 WITHOUT ROWID,
 STRICT""",
    """CREATE INDEX upload_key ON upload (layer, "key", id)""",
)


def upgrade() -> None:
    """Make all tables."""
    for statement in _STATEMENTS:
        op.execute(statement)
