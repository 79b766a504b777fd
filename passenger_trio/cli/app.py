"""The grammar: every verb, every option, and what ``--help`` says of them.

A verb is a function here, which reads the configuration and hands it to the ``run`` of the verb's own module. Lines of
help are short enough for 80 columns as they stand.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, CycloptsError, Group, Parameter, UnusedCliTokensError

from passenger_trio import __version__
from passenger_trio.cli.argv import verb_first
from passenger_trio.cli.outcome import MEANINGS, Exit, complain
from passenger_trio.config import Loaded, LogLevel, Server, load

_SERVER: Final = Server()
_ABOUT: Final = f"""\
A local server that makes your GitHub Copilot subscription usable by programs
which speak OpenAI's, Anthropic's or Ollama's API.

To begin:

  passenger-trio login              log in to GitHub, once
  passenger-trio serve              serve on http://{_SERVER.host}:{_SERVER.port}
  passenger-trio serve --simulator  try it without an account

Without a command it serves. `passenger-trio COMMAND --help` tells more of each.
passenger-rs's own --login and --refresh-token work as well."""

_EPILOGUE: Final = "Exit codes:\n\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Files:
    """The options of every verb that reads the configuration."""

    config: Annotated[
        Path | None,
        Parameter(
            name=("--config", "-c"),
            help="Configuration file. [default: ~/.config/passenger-trio/config.toml]",
        ),
    ] = None
    access_token_path: Annotated[
        str | None, Parameter(help="File of the GitHub login. [default: access_token.json in ~/.config/passenger-trio]")
    ] = None
    copilot_token_path: Annotated[
        str | None, Parameter(help="File of the Copilot token. [default: token.json in ~/.config/passenger-trio]")
    ] = None
    log_level: Annotated[
        LogLevel | None, Parameter(help=f"How much is logged on stderr. [default: {_SERVER.log_level}]")
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the server is."""

    host: Annotated[
        str | None,
        Parameter(help=f"Address to serve on. [default: {_SERVER.host}]"),
    ] = None
    port: Annotated[int | None, Parameter(help=f"Port to serve on, 0 for any. [default: {_SERVER.port}]")] = None


_Json = Annotated[bool, Parameter(name="--json", help="Print JSON, for programs.")]


def serve(
    *,
    simulator: bool = False,
    ollama: Annotated[bool | None, Parameter(negative="--no-ollama")] = None,
    address: Address | None = None,
    files: Files | None = None,
) -> int:
    """Serve the APIs until Ctrl-C (also without a command).

    OpenAI's API is at /v1, Ollama's at /api. You must have logged in before, or
    use --simulator.

    Parameters
    ----------
    simulator
        Ask a simulated Copilot instead of the real one. Needs no login; answers are made up.
    ollama
        Serve on Ollama's own port as well, 127.0.0.1:11434, for clients whose address cannot be set.
    """
    from passenger_trio.cli import serve

    return serve.run(
        _ready(files, address, ollama=ollama).config,
        simulated=simulator,
        reload=lambda: _read(files, address, ollama=ollama).config,
    )


def login(*, no_browser: bool = False, files: Files | None = None) -> int:
    """Log in to GitHub with a code that you enter on its page.

    Shows the page's address and the code, and waits until you have entered it.
    Keeps the login and the Copilot token in two files that only you can read.

    Parameters
    ----------
    no_browser
        Do not open the page in a browser; its address is shown either way.
    """
    from passenger_trio.cli import login

    return login.run(_ready(files).config, browser=not no_browser)


def logout(*, files: Files | None = None) -> int:
    """Delete the login and the Copilot token from this machine."""
    from passenger_trio.cli import logout

    return logout.run(_ready(files).config)


def refresh_token(*, as_json: _Json = False, files: Files | None = None) -> int:
    """Fetch a new Copilot token now.

    The server does so by itself in good time. This shows whether the login still
    works.
    """
    from passenger_trio.cli import refresh_token

    return refresh_token.run(_ready(files).config, as_json=as_json)


def status(*, as_json: _Json = False, address: Address | None = None, files: Files | None = None) -> int:
    """Show account, tokens, server and settings.

    Whose login it is, how long the Copilot token lives, whether a server answers
    on the configured address, and where each setting comes from.
    The exit code is 3 when nobody is logged in.
    """
    from passenger_trio.cli import status

    return status.run(_ready(files, address), as_json=as_json)


def models(*, as_json: _Json = False, files: Files | None = None) -> int:
    """List the models of your account.

    The limits are in tokens: of the whole context, the prompt (in), the answer
    (out). "cost" is premium requests a call (1x), or AIU for a million tokens in
    and out (175/1400). A model whose policy is "disabled" has first to be switched
    on, with `passenger-trio models enable NAME`.
    """
    from passenger_trio.cli import models

    return models.run(_ready(files).config, as_json=as_json)


def enable_model(
    name: Annotated[str, Parameter(help="The model, by any name that the server knows it by.")],
    /,
    *,
    yes: Annotated[bool, Parameter(name=("--yes", "-y"), help="Accept the terms without being asked.")] = False,
    files: Files | None = None,
) -> int:
    """Accept a model's terms and switch it on for your account.

    Shows the terms and asks. In an organisation its administrator decides.
    """
    from passenger_trio.cli import models

    return models.enable(_ready(files).config, name, yes=yes)


_Holder = Annotated[str, Parameter(help="The name of the client that has the key.")]


def add_key(name: _Holder, /) -> int:
    """Make a key for a client, and show it this once.

    The key goes to stdout, and what else is said to stderr. Only its hash is kept.
    """
    from passenger_trio.cli import keys

    return keys.add(name)


def keys(*, as_json: _Json = False) -> int:
    """List, make and take back the keys of clients.

    A server asks for keys where it serves others than this machine (--host), and
    where require_key = true stands under [server] in config.toml. The log names
    the key of each request.
    """
    from passenger_trio.cli import keys

    return keys.show(as_json=as_json)


def list_keys(*, as_json: _Json = False) -> int:
    """List the names of the keys, and when they were made."""
    return keys(as_json=as_json)


def revoke_key(name: _Holder, /) -> int:
    """Take a key back, also from a server that is running."""
    from passenger_trio.cli import keys

    return keys.revoke(name)


def simulator(
    *,
    host: Annotated[str, Parameter(show_default=True)] = "127.0.0.1",
    port: Annotated[int, Parameter(show_default=True)] = 8090,
) -> int:
    """Serve a simulated GitHub and Copilot alone.

    Prints the configuration that points a passenger-trio at it, and how to log in
    there. `passenger-trio serve --simulator` is both in one.

    Parameters
    ----------
    host
        Address to answer on.
    port
        Port to answer on, 0 for any.
    """
    from passenger_trio.cli import simulator

    return simulator.run(host, port)


def build_cli() -> App:
    """The whole command line. Calling it returns the exit code, and raises :class:`cyclopts.CycloptsError`."""
    options = Group("Options")
    cli = App(
        name="passenger-trio",
        help=_ABOUT,
        help_epilogue=_EPILOGUE,
        help_flags=["--help", "-h"],
        version=f"passenger-trio {__version__}",
        version_flags=["--version", "-V"],
        help_format="plaintext",
        group_parameters=options,
        default_parameter=Parameter(negative="", show_default=False),
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
    )
    cli.default(serve)
    verbs: tuple[Callable[..., int], ...] = (serve, login, logout, refresh_token, status, models, keys, simulator)
    for position, verb in enumerate(verbs):
        cli.command(verb, help_epilogue="", sort_key=position)
    cli["models"].command(enable_model, name="enable", help_epilogue="")
    for verb, name in ((add_key, "add"), (list_keys, "list"), (revoke_key, "revoke")):
        cli["keys"].command(verb, name=name, help_epilogue="")
    return cli


def dispatch(words: Sequence[str]) -> int:
    """Do what ``words`` say and return the exit code. Wrong words are told on stderr."""
    cli = build_cli()
    try:
        return cli(verb_first(words, cli)) or Exit.GOOD
    except CycloptsError as error:
        verb = "".join(f" {word}" for word in error.command_chain or ())
        complain(f"{_wrong(error, cli)} `passenger-trio{verb} --help` shows what there is.")
        return Exit.USAGE


def _wrong(error: CycloptsError, cli: App) -> str:
    """What is wrong with the words, as a sentence."""
    if not isinstance(error, UnusedCliTokensError) or not error.unused_tokens:
        return str(error) if str(error).endswith((".", "?")) else f"{error}."
    word = error.unused_tokens[0]
    if error.command_chain:
        return f"`{word}` has no meaning here."
    close = difflib.get_close_matches(word, list(cli), n=1)
    return f"There is no command `{word}`." + (f" Did you mean `{close[0]}`?" if close else "")


def _ready(files: Files | None, address: Address | None = None, *, ollama: bool | None = None) -> Loaded:
    """The configuration, with the log set up as it says. Raises :class:`~passenger_trio.errors.ConfigError`."""
    from passenger_trio.cli import logs

    loaded = _read(files, address, ollama=ollama)
    logs.set_up(loaded.config.server.log_level)
    return loaded


def _read(files: Files | None, address: Address | None, *, ollama: bool | None) -> Loaded:
    files, address = files or Files(), address or Address()
    return load(
        files.config,
        flags={
            "tokens.access_token_path": files.access_token_path,
            "tokens.copilot_token_path": files.copilot_token_path,
            "server.log_level": files.log_level,
            "server.host": address.host,
            "server.port": address.port,
            "server.ollama": ollama,
        },
    )
