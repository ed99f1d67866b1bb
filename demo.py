"""The demo: parses the flags, builds the page and launches it."""

import argparse
import ipaddress
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.middleware import Middleware

from imgrec import approaches
from imgrec.approaches.vgg16_weights import weights
from imgrec.errors import ImgrecError
from imgrec.explaining import explanation, feature_maps
from imgrec.images.decode import MAX_BYTES
from imgrec.training.head_job import head_trainer
from imgrec.training.permissions import Limits, Permissions
from imgrec.training.process import trainer
from imgrec.ui.access.guard import Doorkeeper
from imgrec.ui.page import SESSIONS, build_page
from imgrec.ui.theme import STYLES, THEME

if TYPE_CHECKING:
    import gradio as gr

logger = logging.getLogger(__name__)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parses the flags; a credential or a file may come from the environment instead."""
    parser = argparse.ArgumentParser(description="Three ways to recognise a picture, side by side.")
    parser.add_argument("--share", action="store_true", help="make a public link")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on (default: the first free one)")
    parser.add_argument(
        "--auth",
        default=os.environ.get("IMGREC_AUTH"),
        metavar="USER:PASSWORD",
        help="ask for a name and password (better: the environment variable IMGREC_AUTH)",
    )
    parser.add_argument(
        "--vgg16-weights",
        default=os.environ.get("IMGREC_VGG16"),
        metavar="FILE",
        help="Keras's file of all VGG16 weights (or: the environment variable IMGREC_VGG16)",
    )
    parser.add_argument(
        "--runs-dir",
        metavar="DIR",
        help="where training runs are kept (or: the environment variable IMGREC_RUNS)",
    )
    parser.add_argument(
        "--photos",
        metavar="DIR",
        help="photos to train a head on: a folder dog, and one of anything else",
    )
    parser.add_argument(
        "--allow-training",
        action="store_true",
        help="let visitors of a public page train the scratch network, one short run at a time",
    )
    parser.add_argument("--no-download", action="store_true", help="never download anything")
    options = parser.parse_args(arguments)
    if options.auth is not None:
        user, colon, password = options.auth.partition(":")
        if not (user and colon and password):
            parser.error("--auth wants USER:PASSWORD")
        options.auth = (user, password)
    return options


def permissions(options: argparse.Namespace) -> Permissions:
    """Returns what visitors may do.

    A public page is hostile ground, so training is off there unless it is allowed.
    """
    public = options.share or not _is_loopback(options.host)
    return Permissions(
        train=not public or options.allow_training,
        manage=not public,
        download=not options.no_download,
        limits=Limits() if public else None,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(options: argparse.Namespace) -> "gr.Blocks":
    """Serves the page and returns it; the networks are not loaded yet. Raises OSError."""
    trainer.permissions = permissions(options)
    if options.runs_dir:
        os.environ["IMGREC_RUNS"] = str(Path(options.runs_dir).resolve())
    page = build_page()
    page.launch(
        share=options.share,
        server_name=options.host,
        server_port=options.port,
        auth=options.auth,
        max_file_size=MAX_BYTES,
        theme=THEME,
        css_paths=STYLES,
        footer_links=["api"],
        run_history=False,  # visitors' pictures are not kept
        enable_monitoring=False,
        show_error=True,
        ssr_mode=False,
        prevent_thread_lock=True,
        state_session_capacity=SESSIONS,
        app_kwargs={"middleware": [Middleware(Doorkeeper)]},
    )
    if options.share and page.share_url is None:
        print(
            "There is no public link (the reason stands above); the page is at its local address."
        )
    return page


def warm_up() -> None:
    """Loads what visitors need first: the approaches, then the networks that explain them."""
    try:
        approaches.warm_up()
        explanation.warm_up()
        for network in feature_maps.TITLES:
            feature_maps.load(network)
    except ImgrecError as error:  # the page shows the error where it matters
        logger.error(error)


def main(arguments: list[str] | None = None) -> int:
    """Runs the demo; returns exit code 1 if it can't start."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # to delete visitors' temporary files
    logging.basicConfig(format="%(name)s: %(message)s")
    options = parse_arguments(arguments)
    try:
        weights.may_download = not options.no_download
        if options.vgg16_weights:
            weights.use(Path(options.vgg16_weights))
        if options.photos:
            head_trainer.use(Path(options.photos))
        page = serve(options)
    except ImgrecError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError:
        port = options.port or "any port from 7860 on"
        print(f"Can't listen on {options.host}, {port}: choose another address.", file=sys.stderr)
        return 1
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    page.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
