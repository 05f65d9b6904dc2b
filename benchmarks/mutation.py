# SPDX-License-Identifier: MIT
"""Would our tests notice a wrong sign, a wrong boundary, a statement that is missing?

Draws mutants (`mutants.py`) of the estimators, of the Hamiltonian, of masks and of mdin by a seed,
and runs against each the tests that run its line, the fastest first, until one fails. A mutant that
no test notices is a survivor: either a test is missing, or the change makes no difference, which
is argued in `mutation_survivors.json`. One process, resumable:

    python benchmarks/mutation.py --folder FOLDER --number 500 --minutes 60

What is tested is a copy of this repository in FOLDER, made anew by `--refresh`, which also tries
the survivors again, with the tests that were written since.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from common import RESULTS, ROOT, parser, save
from mutants import Mutant, mutants

TARGETS = (
    "src/merrow/free_energy",
    "src/merrow/system",
    "src/merrow/mdin",
    "src/merrow/amber/mask.py",
)
TESTS = (
    *(f"tests/unit/{room}" for room in ("free_energy", "system", "mdin", "amber", "md", "engine")),
    *("tests/unit/hydration", "tests/unit/sander", "tests/unit/binding", "tests/fuzz"),
    *("tests/physics", "tests/cli/test_energy.py", "tests/cli/test_md_original_inputs.py"),
)
HEAVY = ("numpy", "scipy.stats", "scipy.optimize", "scipy.io", "pandas", "openmm.app", "parmed")
HEAVY += (
    "torch",
    "pymbar",
    "alchemlyb.estimators",
    "pydantic",
    "rdkit.Chem",
    "hypothesis",
    "pytest",
)
"""Imported once, by the process from which those of the mutants are forked."""
LONGEST = 12.0
"""Tests of a mutant take no longer than this together, unmutated [s]."""
MEMORY = 12 * 2**30
"""Address space of a mutant's process [bytes]."""
KILLED, TIMEOUT, SURVIVED, UNTESTED = "killed", "killed by time", "survived", "no test runs it"
AGAIN = "to be tried again"

Lines = dict[str, list[int]]


class Recorder:
    """A plug-in of pytest that notes which lines of the targets each test runs, and how long."""

    def __init__(self, root: Path) -> None:
        self.root, self.tests = f"{root}/", {}
        self._lines: dict[str, set[int]] = {}
        self._mine: dict[Any, str | None] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note time and outcome."""
        entry = self.tests.setdefault(report.nodeid, {"seconds": 0.0, "good": True})
        entry["seconds"] += report.duration
        entry["good"] &= report.passed
        if report.when == "teardown":
            entry["lines"] = {name: sorted(lines) for name, lines in self._lines.items()}
            self._lines = {}

    def watch(self, on: bool) -> None:
        """Begin or end to note lines."""
        tracer = self._called if on else None
        threading.settrace(tracer)  # type: ignore[arg-type]
        sys.settrace(tracer)

    def _called(self, frame: FrameType, _event: str, _arg: object) -> Callable[..., Any] | None:
        code = frame.f_code
        if code not in self._mine:
            name = code.co_filename.removeprefix(self.root)
            self._mine[code] = name if name.startswith(TARGETS) else None
        name = self._mine[code]
        if name is None:
            return None
        lines = self._lines.setdefault(name, set())

        def line(frame: FrameType, _event: str, _arg: object) -> Any:
            lines.add(frame.f_lineno)
            return line

        lines.add(frame.f_lineno)
        return line


def fork(copy: Path, do: Callable[[], int], seconds: float, log: Path) -> int | None:
    """Run something in a process of its own; return its exit code, None if it took too long."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            os.setsid()
            stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(stream, 1), os.dup2(stream, 2)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            os.environ["PYTHONPATH"] = str(copy / "src")
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            sys.dont_write_bytecode = True
            os.environ.pop("CI", None)
            sys.path[:] = [p for p in sys.path if "/src" not in p and p != str(ROOT / "benchmarks")]
            sys.path.insert(0, str(copy / "src"))
            os.chdir(copy)
            code = do()
            sys.stdout.flush()
        finally:
            os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def run_tests(words: Iterable[str], *plugins: object) -> int:
    """Run pytest in this process, without what it keeps between runs."""
    import pytest  # noqa: PLC0415

    quiet = ["-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=line"]
    return int(pytest.main([*quiet, *words], plugins=[*plugins]))


