"""A request of ours: its exit stack, its record for the log, and the answers made for it."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol, cast

from quart import Response, request
from quart_trio.wrappers import TrioRequest

from passenger_trio.server.relay import Record
from passenger_trio.wire import sse


class Typed(Protocol):
    """What knows the Content-Type of the bytes it makes."""

    @property
    def content_type(self) -> str: ...


LONGEST_HEADER: Final = 4000
"""Bytes of a header's value; clients read about 8 to 64 kB of headers in all."""


class PassengerRequest(TrioRequest):
    """A request that owns what is opened for it: ``exit_stack`` lives until after the answer's last byte.

    ``sign_of_life`` is what its client may be sent between two parts of the answer, if there is anything. ``content``
    is the body, once it is here.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.exit_stack = AsyncExitStack()
        self.record = Record()
        self.sign_of_life = b""
        self.content: bytes | None = None

    async def arrive(self) -> bytes:
        """Wait for the whole body, and return it as it came. Raises Quart's errors for one too large or too slow."""
        data = await self.get_data(cache=False)
        self.content = data if isinstance(data, bytes) else data.encode()
        return self.content


def current() -> PassengerRequest:
    """The request being handled."""
    return cast("PassengerRequest", request)


async def read_body(request: PassengerRequest) -> bytes:
    """The whole body, whatever its Content-Type says: clients send JSON under any or none.

    Raises Quart's errors for a body that is too large or too slow.
    """
    return await request.arrive() if request.content is None else request.content


async def add_ids(answer: Response) -> Response:
    """The ids to quote when asking for help, ours and GitHub's, on every answer; registered with the app."""
    record = current().record
    answer.headers["X-Request-Id"] = record.request_id
    if record.upstream_id:
        answer.headers["X-GitHub-Request-Id"] = record.upstream_id
    return answer


def json_response(body: bytes, *, content_type: str = "application/json", dropped: Sequence[str] = ()) -> Response:
    """A whole answer; ``dropped`` names what of the request has no meaning upstream."""
    return _name_dropped(Response(body, content_type=content_type), dropped)


def stream_response(
    body: AsyncGenerator[bytes], front: Typed, *, dropped: Sequence[str] = (), sign_of_life: bytes = sse.COMMENT
) -> Response:
    """A streamed answer, without a limit on how long it may take.

    Each of the parts that ``body`` yields is made of whole events, so that ``sign_of_life`` can come between any two.
    """
    if front.content_type.startswith("text/event-stream"):
        current().sign_of_life = sign_of_life
    answer = Response(body, content_type=front.content_type, headers={"Cache-Control": "no-cache"})
    answer.timeout = None
    return _name_dropped(answer, dropped)


def _name_dropped(answer: Response, dropped: Sequence[str]) -> Response:
    if dropped:
        # the names are the client's own: only what a header can hold, and no more than any client reads
        names = ", ".join(re.sub(r"[^!-+\--~]", "?", name) for name in dropped)
        if len(names) > LONGEST_HEADER:
            names = f"{names[:LONGEST_HEADER].rpartition(', ')[0]}, ..."
        answer.headers["X-Passenger-Dropped"] = current().record.dropped = names
    return answer
