"""The guards between clients and the page, which check every request and every call."""

from typing import Any

import gradio as gr
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgrec.errors import UploadError
from imgrec.teaching.store import projects
from imgrec.ui.access.uploaded_files import check_uploads
from imgrec.ui.access.visitors import new_cookie, visitor_of

FOREIGN = "another visitor's"  # instead of a token: no project has it
NO_LINKS = "This page has no links with values in them; open it without one."


class GuardedBlocks(gr.Blocks):
    """Blocks whose listeners, named or not, reject files and projects that aren't the client's own.

    A file must have been uploaded to this page, and a project in the browser's storage must have
    been started by this browser. Another file raises an error; another project counts as deleted.
    """

    async def process_api(
        self,
        block_fn: Any,
        inputs: list[Any],
        state: Any = None,
        request: Any = None,
        iterator: Any = None,
        session_hash: str | None = None,
        event_id: str | None = None,
        event_data: gr.EventData | None = None,
        *arguments: Any,
        **named: Any,
    ) -> dict[str, Any]:
        """Same as gradio's own, which handles every call. Raises gr.Error for a foreign file."""
        function = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        try:
            check_uploads(inputs)
            check_uploads(event_data and event_data._data)
        except UploadError as error:
            raise gr.Error(str(error), print_exception=False) from error
        inputs = list(inputs)
        for place, (block, value) in enumerate(zip(function.inputs, inputs, strict=False)):
            if isinstance(block, gr.BrowserState):
                inputs[place] = _own_project(value, request)
        context = (state, request, iterator, session_hash, event_id, event_data)
        return await super().process_api(block_fn, inputs, *context, *arguments, **named)


def _own_project(token: Any, request: Any) -> str:
    """Returns the browser's token if it is this visitor's, else one that matches no project."""
    if not token:
        return ""
    return token if projects.belongs_to(token, visitor_of(request)) else FOREIGN


class Doorkeeper:
    """ASGI middleware that refuses gradio's deep links and sets a cookie for each browser.

    A deep link opens the page with values chosen by whoever made the link.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers deep links itself; passes every other request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif _is_deep_link(scope):
            await PlainTextResponse(NO_LINKS, status_code=404)(scope, receive, send)
        else:
            cookie = new_cookie(Request(scope))

            async def send_with_cookie(message: Message) -> None:
                if cookie and message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], (b"set-cookie", cookie.encode())]
                await send(message)

            await self.app(scope, receive, send_with_cookie)


def _is_deep_link(scope: Scope) -> bool:
    """Returns whether the request creates or opens a deep link."""
    makes = scope["path"].rstrip("/").endswith("/gradio_api/deep_link")
    return makes or "deep_link" in QueryParams(scope["query_string"])
