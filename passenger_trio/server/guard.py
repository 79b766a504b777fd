"""Who may come in: the bind address, Host, Origin, the key, and how large a body may be.

A local server is reachable from every web page its user opens. A page of another site is recognised by its Origin; one
that has its own name point at this machine (DNS rebinding) by its Host. Numbers are safe in Host: nobody can rebind an
address.

What Ollama allows is allowed: pages of this machine and of desktop apps, at any port, and those of ``OLLAMA_ORIGINS``.
"""

import hmac
import logging
import re
import socket
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from quart import Response, request

from passenger_trio.config import Server, is_loopback
from passenger_trio.errors import BadRequest, ConfigError, Forbidden, KeyRefused

logger: Final = logging.getLogger("passenger_trio.server")

OPEN_PATHS: Final = frozenset({"/", "/health", "/api/hello"})
"""Paths that need no key: they say that a server is here, and nothing else."""

_LOCAL_SUFFIXES: Final = (".localhost", ".local", ".internal")
_APP_SCHEMES: Final = frozenset({"app", "file", "tauri", "vscode-webview", "vscode-file"})
_UNSPECIFIED: Final = "0.0.0.0"  # noqa: S104 - as the host of a page, this machine's
_STRANGERS: Final = ("http://a.stranger.invalid", "https://a.stranger.invalid", "null")
"""Pages of the web; ``null`` is what any of them sends from a sandboxed frame."""

_METHODS: Final = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"


def refuse_exposure(server: Server) -> None:
    """No server for the network without a key. Raises :class:`~passenger_trio.errors.ConfigError`."""
    if not is_loopback(server.host) and not server.api_key:
        raise ConfigError(
            f"Serving on {server.host} lets others on the network spend your Copilot subscription, so it needs a key. "
            'Make one with `export PASSENGER_TRIO_SERVER__API_KEY="$(openssl rand -hex 24)"` (or write it as api_key '
            "under [server] in config.toml) and give it to your clients; or serve on 127.0.0.1."
        )


def warn_of_origins(server: Server) -> None:
    """Say in the log that any page of the web may use a server without a key, where that is so; and which of the
    allowed origins are none.
    """
    for origin in server.allowed_origins:
        if "://" not in origin and origin.lower() != "null" and not origin.startswith("*"):
            logger.warning(
                "%s in allowed_origins or OLLAMA_ORIGINS allows no page: write an origin, as https://%s", origin, origin
            )
    if not server.api_key and any(map(Guard(server).origin_allowed, _STRANGERS)):
        logger.warning(
            "any web page that is opened on this machine may spend your Copilot subscription: allowed_origins or "
            "OLLAMA_ORIGINS allows them all, and there is no api_key"
        )


class Guard:
    """Checks every request before its handler; :meth:`check` is registered with the app."""

    def __init__(self, config: Server) -> None:
        self._key = config.api_key.reveal().encode()
        self._hosts = {host.lower() for host in (*config.allowed_hosts, config.host, "localhost", socket.gethostname())}
        self._origins = [_pattern(origin) for origin in config.allowed_origins]

    async def check(self) -> Response | None:
        """``None`` lets the request through, an answer is a preflight's. Raises the errors of a refusal."""
        if not self.host_allowed(request.headers.get("Host", "")):
            raise Forbidden(
                f"Requests for the host {request.headers.get('Host')!r} are not served here. If it is this machine's "
                "name, add it to allowed_hosts under [server] in config.toml."
            )
        origin = request.headers.get("Origin")
        if origin is not None and not self.origin_allowed(origin):
            raise Forbidden(
                f"Pages of {origin} may not use this server. If you trust it, add it to allowed_origins under [server] "
                "in config.toml."
            )
        if request.method == "OPTIONS" and origin is not None:
            return Response("", 204)
        fits = self._key_fits(request.headers.get("Authorization", ""), request.headers.get("x-api-key", ""))
        if self._key and not fits and request.path not in OPEN_PATHS:
            raise KeyRefused(
                "This server asks for a key: send it as `Authorization: Bearer KEY` or `x-api-key: KEY`.",
                code="invalid_api_key",
            )
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise BadRequest("Compressed request bodies are not read here; send the body as it is.")
        return None

    async def allow_origin(self, response: Response) -> Response:
        """Tell the browser of an allowed page that it may read the answer (:meth:`check` has let it in)."""
        origin = request.headers.get("Origin")
        if origin is not None and self.origin_allowed(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Vary"] = "Origin"
            response.headers["Access-Control-Expose-Headers"] = (
                "X-Request-Id, X-GitHub-Request-Id, X-Passenger-Dropped, Retry-After"
            )
            if request.method == "OPTIONS":
                asked = request.headers.get("Access-Control-Request-Headers", "Authorization, Content-Type")
                response.headers["Access-Control-Allow-Methods"] = _METHODS
                response.headers["Access-Control-Allow-Headers"] = asked
                response.headers["Access-Control-Max-Age"] = "600"
                if request.headers.get("Access-Control-Request-Private-Network") == "true":
                    response.headers["Access-Control-Allow-Private-Network"] = "true"
        return response

    def host_allowed(self, header: str) -> bool:
        """Whether a ``Host`` header names this machine."""
        try:
            host = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        if not host or host in self._hosts or "*" in self._hosts or host.endswith(_LOCAL_SUFFIXES):
            return True
        try:
            ip_address(host)
        except ValueError:
            return False
        return True

    def origin_allowed(self, origin: str) -> bool:
        """Whether a page of this origin may use the server: one of this machine's, a desktop app's, or a named one.

        ``null``, which sandboxed frames of any site send, is nobody's unless it is named.
        """
        origin = origin.lower().rstrip("/")
        if any(pattern.fullmatch(origin) for pattern in self._origins):
            return True
        try:
            parts = urlsplit(origin)
            host = parts.hostname or ""
        except ValueError:
            return False
        return parts.scheme in _APP_SCHEMES or (
            parts.scheme in {"http", "https"} and (is_loopback(host) or host == _UNSPECIFIED)
        )

    def _key_fits(self, authorization: str, api_key: str) -> bool:
        scheme, _, bearer = authorization.partition(" ")
        offered = (bearer if scheme.lower() == "bearer" else "", api_key)
        # Quart reads headers as Latin-1; a key outside of ASCII comes as UTF-8
        return any(hmac.compare_digest(key.strip().encode("latin-1", "replace"), self._key) for key in offered)


def _pattern(allowed: str) -> re.Pattern[str]:
    """An allowed origin, in which ``*`` stands for anything but a slash; alone it stands for every origin, and where it
    begins a name, for ``http`` and ``https`` as well.
    """
    allowed = allowed.lower().rstrip("/")
    if allowed == "*":
        return re.compile(".*", re.DOTALL)
    scheme = "https?://" if allowed.startswith("*") and "://" not in allowed else ""
    return re.compile(scheme + "[^/]*".join(map(re.escape, allowed.split("*"))), re.DOTALL)
