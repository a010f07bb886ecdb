"""The environment of the user's code: pure, from values to values.

The order is: what the runner inherited, less what is nobody's business; then ours; then the spec's.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from runner.job.datums import Datum
from runner.model.job import JobKey
from runner.model.pipeline import Pipeline

ANY_CREDENTIAL = "default"  # what Pachyderm hands out when authentication is off
NAMESPACE = "default"

_NEVER_INHERITED = ("AWS_*", "RUNNER_*", "POSTGRES_PASSWORD")
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")


@dataclass(frozen=True, slots=True)
class Alias:
    """A variable that a client reads instead of those of AWS; what *value* may name stands in `_clients`."""

    name: str
    value: str
    who: str


# Only of clients whose defaults would miss us otherwise, and only what harms nobody else.
ALIASES = (
    Alias("S3_ENDPOINT_URL", "{url}", "s5cmd"),
    Alias("MLFLOW_S3_ENDPOINT_URL", "{url}", "MLflow"),
    Alias("METAFLOW_S3_ENDPOINT_URL", "{url}", "Metaflow"),
    Alias("S3CMD_CONFIG", "{folder}/s3cfg", "s3cmd: knows no endpoint variable"),
    Alias("MC_HOST_s3", "{scheme}://{key}:{key}@{host}", "MinIO's mc, as the alias s3"),
    # RCLONE_S3_* would win over every S3 remote in the user's own rclone.conf; these make one remote, s3:
    Alias("RCLONE_CONFIG_S3_TYPE", "s3", "rclone, as the remote s3:"),
    Alias("RCLONE_CONFIG_S3_PROVIDER", "Other", "the same"),
    Alias("RCLONE_CONFIG_S3_ENDPOINT", "{url}", "the same"),
    Alias("RCLONE_CONFIG_S3_ENV_AUTH", "true", "the same: credentials from the variables of AWS"),
    Alias("DUCKDB_S3_ENDPOINT", "{host}", "DuckDB: without a scheme; path style is the program's to set"),
    Alias("DUCKDB_S3_USE_SSL", "{ssl}", "the same"),
    Alias("AWS_S3_ENDPOINT", "{host}", "GDAL: without a scheme"),
    Alias("AWS_HTTPS", "{https}", "GDAL"),
    Alias("AWS_VIRTUAL_HOSTING", "FALSE", "GDAL"),
    Alias("AWS_S3_ADDRESSING_STYLE", "path", "clients that do not see that the host is an address"),
    Alias("AWS_S3_FORCE_PATH_STYLE", "true", "the same"),
)


@dataclass(frozen=True, slots=True)
class Gate:
    """Where the buckets are, and how to be let in; *token* None: authentication is off."""

    endpoint: str
    token: str | None
    region: str

    @property
    def credential(self) -> str:
        """Access key and secret key at once."""
        return self.token or ANY_CREDENTIAL


@dataclass(frozen=True, slots=True)
class Places:
    """Folders as the child sees them.

    Attributes:
        pfs: ``/pfs``, or the folder that stands for it.
        generated: Holds the files of `generated_files`.
        tmp: Where temporary files go; empty: as inherited.
    """

    pfs: str
    generated: str
    tmp: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which job, where: what names it to the child."""

    key: JobKey
    host_name: str


def build(
    inherited: Mapping[str, str],
    *,
    pipeline: Pipeline,
    identity: Identity,
    datum: Datum,
    gate: Gate | None,
    places: Places,
    inject: str,
    hide: Sequence[str],
    secrets: Mapping[str, str],
    traceparent: str = "",
) -> dict[str, str]:
    """Return the whole environment of one attempt's commands.

    Args:
        inherited: The runner's own.
        pipeline: Whose code it is.
        identity: Of the job.
        datum: What it runs for.
        gate: To the buckets; None: the pipeline has none.
        places: In the child's file system.
        inject: ``all``; ``s3-only`` keeps the user's own AWS credentials, region and profile when authentication
            is off; ``compat`` is Pachyderm's set and nothing else.
        hide: Patterns of names that are not inherited either.
        secrets: Variables that the spec asks for, with their values.
        traceparent: Of the attempt's span; empty: nobody traces it.
    """
    ours = _pachyderm(pipeline, identity, datum, gate, places)
    if inject != "compat":
        ours |= _names_for_shells(datum, ours)
        ours |= {
            "RUNNER_JOB_ID": identity.key.id,
            "TRACEPARENT": traceparent or _traceparent(inherited, identity, datum),
        }
        ours |= {"RUNNER_PFS": places.pfs} | ({"TMPDIR": places.tmp} if places.tmp else {})
        if gate is not None:
            ours |= _without_proxy(inherited, gate)
            ours |= _clients(gate, places) if inject == "all" else _s3_only(gate)
    elif places.pfs != "/pfs":
        ours["RUNNER_PFS"] = places.pfs
    has_token = gate is not None and gate.token is not None
    if inject == "s3-only" and not has_token:
        for name in _CREDENTIALS:
            ours.pop(name, None)
    kept = _inherit(inherited, hide, keep_aws=inject == "s3-only", keep_credentials=not has_token)
    return kept | ours | dict(pipeline.transform.env) | dict(secrets)


