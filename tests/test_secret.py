"""A secret is not printed by accident."""

import copy
import dataclasses
import logging
import pickle

import msgspec
import pytest

from passenger_trio.copilot import protocol, store
from passenger_trio.copilot.saved import Exchanged
from passenger_trio.copilot.tokens import CopilotToken
from passenger_trio.secret import MASK, Secret
from passenger_trio.wire import github

TEXT = "ghu_iOh29oB93c0F6UJ5"


@dataclasses.dataclass
class Holder:
    token: Secret


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(TEXT)),
        str(Secret(TEXT)),
        f"{Secret(TEXT)}",
        f"{Secret(TEXT)!r:>40}",
        "%s %r" % (Secret(TEXT), Secret(TEXT)),  # noqa: UP031
        repr([Secret(TEXT)]),
        repr(Holder(Secret(TEXT))),
        str({"token": Secret(TEXT)}),
        logging.LogRecord("x", 10, "x", 1, "%s", (Secret(TEXT),), None).getMessage(),
        str(ValueError(Secret(TEXT))),
    ],
)
def test_a_secret_shows_a_mask(shown: str) -> None:
    assert MASK in shown
    assert TEXT not in shown


HOLDERS = [
    store.SavedToken(TEXT, 1),
    store._SavedLogin(TEXT),
    github.TokenEnvelope(TEXT, 1),
    github.PollAnswer(TEXT),
    github.DeviceCode(TEXT, "AB-CD", "https://github.com/login/device"),
    Exchanged(github.TokenEnvelope(TEXT, 1), None),
    protocol.poll_answer(b'{"access_token":"%s"}' % TEXT.encode(), 5),
    CopilotToken(Secret(TEXT), 1, ""),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
def test_what_holds_a_secret_shows_none_of_it(holder: object) -> None:
    for shown in (repr(holder), str(holder), f"{holder}", f"{[holder]}", "%r" % (holder,), str(ValueError(holder))):  # noqa: UP031
        assert MASK in shown
        assert TEXT not in shown
    assert TEXT not in str(getattr(holder, "__rich_repr__", list)())


def test_a_secret_reveals_itself_when_asked() -> None:
    assert Secret(TEXT).reveal() == TEXT


def test_an_empty_secret_is_false_and_looks_like_any_other() -> None:
    assert not Secret("")
    assert Secret(TEXT)
    assert repr(Secret("")) == repr(Secret(TEXT))


def test_secrets_are_equal_when_their_texts_are() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("another")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT), Secret("another")}) == 2


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode, vars])
def test_a_secret_does_not_leave_in_another_form(way: object) -> None:
    with pytest.raises(TypeError):
        way(Secret(TEXT))  # type: ignore[operator]
