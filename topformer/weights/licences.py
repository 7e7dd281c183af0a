"""What weights may be used for that were made from other weights."""

from collections.abc import Iterable

from topformer.documents import SHORT_TEXT_LIMIT
from topformer.manifest import WeightsInfo


def joint_licence(terms: str, origins: Iterable[WeightsInfo]) -> str:
    """Join a data set's terms with the licences of weights that a run begins with or learns from.

    What stands there already is left out, so that the text does not grow when a run goes on with
    what another one left. What is drawn at random needs no licence.
    """
    text = terms
    for weights in origins:
        named = f"{weights.name}: {weights.licence}"
        if weights.is_random or _holds(text, weights.licence) or _holds(text, named):
            continue
        text = weights.licence if _holds(weights.licence, text) else f"{text}; {named}"
    fits = len(text) <= SHORT_TEXT_LIMIT
    return text if fits else f"{text[: SHORT_TEXT_LIMIT - 3]}..."


def _holds(text: str, part: str) -> bool:
    """Whether a licence is a part of a text by itself: "CC BY" is none of "CC BY-NC"."""
    return f"; {part}; " in f"; {text}; "
