"""OPTIONS object: a browser asks whether a page may send a request, before it sends it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html
"""

from __future__ import annotations

from runner.gateway import cors
from runner.gateway.errors import S3Error
from runner.gateway.request import Request, Response
from runner.gateway.target import bucket_name


async def run(request: Request) -> Response:
    """Answer by the first rule that lets the page; no credentials come, and none are needed."""
    origin = request.headers.get("origin")
    method = request.headers.get("access-control-request-method")
    if not origin or not method:
        raise S3Error("BadRequest", "Insufficient information. Origin request header needed.")
    wanted = [
        name.strip() for name in request.headers.get("access-control-request-headers", "").split(",") if name.strip()
    ]
    rule = cors.find(request.view.find_document(bucket_name(request), cors.NAME), origin, method, wanted)
    if rule is None:
        raise S3Error("AccessDenied", "CORSResponse: This CORS request is not allowed.")
    return Response(200, cors.headers(rule, origin, method, wanted))
