"""What is an address that can be asked, and what is none."""

import pytest

from passenger_trio.config import load, scheme_and_host
from passenger_trio.errors import ConfigError

KEYS = ["github.device_code_url", "github.oauth_token_url", "github.copilot_token_url", "github.copilot_models_url",
        "copilot.api_base_url"]  # fmt: skip
NOT_ASKED = [
    "https://api.github.com:x/copilot_internal/v2/token",
    "https://api.github.com:99999",
    "https://api.github.com:-1",
    "https://exa mple.com",
    "https://example.com/a b",
    "https://example.com/\n",
    " https://example.com",
    "https://1.2.3.999",
    "https://1.2",
    "https://[::g]",
    "https://[v1.x]",
    "https://a..b",
    "https://" + "x" * 64,
    "https://xn--zzzzzz999",
    "https://\u2603.example.com",
    "https://example.com/" + "x" * 2048,
]


@pytest.mark.parametrize("url", NOT_ASKED)
def test_what_nobody_can_ask_is_refused_when_the_configuration_is_read(url: str) -> None:
    assert scheme_and_host(url) == ("", "")
    for key in KEYS:
        with pytest.raises(ConfigError, match=f"flag .*: `{key}` is not a URL"):
            load(environ={"HOME": "/nowhere"}, flags={key: url})


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.githubcopilot.com", "api.githubcopilot.com"),
        ("https://API.example.com:8443/x?y=1", "api.example.com"),
        ("https://example.com./models", "example.com."),
        ("https://copilot_api.example.com:/", "copilot_api.example.com"),
        ("https://xn--mller-kva.example", "xn--mller-kva.example"),
        ("https://10.0.0.1:1", "10.0.0.1"),
        ("https://[::1]:9", "::1"),
        ("https://[fe80::1%25eth0]/", "fe80::1%25eth0"),
        ("https://example.com/mod\u00e8les", "example.com"),
    ],
)
def test_any_other_address_may_be_asked(url: str, host: str) -> None:
    assert scheme_and_host(url) == ("https", host)
