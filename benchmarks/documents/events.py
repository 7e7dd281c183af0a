"""What the bench of one device tells the process that benches several: one JSON object a line."""

from topformer.benchmarks.documents.bench import BenchDocument
from topformer.documents import Document


class Step(Document, frozen=True, kw_only=True, tag="step"):
    """Something has begun."""

    text: str


class Warned(Document, frozen=True, kw_only=True, tag="warning"):
    """Something that a person should know, and that stops nothing."""

    text: str


class Done(Document, frozen=True, kw_only=True, tag="done"):
    """The bench has ended well; nothing follows."""

    document: BenchDocument


class Failed(Document, frozen=True, kw_only=True, tag="failed"):
    """The bench has failed; nothing follows."""

    what: str
    why: str
    next_step: str


Event = Step | Warned | Done | Failed