def generated_files(gate: Gate) -> Mapping[str, str]:
    """Return the configuration files of clients by name, in the place of the user's own, which are another world's."""
    url = urlsplit(gate.endpoint)
    return {
        "config": (
            f"[default]\nregion = {gate.region}\nendpoint_url = {gate.endpoint}\ns3 =\n    addressing_style = path\n"
        ),
        "credentials": (
            f"[default]\naws_access_key_id = {gate.credential}\naws_secret_access_key = {gate.credential}\n"
        ),
        "s3cfg": (
            f"[default]\naccess_key = {gate.credential}\nsecret_key = {gate.credential}\nhost_base = {url.netloc}\n"
            f"host_bucket = {url.netloc}\nbucket_location = {gate.region}\nuse_https = {url.scheme == 'https'}\n"
        ),
    }


def _pachyderm(
    pipeline: Pipeline, identity: Identity, datum: Datum, gate: Gate | None, places: Places
) -> dict[str, str]:
    """Return what a Pachyderm worker sets: src/server/worker/driver/driver.go, worker_rc.go."""
    key = identity.key
    variables = {
        "PACH_IN_WORKER": "true",
        "PACH_NAMESPACE": NAMESPACE,
        "PPS_PROJECT_NAME": key.project,
        "PPS_PIPELINE_NAME": key.pipeline,
        "PPS_SPEC_COMMIT": pipeline.digest[:32],
        "PPS_POD_NAME": identity.host_name,
    }
    for member in datum.members:
        name = member.input.name
        variables[name] = f"{places.pfs}/{name}{member.path}".rstrip("/")
        variables[f"{name}_COMMIT"] = member.input.commit
        variables |= {f"PACH_DATUM_{name}_JOIN_ON": member.join_on} if member.join_on else {}
        variables |= {f"PACH_DATUM_{name}_GROUP_BY": member.group_by} if member.group_by else {}
    variables |= {
        "PACH_DATUM_ID": datum.id,
        "PACH_JOB_ID": key.id,
        "PACH_OUTPUT_COMMIT_ID": key.id,
    }
    if gate is None:
        return variables
    variables |= {
        "S3GATEWAY_PORT": str(urlsplit(gate.endpoint).port or 80),
        "S3_ENDPOINT": gate.endpoint,
        "AWS_ACCESS_KEY_ID": gate.credential,
        "AWS_SECRET_ACCESS_KEY": gate.credential,
    }
    return variables | ({"PACH_TOKEN": gate.token} if gate.token else {})


def _names_for_shells(datum: Datum, variables: Mapping[str, str]) -> dict[str, str]:
    """Return inputs whose name a shell cannot read under one that it can."""
    renamed = {}
    for member in datum.members:
        for name in (member.input.name, f"{member.input.name}_COMMIT"):
            readable = name.replace("-", "_")
            if readable not in variables:
                renamed[readable] = variables[name]
    return renamed


def _clients(gate: Gate, places: Places) -> dict[str, str]:
    """Return what makes S3 clients find us without a flag, and nothing but us."""
    url = urlsplit(gate.endpoint)
    folder = places.generated
    words = {
        "url": gate.endpoint,
        "scheme": url.scheme,
        "host": url.netloc,
        "https": "YES" if url.scheme == "https" else "NO",
        "ssl": "true" if url.scheme == "https" else "false",
        "key": gate.credential,
        "folder": folder,
    }
    return {
        "AWS_ENDPOINT_URL": gate.endpoint,
        "AWS_REGION": gate.region,
        "AWS_DEFAULT_REGION": gate.region,
        "AWS_CONFIG_FILE": f"{folder}/config",
        "AWS_SHARED_CREDENTIALS_FILE": f"{folder}/credentials",
        "AWS_EC2_METADATA_DISABLED": "true",
        **{alias.name: alias.value.format(**words) for alias in ALIASES},
        **_s3_only(gate),
    }


def _s3_only(gate: Gate) -> dict[str, str]:
    """Return what leads S3 alone to us; other services of AWS stay where they are."""
    return {"AWS_ENDPOINT_URL_S3": gate.endpoint, "AWS_ALLOW_HTTP": "true"}


def _without_proxy(inherited: Mapping[str, str], gate: Gate) -> dict[str, str]:
    """Return both spellings of the list of hosts that no proxy stands before, with ours added."""
    host = urlsplit(gate.endpoint).hostname or ""
    listed = ",".join(inherited.get(name, "") for name in ("no_proxy", "NO_PROXY"))
    hosts = list(dict.fromkeys([*(part.strip() for part in listed.split(",") if part.strip()), host]))
    return dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(hosts))


def _inherit(
    inherited: Mapping[str, str], hide: Sequence[str], *, keep_aws: bool, keep_credentials: bool
) -> dict[str, str]:
    """Return what of the runner's own environment the child may see."""
    hidden = [*_NEVER_INHERITED, *hide]
    if keep_aws:
        hidden.remove("AWS_*")
        hidden += [*_ENDPOINTS, *(() if keep_credentials else _CREDENTIALS)]
    return {
        name: value
        for name, value in inherited.items()
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in hidden)
    }


def _traceparent(inherited: Mapping[str, str], identity: Identity, datum: Datum) -> str:
    """Return a W3C trace context: the caller's trace when he has one, else one named by the job.

    Source: https://www.w3.org/TR/trace-context/#traceparent-header
    """
    span = hashlib.blake2b(f"{identity.key.id}{datum.id}".encode(), digest_size=8).hexdigest()
    fields = inherited.get("TRACEPARENT", "").split("-")
    well_formed = len(fields) == 4 and len(fields[1]) == 32 and set(fields[1]) - {"0"}  # noqa: PLR2004  # the format's
    return f"00-{fields[1] if well_formed else identity.key.id}-{span}-01"
