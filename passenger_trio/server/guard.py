"""Who may come in: the bind address, Host, Origin, the key, and what a page may send.

A local server is reachable from every web page its user opens. A page of another site is recognised by its Origin, or
where browsers send none (pictures, scripts, links) by Sec-Fetch-Site; one that has its own name point at this machine
(DNS rebinding) by its Host. Numbers are safe in Host: nobody can rebind an address. Names are safe one by one: anybody
in the network may answer for a name in ``.local``, and some networks have an ``.internal`` of their own.

What Ollama allows is allowed: pages of this machine and of desktop apps, at any port, and those of ``OLLAMA_ORIGINS``.
"""

import logging
import re
import socket
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from quart import Response, request, websocket
from werkzeug.datastructures import Headers

from passenger_trio.config import Server, is_loopback
from passenger_trio.errors import ConfigError, Forbidden, KeyRefused, UnsupportedBody
from passenger_trio.server.keys import Keys, KeyStore, needs_key
from passenger_trio.server.requests import PassengerRequest, current

logger: Final = logging.getLogger("passenger_trio.server")

OPEN_PATHS: Final = frozenset({"/", "/health", "/health/ready", "/api/hello"})
"""Paths that need no key: they say that a server is here and whether it can serve, and nothing else."""

_OF_CONTAINERS: Final = frozenset({"host.docker.internal", "gateway.docker.internal", "host.containers.internal"})
"""What Docker and Podman call this machine inside of a container."""

_APP_SCHEMES: Final = frozenset({"app", "file", "tauri", "vscode-webview", "vscode-file"})
_UNSPECIFIED: Final = "0.0.0.0"  # noqa: S104 - as the host of a page, this machine's
_STRANGERS: Final = ("http://a.stranger.invalid", "https://a.stranger.invalid", "null")
"""Pages of the web; ``null`` is what any of them sends from a sandboxed frame."""
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_METHODS: Final = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"


def refuse_exposure(server: Server, store: KeyStore | None = None) -> None:
    """No server without a key where one is needed. Raises :class:`~passenger_trio.errors.ConfigError` with the command
    that makes one, and :class:`~passenger_trio.errors.StoreError` for a file of keys that cannot be read.
    """
    if not needs_key(server) or server.api_key or (store or KeyStore()).read():
        return
    make = "Make one with `passenger-trio keys add NAME`, and give it to your client"
    if is_loopback(server.host):
        raise ConfigError(f"There is no key, and require_key is set. {make}; or leave require_key out.")
    raise ConfigError(
        f"Serving on {server.host} lets others on the network spend your Copilot subscription, so it needs a key. "
        f"{make}; or serve on 127.0.0.1."
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
    if not needs_key(server) and any(map(Guard(server).origin_allowed, _STRANGERS)):
        logger.warning(
            "any web page that is opened on this machine may spend your Copilot subscription: allowed_origins or "
            "OLLAMA_ORIGINS allows them all, and neither require_key nor api_key asks for a key"
        )


class GuardedRequest(PassengerRequest):
    """A request that knows whose key it came with: ``key_name`` is empty where there was none of ours."""

    key_name: str = ""


class Guard:
    """Checks every request before its handler, and every websocket; :meth:`check` and :meth:`check_websocket` are
    registered with the app.
    """

    def __init__(self, config: Server, store: KeyStore | None = None) -> None:
        self._keys = Keys(config, store)
        own = socket.gethostname()
        names = (config.host, "localhost", own, f"{own.partition('.')[0]}.local", *_OF_CONTAINERS)
        self._hosts = {host.lower() for host in (*config.allowed_hosts, *names)}
        self._origins = [_pattern(origin) for origin in config.allowed_origins]

    async def check(self) -> Response | None:
        """``None`` lets the request through, an answer is a preflight's. Raises the errors of a refusal."""
        headers = request.headers
        self.refuse_strangers(headers, request.path)
        if request.method == "OPTIONS" and "Origin" in headers:
            return Response("", 204)
        await self._ask_for_key(headers)
        if request.method not in _WITHOUT_BODY:
            _refuse_forms(headers)
        return None

    async def check_websocket(self) -> None:
        """The same for a websocket. There are none here, and a stranger is not even told so."""
        self.refuse_strangers(websocket.headers, websocket.path)

    def refuse_strangers(self, headers: Headers, path: str) -> None:
        """Raises :class:`~passenger_trio.errors.Forbidden` for what a page of another site has caused."""
        if not self.host_allowed(headers.get("Host", "")):
            raise Forbidden(
                f"Requests for the host {headers.get('Host')!r} are not served here. If it is this machine's name, add "
                "it to allowed_hosts under [server] in config.toml."
            )
        origin = headers.get("Origin")
        if origin is not None and not self.origin_allowed(origin):
            raise Forbidden(
                f"Pages of {origin} may not use this server. If you trust it, add it to allowed_origins under [server] "
                "in config.toml."
            )
        if origin is None and path != "/" and headers.get("Sec-Fetch-Site") == "cross-site":
            raise Forbidden("Pages of other sites may not use this server, nor have a browser fetch from it.")

    async def _ask_for_key(self, headers: Headers) -> None:
        scheme, _, bearer = headers.get("Authorization", "").partition(" ")
        sent = (bearer if scheme.lower() == "bearer" else "", headers.get("x-api-key", ""), headers.get("api-key", ""))
        name = await self._keys.holder([key.strip() for key in sent if key.strip()])
        if name is not None:
            asked = current()
            if isinstance(asked, GuardedRequest):
                asked.key_name = name
        elif self._keys.required and request.path not in OPEN_PATHS:
            raise KeyRefused(
                "This server asks for a key: send it as `Authorization: Bearer KEY`, `x-api-key: KEY` or `api-key: "
                "KEY`. Whoever runs it makes one with `passenger-trio keys add NAME`.",
                code="invalid_api_key",
            )

    async def allow_origin(self, response: Response) -> Response:
        """Tell the browser of an allowed page that it may read the answer (:meth:`check` has let it in).

        Every answer says that it depends on the Origin, so that no cache gives one page's to another.
        """
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin is not None and self.origin_allowed(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
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
        if not host or host in self._hosts or "*" in self._hosts or host.endswith(".localhost"):
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


def _refuse_forms(headers: Headers) -> None:
    """What a page can send without being asked first (no preflight), and no client of ours does from a page.

    curl calls its bodies forms as well, and so do programs that set no type; they have no Origin.
    """
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in _FORMS and ("Origin" in headers or headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}):
        raise UnsupportedBody(
            f"A page's body of the type {kind} is not read here: send JSON, with `Content-Type: application/json`.",
            code="unsupported_content_type",
        )


def _pattern(allowed: str) -> re.Pattern[str]:
    """An allowed origin, in which ``*`` stands for anything but a slash; alone it stands for every origin, and where it
    begins a name, for ``http`` and ``https`` as well.
    """
    allowed = allowed.lower().rstrip("/")
    if allowed == "*":
        return re.compile(".*", re.DOTALL)
    scheme = "https?://" if allowed.startswith("*") and "://" not in allowed else ""
    return re.compile(scheme + "[^/]*".join(map(re.escape, allowed.split("*"))), re.DOTALL)
