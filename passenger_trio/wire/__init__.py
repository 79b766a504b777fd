"""What the bytes look like: framing and msgspec views. No decisions, no input or output.

A view names what we read and nothing else; it never forbids unknown fields and never closes a set that strangers may
extend. What is to be kept whole travels in an envelope (:mod:`passenger_trio.wire.envelope`).
"""
