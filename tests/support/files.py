"""A file server on localhost, photographs, the scripts as modules, and where shared data lies."""

import contextlib
import importlib.util
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

from imgrec.files.paths import ROOT

SHARED = ROOT.parent / "shared" / "data"


class FileServer:
    """Serves bytes by path on localhost, with ranges; can break off after so many bytes."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.break_after: list[int] = []  # for each coming answer, how much of it is sent
        self.ranges: list[str | None] = []  # the Range header of each request
        self.resumable = True
        self.hold = threading.Event()  # answers pause after their first bytes until it is set
        self.hold.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/{path}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        content = self.files.get(request.path[1:])
        wanted = request.headers.get("Range")
        self.ranges.append(wanted)
        if content is None:
            request.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.resumable else 0
        if start >= len(content):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        sent = content[start:]
        if self.break_after:
            sent = sent[: self.break_after.pop(0)]
        request.wfile.write(sent[: len(sent) // 2])
        request.wfile.flush()
        self.hold.wait(30)
        with contextlib.suppress(OSError):  # the client may go away
            request.wfile.write(sent[len(sent) // 2 :])
        request.close_connection = True


def photograph(name: str) -> Path:
    """One of the photographs that gradio brings along, found without loading gradio."""
    return Path(importlib.util.find_spec("gradio").origin).parent / "media_assets" / "images" / name


def script_module(name: str) -> ModuleType:
    """A script of the project as a module, without running it."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save_as_hdf5(model, path):
    """Writes weights as Keras 2 did, whose files Keras's applications still load."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
