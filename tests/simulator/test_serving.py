import socket

import httpx
import pytest
import trio

from passenger_trio.simulator import Simulator, serve


@pytest.mark.parametrize("listening", [True, False])
async def test_a_socket_is_served_whether_or_not_it_listens_yet(nursery, listening):
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    if listening:
        sock.listen()
    with trio.fail_after(10):
        origin = await nursery.start(serve, Simulator(), sock)
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{origin}/_ping")

    assert origin == f"http://127.0.0.1:{port}"
    assert answer.status_code == 200


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
async def test_an_ipv6_origin_has_its_brackets(nursery):
    with trio.fail_after(10):
        sock = socket.create_server(("::1", 0), family=socket.AF_INET6)
        origin = await nursery.start(serve, Simulator(), sock)
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{origin}/_ping")

    assert origin.startswith("http://[::1]:")
    assert answer.status_code == 200


async def test_cancelling_closes_the_socket_and_cuts_open_streams(sock):
    simulator = Simulator(word_delay=10)
    address = sock.getsockname()
    token = simulator.exchange("http://here")["token"]
    body = {"stream": True, "messages": [{"role": "user", "content": "[[long]]"}]}
    with trio.fail_after(10):
        async with httpx.AsyncClient() as client, trio.open_nursery() as nursery:
            origin = await nursery.start(serve, simulator, sock)
            headers = {"Authorization": f"Bearer {token}"}
            async with client.stream("POST", f"{origin}/chat/completions", json=body, headers=headers):
                nursery.cancel_scope.cancel()
        with pytest.raises(OSError, match=r"refused|connect"):
            await trio.open_tcp_stream(*address)

    assert simulator.open_streams == 0


async def test_nothing_is_written_for_people(nursery, sock, capfd):
    with trio.fail_after(10):
        origin = await nursery.start(serve, Simulator(), sock)
        async with httpx.AsyncClient() as client:
            await client.get(f"{origin}/nowhere")

    assert capfd.readouterr() == ("", "")
