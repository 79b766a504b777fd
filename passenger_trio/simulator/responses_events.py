"""The events of a streamed answer of ``/responses``: numbered, and each with an id of its own for its item."""

from typing import Any, Final

import msgspec

from passenger_trio.simulator.answers import Answer, cut
from passenger_trio.simulator.stamp import Stamp

_ID_BYTES: Final = 300
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class Events:
    """One stream while it is being written; ``sent`` is what it is so far."""

    def __init__(self, stamp: Stamp) -> None:
        self.sent: list[bytes] = []
        self._stamp = stamp

    def made(self, name: str, **fields: object) -> bytes:
        """The next event, which is not sent."""
        event = {**fields, "sequence_number": len(self.sent), "type": name}
        return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(event))

    def add(self, name: str, **fields: object) -> None:
        """Send the next event."""
        self.sent.append(self.made(name, **fields))

    def item(self, index: int, added: dict[str, Any], done: dict[str, Any], answer: Answer) -> None:
        """Send one item of the output: as it begins, what comes of it, and as it ends."""
        self.add("response.output_item.added", item=added, output_index=index)
        match done["type"]:
            case "reasoning":
                if done["summary"]:
                    self._summary(index, answer)
            case "message":
                self._text(index, answer, done["content"][0])
            case "custom_tool_call":
                self._parts("response.custom_tool_call_input", index, cut(done["input"]), input=done["input"])
            case "tool_search_call":
                pass  # there are no events for its arguments
            case _:
                pieces = _fragments(done["arguments"])
                self._parts("response.function_call_arguments", index, pieces, arguments=done["arguments"])
        self.add("response.output_item.done", item=done, output_index=index)

    def _summary(self, index: int, answer: Answer) -> None:
        name, text = "response.reasoning_summary", "".join(answer.reasoning)
        part = {"type": "summary_text"}
        self._within(f"{name}_part.added", index, summary_index=0, part={**part, "text": ""})
        for piece in answer.reasoning:
            self._within(f"{name}_text.delta", index, summary_index=0, delta=piece, obfuscation=self._obfuscation())
        self._within(f"{name}_text.done", index, summary_index=0, text=text)
        self._within(f"{name}_part.done", index, summary_index=0, part={**part, "text": text})

    def _text(self, index: int, answer: Answer, part: dict[str, Any]) -> None:
        self._within("response.content_part.added", index, content_index=0, part={**part, "text": ""})
        for piece in answer.pieces:
            self._within(
                "response.output_text.delta",
                index,
                content_index=0,
                delta=piece,
                logprobs=[],
                obfuscation=self._obfuscation(),
            )
        self._within("response.output_text.done", index, content_index=0, logprobs=[], text=part["text"])
        self._within("response.content_part.done", index, content_index=0, part=part)

    def _parts(self, name: str, index: int, pieces: list[str], **whole: str) -> None:
        for piece in pieces:
            self._within(f"{name}.delta", index, delta=piece, obfuscation=self._obfuscation())
        self._within(f"{name}.done", index, **whole)

    def _within(self, name: str, index: int, **fields: object) -> None:
        item_id = self._stamp.blob(f"event{len(self.sent)}", _ID_BYTES)
        self.add(name, item_id=item_id, output_index=index, **fields)

    def _obfuscation(self) -> str:
        """Letters that hide how long the delta is."""
        number = len(self.sent)
        return self._stamp.letters(f"hidden{number}", 6 + number % 11)


def _fragments(arguments: str) -> list[str]:
    return [arguments[start : start + 7] for start in range(0, len(arguments), 7)]
