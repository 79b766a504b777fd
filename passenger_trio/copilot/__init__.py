"""The other side: GitHub and Copilot. What is known of them is in :mod:`~passenger_trio.copilot.protocol`, which does
no input or output; the rest moves bytes and keeps tokens, and is the only part of the house that knows httpx.
"""
