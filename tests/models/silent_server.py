"""A llama-server that does badly what it is told to: `silent_server.py --host SOCKET`, as ours is started.

It says that it is well. The first completion it refuses, and the others it thinks about for THINK_S seconds.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer

THINK_S = float(os.environ.get("THINK_S", "0"))


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    completions = 0


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        settings = {"default_generation_settings": {"n_ctx": 4096}}
        self._say({"/health": {}, "/props": settings}.get(self.path, {"data": []}))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/tokenize":
            self._say({"tokens": [1]})
            return
        assert isinstance(self.server, Server)
        self.server.completions += 1
        if self.server.completions == 1:
            self._say({"error": {"message": "not now"}}, status=500)
            return
        time.sleep(THINK_S)
        self._say({"content": "well", "tokens_predicted": 1}, {"content": "", "stop": True})

    def _say(self, *values: object, status: int = 200) -> None:
        """Answer with a JSON document, or with several as events."""
        texts = [json.dumps(value) for value in values]
        body = "".join(f"data: {text}\n\n" for text in texts) if len(texts) > 1 else texts[0]
        self.send_response(status)
        self.send_header("content-type", "text/event-stream" if len(texts) > 1 else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def address_string(self) -> str:
        return ""  # clients of a Unix socket have no name


if __name__ == "__main__":
    with Server(sys.argv[sys.argv.index("--host") + 1], Handler) as server:
        server.serve_forever()
