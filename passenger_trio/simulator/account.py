"""What GitHub tells about the simulated account: its identity, its Copilot plan, and the token's envelope.

Field names and values follow the recorded answers (protocol: token exchange; usage and quota).
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_USER_ID: Final = 583231


@dataclass(frozen=True, slots=True)
class Plan:
    """What differs from plan to plan. ``premium`` is the monthly number of premium requests, 0 for the free plan."""

    name: str
    sku: str
    premium: int
    organization: str | None = None


PLANS: Final[Mapping[str, Plan]] = {
    plan.name: plan
    for plan in (
        Plan("free", "free_limited_copilot", 0),
        Plan("individual", "monthly_subscriber", 300),
        Plan("individual_pro", "plus_monthly_subscriber_quota", 1500),
        Plan("business", "copilot_for_business_seat", 300, "acme"),
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
    plan: Plan, origin: str, *, token: str, expires_at: int, refresh_in: int, now: float
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
        "limited_user_quotas": {"chat": 450, "completions": 3990} if free else None,
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


def copilot_user(plan: Plan, login: str, origin: str, *, now: float) -> dict[str, object]:
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
        user["limited_user_quotas"] = {"chat": 450, "completions": 3990}
        user["limited_user_reset_date"] = f"{reset:%Y-%m-%d}"
        user["monthly_quotas"] = {"chat": 500, "completions": 4000}
        return user
    user["quota_reset_date"] = f"{reset:%Y-%m-%d}"
    user["quota_reset_date_utc"] = f"{reset:%Y-%m-%dT%H:%M:%S}.000Z"
    stamp = f"{datetime.datetime.fromtimestamp(now, datetime.UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    user["quota_snapshots"] = {
        "chat": _snapshot("chat", 0, stamp),
        "completions": _snapshot("completions", 0, stamp),
        "premium_interactions": _snapshot("premium_interactions", plan.premium, stamp),
    }
    return user


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
