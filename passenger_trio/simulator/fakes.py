"""Random strings in the shapes GitHub gives them. They open nothing but the simulator that made them."""

import secrets
import string
from typing import Final

_ALPHANUMERIC: Final = string.ascii_letters + string.digits
_CONSONANTS: Final = "BCDFGHJKLMNPQRSTVWXZ"


def github_token() -> str:
    """A user token of a GitHub App: ``ghu_`` and 36 letters and digits."""
    return "ghu_" + "".join(secrets.choice(_ALPHANUMERIC) for _ in range(36))


def user_code() -> str:
    """What a person would type: ``WDJB-MJHT``."""
    letters = [secrets.choice(_CONSONANTS) for _ in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


def copilot_token(*, expires_at: int, sku: str, host: str) -> str:
    """A Copilot token: fields, and a MAC that nobody checks (protocol: token string)."""
    return (
        f"tid={secrets.token_hex(16)};exp={expires_at};sku={sku};proxy-ep={host};st=dotcom;chat=1;cit=1;malfil=1;"
        f"editor_preview_features=1;agent_mode=1;mcp=1;rt=1;8kp=1;ip=192.0.2.7;asn=AS64500:{secrets.token_hex(32)}"
    )


def request_id() -> str:
    """The value of an ``x-github-request-id`` header: ``8218:37E5A:4DFE583:16F898A:17E538A1``."""
    digits = secrets.token_hex(16).upper()
    return f"{digits[:4]}:{digits[4:9]}:{digits[9:16]}:{digits[16:23]}:{digits[23:31]}"
