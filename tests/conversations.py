"""Conversations that any client may have, and what they say: as the hub has them, and as each endpoint is told.

What is said is a list of ``(who, what, ...)``: texts, pictures, calls and results in their order. A call is known by
its number, for some endpoints write ids of their own; what is empty says nothing.
"""

import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import strategies as st

Said = list[tuple[Any, ...]]

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(["🚀", "\u2028", '"', "\\", "\x00", " \n"])
MEDIA = st.sampled_from(["png", "jpeg", "gif", "webp"])
NAMES = st.sampled_from(["look", "do_it", "get-weather"])
OBJECTS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)
TEXT_PARTS = st.builds(lambda text: {"type": "text", "text": text}, TEXTS)
PICTURES = st.builds(
    lambda media, data: {"type": "image_url", "image_url": {"url": f"data:image/{media};base64,{data.hex()}"}},
    MEDIA,
    st.binary(max_size=6),
)
CONTENT = TEXTS | st.lists(TEXT_PARTS | PICTURES, max_size=3)
WORDS = TEXTS | st.lists(TEXT_PARTS, max_size=2)
PEOPLE = st.fixed_dictionaries({"role": st.just("user"), "content": CONTENT}) | st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer"]), "content": WORDS}
)


@st.composite
def _turn(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What an assistant says or calls, and the results in any order."""
    called = [(draw(NAMES), json.dumps(draw(OBJECTS))) for _ in range(draw(st.integers(0, 3)))]
    message: dict[str, Any] = {"role": "assistant", "content": draw(WORDS if not called else WORDS | st.none())}
    functions = [{"name": name, "arguments": arguments} for name, arguments in called]
    if len(functions) == 1 and draw(st.booleans()):  # the older form: one call, no ids, a result by its name
        message["function_call"] = functions[0]
        return [message, {"role": "function", "name": functions[0]["name"], "content": draw(TEXTS)}]
    if functions:
        ids = [f"call_{draw(st.uuids()).hex}" for _ in functions]
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": function}
            for call_id, function in zip(ids, functions, strict=True)
        ]
        results = [{"role": "tool", "tool_call_id": call_id, "content": draw(CONTENT)} for call_id in ids]
        return [message, *draw(st.permutations(results))]
    return [message]


CONVERSATIONS = st.lists(PEOPLE.map(lambda message: [message]) | _turn(), min_size=1, max_size=6).map(
    lambda turns: [message for turn in turns for message in turn]
)
"""The messages of a request."""


class _Calls:
    """Which call is which: by its id, and for those of the older form by its name."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.unanswered: list[tuple[str, int]] = []
        self.made = 0

    def number(self, call_id: str | None, name: str) -> int:
        self.made += 1
        if call_id is None:
            self.unanswered.append((name, self.made))
        else:
            assert call_id not in self.numbers, "two calls have one id"
            self.numbers[call_id] = self.made
        return self.made

    def answered(self, message: dict[str, Any]) -> int:
        if message["role"] == "tool":
            return self.numbers[message["tool_call_id"]]
        found = next(entry for entry in self.unanswered if entry[0] == message["name"])
        self.unanswered.remove(found)
        return found[1]


def _picture(url: str) -> tuple[str, str, str]:
    head, _, data = url.partition(",")
    return ("picture", head.removeprefix("data:image/").removesuffix(";base64"), data)


def _items(content: Any) -> list[tuple[Any, ...]]:
    """Texts and pictures of the hub's content; what is empty is left out."""
    if content is None or isinstance(content, str):
        return [("text", content)] if content else []
    found = [
        ("text", part["text"]) if part["type"] == "text" else _picture(part["image_url"]["url"]) for part in content
    ]
    return [item for item in found if item != ("text", "")]


def _joined(items: Iterable[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    """Neighbouring texts as one."""
    found: list[tuple[Any, ...]] = []
    for item in items:
        if found and item[0] == found[-1][0] == "text":
            found[-1] = ("text", found[-1][1] + item[1])
        else:
            found.append(item)
    return tuple(found)


def said_in_hub(messages: list[dict[str, Any]]) -> Said:
    """What the hub's messages say."""
    said: Said = []
    calls = _Calls()
    for message in messages:
        items = _items(message["content"])
        if message["role"] in {"tool", "function"}:
            said.append(("tool", "result", calls.answered(message), tuple(items)))
            continue
        said += [(message["role"], *item) for item in items]
        made = [(call["id"], call["function"]) for call in message.get("tool_calls", ())]
        if "function_call" in message:
            made.append((None, message["function_call"]))
        for call_id, function in made:
            number = calls.number(call_id, function["name"])
            said.append(("assistant", "call", number, function["name"], json.loads(function["arguments"])))
    return said


def said_on_chat(body: dict[str, Any]) -> Said:
    """What a request to ``/chat/completions`` says."""
    return said_in_hub(body["messages"])


def said_on_responses(body: dict[str, Any]) -> Said:
    """What a request to ``/responses`` says."""
    said: Said = []
    calls = _Calls()
    for item in body["input"]:
        if item["type"] == "function_call":
            number = calls.number(item["call_id"], item["name"])
            said.append(("assistant", "call", number, item["name"], json.loads(item["arguments"])))
        elif item["type"] == "function_call_output":
            output = item["output"]
            parts = [{"type": "input_text", "text": output}] if isinstance(output, str) else output
            said.append(("tool", "result", calls.numbers[item["call_id"]], _joined(_parts(parts, "input_text"))))
        else:
            assert item["type"] == "message"
            text = "output_text" if item["role"] == "assistant" else "input_text"
            said += [(item["role"], *part) for part in _parts(item["content"], text)]
    return said


def _parts(parts: list[dict[str, Any]], text: str) -> list[tuple[Any, ...]]:
    assert {part["type"] for part in parts} <= {text, "input_image"}
    found = [("text", part["text"]) if part["type"] == text else _picture(part["image_url"]) for part in parts]
    return [item for item in found if item != ("text", "")]


def said_on_messages(body: dict[str, Any]) -> Said:
    """What a request to ``/v1/messages`` says, the system's words, which stand apart there, before all else."""
    said: Said = [("system", *item) for item in _blocks(body.get("system", []))]
    calls = _Calls()
    for turn in body["messages"]:
        for block in turn["content"]:
            if block["type"] == "tool_use":
                number = calls.number(block["id"], block["name"])
                said.append((turn["role"], "call", number, block["name"], block["input"]))
            elif block["type"] == "tool_result":
                assert turn["role"] == "user"
                content = tuple(_blocks(block.get("content", [])))
                said.append(("tool", "result", calls.numbers[block["tool_use_id"]], content))
            else:
                said += [(turn["role"], *item) for item in _blocks([block])]
    return said


def _blocks(blocks: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for block in blocks:
        if block["type"] == "text":
            found.append(("text", block["text"]))
        else:
            source = block["source"]
            assert (block["type"], source["type"]) == ("image", "base64")
            found.append(("picture", source["media_type"].removeprefix("image/"), source["data"]))
    return found


# What each endpoint is to say of what the hub has said


def for_chat(said: Said) -> Said:
    """``developer`` is ``system``."""
    return [("system" if who == "developer" else who, *rest) for who, *rest in said]


def for_responses(said: Said) -> Said:
    """All of it as it is, and the texts of a result as one."""
    return [(*entry[:-1], _joined(entry[-1])) if entry[1] == "result" else entry for entry in said]


def for_messages(said: Said) -> Said:
    """The same in the same order: the system's words are its own before anyone else has spoken, and the user's
    afterwards. But nothing of white space alone; in each of the user's turns the results first; and a word of the
    user's at the end where it would be the assistant's.
    """
    spoken: Said = []
    for who, *rest in for_chat(said):
        if rest[0] == "result":
            number, items = rest[1:]
            spoken.append((who, "result", number, tuple(item for item in items if _is_said(item))))
        elif _is_said(tuple(rest)):
            spoken.append((who, *rest))
    system = list(itertools.takewhile(lambda entry: entry[0] == "system", spoken))
    turns: list[Said] = [[]]
    for who, *rest in spoken[len(system) :]:
        entry = ("user" if who == "system" else who, *rest)
        if turns[-1] and (entry[0] == "assistant") != (turns[-1][-1][0] == "assistant"):
            turns.append([])
        turns[-1].append(entry)
    if not turns[-1] or turns[-1][-1][0] == "assistant":
        turns.append([("user", "text", "Please continue.")])
    return [*system, *(entry for turn in turns for entry in sorted(turn, key=lambda entry: entry[0] == "user"))]


def _is_said(item: tuple[Any, ...]) -> bool:
    return item[0] != "text" or bool(item[1].strip())


Reader = Callable[[dict[str, Any]], Said]
Expected = Callable[[Said], Said]
