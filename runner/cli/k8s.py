"""``runner k8s``: a pipeline as manifests for Kubernetes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.options import Options, noun, remark
from runner.model.errors import Invalid

if TYPE_CHECKING:
    from runner.cluster.request import Request, SecretKey

_TOPOLOGIES = ("job", "sidecar", "worker")


class OptionsConflict(Invalid):
    """Two options cannot both hold, or one has a value that it cannot have."""


@noun("k8s")
def k8s() -> None:
    """Render manifests for Kubernetes."""


@k8s.command("render")
@click.argument("spec", metavar="SPEC", type=click.Path(path_type=Path))
@click.option("--topology", type=click.Choice(_TOPOLOGIES), default="job", help="What it becomes; default: job.")
@click.option("--image", metavar="IMAGE", help="Of the command; over transform.image.")
@click.option("--runner-image", metavar="IMAGE", help="Of the runner: the sidecar's, else copied into the pod.")
@click.option("-n", "--namespace", metavar="NAME", help="Namespace of all objects.")
@click.option("--name", metavar="NAME", help="Base of all names; default: PROJECT-PIPELINE.")
@click.option("--service", is_flag=True, help="Let other pods reach what listens: S3 1600, admin 1680.")
@click.option("--service-account", metavar="NAME", help="Whom the pods are to the cluster.")
@click.option("--store-claim", metavar="NAME", help="Claim that holds the embedded store; default: runner-store.")
@click.option("--store-secret", metavar="NAME/KEY", help="Secret that holds the URL of a PostgreSQL store.")
@click.pass_obj
def render(options: Options, /, spec: Path, **said: Any) -> int:
    """Print what runs SPEC in a cluster, for kubectl apply -f -: as YAML, or as JSON with -o json.

    A job runs it once: the image holds the runner, or gets it from --runner-image. A sidecar runs beside an image that
    cannot be wrapped. A worker goes on: a deployment that runs a job for each new commit.
    """
    from runner.cli.spec import show_warnings
    from runner.cluster.render import render as render_one
    from runner.cluster.text import as_list, as_yaml
    from runner.spec.pipelines import load_pipelines

    request, project = _request(options, said)
    loaded = load_pipelines(spec, project=project)
    if len(loaded) > 1 and (request.name or request.image):
        raise OptionsConflict(
            f"{spec} declares {len(loaded)} pipelines, and --name and --image are of one",
            hint="give a file with one of them",
        )
    rendered = [render_one(one.pipeline, request) for one in loaded]
    if not options.quiet:
        show_warnings(loaded, has_image=True)
    for text in dict.fromkeys(text for one in rendered for text in one.remarks):
        remark(options, text)
    manifests = [manifest for one in rendered for manifest in one.manifests]
    sys.stdout.write(as_list(manifests) if options.is_json else as_yaml(manifests))
    return 0


def _request(options: Options, said: dict[str, Any]) -> tuple[Request, str]:
    """Return what is asked for, and the project of specs that name none; raises `Invalid`."""
    from runner.cluster.request import CLAIM, Request, Topology
    from runner.host import settings as host_settings

    if options.store is not None:
        hint = "give --store-claim NAME, or --store-secret NAME/KEY for PostgreSQL"
        raise OptionsConflict("--store is a store of this machine, not of a cluster", hint=hint)
    if said["store_claim"] and said["store_secret"]:
        raise OptionsConflict("--store-claim and --store-secret are two stores", hint="give one of them")
    if bool(options.blobs) != bool(said["store_secret"]):
        raise OptionsConflict("--store-secret and --blobs belong together", hint="an embedded store has its own blobs")
    settings = host_settings.load({"project": options.project} if options.project else {}, options.config)
    request = Request(
        topology=Topology(said["topology"]),
        image=said["image"] or "",
        runner_image=said["runner_image"] or "",
        name=said["name"] or "",
        namespace=said["namespace"] or "",
        service_account=said["service_account"] or "",
        store_claim=said["store_claim"] or CLAIM,
        store_secret=_secret_key(said["store_secret"]),
        blobs=options.blobs or "",
        has_service=said["service"],
        grace_seconds=settings.job.grace_seconds,
    )
    return request, settings.project


def _secret_key(text: str | None) -> SecretKey | None:
    from runner.cluster.request import SecretKey

    if not text:
        return None
    name, slash, key = text.partition("/")
    if not slash:
        raise OptionsConflict(f"--store-secret {text} names no key", hint="write --store-secret NAME/KEY")
    return SecretKey(name, key)