def called_line(source: bytes, line: int) -> int:
    """Return the line of a call to the function whose signature has a line, else the line itself.

    The values in a signature are computed at import, but it is calls that they change.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.lineno <= line < node.body[0].lineno:
            return min(part.lineno for part in (node, *node.decorator_list))
    return line


def _sources(path: Path, pattern: str = "*.py") -> list[Path]:
    return [path] if path.is_file() else sorted(path.rglob(pattern))


class Campaign:
    """The copy, which test runs which line, and what became of each mutant."""

    def __init__(self, folder: Path) -> None:
        self.copy, self.folder = folder / "copy", folder
        for kept in self.copy.rglob("*.whole"):  # a killed campaign left a mutant
            kept.replace(kept.with_suffix(""))
        self.coverage: dict[str, Any] = self._read("coverage.json")
        self.verdicts: dict[str, Any] = self._read("verdicts.json")

    def _read(self, name: str) -> Any:
        path = self.folder / name
        return json.loads(path.read_text()) if path.exists() else {}

    def _keep(self, name: str, content: object) -> None:
        scratch = self.folder / f".{name}.part"
        scratch.write_text(json.dumps(content))
        scratch.replace(self.folder / name)

    def refresh(self) -> None:
        """Copy the repository as it is now; try survivors again."""
        shutil.rmtree(self.copy, ignore_errors=True)
        skip = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", ".hypothesis")
        for name in ("src", "tests", "benchmarks", "examples", "docs", "native", "pyproject.toml"):
            place = ROOT / name
            if place.is_dir():
                shutil.copytree(place, self.copy / name, ignore=skip)
            else:
                shutil.copy2(place, self.copy / name)
        for found in self.verdicts.values():
            if found["verdict"] in (SURVIVED, UNTESTED):
                found["verdict"] = AGAIN

    def map_tests(self, end: float) -> None:
        """Find out which lines each test runs, where it, what is tested or this file changed."""
        files = [p for place in TARGETS for p in _sources(self.copy / place)]
        base = hashlib.sha256(b"".join(p.read_bytes() for p in (Path(__file__), *files)))
        self.coverage = {k: v for k, v in self.coverage.items() if (self.copy / k).exists()}
        for place in TESTS:
            for file in _sources(self.copy / place, "test_*.py"):
                name = str(file.relative_to(self.copy))
                own = base.copy()
                own.update(file.read_bytes())
                sha = own.hexdigest()
                if self.coverage.get(name, {}).get("sha") == sha or time.monotonic() > end:
                    continue
                answer = self.folder / "tests.json"
                answer.unlink(missing_ok=True)

                def record(name: str = name, answer: Path = answer) -> int:
                    recorder = Recorder(self.copy)
                    recorder.watch(True)
                    code = run_tests([name], recorder)
                    recorder.watch(False)
                    answer.write_text(json.dumps(recorder.tests))
                    return code

                code = fork(self.copy, record, 600.0, self.folder / "map.log")
                tests = json.loads(answer.read_text()) if answer.exists() else {}
                good = {k: v for k, v in tests.items() if v["good"] and "lines" in v}
                self.coverage[name] = {"sha": sha, "tests": good}
                print(f"{name}: {len(good)} of {len(tests)} tests, exit code {code}", flush=True)
                self._keep("coverage.json", self.coverage)

    def drawn(self, seed: int, number: int) -> list[Mutant]:
        """Return the mutants by lot: those tried already, then the others in an order of their own.

        A change of the source takes away some mutants and adds others; the order of the rest stays.
        """
        found: list[Mutant] = []
        for place in TARGETS:
            for file in _sources(self.copy / place):
                found += mutants(str(file.relative_to(self.copy)), file.read_bytes())

        def lot(mutant: Mutant) -> tuple[bool, str]:
            key = hashlib.sha256(f"{seed} {mutant.id}".encode()).hexdigest()
            return mutant.id not in self.verdicts, key

        return sorted(found, key=lot)[:number]

    def tests_of(self, mutant: Mutant) -> tuple[list[str], float]:
        """Return the tests that run the line of a mutant, the fastest first, and their time [s]."""
        module = mutant.file.removeprefix("src/").removesuffix(".py").replace("/", ".")
        line = called_line((self.copy / mutant.file).read_bytes(), mutant.line)
        at = []
        for file, part in self.coverage.items():
            # what runs at import is run by no test alone: whoever names the module comes first
            names = not mutant.where and f"from {module} import" in (self.copy / file).read_text()
            for name, entry in part["tests"].items():
                lines = entry["lines"].get(mutant.file, ())
                if line in lines or names or (lines and not mutant.where):
                    at.append((not names, entry["seconds"], name))
        chosen, total = [], 0.0
        for _, seconds, name in sorted(at):
            if total + seconds > LONGEST and chosen:
                break
            chosen.append(name)
            total += seconds
        return chosen, total

    def try_one(self, mutant: Mutant) -> dict[str, Any]:
        """Run its tests against a mutant."""
        tests, seconds = self.tests_of(mutant)
        if not tests:
            return {"verdict": UNTESTED, "tests": 0}
        path = self.copy / mutant.file
        kept = path.with_name(f"{path.name}.whole")
        path.replace(kept)
        path.write_bytes(mutant.applied(kept.read_bytes()))
        began = time.monotonic()
        try:
            code = fork(
                self.copy,
                lambda: run_tests(["-x", *tests]),
                20.0 + 4.0 * seconds,
                self.folder / "mutant.log",
            )
        finally:
            kept.replace(path)
        verdict = TIMEOUT if code is None else SURVIVED if code == 0 else KILLED
        took = round(time.monotonic() - began, 1)
        return {"verdict": verdict, "tests": len(tests), "seconds": took}

    def work(self, drawn: list[Mutant], end: float) -> None:
        """Try mutants until all are tried or the time is up."""
        for mutant in drawn:
            if self.verdicts.get(mutant.id, {"verdict": AGAIN})["verdict"] != AGAIN:
                continue
            if time.monotonic() > end:
                return
            found = self.try_one(mutant)
            self.verdicts[mutant.id] = found
            self._keep("verdicts.json", self.verdicts)
            print(f"{mutant.id} {mutant.file}:{mutant.line} {found}", flush=True)


def report(campaign: Campaign, drawn: list[Mutant], seed: int) -> None:
    """Write what became of the mutants, with the arguments for those that may survive."""
    argued = json.loads((RESULTS / "mutation_survivors.json").read_text())
    rows = []
    for mutant in drawn:
        verdict = campaign.verdicts.get(mutant.id)
        if verdict is None or verdict["verdict"] == AGAIN:
            continue
        row = {"id": mutant.id, "place": f"{mutant.file}:{mutant.line}", "in": mutant.where}
        row |= {"kind": mutant.kind, "mutation": f"{mutant.before} -> {mutant.after}"}
        row["verdict"] = verdict["verdict"]
        if verdict["verdict"] in (SURVIVED, UNTESTED) and mutant.id in argued:
            row |= {"verdict": "argued", "argument": argued[mutant.id]}
        rows.append(row)
    tally = Counter(row["verdict"] for row in rows)
    content = {"seed": seed, "drawn": len(drawn), "tried": len(rows), "tally": dict(tally)}
    save("mutation", {**content, "mutants": rows})


def main() -> None:
    """Go on until the time is up."""
    reader = parser(__doc__, "folder", seed=1, number=500, minutes=60.0)
    reader.add_argument("--refresh", action="store_true", help="copy anew, survivors again")
    options = reader.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    folder = options.folder.resolve()
    end = time.monotonic() + 60.0 * options.minutes
    campaign = Campaign(folder)
    if options.refresh or not campaign.copy.exists():
        campaign.refresh()
    for name in HEAVY:
        __import__(name)
    campaign.map_tests(end)
    drawn = campaign.drawn(options.seed, options.number)
    campaign.work(drawn, end)
    report(campaign, drawn, options.seed)


if __name__ == "__main__":
    main()
