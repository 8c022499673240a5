"""What every response carries: a request id, to a key its workspace, and a policy that lets no foreign script run."""

import secrets

from django.http import HttpRequest, HttpResponse

WORKSPACE = "anthropic-workspace-id"
"""The header that names a key's workspace: in every answer to a key, and in requests that insist on it."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "manifest-src 'self'",
    )
)


class RequestId:
    """Names each request, so that a person can quote it and an operator can find it."""

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.id = f"req_01{secrets.token_hex(11)}"
        response = self.get_response(request)
        response["request-id"] = request.id
        if key := getattr(request, "api_key", None):
            response[WORKSPACE] = key.workspace_id
        return response


class ContentSecurityPolicy:
    """Memories are written by agents and pasted from the web: nothing in them may ever run."""

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
