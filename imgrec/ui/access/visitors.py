"""A visitor's identity: a browser with a secret cookie that no script can read."""

import secrets
from typing import Any

from starlette.requests import Request

COOKIE = "imgrec_visitor"
SECONDS = 30 * 24 * 3600  # lifetime of the cookie: longer than any project is kept


def visitor_of(request: Any) -> str:
    """Returns the visitor who makes a call; the session if the browser keeps no cookies.

    `request` is a `gr.Request`, or None for a call that doesn't come from a client.
    """
    if request is None:
        return ""
    return request.cookies.get(COOKIE) or request.session_hash or ""


def new_cookie(request: Request) -> str | None:
    """Returns the Set-Cookie header for a browser without the cookie, else None.

    Over HTTPS the page may be embedded in another one, for which browsers require SameSite=None.
    """
    opens_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if not opens_page or COOKIE in request.cookies:
        return None
    secure = request.url.scheme == "https"
    site = "SameSite=None; Secure; Partitioned" if secure else "SameSite=Lax"
    return f"{COOKIE}={secrets.token_urlsafe(24)}; Max-Age={SECONDS}; Path=/; HttpOnly; {site}"
