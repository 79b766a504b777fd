"""The program itself, as somebody runs it. The ``world`` fixture searches whatever it says for tokens."""

import os
import re
import signal
import socket
import stat
from pathlib import Path

import httpx
import msgspec
import pytest
import trio
from program import World, command, environment

from passenger_trio.copilot import protocol
from passenger_trio.simulator import Fault

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"


def told(err: str) -> str:
    """The one line on stderr, without the program's name."""
    assert err.startswith("passenger-trio: ")
    assert err.count("\n") == 1
    return err.removeprefix("passenger-trio: ").rstrip()


def saved(path: Path) -> dict[str, object]:
    """A token file, which must be its owner's alone."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return msgspec.json.decode(path.read_bytes(), type=dict[str, object])


def files_in(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def refuse_account(world: World) -> None:
    body = (SAMPLES / "token_error_403_not_signed_up.json").read_bytes()
    fault = Fault(path="/copilot_internal/v2/token", status=403, body=body, content_type="application/json")
    world.simulator.faults.append(fault)


# Login


async def test_a_login_shows_page_and_code_and_saves_both_tokens(world: World) -> None:
    done = await world.run("login", "--no-browser")

    assert (done.code, done.err) == (0, "")
    assert done.out.count(protocol.TERMS_URL) == 1
    assert f"{world.origin}/login/device\n" in done.out
    assert re.search(r"enter: +[A-Z]{4}-[A-Z]{4}\n", done.out)
    assert "Waiting for GitHub, 15 min left.\n" in done.out
    assert "\r" not in done.out
    assert "Logged in as octocat.\n" in done.out
    assert world.simulator.knows(str(saved(world.access_path)["access_token"]))
    assert world.simulator.token_state(str(saved(world.copilot_path)["token"])) == "good"


async def test_passenger_rs_login_flag_logs_in(world: World) -> None:
    done = await world.run("--login", "--no-browser", "--access-token-path", "mine.json")

    assert done.code == 0
    assert "Saved mine.json\n" in done.out
    assert saved(world.directory / "mine.json").keys() == {"access_token", "token_type", "scope"}


async def test_a_second_login_says_so_and_replaces_the_first(world: World) -> None:
    before = world.log_in()

    done = await world.run("login", "--no-browser")

    assert done.code == 0
    assert "logged in already" in done.out
    assert saved(world.access_path)["access_token"] != before


async def test_a_login_without_copilot_is_kept_and_shows_githubs_words(world: World) -> None:
    refuse_account(world)

    done = await world.run("login", "--no-browser")

    assert done.code == 4
    details = msgspec.json.decode((SAMPLES / "token_error_403_not_signed_up.json").read_bytes())["error_details"]
    assert " ".join(details["message"].split()) in told(done.err)
    assert "Logged in as octocat.\n" in done.out
    assert world.simulator.knows(str(saved(world.access_path)["access_token"]))


async def test_a_login_that_is_refused_saves_nothing(world: World) -> None:
    world.simulator.polls = ("denied",)

    done = await world.run("login", "--no-browser")

    assert done.code == 3
    assert "cancelled on GitHub's page" in told(done.err)
    assert not world.access_path.exists()


async def test_ctrl_c_stops_a_login_cleanly(world: World, nursery: trio.Nursery) -> None:
    world.simulator.polls = ("pending",)
    login = await world.start(nursery, "login", "--no-browser")
    await login.hear("Waiting for GitHub")

    done = await login.end(signal.SIGINT)

    assert (done.code, done.err) == (130, "")
    assert done.out.endswith("Login stopped; nothing was saved.\n")
    assert not world.access_path.exists()


async def test_a_login_that_cannot_be_kept_is_not_begun(world: World) -> None:
    (world.directory / "file").touch()

    done = await world.run("login", "--no-browser", "--access-token-path", "file/access_token.json")

    assert done.code == 7
    assert told(done.err).startswith("file/access_token.json cannot be written")
    assert "--access-token-path" in done.err
    assert world.simulator.counts["device_code"] == 0


async def test_a_login_without_a_network_says_that_there_is_none(world: World, closed_origin: str) -> None:
    world.configure(closed_origin)

    done = await world.run("login", "--no-browser")

    assert done.code == 5
    assert told(done.err).startswith("127.0.0.1 cannot be reached")


# The other verbs that come and go


async def test_logout_deletes_both_files_and_says_which(world: World) -> None:
    world.log_in()
    await world.run("refresh-token")

    done = await world.run("logout")

    assert done.code == 0
    assert f"Deleted {world.access_path}\nDeleted {world.copilot_path}\n" in done.out
    assert not world.access_path.exists()
    assert not world.copilot_path.exists()


async def test_logout_without_a_login_says_so_and_is_good(world: World) -> None:
    done = await world.run("logout")

    assert (done.code, done.err) == (0, "")
    assert "Nobody was logged in" in done.out


async def test_refresh_token_fetches_one_even_if_the_saved_one_is_good(world: World) -> None:
    world.log_in()
    await world.run("refresh-token")
    first = saved(world.copilot_path)["token"]

    done = await world.run("--refresh-token")

    assert (done.code, done.err) == (0, "")
    assert "good for 30 min. The account's plan is monthly_subscriber.\n" in done.out
    assert saved(world.copilot_path)["token"] != first


async def test_refresh_token_as_json(world: World) -> None:
    world.log_in()

    report = (await world.run("refresh-token", "--json")).json()

    assert isinstance(report, dict)
    assert report["plan"] == "monthly_subscriber"
    assert report["path"] == str(world.copilot_path)
    assert 1700 < report["seconds_left"] <= 1800
    assert report["expires_at"] == pytest.approx(saved(world.copilot_path)["local_expires_at"], abs=1)


async def test_refresh_token_without_a_login_names_the_file_that_is_missing(world: World) -> None:
    done = await world.run("refresh-token")

    assert done.code == 3
    assert told(done.err) == (f"Nobody is logged in: {world.access_path} does not exist. Run `passenger-trio login`.")
    assert not world.copilot_path.parent.exists()


@pytest.mark.parametrize("verb", ["refresh-token", "models", "serve"])
async def test_a_login_that_github_has_voided_asks_for_another(world: World, verb: str) -> None:
    world.simulator.revoke(world.log_in())

    done = await world.run(verb)

    assert done.code == 3
    assert told(done.err) == "GitHub no longer honours this login. Run `passenger-trio login`."


@pytest.mark.parametrize("verb", ["refresh-token", "models", "serve"])
async def test_an_account_without_copilot_hears_githubs_reason(world: World, verb: str) -> None:
    world.log_in()
    refuse_account(world)

    done = await world.run(verb)

    assert done.code == 4
    assert told(done.err).startswith("GitHub gives this account no Copilot token: ")


@pytest.mark.parametrize("verb", ["refresh-token", "models"])
async def test_github_out_of_reach_is_told_apart_from_a_refusal(world: World, verb: str, closed_origin: str) -> None:
    world.log_in()
    world.configure(closed_origin)

    done = await world.run(verb)

    assert done.code == 5
    assert "cannot be reached" in told(done.err)


async def test_models_lists_what_the_account_has(world: World) -> None:
    world.log_in()

    table, listed = await world.run("models"), (await world.run("models", "--json")).json()

    assert isinstance(listed, list)
    lines = table.out.partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines[1:]] == [row["id"] for row in listed]
    assert table.out.endswith("`passenger-trio models enable NAME`.\n")
    assert not {"exec-agent-a", "copilot-search-a", "trajectory-compaction"} & {row["id"] for row in listed}
    assert "gpt-4o" in {row["id"] for row in listed}
    assert "\x1b" not in table.out
    assert world.simulator.counts["token"] == 1  # the second run used the token that the first one saved


async def test_models_replaces_a_saved_token_that_copilot_refuses(world: World) -> None:
    world.log_in()
    await world.run("refresh-token")
    world.simulator.kill_tokens()

    assert (await world.run("models")).code == 0
    assert world.simulator.token_state(str(saved(world.copilot_path)["token"])) == "good"


# Status


async def test_status_has_its_stable_keys_and_says_where_settings_come_from(world: World) -> None:
    world.log_in()
    world.configure(world.origin, '[server]\napi_key = "hush-hush"\nport = 1\n[models.aliases]\n"mine" = "gpt-4.1"\n')
    await world.run("refresh-token")

    done = await world.run("status", "--json", "--host", "localhost")
    report = done.json()

    assert (done.code, done.err) == (0, "")
    assert isinstance(report, dict)
    assert report.keys() == {"version", "config_file", "account", "login", "copilot_token", "server", "settings"}
    assert report["account"] == {"login": "octocat", "plan": "individual", "problem": None}
    assert report["login"] == {"path": str(world.access_path), "exists": True}
    assert 1700 < report["copilot_token"].pop("seconds_left") <= 1800
    assert report["copilot_token"] == {"path": str(world.copilot_path), "exists": True}
    assert report["server"] == {"address": "http://localhost:1", "answers": False}
    assert report["settings"]["server.api_key"] == {"value": "[secret]", "origin": "config.toml"}
    assert report["settings"]["server.host"] == {"value": "localhost", "origin": "flag --host"}
    assert report["settings"]["models.aliases"] == {"value": {"mine": "gpt-4.1"}, "origin": "config.toml"}
    assert report["settings"]["server.body_timeout"]["origin"] == "default"
    assert "hush-hush" not in (await world.run("status")).out + done.out


async def test_status_without_a_login_is_three(world: World) -> None:
    done = await world.run("status")

    assert done.code == 3
    assert "nobody is logged in. Run `passenger-trio login`." in done.out


async def test_status_knows_a_void_login(world: World) -> None:
    world.simulator.revoke(world.log_in())

    done = await world.run("status")

    assert done.code == 3
    assert "GitHub no longer honours this login" in done.out


async def test_status_does_not_fail_without_a_network(world: World, closed_origin: str) -> None:
    world.log_in()
    world.configure(closed_origin)

    done = await world.run("status")

    assert done.code == 0
    assert "GitHub cannot be reached." in done.out


async def test_a_reader_that_leaves_early_makes_no_noise(world: World) -> None:
    world.log_in()
    read, write = os.pipe()
    os.close(read)

    with trio.fail_after(30), open(write, "wb") as stdout:  # noqa: ASYNC230, PTH123 - a pipe
        done = await trio.run_process(
            command("status", "--json", "--config", "config.toml"),
            stdout=stdout,
            capture_stderr=True,
            check=False,
            env=environment(),
            cwd=world.directory,
        )

    assert (done.returncode, done.stderr) == (0, b"")


# Configuration


@pytest.mark.parametrize(
    "text, words",
    [
        ("[server]\nprot = 1\n", "Did you mean `server.port`?"),
        ("[server\n", "not valid TOML"),
        ("[server]\nport = 99999\n", "`server.port` is wrong"),
    ],
)
async def test_a_bad_configuration_is_named(world: World, text: str, words: str) -> None:
    (world.directory / "config.toml").write_text(text)

    done = await world.run("status")

    assert done.code == 2
    assert words in told(done.err)


async def test_a_configuration_that_is_not_there_is_named(world: World) -> None:
    (world.directory / "config.toml").unlink()

    done = await world.run("serve")

    assert done.code == 2
    assert "config.toml does not exist" in told(done.err)


# Serving


async def test_serving_without_a_login_names_the_remedy(world: World) -> None:
    done = await world.run("serve", "--port", "0")

    assert done.code == 3
    assert "Run `passenger-trio login`." in told(done.err)


async def test_a_port_in_use_is_named_with_the_way_to_another(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = await world.run("serve", "--port", str(port))

    assert done.code == 6
    assert told(done.err).startswith(f"Port {port} on 127.0.0.1 cannot be used")
    assert "--port" in done.err


async def test_the_network_is_not_served_without_a_key(world: World) -> None:
    done = await world.run("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104

    assert done.code == 2
    assert "needs a key" in told(done.err)


async def test_a_running_server_is_seen_by_status_and_ends_well(world: World, nursery: trio.Nursery) -> None:
    world.log_in()
    server = await world.start(nursery, "serve", "--port", "0")
    log = await server.hear("/v1/models", err=True)
    found = re.search(r"Ollama: http://127\.0\.0\.1:(\d+)$", log, re.MULTILINE)
    assert found is not None

    report = (await world.run("status", "--json", "--port", found[1])).json()
    done = await server.end(signal.SIGTERM)

    assert isinstance(report, dict)
    assert report["server"] == {"address": f"http://127.0.0.1:{found[1]}", "answers": True}
    assert done.code == 0
    assert "Traceback" not in done.err


async def test_github_out_of_reach_keeps_nobody_from_serving(
    world: World, nursery: trio.Nursery, closed_origin: str
) -> None:
    world.log_in()
    world.configure(closed_origin)
    server = await world.start(nursery, "serve", "--port", "0")
    log = await server.hear("/v1/models", err=True)
    found = re.search(r"Ollama: (http://127\.0\.0\.1:\d+)$", log, re.MULTILINE)
    assert found is not None

    async with httpx.AsyncClient(base_url=found[1]) as http:
        statuses = [(await http.get(path)).status_code for path in ("/", "/health", "/api/version")]
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
        answer = await http.post("/v1/chat/completions", json=body, timeout=15)
    done = await server.end(signal.SIGTERM)

    assert log.count("serving without a Copilot token for now, next try in ") == 1
    assert statuses == [200, 200, 200]
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert done.code == 0
    assert "Traceback" not in log + done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_simulated_server_answers_says_that_it_is_one_and_ends_well(
    world: World, nursery: trio.Nursery, number: signal.Signals, home: Path
) -> None:
    world.configure("https://github.invalid")
    server = await world.start(nursery, "serve", "--simulator", "--port", "0")
    banner = await server.hear("Ctrl-C stops it.", err=True)
    found = re.search(r"curl (http://127\.0\.0\.1:\d+/v1/chat/completions)", banner)
    assert found is not None

    async with httpx.AsyncClient() as http:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
        answer = await http.post(found[1], json=body, timeout=15)
    done = await server.end(number)

    assert "SIMULATED" in banner
    assert answer.status_code == 200
    assert "simulated" in answer.json()["choices"][0]["message"]["content"]
    assert (done.code, done.out) == (0, "")
    assert re.search(r"tid=|gh[a-z]_", banner + done.err) is None
    assert not world.access_path.parent.exists()
    assert not any(files_in(home))  # nor is the made-up list kept for the real one


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_simulator_alone_prints_a_configuration_with_which_one_logs_in(
    world: World, nursery: trio.Nursery, number: signal.Signals
) -> None:
    simulator = await world.start(nursery, "simulator", "--port", "0")
    lines = await simulator.hear("simulated-token.json")
    await simulator.hear("Ctrl-C", err=True)
    (world.directory / "config.toml").write_text(lines)

    login = await world.run("login", "--no-browser")
    done = await simulator.end(number)

    assert login.code == 0
    assert saved(world.directory / "simulated-access-token.json")["access_token"] not in login.out
    assert done.code == 0
