"""The rules for content blocks on ``/v1/messages``: known fields, no empty texts, pictures in base64."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from passenger_trio.simulator.refusals import Refused, anthropic
from passenger_trio.simulator.schema_merge import is_list, is_object

_BLOCKS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"text", "citations", "cache_control"}),
    "image": frozenset({"source", "cache_control"}),
    "document": frozenset({"source", "title", "context", "citations", "cache_control"}),
    "tool_use": frozenset({"id", "name", "input", "cache_control"}),
    "tool_result": frozenset({"tool_use_id", "content", "is_error", "cache_control"}),
    "thinking": frozenset({"thinking", "signature"}),
    "redacted_thinking": frozenset({"data"}),
    "server_tool_use": frozenset({"id", "name", "input", "cache_control"}),
    "web_search_tool_result": frozenset({"tool_use_id", "content", "cache_control"}),
    "tool_reference": frozenset({"tool_name", "cache_control"}),
}
_PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


def check_blocks(
    blocks: Sequence[object], path: str, *, only_text: bool = False, found: bool = False, finding: bool = False
) -> None:
    """Raises :class:`Refused` for a block that is unknown, or known with something else in it.

    ``found`` is whether tools that a search has found may stand here, ``finding`` whether they may in a tool's result.
    """
    for index, block in enumerate(blocks):
        here = f"{path}.{index}"
        kind = block.get("type") if is_object(block) else None
        fields = _BLOCKS.get(kind) if isinstance(kind, str) else None
        misplaced = (only_text and kind != "text") or (kind == "tool_reference" and not found)
        if not is_object(block) or fields is None or misplaced:
            raise Refused(
                anthropic(f"{here}: Input tag '{kind}' found using 'type' does not match any of the expected tags")
            )
        extra(block, fields | {"type"}, f"{here}.{kind}.")
        cache = block.get("cache_control")
        if is_object(cache):
            check_cache_control(cache, f"{here}.{kind}.cache_control")
        if kind == "text":
            check_text(block.get("text"), "system" if only_text else "messages")
        elif kind == "image":
            _check_source(block.get("source"), f"{here}.image.source")
        elif kind == "thinking" and not block.get("signature"):
            raise Refused(anthropic(f"{here}.thinking.signature: Field required"))
        inner = block.get("content")
        if kind == "tool_result" and is_list(inner):
            check_blocks(inner, f"{here}.tool_result.content", found=finding)


def check_text(text: object, where: str = "messages") -> None:
    """Raises :class:`Refused` for a text with nothing in it."""
    if not text:
        raise Refused(anthropic(f"{where}: text content blocks must be non-empty"))
    if isinstance(text, str) and text.isspace():
        raise Refused(anthropic(f"{where}: text content blocks must contain non-whitespace text"))


def check_cache_control(cache: Mapping[str, object], path: str) -> None:
    """Raises :class:`Refused` for anything but ``{"type": "ephemeral"}``."""
    if cache.get("type") != "ephemeral":
        raise Refused(anthropic(f"{path}.type: Input should be 'ephemeral'"))
    extra(cache, {"type"}, f"{path}.ephemeral.")


def extra(found: Mapping[str, object], known: Collection[str], prefix: str) -> None:
    """Raises :class:`Refused` for a key that is not ``known``."""
    for key in found:
        if key not in known:
            raise Refused(anthropic(f"{prefix}{key}: Extra inputs are not permitted"))


def count_cache_controls(value: object) -> int:
    """How many objects inside ``value`` have a ``cache_control``."""
    if is_list(value):
        return sum(map(count_cache_controls, value))
    if not is_object(value):
        return 0
    return int(value.get("cache_control") is not None) + count_cache_controls(value.get("content"))


def _check_source(source: object, path: str) -> None:
    if not is_object(source) or source.get("type") != "base64":
        raise Refused(anthropic(f"{path}.type: Input should be 'base64'"))
    media = source.get("media_type")
    if media not in _PICTURES:
        raise Refused(anthropic(f"{path}.base64.media_type: {media!r} is not supported"))
