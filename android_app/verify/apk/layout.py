"""Where everything lies, and what the app's Gradle file says of it."""

import re
from dataclasses import dataclass
from pathlib import Path

from topformer.errors import TopformerError

ANDROID_APP = Path(__file__).parents[2]
VERIFY = ANDROID_APP / "verify"
APP = ANDROID_APP / "app"
ASSETS = APP / "src/main/assets"
MANIFEST = APP / "src/main/AndroidManifest.xml"
RESOURCES = APP / "src/main/res"
MODULES = ("core", "segmenter", "app")

TARGET = VERIFY / "target"
FETCHED = TARGET / "fetched"
RUNTIME = TARGET / "runtime"
LINKED = TARGET / "resources"
ANDROIDX = TARGET / "androidx"
STUBS = TARGET / "stubs"
APK = TARGET / "topformer-demo.apk"


@dataclass(frozen=True, kw_only=True)
class AppFacts:
    """What `app/build.gradle.kts` says. Read from there, so that it is said once."""

    namespace: str
    application_id: str
    min_sdk: int
    compile_sdk: int
    target_sdk: int
    version_code: int
    version_name: str
    abis: tuple[str, ...]


def read_app_facts() -> AppFacts:
    """Read the app's Gradle file. Raises `TopformerError` where it is not as plain as expected."""
    text = (APP / "build.gradle.kts").read_text()

    def value(name: str, pattern: str) -> str:
        found: list[str] = re.findall(rf"^\s*{re.escape(name)} {pattern}$", text, re.MULTILINE)
        if len(found) != 1:
            raise TopformerError(
                f"app/build.gradle.kts says {name} {len(found)} times.",
                why="The build without Gradle reads it there, from one plain line.",
            )
        return found[0]

    return AppFacts(
        namespace=value("namespace", r'= "([\w.]+)"'),
        application_id=value("applicationId", r'= "([\w.]+)"'),
        min_sdk=int(value("minSdk", r"= (\d+)")),
        compile_sdk=int(value("compileSdk", r"= (\d+)")),
        target_sdk=int(value("targetSdk", r"= (\d+)")),
        version_code=int(value("versionCode", r"= (\d+)")),
        version_name=value("versionName", r'= "([\w.]+)"'),
        abis=tuple(re.findall(r'"([\w-]+)"', value("abiFilters", r"\+= listOf\((.*)\)"))),
    )
