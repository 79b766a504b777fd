"""What GitHub tells about the simulated account: its identity, its Copilot plan, and the token's envelope.

Field names and values follow the recorded answers (protocol: token exchange; usage and quota).
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

_USER_ID: Final = 583231


@dataclass(frozen=True, slots=True)
class Plan:
    """What differs from plan to plan.

    ``premium`` is the monthly number of premium requests, 0 for the free plan; ``token_billing`` whether tokens are
    billed in place of requests.
    """

    name: str
    sku: str
    premium: int
    organization: str | None = None
    token_billing: bool = False


PLANS: Final[Mapping[str, Plan]] = {
    plan.name: plan
    for plan in (
        Plan("free", "free_limited_copilot", 0),
        Plan("individual", "monthly_subscriber", 300),
        Plan("individual_pro", "plus_monthly_subscriber_quota", 1500),
        Plan("business", "copilot_for_business_seat", 3000, "acme", token_billing=True),
        Plan("enterprise", "copilot_enterprise_seat_quota", 1000, "acme"),
    )
}


def plan_of(name: str) -> Plan:
    """The plan of that name. Raises :class:`ValueError` for an unknown one."""
    if name not in PLANS:
        raise ValueError(f"unknown plan {name!r}; known are {sorted(PLANS)}")
    return PLANS[name]


def _endpoints(origin: str) -> dict[str, str]:
    return dict.fromkeys(("api", "origin-tracker", "proxy", "telemetry"), origin)


def _month_end(now: float) -> datetime.datetime:
    today = datetime.datetime.fromtimestamp(now, datetime.UTC)
    year, month = divmod(today.year * 12 + today.month, 12)
    return datetime.datetime(year, month + 1, 1, tzinfo=datetime.UTC)


def identity(login: str, origin: str) -> dict[str, object]:
    """The answer of ``GET /user``, with the fields that clients read."""
    return {
        "login": login,
        "id": _USER_ID,
        "node_id": "MDQ6VXNlcjU4MzIzMQ==",
        "avatar_url": f"{origin}/avatars/{login}",
        "html_url": f"{origin}/{login}",
        "type": "User",
        "site_admin": False,
        "name": f"The simulated {login}",
        "email": None,
    }


def token_envelope(
    plan: Plan,
    origin: str,
    *,
    token: str,
    expires_at: int,
    refresh_in: int,
    now: float,
    exhausted: bool = False,
) -> dict[str, object]:
    """The answer of ``GET /copilot_internal/v2/token``; times are unix seconds of the server's clock."""
    free = plan.premium == 0
    envelope: dict[str, object] = {
        "annotations_enabled": True,
        "blackbird_clientside_indexing": False,
        "chat_enabled": True,
        "chat_jetbrains_enabled": True,
        "code_quote_enabled": True,
        "code_review_enabled": True,
        "codesearch": True,
        "copilotignore_enabled": False,
        "endpoints": _endpoints(origin),
        "expires_at": expires_at,
        "individual": plan.organization is None,
        "limited_user_quotas": _left_of_free(exhausted) if free else None,
        "limited_user_reset_date": int(_month_end(now).timestamp()) if free else None,
        "prompt_8k": True,
        "public_suggestions": "unconfigured" if free else "disabled",
        "refresh_in": refresh_in,
        "sku": plan.sku,
        "snippy_load_test_enabled": False,
        "telemetry": "disabled",
        "token": token,
        "tracking_id": "7b52f198d3f97f17af8dfaa853a6ba93",
        "vsc_electron_fetcher_v2": False,
        "xcode": True,
        "xcode_chat": False,
    }
    if plan.organization is not None:
        envelope["organization_list"] = ["455ed368bbb500bbc7b13d632c628548"]
        envelope["enterprise_list"] = [4021]
    return envelope


def copilot_user(plan: Plan, login: str, origin: str, *, now: float, exhausted: bool = False) -> dict[str, object]:
    """The answer of ``GET /copilot_internal/user``: the plan, and what is left of its quota."""
    organizations = [plan.organization] if plan.organization is not None else []
    user: dict[str, object] = {
        "login": login,
        "access_type_sku": plan.sku,
        "analytics_tracking_id": "1e5fe8db566deada21c3555c1adeacb9",
        "assigned_date": "2025-01-15T09:30:00-08:00",
        "can_signup_for_limited": False,
        "can_upgrade_plan": not organizations,
        "chat_enabled": True,
        "cli_enabled": True,
        "cli_remote_control_enabled": False,
        "codex_agent_enabled": False,
        "copilot_plan": plan.name,
        "copilotignore_enabled": False,
        "editor_preview_features_enabled": True,
        "is_mcp_enabled": True,
        "organization_list": [{"login": name, "name": f"{name.title()} Inc"} for name in organizations],
        "organization_login_list": organizations,
        "restricted_telemetry": False,
        "endpoints": _endpoints(origin),
    }
    reset = _month_end(now)
    if plan.premium == 0:
        user["limited_user_quotas"] = _left_of_free(exhausted)
        user["limited_user_reset_date"] = f"{reset:%Y-%m-%d}"
        user["monthly_quotas"] = {"chat": 500, "completions": 4000}
        return user
    user["quota_reset_date"] = f"{reset:%Y-%m-%d}"
    user["quota_reset_date_utc"] = f"{reset:%Y-%m-%dT%H:%M:%S}.000Z"
    stamp = f"{datetime.datetime.fromtimestamp(now, datetime.UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    billing: dict[str, object] = {"token_based_billing": True} if plan.token_billing else {}
    user |= billing
    premium = _snapshot("premium_interactions", plan.premium, stamp)
    if exhausted:
        premium |= {"overage_count": 12.34, "percent_remaining": 0.0, "quota_remaining": -12.34, "remaining": -12}
    user["quota_snapshots"] = {
        "chat": _snapshot("chat", 0, stamp) | billing,
        "completions": _snapshot("completions", 0, stamp) | billing,
        "premium_interactions": premium | billing,
    }
    return user


