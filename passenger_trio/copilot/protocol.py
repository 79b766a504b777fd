"""All that is known of GitHub and Copilot, without doing any of it: headers, errors, device flow.

Source, where none is named: the protocol as the official client (vscode-copilot-chat 0.42) speaks it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from passenger_trio.config import DEFAULT_API_BASE_URL, Copilot, is_loopback, scheme_and_host
from passenger_trio.copilot import life
from passenger_trio.errors import (
    AccountRefused,
    ContextTooLong,
    LoginFailed,
    NotLoggedIn,
    PassengerError,
    QuotaExceeded,
    UpstreamRefused,
)
from passenger_trio.secret import Secret
from passenger_trio.wire import chat, envelope, github
from passenger_trio.wire.chat import RequestMessage

Headers = list[tuple[str, str]]
Initiator = Literal["user", "agent"]

CHAT_COMPLETIONS: Final = "/chat/completions"
MODELS: Final = "/models"
DEVICE_SCOPE: Final = "read:user"
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
TERMS_URL: Final = "https://docs.github.com/site-policy/github-terms/github-terms-for-additional-products-and-features"
_INITIATORS: Final[Mapping[str, Initiator]] = {"user": "user", "agent": "agent"}


# Headers


def identity_headers(config: Copilot) -> Headers:
    """Who we say we are, on every request to the Copilot API: without some of these Copilot refuses (400, 466)."""
    return [
        ("Editor-Version", config.editor_version),
        ("Editor-Plugin-Version", config.editor_plugin_version),
        ("Copilot-Integration-Id", config.integration_id),
        ("User-Agent", config.user_agent),
        ("X-GitHub-Api-Version", config.api_version),
    ]


def github_headers(config: Copilot) -> Headers:
    """The same for api.github.com, which has versions of its own."""
    return [
        ("Editor-Version", config.editor_version),
        ("Editor-Plugin-Version", config.editor_plugin_version),
        ("User-Agent", config.user_agent),
        ("X-GitHub-Api-Version", config.github_api_version),
        ("Accept", "application/json"),
    ]


def call_headers(*, initiator: Initiator, vision: bool, request_id: str, intent: str | None = None) -> Headers:
    """What is particular to one call. ``Copilot-Vision-Request`` is demanded when a picture is there (400 without).

    ``intent`` is that of a route which is no conversation.
    """
    headers = [
        ("Content-Type", "application/json"),
        ("OpenAI-Intent", intent or ("conversation-panel" if initiator == "user" else "conversation-agent")),
        ("X-Initiator", initiator),
        ("X-Request-Id", request_id),
    ]
    if vision:
        headers.append(("Copilot-Vision-Request", "true"))
    return headers


_OURS: Final = frozenset(
    {
        *("authorization", "cookie", "host", "user-agent", "x-github-api-version", "x-initiator", "x-request-id"),
        *("copilot-integration-id", "copilot-vision-request", "editor-plugin-version", "editor-version"),
        *("accept-encoding", "openai-intent"),
        *("connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
_OURS_TOO: Final = ("content-", "proxy-")
"""The headers that are the house's own matter or the connection's, in lower case, and how others of them begin."""

_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FIELD_VALUE: Final = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
"""What the value of a header may be (RFC 9110 section 5.5, and ASCII only)."""


def with_model_headers(headers: Headers, model_headers: Mapping[str, str] | None) -> Headers:
    """``headers`` of a call, and after them those that the list of models wants for its model (``request_headers``).

    The list's replace none of the call's and none of the house's; what is no header at all (RFC 9110 section 5, and
    ASCII only) is left out.
    """
    taken = {*_OURS, *(name.lower() for name, _ in headers)}
    return headers + [
        (name, value)
        for name, value in (model_headers or {}).items()
        if name.lower() not in taken
        and not name.lower().startswith(_OURS_TOO)
        and _FIELD_NAME.fullmatch(name)
        and FIELD_VALUE.fullmatch(value)
    ]


def initiator(*, agent: bool, claimed: str | None = None) -> Initiator:
    """Whether a person or an agent made this turn, which is what Copilot bills by.

    The client's own word counts when it is a valid one; else ``agent``, which is what the conversation tells. It is
    never forced.
    """
    said = _INITIATORS.get((claimed or "").strip().lower())
    return said or ("agent" if agent else "user")


def is_agents_turn(messages: Sequence[RequestMessage]) -> bool:
    """Whether the last message is tool output, or an assistant's turn being continued; anything else is a person's.

    System messages after all others (Claude Code reminds its model so) are nobody's turn.
    """
    last = next((m.role for m in reversed(messages) if m.role not in {"system", "developer"}), "user")
    return last in {"tool", "function", "assistant"}


def has_picture(messages: Sequence[RequestMessage]) -> bool:
    """Whether any message carries a picture."""
    return any(
        part.type == "image_url"
        for message in messages
        if isinstance(message.content, list)
        for part in message.content
    )


# The Copilot token


def api_base(configured: str, answer: github.TokenEnvelope | None) -> str:
    """Where the Copilot API is, without a slash at the end.

    A configured address wins. Left at its default, the token's own ``endpoints.api`` does, if it is https or on this
    machine (organisations have hosts of their own, and get 421 elsewhere). Where there is none, the token names the
    proxy beside it, ``proxy-ep=proxy.<plan>``. Else it is the default.
    """
    configured = configured.rstrip("/")
    if configured and configured != DEFAULT_API_BASE_URL:
        return configured
    offered = answer.endpoints.api if answer is not None and answer.endpoints is not None else None
    if offered:
        scheme, host = scheme_and_host(offered)
        if host and (scheme == "https" or (scheme == "http" and is_loopback(host))):
            return offered.rstrip("/")
    elif answer is not None and (found := _PROXY.search(answer.token)) is not None:
        return f"https://api.{found['plan'].lower()}"
    return DEFAULT_API_BASE_URL


_PROXY: Final = re.compile(
    r"(?:^|;)proxy-ep=proxy\.(?P<plan>(?:[a-z0-9-]+\.)*githubcopilot\.com)(?:[;:]|$)", re.ASCII | re.IGNORECASE
)
"""In a token, whose fields stand between semicolons, with a colon and their MAC behind the last one."""


def token_refusal(status: int, headers: Mapping[str, str], body: bytes) -> PassengerError:
    """Why the token exchange was refused, as one of our errors.

    401 is a void login. A 403 or 404 with ``error_details``, or with no more than words of GitHub's, is about the
    account; a 403 that limits how fast one asks is not, and no more is one that is no JSON: a proxy's, a portal's.
    Everything else is GitHub's trouble and may pass.
    """
    try:
        error = github.decode_error(body)
    except envelope.UNREADABLE:
        error = github.ErrorBody()
    details, wait = error.error_details, life.wait_told(headers)
    if status == 401:
        return NotLoggedIn("GitHub no longer honours this login. Run `passenger-trio login`.", code="login_void")
    if status == 429 or (status == 403 and details is None and _is_limit(headers, error.message)):
        return UpstreamRefused(
            429,
            f"GitHub limits the token exchange: {error.message or 'too many requests'}",
            code="rate_limited",
            retry_after=wait,
        )
    if status in {403, 404} and (details is not None or error.message):
        words = (details.message if details is not None else "") or error.message or f"HTTP {status}"
        url = f" See {details.url}." if details is not None and details.url and "{" not in details.url else ""
        return AccountRefused(
            f"GitHub gives this account no Copilot token: {words}{url}",
            code=details.notification_id if details is not None else None,
            retry_after=wait,
        )
    page = body.lstrip().startswith(b"<")
    words = error.message or ("a web page" if page else excerpt(body)) or "nothing more"
    return UpstreamRefused(
        status if status >= 400 else 502,
        f"The token exchange was answered with HTTP {status}: {words}",
        retry_after=wait,
    )


_LIMIT_WORDS: Final = ("rate limit", "abuse detection")
"""GitHub's, of the limit by the hour and of the secondary one, whose documentation names the headers."""


