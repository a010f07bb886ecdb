from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from botocore.auth import HmacV1Auth, HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth
from hypothesis import given
from hypothesis import strategies as st

from runner.gateway.auth import NOBODY, Guard, SignedHead
from runner.gateway.errors import S3Error
from runner.gateway.request import Query

from .signing import GUARD, HEADER_SIGNERS, TOKEN, URL_SIGNERS, head, now, signed

ANY_SIGNER = [*HEADER_SIGNERS, *URL_SIGNERS]
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8"), max_size=20)
HEADER_VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


def refusal(signed_head, at=None, guard=GUARD):
    with pytest.raises(S3Error) as caught:
        guard.admit(signed_head, at or now())
    return caught.value


def with_header(signed_head, name, value):
    headers = [(other, old) for other, old in signed_head.headers if other != name]
    return SignedHead(signed_head.method, signed_head.address, signed_head.query, [*headers, (name, value)])


def with_query(signed_head, text):
    return SignedHead(signed_head.method, signed_head.address, Query(text), signed_head.headers)


@given(
    st.sampled_from(ANY_SIGNER),
    st.tuples(st.sampled_from(["http://127.0.0.1:1600/out/", "http://out.s3.example:1600/"]), KEYS),
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.dictionaries(NAMES.map("x-amz-meta-{}".format), HEADER_VALUES, max_size=3),
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
)
def test_whatever_botocore_signs_is_let_in(signer, where, query, metadata, method):
    url = where[0] + quote(where[1], safe="/~")
    parameters = urlencode(query, quote_via=quote, safe="-_.~")
    assert GUARD.admit(signed(signer, method, f"{url}?{parameters}", metadata.items()), now()).principal.name == "ada"


@pytest.mark.parametrize("signer", ANY_SIGNER)
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://127.0.0.1:1/out",
        "http://127.0.0.1:1/out/",
        "http://out.s3.example/",
        "http://h/o/a?acl",
    ],
)
def test_services_buckets_and_subresources_are_let_in(signer, url):
    assert GUARD.admit(signed(signer, "GET", url), now()).principal.name == "ada"


@pytest.mark.parametrize("signer", ANY_SIGNER)
def test_a_wrong_secret_does_not_match(signer):
    error = refusal(signed(signer, "GET", "http://h/out/k", secret="another-secret"))
    assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)


@pytest.mark.parametrize("signer", ANY_SIGNER)
def test_another_token_is_unknown_even_when_it_signs_well(signer):
    error = refusal(signed(signer, "GET", "http://h/out/k", access_key="someone-else", secret="someone-else"))
    assert (error.code, error.status) == ("InvalidAccessKeyId", 403)


@pytest.mark.parametrize("signer", ANY_SIGNER)
def test_a_signature_is_good_for_its_own_method_and_path_alone(signer):
    request = signed(signer, "GET", "http://h/out/k")
    elsewhere = head("GET", "http://h/out/other", []).address
    assert refusal(SignedHead("PUT", request.address, request.query, request.headers)).code == "SignatureDoesNotMatch"
    assert refusal(SignedHead("GET", elsewhere, request.query, request.headers)).code == "SignatureDoesNotMatch"


def test_without_credentials_somebody_is_nobody():
    for headers in ([], [("authorization", "")]):
        assert GUARD.admit(head("GET", "http://h/out/k", headers), now()) is NOBODY


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("Bearer abc", "InvalidArgument"),
        ("AWS HAHAHA", "InvalidArgument"),
        ("AWS :", "InvalidArgument"),
        ("AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=a", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=x", "AuthorizationHeaderMalformed"),
        (
            "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Credential=a/b/c/d/e, SignedHeaders=h",
            "AuthorizationHeaderMalformed",
        ),
    ],
)
def test_credentials_that_are_none_are_refused_clearly(value, code):
    assert refusal(head("GET", "http://h/out/k", [("authorization", value)])).code == code


