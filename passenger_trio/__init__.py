"""passenger-trio: GitHub Copilot behind OpenAI's and Ollama's interfaces.

Follow the bytes. A request comes in at :mod:`passenger_trio.server`, where a route hands its body to a front
in :mod:`passenger_trio.translate.fronts`; the front makes a call in the house's one inner dialect, OpenAI chat
completions. A back in :mod:`passenger_trio.translate.backs` writes that call as the model's endpoint wants it and
:mod:`passenger_trio.copilot` sends it. The answer takes the same rooms in reverse, and
``passenger_trio.server.exchange`` is the one loop that moves it.

Beside the server runs one task, :meth:`passenger_trio.copilot.tokens.TokenKeeper.keep_fresh`; both live in the one
nursery of :mod:`passenger_trio.server.run`. ``docs/design.md`` gives the reasons.
"""

__version__ = "0.1.0"
