"""Any conversation reaches ``/v1/messages`` with the same meaning."""

import json
from typing import Any

from hypothesis import given, strategies as st

from passenger_trio.translate.backs import messages as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.models import Model

words = st.text(st.characters(codec="utf-8"), max_size=20)
pictures = st.tuples(st.sampled_from(["png", "jpeg", "gif", "webp"]), st.binary(max_size=6).map(lambda b: b.hex()))
parts = st.lists(st.one_of(words.map(lambda t: ("text", t)), pictures.map(lambda p: ("picture", *p))), max_size=3)
content = st.one_of(words, parts)
json_objects = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)
calls = st.lists(st.tuples(st.sampled_from(["look", "do_it"]), json_objects, content), max_size=3)
happenings = st.one_of(
    st.tuples(st.sampled_from(["system", "developer"]), words),
    st.tuples(st.just("user"), content),
    st.tuples(st.just("assistant"), words, calls, st.randoms(use_true_random=False)),
)


def hub_content(what: Any) -> Any:
    """A drawn content as the hub has it."""
    if isinstance(what, str):
        return what
    return [
        {"type": "text", "text": item[1]}
        if item[0] == "text"
        else {"type": "image_url", "image_url": {"url": f"data:image/{item[1]};base64,{item[2]}"}}
        for item in what
    ]


def meaning_of(what: Any) -> list[Any]:
    """What a drawn content says: texts that are not blank, and pictures, in order."""
    items = [("text", what)] if isinstance(what, str) else what
    return [tuple(item) for item in items if item[0] == "picture" or item[1].strip()]


def meaning_of_blocks(blocks: list[dict[str, Any]]) -> list[Any]:
    """What Anthropic's blocks say, in the terms of :func:`meaning_of`."""
    said: list[Any] = []
    for block in blocks:
        match block["type"]:
            case "text":
                said.append(("text", block["text"]))
            case "image":
                source = block["source"]
                assert source["type"] == "base64"
                said.append(("picture", source["media_type"].removeprefix("image/"), source["data"]))
            case "tool_use":
                said.append(("call", block["id"], block["name"], block["input"]))
            case "tool_result":
                said.append(("result", block["tool_use_id"], meaning_of_blocks(block.get("content", []))))
    return said


@given(st.lists(happenings, min_size=1, max_size=8))
def test_any_conversation_means_the_same_upstream(drawn: list[Any]) -> None:
    hub: list[dict[str, Any]] = []
    systems: list[Any] = []
    said: list[tuple[str, Any]] = []
    made = 0
    for role, what, *rest in drawn:
        message: dict[str, Any] = {"role": role, "content": hub_content(what)}
        hub.append(message)
        if role in {"system", "developer"}:
            systems += meaning_of(what)
            continue
        said += [(role, item) for item in meaning_of(what)]
        if role == "user":
            continue
        requests, random = rest
        answers: list[tuple[str, Any]] = []
        for name, arguments, answer in requests:
            call_id = f"call_{made}"
            made += 1
            message.setdefault("tool_calls", []).append(
                {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            )
            said.append(("assistant", ("call", call_id, name, arguments)))
            answers.append((call_id, answer))
        random.shuffle(answers)
        for call_id, answer in answers:
            hub.append({"role": "tool", "tool_call_id": call_id, "content": hub_content(answer)})
            said.append(("user", ("result", call_id, meaning_of(answer))))
    expected: list[tuple[str, list[Any]]] = []
    for role, item in said:
        if not expected or expected[-1][0] != role:
            expected.append((role, []))
        expected[-1][1].append(item)
    for _, items in expected:
        items.sort(key=lambda item: item[0] != "result")

    call = to_call(json.dumps({"model": "asked", "messages": hub}).encode())
    body = json.loads(back.request(call, Model(id="claude")).body)

    got = [(turn["role"], meaning_of_blocks(turn["content"])) for turn in body["messages"]]
    if not expected or expected[-1][0] == "assistant":
        assert got[-1] == ("user", [("text", "Please continue.")])
        got.pop()
    assert got == expected
    assert meaning_of_blocks(body.get("system", [])) == systems
