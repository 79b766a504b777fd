"""The order of words on the command line."""

from collections.abc import Sequence
from typing import Final

from cyclopts import App

_OLD_VERBS: Final = {"--login": "login", "--refresh-token": "refresh-token"}
"""Verbs as passenger-rs has them."""


def verb_first(words: Sequence[str], cli: App) -> list[str]:
    """``words`` with the verb at their head, so that options may stand before it as well as after.

    passenger-rs's ``--login`` and ``--refresh-token`` are verbs here. The value of an option is no verb.
    """
    with_value = {
        name
        for option in cli.assemble_argument_collection()
        if option.hint not in {bool, bool | None}
        for name in option.names
    }
    value_next = False
    for place, word in enumerate(words):
        verb = _OLD_VERBS.get(word, word)
        if value_next:
            value_next = False
        elif not verb.startswith("-") and verb in cli:
            return [verb, *verb_first([*words[:place], *words[place + 1 :]], cli[verb])]  # which may have verbs too
        elif word == "--" or not word.startswith("-"):
            break
        else:
            value_next = word in with_value
    return list(words)
