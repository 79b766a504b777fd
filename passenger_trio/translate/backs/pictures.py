"""The pictures of a call, held against what ``/models`` states of its model.

The limits are the list's own (``capabilities.limits.vision``): how many pictures, how large, of which types. What
Copilot says to what is over them is "invalid request body", which helps nobody.

How many is counted in two ways. For Gemini the official client counts the whole conversation, which is sent each time.
For the others it counts nothing, and GPT models state 1: there the pictures of the last turn count, so that a
conversation which has shown one picture may show another later.

Whatever the list says, there is a most for a whole request, on every way through the house.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.wire import envelope
from passenger_trio.wire.chat import RequestMessage
from passenger_trio.wire.models import Model, Vision


class _Picture(msgspec.Struct):
    url: str = ""


_decode_picture: Final = msgspec.json.Decoder(str | _Picture).decode
MOST: Final = 500
"""Pictures in one request: as many as OpenAI takes (its guide "Images and vision"), and more than Anthropic does."""

_SAME_TYPE: Final = {"image/jpg": "image/jpeg"}
"""No such type, but people write it."""


def check(messages: Sequence[RequestMessage], model: Model) -> None:
    """Raises :class:`~passenger_trio.errors.BadRequest` for a picture that ``model`` does not take, or one too many."""
    pictures = [
        (f"messages[{position}].content", part.image_url)
        for position, message in enumerate(messages)
        if isinstance(message.content, list)
        for part in message.content
        if part.type == "image_url"
    ]
    if not pictures:
        return
    refuse_too_many(len(pictures), "messages")
    vision = model.limits.vision or Vision()
    whole = model.vendor == "Google"
    counted = pictures if whole else pictures[len(pictures) - _in_last_turn(messages) :]
    most = vision.max_prompt_images
    if most is not None and len(counted) > most:
        raise BadRequest(
            f"`{model.id}` takes {most} picture{'' if most == 1 else 's'} at most, and "
            + (
                f"the conversation has {len(counted)}: leave some out, those of earlier turns too."
                if whole
                else f"there are {len(counted)}: send them in several turns, or use another model."
            ),
            param=counted[most][0],
            code="too_many_images",
        )
    for where, picture in pictures:
        try:
            found = _decode_picture(picture)
        except envelope.UNREADABLE:
            continue  # each endpoint says it in its own way
        _check(found if isinstance(found, str) else found.url, where, model, vision)


def refuse_too_many(count: int, where: str) -> None:
    """Raises :class:`~passenger_trio.errors.BadRequest` for more pictures than any request may have."""
    if count > MOST:
        raise BadRequest(
            f"A request may have {MOST} pictures, and this one has {count}: leave out some, of earlier turns too.",
            param=where,
            code="too_many_images",
        )


def _in_last_turn(messages: Sequence[RequestMessage]) -> int:
    """How many pictures there are after the assistant's last message."""
    count = 0
    for message in reversed(messages):
        if message.role == "assistant":
            break
        parts = message.content if isinstance(message.content, list) else ()
        count += sum(part.type == "image_url" for part in parts)
    return count


def _check(url: str, where: str, model: Model, vision: Vision) -> None:
    if url[:8].lower().startswith(("http://", "https://")):
        raise BadRequest(
            f"`{where}` has a picture at an address, which Copilot does not fetch: send the picture itself, as a "
            "`data:image/...;base64,` URL.",
            param=where,
            code="unsupported_image_url",
        )
    comma = url.find(",")
    head = url[: max(comma, 0)].lower()
    if not head.startswith("data:"):
        return  # as above
    media = head.removeprefix("data:").partition(";")[0]
    types = vision.supported_media_types
    if types is not None and _SAME_TYPE.get(media, media) not in types:
        raise BadRequest(
            f"`{where}` has a picture of the type `{media}`, which `{model.id}` does not take: send one of "
            f"{', '.join(types)}.",
            param=where,
            code="unsupported_image_media_type",
        )
    size, most = _size(url, comma + 1), vision.max_prompt_image_size
    if most is not None and head.endswith(";base64") and size > most:
        raise BadRequest(
            f"`{where}` has a picture of {size} bytes, and `{model.id}` takes {most} at most: make it smaller.",
            param=where,
            code="image_too_large",
        )


def _size(url: str, start: int) -> int:
    """How many bytes the base64 from ``start`` on stands for: three for every four characters, but for the padding."""
    return (len(url) - start) * 3 // 4 - url.count("=", max(start, len(url) - 2))
