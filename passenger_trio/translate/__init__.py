"""From one dialect to another, and nothing else: pure functions and small state machines over bytes.

The hub is OpenAI's chat completions. A *front* turns a client's dialect into a call and the hub's answer into the
client's dialect; a *back* writes the call for one of Copilot's endpoints and undoes that endpoint's quirks, so that
fronts only ever see clean hub chunks. Clocks and ids are arguments.
"""
