"""What a turn of an agent looks like from Copilot's side, and what must not be seen there. All of it is pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

SEAL = b"passenger-trio/1;"
"""How reasoning begins that was sealed for another client (``translate/fronts/seal.py``)."""

_CONVERSATIONS = {"/responses": "input", "/chat/completions": "messages", "/v1/messages": "messages"}
PATHS = frozenset(_CONVERSATIONS)


@dataclass(frozen=True)
class Asked:
    """A request that reached Copilot."""

    path: str
    initiator: str
    body: bytes

    @property
    def model(self) -> str:
        return str(msgspec.json.decode(self.body)["model"])

    def items(self) -> list[bytes]:
        """The conversation, an item of it as the bytes that it came in."""
        whole = msgspec.json.decode(self.body, type=dict[str, msgspec.Raw])
        return [self._settled(raw) for raw in _raws(whole[_CONVERSATIONS[self.path]])]

    def rest(self) -> dict[str, bytes]:
        """The other fields; those of ``system`` as an item is."""
        whole = msgspec.json.decode(self.body, type=dict[str, msgspec.Raw])
        del whole[_CONVERSATIONS[self.path]]
        return {name: self._settled(raw) for name, raw in whole.items()}

    def _settled(self, raw: msgspec.Raw) -> bytes:
        """The bytes, but for Anthropic's marks for its cache: a client moves them on with every turn."""
        if self.path != "/v1/messages" or b'"cache_control"' not in bytes(raw):
            return bytes(raw)
        return msgspec.json.encode(_unmarked(msgspec.json.decode(raw)))


def faults(asked: Sequence[Asked]) -> list[str]:
    """What is wrong with the requests of one session, in their order."""
    found = [f"request {at} has reasoning sealed by the house" for at, one in enumerate(asked) if SEAL in one.body]
    for at, one in enumerate(asked):
        found += [f"request {at} has the call {name} without its result" for name in sorted(unpaired(one))]
    last: dict[tuple[str, str], tuple[int, Asked]] = {}
    for at, one in enumerate(asked):
        before = last.get((one.path, one.model))
        if before is not None:
            found += [f"request {at} is not request {before[0]} gone on: {name}" for name in changed(before[1], one)]
        last[one.path, one.model] = (at, one)
    return found


def changed(first: Asked, second: Asked) -> list[str]:
    """What in ``second`` makes a cache of ``first`` worthless: the fields and items of ``first`` that are others."""
    before, after = first.rest(), second.rest()
    found = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    items = zip(first.items(), second.items(), strict=False)
    found += [f"item {at}" for at, (one, other) in enumerate(items) if one != other][:1]
    if len(first.items()) > len(second.items()):
        found.append("items are missing")
    return found


def unpaired(asked: Asked) -> set[str]:
    """The ids of calls that have no result, and of results that have no call."""
    calls: set[str] = set()
    results: set[str] = set()
    for item in map(msgspec.json.decode, asked.items()):
        calls.update(call["id"] for call in item.get("tool_calls") or ())
        if item.get("role") == "tool":
            results.add(item["tool_call_id"])
        kind = str(item.get("type"))
        if "call_id" in item:
            (results if kind.endswith("_output") else calls).add(item["call_id"])
        for block in item["content"] if isinstance(item.get("content"), list) else ():
            if block["type"] == "tool_use":
                calls.add(block["id"])
            elif block["type"] == "tool_result":
                results.add(block["tool_use_id"])
    return calls ^ results


def _raws(raw: msgspec.Raw) -> list[msgspec.Raw]:
    if bytes(raw).startswith(b'"'):
        return [raw]
    return msgspec.json.decode(raw, type=list[msgspec.Raw])


def _unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unmarked(item) for item in value]
    if isinstance(value, dict):
        return {name: _unmarked(item) for name, item in value.items() if name != "cache_control"}
    return value
