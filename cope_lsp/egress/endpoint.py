"""Endpoints: the origin that a URL names, which is what consent, keys and prices are bound to."""

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def endpoint_of(url: str) -> str:
    """Return the origin of `url` in lower case, as "https://api.anthropic.com"; a default port is left out.

    Raises:
        ValueError: it names no host, or a scheme that is not HTTP.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in _DEFAULT_PORTS or not host:
        msg = f"{url} is not the URL of a server"
        raise ValueError(msg)
    name = f"[{host}]" if ":" in host else host
    port = parts.port
    shown = "" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{name}{shown}"
