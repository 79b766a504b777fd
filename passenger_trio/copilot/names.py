"""The names by which clients ask for models, the ids that they mean, and what is said when they mean none. Pure.

Source: Copilot's ids are dotted (``claude-sonnet-4.5``) where Anthropic's are dashed and dated
(``claude-sonnet-4-5-20250929``, ``@20250929`` on Vertex, ``claude-3-5-sonnet-latest`` in the order of old). Ollama's
clients add ``library/`` and ``:latest``, LiteLLM ``github_copilot/``, routers the vendor's name.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from passenger_trio.errors import BadRequest, ModelDisabled, NotFound, UpstreamRefused
from passenger_trio.wire.models import Model
from passenger_trio.wire.ollama_names import displayed

FEATURES_URL: Final = "https://github.com/settings/copilot/features"
"""GitHub's page on which a person switches models on."""

WILDCARD: Final = "*"
"""At the end of an alias it stands for any rest of a name."""

_INTERNAL: Final = re.compile(r"copilot-search-.*|exec-agent-.*|trajectory-compaction")
_TAG: Final = ":latest"
_PREFIXES: Final = (
    "registry.ollama.ai/",
    "library/",
    "openai/",
    "anthropic/",
    "google/",
    "xai/",
    "github_copilot/",
    "github-copilot/",
)
_DAY: Final = re.compile(r"-\d{4}-\d\d-\d\d$")
_LONG_CONTEXT: Final = "[1m]"  # Claude Code's mark for a window of a million tokens
_CLAUDE_DAY: Final = re.compile(r"([-@]\d{8}|-latest)$")
_CLAUDE: Final = re.compile(
    r"claude-(?:(?P<family>[a-z]+)-(?P<version>\d{1,2}(?:[-.]\d{1,2})?)"
    r"|(?P<old_version>\d{1,2}(?:[-.]\d{1,2})?)-(?P<old_family>[a-z]+))(?P<rest>(?:-[a-z][a-z0-9]*)*)"
)
_EMBEDDINGS: Final = "/embeddings"
_COMPARED: Final = 100  # characters of a name that is compared or quoted; a client may send any number
_OFFERED: Final = 3

MOST_COPIES: Final = 1000
"""Names that clients may give to models; no client needs many, and they stay until they are taken back."""


def is_internal(model_id: str) -> bool:
    """Whether the id is one of Copilot's own helpers (recorded; vendor ``Experimental``), which nobody chats with."""
    return _INTERNAL.fullmatch(model_id) is not None


def shown(models: Iterable[Model]) -> list[Model]:
    """The models that lists show: all but the internal ones."""
    return [model for model in models if not is_internal(model.id)]


def plain(name: str) -> str:
    """``name`` without what clients write around an id: ``openai/gpt-4.1:latest`` is ``gpt-4.1``.

    Another tag than ``latest`` is part of the name, and makes it one that nobody has.
    """
    rest = name[: -len(_TAG)] if name.lower().endswith(_TAG) else name
    while True:
        prefix = next((prefix for prefix in _PREFIXES if rest.lower().startswith(prefix)), "")
        if not prefix:
            return rest or name
        rest = rest[len(prefix) :]


class _Claude(NamedTuple):
    """What a Claude's name says, in whatever order and with whatever dots: ``rest`` is as ``-thought``."""

    family: str
    major: int
    minor: int
    rest: str


def _claude(name: str) -> _Claude | None:
    """What ``name``, in lower case, says of a Claude; ``None`` for another model."""
    name = _CLAUDE_DAY.sub("", name.removesuffix(_LONG_CONTEXT))
    found = _CLAUDE.fullmatch(name)
    if found is None:
        return None
    version = found["version"] or found["old_version"]
    major, _, minor = version.replace("-", ".").partition(".")
    return _Claude(found["family"] or found["old_family"], int(major), int(minor or 0), found["rest"])


class Copies:
    """Names that clients have given to models (Ollama's ``copy``), for as long as the program runs."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[str, str]] = {}

    def make(self, name: str, model_id: str) -> None:
        """Let ``name`` mean the model of that id. Raises :class:`~passenger_trio.errors.BadRequest` at the thousandth
        and first.
        """
        key = plain(name).lower()
        if key not in self._made and len(self._made) >= MOST_COPIES:
            raise BadRequest(f"there are {MOST_COPIES} copies already; delete some first")
        self._made[key] = (displayed(name), model_id)

    def forget(self, name: str) -> bool:
        """Whether there was such a name."""
        return self._made.pop(plain(name).lower(), None) is not None

    def model_id(self, name: str) -> str | None:
        """The id that a client's name means, in whatever case and with whatever trimmings it is written."""
        found = self._made.get(plain(name).lower())
        return None if found is None else found[1]

    def listed_as(self, name: str) -> str | None:
        """The name as it is listed; ``None`` for one that no client has given."""
        found = self._made.get(plain(name).lower())
        return None if found is None else found[0]

    def all(self) -> list[tuple[str, str]]:
        """The names as they are listed, each with the id of its model; the latest last."""
        return list(self._made.values())


