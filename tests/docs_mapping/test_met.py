"""What a page calls met: the house does it itself, or it happens anyway."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from docs_mapping import answers, pages, samples, upstream
from docs_mapping.roads import CHAT, EMBEDDINGS, ENDPOINTS, MESSAGES, MODELS, RESPONSES, ROADS

from passenger_trio.translate.fronts import (
    chat as chat_front,
    completions as completions_front,
    embeddings as embeddings_front,
    ollama_request,
)
from passenger_trio.wire.chat import Call, HubChunk, decode_chunk

USAGE = b'{"id":"a","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":3}}'


def usage_goes_to_whoever_asks_for_it() -> None:
    chunk = HubChunk(USAGE, decode_chunk(USAGE))
    asked = {options: chat_front.to_call(_chat(stream_options={"include_usage": options})) for options in (True, False)}

    assert {options: bool(chat_front.stream(call).event(chunk)) for options, call in asked.items()} == {
        True: True,
        False: False,
    }


def _chat(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True, **fields}).encode()


def usage_ends_the_stream_of_whoever_asks_for_it() -> None:
    for wanted in (True, False):
        asked = completions_front.read(
            json.dumps({"model": "m", "prompt": "x", "stream_options": {"include_usage": wanted}}).encode()
        )
        stream = completions_front.Stream(asked, completions_front.to_calls(asked, None))
        stream.event(HubChunk(USAGE, decode_chunk(USAGE)))

        assert (b"prompt_tokens" in stream.end()) == wanted


def what_was_thought_is_in_what_signs_it() -> None:
    for dialect, path, endpoint in (
        ("chat", "messages[assistant].reasoning_opaque", MESSAGES),
        ("responses", "input[reasoning]", MESSAGES),
        ("messages", "messages.content[thinking]", RESPONSES),
    ):
        sent = ROADS[dialect][endpoint](_encoded(samples.asked(dialect, endpoint, path).given), MODELS[""])

        assert '"hm"' in json.dumps(sent.body) or "gAAAA" in json.dumps(sent.body)


def _encoded(request: Any) -> bytes:
    return json.dumps(request).encode()


def thoughts_come_summarized_and_encrypted() -> None:
    for endpoint in (CHAT, MESSAGES):
        (item, *_) = [
            item
            for item in answers.whole("responses", endpoint, upstream.WHOLE[endpoint])["output"]
            if item["type"] == "reasoning"
        ]

        assert item["summary"] == [{"type": "summary_text", "text": "some thoughts"}]
        assert item["encrypted_content"]


def nothing_is_stored() -> None:
    for endpoint in ENDPOINTS:
        assert answers.whole("responses", endpoint, upstream.WHOLE[endpoint])["store"] is False


def a_message_whose_turn_is_over_is_left_out() -> None:
    now = {"role": "system", "content": "for now", "clear_at": "next_user_message"}
    user = {"role": "user", "content": "well"}
    for endpoint in (CHAT, RESPONSES):
        for messages, said in ([[now, user], False], [[user, now], True]):
            asked = _encoded({"model": "m", "max_tokens": 9, "messages": messages})

            assert ("for now" in json.dumps(ROADS["messages"][endpoint](asked, MODELS[""]).body)) == said


def thoughts_are_kept_back() -> None:
    for think in (True, False):
        message = answers.whole("ollama", CHAT, upstream.WHOLE[CHAT], think=think)["message"]

        assert ("thinking" in message) == think


def ollamas_clients_get_a_stream_or_a_whole_answer() -> None:
    for stream in (True, False):
        assert ollama_request.read_chat(_chat(stream=stream)).stream is stream


def a_model_is_kept_for_as_long_as_is_asked() -> None:
    assert ollama_request.read_chat(_chat(keep_alive="5m")).keep_alive == 300


def a_model_has_two_names() -> None:
    assert ollama_request.read_chat(_chat(model=None, name="n")).name == "n"


def the_prompt_stands_before_the_text() -> None:
    asked = completions_front.read(b'{"model":"m","prompt":"Once","echo":true}')
    calls: list[Call] = completions_front.to_calls(asked, None)
    answer = completions_front.Answer(asked, calls)
    answer.add(answers.hub(CHAT, upstream.WHOLE[CHAT]))

    assert json.loads(answer.end())["choices"][0]["text"] == "Oncesome words"


def vectors_are_written_in_base64() -> None:
    asked = embeddings_front.read(b'{"model":"m","input":"x","encoding_format":"base64"}')
    answer = embeddings_front.Answer(asked)
    answer.add(answers.batch(upstream.WHOLE[EMBEDDINGS]))

    assert json.loads(answer.end())["data"][0]["embedding"] == "AAAAPwAAgD4="


DONE_HERE: dict[tuple[str, str], Callable[[], None]] = {
    ("chat", "`stream_options`"): usage_goes_to_whoever_asks_for_it,
    ("chat", "`stream_options.include_usage`"): usage_goes_to_whoever_asks_for_it,
    (
        "chat",
        "`messages[assistant].reasoning_content` (beside `reasoning_opaque`)",
    ): what_was_thought_is_in_what_signs_it,
    ("responses", '`include: ["reasoning.encrypted_content"]`'): thoughts_come_summarized_and_encrypted,
    ("responses", "`reasoning.summary`"): thoughts_come_summarized_and_encrypted,
    ("responses", "`reasoning.generate_summary`"): thoughts_come_summarized_and_encrypted,
    ("responses", "`input[reasoning].summary`"): what_was_thought_is_in_what_signs_it,
    ("responses", "`store`"): nothing_is_stored,
    ("messages", "`messages[system].clear_at`"): a_message_whose_turn_is_over_is_left_out,
    ("messages", "`messages.content[thinking].thinking`"): what_was_thought_is_in_what_signs_it,
    ("ollama", "`think: false`"): thoughts_are_kept_back,
    ("ollama", "`stream`"): ollamas_clients_get_a_stream_or_a_whole_answer,
    ("ollama", "`keep_alive`"): a_model_is_kept_for_as_long_as_is_asked,
    ("ollama", "`name`"): a_model_has_two_names,
    ("completions", "`stream_options`"): usage_ends_the_stream_of_whoever_asks_for_it,
    ("completions", "`stream_options.include_usage`"): usage_ends_the_stream_of_whoever_asks_for_it,
    ("completions", "`echo`"): the_prompt_stands_before_the_text,
    ("embeddings", "`encoding_format`"): vectors_are_written_in_base64,
}
"""What the house does itself, and what proves it."""

HAPPENS_ANYWAY = {
    ("chat", "`logit_bias: {}`"),
    ("chat", "`logprobs: false`"),
    ("chat", '`modalities: ["text"]`'),
    ("chat", "`n: 1`"),
    ("chat", '`reasoning_effort: "none"`'),
    ("chat", "`response_format[text]`"),
    ("chat", "`response_format[json_schema].json_schema.strict`"),
    ("chat", "`stop: []`"),
    ("responses", "`background: false`"),
    ("responses", "`input[tool_search_call].execution`"),
    ("responses", "`input[tool_search_output].execution`"),
    ("responses", '`reasoning.context: "auto"`'),
    ("responses", '`reasoning.mode: "standard"`'),
    ("responses", "`text.format[text]`"),
    ("responses", "`text.format[json_schema].strict`"),
    ("responses", "`tools[custom].format[text]`"),
    ("responses", "`tools[namespace].tools[custom].format[text]`"),
    ("responses", '`truncation: "disabled"`'),
    ("messages", "`thinking[adaptive]`"),
    ("messages", "`thinking[between_tools]`"),
    ("messages", "`tools[custom].input_schema[object]`"),
    ("ollama", '`format: ""`'),
    ("ollama", "`think: null`"),
    ("ollama", "`messages.tool_name`"),
    ("ollama", "`options.num_predict: -1`"),
    ("ollama", "`options.stop: []`"),
    ("ollama", "`tools.type`"),
    ("ollama", "`tools: []`"),
    ("ollama", "`logprobs: false`"),
    ("ollama", "`top_logprobs: 0`"),
    ("ollama generate", "`raw: false`"),
    ("completions", "`best_of: 1`"),
}
"""What asks for that which is so without being asked for."""


def test_everything_that_is_met_is_done_here_or_happens_anyway() -> None:
    met = {
        (dialect, row.label)
        for dialect, place in pages.REQUESTS.items()
        for row in pages.table(*place)
        if row.path != "model" and "met" in {cell.word for cell in row.cells.values()}
    }

    assert met == DONE_HERE.keys() | HAPPENS_ANYWAY


@pytest.mark.parametrize("proof", sorted(set(DONE_HERE.values()), key=lambda proof: proof.__name__))
def test_what_is_done_here_is_done(proof: Callable[[], None]) -> None:
    proof()


@pytest.mark.parametrize("dialect, endpoint", [("chat", RESPONSES), ("chat", MESSAGES)])
def test_every_harmless_value_of_a_refused_field_is_met(dialect: str, endpoint: str) -> None:
    harmless = {"logit_bias": {}, "logprobs": False, "modalities": ["text"], "n": 1}
    by_path = {row.path: row for row in pages.table(*pages.REQUESTS[dialect]) if row.value is not pages.NOTHING}

    for path, value in harmless.items():
        assert by_path[path].value == value
        assert by_path[path].cells[endpoint].word == "met"
