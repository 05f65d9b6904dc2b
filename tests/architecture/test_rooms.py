# SPDX-License-Identifier: MIT
"""Does each room touch only what its card in docs/map.md allows?"""

from __future__ import annotations

import ast
import math
import subprocess
import sys
from pathlib import Path

import pytest
from source import ROOT, SOURCE, Module, called, imported, modules, nodes

from merrow.potentials.families import FAMILIES

PRODUCT = modules("src")
ROOMS = sorted(
    path.parent.relative_to(SOURCE).as_posix()
    for path in SOURCE.rglob("__init__.py")
    if path.parent != SOURCE
)

SIMULATION = ("openmm", "torch", "torchani")
SETTINGS = (*SIMULATION, "rdkit", "parmed", "matplotlib", "subprocess")
# Folder or file below the package → what it may not import; the longest name that fits counts.
FORBIDDEN = {
    "settings": SETTINGS,
    "mdin": SETTINGS,
    "hydration/config": SETTINGS,
    "hydration/protocol": SETTINGS,
    "campaign/config": SETTINGS,
    "md/settings": SETTINGS,
    "md/simulate_config": SETTINGS,
    "amber": ("openmm", "torch", "torchani", "rdkit", "matplotlib", "subprocess"),
    "ambertools": ("torch", "torchani", "matplotlib"),
    "binding/prepare": ("torch", "torchani", "matplotlib"),
    "potentials": ("openmm", "rdkit", "matplotlib"),
    "nonbonded": SETTINGS,
    "system": ("rdkit", "matplotlib", "subprocess", "random"),
    "engine": ("rdkit", "matplotlib", "subprocess", "pymbar", "alchemlyb"),
    "sander/server": (*SIMULATION, "rdkit", "matplotlib", "subprocess"),
    "samples": (*SIMULATION, "rdkit", "matplotlib"),
    "free_energy": (*SIMULATION, "rdkit", "matplotlib", "pathlib", "subprocess"),
    "analysis": (*SIMULATION, "rdkit", "matplotlib", "subprocess"),
    "report": (*SIMULATION, "pymbar", "alchemlyb"),
    "hydration/report": (*SIMULATION, "pymbar", "alchemlyb"),
    "campaign/report": (*SIMULATION, "pymbar", "alchemlyb"),
    "binding/report": (*SIMULATION, "pymbar", "alchemlyb"),
}
# One file may touch what its room may not, and says why in its docstring (decision 8).
EXCEPTIONS = {"src/merrow/potentials/openmmml.py": "openmm"}
# Who owns a process: besides the command line the settings of one, and the program of a worker.
OWNERS = ("src/merrow/process.py", "src/merrow/campaign/worker.py")
OWNED = ("use_one_thread", "quiet_libraries", "begin_worker")
# What other libraries read or change while they load or compute, set back at once.
PUT_BACK = (
    "src/merrow/mbar_libraries.py",
    "src/merrow/potentials/device.py",
    "src/merrow/potentials/guest.py",
    "src/merrow/potentials/openmmml.py",
    "src/merrow/potentials/mace/network.py",
    "src/merrow/potentials/aimnet2/network.py",
)
NETWORK = ("urllib.request", "http.client", "socket", "requests", "httpx", "huggingface_hub")
# These two speak through a Unix socket, which is a file.
LOCAL_SOCKETS = ("src/merrow/sander/server.py", "src/merrow/sander/client.py")

# Enough digits to know each conversion factor by; a power of ten more or less is the same one.
ENERGY_FACTORS = (4.184, 0.2390, 627.509, 23.0605, 27.2114, 96.4853)
OTHER_FACTORS = (18.2223, 138.935, 332.06, 1.98720, 8.31446, 6.02214)

HEAVY = {"torch", "openmm", "rdkit", "matplotlib", "parmed"}


def package_imports(module: Module) -> list[str]:
    return [f"{name} at {module.at(node)}" for node, name in imported(module)]


def is_within(found: str, package: str) -> bool:
    """Whether what `package_imports` found is a package or lies below it."""
    name, _, _ = found.partition(" ")
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("room", sorted(FORBIDDEN))
def test_room_keeps_to_its_card(room: str) -> None:
    trespass = [
        found
        for module in PRODUCT
        if module.is_in(room)
        for found in package_imports(module)
        if any(is_within(found, name) for name in FORBIDDEN[room])
        and not is_within(found, EXCEPTIONS.get(module.name, "nothing"))
    ]
    assert any(module.is_in(room) for module in PRODUCT), f"there is no {room}"
    assert not trespass, f"{room} imports what its card forbids: {trespass}"


@pytest.mark.parametrize("room", ROOMS)
def test_room_opens_with_the_question_that_it_answers(room: str) -> None:
    tree = ast.parse((SOURCE / room / "__init__.py").read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree) or ""
    assert "?" in docstring.split("\n\n")[0], f"{room}/__init__.py asks no question."


@pytest.mark.parametrize("room", ROOMS)
def test_room_has_a_card_on_the_map(room: str) -> None:
    assert f"| `{room}` |" in (ROOT / "docs" / "map.md").read_text(encoding="utf-8")


def test_only_the_fetching_of_weights_may_use_the_network() -> None:
    users = [
        found
        for module in PRODUCT
        if "weights" not in module.path.stem and module.name not in LOCAL_SOCKETS
        for found in package_imports(module)
        if any(is_within(found, name) for name in NETWORK)
    ]
    assert not users, f"network outside potentials/weights: {users}"


def test_nothing_outside_the_room_of_potentials_knows_a_family() -> None:
    """So whoever adds one touches this room alone."""
    families = {".".join(path.split(".")[:3]) for path in FAMILIES.values()}
    users = [
        found
        for module in PRODUCT
        if module.room != "potentials"
        for found in package_imports(module)
        if any(is_within(found, name) for name in families)
    ]
    assert not users, f"these know one family of potentials: {users}"


