"""The grammar, without doing what it says."""

from pathlib import Path
from typing import Any

import pytest

from passenger_trio.cli.app import Address, Files, build_cli, dispatch
from passenger_trio.cli.argv import verb_first


def parsed(line: str) -> tuple[str, dict[str, Any]]:
    """The verb that would run, and its arguments."""
    cli = build_cli()
    verb, bound, _ = cli.parse_args(verb_first(line.split(), cli))
    return verb.__name__, bound.arguments


@pytest.mark.parametrize(
    "line, verb",
    [
        ("", "serve"),
        ("serve", "serve"),
        ("--port 1", "serve"),
        ("login", "login"),
        ("--login", "login"),
        ("logout", "logout"),
        ("refresh-token", "refresh_token"),
        ("--refresh-token", "refresh_token"),
        ("status", "status"),
        ("models", "models"),
        ("models enable x", "enable_model"),
        ("models --json", "models"),
        ("simulator", "simulator"),
    ],
)
def test_a_verb_is_what_it_says_and_none_is_serve(line: str, verb: str) -> None:
    assert parsed(line)[0] == verb


@pytest.mark.parametrize("verb", ["", "serve", "login", "--login", "logout", "--refresh-token", "status", "models"])
@pytest.mark.parametrize("option", ["-c /x.toml", "--config /x.toml", "--config=/x.toml"])
def test_options_stand_before_the_verb_or_after_it(verb: str, option: str) -> None:
    expected = Files(config=Path("/x.toml"))

    assert parsed(f"{option} {verb}") == parsed(f"{verb} {option}")
    assert parsed(f"{verb} {option}")[1]["files"] == expected


def test_every_option_of_passenger_rs_is_understood() -> None:
    line = "--refresh-token -c c.toml --access-token-path a.json --copilot-token-path t.json"

    assert parsed(line) == (
        "refresh_token",
        {"files": Files(config=Path("c.toml"), access_token_path="a.json", copilot_token_path="t.json")},
    )


@pytest.mark.parametrize("line, wanted", [("--ollama", True), ("--no-ollama", False), ("", None)])
def test_ollamas_port_is_served_left_alone_or_left_to_the_configuration(line: str, wanted: bool | None) -> None:
    assert parsed(f"{line} serve") == parsed(f"serve {line}")
    assert parsed(f"serve {line}")[1].get("ollama") is wanted


def test_the_value_of_an_option_is_not_taken_for_a_verb() -> None:
    verb, arguments = parsed("--host login --port 1")

    assert verb == "serve"
    assert arguments["address"] == Address(host="login", port=1)


@pytest.mark.parametrize(
    "line",
    [
        "models enable gpt-4.1 --yes -c c.toml",
        "-c c.toml models enable gpt-4.1 -y",
        "models -c c.toml enable -y gpt-4.1",
        "--yes -c c.toml models enable gpt-4.1",
    ],
)
def test_a_verb_of_a_verb_is_found_among_options(line: str) -> None:
    expected = {"name": "gpt-4.1", "yes": True, "files": Files(config=Path("c.toml"))}

    assert parsed(line) == ("enable_model", expected)


def test_a_flag_without_a_value_does_not_swallow_the_verb() -> None:
    assert parsed("--json status") == ("status", {"as_json": True})
    assert parsed("--simulator serve") == ("serve", {"simulator": True})


def test_words_after_two_dashes_stay_where_they_are() -> None:
    assert verb_first(["--", "login"], build_cli()) == ["--", "login"]


@pytest.mark.parametrize(
    "line, words, page",
    [
        ("sevre", "There is no command `sevre`. Did you mean `serve`?", "passenger-trio"),
        ("xyzzy", "There is no command `xyzzy`.", "passenger-trio"),
        ("login now", "`now` has no meaning here.", "passenger-trio login"),
        ("--prot 1", "--prot", "passenger-trio"),
        ("login --browser", "--browser", "passenger-trio login"),
        ("--port", "--port", "passenger-trio"),
        ("--port many", "many", "passenger-trio"),
        ("--log-level loud", "loud", "passenger-trio"),
        ("logout --json", "--json", "passenger-trio logout"),
        ("--no-simulator", "--no-simulator", "passenger-trio"),
        ("models enabel", "`enabel` has no meaning here.", "passenger-trio models"),
        ("models enable", "NAME", "passenger-trio models enable"),
        ("models enable a b", "`b` has no meaning here.", "passenger-trio models enable"),
    ],
)
def test_wrong_words_are_named_in_one_line_with_the_page_to_read(
    line: str, words: str, page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(line.split()) == 2

    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("passenger-trio: ")
    assert err.count("\n") == 1
    assert words in err
    assert err.endswith(f"`{page} --help` shows what there is.\n")


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_a_name_and_a_number(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    from passenger_trio import __version__  # noqa: PLC0415

    assert dispatch([flag]) == 0
    assert capsys.readouterr().out == f"passenger-trio {__version__}\n"
