"""What every form of an answer shares: its stamp, the stream it becomes, and strings that only Copilot can read."""

import base64
import hashlib
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

DONE: Final = b"data: [DONE]\n\n"
CHAT_NOISE: Final = (
    (
        b'data: {"choices":null,"copilot_references":[{"type":"github.web-search","id":"ref-1","data":{"query":"x"},'
        b'"metadata":{"display_name":"Web"}}],"id":null}\n\n'
    ),
    b'event: copilot_errors\ndata: [{"type":"agent","code":"warn","message":"slow","agent":"x"}]\n\n',
)
_RAGGED: Final = (1, 17, 13, 8, 4, 21, 11)
_LETTERS: Final = string.digits + string.ascii_letters


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What tells two equal answers apart. ``nonce`` is 32 hexadecimal digits, ``created`` unix seconds."""

    model: str
    created: int
    nonce: str

    def chat_id(self) -> str:
        """The id of the answer, in OpenAI's shape."""
        return f"chatcmpl-{self.nonce[:29]}"

    def call_id(self, index: int) -> str:
        """The id of the tool call with that index, in OpenAI's shape; no two answers share one."""
        return f"call_{self.nonce[:20]}{index:04}"

    def uuid(self) -> str:
        """An id without a prefix."""
        nonce = self.nonce
        return f"{nonce[:8]}-{nonce[8:12]}-{nonce[12:16]}-{nonce[16:20]}-{nonce[20:32]}"

    def letters(self, label: str, length: int) -> str:
        """Letters and digits, always the same for the same ``label``."""
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in self._bytes(label, length))

    def blob(self, label: str, size: int) -> str:
        """``size`` bytes in base64, always the same for the same ``label``."""
        return base64.b64encode(self._bytes(label, size)).decode()

    def _bytes(self, label: str, size: int) -> bytes:
        return hashlib.shake_128(f"{self.nonce}/{label}".encode()).digest(size)


def _chat_error(_events: int) -> bytes:
    return b'data: {"error":{"message":"upstream provider error","code":"internal_error"}}\n\n'


@dataclass(frozen=True, slots=True)
class Stream:
    """The events of a streamed answer, each with its blank line. ``ending`` begins with the finish event.

    ``error`` is how this form breaks off inside a stream after so many events, ``failed`` a whole stream of an answer
    that came to nothing, ``noise`` what a client has to skip.
    """

    body: list[bytes]
    ending: list[bytes]
    error: Callable[[int], bytes] = _chat_error
    failed: Sequence[bytes] = ()
    noise: Sequence[bytes] = ()


def ragged(text: str) -> list[str]:
    """``text`` cut as Claude's streams are: at places that have nothing to do with words."""
    pieces: list[str] = []
    place, turn = 0, 0
    while place < len(text):
        length = _RAGGED[turn % len(_RAGGED)]
        pieces.append(text[place : place + length])
        place, turn = place + length, turn + 1
    return pieces
