"""Things of one kind, a module each: their folder is the list of them."""

import pkgutil
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from topformer.errors import TopformerError, UsageError


class Named(Protocol):
    """A dataclass with a name."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """The name, which is that of its module."""
        ...


NamedT = TypeVar("NamedT", bound=Named)


@dataclass(frozen=True, kw_only=True)
class Registry(Generic[NamedT]):
    """The modules of a package, each of which sets one constant: `TARGET` to a `Target`, say.

    Adding a module to the package is all it takes to add one of them.
    """

    package: str
    kind: type[NamedT]
    # What a person calls them.
    title: str

    def names(self) -> list[str]:
        """All names, sorted; imports none of the modules."""
        path = import_module(self.package).__path__
        return sorted(module.name for module in pkgutil.iter_modules(path))

    def check(self, name: str) -> None:
        """Raise `UsageError` for a name that there is not; imports none of the modules."""
        if name not in self.names():
            raise UsageError(
                f"There is no {self.title} called {name!r}.",
                next_step=f"Choose among {', '.join(self.names())}.",
            )

    def get(self, name: str) -> NamedT:
        """Import one by name; raises `UsageError` for an unknown one."""
        self.check(name)
        return self._load(name)

    def _load(self, name: str) -> NamedT:
        constant = self.kind.__name__.upper()
        found = getattr(import_module(f"{self.package}.{name}"), constant, None)
        if not isinstance(found, self.kind) or found.name != name:
            needed = ", ".join(field.name for field in fields(self.kind))
            raise TopformerError(
                f"The {self.title} {name!r} is incomplete.",
                why=f"Its module must set {constant} to a {self.kind.__name__} of that name. "
                f"One has these fields: {needed}.",
            )
        return found

    def all(self) -> list[NamedT]:
        """Import all of them, sorted by name."""
        return [self._load(name) for name in self.names()]
