"""What every answer of Ollama's routes must look like, as JSON schemas that know no other keys.

Written from what Ollama's clients rely on, and stricter than Ollama is: it leaves fields out that are empty or zero,
and some client breaks without each of those that are required here.
"""

import json
from decimal import Decimal
from typing import Any, Final

import jsonschema

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
WORDS: Final[Schema] = {"type": "string", "minLength": 1}
NAME: Final[Schema] = {"type": "string", "pattern": r"^[A-Za-z0-9_][A-Za-z0-9_./-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*$"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
SOME: Final[Schema] = {"type": "integer", "minimum": 1}
DIGEST: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
DATE: Final[Schema] = {
    "type": "string",
    "pattern": r"^\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z$",
}
MOMENT: Final[Schema] = {**DATE, "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$"}
HOST: Final[Schema] = {"type": "string", "pattern": "^https://"}


def exactly(required: Schema, optional: Schema | None = None) -> Schema:
    """An object with these members and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": [*required],
        "additionalProperties": False,
    }


def listed(items: Schema, **more: object) -> Schema:
    """An array of ``items``."""
    return {"type": "array", "items": items, **more}


CALL: Final = exactly(
    {"id": WORDS, "function": exactly({"index": COUNT, "name": WORDS, "arguments": {"type": "object"}})}
)
TOKEN: Final[Schema] = {
    "token": TEXT,
    "logprob": {"type": "number", "maximum": 0},
    "bytes": listed({"type": "integer", "minimum": 0, "maximum": 255}),
}
LOGPROBS: Final = listed(exactly(TOKEN, {"top_logprobs": listed(exactly(TOKEN), minItems=1, maxItems=20)}), minItems=1)
DURATIONS: Final[Schema] = {
    "total_duration": SOME,
    "load_duration": SOME,
    "prompt_eval_count": SOME,
    "prompt_eval_duration": SOME,
    "eval_count": COUNT,
    "eval_duration": SOME,
}
ENDED: Final[Schema] = {"done": {"const": True}, "done_reason": {"enum": ["stop", "length"]}, **DURATIONS}
IDLED: Final[Schema] = {"done": {"const": True}, "done_reason": {"enum": ["load", "unload"]}}
GOES_ON: Final[Schema] = {"done": {"const": False}}
LINE: Final[Schema] = {"model": WORDS, "created_at": MOMENT}
CONTEXT: Final[Schema] = listed(COUNT, minItems=1)

ROLE: Final[Schema] = {"role": {"const": "assistant"}}
NOTHING: Final[Schema] = {"const": ""}
SAYS_NOTHING: Final = exactly({**ROLE, "content": NOTHING})
PIECE: Final[Schema] = {
    "oneOf": [
        exactly({**ROLE, "content": WORDS}),
        exactly({**ROLE, "content": NOTHING, "thinking": WORDS}),
        exactly({**ROLE, "content": NOTHING, "tool_calls": listed(CALL, minItems=1, maxItems=1)}),
    ]
}
MESSAGE: Final = exactly({**ROLE, "content": TEXT}, {"thinking": WORDS, "tool_calls": listed(CALL, minItems=1)})

DETAILS: Final[Schema] = {
    "parent_model": TEXT,
    "format": WORDS,
    "family": WORDS,
    "families": listed(WORDS, minItems=1),
    "parameter_size": WORDS,
    "quantization_level": WORDS,
}
CAPABILITIES: Final[Schema] = listed(
    {"enum": ["completion", "tools", "insert", "vision", "embedding", "thinking"]}, minItems=1, uniqueItems=True
)
REMOTE: Final[Schema] = {"remote_model": WORDS, "remote_host": HOST}
ROW: Final[Schema] = listed({"type": "number", "minimum": -1, "maximum": 1}, minItems=1)

SCHEMAS: Final[dict[str, Schema]] = {
    "chat line": exactly({**LINE, "message": PIECE, **GOES_ON}, {"logprobs": LOGPROBS}),
    "chat end": exactly({**LINE, "message": SAYS_NOTHING, **ENDED}),
    "chat whole": exactly({**LINE, "message": MESSAGE, **ENDED}, {"logprobs": LOGPROBS}),
    "chat idle": exactly({**LINE, "message": SAYS_NOTHING, **IDLED}),
    "generate line": {
        "oneOf": [
            exactly({**LINE, "response": WORDS, **GOES_ON}, {"context": {"const": []}, "logprobs": LOGPROBS}),
            exactly({**LINE, "response": NOTHING, "thinking": WORDS, **GOES_ON}, {"context": {"const": []}}),
        ]
    },
    "generate end": exactly({**LINE, "response": NOTHING, "context": CONTEXT, **ENDED}),
    "generate whole": exactly(
        {**LINE, "response": TEXT, "context": CONTEXT, **ENDED}, {"thinking": WORDS, "logprobs": LOGPROBS}
    ),
    "generate raw end": exactly({**LINE, "response": NOTHING, **ENDED}),
    "generate raw whole": exactly({**LINE, "response": TEXT, **ENDED}, {"thinking": WORDS, "logprobs": LOGPROBS}),
    "generate idle": exactly({**LINE, "response": NOTHING, **IDLED}),
    "embed": exactly(
        {
            "model": WORDS,
            "embeddings": listed(ROW),
            "total_duration": SOME,
            "load_duration": SOME,
            "prompt_eval_count": COUNT,
        }
    ),
    "embeddings": exactly({"embedding": {"oneOf": [ROW, {"const": []}]}}),
    "tags": exactly(
        {
            "models": listed(
                exactly(
                    {
                        "name": NAME,
                        "model": NAME,
                        "modified_at": DATE,
                        "size": SOME,
                        "digest": DIGEST,
                        "details": exactly({**DETAILS, "context_length": SOME}, {"embedding_length": SOME}),
                        "capabilities": CAPABILITIES,
                        **REMOTE,
                    }
                )
            )
        }
    ),
    "show": exactly(
        {
            "license": WORDS,
            "modelfile": WORDS,
            "parameters": {"type": "string", "pattern": r"^num_ctx +[1-9]\d*$"},
            "template": WORDS,
            "details": exactly(DETAILS),
            "model_info": {
                "type": "object",
                "properties": {"general.architecture": WORDS, "general.basename": WORDS},
                "required": ["general.architecture", "general.basename"],
                "patternProperties": {r"^.+\.(context|embedding)_length$": SOME},
                "additionalProperties": False,
            },
            "capabilities": CAPABILITIES,
            "modified_at": DATE,
            **REMOTE,
        }
    ),
    "ps": exactly(
        {
            "models": listed(
                exactly(
                    {
                        "name": NAME,
                        "model": NAME,
                        "size": SOME,
                        "digest": DIGEST,
                        "details": exactly(DETAILS),
                        "expires_at": DATE,
                        "size_vram": SOME,
                        "context_length": SOME,
                    }
                )
            )
        }
    ),
    "version": exactly({"version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}}),
    "status": exactly(
        {"cloud": exactly({"disabled": {"const": True}, "source": {"enum": ["none", "env", "config", "both"]}})}
    ),
    "me": exactly({"id": WORDS, "email": WORDS, "name": WORDS, "plan": WORDS}),
    "recommendations": exactly({"recommendations": {"const": []}}),
    "pull line": {
        "oneOf": [
            exactly({"status": {"enum": ["pulling manifest", "verifying sha256 digest", "writing manifest"]}}),
            exactly(
                {
                    "status": {"type": "string", "pattern": "^pulling [0-9a-f]{12}$"},
                    "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
                    "total": SOME,
                    "completed": SOME,
                }
            ),
        ]
    },
    "pull end": exactly({"status": {"const": "success"}}),
    "error": exactly({"error": WORDS}),
}
"""By what they are: the lines of a stream but for its last, its end, answers that are whole or to a request that says
nothing, and the rest by their routes.
"""

_VALIDATORS: Final = {name: jsonschema.Draft202012Validator(schema) for name, schema in SCHEMAS.items()}


def check(name: str, text: str | bytes) -> Any:
    """The answer in ``text``, if it is what ``name`` says; a number with a point is no integer.

    Raises :class:`jsonschema.ValidationError`.
    """
    found = json.loads(text, parse_float=Decimal)
    _VALIDATORS[name].validate(found)
    return found
