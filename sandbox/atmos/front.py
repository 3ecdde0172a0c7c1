"""The WSO2 API manager in front of ATMOS: paths, access tokens and its own way of failing."""

import json
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import cycle
from random import Random
from urllib.parse import parse_qsl

KEY = SECRET = "sandbox"

PATHS = {
    "/token": "token",
    "/revoke": "revoke",
    "/merchant/pay/create": "create",
    "/merchant/pay/pre-apply": "pre-apply",
    "/merchant/pay/pre-confirm": "pre-apply",
    "/merchant/pay/retry-otp": "retry-otp",
    "/merchant/pay/otp-resend": "retry-otp",
    "/merchant/pay/confirm": "confirm",
    "/merchant/pay/apply": "confirm",
    "/merchant/pay/apply-ofd": "confirm",
    "/merchant/pay/get": "get",
    "/merchant/pay/reverse": "reverse",
}

SHAPES = {
    "xml": (
        "application/xml",
        (
            '<ams:fault xmlns:ams="http://wso2.org/apimanager/security">'
            "<ams:code>{code}</ams:code><ams:message>{message}</ams:message>"
            "<ams:description>{description}</ams:description></ams:fault>"
        ),
    ),
    "fault": (
        "application/json",
        '{{"fault":{{"code":{code},"message":"{message}","description":"{description}"}}}}',
    ),
    "flat": (
        "application/json",
        '{{"code":"{code}","message":"{message}","description":"{description}"}}',
    ),
    "am": (  # of other handlers of it
        "application/xml",
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<am:fault xmlns:am="http://wso2.org/apimanager"><am:code>{code}</am:code>'
            "<am:type>Status report</am:type><am:message>Runtime Error</am:message>"
            "<am:description>{message}</am:description></am:fault>"
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]  # lower-case names
    body: bytes
    query: Mapping[str, str]

    def form(self) -> dict[str, str]:
        return {**self.query, **dict(parse_qsl(self.body.decode(errors="replace")))}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


def in_json(status: int, content: object) -> Answer:
    body = json.dumps(content, ensure_ascii=False).encode()
    return Answer(status, body, "application/json")


class Front:
    """Lets a request through to the back end, or says why not."""

    def __init__(
        self,
        *,
        now: Callable[[], float],
        random: Random,
        token_ttl: float,
        missing_paths: Collection[str],
        fault_shape: str | None,
    ) -> None:
        self._now = now
        self._random = random
        self._token_ttl = token_ttl
        self._missing_paths = missing_paths
        self._shapes = cycle([fault_shape] if fault_shape else SHAPES)
        self._tokens: dict[str, float] = {}

    def operation(self, path: str) -> str | None:
        return None if path in self._missing_paths else PATHS.get(path)

    def stopped(self, request: Request) -> Answer | None:
        """Answer in place of the back end, if the request must not reach it."""
        operation = self.operation(request.path)
        if operation is None:
            return self.fault(404, 900906, "No matching resource found for given API Request")
        if request.method != "POST":
            return self.fault(405, 405, "Method not allowed for given API resource")
        if operation in ("token", "revoke"):
            return None if self._knows_client(request) else self._stranger()
        return self._unauthorized(request.headers.get("authorization", ""))

    def token(self, request: Request) -> Answer:
        grant = request.form().get("grant_type")
        if grant == "client_credentials":
            return in_json(200, self._grant())
        error = "unsupported_grant_type" if grant else "invalid_request"
        return in_json(400, {"error": error, "error_description": "Check grant_type."})

    def revoke(self, request: Request) -> Answer:
        self._tokens.pop(request.form().get("token", ""), None)
        return Answer(200, b"", "text/plain")

    def expire_tokens(self) -> None:
        self._tokens.clear()

    def throttled(self, seconds: float) -> Answer:
        answer = self.fault(429, 900802, "Message throttled out")
        return replace(answer, headers={"Retry-After": f"{seconds:.0f}"})

    def fault(self, status: int, code: int, message: str) -> Answer:
        """Fail in the next of the shapes the gateway is known to fail in."""
        content_type, text = SHAPES[next(self._shapes)]
        body = text.format(code=code, message=message, description=f"{message}.")
        return Answer(status, body.encode(), content_type)

    def _knows_client(self, request: Request) -> bool:
        expected = b64encode(f"{KEY}:{SECRET}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {expected}"

    def _stranger(self) -> Answer:
        error = {
            "error": "invalid_client",
            "error_description": "Client Authentication failed.",
        }
        return in_json(401, error)

    def _unauthorized(self, authorization: str) -> Answer | None:
        if not authorization:
            return self.fault(401, 900902, "Missing Credentials")
        scheme, _, token = authorization.partition(" ")
        if scheme == "Bearer" and self._tokens.get(token, 0) > self._now():
            return None
        return self.fault(401, 900901, "Invalid Credentials")

    def _grant(self) -> dict[str, object]:
        token, left = self._live_token()
        return {
            "access_token": token,
            "scope": "am_application_scope default",
            "token_type": "Bearer",
            "expires_in": int(left),
        }

    def _live_token(self) -> tuple[str, float]:
        """Give the live token again with what is left of it, as WSO2 does."""
        now = self._now()
        for token, expires in self._tokens.items():
            if expires - now >= 1:
                return token, expires - now
        token = f"eyJ{self._random.getrandbits(256):064x}"
        self._tokens[token] = now + self._token_ttl
        return token, self._token_ttl
