"""A store in PostgreSQL: its form, what happens when the server is away, and who may see its password."""

from contextlib import closing

import psycopg
import pytest
import trio

from runner.model import store_url
from runner.model.errors import Unavailable
from runner.store import StoreSettings, open_store
from runner.store.catalog import postgres as engines
from runner.store.catalog import query, schema
from runner.store.catalog.postgres import Postgres, session
from runner.store.catalog.postgres.form import migrate
from runner.store.check import check_store
from runner.store.history import repos
from runner.store.writer import StoreUnavailable

_COLUMNS = """
    SELECT table_name, column_name, data_type, collation_name, is_nullable, is_identity
    FROM information_schema.columns WHERE table_schema = 'public'
"""
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"


@pytest.fixture
def url(postgres):
    return store_url.parse(postgres.create())


@pytest.fixture
def settings(tmp_path):
    return StoreSettings(blobs=str(tmp_path / "blobs"), hosts=tmp_path / "hosts")


def form(url):
    with psycopg.connect(url.secret) as db:
        return {*db.execute(_COLUMNS).fetchall(), *db.execute(_INDEXES).fetchall()}


def test_a_fresh_catalog_is_a_migrated_one(postgres, url):
    Postgres(url).prepare()
    other = store_url.parse(postgres.create())
    migrate(other)
    assert form(url) == form(other)


def test_text_compares_as_bytes(url):
    Postgres(url).prepare()
    with closing(Postgres(url).open_writer()) as writer:
        with writer.begin() as tx:
            for name in ("b", "a", "B"):
                query.insert(tx.db, "project", {"name": name, "description": "", "created_us": 0})
        with writer.begin() as tx:
            assert query.values(tx.db, "SELECT name FROM project ORDER BY name") == ["B", "a", "b", "default"]


def test_a_catalog_of_another_form_is_refused_and_migrated_when_asked(url):
    engine = Postgres(url)
    engine.prepare()
    with psycopg.connect(url.secret, autocommit=True) as db:
        db.execute("UPDATE alembic_version SET version_num = '0012'")
        db.execute("DELETE FROM meta WHERE name = 'blobs'")
    with pytest.raises(schema.OlderFormat) as caught:
        engine.prepare()
    assert "runner store migrate" in caught.value.hint
    assert engine.migrate() == 12
    engine.prepare()
    with psycopg.connect(url.secret, autocommit=True) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(schema.NewerFormat):
        engine.prepare()
    with pytest.raises(schema.NewerFormat):
        engine.migrate()


async def test_a_user_who_may_only_read_reads_and_is_told_what_writing_takes(postgres, url, settings):
    async with open_store(url, settings=settings) as store:
        await repos.create(store, "default", "data", "")
    with psycopg.connect(url.secret, autocommit=True) as db:
        db.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
        db.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        place = f"{db.info.host}:{db.info.port}/{db.info.dbname}"
    async with open_store(store_url.parse(f"postgresql://reader:reader@{place}"), settings=settings) as store:
        assert [repo.name for repo in await repos.list_repos(store, "default")] == ["data"]
        with pytest.raises(Unavailable, match="permission denied") as caught:
            await repos.create(store, "default", "more", "")
        assert "GRANT" in caught.value.hint
        assert (await check_store(store)).is_sound


def test_a_database_that_cannot_hold_all_text_is_refused_before_anything_is_in_it(postgres):
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as db:
        db.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
    url = store_url.parse(postgres.url("latin"))
    with pytest.raises(schema.NotAStore, match="LATIN1") as caught:
        Postgres(url).prepare()
    assert "UTF8" in caught.value.hint
    with psycopg.connect(url.secret) as db:
        assert db.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_the_database_of_another_program_stays_as_it_is(url):
    with psycopg.connect(url.secret, autocommit=True) as db:
        db.execute("CREATE TABLE invoice (id int)")
    with pytest.raises(schema.NotAStore):
        Postgres(url).prepare()
    with psycopg.connect(url.secret) as db:
        assert db.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (1,)


@pytest.mark.parametrize(
    ("said", "told", "advice"),
    [
        ({"password": "wrong"}, "password authentication failed", "PGPASSWORD"),
        ({"password": ""}, "no password supplied", "PGPASSWORD"),
        ({"username": "nobody"}, "password authentication failed", "PGPASSWORD"),
        ({"path": "/nowhere"}, 'database "nowhere" does not exist', "createdb"),
        ({"query": "sslmode=require"}, "does not support SSL", "URL"),
        ({"query": "sslmode=nonsense"}, "invalid sslmode value", "URL"),
        ({"username": "guest", "password": "guest"}, "permission denied for schema public", "GRANT"),
    ],
    ids=["password", "none", "user", "database", "tls", "mode", "rights"],
)
async def test_what_no_waiting_mends_is_for_the_user_and_tells_no_password(postgres, settings, said, told, advice):
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as db:
        if not db.execute("SELECT 1 FROM pg_roles WHERE rolname = 'guest'").fetchone():
            db.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    made = psycopg.conninfo.conninfo_to_dict(postgres.create())
    parts = {"username": made["user"], "password": made["password"], "path": f"/{made['dbname']}", "query": ""} | said
    who = f"{parts['username']}:{parts['password']}"
    url = store_url.parse(f"postgresql://{who}@{made['host']}:{made['port']}{parts['path']}?{parts['query']}")
    with pytest.raises(schema.CatalogForbidden, match=told) as caught:
        async with open_store(url, settings=settings):
            pass
    with pytest.raises(schema.CatalogForbidden, match=told):
        Postgres(url).migrate()
    assert advice in caught.value.hint
    assert f":{parts['password']}@" not in f"{caught.value.message}{caught.value.hint}"


