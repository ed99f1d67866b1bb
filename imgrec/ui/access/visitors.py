"""Who a visitor is: a browser, known by a cookie that nobody else has and no script can read."""

import secrets
from typing import Any

from starlette.requests import Request

COOKIE = "imgrec_visitor"
SECONDS = 30 * 24 * 3600  # that a browser keeps it: longer than any project is kept


def visitor_of(request: Any) -> str:
    """The visitor who makes a call; the session where the browser keeps no cookies.

    `request` is a `gr.Request`, or None for a call that comes from no client.
    """
    if request is None:
        return ""
    return request.cookies.get(COOKIE) or request.session_hash or ""


def new_cookie(request: Request) -> str | None:
    """The Set-Cookie header for a browser that opens the page without the cookie; else None.

    Over HTTPS the page may be shown inside another one, where a browser wants SameSite=None.
    """
    opens_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if not opens_page or COOKIE in request.cookies:
        return None
    secure = request.url.scheme == "https"
    site = "SameSite=None; Secure; Partitioned" if secure else "SameSite=Lax"
    return f"{COOKIE}={secrets.token_urlsafe(24)}; Max-Age={SECONDS}; Path=/; HttpOnly; {site}"
