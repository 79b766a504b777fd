"""What handlers read from Quart's request, and the one kind of answer they share."""

import msgspec
from quart import Response, request

from passenger_trio.simulator.refusals import JSON_UTF8


async def body() -> bytes:
    """The whole body of the request being answered."""
    return await request.get_data(cache=True, as_text=False, parse_form_data=False)


def own_origin() -> str:
    """Where the client found the simulator, by the request's ``Host``."""
    return f"{request.scheme}://{request.headers.get('Host', 'localhost')}"


def credentials() -> tuple[str, str]:
    """The ``Authorization`` header's scheme in lower case, and what follows it."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower(), rest.strip()


def json_answer(value: object) -> Response:
    """``value`` as GitHub and Copilot send JSON."""
    return Response(msgspec.json.encode(value), content_type=JSON_UTF8)