class Names:
    """The models of one list by all their names, and the user's own names for them.

    In this order: the exact id, with or without Ollama's ``:latest``; an alias, its exact name before the longest
    beginning; the id in any case; the same without prefixes and ``:latest``; other spellings of a Claude; a snapshot by
    the ``version`` that the list states; a snapshot without its date; a copy. A name only ever means a model of the
    list.
    """

    def __init__(
        self,
        models: Sequence[Model] = (),
        aliases: Mapping[str, str] | None = None,
        copies: Copies | None = None,
    ) -> None:
        self._copies = copies or Copies()
        backwards = models[::-1]  # so that of several with one name the first is left
        self._by_id = {model.id: model for model in backwards}
        self._by_lower = {model.id.lower(): model for model in backwards}
        self._by_version = {model.version.lower(): model for model in backwards if model.version}
        claudes = [(_claude(model.id.lower()), model) for model in backwards]
        self._by_claude = {key: model for key, model in claudes if key is not None}
        offered = [model for model in shown(models) if model.endpoints]
        self._enabled = [model for model in offered if model.is_enabled]
        self._others = [model for model in offered if not model.is_enabled]
        lower = {alias.lower(): target for alias, target in (aliases or {}).items()}
        self._aliases = {alias: target for alias, target in lower.items() if not alias.endswith(WILDCARD)}
        self._beginnings = sorted(
            ((alias.removesuffix(WILDCARD), target) for alias, target in lower.items() if alias.endswith(WILDCARD)),
            key=lambda pair: -len(pair[0]),
        )

    def has(self, model_id: str) -> bool:
        """Whether the list has this very id."""
        return model_id in self._by_id

    def find(self, name: str) -> Model | None:
        """The model that a client means by ``name``, hidden ones and disabled ones included."""
        return self.uncopied(name) or self._by_id.get(self._copies.model_id(name) or "")

    def uncopied(self, name: str) -> Model | None:
        """What ``name`` means whatever copies there are."""
        if (exact := self._by_id.get(name) or self._by_id.get(name.removesuffix(_TAG))) is not None:
            return exact
        target = self._alias(name)
        return self._listed(name if target is None else target)

    def with_id(self, name: str) -> Model | None:
        """The model whose id ``name`` is, in whatever case and with whatever trimmings: no other name counts."""
        return self._by_lower.get(plain(name).lower())

    def meant(self, name: str) -> str:
        """The id to ask Copilot for when the list has no model of that name: what an alias or a copy stands for, or the
        plain name.
        """
        target = self._alias(name) or self._copies.model_id(name)
        return plain(name) if target is None else target

    def nearest(self, name: str, *, embeddings: bool | None = None) -> list[str]:
        """The three ids most like ``name``; those that may be used come before those that are switched off.

        ``embeddings`` leaves but the models that make them, or but the others.
        """
        wanted = plain(name)[:_COMPARED].lower()
        found: list[str] = []
        for models in (self._enabled, self._others):
            ids = [model.id for model in models if embeddings is None or embeddings == (_EMBEDDINGS in model.endpoints)]
            found += sorted(ids, key=lambda model_id: -_likeness(wanted, model_id))[: _OFFERED - len(found)]
        return found

    def unknown(self, name: str, *, said: str = "", embeddings: bool | None = None) -> NotFound:
        """The error for a name that no model has; ``said`` is Copilot's own word on it, if it was asked, and
        ``embeddings`` what it was asked for.
        """
        quoted = name if len(name) <= _COMPARED else f"{name[:_COMPARED]}..."
        words = [f"The model `{quoted}` does not exist, or this account has no access to it."]
        if said:
            words.append(f"Copilot says: {said}")
        if near := self.suggestion(name, embeddings=embeddings):
            words.append(f"{near} GET /v1/models lists them all.")
        return NotFound(" ".join(words), code="model_not_found", param="model")

    def suggestion(self, name: str, *, embeddings: bool | None = None) -> str:
        """The nearest ids as a question; empty where there is no list."""
        near = self.nearest(name, embeddings=embeddings)
        return f"Did you mean {_either(near)}?" if near else ""

    def _alias(self, name: str) -> str | None:
        """The target of the alias that ``name`` falls under, as it is sent or without its trimmings."""
        lower = name.lower()
        written = (lower, plain(lower))
        for known in written:
            if (target := self._aliases.get(known)) is not None:
                return target
        for beginning, target in self._beginnings:
            if any(known.startswith(beginning) for known in written):
                return target
        return None

    def _listed(self, name: str) -> Model | None:
        if (exact := self._by_id.get(name) or self._by_lower.get(name.lower())) is not None:
            return exact
        lower = plain(name).lower()
        undated = _DAY.sub("", lower)
        claude = _claude(lower)
        return (
            self._by_lower.get(lower)
            or (self._by_claude.get(claude) if claude is not None else None)
            or self._by_version.get(lower)
            or self._by_lower.get(undated)
        )


def _likeness(wanted: str, model_id: str) -> float:
    known = model_id.lower()
    return (wanted in known) + difflib.SequenceMatcher(None, wanted, known).ratio()


def _either(ids: Sequence[str]) -> str:
    *others, last = [f"`{model_id}`" for model_id in ids]
    return f"{', '.join(others)} or {last}" if others else last


def disabled(model: Model) -> ModelDisabled:
    """The error for a model that is switched off for the account."""
    return ModelDisabled(
        f"The model `{model.id}` is switched off for this account. Read its terms and switch it on with "
        f"`passenger-trio models enable {model.id}`, or at {FEATURES_URL}; in an organisation, ask its administrator.",
        code="model_disabled",
        param="model",
    )


def refuses_model(error: UpstreamRefused) -> bool:
    """Whether Copilot's refusal is of the model itself: one that it does not know, or that the account may not use.

    One that it serves on another endpoint only is known; newer refusals of that kind have the same code (recorded).
    """
    if error.status == 404:  # the path is one of Copilot's, so it is the model that is not there
        return True
    return error.code in {"model_not_supported", "model_not_found"} and "not accessible via" not in error.message