def _is_limit(headers: Mapping[str, str], message: str) -> bool:
    """Whether GitHub's 403 is about how fast one asks."""
    if life.wait_told(headers) is not None or headers.get("x-ratelimit-remaining") == "0":
        return True
    return any(words in message.lower() for words in _LIMIT_WORDS)


def is_token_trouble(status: int, body: bytes) -> bool:
    """Whether a fresh token may mend this refusal.

    That is so for a 401 that is about the token and not about what was asked, and for a 421: the host comes with the
    token, and an account that joins an organisation moves to another.
    """
    if status != 401:
        return status == 421
    return b"authorize_url" not in body and b"auto-mode" not in body and b"Copilot Requests permission" not in body


def refuses_model(status: int, body: bytes) -> bool:
    """Whether Copilot refuses the model as such. A stale token has been seen to cause this, too.

    One that it serves on another endpoint only is known; newer refusals of that kind have the same code (recorded).
    """
    message, error = _words(body)
    return status == 400 and error.code == "model_not_supported" and "not accessible via" not in message


# The device flow


class Poll(NamedTuple):
    """What a poll brought: a token, or ``None`` and the interval in seconds that holds from now on."""

    access_token: Secret | None
    interval: float


_POLL_FAILURES: Final[Mapping[str, str]] = {
    "expired_token": "The code ran out before it was entered. Run the login again.",
    "access_denied": "The login was cancelled on GitHub's page. Run it again if that was not meant.",
    "incorrect_device_code": "GitHub does not know this code any more. Run the login again.",
    "incorrect_client_credentials": "GitHub does not know the client id; check `github.client_id`.",
    "unsupported_grant_type": "GitHub refused the kind of login; check `github.oauth_token_url`.",
    "device_flow_disabled": "The application behind `github.client_id` does not allow this kind of login.",
}


