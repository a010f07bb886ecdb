"""The settings by their sections, with their types; what each means stands in ``conf/runner.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner.model.store_url import StoreUrl

Inject = Literal["all", "s3-only", "compat"]


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """``[storage]``."""

    hosts: Path
    lease_seconds: float
    allow_network_folder: bool
    retry_seconds: float


@dataclass(frozen=True, slots=True)
class GcSettings:
    """``[gc]``."""

    grace_seconds: float
    remote_grace_seconds: float
    quarantine_seconds: float


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """``[gateway]``."""

    listen: str
    advertise: str
    region: str
    idle_seconds: float
    drain_seconds: float


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """``[serve]``; *tls_cert* and *tls_key* None: plain HTTP."""

    listen: str
    commit_idle_seconds: float
    commit_max_seconds: float
    commit_max_keys: int
    tls_cert: Path | None
    tls_key: Path | None


@dataclass(frozen=True, slots=True)
class AdminSettings:
    """``[admin]``; *listen* empty: there is no admin port."""

    listen: str


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """``[worker]``."""

    reconcile_seconds: float
    coalesce: bool


@dataclass(frozen=True, slots=True)
class SidecarSettings:
    """``[sidecar]``; *tls_cert* and *tls_key* None: plain HTTP."""

    listen: str
    env_seconds: float
    lost_seconds: float
    tls_cert: Path | None
    tls_key: Path | None


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """``[auth]``."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class JobSettings:
    """``[job]``."""

    inject: Inject
    hide: tuple[str, ...]
    private_tmp: bool
    namespaces: Literal["auto", "off"]
    grace_seconds: float
    core_bytes: int
    open_files: int
    limits: Literal["auto", "off"]
    egress_seconds: float
    record_environment: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SecretsSettings:
    """``[secrets]``; *folder* None: there is none."""

    folder: Path | None


@dataclass(frozen=True, slots=True)
class Settings:
    """All of them."""

    store: Path | StoreUrl
    blobs: str
    project: str
    log_format: Literal["auto", "plain", "json"]
    log_level: Literal["debug", "info", "warning", "error"]
    log_stream: Literal["stderr", "stdout"]
    storage: StorageSettings
    gc: GcSettings
    gateway: GatewaySettings
    serve: ServeSettings
    admin: AdminSettings
    worker: WorkerSettings
    sidecar: SidecarSettings
    auth: AuthSettings
    job: JobSettings
    secrets: SecretsSettings
