"""Bodies: packed, broken, too large, too deep, too slow, with too many pictures; a refusal, never a crash or a hang."""

import gzip
import json
import sys
import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import trio
from faults.doors import ask, ask_raw
from faults.upstream import CHAT, CHAT_MODEL, MESSAGES, MESSAGES_MODEL, RESPONSES, RESPONSES_MODEL, Front, open_front

from passenger_trio.translate.backs.pictures import MOST

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

HERE = [("Host", "127.0.0.1")]
SPEECHES = [
    ("/v1/chat/completions", CHAT),
    ("/v1/responses", RESPONSES),
    ("/v1/messages", MESSAGES),
    ("/api/chat", CHAT | {"stream": False}),
]
"""A request in each dialect."""


def bare(data: bytes) -> bytes:
    """Deflated without zlib's frame, as many do."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("zstd", zstd.compress),
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("GZip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", bare),
]


def told(answer_body: bytes) -> str:
    """The words of a refusal, in whichever dialect."""
    error = json.loads(answer_body)["error"]
    return error if isinstance(error, str) else error["message"]


def calls(front: Front) -> int:
    return sum(len(front.upstream.asked(path)) for path in ("/chat/completions", "/responses", "/v1/messages"))


# Packed


@pytest.mark.parametrize("coding, pack", PACKERS)
@pytest.mark.parametrize("path, body", SPEECHES)
async def test_a_packed_body_is_read_as_what_it_was(
    tmp_path: Path, path: str, body: dict[str, Any], coding: str, pack: Callable[[bytes], bytes]
) -> None:
    plain = json.dumps(body).encode()
    async with open_front(tmp_path) as front:
        asis = await front.http.post(path, content=plain)
        packed = await front.http.post(path, content=pack(plain), headers={"Content-Encoding": coding})

        assert (asis.status_code, packed.status_code) == (200, 200)
        first, second = (request.body for request in front.upstream.requests if request.method == "POST")
        assert first == second


@pytest.mark.parametrize("coding, pack", PACKERS)
async def test_a_bomb_is_refused_at_the_size_that_any_body_may_have(
    tmp_path: Path, coding: str, pack: Callable[[bytes], bytes]
) -> None:
    full = json.dumps({**CHAT, "user": ""}).encode()
    fits = full.replace(b'"user": ""', b'"user": "%s"' % (b"x" * ((1 << 20) - len(full))))
    async with open_front(tmp_path, server__max_body_mib=1) as front:
        for path, _ in SPEECHES:
            bomb = await front.http.post(path, content=pack(b" " * (40 << 20)), headers={"Content-Encoding": coding})
            assert bomb.status_code == 413, path
            assert "max_body_mib" in told(bomb.content)
        assert calls(front) == 0
        just = await front.http.post("/v1/chat/completions", content=pack(fits), headers={"Content-Encoding": coding})
        over = await front.http.post(
            "/v1/chat/completions", content=pack(fits + b" "), headers={"Content-Encoding": coding}
        )
        assert (len(fits), just.status_code, over.status_code) == (1 << 20, 200, 413)


@pytest.mark.parametrize("coding, pack", PACKERS)
@pytest.mark.parametrize("path, body", SPEECHES)
async def test_a_body_that_is_packed_wrongly_is_a_400_in_the_dialect(
    tmp_path: Path, path: str, body: dict[str, Any], coding: str, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(json.dumps(body).encode())
    wrong = [b"", b"\x00", b"{}", packed[:-1], packed[: len(packed) // 2], packed + b"x", b"\xff" + packed[1:]]
    async with open_front(tmp_path) as front:
        for data in wrong:
            answer = await front.http.post(path, content=data, headers={"Content-Encoding": coding})
            assert answer.status_code == 400, data
            assert "Content-Encoding" in told(answer.content)
        assert calls(front) == 0


async def test_a_zstd_body_that_asks_for_more_memory_than_any_may_is_refused(tmp_path: Path) -> None:
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    packer = zstd.ZstdCompressor(options=options)
    packed = packer.compress(json.dumps(CHAT).encode(), zstd.ZstdCompressor.FLUSH_BLOCK) + packer.flush()
    async with open_front(tmp_path) as front:
        answer = await front.http.post("/v1/responses", content=packed, headers={"Content-Encoding": "zstd"})

    assert answer.status_code == 400


@pytest.mark.parametrize("coding", ["br", "compress", "gzip, gzip", "zstd,identity", "x" * 500])
@pytest.mark.parametrize("path, body", SPEECHES)
async def test_a_packing_that_is_not_known_is_a_415_that_names_those_that_are(
    tmp_path: Path, path: str, body: dict[str, Any], coding: str
) -> None:
    async with open_front(tmp_path) as front:
        answer = await front.http.post(path, content=b"\x0b", headers={"Content-Encoding": coding})

    assert answer.status_code == 415
    assert "zstd, gzip" in told(answer.content)
    assert len(answer.content) < 600


# Size, time, depth


@pytest.mark.parametrize("path, body", SPEECHES)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_a_413_in_the_dialect(
    tmp_path: Path, path: str, body: dict[str, Any], chunked: bool
) -> None:
    large = b" " * ((1 << 20) + 1)
    async with open_front(tmp_path, server__max_body_mib=1) as front:
        if chunked:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            answer = await ask_raw(front.port, b"%s%x\r\n%s\r\n" % (head.encode(), len(large), large))
        else:
            answer = await ask(front.port, "POST", path, HERE, large)

        assert answer.status == 413
        assert "max_body_mib" in told(answer.body)
        assert calls(front) == 0


@pytest.mark.parametrize("path, body", SPEECHES)
async def test_a_body_that_does_not_arrive_in_time_is_a_408_in_the_dialect(
    tmp_path: Path, path: str, body: dict[str, Any]
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{{"
    packed = head.replace("Content-Length", "Content-Encoding: zstd\r\nContent-Length")
    async with open_front(tmp_path, server__body_timeout=0.2) as front:
        with trio.fail_after(5):
            answers = [await ask_raw(front.port, text.encode()) for text in (head, packed)]

    assert [answer.status for answer in answers] == [408, 408]
    assert "body_timeout" in told(answers[0].body)


@pytest.mark.parametrize("header", [("X-Long", "x" * (1 << 17)), ("Cookie", "a=b;" * (1 << 14))])
async def test_headers_that_are_too_long_are_refused_before_anything_is_done(
    tmp_path: Path, header: tuple[str, str]
) -> None:
    async with open_front(tmp_path) as front:
        long = await ask(front.port, "POST", "/v1/chat/completions", [*HERE, header], json.dumps(CHAT).encode())
        many = [*HERE, *((f"X-{number}", "y") for number in range(20_000))]
        numerous = await ask(front.port, "POST", "/v1/chat/completions", many, json.dumps(CHAT).encode())
        target = await ask(front.port, "GET", f"/v1/models/{'x' * (1 << 17)}", HERE)

        # a client that goes on writing may miss the answer, but gets no other
        assert {answer.status for answer in (long, numerous, target)} <= {431, None}
        assert calls(front) == 0
        assert (await front.http.get("/health")).status_code == 200


DEPTHS = [100, 600, 980, 1100, 100_000]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("path, body", [*SPEECHES, ("/v1/completions", {}), ("/v1/embeddings", {}), ("/api/show", {})])
async def test_json_of_any_depth_is_answered_or_refused_in_the_dialect(
    tmp_path: Path, path: str, body: dict[str, Any], depth: int
) -> None:
    plain = {**body, "max_tokens": 64, "prompt": "x", "input": body.get("input", "x")}
    fields = ("messages", "input", "tools", "format", "response_format", "nobody_knows_it")
    async with open_front(tmp_path) as front:
        for deep in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
            for model, field in product((CHAT_MODEL, RESPONSES_MODEL, MESSAGES_MODEL), fields):
                rest = {name: value for name, value in {**plain, "model": model}.items() if name != field}
                whole = json.dumps(rest).encode()[:-1] + b', "%s": %s}' % (field.encode(), deep)
                answer = await front.http.post(path, content=whole)
                assert answer.status_code in {200, 400, 404}, (model, field, answer.text)
                assert answer.status_code == 200 or told(answer.content)
                assert answer.status_code != 200 or depth < 1000
            assert (await front.http.post(path, content=deep)).status_code == 400


# Pictures

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
URL = f"data:image/png;base64,{DOT}"


def chat_with(count: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": URL}}] * count}]}


def ollama_with(count: int) -> dict[str, Any]:
    return {"stream": False, "messages": [{"role": "user", "content": "x", "images": [DOT] * count}]}


def responses_with(count: int) -> dict[str, Any]:
    half = count // 2
    shown = [{"type": "input_image", "image_url": URL}]
    return {
        "input": [
            {"role": "user", "content": shown * half},
            {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": shown * (count - half)},
        ]
    }


def messages_with(count: int) -> dict[str, Any]:
    half = count // 2
    shown = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DOT}}]
    result = {"type": "tool_result", "tool_use_id": "t", "content": shown * (count - half)}
    return {
        "max_tokens": 64,
        "messages": [
            {"role": "user", "content": shown * half},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "look", "input": {}}]},
            {"role": "user", "content": [result]},
        ],
    }


@pytest.mark.parametrize("model", [CHAT_MODEL, RESPONSES_MODEL, MESSAGES_MODEL])
@pytest.mark.parametrize(
    "path, make",
    [
        ("/v1/chat/completions", chat_with),
        ("/api/chat", ollama_with),
        ("/v1/responses", responses_with),
        ("/v1/messages", messages_with),
    ],
)
async def test_there_is_a_most_of_pictures_for_every_model_on_every_way(
    tmp_path: Path, path: str, make: Callable[[int], dict[str, Any]], model: str
) -> None:
    async with open_front(tmp_path) as front:
        most = await front.http.post(path, json={"model": model, **make(MOST)})
        more = await front.http.post(path, json={"model": model, **make(MOST + 1)})

        assert (most.status_code, more.status_code) == (200, 400)
        assert f"has {MOST + 1}" in told(more.content)
        assert calls(front) == 1
