"""The least that a relay on this ground can do: bytes in, bytes out. What the house is measured against."""

import sys
from collections.abc import AsyncGenerator

import httpx
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import Response, request
from quart_trio import QuartTrio


async def main(upstream: str, port: int, token: str) -> None:
    app = QuartTrio("bare_relay")
    app.config["RESPONSE_TIMEOUT"] = None
    http = httpx.AsyncClient(timeout=60)

    @app.post("/v1/chat/completions")
    async def chat() -> Response:
        headers = {"Authorization": f"Bearer {token}", "Editor-Version": "bench/1"}
        call = http.build_request(
            "POST", f"{upstream}/chat/completions", content=await request.get_data(), headers=headers
        )
        reply = await http.send(call, stream=True)

        async def body() -> AsyncGenerator[bytes]:
            async for data in reply.aiter_raw():
                yield data
            await reply.aclose()

        return Response(body(), reply.status_code, content_type=reply.headers["content-type"])

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    await serve(app, config)  # type: ignore[arg-type]


if __name__ == "__main__":
    trio.run(main, sys.argv[1], int(sys.argv[2]), sys.argv[3])
