"""What a Dockerfile of ours must and must not do; each finding is a sentence."""

import re
from collections.abc import Sequence

from tests.architecture.container.dockerfile import Stage

_PINNED = re.compile(r"[a-z0-9./-]+:(?P<tag>[A-Za-z0-9_.-]*\d[A-Za-z0-9_.-]*)(@sha256:[0-9a-f]{64})?")
_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z]+://(?!127\.0\.0\.1\b|localhost\b)")


def findings(stages: Sequence[Stage]) -> list[str]:
    """All that is wrong, in the file's order."""
    found = [sentence for stage in stages for sentence in (*_base(stage), *_steps(stage))]
    return [*found, *_final(stages[-1])]


def _base(stage: Stage) -> list[str]:
    match = _PINNED.fullmatch(stage.base)
    if match is None or match["tag"] == "latest":
        return [f"stage {stage.name!r}: base {stage.base!r} has no version in its tag"]
    return []


def _steps(stage: Stage) -> list[str]:
    found = []
    for step in stage.steps:
        text = " ".join(step.words)
        where = f"line {step.line}"
        if step.name in {"ENV", "ARG"} and _SECRET.search(text):
            found.append(f"{where}: {step.name} {text} looks like a secret; it would stay in the image")
        if step.name == "COPY" and "from" not in step.flags and "." in step.words[:-1]:
            found.append(f"{where}: COPY . takes whatever lies there; name what is needed")
        if step.name not in {"LABEL", "HEALTHCHECK"} and _ADDRESS.search(text):
            found.append(f"{where}: {step.name} names an address")
        if step.name == "RUN":
            found += [f"{where}: {sentence}" for sentence in _run(text)]
    return found


def _run(text: str) -> list[str]:
    found = []
    if "apt-get install" in text:
        if "--no-install-recommends" not in text:
            found.append("apt-get install without --no-install-recommends")
        if "apt-get update" not in text:
            found.append("apt-get install without apt-get update in the same step: a cached list would be used")
        if "rm -rf /var/lib/apt/lists/*" not in text:
            found.append("the package lists stay in the layer")
    for part in text.split("&&"):
        if "pip install" in part and "--no-cache-dir" not in part:
            found.append("pip install without --no-cache-dir")
        if "pip install" in part and "--require-hashes" not in part and "--no-index" not in part:
            found.append("pip install of something that no hash pins")
    if re.search(r"\b(sudo|curl|wget)\b", text):
        found.append("sudo, curl or wget")
    return found


def _final(stage: Stage) -> list[str]:
    wanted = ("USER", "HEALTHCHECK", "ENTRYPOINT", "CMD", "STOPSIGNAL", "VOLUME", "LABEL")
    found = [f"stage {stage.name!r} has no {name}" for name in wanted if not stage.all(name)]
    users = stage.all("USER")
    if users and not re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[-1].words[0]):
        found.append(
            f"line {users[-1].line}: USER {users[-1].words[0]}, expected numbers from 1000 on for user and group"
        )
    late = {"RUN", "COPY"} & {step.name for step in stage.steps if users and step.line > users[-1].line}
    if late:
        found.append(f"{' and '.join(sorted(late))} behind USER: what they make would belong to the running user")
    environment = stage.environment()
    return found + [
        f"stage {stage.name!r}: {name} is {environment.get(name)!r}, expected '1'"
        for name in ("PYTHONSAFEPATH", "PYTHONUNBUFFERED")
        if environment.get(name) != "1"
    ]
