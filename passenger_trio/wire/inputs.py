"""What OpenAI's older routes take as their text: strings or token ids, one of them or many.

Source: OpenAI's reference, "Embeddings" (``input``) and "Completions" (``prompt``).
"""

from typing import Annotated, TypeAlias

import msgspec

TokenId: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Inputs: TypeAlias = str | list[str | TokenId | list[TokenId]]
"""A text, texts, one text's token ids, or several such; what no type says is that a list has one kind of things."""
