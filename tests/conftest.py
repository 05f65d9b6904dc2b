# SPDX-License-Identifier: MIT
"""Fixtures that every test may use: our own small systems and weights, the large shared set.

In continuous integration a skipped test that `expected_skips.txt` does not name is a failure.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from expected_skips import forbidden_skip

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENMM_CPU_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("TORCHANI_NO_WARN_EXTENSIONS", "1")
os.environ.pop("MODEL_PATH", None)  # it would choose another model for mlp_model=0

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"
SHARED = Path(os.environ.get("MERROW_SHARED") or ROOT.parent / "shared")

# The plug-in `tiny-ani` is installed for this process and for those that it starts.
PLUGINS = str(ROOT / "tests" / "plugins")
sys.path.append(PLUGINS)
os.environ["PYTHONPATH"] = os.pathsep.join(
    [path for path in (os.environ.get("PYTHONPATH"),) if path] + [PLUGINS]
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In continuous integration, let a skip fail that nobody expects."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _judge(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """The same for a file that skips itself."""
    report = yield
    if report.skipped:
        _judge(report, collector.nodeid)
    return report


def _judge(report: pytest.TestReport | pytest.CollectReport, test: str) -> None:
    if os.environ.get("CI") and (told := forbidden_skip(test, report.longrepr, SHARED.is_dir())):
        report.outcome, report.longrepr = "failed", told


@pytest.fixture(scope="session")
def systems() -> Path:
    """Our own small AMBER systems; see `tests/data/README.md`."""
    return DATA / "systems"


@pytest.fixture(scope="session")
def tleap() -> Callable[[Path, str], None]:
    """Return a function (folder, script) that runs tleap there."""
    from merrow.ambertools.programs import find_program, run_program  # noqa: PLC0415
    from merrow.errors import MissingComponentError  # noqa: PLC0415

    try:
        find_program("tleap")
    except MissingComponentError as error:
        pytest.skip(str(error))

    def run(folder: Path, script: str) -> None:
        (folder / "in.leap").write_text(script)
        run_program("tleap", ["-f", "in.leap"], folder=folder, log="leap.log")

    return run


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory):
    """Files of small weights under the names of the published ones."""
    from stand_ins import StandIns  # noqa: PLC0415  (torch, which few tests need)

    return StandIns(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def _folder_of_weights() -> Iterator[None]:
    """Leave MERROW_MODELS as it was, in whatever order others set it and set it back."""
    before = os.environ.get("MERROW_MODELS")
    yield
    if before is None:
        os.environ.pop("MERROW_MODELS", None)
    else:
        os.environ["MERROW_MODELS"] = before


@pytest.fixture
def ani_weights(stand_ins) -> Iterator[Path]:
    """The folder of the stand-ins, which count as the published weights in this process."""
    with stand_ins.active():
        yield stand_ins.folder


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ANI-2x with random weights: a folder such as torchani reads, for its TORCHANI_DATA_DIR."""
    from stand_ins import write_for_torchani  # noqa: PLC0415  (torch, which few tests need)

    folder = tmp_path_factory.mktemp("torchani") / "StateDicts"
    folder.mkdir()
    write_for_torchani(folder / "ani2x_state_dict.pt")
    return folder


@pytest.fixture(scope="session")
def random_ani2x(random_weights: Path):
    """Return a function (molecule, precision) → the potential with these random weights."""
    from merrow.potentials.ani.files import read_ani  # noqa: PLC0415
    from merrow.potentials.ani.models import ANI_MODELS  # noqa: PLC0415
    from merrow.potentials.ani.potential import ani_potential  # noqa: PLC0415

    model = ANI_MODELS["ani2x"]
    parameters = read_ani(random_weights / model.file_name, model)
    return lambda molecule, precision="float64": ani_potential(
        model, parameters, molecule, precision
    )


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of models and data that tests compare with; the package never needs it."""
    if not SHARED.is_dir():
        pytest.skip("no shared data: set MERROW_SHARED to a folder with models/ and data/")
    return SHARED


@pytest.fixture(scope="session")
def freesolv(shared: Path) -> Path:
    """FreeSolv's own gas-phase GAFF files."""
    return shared / "data" / "freesolv"