def poll_answer(body: bytes, interval: float) -> Poll:
    """Read a poll's answer; errors come with status 200, so the body alone tells.

    ``slow_down`` raises the interval for good, to the answer's own one or by 5 seconds (RFC 8628 section 3.5). Raises
    :class:`~passenger_trio.errors.LoginFailed` when there is no use in going on.
    """
    try:
        answer = github.decode_poll(body)
    except envelope.UNREADABLE:
        # not quoted where it may hold the token: form-encoded answers come from hosts that do not heed Accept
        words = "it is no JSON" if b"token" in body else excerpt(body)
        raise LoginFailed(f"GitHub's answer to the login cannot be read: {words}") from None
    if answer.access_token:
        return Poll(Secret(answer.access_token), interval)
    if answer.error == "authorization_pending":
        return Poll(None, interval)
    if answer.error == "slow_down":
        return Poll(None, max(answer.interval or 0.0, interval + 5.0 if not answer.interval else interval))
    known = _POLL_FAILURES.get(answer.error or "")
    raise LoginFailed(known or f"GitHub refused the login: {answer.error_description or answer.error or excerpt(body)}")


# Errors


_RETRY_AFTER: Final = ("retry-after", "x-ratelimit-user-retry-after", "x-ratelimit-quota-exceeded-retry-after")
_HANDED_ON: Final = ("x-github-request-id", "x-ratelimit-exceeded")

_PATIENCE: Final = 120.0
"""Seconds of ``Retry-After`` that OpenAI's package waits at most. Its older versions ask again at once if told more."""

_QUOTA: Final = frozenset(
    {
        *("quota_exceeded", "free_quota_exceeded", "session_quota_exceeded", "insufficient_quota"),
        *("overage_limit_reached", "additional_spend_limit_reached", "billing_not_configured"),
    }
)
_TOO_LONG: Final = frozenset({"model_max_prompt_tokens_exceeded", "context_length_exceeded"})
_TOO_LONG_WORDS: Final = (
    re.compile(r"prompt token count of (?P<tokens>\d{1,12}) exceeds the limit of (?P<limit>\d{1,12})"),
    re.compile(r"prompt is too long: (?P<tokens>\d{1,12}) tokens > (?P<limit>\d{1,12}) maximum"),
    re.compile(r"maximum context length is (?P<limit>\d{1,12}) tokens\D{1,80}(?P<tokens>\d{1,12}) tokens"),
    re.compile(r"exceeds the context window"),
)
"""Copilot's words, Anthropic's, OpenAI's, and OpenAI's on ``/responses``."""

_ABOUT_MODEL: Final = frozenset({"model_not_supported", "unsupported_api_for_model"})

_NEW_LOGIN: Final = (
    "Copilot takes no token of this login. Run `passenger-trio login`, and see that the account has Copilot."
)
_OTHER_HOST: Final = (
    "Copilot serves this account on another host. If `api_base_url` is set under [copilot] in config.toml, take it "
    "out; if it is not, the account's plan has changed: run `passenger-trio login`."
)
_REMEDIES: Final = (
    (400, b"Editor-Version header", "Check `editor_version` under [copilot] in config.toml."),
    (400, b"Personal Access Tokens are not supported", "Run `passenger-trio login`."),
    (421, b"", _OTHER_HOST),
    (466, b"", "Raise `api_version` and `editor_version` under [copilot] in config.toml."),
)
"""What a person can do, by the status and a piece of the body."""