@pytest.mark.parametrize(
    "query",
    [
        b"X-Amz-Credential=" + TOKEN.encode() + b"%2F20260101%2Fus-east-1%2Fs3%2Faws4_request",
        b"X-Amz-Signature=0",
        b"X-Amz-Algorithm=AWS4-HMAC-SHA256",
        b"AWSAccessKeyId=" + TOKEN.encode(),
        b"Signature=x&Expires=99999999999",
    ],
)
def test_half_a_presigned_url_opens_nothing(query):
    """Credentials named in a query, and a body form that needs no signature, once were enough elsewhere."""
    request = head("PUT", "http://h/out/k", [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")])
    assert refusal(with_query(request, query)).status == 403


def test_an_unsigned_trailer_needs_a_good_signature_all_the_same():
    form = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
    assert refusal(signed(S3SigV4Auth, "PUT", "http://h/out/k", form.items(), secret="wrong")).status == 403


def test_two_kinds_of_credentials_at_once_are_refused():
    request = signed(S3SigV4QueryAuth, "GET", "http://h/out/k")
    assert refusal(with_header(request, b"authorization", b"AWS a:b")).code == "InvalidArgument"


@pytest.mark.parametrize("signer", HEADER_SIGNERS)
@pytest.mark.parametrize("minutes", [-16, 16, 60 * 24 * 365 * 10])
def test_a_request_from_another_time_is_refused(signer, minutes):
    error = refusal(signed(signer, "GET", "http://h/out/k"), now() + timedelta(minutes=minutes))
    assert (error.code, error.status) == ("RequestTimeTooSkewed", 403)


@pytest.mark.parametrize("signer", HEADER_SIGNERS)
@pytest.mark.parametrize(
    ("date", "code"),
    [
        (b"", "AccessDenied"),
        (b"yesterday", "AccessDenied"),
        (b"Tue, 07 Jul 1950 21:53:04 GMT", "AccessDenied"),
        (b"Tue, 07 Jul 2010 21:53:04 GMT", "RequestTimeTooSkewed"),
        (b"Tue, 07 Jul 2030 21:53:04 GMT", "RequestTimeTooSkewed"),
        (b"Tue, 07 Jul 9999 21:53:04 GMT", "RequestTimeTooSkewed"),
        (b"20300101T000000Z", "RequestTimeTooSkewed"),
    ],
)
def test_the_date_is_judged_before_the_signature(signer, date, code):
    request = with_header(signed(signer, "GET", "http://h/out/k"), b"x-amz-date", date)
    assert refusal(request).code == code


def test_a_date_header_dates_a_request_of_version_4():
    class WithDate(S3SigV4Auth):
        def _set_necessary_date_headers(self, request):
            moment = datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            request.headers["Date"] = moment.strftime("%a, %d %b %Y %H:%M:%S -0000")

    assert GUARD.admit(signed(WithDate, "GET", "http://h/out/k"), now()).principal.name == "ada"


def test_version_2_takes_x_amz_date_with_and_without_the_line_of_date():
    class TextBook(HmacV1Auth):
        def canonical_standard_headers(self, headers):
            return super().canonical_standard_headers(
                {name: v for name, v in headers.items() if name.lower() != "date"}
            )

        def _get_date(self):
            return ""

    amz_date = {"x-amz-date": now().strftime("%a, %d %b %Y %H:%M:%S GMT")}
    for signer in (HmacV1Auth, TextBook):
        assert GUARD.admit(signed(signer, "GET", "http://h/out/k", amz_date.items()), now()).principal.name == "ada"


def test_a_header_that_s3_acts_on_must_be_signed():
    for signer in (S3SigV4Auth, S3SigV4QueryAuth):
        request = signed(signer, "PUT", "http://h/out/k")
        assert refusal(with_header(request, b"x-amz-acl", b"public-read")).code == "AccessDenied"


def test_a_parameter_that_was_added_is_noticed():
    request = signed(S3SigV4QueryAuth, "GET", "http://h/out/k")
    text = urlencode([*request.query.items(), ("versionId", "1")], quote_via=quote).encode()
    assert refusal(with_query(request, text)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("seconds", [0, -1, 604_801, 10**9])
def test_a_lifetime_out_of_bounds_is_refused(seconds):
    error = refusal(signed(S3SigV4QueryAuth, "GET", "http://h/out/k", expires=seconds))
    assert error.status == 403


@pytest.mark.parametrize("signer", URL_SIGNERS)
def test_a_presigned_url_ends_with_its_lifetime(signer):
    request = signed(signer, "GET", "http://h/out/k", expires=60)
    assert GUARD.admit(request, now() + timedelta(seconds=50)).principal.name == "ada"
    error = refusal(request, now() + timedelta(seconds=62))
    assert (error.code, error.status) == ("AccessDenied", 403)


def test_a_presigned_url_from_the_future_is_refused():
    assert refusal(signed(S3SigV4QueryAuth, "GET", "http://h/out/k"), now() - timedelta(hours=1)).status == 403


@pytest.mark.parametrize("expires", ["soon", "-5", "", "1e9"])
def test_version_2_wants_a_lifetime_in_seconds(expires):
    request = signed(HmacV1QueryAuth, "GET", "http://h/out/k")
    pairs = {**request.query, "Expires": expires}
    assert refusal(with_query(request, urlencode(pairs, quote_via=quote).encode())).code == "AccessDenied"


def test_a_credential_of_another_day_or_service_does_not_match():
    request = signed(S3SigV4Auth, "GET", "http://h/out/k")
    authorization = request.header(b"authorization")
    for old, new in ((now().strftime("/%Y%m%d/"), "/20200101/"), ("/s3/", "/sts/")):
        forged = with_header(request, b"authorization", authorization.replace(old, new).encode())
        assert refusal(forged).code == "SignatureDoesNotMatch"


def test_percent_encoded_slashes_verify_as_sent():
    assert GUARD.admit(signed(S3SigV4Auth, "GET", "http://h/out/a%2Fb"), now()).principal.name == "ada"


def test_without_a_token_everybody_is_let_in_and_nothing_is_looked_at():
    guard = Guard(None, "ada")
    for headers in ([], [("authorization", "AWS4-HMAC-SHA256 rubbish")], [("authorization", "Bearer x")]):
        caller = guard.admit(head("PUT", "http://h/out/k?X-Amz-Expires=0&X-Amz-Signature=0", headers), now())
        assert (caller.principal.is_anonymous, caller.signer) == (True, None)
