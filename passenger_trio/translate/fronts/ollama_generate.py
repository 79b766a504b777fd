"""Ollama's ``/api/generate`` as hub calls: a prompt is what the user says, with what was said before in ``context``; a
prompt with a ``suffix`` is a gap, and the model is asked for what belongs into it.
"""

from collections.abc import Mapping
from typing import Final

from passenger_trio.errors import BadRequest, NotFound
from passenger_trio.translate.fronts import ollama_context, ollama_fields, ollama_request
from passenger_trio.translate.fronts.ollama_context import Past, Turn
from passenger_trio.translate.fronts.ollama_pictures import picture_parts
from passenger_trio.translate.fronts.ollama_request import Asked
from passenger_trio.wire import envelope, ollama
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.ollama import GenerateRequest

FIELDS: Final = frozenset(GenerateRequest.__struct_fields__)
"""Request fields that are read."""

OWN_FIELDS: Final = FIELDS - frozenset(ollama.Asking.__struct_fields__)
"""Those among them that a chat does not have."""

DROPPED_FIELDS: Final[Mapping[str, str]] = {
    "template": "the models are asked in messages, and have templates of their own",
    "raw": "as template",
    **dict.fromkeys(("width", "height", "steps"), "about making pictures; the models answer in text"),
}
"""Request fields without a place in the hub, and why a client can live without them; those of a chat besides."""

NAMES: Final[Mapping[str, str]] = {**ollama_request.NAMES, "messages": "prompt"}
"""What Ollama calls the hub's fields."""

INSERT: Final = (
    "You fill in the gap at a cursor, in code or in prose. The user sends what stands before the cursor between "
    "<before> and </before>, and what stands after it between <after> and </after>. Answer with the text that belongs "
    "between the two and with nothing else: it is inserted as it is. Do not repeat what is before or after, do not "
    "explain, and put no code fences around it. Begin and end it with the spaces and line breaks that the place needs. "
    "Keep it short: finish what is begun at the cursor, and add no more than that."
)
"""What the model is told to do with a gap."""


def read_generate(body: bytes) -> Asked:
    """What ``/api/generate`` is asked for. Raises :class:`~passenger_trio.errors.BadRequest` that names what cannot be
    said.
    """
    view, others = ollama_request.read_body(ollama.decode_generate, body, FIELDS)
    name = view.model or view.name
    if not name:
        raise NotFound("model '' not found", code="model_not_found", param="model")
    if view.raw and (view.template or view.system or view.context):
        raise BadRequest("raw mode does not support template, system, or context", param="raw")
    hub: Envelope = {}
    dropped = [*others, *(name for name in ("template", "raw") if getattr(view, name))]
    try:
        dropped += ollama_request.add_shared(hub, view)
        said = [] if view.suffix else _said(view, dropped)
        messages = _gap(view, dropped) if view.suffix else _conversation(view, said)
        return Asked(
            kind="generate",
            name=name,
            stream=view.stream is not False,
            think=view.think is not False,
            keep_alive=ollama_fields.seconds(view.keep_alive),
            idle=not (view.prompt or view.suffix or view.images),
            messages=messages,
            fields=hub,
            dropped=tuple(dropped),
            names=NAMES,
            wants=(*(("thinking",) if view.think else ()), *(("insert",) if view.suffix else ())),
            raw=view.raw,
            turns=tuple(said),
        )
    except envelope.UNREADABLE as error:  # inside the options, which are taken over raw
        raise ollama_fields.unreadable(error) from None


def _said(view: GenerateRequest, dropped: list[str]) -> list[Turn]:
    """The conversation up to the prompt, which is its last turn. What the system says now takes the place of what it
    said before.
    """
    past = ollama_context.unpack(view.context or ())
    if past is None:
        past = Past([], is_cut=False)
        if view.context:
            dropped.append("context")
    elif past.is_cut:
        dropped.append("context=shortened")
    turns = past.turns
    if view.system:
        turns = [Turn("system", view.system), *(turn for turn in turns if turn.role != "system")]
    return [*turns, Turn("user", view.prompt)]


def _conversation(view: GenerateRequest, said: list[Turn]) -> list[Envelope]:
    messages = [_message(turn.role, turn.content) for turn in said]
    if view.images:
        messages[-1] = _message("user", _with_pictures(view.prompt, view.images))
    return messages


def _gap(view: GenerateRequest, dropped: list[str]) -> list[Envelope]:
    """The text around the gap. With a suffix Ollama takes neither ``system`` nor ``context`` into account."""
    dropped += [name for name in ("system", "context") if getattr(view, name)]
    around = f"<before>{view.prompt}</before>\n<after>{view.suffix}</after>"
    asked = _with_pictures(around, view.images) if view.images else around
    return [_message("system", INSERT), _message("user", asked)]


def _with_pictures(text: str, images: list[str]) -> list[object]:
    parts: list[object] = [{"type": "text", "text": text}] if text else []
    return [*parts, *picture_parts(images, "images")]


def _message(role: str, content: object) -> Envelope:
    return {"role": envelope.raw(role), "content": envelope.raw(content)}
