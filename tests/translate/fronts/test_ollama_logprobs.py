"""OpenAI's logprobs as Ollama's."""

from typing import Any

import pytest
from ollama_front import hub, lines, times

from passenger_trio.errors import UpstreamBroke
from passenger_trio.translate.fronts import ollama, ollama_logprobs
from passenger_trio.translate.fronts.ollama_lines import ChatForm, Form, GenerateForm
from passenger_trio.wire import envelope
from passenger_trio.wire.chat import HubChunk


def token(text: str, logprob: float, **more: Any) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode()), **more}


def chunk(text: str, *tokens: dict[str, Any], place: str = "content", **more: Any) -> HubChunk:
    delta = {place: text}
    return hub(choices=[{"index": 0, "delta": delta, "logprobs": {place: list(tokens)}, **more}])


def stream(form: Form | None = None) -> ollama.Stream:
    return ollama.Stream(form or ChatForm("m"), times(), logprobs=True)


@pytest.mark.parametrize("place", ["content", "refusal"])
def test_a_line_has_the_logprobs_of_its_tokens(place: str) -> None:
    likely = [token("Oh", -2.5), token("Hé", -0.25)]
    (line,) = lines(stream().event(chunk("Hé", token("Hé", -0.25, top_logprobs=likely), place=place)))

    top = [token("Hé", -0.25), token("Oh", -2.5)]
    assert line["logprobs"] == [{**token("Hé", -0.25), "top_logprobs": top}]
    assert line["logprobs"][0]["bytes"] == [72, 195, 169]
    assert line["message"]["content"] == "Hé"


def test_lines_of_generate_have_them_as_well() -> None:
    (line,) = lines(stream(GenerateForm("m", None)).event(chunk("a", token("a", -1.0))))

    assert (line["response"], line["logprobs"]) == ("a", [token("a", -1.0)])


def test_bytes_that_upstream_leaves_out_are_those_of_the_token() -> None:
    (line,) = lines(stream().event(chunk("é", {"token": "é", "logprob": -1, "bytes": None, "top_logprobs": []})))

    assert line["logprobs"] == [{"token": "é", "logprob": -1.0, "bytes": [195, 169]}]


def test_a_token_without_a_text_of_its_own_has_a_line() -> None:
    (line,) = lines(stream().event(chunk("", {"token": "\\xc3", "logprob": -1.0, "bytes": [195]})))

    assert line["message"] == {"role": "assistant", "content": ""}
    assert line["logprobs"][0]["bytes"] == [195]


@pytest.mark.parametrize("said", [{"logprobs": None}, {"logprobs": {"content": None}}, {}])
def test_a_chunk_without_any_has_none(said: dict[str, Any]) -> None:
    front = stream()
    (line,) = lines(front.event(hub(choices=[{"index": 0, "delta": {"content": "a"}, **said}])))

    assert "logprobs" not in line
    assert front.event(hub(choices=[{"index": 0, "delta": {}, **said}])) == b""


def test_those_of_other_choices_are_not_told() -> None:
    other = {"index": 1, "logprobs": {"content": [token("b", -1)]}}
    (line,) = lines(stream().event(hub(choices=[{"index": 0, "delta": {"content": "a"}}, other])))

    assert "logprobs" not in line


def test_where_nobody_asked_there_are_none() -> None:
    front = ollama.Stream(ChatForm("m"), times())

    assert b"logprobs" not in front.event(chunk("a", token("a", -1.0)))


def test_a_whole_answer_has_all_of_them() -> None:
    front = ollama.Whole(ChatForm("m"), times(), logprobs=True)
    for text in "ab":
        front.event(chunk(text, token(text, -1.0)))

    (line,) = lines(front.end() + b"\n")
    assert line["logprobs"] == [token("a", -1.0), token("b", -1.0)]


def test_logprobs_that_cannot_be_read_break_the_answer() -> None:
    with pytest.raises(UpstreamBroke, match="logprobs"):
        stream().event(chunk("a", {"token": "a", "logprob": "likely"}))


def test_many_of_them_are_cut_into_lines_that_everybody_reads() -> None:
    top = [token(f"word{n}", -n / 10) for n in range(20)]
    said = [token(f" word{n}", -0.5, top_logprobs=top) for n in range(500)]
    text = "".join(entry["token"] for entry in said)

    data = stream().event(chunk(text, *said))

    assert max(map(len, data.split(b"\n"))) < 128 << 10
    assert "".join(line["message"]["content"] for line in lines(data)) == text
    assert [entry for line in lines(data) for entry in line.get("logprobs", ())] == said


def test_one_that_is_too_long_by_itself_stands_alone() -> None:
    small, big = envelope.raw("a"), envelope.raw("b" * 100)

    assert ollama_logprobs.parted([small, big, small, small], 50) == [[small], [big], [small, small]]
    assert ollama_logprobs.parted([], 50) == []
