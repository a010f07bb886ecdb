"""Object stores of others, in S3, Google Cloud Storage and Azure: where a URL leads, and a client for it.

Knows what their client library wants and what it says; knows nothing of what is kept there. The library is an extra,
and imported only where it is used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runner.model.errors import Invalid

if TYPE_CHECKING:
    from obstore.store import ObjectStore

FORMS = "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"

_EXTRA = "objectstores"
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(milliseconds=100), timedelta(seconds=5)
_MOST_RETRIES = 10_000  # the time is the limit

_SCHEMES = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "azure": "az", "abfs": "az", "abfss": "az"}
_WASB = frozenset({"wasb", "wasbs"})
_CREDENTIALS = {
    "s3": ("AWS_*",),
    "gs": ("GOOGLE_*",),
    "az": ("AZURE_*", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"),
}
_ANSWER = re.compile(
    r"performing [A-Z]+ (?P<url>\S+) in .*?status code: (?P<status>\d{3}[^:<\n]*)(?:.*?<Message>(?P<said>[^<]*))?",
    re.DOTALL,
)
_PLAIN = re.compile(r"http://[^/\s]+(?=\S* in \S+ - HTTP error: builder error)")
_MISTAKES = ("400", "401", "403", "404")
_QUERY = re.compile(r"\?[^\s\"')]*")
_USER = re.compile(r"://[^/@\s]+@")


class LocationInvalid(Invalid):
    """A URL names no object store that we can use."""


class ExtraMissing(Invalid):
    """What speaks to object stores is not installed."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in an object store.

    Attributes:
        url: As its user wrote it; without credentials.
        credentials: Patterns of the variables that may hold those of its owner.
    """

    url: str
    credentials: Sequence[str]
    _url: str

    def open(self, retry_seconds: float) -> ObjectStore:
        """Return a client; asks nothing of anybody yet. Credentials and endpoint are in the variables of the SDKs.

        Args:
            retry_seconds: For so long requests that fail for no fault of theirs are repeated, with growing pauses.
                A store that answers nothing at all takes half a minute longer.

        Raises:
            Whatever the library says of variables that make no sense: see `is_failure`.
        """
        from obstore.store import from_url

        config: Any = {}
        if self.url.startswith("s3") and (endpoint := os.environ.get("AWS_ENDPOINT_URL_S3")):
            config["endpoint"] = endpoint  # the library knows AWS_ENDPOINT_URL alone
        return from_url(
            self._url,
            config=config,
            retry_config={
                "max_retries": _MOST_RETRIES,
                "retry_timeout": timedelta(seconds=retry_seconds),
                "backoff": {"init_backoff": _FIRST_PAUSE, "max_backoff": _LONGEST_PAUSE, "base": 2},
            },
        )


def locate(url: str, what: str) -> Location:
    """Return where *url* leads.

    Args:
        url: ``az://CONTAINER/PREFIX`` takes the account from AZURE_STORAGE_ACCOUNT_NAME; ``wasb`` and ``abfs`` URLs
            may name it themselves.
        what: Names the use in errors, such as ``egress``.

    Raises:
        LocationInvalid, ExtraMissing.
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.password is not None:
        raise LocationInvalid(f"the URL of {what} holds more than a place", hint="give credentials in the environment")
    scheme, location = _SCHEMES.get(parts.scheme, ""), url
    if parts.scheme in _WASB and parts.username and parts.hostname:
        scheme, location = "az", f"https://{parts.hostname}/{parts.username}{parts.path}"
    elif not scheme or not parts.netloc:
        raise LocationInvalid(f"{what} cannot use {url}", hint=f"write {FORMS}")
    if find_spec("obstore") is None:
        raise ExtraMissing(
            f"{what} in {url} needs what speaks to object stores", hint=f"pip install 'sidecar-runner[{_EXTRA}]'"
        )
    return Location(url, _CREDENTIALS[scheme], location.replace("gcs://", "gs://", 1))


def is_failure(error: BaseException) -> bool:
    """Tell whether the client library raised *error* about the store, and not about a mistake of ours."""
    from obstore.exceptions import BaseError

    return isinstance(error, (BaseError, OSError))


def is_mistake(error: BaseException) -> bool:
    """Tell whether a failure is its user's to mend: a wrong bucket or region, or variables that do not open it.

    What was never asked of anybody is one, since only the variables can have been wrong.
    """
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError, UnknownConfigurationKeyError

    wrong = (FileNotFoundError, PermissionDeniedError, UnauthenticatedError, UnknownConfigurationKeyError)
    text = str(error)
    answer = _ANSWER.search(text)
    if answer is not None:
        return answer["status"][:3] in _MISTAKES
    return isinstance(error, wrong) or bool(_PLAIN.search(text)) or (is_failure(error) and "performing" not in text)


def sentence(error: BaseException) -> str:
    """Return in one line what the store or the library says, without what may be a signature or a password."""
    text = str(error)
    if answer := _ANSWER.search(text):
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(answer["url"]))
        said = unescape(answer["said"] or "").strip().partition("\n")[0].rstrip(".")
        found = f"{origin} answered {answer['status'].strip()}" + (f": {said}" if said else "")
    elif plain := _PLAIN.search(text):
        found = f"{plain[0]} is not encrypted, and no variable such as AWS_ALLOW_HTTP=true allows that"
    else:
        found = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return _USER.sub("://", _QUERY.sub("", found))
