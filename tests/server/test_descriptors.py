"""Room for as many sockets as may be needed."""

import logging
import resource
from collections.abc import Iterator

import pytest

from passenger_trio.config import Server
from passenger_trio.server import descriptors


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """This process's own, which are put back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_is_raised_as_far_as_the_system_lets_it(
    limits: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    descriptors.make_room(Server(max_concurrent=8, max_queued=8))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    assert (soft, hard) == (min(descriptors.MOST, limits[1]), limits[1])
    assert caplog.records == []


def test_what_is_not_enough_all_the_same_is_told_with_the_remedy(
    limits: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    descriptors.make_room(Server(max_concurrent=10**6, max_queued=8))

    assert "ulimit -n" in caplog.text
    assert "max_concurrent" in caplog.text


def test_where_nothing_is_limited_nothing_is_said(limits: tuple[int, int], caplog: pytest.LogCaptureFixture) -> None:
    descriptors.make_room(Server(max_concurrent=0))

    assert caplog.records == []
