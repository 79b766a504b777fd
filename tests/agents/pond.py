"""An MCP server over stdio with one tool, for agents to call; the standard library does."""

import json
import sys
from typing import Any

TOOL = {
    "name": "count_otters",
    "description": "Counts the otters in a pond.",
    "inputSchema": {"type": "object", "properties": {"pond": {"type": "string"}}, "required": ["pond"]},
}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """The result of one call of the protocol's."""
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "pond", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [TOOL]}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": f"17 otters in {params['arguments']['pond']}"}]}
    return {}


def serve() -> None:
    """Answer line by line until the client leaves."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            result = answer(message["method"], message.get("params") or {})
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    serve()
