"""Reads our Dockerfile strictly: an instruction, flag or form that the check could not carry out is an error."""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_FLAG = re.compile(r"--([a-z-]+)=(\S+)\s+")
_EXEC_FORM = ("ENTRYPOINT", "CMD", "VOLUME")
_FLAGS = {"COPY": {"from"}, "HEALTHCHECK": {"interval", "timeout", "start-period", "retries"}}


Words = tuple[str, ...]


class DockerfileError(ValueError):
    """A line that this reader does not understand, or will not."""


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction.

    Attributes:
        line: Number of its first line.
        flags: ``--name=value`` in front of the arguments.
        words: The arguments; for ``RUN`` one text, for ``ENV`` and ``LABEL`` one ``name=value`` each.
    """

    line: int
    name: str
    words: tuple[str, ...]
    flags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands between one ``FROM`` and the next."""

    base: str
    name: str
    steps: tuple[Step, ...]

    def all(self, name: str) -> list[Step]:
        """Its steps of one instruction, in order."""
        return [step for step in self.steps if step.name == name]

    def last(self, name: str) -> Step:
        """The one that counts of an instruction which later ones override.

        Raises:
            DockerfileError: there is none.
        """
        found = self.all(name)
        if not found:
            raise DockerfileError(f"stage {self.name!r} has no {name}")
        return found[-1]

    def environment(self) -> dict[str, str]:
        """What its ``ENV`` instructions set in the end."""
        return dict(pair.split("=", 1) for step in self.all("ENV") for pair in step.words)


def read_dockerfile(path: Path) -> tuple[Stage, ...]:
    """The stages of the file.

    Raises:
        DockerfileError: names the line and what was expected.
    """
    stages: list[Stage] = []
    for step in _steps(path.read_text(encoding="utf-8")):
        if step.name == "FROM":
            stages.append(Stage(step.words[0], step.words[2], ()))
        elif not stages:
            raise DockerfileError(f"line {step.line}: {step.name} before the first FROM")
        else:
            stages[-1] = Stage(stages[-1].base, stages[-1].name, (*stages[-1].steps, step))
    if not stages:
        raise DockerfileError("no FROM: expected at least one stage")
    return tuple(stages)


def expand(text: str, environment: dict[str, str]) -> str:
    """``text`` with ``$name`` and ``${name}`` replaced; a name that is not set becomes nothing."""
    return _VARIABLE.sub(lambda match: environment.get(match[1] or match[2], ""), text)


def ignored(path: str, rules: Sequence[str]) -> bool:
    """Whether ``.dockerignore`` keeps ``path`` (relative) out of the build; the last rule that fits counts."""
    out = False
    for rule in rules:
        keep, pattern = rule.startswith("!"), rule.removeprefix("!").strip("/")
        # A rule that names a folder speaks for all in it.
        parts = path.split("/")
        if any(_fits("/".join(parts[: n + 1]), pattern) for n in range(len(parts))):
            out = not keep
    return out


def ignore_rules(text: str) -> list[str]:
    """The rules of a ``.dockerignore``."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _fits(path: str, pattern: str) -> bool:
    expression = re.escape(pattern)
    for glob, regex in ((r"\*\*/", "(?:.*/)?"), (r"\*\*", ".*"), (r"\*", "[^/]*"), (r"\?", "[^/]")):
        expression = expression.replace(glob, regex)
    return re.fullmatch(expression, path) is not None


def _steps(text: str) -> Iterator[Step]:
    gathered, first = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        first = first or number
        if line.endswith("\\"):
            gathered += line[:-1].rstrip() + " "
            continue
        yield _step(first, gathered + line)
        gathered, first = "", 0
    if gathered:
        raise DockerfileError(f"line {first}: goes on behind the end of the file")


def _step(number: int, text: str) -> Step:
    name, _, rest = text.partition(" ")
    rest = rest.strip()
    flags: dict[str, str] = {}
    while match := _FLAG.match(rest):
        if match[1] not in _FLAGS.get(name, ()):
            raise DockerfileError(f"line {number}: {name} --{match[1]} is not known here")
        flags[match[1]] = match[2]
        rest = rest[match.end() :]
    return Step(number, name, _words(number, name, rest), flags)


def _words(number: int, name: str, rest: str) -> tuple[str, ...]:
    if name == "RUN":
        if rest.startswith("["):
            raise DockerfileError(f"line {number}: RUN in exec form is not known here")
        return (rest,)
    if name in _EXEC_FORM:
        return _exec(number, name, rest)
    if name == "HEALTHCHECK":
        if not rest.startswith("CMD "):
            raise DockerfileError(f"line {number}: HEALTHCHECK {rest!r}, expected CMD [...]")
        return _exec(number, name, rest.removeprefix("CMD ").strip())
    words = tuple(shlex.split(rest))
    if name not in _EXPECTED:
        raise DockerfileError(f"line {number}: instruction {name} is not known here")
    expected, fits = _EXPECTED[name]
    if not fits(words):
        raise DockerfileError(f"line {number}: {name} {rest!r}, expected {expected}")
    return words


def _one_argument(words: Words) -> bool:
    return len(words) == 1 and _NAME.fullmatch(words[0].partition("=")[0]) is not None


def _pairs(words: Words) -> bool:
    return all("=" in word for word in words)


def _one(words: Words) -> bool:
    return len(words) == 1


_EXPECTED: dict[str, tuple[str, Callable[[Words], bool]]] = {
    "ARG": ("one name or name=value", _one_argument),
    "COPY": ("sources and a target", lambda words: len(words) > 1),
    "ENV": ("name=value", _pairs),
    "EXPOSE": ("one word", _one),
    "FROM": ("base AS name", lambda words: len(words) == 3 and words[1] == "AS"),
    "LABEL": ("name=value", _pairs),
    "STOPSIGNAL": ("one word", _one),
    "USER": ("one word", _one),
    "WORKDIR": ("one word", _one),
}


def _exec(number: int, name: str, rest: str) -> tuple[str, ...]:
    try:
        words = json.loads(rest)
    except ValueError as error:
        raise DockerfileError(f"line {number}: {name} {rest!r}, expected a JSON list of texts") from error
    if not (isinstance(words, list) and words and all(isinstance(word, str) for word in words)):
        raise DockerfileError(f"line {number}: {name} {rest!r}, expected a JSON list of texts")
    return tuple(words)
