"""OpenAI's Responses dialect, as Copilot speaks it on ``/responses``: what we read of answers and events.

Ids are not among it: Copilot's are blobs of about 400 characters that change with every event (recorded). What stays
the same is ``output_index``, ``content_index``, ``summary_index`` and ``call_id``.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Final

import msgspec

from passenger_trio.wire import envelope

Text = str | None

CALLS: Final = frozenset({"function_call", "custom_tool_call"})
"""The types of items that call a tool."""

_READ_ITEMS: Final = CALLS | {"message", "reasoning"}


class Kind(msgspec.Struct):
    """An item or an event, by its type alone."""

    type: Text = None


class Part(msgspec.Struct):
    """A part of a message's ``content`` (``output_text``, ``refusal``) or of a reasoning item's ``summary``."""

    type: Text = None
    text: Text = None
    refusal: Text = None


class Item(msgspec.Struct):
    """An item of the output: a message, reasoning, or a call. A custom tool's call has ``input``, not ``arguments``.

    A message's ``phase`` is ``commentary`` or ``final_answer``.
    """

    type: Text = None
    phase: Text = None
    content: list[Part] | None = None
    summary: list[Part] | None = None
    encrypted_content: Text = None
    call_id: Text = None
    name: Text = None
    arguments: Text = None
    input: Text = None


class InputDetails(msgspec.Struct):
    """Part of :class:`Usage`."""

    cached_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """Part of :class:`Usage`."""

    reasoning_tokens: int | None = None


class Usage(msgspec.Struct):
    """Tokens; ``output_tokens`` has those of reasoning in it."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class IncompleteDetails(msgspec.Struct):
    """Why an answer is ``incomplete``: ``max_output_tokens`` or ``content_filter``."""

    reason: Text = None


class Response(msgspec.Struct):
    """A whole answer, and what ``response.completed`` and its like carry.

    ``copilot_usage`` is in it only where it is the whole body; in a stream it stands beside it (recorded). ``message``
    are the words of an error in the place of a whole body.
    """

    status: Text = None
    model: Text = None
    created_at: int | float | None = None
    output: list[msgspec.Raw] | None = None
    usage: Usage | None = None
    incomplete_details: IncompleteDetails | None = None
    error: msgspec.Raw = envelope.NULL
    message: msgspec.Raw = envelope.NULL
    copilot_usage: msgspec.Raw = envelope.NULL


class Event(msgspec.Struct):
    """An event of a stream: the fields of all the types that are read, and an error's ``message``."""

    type: Text = None
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    delta: Text = None
    text: Text = None
    refusal: Text = None
    arguments: Text = None
    input: Text = None
    item: msgspec.Raw = envelope.NULL
    response: Response | None = None
    error: msgspec.Raw = envelope.NULL
    message: msgspec.Raw = envelope.NULL
    copilot_usage: msgspec.Raw = envelope.NULL


class Thought(msgspec.Struct, tag="reasoning"):
    """A reasoning item as it travels through the hub, and comes back."""

    encrypted_content: str
    summary: list[msgspec.Raw] = []


class Spoken(msgspec.Struct, tag="message"):
    """What the hub has no place for in a message of the model's: its phase, and how many characters of the text it is.

    OpenAI's reference on the ``phase`` of assistant messages: for ``gpt-5.3-codex`` and later it is to be sent back,
    "dropping it can degrade performance".
    """

    phase: Text
    length: Annotated[int, msgspec.Meta(ge=1)]


Kept = Thought | Spoken

decode_kind: Final = msgspec.json.Decoder(Kind).decode
decode_event: Final = msgspec.json.Decoder(Event).decode
decode_response: Final = msgspec.json.Decoder(Response).decode
decode_kept: Final[Callable[[str], list[Kept]]] = msgspec.json.Decoder(list[Kept]).decode
_decode_item: Final = msgspec.json.Decoder(Item).decode


def read_items(output: Iterable[msgspec.Raw]) -> list[Item]:
    """The messages, reasoning items and calls among ``output``; other types have other fields and are left out.

    Raises one of :data:`~passenger_trio.wire.envelope.UNREADABLE`.
    """
    return [_decode_item(item) for item in output if decode_kind(item).type in _READ_ITEMS]
