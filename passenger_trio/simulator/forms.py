"""The forms an answer can have on the wire, and those of ``/chat/completions``: one for each family of models."""

from collections.abc import Mapping
from types import ModuleType
from typing import Final, Protocol

from passenger_trio.simulator import claude_wire, gemini_wire, gpt_wire, refusals
from passenger_trio.simulator.answers import Answer
from passenger_trio.simulator.catalogue import Family
from passenger_trio.simulator.refusals import Refusal
from passenger_trio.simulator.stamp import Stamp, Stream


class Form(Protocol):
    """How an endpoint writes its answers, and what it says to what it does not take."""

    def whole(self, answer: Answer, stamp: Stamp) -> bytes:
        """The body of an answer that is not streamed."""
        ...

    def stream(self, answer: Answer, stamp: Stamp) -> Stream:
        """The events of a streamed answer."""
        ...

    def too_long(self, tokens: int, limit: int) -> Refusal:
        """The prompt does not fit."""
        ...

    def invalid(self, message: str) -> Refusal:
        """The request cannot be followed."""
        ...


class ChatForm:
    """The form of one family on ``/chat/completions``."""

    def __init__(self, family: Family) -> None:
        self._wire = _WIRES[family]

    def whole(self, answer: Answer, stamp: Stamp) -> bytes:
        """The body of an answer that is not streamed."""
        body: bytes = self._wire.whole(answer, stamp)
        return body

    def stream(self, answer: Answer, stamp: Stamp) -> Stream:
        """The events of a streamed answer."""
        stream: Stream = self._wire.stream(answer, stamp)
        return stream

    def too_long(self, tokens: int, limit: int) -> Refusal:
        """The prompt does not fit."""
        return refusals.too_long(tokens, limit)

    def invalid(self, message: str) -> Refusal:
        """The request cannot be followed."""
        return refusals.invalid_body(message)


_WIRES: Final[Mapping[Family, ModuleType]] = {"gpt": gpt_wire, "claude": claude_wire, "gemini": gemini_wire}
