"""Made-up secrets, put together at run time: no file of the repository holds one, not even a false one."""

import base64
import random
import string
from collections.abc import Callable

LETTERS = string.ascii_letters
WORD = LETTERS + string.digits
URL_SAFE = WORD + "_-"
BASE64 = WORD + "+/"
HEX = "0123456789abcdef"
PASSWORD = WORD + "!#%+*?"

Maker = Callable[[random.Random], tuple[str, str]]
"""Makes (a line or lines of a file, the secret in them)."""


def _run(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choices(alphabet, k=length))


_SETTINGS = (
    '{name} = "{value}"',
    "{name} = '{value}'",
    "{name}={value}",
    "export {name}={value}",
    "{name}: {value}",
    '  "{name}": "{value}",',
    "config['{name}'] = '{value}'",
    'client = Client({name}="{value}")',
    '{{\\"{name}\\": \\"{value}\\"}}',
    "# was: {value}",
)
"""The last has no name, by which to know a secret that has no shape of its own."""


def _token(name: str, make: Callable[[random.Random], str], shapes: tuple[str, ...] = _SETTINGS) -> Maker:
    def maker(rng: random.Random) -> tuple[str, str]:
        value = make(rng)
        return rng.choice(shapes).format(name=name, value=value), value

    return maker


def _private_key(rng: random.Random) -> tuple[str, str]:
    body = "\n".join(_run(rng, BASE64, 64) for _ in range(rng.randint(4, 25)))
    name = rng.choice(["RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "]) + "PRIVATE" + " KEY"
    begin, end = (f"-----{word} {name}-----\n" for word in ("BEGIN", "END"))
    shown = rng.choice([f"{begin}{body}\n{end}", f"{begin}{body}", f"{body}\n{end}"])
    in_source = "\n".join(f'"{line}\\n"' for line in shown.splitlines())
    return rng.choice([shown, shown.replace("\n", "\\n"), in_source]), body.split("\n")[1]


def _json_web_token(rng: random.Random) -> str:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    claims = f'{{"sub":"{_run(rng, WORD, 12)}","iat":{rng.randint(10**9, 2 * 10**9)}}}'
    header = part('{"alg":"HS256","typ":"JWT"}')
    return f"{header}.{part(claims)}.{_run(rng, URL_SAFE, 43)}"


def _url_password(rng: random.Random) -> tuple[str, str]:
    scheme = rng.choice(
        ["postgresql", "mysql+pymysql", "redis", "amqp", "mongodb+srv", "https", "ftp", "smtp"]
    )
    value = _run(
        rng, rng.choice([WORD, string.ascii_lowercase + string.digits, WORD + "!%.~-"]), rng.randint(8, 24)
    )
    user = rng.choice(["bob", "app_user", "", "svc-42"])
    url = f"{scheme}://{user}:{value}@db{rng.randint(1, 9)}.internal:5432/app"
    return rng.choice(['DB = "{}"', "DATABASE_URL={}", "url: {}", "curl {} -o x", '{{"dsn": "{}"}}']).format(
        url
    ), value


def _password(rng: random.Random) -> tuple[str, str]:
    name = rng.choice(
        ["password", "PASSWORD", "db_password", "dbPassword", "passwd", "PGPASSWORD", "smtp-password"]
    )
    value = _run(rng, rng.choice([WORD, WORD, PASSWORD]), rng.randint(8, 20))
    if rng.random() < 0.1:
        return f'DataSource.builder().username("me").password("{value}").build()', value
    if any(sign in value for sign in "#*?+!%"):
        shapes = [_SETTINGS[0], _SETTINGS[1], _SETTINGS[5], _SETTINGS[6], _SETTINGS[7]]
        return rng.choice(shapes).format(name=name, value=value), value
    return rng.choice(_SETTINGS[:9]).format(name=name, value=value), value


def _assignment(rng: random.Random) -> tuple[str, str]:
    name = rng.choice(
        ["api_key", "API_KEY", "secret", "SECRET_KEY", "auth_token", "apiKey", "client_secret", "token"]
    )
    value = _run(rng, rng.choice([WORD, HEX, BASE64, URL_SAFE]), rng.choice([20, 24, 32, 40, 64]))
    return rng.choice(_SETTINGS[:9]).format(name=name, value=value), value


def _header(rng: random.Random) -> tuple[str, str]:
    value = _run(rng, URL_SAFE, rng.randint(20, 60))
    basic = base64.b64encode(f"user:{_run(rng, WORD, 12)}".encode()).decode()
    return rng.choice(
        [
            (f"Authorization: Bearer {value}", value),
            (f'headers = {{"Authorization": "Bearer {value}"}}', value),
            (f"curl -H 'Authorization: token {value}' https://x", value),
            (f"Authorization: Basic {basic}", basic),
            (f"X-Api-Key: {value}", value),
        ]
    )


