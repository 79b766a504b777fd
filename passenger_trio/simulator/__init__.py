"""A stand-in for GitHub and Copilot on one origin: to try the proxy without an account, to test and to measure it.

What it imitates is Copilot's wire, with its deviations from OpenAI's; what it does not have is a model. Its answers are
about their prompt, and a prompt can steer them (:mod:`~passenger_trio.simulator.directives`). ``docs/simulator.md`` is
its manual.

Read :mod:`~passenger_trio.simulator.app` for what holds for every request; ``github_routes``, ``copilot_routes`` and
``generation_routes`` for the routes; ``answers`` for what is said and ``forms`` for how it looks; ``chat_rules``,
``responses_request`` and ``messages_rules`` for what is refused; ``chaos`` for what goes wrong on the way; and for all
that changes ``world``.
"""

from passenger_trio.simulator.app import build_app
from passenger_trio.simulator.records import Fault, SeenRequest
from passenger_trio.simulator.serving import serve
from passenger_trio.simulator.world import Simulator

__all__ = ["Fault", "SeenRequest", "Simulator", "build_app", "serve"]
