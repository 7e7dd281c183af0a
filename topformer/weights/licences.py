"""What weights may be used for that were made from other weights."""

from collections.abc import Iterable

from topformer.documents import SHORT_TEXT_LIMIT
from topformer.manifest import WeightsInfo


def joint_licence(terms: str, origins: Iterable[WeightsInfo]) -> str:
    """Join a data set's terms with the licences of weights that a run begins with or learns from.

    None stands there twice, so that the text does not grow when a run goes on with what another
    one left. What is drawn at random needs no licence.
    """
    text = terms
    for weights in origins:
        if weights.is_random or weights.licence in text:
            continue
        if text in weights.licence:
            text = weights.licence
        else:
            text = f"{text}; {weights.name}: {weights.licence}"
    fits = len(text) <= SHORT_TEXT_LIMIT
    return text if fits else f"{text[: SHORT_TEXT_LIMIT - 3]}..."
