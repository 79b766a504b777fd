"""``passenger-trio models``."""

import msgspec
import trio

from passenger_trio.cli.outcome import Exit
from passenger_trio.cli.session import OneShot, Session
from passenger_trio.cli.wording import amount, table
from passenger_trio.config import Config
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import CopilotClient, open_http
from passenger_trio.wire.models import Model


class Row(msgspec.Struct):
    """One model as ``--json`` prints it. Limits are tokens, ``None`` where Copilot names none; so is ``multiplier``."""

    id: str
    name: str
    vendor: str
    endpoints: list[str]
    context: int | None
    prompt: int | None
    output: int | None
    capabilities: list[str]
    multiplier: float | None
    policy: str | None


def run(config: Config, *, as_json: bool) -> int:
    """Print the models that the account may use."""
    rows = [row_of(model) for model in trio.run(_fetch, config)]
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    else:
        print(as_table(rows))
    return Exit.GOOD


async def _fetch(config: Config) -> list[Model]:
    async with open_http(config.copilot) as http:
        session = Session(http, config)
        tokens = OneShot(session, config.copilot.api_base_url)
        client = CopilotClient(http, tokens, config.copilot)
        catalogue = Catalogue(client, tokens, session.fetch, models_url=config.github.copilot_models_url)
        return await catalogue.load()


def row_of(model: Model) -> Row:
    """What is told of a model."""
    supports = model.supports
    abilities = {
        "tools": supports.tool_calls,
        "vision": supports.vision,
        "thinking": bool(supports.reasoning_effort or supports.adaptive_thinking or supports.max_thinking_budget),
    }
    return Row(
        id=model.id,
        name=model.name,
        vendor=model.vendor,
        endpoints=list(model.endpoints),
        context=model.limits.max_context_window_tokens,
        prompt=model.limits.max_prompt_tokens,
        output=model.limits.max_output_tokens,
        capabilities=[name for name, has in abilities.items() if has],
        multiplier=model.billing.multiplier if model.billing is not None else None,
        policy=model.policy.state if model.policy is not None else None,
    )


_HEADINGS = ("id", "name", "vendor", "endpoints", "context", "prompt", "output", "can", "cost", "policy")


def as_table(rows: list[Row]) -> str:
    """The rows for a terminal: one line each, limits in thousands of tokens, ``cost`` in premium requests a call."""
    if not rows:
        return "This account has no models."
    cells = [
        [
            row.id,
            row.name or "-",
            row.vendor or "-",
            ",".join(dict.fromkeys(_short(path) for path in row.endpoints)) or "-",
            amount(row.context),
            amount(row.prompt),
            amount(row.output),
            ",".join(row.capabilities) or "-",
            f"{row.multiplier:g}x" if row.multiplier is not None else "-",
            row.policy or "-",
        ]
        for row in rows
    ]
    return table([list(_HEADINGS), *cells], right=frozenset({4, 5, 6, 8}))


def _short(path: str) -> str:
    return {"/chat/completions": "chat", "/v1/messages": "messages"}.get(path, path.rpartition("/")[2])
