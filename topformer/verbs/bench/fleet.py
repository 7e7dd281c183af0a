"""Bench several devices side by side: a process for each, so that one failure stops no other.

Each tells this one what happens in events, one JSON object a line.
"""

import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import msgspec

from topformer.benchmarks.documents.bench import BenchDocument, DeviceFailure
from topformer.benchmarks.documents.comparison import Comparison
from topformer.benchmarks.documents.rows import Row
from topformer.children import Conversation, EndlessOutputError, end, private_channels
from topformer.documents import Document, encode_json
from topformer.errors import TopformerError
from topformer.interrupts import ctrl_c_held
from topformer.verbs.bench.output import Display

EVENT_LIMIT_BYTES = 2**28
# The longest that a bench says nothing is a quarter of its longest mode, or an export.
SILENCE_S = 3600.0
# In which an interrupted bench leaves its device as it was.
CLEANING_S = 60.0

OnText = Callable[[str], None]


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


def bench_fleet(
    commands: Mapping[str, Sequence[str]], *, on_progress: OnText, on_warning: OnText
) -> BenchDocument:
    """Bench each device by its command, which writes events, and make one document of all.

    Raises `TopformerError` when no device could be measured.
    """
    results = _run_all(commands, on_progress, on_warning)
    found = [(name, one.document) for name, one in results.items() if isinstance(one, Done)]
    failures = [
        DeviceFailure(device=name, what=one.what, why=one.why, next_step=one.next_step)
        for name, one in results.items()
        if isinstance(one, Failed)
    ]
    if not found:
        raise TopformerError(
            f"None of the {len(failures)} devices could be measured.",
            why="\n".join(
                f"{failure.device}: {failure.what} {failure.why}" for failure in failures
            ),
            next_step=failures[0].next_step,
        )
    return merge(found, failures)


def _run_all(
    commands: Mapping[str, Sequence[str]], on_progress: OnText, on_warning: OnText
) -> dict[str, Done | Failed]:
    """Run a bench for each device, all at once; none outlives this call, however it ends."""
    children: dict[str, Conversation] = {}
    with ThreadPoolExecutor(max_workers=len(commands)) as pool:
        try:
            with ctrl_c_held():
                for name, command in commands.items():
                    children[name] = Conversation(command, line_limit_bytes=EVENT_LIMIT_BYTES)
            following = {
                name: pool.submit(_follow, name, child, on_progress, on_warning)
                for name, child in children.items()
            }
            return {name: one.result() for name, one in following.items()}
        finally:
            _end(*children.values())
            for child in children.values():
                child.close()


def _end(*children: Conversation) -> None:
    processes = [child.process for child in children]
    end(*processes, first_signal=signal.SIGINT, grace_s=CLEANING_S)


def _follow(
    name: str, child: Conversation, on_progress: OnText, on_warning: OnText
) -> Done | Failed:
    """Pass on what the bench of a device tells, and return how it ended."""
    why = ""
    try:
        while True:
            line = child.read_line(timeout_s=SILENCE_S)
            event = msgspec.json.decode(line, type=Event)
            if isinstance(event, Step):
                on_progress(f"{name}: {event.text}")
            elif isinstance(event, Warned):
                on_warning(f"{name}: {event.text}")
            else:
                child.exit_status()
                return event
    except EOFError:
        child.exit_status()
    except TimeoutError:
        why = f"It said nothing for {SILENCE_S:g} s."
    except (EndlessOutputError, ValueError, RecursionError):
        why = "It wrote something else than events."
    _end(child)
    return Failed(
        what="Its bench ended without a result.",
        why=f"{why} {child.stderr_tail()}".strip(),
        next_step="Bench it alone with --serial.",
    )


def tell_events(bench: Callable[[Display], BenchDocument]) -> None:
    """In the process of one device: bench it, and write events to the one that benches several."""
    _, channel = private_channels()

    def tell(event: Event) -> None:
        channel.write(encode_json(event) + b"\n")
        channel.flush()

    def tell_step(text: str) -> None:
        tell(Step(text=text))

    display = Display(
        planning=lambda: nullcontext(tell_step),
        on_progress=tell_step,
        on_warning=lambda text: tell(Warned(text=text)),
    )
    try:
        tell(Done(document=bench(display)))
    except TopformerError as error:
        tell(Failed(what=error.what, why=error.why, next_step=error.next_step))


def merge(
    found: Sequence[tuple[str, BenchDocument]], failures: Sequence[DeviceFailure]
) -> BenchDocument:
    """Put documents of one device each into one; names of rows then start with the device's."""
    return msgspec.structs.replace(
        found[0][1],
        rows=tuple(_rename(name, row) for name, one in found for row in one.rows),
        comparisons=tuple(_relate(name, pair) for name, one in found for pair in one.comparisons),
        # One line over time cannot be that of several devices; each record has its own.
        states=found[0][1].states if len(found) == 1 else (),
        devices=tuple(device for _, one in found for device in one.devices),
        published=tuple(dict.fromkeys(row for _, one in found for row in one.published)),
        failures=tuple(failures),
    )


def _rename(device: str, row: Row) -> Row:
    return msgspec.structs.replace(row, name=f"{device}: {row.name}")


def _relate(device: str, pair: Comparison) -> Comparison:
    return msgspec.structs.replace(
        pair, contender=f"{device}: {pair.contender}", baseline=f"{device}: {pair.baseline}"
    )
