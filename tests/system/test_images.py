"""The targets of the Dockerfile, built and run as users do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.system.images import Podman, podman_in_memory, said
from tests.system.installed import ROOT
from tests.system.processes import wait_until

pytestmark = pytest.mark.timeout(1200)

PIPELINES = ROOT / "conf" / "pipelines"
SAMPLES = PIPELINES / "data" / "labresults"
BASE, OTHER = "trixie", "bookworm"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DATA = "/data"
STRANGER = "--user=54321:54321"  # no image knows it


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    with podman_in_memory() as podman:
        with ThreadPoolExecutor() as threads:
            list(threads.map(podman.make_base, (BASE, OTHER)))
        bases = [f"--build-arg={name}=localhost/{BASE}" for name in ("BASE", "BUILDER")]
        for target in ("runtime", "runner", "s3-clients"):
            podman.build(target, ROOT, f"--target={target}", *bases)
        yield podman


@pytest.fixture
def folder(tmp_path) -> Path:
    """Give a folder that any user may write to."""
    tmp_path.chmod(0o777)
    return tmp_path


def _open(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o777)
    return path


def _spec(folder: Path, *stdin: str, cmd: tuple[str, ...] = ("sh",)) -> Path:
    document = {
        "pipeline": {"name": "probe"},
        "input": {"pfs": {"repo": "labresults", "glob": "/", "s3": True}},
        "transform": {"cmd": cmd, "stdin": stdin},
        "s3_out": True,
        "datum_tries": 1,
    }
    (folder / "probe.json").write_text(json.dumps(document))
    return folder / "probe.json"


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_unchanged_pipeline_runs_in_the_image_with_clients(podman, folder) -> None:
    out = _open(folder / "out")
    mounts = {_open(folder / "store"): "/var/lib/runner", PIPELINES: "/pipelines:ro", out: "/out"}
    source = "labresults=/pipelines/data/labresults"

    done = podman.run(
        "s3-clients", "run", "/pipelines/labresults.json", "--input", source, "--output", "/out/copy", mounts=mounts
    )
    podman.run(
        "s3-clients", "run", "/pipelines/ward_summary.yaml", "--input", source, "--output", "/out/sums", mounts=mounts
    )

    assert _files(out / "copy") == _files(SAMPLES)
    assert "total.csv" in _files(out / "sums")
    assert any("s3 ls" in line for line in said(done.stdout))
    assert (out / "copy").stat().st_uid == 10001


def test_the_root_is_read_only_and_the_user_an_ordinary_one(podman, folder) -> None:
    spec = _spec(
        folder, "id -u; id -g; grep CapEff /proc/self/status; touch /probe /opt/runner/probe 2>&1 && echo written"
    )

    done = podman.run(
        *("runner", "run", f"{DATA}/probe.json", "--input", f"labresults={DATA}"),
        mounts={_open(folder / "store"): "/var/lib/runner", spec: f"{DATA}/probe.json:ro"},
        status=1,
    )

    lines = said(done.stdout)
    assert lines[:3] == ["10001", "10001", "CapEff:\t0000000000000000"]
    assert sum("Read-only file system" in line for line in lines) == 2
    assert "written" not in lines


def test_any_user_may_work_there(podman, folder) -> None:
    spec = _spec(folder, "id -u; id -g; echo $HOME; mktemp; touch $HOME/probe")

    done = podman.run(
        *("runner", "run", f"{DATA}/probe.json", "--input", f"labresults={DATA}"),
        mounts={spec: f"{DATA}/probe.json:ro"},
        options=(STRANGER,),  # and the volume is the image's own, with its rights
    )

    uid, gid, home, temporary = said(done.stdout)
    assert (uid, gid, home) == ("54321", "54321", "/tmp")
    assert temporary.startswith("/")


def test_the_image_works_until_it_is_stopped(podman, folder) -> None:
    store, spec = _open(folder / "store"), _spec(folder, cmd=("true",))
    mounts = {store: "/var/lib/runner", spec: f"{DATA}/probe.json:ro"}
    worker = podman.start("runner", "worker", f"{DATA}/probe.json", mounts=mounts, options=("--name=worker",))

    put = podman.run("runner", "file", "put", f"{DATA}/probe.json", "labresults@master:/one", mounts=mounts)
    assert put.stdout
    listing = ("runner", "job", "list", "-o", "json")
    wait_until(lambda: "JOB_SUCCESS" in podman.run(*listing, mounts=mounts).stdout, 120)
    podman("stop", "--time=60", "worker")

    out, err = worker.communicate(timeout=120)
    assert worker.returncode == 0, out + err
    assert "job.succeeded" in out  # clusters collect stdout


def test_the_image_says_what_it_is(podman) -> None:
    image = podman.inspect("runner")

    assert image["Entrypoint"] == ["/opt/runner/bin/runner"]
    assert image["Cmd"] == ["worker"]
    assert image["User"] == "10001:10001"
    assert image["StopSignal"] in ("SIGTERM", "15")
    assert set(image["Volumes"]) == {"/var/lib/runner"}
    assert {"RUNNER_CONFIG=/etc/runner/runner.toml", f"PATH={PATH}"} <= set(image["Env"])
    assert image["Labels"]["org.opencontainers.image.title"] == "runner"
    assert podman.inspect("s3-clients")["User"] == "10001:10001"


def test_it_runs_where_there_is_no_python_and_no_c_library(podman, folder) -> None:
    context = _open(folder / "context")
    (context / "Dockerfile").write_text(f"""
        FROM localhost/{BASE} AS tools
        RUN apt-get update && apt-get install --yes busybox-static
        FROM scratch
        COPY --from=tools /bin/busybox /bin/busybox
        RUN ["/bin/busybox", "--install", "/bin"]
        COPY --from=localhost/runtime /opt/runner /opt/runner
        ENV PATH=/bin RUNNER_STORE=/store
        ENTRYPOINT ["/opt/runner/bin/runner", "run"]
        """)
    podman.build("bare", context)
    out = _open(folder / "out")
    spec = _spec(
        folder,
        'body=$(env; for file in /lib* /usr /etc/passwd; do [ -e "$file" ] && echo "there is $file"; done; true)',
        r'head="PUT /out/told HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${#body}\r\nConnection: close\r\n\r\n"',
        '{ printf "$head"; printf %s "$body"; } | nc 127.0.0.1 $S3GATEWAY_PORT | grep "200 OK"',
    )

    podman.run(
        *("bare", f"{DATA}/probe.json", "--input", f"labresults={DATA}", "--output", "/out/files"),
        mounts={_open(folder / "store"): "/store", spec: f"{DATA}/probe.json:ro", out: "/out"},
        options=(STRANGER,),
    )

    told = (out / "files" / "told").read_text().splitlines()
    assert not [line for line in told if line.startswith("there is")]
    assert "PATH=/bin" in told
    assert not [line for line in told if "/opt/runner" in line]
    assert not [line for line in told if line.startswith(("LC_", "LANG", "LD_", "PYTHON"))]

    clock = folder / "clock.json"
    tick = {"cron": {"name": "tick", "spec": "CRON_TZ=Europe/Berlin 0 6 * * *"}}
    clock.write_text(json.dumps({"pipeline": {"name": "clock"}, "input": tick, "transform": {"cmd": ["true"]}}))
    whole = "--entrypoint=/opt/runner/bin/runner"
    podman.run("bare", "spec", "check", DATA, mounts={clock: f"{DATA}:ro"}, options=(STRANGER, whole))  # knows the zone


def test_it_runs_beside_another_python_with_packages_of_its_own(podman, folder) -> None:
    context = _open(folder / "context")
    poison, libraries = _open(context / "poison"), _open(context / "libraries")
    for name in ("runner", "quart", "structlog", "sqlalchemy", "tomllib", "sitecustomize"):
        (poison / f"{name}.py").write_text('import os\nif "RUNNER_JOB_ID" not in os.environ:\n    os._exit(86)\n')
    for name in ("libsqlite3.so.0", "libssl.so.3", "libcrypto.so.3", "libffi.so.8", "liblzma.so.5"):
        (libraries / name).write_text("no library")
    variables = {"PYTHONPATH": "/poison", "PYTHONHOME": "/usr", "LD_LIBRARY_PATH": "/libraries", "PATH": PATH}
    (context / "Dockerfile").write_text(f"""
        FROM localhost/{OTHER}
        RUN apt-get update && apt-get install --yes --no-install-recommends python3 python3-trio python3-click
        COPY poison /poison
        COPY libraries /libraries
        COPY --from=localhost/runtime /opt/runner /opt/runner
        ENV {" ".join(f"{name}={value}" for name, value in variables.items())} RUNNER_STORE=/store
        ENTRYPOINT ["/opt/runner/bin/runner", "run"]
        """)
    podman.build("other", context)
    out = _open(folder / "out")
    spec = _spec(
        folder,
        "import http.client, json, os, sys, click, quart",
        "from importlib.metadata import version",
        "told = {'python': sys.version_info[:2], 'packages': [click.__version__, version('trio'), quart.__file__],",
        "        'environment': dict(os.environ), 'libraries': open('/proc/self/maps').read()}",
        "gateway = http.client.HTTPConnection('127.0.0.1', int(os.environ['S3GATEWAY_PORT']))",
        "gateway.request('PUT', '/out/told', json.dumps(told))",
        "assert gateway.getresponse().status == 200",
        cmd=("python3", "-"),
    )

    podman.run(
        *("other", f"{DATA}/probe.json", "--input", f"labresults={DATA}", "--output", "/out/files"),
        mounts={_open(folder / "store"): "/store", spec: f"{DATA}/probe.json:ro", out: "/out"},
        options=(STRANGER,),
    )

    told = json.loads((out / "files" / "told").read_text())
    assert told["python"] == [3, 11]
    assert told["packages"] == ["8.1.3", "0.22.0", "/poison/quart.py"]  # those of that Debian
    assert {name: told["environment"].get(name) for name in variables} == variables
    assert "/opt/runner" not in json.dumps(told)
