"""What GitHub answers: the device flow (RFC 8628 as GitHub has it), the token exchange, the account, its errors.

Source: GitHub's OAuth documentation; the official client's token schema, in which only ``token``, ``expires_at`` and
``refresh_in`` are essential.
"""

from typing import Annotated, Final

import msgspec

from passenger_trio.secret import Unshown


class DeviceCode(Unshown, msgspec.Struct):
    """The answer to a device-code request. ``expires_in`` and ``interval`` are seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: float = 900
    interval: float = 5


class PollAnswer(Unshown, msgspec.Struct):
    """The answer to a poll, success and error alike: both come with status 200. ``error_uri`` is not always there."""

    access_token: str | None = None
    token_type: str | None = None
    scope: str | None = None
    error: str | None = None
    error_description: str | None = None
    interval: float | None = None


class Endpoints(msgspec.Struct):
    """The hosts of the account's plan."""

    api: str | None = None


class TokenEnvelope(Unshown, msgspec.Struct, omit_defaults=True):
    """The answer of the token exchange. ``expires_at`` is unix seconds on GitHub's clock, ``refresh_in`` seconds.

    A token goes into a header: what could not is none.
    """

    token: Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z")]
    expires_at: Annotated[float, msgspec.Meta(ge=0, le=2**40)]
    refresh_in: float | None = None
    endpoints: Endpoints | None = None
    sku: str | None = None
    chat_enabled: bool | None = None


class ErrorDetails(msgspec.Struct):
    """Why GitHub refuses an account a Copilot token; ``message`` is written for people."""

    message: str = ""
    notification_id: str | None = None
    title: str | None = None
    url: str | None = None


class ErrorBody(msgspec.Struct):
    """An error of api.github.com."""

    message: str = ""
    error_details: ErrorDetails | None = None


class User(msgspec.Struct):
    """The account: ``/copilot_internal/user`` (``login`` in newer answers) or ``/user``."""

    login: str | None = None
    copilot_plan: str | None = None
    access_type_sku: str | None = None


decode_device_code: Final = msgspec.json.Decoder(DeviceCode).decode
decode_poll: Final = msgspec.json.Decoder(PollAnswer).decode
decode_envelope: Final = msgspec.json.Decoder(TokenEnvelope).decode
decode_error: Final = msgspec.json.Decoder(ErrorBody).decode
decode_user: Final = msgspec.json.Decoder(User).decode
