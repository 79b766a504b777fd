"""``passenger-trio models`` and ``passenger-trio models enable``."""

import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import trio

from passenger_trio.cli.outcome import Exit, complain
from passenger_trio.cli.session import OneShot, Session
from passenger_trio.cli.wording import amount, table
from passenger_trio.config import Config
from passenger_trio.copilot import names, protocol
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import CopilotClient, open_http
from passenger_trio.errors import UpstreamRefused
from passenger_trio.wire.models import Billing, Model

_MILLION: Final = 1_000_000
_NANO: Final = 1e-9

HOW_TO_ENABLE: Final = (
    'A model whose policy is not "enabled" has terms to accept first: `passenger-trio models enable NAME`.'
)


class Prices(msgspec.Struct):
    """AIU, in which GitHub bills, for a million tokens, ``None`` where Copilot names no price."""

    input: float | None
    output: float | None
    cache: float | None
    cache_write: float | None


class Row(msgspec.Struct):
    """One model as ``--json`` prints it. Limits are tokens, ``None`` where Copilot names none; so are the two costs."""

    id: str
    name: str
    vendor: str
    endpoints: list[str]
    context: int | None
    prompt: int | None
    output: int | None
    capabilities: list[str]
    multiplier: float | None
    token_prices: Prices | None
    policy: str | None