def _left_of_free(exhausted: bool) -> dict[str, int]:
    return {"chat": 0 if exhausted else 450, "completions": 3990}


def _snapshot(quota_id: str, entitlement: int, stamp: str) -> dict[str, object]:
    """A quota of which three quarters are left; an ``entitlement`` of 0 is an unlimited one."""
    left = entitlement * 0.75
    return {
        "entitlement": entitlement,
        "has_quota": entitlement > 0,
        "overage_count": 0,
        "overage_permitted": entitlement > 0,
        "percent_remaining": 75.0 if entitlement else 100.0,
        "quota_id": quota_id,
        "quota_remaining": left,
        "quota_reset_at": 0,
        "remaining": int(left),
        "timestamp_utc": stamp,
        "unlimited": entitlement == 0,
    }


def quota_headers(plan: Plan, *, now: float, exhausted: bool = False) -> dict[str, str]:
    """The ``x-quota-snapshot-*`` headers of answers: URL-encoded, ``ent=-1`` for what is unlimited, ``rem`` percent."""
    reset = f"{_month_end(now):%Y-%m-%dT%H:%M:%S}Z"

    def snapshot(entitlement: int, left: float, **more: str) -> str:
        fields = {"ent": str(entitlement), "ov": "0.0", "ovPerm": "false", "rem": str(left), "rst": reset, **more}
        return urlencode(fields)

    left = 0.0 if exhausted else 75.0
    if plan.premium == 0:
        chat, completions, premium = snapshot(500, 0.0 if exhausted else 90.0), snapshot(4000, 99.8), snapshot(0, 0.0)
        total = premium
    else:
        chat = completions = snapshot(-1, 100.0)
        premium = snapshot(plan.premium, left)
        total = snapshot(plan.premium, left, totRem=str(plan.premium * left / 100))
    return {
        "x-quota-snapshot-chat": chat,
        "x-quota-snapshot-completions": completions,
        "x-quota-snapshot-premium_interactions": total,
        "x-quota-snapshot-premium_models": premium,
    }


def minimal(envelope: Mapping[str, object]) -> dict[str, object]:
    """An envelope with nothing in it but what no client can do without."""
    return {name: envelope[name] for name in ("token", "expires_at", "refresh_in")}


def _no_access(message: str, notification: str, title: str, url: str) -> dict[str, object]:
    details = {"message": message, "notification_id": notification, "title": title, "url": url}
    return {"error_details": details, "message": "Resource not accessible by integration"}


_DOCS: Final = "https://docs.github.com/rest"
TOKEN_ANSWERS: Final[Mapping[str, tuple[int, Mapping[str, object]]]] = {
    "401": (401, {"message": "Bad credentials", "documentation_url": _DOCS, "status": "401"}),
    "403_no_access": (
        403,
        {"can_signup_for_limited": True}
        | _no_access(
            "No access to GitHub Copilot found. You are currently logged in as octocat.",
            "no_copilot_access",
            "No Copilot access",
            "https://github.com/settings/copilot?editor={EDITOR}",
        ),
    ),
    "403_not_signed_up": (
        403,
        {"can_signup_for_limited": True}
        | _no_access(
            "Your Copilot subscription is not active.",
            "not_signed_up",
            "Sign up for GitHub Copilot",
            "https://github.com/github-copilot/signup",
        ),
    ),
    "403_pat": (
        403,
        {"message": "Resource not accessible by personal access token", "documentation_url": _DOCS, "status": "403"},
    ),
    "403_rate_limit": (
        403,
        {
            "message": "API rate limit exceeded for user ID 1234567. If you reach out to GitHub Support for help, "
            "please include the request ID 0A1B:2C3D:4E5F.",
            "documentation_url": f"{_DOCS}/using-the-rest-api/rate-limits-for-the-rest-api",
            "status": "403",
        },
    ),
    "403_spammy_user": (
        403,
        _no_access(
            "Contact Support. You are currently logged in as octocat.",
            "spammy_user",
            "Contact Support",
            "https://support.github.com?editor={EDITOR}",
        ),
    ),
    "404": (404, {"message": "Not Found", "documentation_url": _DOCS, "status": "404"}),
}
"""What the token route can say instead of a token, by the names of the recorded answers."""


def check_token_answer(name: str | None) -> str | None:
    """``name``, if it is one of ``TOKEN_ANSWERS`` or ``minimal``. Raises :class:`ValueError` for another one."""
    if name is not None and name != "minimal" and name not in TOKEN_ANSWERS:
        raise ValueError(f"unknown token answer {name!r}; known are minimal and {sorted(TOKEN_ANSWERS)}")
    return name