def test_a_large_result_is_read_some_rows_at_a_time_while_other_statements_run_and_fail(url, monkeypatch):
    monkeypatch.setattr(session, "SCAN_ROWS", 10)
    engine = Postgres(url)
    engine.prepare()
    scanned = []
    with closing(engine.open_reader()) as catalog, catalog.snapshot() as db:
        for (number,) in db.scan("SELECT * FROM generate_series(1, ?)", (25,)):
            scanned.append(number)
            with pytest.raises(psycopg.Error):
                db.execute("SELECT 1 / 0")
            assert list(db.scan("SELECT name FROM project")) == [("default",)]
            if number == 11:
                with pytest.raises(psycopg.Error):
                    list(db.scan("SELECT 1 / (3 - n) FROM generate_series(1, 5) n"))
        assert scanned == list(range(1, 26))
        for _ in db.scan("SELECT * FROM generate_series(1, 25)"):
            break
        assert query.values(db, "SELECT name FROM pg_cursors") == []
        with pytest.raises(psycopg.Error):
            db.execute("SELECT 1 / 0")
        assert query.value(db, "SELECT 1") == 1


async def test_a_mistake_without_a_savepoint_is_its_own_and_who_wrote_beside_it_may_try_again(url, settings):
    told = {}

    async def write(name, statement):
        try:
            await store.writer.write(lambda tx: query.write(tx.db, "project", statement), savepoint=False)
        except (StoreUnavailable, psycopg.Error) as exc:
            told[name] = exc

    async with open_store(url, settings=settings) as store:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, "mistake", "UPDATE project SET name = NULL")
            nursery.start_soon(write, "beside", "UPDATE project SET description = 'x'")
        assert isinstance(told["mistake"], psycopg.errors.NotNullViolation)
        assert isinstance(told["beside"], StoreUnavailable)
        await write("again", "UPDATE project SET description = 'y'")
        assert query.values(store.catalog.db, "SELECT description FROM project") == ["y"]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_of_the_server_is_survived_by_reads_and_writes(postgres, url, settings, mode):
    async with open_store(url, settings=settings) as store:
        await repos.create(store, "default", "before", "")
        postgres.restart(mode)
        assert [repo.name for repo in await repos.list_repos(store, "default")] == ["before"]
        postgres.restart(mode)
        await repos.create(store, "default", "after", "")
        assert (await check_store(store)).is_sound


def test_a_commit_without_an_answer_is_known_for_what_it_was(postgres, url):
    """The connection is lost right after COMMIT was sent, or right before: the row of the writer tells."""
    Postgres(url).prepare()
    with closing(Postgres(url).open_writer()) as writer, closing(Postgres(url).open_reader()) as reader:
        session = writer._session
        execute = session.execute

        def lose(statement, parameters=(), /):
            if not statement.rstrip().endswith("COMMIT"):
                return execute(statement, parameters)
            session.execute = execute
            if happens:
                execute(statement, parameters)
            session.close()
            raise schema.CatalogRefused("the connection is lost")

        for happens in (True, False):
            session.execute = lose
            name = f"repo-{happens}"
            row = {"name": name, "description": "", "created_us": 0}
            if happens:
                with writer.begin() as tx:
                    query.insert(tx.db, "project", row)
            else:
                with pytest.raises(schema.CatalogRefused), writer.begin() as tx:
                    query.insert(tx.db, "project", row)
            is_there = query.exists(reader.db, "SELECT 1 FROM project WHERE name = ?", (name,))
            assert is_there is happens


async def test_a_server_that_is_away_is_told_without_the_password(postgres, url, settings, monkeypatch):
    monkeypatch.setattr(engines, "WAIT_SECONDS", 0.2)
    async with open_store(url, settings=settings) as store:
        postgres.stop()
        try:
            with pytest.raises(schema.CatalogRefused) as caught:
                await repos.list_repos(store, "default")
            assert postgres.password not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.hint}"
        finally:
            postgres.start()
        await repos.create(store, "default", "data", "")


def test_a_job_runs_on_it_and_its_code_does_not_find_what_opens_the_store(runner, postgres, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("1")
    runner.environment |= {
        "RUNNER_STORE": postgres.create(),
        "RUNNER_BLOBS": str(tmp_path / "blobs"),
        "PGPASSWORD": postgres.password,
    }
    done = runner("run", runner.spec("p", ["env"], inputs=["in"]), "--input", f"in={tmp_path / 'in'}")
    assert "S3_ENDPOINT=" in done.stderr
    assert postgres.password not in done.stdout + done.stderr
    assert [job["state"] for job in runner.ask("job", "list")] == ["JOB_SUCCESS"]
    assert postgres.password not in runner("config", "show").stdout + runner("config", "show", "-o", "json").stdout
    assert runner("store", "check").stdout.startswith("✓ sound")
    runner("store", "migrate")
