"""Names and labels that Kubernetes takes, different ones for different pipelines.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from runner.model.errors import Invalid
from runner.model.provenance import canonical

NAME_LIMIT = 54
"""Of a base name: with the digest of `with_digest` it is the 63 characters that a label may have."""

_SUBDOMAIN_LIMIT = 253
_LABEL_LIMIT = 63

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")  # RFC 1035, which a Service's name must obey
_LABEL_OF_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_KEY_OF_DATA = re.compile(r"[-._a-zA-Z0-9]+")
_ENDS_LIKE_A_DIGEST = re.compile(r"-[0-9a-f]{8}$")
_NOT_OF_A_LABEL = re.compile(r"[^a-z0-9]+")


class NotAName(Invalid):
    """Kubernetes does not take it as a name, label or key of the kind that it is to be."""


def base_name(project: str, pipeline: str) -> str:
    """Return the name of what a pipeline becomes: ``PROJECT-PIPELINE`` where that is one and no other pipeline's.

    Where it had to be changed or cut, or another pair could come to the same, a digest of the pair follows.
    """
    plain = f"{project}-{pipeline}"
    slug = _NOT_OF_A_LABEL.sub("-", plain.lower()).strip("-")
    slug = slug if slug[:1].isalpha() else f"p-{slug}".rstrip("-")
    is_unique = slug == plain and "-" not in project and not _ENDS_LIKE_A_DIGEST.search(plain)
    if is_unique and len(slug) <= NAME_LIMIT:
        return slug
    digest = _digest({"project": project, "pipeline": pipeline})
    return f"{slug[: NAME_LIMIT - 9].rstrip('-')}-{digest}"


def with_digest(base: str, content: Mapping[str, Any]) -> str:
    """Return a name that is another for each *content*, since that cannot be changed under one name."""
    return f"{base}-{_digest(content)}"


def label_value(text: str) -> str:
    """Return *text* where it can be a label's value, else what is left of it and its digest."""
    if len(text) <= _LABEL_LIMIT and _QUALIFIED.fullmatch(text):
        return text
    kept = re.sub(r"[^-A-Za-z0-9_.]+", "-", text)[: _LABEL_LIMIT - 9].strip("-_.")
    return f"{kept}-{_digest({'text': text})}" if kept else _digest({"text": text})


def check_base_name(text: str, place: str) -> None:
    """Refuse what the names of all objects cannot begin with; raises `NotAName`."""
    if len(text) > NAME_LIMIT or not _LABEL.fullmatch(text):
        wanted = f"at most {NAME_LIMIT} lower-case letters, digits and dashes, a letter first"
        raise NotAName(f"{place} is {text!r}; it must be {wanted}")


def check_namespace(text: str, place: str) -> None:
    """Refuse what no namespace is called; raises `NotAName`."""
    if len(text) > _LABEL_LIMIT or not _LABEL_OF_NAMESPACE.fullmatch(text):
        raise NotAName(f"{place} is {text!r}; it must be at most 63 lower-case letters, digits and dashes")


def check_object_name(text: str, place: str) -> None:
    """Refuse what no Secret, claim or account is called; raises `NotAName`."""
    if len(text) > _SUBDOMAIN_LIMIT or not _SUBDOMAIN.fullmatch(text):
        raise NotAName(f"{place} is {text!r}; it must be lower-case letters, digits, dashes and dots")


def check_data_key(text: str, place: str) -> None:
    """Refuse what no key of a Secret is called; raises `NotAName`."""
    if len(text) > _SUBDOMAIN_LIMIT or text.startswith("..") or text == "." or not _KEY_OF_DATA.fullmatch(text):
        raise NotAName(f"{place} is {text!r}; it must be letters, digits, dashes, dots and underscores")


def check_variable(text: str, place: str) -> None:
    """Refuse what no variable of a container is called; raises `NotAName`."""
    if not text.isascii() or not text.isprintable() or "=" in text or not text:
        raise NotAName(f"{place} is {text!r}; it must be printable ASCII without =")


def check_labels(labels: Mapping[str, str], place: str) -> None:
    """Refuse labels, also a node's, that cannot be; raises `NotAName`."""
    for key, value in labels.items():
        check_key(key, place)
        if value and (len(value) > _LABEL_LIMIT or not _QUALIFIED.fullmatch(value)):
            wanted = "at most 63 letters, digits, dashes, dots and underscores, a letter or digit first and last"
            raise NotAName(f"{place}.{key} is {value!r}; it must be {wanted}")


def check_key(key: str, place: str) -> None:
    """Refuse keys of labels and annotations that cannot be; raises `NotAName`."""
    prefix, slash, name = key.rpartition("/")
    is_prefix = not slash or (len(prefix) <= _SUBDOMAIN_LIMIT and _SUBDOMAIN.fullmatch(prefix))
    if not is_prefix or len(name) > _LABEL_LIMIT or not _QUALIFIED.fullmatch(name):
        raise NotAName(f"{place} has the key {key!r}; it must be NAME or DOMAIN/NAME, such as example.com/team")


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.blake2b(canonical(content), digest_size=4).hexdigest()
