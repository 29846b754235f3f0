"""`cope-lsp serve`: the language server on standard input and output."""

import argparse
import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from cope_lsp.config import Config, Loaded
from cope_lsp.stdio import claim_stdio

LOG_BYTES_MAX = 5_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `serve` takes. Unknown arguments are ignored: editors add some of their own."""
    parser.add_argument("--stdio", action="store_true", help="the default, and the only way")
    parser.add_argument("--log", metavar="FILE", help="write a log to this file")
    parser.add_argument("--log-level", choices=("error", "warning", "info", "debug"))


def run(_arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Serve until the client is gone."""
    _set_up_logging(loaded.config)
    for problem in loaded.problems:
        logging.getLogger(__name__).warning("%s", problem)
    streams = claim_stdio()  # before anything else is loaded, which may print
    # pygls takes half a second to import, which `cope-lsp --help` need not wait for.
    from cope_lsp.server.build import build_server  # noqa: PLC0415
    from cope_lsp.server.server import serve  # noqa: PLC0415

    serve(build_server(loaded), *streams)
    return 0


def _set_up_logging(config: Config) -> None:
    """Log to the file of the settings, or to standard error, which editors keep.

    pygls logs whole messages, which hold the user's code: it is kept silent, and we log events of our own.
    """
    handler: logging.Handler = logging.StreamHandler()
    fault: OSError | None = None
    if config.log_file:
        try:
            handler = _file_handler(config.log_file)
        except OSError as error:
            fault = error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.log_level.upper())
    logging.getLogger("pygls").setLevel(logging.CRITICAL)
    if fault:
        root.error("the log file %s cannot be written: %s", config.log_file, fault.strerror)


def _file_handler(path: Path) -> logging.Handler:
    return RotatingFileHandler(path, maxBytes=LOG_BYTES_MAX, backupCount=1, encoding="utf-8")
