"""Finds what in a Python source could open a connection: what import-linter sees, and what it cannot see.

It is a lint against mistakes, not a wall against somebody who hides; the wall is the run under `sealed.c`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

MODULES = frozenset(
    """
    _socket _ssl aiohttp aioquic anthropic anyio asyncssh boto3 botocore cohere dns fastapi flask ftplib
    google.generativeai groq grpc h11 h2 http httpcore httpcore2 httplib2 httpx httpx2 huggingface_hub imaplib
    keyring litellm mistralai multiprocessing.connection multiprocessing.managers nntplib ollama openai
    paramiko poplib pycurl requests sentry_sdk smtplib socket socketserver socks ssl starlette
    telnetlib telnetlib3 tornado trio twisted urllib.error urllib.request urllib.robotparser urllib3 uvicorn
    webbrowser websocket websockets wsgiref xmlrpc zmq
    """.split()
)
"""Modules that connect, or that are of no use but to something that does."""

CALLS = frozenset(
    """
    open_connection create_connection create_datagram_endpoint start_server create_server sock_connect
    start_tcp start_ws SocketHandler DatagramHandler HTTPHandler SMTPHandler SysLogHandler urlopen urlretrieve
    """.split()
)
"""Functions and classes of modules that are used for other things, too."""

STARTERS = frozenset(
    """
    run Popen call check_call check_output getoutput getstatusoutput system popen startfile
    execl execle execlp execlpe execv execve execvp execvpe posix_spawn posix_spawnp
    spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe
    create_subprocess_exec create_subprocess_shell subprocess_exec subprocess_shell
    """.split()
)

PROGRAMS = frozenset(
    """
    aria2c conda curl dig docker ftp gh lftp nc ncat netcat npm npx nslookup openssl ping
    pip pip3 podman powershell pwsh rsync scp sftp socat ssh svn telnet uv uvx wget xdg-open
    """.split()
)
GIT_COMMANDS = frozenset({"clone", "fetch", "ls-remote", "pull", "push", "remote", "send-email", "submodule"})


@dataclass(frozen=True, slots=True)
class Outlet:
    """A place in a source and what could go out there."""

    line: int
    what: str


def outlets(source: str, *, allowed: frozenset[str] = frozenset()) -> list[Outlet]:
    """Return what could open a connection in `source`, but for the modules that are `allowed`."""
    found = (Outlet(getattr(node, "lineno", 0), what) for node, what in _all(ast.parse(source)))
    return [outlet for outlet in found if outlet.what not in allowed]


def _all(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        yield from ((node, what) for what in _in(node))


def _in(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from _named(alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names) if module and not node.level:
            yield from _named((module, *(f"{module}.{alias.name}" for alias in names)))
            yield from (alias.name for alias in names if alias.name in CALLS)
        case ast.Attribute(attr=name) if name in CALLS:
            yield name
        case ast.Call(func=function, args=arguments):
            yield from _call(_name_of(function), arguments)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            yield from _command([_text(element) for element in elements])


def _named(names: Iterator[str] | tuple[str, ...]) -> Iterator[str]:
    """Yield which of MODULES the dotted `names` lead to, each once."""
    parts = ((".".join(name.split(".")[: i + 1]) for i in range(name.count(".") + 1)) for name in names)
    yield from sorted({part for name in parts for part in name if part in MODULES})


def _call(name: str, arguments: list[ast.expr]) -> Iterator[str]:
    texts = [_text(argument) for argument in arguments]
    if name in {"import_module", "__import__"}:
        yield from _imported(arguments)
    elif name in STARTERS:
        words = texts[0].split() if texts and " " in texts[0] else texts
        yield from _command(words)


def _imported(arguments: list[ast.expr]) -> Iterator[str]:
    """Yield what is imported by a name: one that is known, or one that could be anything."""
    name = arguments[0] if arguments else None
    if isinstance(name, ast.Constant):
        yield from _named((str(name.value),))
    elif not (isinstance(name, ast.JoinedStr) and _text(name.values[0]).startswith("cope_lsp.")):
        yield "a module whose name is computed"


def _command(words: list[str]) -> Iterator[str]:
    program = words[0].rpartition("/")[2].removesuffix(".exe") if words else ""
    if len(words) > 1 and program in PROGRAMS:
        yield program
    if program == "git" and (used := GIT_COMMANDS & set(words)):
        yield f"git {min(used)}"
    if "-m" in words and words[words.index("-m") :][1:2] in (["pip"], ["http.server"], ["ensurepip"]):
        yield words[words.index("-m") + 1]


def _text(node: ast.AST) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _name_of(function: ast.expr) -> str:
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""
