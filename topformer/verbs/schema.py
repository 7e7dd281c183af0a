"""What `topformer schema` does: print the JSON schema of a document."""

from importlib import import_module

import msgspec

from topformer.console.output import print_lines


def run(*, module: str, name: str) -> None:
    """Print the schema of a type, given its module and name."""
    described = msgspec.json.schema(getattr(import_module(module), name))
    text = msgspec.json.format(msgspec.json.encode(described), indent=2).decode()
    print_lines(text.splitlines())
