import pytest

from passenger_trio.simulator import Fault, SeenRequest, Simulator


class Clock:
    def __init__(self):
        self.now = 1_000_000.5

    def __call__(self):
        return self.now


def test_a_github_token_is_known_until_it_is_revoked():
    simulator = Simulator()
    token = simulator.log_in()

    assert token.startswith("ghu_")
    assert simulator.knows(token)
    simulator.revoke(token)
    assert not simulator.knows(token)


def test_two_logins_make_two_tokens():
    simulator = Simulator()

    assert simulator.log_in() != simulator.log_in()


def test_a_copilot_token_dies_at_the_end_of_its_life():
    clock = Clock()
    simulator = Simulator(token_life=30, clock=clock)
    envelope = simulator.exchange("http://here")

    clock.now += 29.9
    assert simulator.token_state(envelope["token"]) == "good"
    clock.now += 0.1
    assert simulator.token_state(envelope["token"]) == "dead"


def test_killed_tokens_are_dead_and_new_ones_are_not():
    simulator = Simulator()
    old = simulator.exchange("http://here")["token"]
    simulator.kill_tokens()

    assert simulator.token_state(old) == "dead"
    assert simulator.token_state(simulator.exchange("http://here")["token"]) == "good"
    assert simulator.token_state("made up") == "unknown"


def test_the_life_of_tokens_can_change():
    simulator = Simulator(clock=Clock())
    simulator.token_life = 60

    envelope = simulator.exchange("http://here")

    assert (envelope["expires_at"], envelope["refresh_in"]) == (1_000_060, 50)


def test_refresh_in_is_taken_as_given():
    assert Simulator(refresh_in=7).exchange("http://here")["refresh_in"] == 7


def test_the_token_names_its_own_end_and_host():
    envelope = Simulator(clock=Clock()).exchange("http://127.0.0.1:81")

    assert f";exp={envelope['expires_at']};" in envelope["token"]
    assert ";proxy-ep=127.0.0.1:81;" in envelope["token"]


def test_a_skewed_clock_moves_the_end_of_tokens_and_not_their_life():
    clock = Clock()
    simulator = Simulator(token_life=30, clock=clock, clock_skew=-7200)
    envelope = simulator.exchange("http://here")

    assert envelope["expires_at"] == 1_000_030 - 7200
    assert simulator.token_state(envelope["token"]) == "good"
    clock.now += 30
    assert simulator.token_state(envelope["token"]) == "dead"


def test_faults_are_used_up_in_order_and_by_their_path():
    simulator = Simulator()
    twice = Fault(path="/models", status=500, times=2)
    other = Fault(path="/user", status=502)
    last = Fault(path="/models", status=503)
    simulator.faults += [twice, other, last]

    taken = [simulator.take_fault("/models") for _ in range(4)]

    assert [fault and fault.status for fault in taken] == [500, 500, 503, None]
    assert simulator.faults == [other]


def test_a_conversation_is_refused_once():
    simulator = Simulator()

    assert [simulator.refuses_first(key) for key in (b"a", b"a", b"b", b"a")] == [True, False, True, False]


def test_refused_conversations_are_not_kept_forever():
    simulator = Simulator()
    for number in range(1500):
        simulator.refuses_first(b"%d" % number)

    assert simulator.refuses_first(b"0")
    assert not simulator.refuses_first(b"1499")


def seen(path, size=0):
    return SeenRequest(method="GET", path=path, headers={}, body=b"x" * size)


def test_the_last_two_hundred_requests_are_remembered():
    simulator = Simulator()
    for number in range(250):
        simulator.note(seen(f"/{number}"))

    assert [request.path for request in simulator.requests] == [f"/{number}" for number in range(50, 250)]


def test_large_bodies_are_forgotten_sooner():
    simulator = Simulator()
    for number in range(4):
        simulator.note(seen(f"/{number}", 30 * 1024 * 1024))

    assert [request.path for request in simulator.requests] == ["/2", "/3"]


@pytest.mark.parametrize("wrong", [{"plan": "gratis"}, {"polls": ("maybe",)}, {"polls": ()}])
def test_a_world_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r"unknown|at least"):
        Simulator(**wrong)