@pytest.mark.parametrize("name", LOCAL_SOCKETS)
def test_a_local_socket_opens_no_port(name: str) -> None:
    module = next(module for module in PRODUCT if module.name == name)
    found = [f.partition(" ")[0] for f in package_imports(module)]
    assert {f for f in found if any(is_within(f, n) for n in NETWORK)} == {"socket"}
    families = {ast.unparse(n) for n in nodes(module, ast.Attribute) if n.attr.startswith("AF_")}
    assert families == {"socket.AF_UNIX"}
    made = [called(n) for n in nodes(module, ast.Call) if called(n).startswith("socket.")]
    assert set(made) == {"socket.socket"}


@pytest.mark.parametrize("module", PRODUCT, ids=lambda module: module.name)
def test_conversion_factors_live_in_units_only(module: Module) -> None:
    if module.name == "src/merrow/units.py":
        return
    found = [
        f"{node.value} at {module.at(node)}"
        for node in nodes(module, ast.Constant)
        if isinstance(node.value, float) and is_factor(node.value)
    ]
    assert not found, f"take these from merrow.units: {found}"


def is_factor(value: float) -> bool:
    """Whether a number is a known conversion factor, but for a power of ten, within 1e-4."""
    if value == 0.0 or not math.isfinite(value):
        return False
    for factor in ENERGY_FACTORS + OTHER_FACTORS:
        decades = math.log10(abs(value) / factor)
        if abs(decades - round(decades)) < 1e-4 / math.log(10.0):
            return True
    return False


@pytest.mark.parametrize("value", [4.184, 1 / 4.184, 627.5, 0.0019872, 8.314, 8.314e-3, 23.06])
def test_a_conversion_factor_is_recognised(value: float) -> None:
    assert is_factor(value)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 10.0, 298.15, 9.0, 0.5, 3.024, 1e-6])
def test_an_ordinary_number_is_left_alone(value: float) -> None:
    assert not is_factor(value)


@pytest.mark.parametrize("module", PRODUCT, ids=lambda module: module.name)
def test_randomness_comes_in_as_a_generator(module: Module) -> None:
    pure = ("default_rng", "Generator", "SeedSequence", "PCG64", "PCG64DXSM", "Philox")
    calls = [
        f"{called(node)} at {module.at(node)}"
        for node in nodes(module, ast.Call)
        if is_global_randomness(called(node), pure)
    ]
    found = [f for f in package_imports(module) if is_within(f, "random")]
    assert not calls + found, f"hidden global random state: {calls + found}"


def is_global_randomness(name: str, pure: tuple[str, ...]) -> bool:
    """Whether a call draws from, or seeds, a state that all of the process shares."""
    numpy_state = name.startswith(("np.random.", "numpy.random."))
    torch_state = name in ("torch.manual_seed", "torch.rand", "torch.randn", "torch.randint")
    return torch_state or (numpy_state and name.rsplit(".", maxsplit=1)[-1] not in pure)


@pytest.mark.parametrize("module", PRODUCT, ids=lambda module: module.name)
def test_settings_of_the_process_belong_to_whoever_owns_it(module: Module) -> None:
    if module.is_in("cli") or module.name in OWNERS or module.name in PUT_BACK:
        return
    found = [module.at(node) for node in ast.walk(module.tree) if changes_the_process(node)]
    assert not found, f"a library changes settings of the whole process: {found}"


def changes_the_process(node: ast.AST) -> bool:
    """Whether a statement changes the environment, loggers or defaults."""
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
        targets = node.targets if not isinstance(node, ast.AugAssign) else [node.target]
        names = [ast.unparse(target) for target in targets]
        return any(name.startswith(("os.environ", "torch.backends")) for name in names)
    if not isinstance(node, ast.Call):
        return False
    name = called(node)
    changed = ("setdefault", "pop", "popitem", "update", "clear")
    return (
        name in (*(f"os.environ.{one}" for one in changed), "os.putenv", "os.unsetenv", *OWNED)
        or name.startswith(
            ("torch.set_", "np.seterr", "np.set_", "logging.basicConfig", "logging.disable")
        )
        or name.endswith(".setLevel")
    )


@pytest.mark.parametrize(
    "code",
    [
        "os.environ['A'] = '1'",
        "del os.environ['A']",
        "os.environ.update(A='1')",
        "torch.set_num_threads(1)",
        "torch.backends.cudnn.benchmark = True",
        "logging.getLogger('a').setLevel(10)",
        "begin_worker(1)",
    ],
)
def test_a_changed_setting_is_seen(code: str) -> None:
    assert any(changes_the_process(node) for node in ast.walk(ast.parse(code)))
    assert not any(changes_the_process(node) for node in ast.walk(ast.parse("os.environ.get('A')")))


def heavy_modules_after(code: str, folder: Path) -> set[str]:
    """Return which heavy modules a fresh interpreter has loaded after some code."""
    report = "\nimport sys\nprint('LOADED', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code + report],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return HEAVY & set(done.stdout.rpartition("LOADED")[2].split())


def test_importing_the_package_loads_nothing_heavy(tmp_path: Path) -> None:
    assert heavy_modules_after("import merrow", tmp_path) == set()


def test_the_heavy_modules_would_be_seen(tmp_path: Path) -> None:
    assert heavy_modules_after("import matplotlib", tmp_path) == {"matplotlib"}


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = """
import sys
from merrow.cli.main import main
sys.argv = ["merrow", "--help"]
try:
    main()
except SystemExit as stop:
    if stop.code:
        raise
"""
    assert heavy_modules_after(code, tmp_path) == set()


def test_layers_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
