"""What is said of the simulator."""

from pathlib import Path

from passenger_trio.cli.serve import banner
from passenger_trio.cli.simulator import as_toml, pointed_at
from passenger_trio.config import Config, GitHub, Server, Tokens, load

ORIGIN = "http://127.0.0.1:8090"


def test_the_printed_lines_are_a_configuration_that_points_at_the_simulator(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(as_toml(ORIGIN))

    config = load(tmp_path / "c.toml", environ={}).config

    assert config == pointed_at(Config(tokens=config.tokens), ORIGIN)
    assert config.tokens == Tokens(
        access_token_path="simulated-access-token.json", copilot_token_path="simulated-token.json"
    )


def test_pointing_at_the_simulator_leaves_nothing_of_github_and_everything_of_the_server() -> None:
    configured = Config(github=GitHub(copilot_models_url="https://elsewhere.example"), server=Server(port=7))

    config = pointed_at(configured, ORIGIN)

    urls = {
        config.github.device_code_url,
        config.github.oauth_token_url,
        config.github.copilot_token_url,
        config.copilot.api_base_url,
    }
    assert all(url.startswith(ORIGIN) for url in urls)
    assert not config.github.copilot_models_url
    assert config.server == configured.server


def test_the_banner_says_that_answers_are_simulated_and_how_to_get_one() -> None:
    text = banner(ORIGIN)

    assert "SIMULATED" in text
    assert f"curl {ORIGIN}/v1/chat/completions" in text
