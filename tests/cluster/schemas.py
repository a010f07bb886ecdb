"""The schemas of Kubernetes' minor versions, strict: a field that they do not know is an error."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

MINORS = ("1.33", "1.35", "1.36", "1.37")
"""The oldest that is promised, and those that were maintained when this was written."""

_GROUPS = {"v1": "v1", "batch/v1": "batch-v1", "apps/v1": "apps-v1"}


def errors(manifest: Mapping[str, Any], minor: str) -> list[str]:
    """Return what a schema has against *manifest*."""
    validator = _validator(minor, manifest["apiVersion"], manifest["kind"])
    return [f"{minor} {error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]


def check(manifests) -> None:
    """Fail on the first manifest that some version does not take."""
    for manifest in manifests:
        for minor in MINORS:
            assert errors(manifest, minor) == []


@cache
def _validator(minor: str, api: str, kind: str) -> Draft202012Validator:
    schema = _contents(minor, f"{kind.lower()}-{_GROUPS[api]}.json")
    registry = Resource.from_contents(_contents(minor, "_definitions.json")) @ Registry()
    return Draft202012Validator(schema, registry=Resource.from_contents(schema) @ registry)


@cache
def _contents(minor: str, name: str) -> Any:
    return schema_contents(f"kubernetes-json-schema/v{minor}.0-local-strict/{name}", minor)
