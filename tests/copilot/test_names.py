"""Names of models: what clients write, and which model of the list they mean."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from passenger_trio.copilot.catalogue import parse
from passenger_trio.copilot.names import (
    FEATURES_URL,
    MOST_COPIES,
    Copies,
    Names,
    disabled,
    is_internal,
    plain,
    refuses_model,
    shown,
)
from passenger_trio.errors import BadRequest, UpstreamRefused
from passenger_trio.wire.models import Model, Policy

SAMPLES = Path(__file__).parent.parent / "samples" / "copilot"
RECORDED = parse((SAMPLES / "models_list.json").read_bytes())
CLAUDES = ["claude-sonnet-4", "claude-sonnet-4.5", "claude-opus-4.5", "claude-3.5-sonnet", "claude-3.7-sonnet-thought"]


def names_of(*ids: str, aliases: dict[str, str] | None = None, off: tuple[str, ...] = ()) -> Names:
    """The names of a list with these ids, those in ``off`` switched off."""
    return Names([Model(one, policy=Policy("disabled" if one in off else "enabled")) for one in ids], aliases)


def found(names: Names, name: str) -> str | None:
    model = names.find(name)
    return None if model is None else model.id


# Without aliases


@pytest.mark.parametrize(
    "name, expected",
    [
        ("gpt-4.1", "gpt-4.1"),
        ("GPT-4.1", "gpt-4.1"),
        ("gpt-4.1:latest", "gpt-4.1"),
        ("gpt-4.1:LATEST", "gpt-4.1"),
        ("library/gpt-4.1", "gpt-4.1"),
        ("registry.ollama.ai/library/gpt-4.1:latest", "gpt-4.1"),
        ("openai/gpt-4.1", "gpt-4.1"),
        ("OpenAI/GPT-4.1", "gpt-4.1"),
        ("github_copilot/gpt-4.1", "gpt-4.1"),
        ("github-copilot/openai/gpt-4.1", "gpt-4.1"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4.5"),
        ("google/gemini-2.5-pro", "gemini-2.5-pro"),
        ("xai/gpt-4.1", "gpt-4.1"),
        ("gpt-4.1:7b", None),
        ("gpt-4.1:latest:latest", None),
        ("somebody/gpt-4.1", None),
        ("gpt-4.1/openai/", None),
        ("gpt", None),
        ("", None),
        (":latest", None),
        ("openai/", None),
    ],
)
def test_a_name_is_found_as_clients_write_it(name: str, expected: str | None) -> None:
    assert found(Names(RECORDED), name) == expected


@pytest.mark.parametrize(
    "name, expected",
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4.5"),
        ("claude-sonnet-4-5", "claude-sonnet-4.5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4.5"),
        ("claude-sonnet-4-5-latest", "claude-sonnet-4.5"),
        ("claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4.5"),
        ("claude-sonnet-4.5[1M]", "claude-sonnet-4.5"),
        ("Anthropic/Claude-Sonnet-4-5", "claude-sonnet-4.5"),
        ("claude-4.5-sonnet", "claude-sonnet-4.5"),
        ("claude-4-5-sonnet-latest", "claude-sonnet-4.5"),
        ("claude-opus-4-5-20251101", "claude-opus-4.5"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("claude-sonnet-4-0", "claude-sonnet-4"),
        ("claude-sonnet-4.0", "claude-sonnet-4"),
        ("claude-4-sonnet", "claude-sonnet-4"),
        ("claude-3-5-sonnet-20241022", "claude-3.5-sonnet"),
        ("claude-3-5-sonnet-latest", "claude-3.5-sonnet"),
        ("claude-sonnet-3.5", "claude-3.5-sonnet"),
        ("claude-3-7-sonnet-thought", "claude-3.7-sonnet-thought"),
        # only what is in the list is meant, and no other model of the same kind
        ("claude-opus-4-20250514", None),
        ("claude-3-7-sonnet-20250219", None),
        ("claude-3-opus-20240229", None),
        ("claude-sonnet-4-6", None),
        ("claude-sonnet-4-5-fast", None),
        ("claude-sonnet", None),
        ("claude-2.1", None),
        ("sonnet", None),
    ],
)
def test_a_claude_is_found_as_anthropic_writes_it(name: str, expected: str | None) -> None:
    assert found(names_of(*CLAUDES), name) == expected


def test_a_dashed_id_in_the_list_is_found_by_its_dots() -> None:
    assert found(names_of("claude-opus-4-5"), "claude-opus-4.5") == "claude-opus-4-5"


def test_a_snapshot_that_is_listed_is_meant_itself() -> None:
    assert found(Names(RECORDED), "gpt-4o-2024-11-20") == "gpt-4o-2024-11-20"


@pytest.mark.parametrize(
    "name, expected",
    [
        ("gpt-4.1-2025-04-14", "gpt-4.1"),  # the version that is listed
        ("openai/gpt-4-0613", "gpt-4"),
        ("gpt-4.1-2030-01-01", "gpt-4.1"),  # no such version: its date is cut
        ("gpt-5.9-2030-01-01", None),
        ("gpt-4.1-2030-01", None),
    ],
)
def test_a_snapshot_is_found_by_its_version_and_else_without_its_date(name: str, expected: str | None) -> None:
    assert found(Names(RECORDED), name) == expected


def test_of_several_models_with_one_version_the_first_is_meant() -> None:
    models = [Model("a", version="v"), Model("b", version="v")]

    assert found(Names(models), "V") == "a"


def test_of_ids_that_differ_in_case_the_exact_one_is_meant_and_else_the_first() -> None:
    names = names_of("Big", "big")

    assert [found(names, name) for name in ("Big", "big", "BIG")] == ["Big", "big", "Big"]


@pytest.mark.parametrize(
    "model_id, internal",
    [
        ("copilot-search-a", True),
        ("exec-agent-b", True),
        ("trajectory-compaction", True),
        ("gpt-41-copilot", False),
        ("copilot-search", False),
        ("my-exec-agent-b", False),
        ("trajectory-compaction-2", False),
    ],
)
def test_internal_helpers_are_told_by_their_ids(model_id: str, internal: bool) -> None:
    assert is_internal(model_id) is internal


def test_internal_helpers_are_not_shown_but_found_by_their_ids() -> None:
    models = [Model("exec-agent-a"), Model("gpt-4.1")]

    assert [model.id for model in shown(models)] == ["gpt-4.1"]
    assert found(Names(models), "exec-agent-a") == "exec-agent-a"
    assert Names(models).has("exec-agent-a")
    assert not Names(models).has("Exec-Agent-A")


# Aliases


@pytest.mark.parametrize(
    "name, expected",
    [
        ("fast", "gpt-5-mini"),
        ("FAST", "gpt-5-mini"),
        ("fast:latest", "gpt-5-mini"),
        ("openai/fast", "gpt-5-mini"),
        ("claude-3-opus-20240229", "claude-sonnet-4.5"),
        ("anthropic/claude-x", "claude-sonnet-4.5"),
        ("claude-opus-4-6", "gpt-5-mini"),  # the longer beginning
        ("claude-opus-4.6", "claude-opus-4.6"),  # the exact id
        ("claude-opus-4.6:latest", "claude-opus-4.6"),  # which /api/tags lists like this
        ("Claude-Opus-4.6", "gpt-5-mini"),  # not the exact id
        ("claude-haiku", "gpt-4.1"),  # an exact name before any beginning
        ("vendor/special", "gpt-4o"),  # as it is sent
        ("special", None),
        ("odd", "gpt-4.1"),  # the target by the same rules
        ("chained", None),  # but not by another alias
    ],
)
def test_aliases_win_over_all_but_an_exact_id(name: str, expected: str | None) -> None:
    aliases = {
        "fast": "gpt-5-mini",
        "claude-*": "claude-sonnet-4.5",
        "claude-opus-*": "gpt-5-mini",
        "Claude-Haiku": "gpt-4.1",
        "vendor/special": "gpt-4o",
        "odd": "OpenAI/GPT-4.1:latest",
        "chained": "fast",
    }

    assert found(Names(RECORDED, aliases), name) == expected


def test_a_star_alone_catches_every_name_that_is_no_id() -> None:
    names = Names(RECORDED, {"*": "gpt-4.1"})

    assert [found(names, name) for name in ("whatever", "", "GPT-4o", "gpt-4o")] == ["gpt-4.1"] * 3 + ["gpt-4o"]


def test_an_alias_for_what_is_not_listed_is_what_copilot_is_asked_for() -> None:
    names = Names(RECORDED, {"new": "Gpt-9:latest"})

    assert names.find("new") is None
    assert names.meant("openai/new") == "Gpt-9:latest"


@pytest.mark.parametrize(
    "name, expected",
    [
        ("gpt-99", "gpt-99"),
        ("openai/Gpt-99:latest", "Gpt-99"),
        ("gpt-99:7b", "gpt-99:7b"),
        ("own/gpt-99", "own/gpt-99"),
        ("openai/", "openai/"),
        ("", ""),
    ],
)
def test_copilot_is_asked_for_an_unknown_name_without_its_trimmings(name: str, expected: str) -> None:
    assert Names(RECORDED).meant(name) == expected
    assert Names().meant(name) == expected


# Copies


@pytest.mark.parametrize("name", ["mine", "MINE", "Mine:latest", "library/mine", "registry.ollama.ai/library/mine"])
def test_a_copy_is_found_as_clients_write_it(name: str) -> None:
    copies = Copies()
    copies.make("library/Mine", "gpt-4.1")
    names = Names(RECORDED, copies=copies)

    assert found(names, name) == "gpt-4.1"
    assert names.uncopied(name) is None
    assert copies.listed_as(name) == "Mine:latest"
    assert copies.forget(name)
    assert found(names, name) is None


@pytest.mark.parametrize(
    "name, meant",
    [("fast", "gpt-4o"), ("FAST:latest", "gpt-4o"), ("xai/new", "gpt-4o"), ("gpt-4.1-2025-04-14", "gpt-4.1")],
)
def test_what_means_a_model_already_is_no_copys(name: str, meant: str) -> None:
    copies = Copies()
    copies.make(name, "claude-sonnet-4.5")
    names = Names(RECORDED, {"fast": "gpt-4o", "new*": "gpt-4o"}, copies)

    assert found(names, name) == meant
    assert names.uncopied(name) == names.find(name)


def test_while_there_is_no_list_an_alias_comes_before_a_copy_as_well() -> None:
    copies = Copies()
    copies.make("fast", "gpt-4o")
    copies.make("mine", "gpt-4o")
    names = Names((), {"fast": "gpt-4.1"}, copies)

    assert [names.meant(name) for name in ("fast", "mine")] == ["gpt-4.1", "gpt-4o"]


def test_a_copy_may_have_a_tag_and_takes_no_models_own_id_away() -> None:
    copies = Copies()
    copies.make("gpt-4.1:7b", "gpt-4o")
    copies.make("gpt-4.1", "gpt-4o")
    names = Names(RECORDED, copies=copies)

    assert [found(names, name) for name in ("gpt-4.1:7b", "gpt-4.1", "gpt-4.1:8b")] == ["gpt-4o", "gpt-4.1", None]


def test_a_copy_of_what_is_no_longer_listed_means_what_it_would_mean_without() -> None:
    copies = Copies()
    copies.make("fast", "gone")

    assert Names(RECORDED, copies=copies).find("fast") is None
    assert found(Names(RECORDED, {"fast": "gpt-4o"}, copies), "fast") == "gpt-4o"
    assert Names(RECORDED, copies=copies).meant("fast") == "gone"


def test_a_copy_that_was_never_made_is_not_forgotten() -> None:
    copies = Copies()

    assert not copies.forget("mine")
    assert copies.model_id("mine") is None
    assert copies.listed_as("mine") is None
    assert copies.all() == []


def test_there_is_an_end_to_copies_but_not_to_giving_one_another_model() -> None:
    copies = Copies()
    for number in range(MOST_COPIES):
        copies.make(f"n{number}", "a")

    with pytest.raises(BadRequest, match="1000 copies"):
        copies.make("one-more", "a")
    copies.make("N0", "b")

    assert copies.model_id("n0") == "b"
    assert len(copies.all()) == MOST_COPIES
    assert copies.all()[0] == ("N0:latest", "b")


@pytest.mark.parametrize(
    "name, expected",
    [("gpt-4.1", "gpt-4.1"), ("GPT-4.1:latest", "gpt-4.1"), ("fast", None), ("gpt-4.1-2025-04-14", None)],
)
def test_an_id_is_told_from_a_models_other_names(name: str, expected: str | None) -> None:
    model = Names(RECORDED, {"fast": "gpt-4o"}).with_id(name)

    assert (model.id if model else None) == expected


# What is said


@pytest.mark.parametrize(
    "name, expected",
    [
        ("gpt-5-minni", "gpt-5-mini"),
        ("openai/GPT-5.3-codecs:latest", "gpt-5.3-codex"),
        ("claude-sonnet-9", "claude-sonnet-4.5"),
        ("text-embedding-3-large", "text-embedding-3-small"),
        ("haiku", "claude-haiku-4.5"),
    ],
)
def test_the_nearest_of_three_is_the_one_that_was_meant(name: str, expected: str) -> None:
    near = Names(RECORDED).nearest(name)

    assert near[0] == expected
    assert len(set(near)) == 3


def test_what_is_switched_off_or_internal_is_offered_last_or_never() -> None:
    names = Names(
        [
            Model("gpt-5.5", policy=Policy("disabled")),
            Model("exec-agent-55"),
            Model("mistral"),
            Model("phi", policy=Policy("enabled")),
        ]
    )

    *first, last = names.nearest("gpt-5.6")
    assert (sorted(first), last) == (["mistral", "phi"], "gpt-5.5")


def test_an_unknown_name_is_told_with_copilots_words_and_the_nearest() -> None:
    error = Names(RECORDED).unknown("gpt-5-minni", said="The requested model is not supported.")

    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
    assert error.message.startswith("The model `gpt-5-minni` does not exist, or this account has no access to it. ")
    assert "Copilot says: The requested model is not supported. Did you mean `gpt-5-mini`, `" in error.message
    assert error.message.endswith("`? GET /v1/models lists them all.")


def test_without_a_list_nothing_is_offered() -> None:
    assert Names().unknown("x").message == "The model `x` does not exist, or this account has no access to it."
    assert Names().suggestion("x") == ""
    assert names_of("one").suggestion("x") == "Did you mean `one`?"
    assert names_of("one", "onf").suggestion("one") == "Did you mean `one` or `onf`?"


def test_a_name_without_end_is_not_repeated() -> None:
    assert len(Names(RECORDED).unknown("x" * 1_000_000).message) < 1000


def test_a_model_that_is_switched_off_is_told_with_both_ways_to_switch_it_on() -> None:
    error = disabled(Model("gpt-5.5", policy=Policy("disabled")))

    assert (error.status, error.code, error.param) == (403, "model_disabled", "model")
    assert "`passenger-trio models enable gpt-5.5`" in error.message
    assert FEATURES_URL in error.message


@pytest.mark.parametrize(
    "status, code, message, expected",
    [
        (400, "model_not_supported", "The requested model is not supported.", True),
        (400, "model_not_found", "", True),
        (404, "not_found", "model not found", True),
        (404, None, "404 page not found", True),
        (400, "model_not_supported", 'model "x" is not accessible via the /chat/completions endpoint', False),
        (400, "unsupported_api_for_model", 'model "x" is not accessible via the /chat/completions endpoint', False),
        (400, "invalid_request_body", "invalid request body", False),
        (403, None, "unauthorized: not authorized to use this Copilot feature", False),
        (429, "rate_limited", "", False),
    ],
)
def test_a_refusal_of_the_model_is_told_from_others(
    status: int, code: str | None, message: str, expected: bool
) -> None:
    assert refuses_model(UpstreamRefused(status, message, code=code)) is expected


@given(st.text(max_size=30))
def test_any_name_has_a_meaning_and_does_no_harm(name: str) -> None:
    names = Names(RECORDED, {"a*": "gpt-4.1"})

    assert len(names.nearest(name)) == 3
    assert (names.meant(name) == "") is (name == "")
    assert names.find(name) is None or names.has(names.find(name).id)  # type: ignore[union-attr]


@given(
    st.sampled_from([model.id for model in RECORDED]), st.lists(st.sampled_from(["openai/", "Library/"]), max_size=3)
)
def test_an_id_is_found_behind_any_number_of_prefixes(model_id: str, prefixes: list[str]) -> None:
    name = f"{''.join(prefixes)}{model_id.upper()}:latest"

    assert found(Names(RECORDED), name) == model_id
    assert plain(name).lower() == model_id