def decipher(
    status: int, headers: Mapping[str, str], body: bytes, *, sent: bytes = b"", prompt_limit: int | None = None
) -> UpstreamRefused:
    """An error answer of the Copilot API as one of our errors: its status, words, code and ids.

    Many JSON errors are served as text, so JSON is tried first whatever the type says; codes may carry the plan behind
    a colon; HTML is never handed on. ``headers`` has lower-case names. ``sent`` is the request's body, ``prompt_limit``
    how many tokens its model takes: for a refusal that does not say that the prompt is too long.
    """
    message, error = _words(body)
    code = str(error.code) if error.code not in {None, ""} else None
    if code is not None and status in {402, 429}:
        code = code.partition(":")[0]
    limit = headers.get("x-ratelimit-exceeded", "")
    if code is None and limit:  # a plain code, or the long key of one of the windows
        code = "rate_limited" if ":" in limit else limit
    overflow = _overflow(code, message) if status in {400, 413} else None
    if status == 400 and code == "invalid_request_body" and overflow is None and looks_too_long(sent, prompt_limit):
        overflow = {}
    quota = status == 402 or (status == 429 and _is_quota(code, message, limit))
    if status < 400:
        message, status = f"Copilot answered with HTTP {status}, which has no meaning here. {message}".rstrip(), 502
    wait = next((headers[name] for name in _RETRY_AFTER if name in headers), None)
    kind = QuotaExceeded if quota else UpstreamRefused if overflow is None else ContextTooLong
    refusal = kind(
        status,
        message or f"Copilot answered with HTTP {status} and said nothing more.",
        code=code,
        kind=error.type or None,
        param=error.param or ("model" if code in _ABOUT_MODEL else None),
        retry_after=wait,
        headers={name: headers[name] for name in _HANDED_ON if name in headers},
        remedy=_remedy(status, body),
        lasting=quota or status in {421, 466} or (wait is not None and wait.isdecimal() and float(wait) > _PATIENCE),
    )
    if isinstance(refusal, ContextTooLong):
        numbers = overflow or {}
        refusal.tokens, refusal.limit = numbers.get("tokens"), numbers.get("limit", prompt_limit)
    return refusal


def _is_quota(code: str | None, message: str, limit: str) -> bool:
    """Whether a 429 means the quota, and not how fast one asks. ``limit`` is ``x-ratelimit-exceeded``."""
    return code in _QUOTA or limit.startswith("quota_exceeded") or (code is None and message == "quota exceeded")


def _overflow(code: str | None, message: str) -> dict[str, int] | None:
    """``tokens`` and ``limit`` of a refusal of too long a prompt, as far as it tells them; ``None`` for any other."""
    for words in _TOO_LONG_WORDS:
        if (found := words.search(message)) is not None:
            return {name: int(number) for name, number in found.groupdict().items()}
    return {} if code in _TOO_LONG else None


def looks_too_long(sent: bytes, limit: int | None) -> bool:
    """Whether a request's body clearly has more than ``limit`` tokens; never so without a limit.

    ``/responses`` refuses such a body in the same words as any that it does not understand. A token is about four bytes
    of English, and fewer of most other texts. Base64 does not count: it is a picture or encrypted reasoning. An escaped
    character counts as two bytes.
    """
    if limit is None or len(sent) <= limit * _TOKEN_BYTES:
        return False
    text = _ESCAPE.sub(b"..", sent).replace(b"\\/", b"/")  # which some write so
    return len(_BASE64.sub(b"", text)) > limit * _TOKEN_BYTES


_TOKEN_BYTES: Final = 4
_BASE64: Final = re.compile(rb"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{200,}")
_ESCAPE: Final = re.compile(rb"\\u[0-9A-Fa-f]{4}")


def _remedy(status: int, body: bytes) -> str:
    if status == 401:
        return _NEW_LOGIN if is_token_trouble(status, body) else ""
    return next((remedy for at, piece, remedy in _REMEDIES if at == status and piece in body), "")


def _words(body: bytes) -> tuple[str, chat.ErrorBody]:
    text = body.strip()
    if text.startswith(b"<"):
        return (
            "Copilot answered with a web page instead of an answer; it is in trouble for the moment.",
            chat.ErrorBody(),
        )
    try:
        outer = envelope.decode(text)
        inner = outer.get("error")
        if inner is not None and bytes(inner).startswith(b'"'):
            return msgspec.json.decode(inner, type=str), chat.ErrorBody()
        error = chat.decode_error(inner if inner is not None else text)
    except envelope.UNREADABLE:
        return excerpt(text), chat.ErrorBody()
    return error.message or excerpt(text), error


def excerpt(body: bytes, limit: int = 500) -> str:
    """The beginning of a body, for a message."""
    text = body[: limit * 4].decode(errors="replace").strip()
    return text if len(text) <= limit else text[:limit] + "..."