def _cookie(rng: random.Random) -> tuple[str, str]:
    value = _run(rng, WORD, rng.randint(20, 60))
    return rng.choice(
        [f"Cookie: theme=dark; sid={value}", f"Set-Cookie: session={value}; Path=/; Secure"]
    ), value


def _query(rng: random.Random) -> tuple[str, str]:
    value = _run(rng, WORD, rng.randint(20, 40))
    name = rng.choice(["api_key", "token", "access_token", "sig"])
    return f'fetch("https://api.internal/v1/items?page=2&{name}={value}&limit=10")', value


PROVIDERS: dict[str, Maker] = {
    "aws-id": _token("key_id", lambda rng: "AKIA" + _run(rng, string.ascii_uppercase + "234567", 16)),
    "aws-secret": _token("aws_secret_access_key", lambda rng: _run(rng, BASE64, 40), _SETTINGS[:9]),
    "github": _token("x", lambda rng: f"gh{rng.choice('pousr')}_" + _run(rng, WORD, 36)),
    "github-fine": _token("x", lambda rng: "github_pat_" + _run(rng, WORD + "_", 82)),
    "gitlab": _token("x", lambda rng: "glpat-" + _run(rng, URL_SAFE, 20)),
    "anthropic": _token(
        "x",
        lambda rng: (
            f"sk-ant-{rng.choice(['api03', 'admin01', 'oat01'])}-" + _run(rng, URL_SAFE, rng.randint(80, 110))
        ),
    ),
    "openai": _token(
        "x", lambda rng: "sk-proj-" + _run(rng, URL_SAFE, 74) + "T3Blbk" + "FJ" + _run(rng, URL_SAFE, 74)
    ),
    "slack": _token(
        "x",
        lambda rng: f"xoxb-{_run(rng, '123456789', 12)}-{_run(rng, '123456789', 12)}-" + _run(rng, WORD, 24),
    ),
    "stripe": _token("x", lambda rng: f"sk_{rng.choice(['live', 'test'])}_" + _run(rng, WORD, 24)),
    "google": _token("x", lambda rng: "AIza" + _run(rng, URL_SAFE, 35)),
    "npm": _token("x", lambda rng: "npm_" + _run(rng, WORD, 36)),
    "pypi": _token("x", lambda rng: "pypi-" + "AgEIcHlwaS5vcmc" + _run(rng, URL_SAFE, 80)),
    "huggingface": _token("x", lambda rng: "hf_" + _run(rng, WORD, 34)),
    "json-web-token": _token("x", _json_web_token),
    "private-key": _private_key,
}
"""Tokens that are known by their shape, and by kind how to make one."""

OTHERS: dict[str, Maker] = {
    "url-password": _url_password,
    "password": _password,
    "assignment": _assignment,
    "header": _header,
    "cookie": _cookie,
    "query": _query,
}
"""Secrets that are known by what stands around them."""

KEPT = r"""
password = getpass()
token = tokens[i]
password: str
secret = None
os.environ["API_KEY"]
password = "changeme"
password = "password123"
api_key = "<your api key>"
API_KEY=${API_KEY}
token = "${TOKEN}"
def login(user: str, password: str = "", token: str | None = None) -> Token:
self.password = self.cleaned_data["password1"]
return connect(password=password, token=self._token, secret=secret.value)
"password": {"type": "string", "minLength": 8},
raise ValueError("password must have 8 characters")
TOKEN_URL = "https://accounts.internal/oauth2/token"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
SECRET_FILE = "/etc/app/secret"
if token.type == TokenType.STRING and token.value != "identifier":
tokens = tokenizer.encode(text, max_tokens=4096)
key = lambda item: item.api_key_id
url = f"postgresql://{user}:{password}@{host}/app"
url = "https://user:password@example.com"
url = "http://localhost:8080/users/@me"
image: registry:5000/app@sha256
Authorization: Bearer <token>
headers["Authorization"] = f"Bearer {self.token}"
The bearer of the token signs in with a password.
x_api_key = request.headers.get("X-Api-Key")
const { password, token } = req.body;
password := os.Getenv("DB_PASSWORD")
@Value("${spring.datasource.password}") private String password;
<input type="password" name="new-password" autocomplete="current-password">
auth = HTTPBasicAuth(username, password)
keyring.set_password("service1", user, password)
password = password.encode("latin1")
cookie = SimpleCookie(os.environ["HTTP_COOKIE"])
pass
passed = 12345678
compass = "north-west-12"
access_token_expire_minutes = 30
sort_key = "created_at"
""".strip().split("\n")
"""Code that a model is to see as it is."""
