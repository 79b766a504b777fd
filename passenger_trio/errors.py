"""Every error of the house. The name says whose fault it is; the number is the status a client gets.

::

    PassengerError
    |-- BadRequest                400  the client's: what it sent cannot be served as it is
    |   |-- KeyRefused            401  the client's key, where one is configured
    |   |-- Forbidden             403  a Host or an Origin that has no business here, or what nobody may do here
    |   |-- ModelDisabled         403  a model that the account has not switched on
    |   |-- NotFound              404  no such route, model or method
    |   |-- MethodNotAllowed      405
    |   |-- TooLarge              413  a body over ``[server] max_body_mib``
    |   `-- UnsupportedBody       415  a form that a web page sends, or a packing that is not known
    |-- NotPulled                 500  Ollama's status for a model to pull that nobody has
    |-- NotLoggedIn               401  the user's: no login, or one that GitHub no longer honours
    |-- AccountRefused            403  the user's: GitHub says this account may not use Copilot
    |-- UpstreamRefused           its own  Copilot or GitHub answered, and the answer is no
    |   |-- ContextTooLong        its own  the prompt does not fit into the model
    |   `-- QuotaExceeded         its own  the account has used up what it may use
    |-- UpstreamUnreachable       502  no connection came about; nothing was sent
    |-- UpstreamTimeout           504  a time limit of ``[copilot]`` is over
    |-- UpstreamBroke             502  it answered, and then broke off or talked nonsense
    |   `-- UpstreamFailed        502  it said so itself, in its own words
    |-- TokenUnavailable          503  the Copilot token is dead and cannot be renewed right now
    |-- Overloaded                503  more requests at once than ``[server]`` lets in
    |-- Stopping                  503  the server is being stopped
    `-- Unable                         the program cannot start or go on: the person at the terminal can mend it
        |-- ConfigError                a key, value or file of the configuration
        |-- LoginFailed                the device flow ended without a login
        |-- StoreError                 a token file or directory that cannot be read or written
        `-- PortUnavailable            the address cannot be bound

Only ``copilot/`` says that upstream refused or cannot be reached, and whoever reads an answer that it broke off; only
``server/faults.py`` turns an error into a reply, and only ``cli/`` turns one into an exit code. Anything else that is
raised is a bug of ours and is logged with its traceback.
"""

import re
from collections.abc import Mapping
from typing import Final

_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class PassengerError(Exception):
    """Base of all; never raised itself.

    ``message`` is one or two plain sentences for a person. ``code`` and ``param`` are OpenAI's fields of those
    names, where they are known. ``retry_after`` is the ``Retry-After`` value to hand on, as it came. ``quotes`` is
    whether the message may repeat what is in the client's request or in Copilot's answer to it.
    """

    status = 500
    quotes = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after

    @property
    def gist(self) -> str:
        """What the log may tell at any level: the message, or in place of one that :attr:`quotes` what kind of error it
        is.
        """
        if not self.quotes:
            return self.message
        return " ".join([type(self).__name__, str(self.status), *(word for word in self._marks() if word)])

    def _marks(self) -> tuple[str | None, ...]:
        """What tells an error from others of its kind, and is in nobody's words."""
        return self.code, self.param


class BadRequest(PassengerError):
    """The client sent what cannot be served; the message says what to send instead."""

    status = 400
    quotes = True


class KeyRefused(BadRequest):
    """A key is needed, and the client's is none of those that there are, or there is none."""

    status = 401


class Forbidden(BadRequest):
    """The request's Host or Origin belongs to somebody else's page, or nobody may do this: delete a model, say."""

    status = 403
    quotes = False


class ModelDisabled(BadRequest):
    """The account may use the model once its terms are accepted; the message says how."""

    status = 403
    quotes = False


class NotFound(BadRequest):
    """No such route or model."""

    status = 404
    quotes = False


class MethodNotAllowed(BadRequest):
    """The route exists, the method does not; ``allowed`` are those that do."""

    status = 405
    allowed: tuple[str, ...] = ()


class TooLarge(BadRequest):
    """The body is over the configured limit."""

    status = 413
    quotes = False


class UnsupportedBody(BadRequest):
    """The body is of a kind, or packed in a way, that is not read here."""

    status = 415


class NotPulled(PassengerError):
    """There is no such model to pull. Ollama says it with a 500."""


class NotLoggedIn(PassengerError):
    """There is no GitHub login, or GitHub has stopped honouring it."""

    status = 401


class AccountRefused(PassengerError):
    """GitHub knows the account and refuses it Copilot; the message is GitHub's own."""

    status = 403


class UpstreamRefused(PassengerError):
    """Upstream answered with an error of its own: its status, its words, its ids.

    ``kind`` is the upstream's ``type`` field; ``headers`` are those worth handing on (lower-case names). ``remedy`` is
    what a person can do, where something can be done. ``lasting`` says that it is of no use to ask again in a moment.
    """

    quotes = True

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        kind: str | None = None,
        param: str | None = None,
        retry_after: str | None = None,
        headers: Mapping[str, str] | None = None,
        remedy: str = "",
        lasting: bool = False,
    ) -> None:
        super().__init__(message, code=code, param=param, retry_after=retry_after)
        self.status = status
        self.kind = kind
        self.headers = dict(headers or {})
        self.remedy = remedy
        self.lasting = lasting

    @property
    def told(self) -> str:
        """Upstream's words, and the remedy after them."""
        if not self.remedy:
            return self.message
        return f"{self.message}{'' if self.message.endswith(('.', '!', '?')) else '.'} {self.remedy}"

    def _marks(self) -> tuple[str | None, ...]:
        code = self.code or self.kind or ""
        return code if _CODE.fullmatch(code) else "", f"- {self.remedy}" if self.remedy else ""


class ContextTooLong(UpstreamRefused):
    """The prompt has more tokens than the model takes.

    ``tokens`` is how many it has, ``limit`` how many the model takes, where that is known.
    """

    tokens: int | None = None
    limit: int | None = None


class QuotaExceeded(UpstreamRefused):
    """The account has used up its quota or its budget. That is no limit on how fast one may ask."""


class UpstreamUnreachable(PassengerError):
    """No connection could be made, so nothing was sent."""

    status = 502


class UpstreamTimeout(PassengerError):
    """Upstream stayed silent, or its answer went on, for longer than is allowed."""

    status = 504


class UpstreamBroke(PassengerError):
    """Upstream broke off in the middle, or said what its dialect has no reading for."""

    status = 502


class UpstreamFailed(UpstreamBroke):
    """Upstream said in the middle of its answer, or in its place, that it has failed: its words."""

    quotes = True

    def _marks(self) -> tuple[str | None, ...]:
        code = self.code or ""
        return (code if _CODE.fullmatch(code) else "",)


class TokenUnavailable(PassengerError):
    """The Copilot token is dead and the last attempt to renew it failed."""

    status = 503


class Overloaded(PassengerError):
    """More requests at once than are let in, and more waiting, or for longer, than may."""

    status = 503


class Stopping(PassengerError):
    """The server is being stopped, and has waited for the answer as long as it may."""

    status = 503


class Unable(PassengerError):
    """The program cannot go on; the message names the remedy."""


class ConfigError(Unable):
    """A key, a value or a file of the configuration is wrong."""


class LoginFailed(Unable):
    """The device flow ended and nobody is logged in."""


class StoreError(Unable):
    """A token file or its directory cannot be read or written."""


class PortUnavailable(Unable):
    """The address to serve on cannot be bound."""
