"""The certificate and the key for those who leave loopback."""

import ssl

from passenger_trio.config import Server
from passenger_trio.errors import ConfigError

_EMPTY = "[server] certfile and keyfile go together: "


def refuse_half_a_certificate(server: Server) -> None:
    """No https without a certificate and its key. Raises :class:`~passenger_trio.errors.ConfigError`."""
    if not server.certfile and not server.keyfile:
        return
    if not server.certfile or not server.keyfile:
        missing = "keyfile" if server.certfile else "certfile"
        raise ConfigError(f"{_EMPTY}{missing} is missing. Name both for https, or none for http.")
    for key, path in (("certfile", server.certfile), ("keyfile", server.keyfile)):
        try:
            with open(path, "rb"):  # noqa: PTH123 - asked for here is only whether it can be
                pass
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = error.strerror if isinstance(error, OSError) else "it is no path"
            raise ConfigError(f"[server] {key}: {path} cannot be read: {reason}.") from error
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            server.certfile, server.keyfile, password=_no_password
        )
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigError(
            f"[server] certfile {server.certfile} and keyfile {server.keyfile} cannot be used: {_why(error)}."
        ) from error


def _no_password() -> str:
    """Instead of OpenSSL's question on the terminal."""
    raise ValueError("the key has a password; write it without one")


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    if reason == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate"
    return str(reason or error).rstrip(".") + ("; PEM files are needed" if isinstance(error, ssl.SSLError) else "")
