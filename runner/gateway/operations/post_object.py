"""PostObject: store the file of an HTML form.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from runner.gateway import attributes, tags, xml
from runner.gateway.body import announced
from runner.gateway.errors import S3Error
from runner.gateway.form import fields, policy
from runner.gateway.form.fields import Form
from runner.gateway.form.file import FormFile
from runner.gateway.form.policy import SizeRange
from runner.gateway.principal import Principal
from runner.gateway.request import Request, Response
from runner.gateway.responses import XML_TYPE, checksum_headers
from runner.gateway.target import bucket_name
from runner.gateway.versions import written_header
from runner.model.entry import KEY_MAX_BYTES, Attributes, Entry

_NAMES = {"acl": "x-amz-acl"}
"""Fields that are called otherwise than the headers that say the same."""
_CREATED, _NO_CONTENT, _SEE_OTHER = 201, 204, 303


async def run(request: Request) -> Response:
    """Store the file once it turned out to be what its policy allows and the form announces."""
    form = await fields.read(request.body, request.headers)
    principal = _principal(request, form.fields)
    name = bucket_name(request)
    bucket = await request.views(principal).get_bucket(name)
    key, said = _key(form), form.fields
    judged = {**said, "key": key}
    size_range = policy.judge(judged, name, datetime.now(UTC)) if "policy" in said or _asks(request) else None
    entry = await bucket.put(key.encode(), _file(form, size_range), _attributes(said, principal))
    return _reply(request, said, entry)


def _asks(request: Request) -> bool:
    return request.options.credentials is not None


def _principal(request: Request, said: Mapping[str, str]) -> Principal:
    """Return who signed the form; while nobody is asked who he is, everybody did."""
    credentials = request.options.credentials
    return request.principal if credentials is None else policy.authenticate(said, credentials)


def _key(form: Form) -> str:
    key = form.fields.get("key", "").replace("${filename}", form.filename)
    if not key:
        raise S3Error("InvalidArgument", "Bucket POST must contain a field named 'key'.")
    if len(key.encode()) > KEY_MAX_BYTES:
        raise S3Error("KeyTooLongError")
    return key


def _file(form: Form, size_range: SizeRange | None) -> FormFile:
    names = {name: text for name, text in form.fields.items() if name in announced.CHECKSUM_HEADERS}
    if "content-md5" in form.fields:
        names["content-md5"] = form.fields["content-md5"]
    return FormFile(form.pieces, announced.read(names), size_range)


def _attributes(said: Mapping[str, str], principal: Principal) -> Attributes:
    """Return what the form stores beside the bytes, by the fields that are called as headers are."""
    headers = {_NAMES.get(name, name): text.encode().decode("latin-1") for name, text in said.items()}
    attributes.refuse_unserved(headers, principal.name)
    kept = attributes.from_headers({name: text for name, text in headers.items() if name != tags.HEADER})
    return replace(kept, tags=tags.from_document(said["tagging"].encode())) if "tagging" in said else kept


def _reply(request: Request, said: Mapping[str, str], entry: Entry) -> Response:
    name, key = bucket_name(request), entry.key.decode()
    location = f"{request.scheme}://{request.authority}/{name}/{quote(key)}"
    etag = f'"{entry.etag}"'
    headers = {
        "ETag": etag,
        "Location": location,
        **checksum_headers(entry.checksum),
        **written_header(entry.version),
    }
    target = said.get("success_action_redirect") or said.get("redirect")
    if target and urlsplit(target).scheme in ("http", "https"):
        more = urlencode({"bucket": name, "key": key, "etag": etag})
        headers["Location"] = f"{target}{'&' if urlsplit(target).query else '?'}{more}"
        return Response(_SEE_OTHER, headers)
    status = said.get("success_action_status")
    if status == str(_CREATED):
        elements = {"Location": location, "Bucket": name, "Key": key, "ETag": etag}
        body = xml.bare_document("PostResponse", [xml.element(each, text) for each, text in elements.items()])
        return Response(_CREATED, {**headers, "Content-Type": XML_TYPE}, body)
    return Response(200 if status == "200" else _NO_CONTENT, headers)
