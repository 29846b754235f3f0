"""The server as it is, and one command more: what it last found out, and whether that came from memory."""

from typing import Any

from cope_lsp.loading import load
from cope_lsp.stdio import claim_stdio

LAST = "benchmark.last"


def main() -> None:
    """Serve until the client is gone."""
    streams = claim_stdio()
    # As in cli/serve.py: what may print is loaded when nothing can reach the protocol's stream.
    from cope_lsp.server.build import build_server  # noqa: PLC0415
    from cope_lsp.server.server import CopeServer, serve  # noqa: PLC0415
    from cope_lsp.values import Suggestion  # noqa: PLC0415

    server = build_server(load())

    @server.command(LAST)
    def last(ls: CopeServer, *_arguments: Any) -> dict[str, Any]:
        """Return the whole text of the last suggestion and where it came from, or why there was none."""
        completion = ls.last_completion
        if isinstance(completion, Suggestion):
            return {"text": completion.text, "fromCache": completion.from_cache, "silence": None}
        silence = completion.reason if completion else None
        return {"text": None, "fromCache": False, "silence": silence}

    serve(server, *streams)


if __name__ == "__main__":
    main()