def run(config: Config, *, as_json: bool) -> int:
    """Print the models that the account may use."""
    rows = [row_of(model) for model in names.shown(trio.run(_list, config))]
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    else:
        print(as_table(rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
    return Exit.GOOD


def enable(config: Config, name: str, *, yes: bool) -> int:
    """Show the terms of the model that the server would take ``name`` for, ask, and accept them for the account.

    With ``yes`` the person has accepted them already. Raises
    :class:`~passenger_trio.errors.UpstreamRefused` where it is not the person's to decide.
    """
    known = names.Names(trio.run(_list, config), config.models.aliases)
    model = known.find(name)
    if model is None:
        complain(f"There is no model `{name}`. {known.suggestion(name)} `passenger-trio models` lists them all.")
        return Exit.USAGE
    if model.policy is None:
        print(f"{model.id} has no terms to accept; it can be used as it is.")
        return Exit.GOOD
    if model.is_enabled:
        print(f"{model.id} is switched on already.")
        return Exit.GOOD
    print(_terms(model))
    if not yes and not sys.stdin.isatty():
        complain("Nobody is there to accept the terms: there is no terminal. Give --yes if you accept them.")
        return Exit.USAGE
    if not yes and not _agreed():
        print("Nothing is changed.")
        return Exit.GOOD
    state = trio.run(_accept, config, model)
    if state == "enabled":
        print(f"{model.id} is switched on. A server that is running sees it when it is asked for.")
        return Exit.GOOD
    complain(
        f"Copilot has taken it, but still lists {model.id} as {state}. See {names.FEATURES_URL}, or "
        "`passenger-trio models` in a few minutes."
    )
    return Exit.UPSTREAM


def _terms(model: Model) -> str:
    """What is to be accepted. It is Copilot's text, so what could move the cursor is left out."""
    described = ", ".join(word for word in (model.name, model.vendor) if word)
    terms = (model.policy.terms if model.policy is not None else None) or f"GitHub's terms: {protocol.TERMS_URL}"
    text = f"{model.id} ({described}) is not switched on for this account. Its terms:\n\n{terms.strip()}\n"
    return "".join(char for char in text if char.isprintable() or char == "\n")


def _agreed() -> bool:
    print("Accept them, and switch it on for this account? [y/N] ", end="", flush=True)
    answer = sys.stdin.readline()  # not input(), in which CPython forgets a Ctrl-C that comes while it flushes
    if not answer:
        print()
    return answer.strip().lower() in {"y", "yes"}


@asynccontextmanager
async def _catalogue(config: Config) -> AsyncGenerator[Catalogue]:
    async with open_http(config.copilot) as http:
        session = Session(http, config)
        tokens = OneShot(session, config.copilot.api_base_url)
        client = CopilotClient(http, tokens, config.copilot)
        yield Catalogue(client, tokens, session.fetch, models_url=config.github.copilot_models_url)


async def _list(config: Config) -> list[Model]:
    async with _catalogue(config) as catalogue:
        return await catalogue.load()


async def _accept(config: Config, model: Model) -> str:
    """Accept the terms, and return the policy's state in a list that is fetched afterwards."""
    async with _catalogue(config) as catalogue:
        try:
            await catalogue.accept(model)
        except UpstreamRefused as error:
            if error.status not in {400, 403, 404, 422}:  # nothing to do with the model
                raise
            raise UpstreamRefused(
                error.status,
                f"Copilot does not let this account switch {model.id} on: {error.message.rstrip('.')}. In an "
                f"organisation its administrator decides; see {names.FEATURES_URL}.",
            ) from error
        now = names.Names(await catalogue.load()).find(model.id)
    return "gone" if now is None else now.policy.state if now.policy is not None else "enabled"


def row_of(model: Model) -> Row:
    """What is told of a model."""
    supports = model.supports
    abilities = {
        "tools": supports.tool_calls,
        "vision": supports.vision,
        "thinking": bool(supports.reasoning_effort or supports.adaptive_thinking or supports.max_thinking_budget),
    }
    billing = model.billing or Billing()
    return Row(
        id=model.id,
        name=model.name,
        vendor=model.vendor,
        endpoints=list(model.endpoints),
        context=model.limits.max_context_window_tokens,
        prompt=model.limits.max_prompt_tokens,
        output=model.limits.max_output_tokens,
        capabilities=[name for name, has in abilities.items() if has],
        multiplier=billing.multiplier,
        token_prices=_prices(billing),
        policy=model.policy.state if model.policy is not None else None,
    )


def _prices(billing: Billing) -> Prices | None:
    stated = billing.token_prices
    if stated is None or stated.default is None or stated.batch_size < 1:
        return None
    factor = _MILLION / stated.batch_size * _NANO

    def per_million(price: float | None) -> float | None:
        return None if price is None else round(price * factor, 6)

    prices = stated.default
    return Prices(
        input=per_million(prices.input_price),
        output=per_million(prices.output_price),
        cache=per_million(prices.cache_price),
        cache_write=per_million(prices.cache_write_price),
    )


_HEADINGS: Final = ("id", "vendor", "endpoints", "ctx", "in", "out", "can", "cost", "policy")


def as_table(rows: list[Row], width: int | None = None) -> str:
    """The rows for people: limits in thousands of tokens, ``cost`` in premium requests a call or in AIU for a million
    tokens in and out. One line each, or two where a terminal of ``width`` columns is too narrow for that.
    """
    if not rows:
        return "This account has no models."
    cells: list[list[str]] = [[*_HEADINGS], *map(_cells, rows)]
    text = table(cells, right=frozenset({3, 4, 5, 7}))
    if width is not None and max(map(len, text.splitlines())) > width:
        text = _in_two_lines(cells)
    return text if all(row.policy in {None, "enabled"} for row in rows) else f"{text}\n\n{HOW_TO_ENABLE}"


def _cells(row: Row) -> list[str]:
    return [
        row.id,
        row.vendor or "-",
        ",".join(dict.fromkeys(_short(path) for path in row.endpoints)) or "-",
        amount(row.context),
        amount(row.prompt),
        amount(row.output),
        ",".join(row.capabilities) or "-",
        _cost(row),
        row.policy or "-",
    ]


def _in_two_lines(cells: list[list[str]]) -> str:
    heads = table([[name, vendor, cost, policy] for name, vendor, *_, cost, policy in cells]).splitlines()
    tails = [f"    {endpoints}  {'/'.join(limits)}  {can}" for _, _, endpoints, *limits, can, _, _ in cells]
    return "\n".join(line for pair in zip(heads, tails, strict=True) for line in pair)


def _cost(row: Row) -> str:
    prices = row.token_prices
    if prices is not None and prices.input is not None and prices.output is not None:
        return f"{prices.input:g}/{prices.output:g}"
    return f"{row.multiplier:g}x" if row.multiplier is not None else "-"


def _short(path: str) -> str:
    return {"/chat/completions": "chat", "/v1/messages": "messages"}.get(path, path.rpartition("/")[2])
