"""Every part of Android that the app's classes name is there on the oldest phone, and public.

A compiler sees the newest framework, hidden parts included, and would take what ends the app on an
older phone. So each reference is looked up where it leads at run time: it must be in the framework
of minSdk, and it must be public API. Public is what Android 6's own list says, the newest that can
be had as a file; what came later stands in newer_api.txt, a list kept by hand.

What androidx calls is its own affair: it asks for the phone's version first, and its manifests say
from which Android it runs (`manifests`). Its classes are only passed through, on the way from a
class of ours to the framework's that it extends.
"""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from apk.androidx import JAR
from apk.classfile import ACC_PROTECTED, ACC_PUBLIC, ClassFile, parse_class
from apk.layout import FETCHED, MODULES, VERIFY, AppFacts
from apk.tools import run
from topformer.errors import TopformerError

NEWER_API = Path(__file__).with_name("newer_api.txt")
PUBLIC_LEVEL = 23
FRAMEWORK = ("android/", "java/", "javax/", "org/json/")
# D8 writes other code where these are called.
DESUGARED = "java/lang/invoke/"
# Of Java's own classes the framework's archive has none; they are looked up in the lists alone.
_IN_ARCHIVE = ("android/", "org/json/")


@dataclass(frozen=True, kw_only=True)
class Framework:
    """What an app may use: the archive of the oldest phone, and the lists of public API."""

    archive: zipfile.ZipFile
    # Members by class, and parents by class, of Android 6.
    public: dict[str, frozenset[str]]
    parents: dict[str, tuple[str, ...]]
    # `CLASS` or `CLASS.MEMBER` to the API level that brought it.
    newer: dict[str, int]
    # Classes that may stand between the app's and the framework's.
    library: zipfile.ZipFile
    _parsed: dict[str, ClassFile | None] = field(default_factory=dict[str, ClassFile | None])

    def find(self, name: str) -> ClassFile | None:
        """A class as the oldest phone or the library has it; None where neither does."""
        if name not in self._parsed:
            archive = self.archive if name.startswith(FRAMEWORK) else self.library
            try:
                self._parsed[name] = parse_class(archive.read(f"{name}.class"))
            except KeyError:
                self._parsed[name] = None
        return self._parsed[name]

    def level(self, name: str, member: str) -> int | None:
        """Since when a class, or a member it declares, is public; None where it is not."""
        if name in self.public and (not member or member in self.public[name]):
            return PUBLIC_LEVEL
        return self.newer.get(_entry(name, member))


def check_api(facts: AppFacts) -> list[str]:
    """Check the app's compiled classes. Raises `TopformerError` naming what is not to be had."""
    folders = [VERIFY / module / "target/classes" for module in MODULES]
    own = [parse_class(path.read_bytes()) for folder in folders for path in folder.rglob("*.class")]
    if not own:
        raise TopformerError("Nothing was compiled that could be checked.")
    public, parents = read_public_api()
    with (
        zipfile.ZipFile(FETCHED / "android-all-oldest.jar") as archive,
        zipfile.ZipFile(JAR) as library,
    ):
        framework = Framework(
            archive=archive, public=public, parents=parents, newer=read_newer(), library=library
        )
        problems = find_problems(own, framework, facts.min_sdk)
    if problems:
        raise TopformerError(
            f"The app uses what Android of API {facts.min_sdk} does not offer.",
            why="\n".join(problems),
            next_step=f"Use something else, or add what is public to {NEWER_API.name}.",
        )
    named = {reference[1:] for reference in _references(own) if reference[1].startswith(FRAMEWORK)}
    return [f"framework: {len(named)} parts used, all public API of {facts.min_sdk}"]


def read_public_api() -> tuple[dict[str, frozenset[str]], dict[str, tuple[str, ...]]]:
    """Members and parents by class, as of Android 6. Raises `TopformerError`."""
    listed = FETCHED / "android-23.txt"
    program = Path(__file__).with_name("PublicApi.java")
    java = ["java", "-cp", FETCHED / "animal-sniffer.jar", program]
    run(*java, FETCHED / "android-23.signature", listed)
    public: dict[str, frozenset[str]] = {}
    parents: dict[str, tuple[str, ...]] = {}
    for line in listed.read_text().splitlines():
        name, above, members = line.split("\t")
        public[name], parents[name] = frozenset(members.split(" ")), tuple(above.split())
    return public, parents


def read_newer() -> dict[str, int]:
    """What newer_api.txt lists: API levels by class and by member."""
    lines = [line.split() for line in NEWER_API.read_text().splitlines()]
    return {words[1]: int(words[0]) for words in lines if words and words[0] != "#"}


def find_problems(own: Iterable[ClassFile], framework: Framework, min_sdk: int) -> list[str]:
    """Say what of the framework is named and not to be had, and what is listed in vain."""
    classes = {cls.name: cls for cls in own}
    used: set[str] = set()
    problems: set[str] = set()
    for user, owner, member in _references(classes.values()):
        line = list(_ancestors(owner, classes, framework)) if member else [owner]
        used |= {_entry(name, member) for name in line}
        if _is_elsewhere(line, member, classes, framework):
            continue
        inherited = set(_ancestors(user.name, classes, framework))
        if problem := _problem(line, member, framework, min_sdk, inherited):
            problems.add(f"{_entry(owner, member)}, of {user.name}: {problem}")
    problems |= {f"{entry}: listed, but not used" for entry in framework.newer.keys() - used}
    return sorted(problems)


def _entry(name: str, member: str) -> str:
    return f"{name}.{member}" if member else name


def _references(own: Iterable[ClassFile]) -> Iterator[tuple[ClassFile, str, str]]:
    """Who names which class, and which member of it; no member for the class itself."""
    for cls in own:
        for name in cls.classes:
            if name.startswith(FRAMEWORK) and not name.startswith(DESUGARED):
                yield cls, name, ""
        for owner, member in cls.references:
            if not owner.startswith("[") and not owner.startswith(DESUGARED):
                yield cls, owner, member


def _ancestors(name: str, own: dict[str, ClassFile], framework: Framework) -> Iterator[str]:
    """A class and all above it, in the order in which members are looked for."""
    cls = own.get(name) or framework.find(name)
    yield name
    for parent in cls.parents if cls else framework.parents.get(name, ()):
        yield from _ancestors(parent, own, framework)


def _is_elsewhere(
    line: list[str], member: str, own: dict[str, ClassFile], framework: Framework
) -> bool:
    """Whether it is the app's own or a library's, or may be that of one that is not known."""
    outside = [name for name in line if not name.startswith(FRAMEWORK)]
    found = [own.get(name) or framework.find(name) for name in outside]
    return any(cls is None or member in cls.members for cls in found)


def _problem(
    line: list[str], member: str, framework: Framework, min_sdk: int, inherited: set[str]
) -> str:
    levels = [(name, framework.level(name, member)) for name in line]
    listed, level = next(((name, found) for name, found in levels if found), ("", None))
    classes = [cls for name in line if name.startswith(FRAMEWORK) and (cls := framework.find(name))]
    if member:
        classes = [cls for cls in classes if member in cls.members]
    if not classes and (not listed or listed.startswith(_IN_ARCHIVE)):
        return f"it is not in the framework of API {min_sdk}"
    if classes:
        flags = classes[0].members[member] if member else classes[0].flags
        reachable = ACC_PUBLIC | (ACC_PROTECTED if classes[0].name in inherited else 0)
        if not flags & reachable:
            return "it is not public"
    if level is None:
        return "it is hidden, or newer than Android 6 and not listed"
    return "" if level <= min_sdk else f"it came with API {level}"
