# SPDX-License-Identifier: MIT
"""Is a file of MACE found, read without executing it, and refused in one sentence where wrong?"""

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
from importlib.util import find_spec
from pathlib import Path
from urllib.response import addinfourl

import pytest
import torch

from merrow.errors import InputError, MissingComponentError, UnsupportedPhysicsError
from merrow.potentials import Molecule, load_potential
from merrow.potentials.mace.files import read_mace
from merrow.potentials.mace.network import library
from merrow.potentials.mace.weights import MACE_WEIGHTS
from merrow.potentials.registry import describe
from merrow.potentials.weights import cache_folder

TINY = Path(__file__).resolve().parents[2] / "data" / "tiny_mace.model"
METHANOL = Molecule((6, 8, 1, 1, 1, 1))
SMALL = "mace-off23-small"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No models folder, empty caches, no network."""
    monkeypatch.delenv("MERROW_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")


def test_the_tiny_model_says_what_it_is():
    read = read_mace(TINY)
    assert read.elements == (1, 6, 8)
    assert read.architecture["kind"] == "ScaleShiftMACE"
    assert read.cutoff == 4.0
    assert all(gain == pytest.approx(1.679, abs=1e-3) for gain in read.gains.values())  # of SiLU


def test_a_name_with_a_file_is_described_by_the_file():
    told = describe(f"mace:{TINY}").capabilities
    assert told.name == "mace:tiny_mace.model"  # no folder: the same on every machine
    assert told.elements == frozenset({1, 6, 8})


class Evil:
    """An object whose unpickling would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


class EvilState:
    """An object whose state would leave a trace when it is set."""

    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize("switch", [None, "1"])
def test_nothing_in_a_file_is_ever_executed(tmp_path, monkeypatch, switch):
    # The variable with which mace-torch makes torch.load execute whatever it is given.
    if switch:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", switch)
    trace = tmp_path / "executed"
    for number, content in enumerate((Evil(trace), {"model": [Evil(trace)]}, EvilState())):
        path = tmp_path / f"evil{number}.model"
        torch.save(content, path)
        with pytest.raises(InputError, match="cannot be read as a MACE"):
            read_mace(path)
    assert not trace.exists()


def test_code_inside_a_true_model_is_left_alone(tmp_path):
    # The contractions of a MACE are pickled as Python source, which unpickling compiles and runs.
    path, source, noise = tmp_path / "poisoned.model", b"def forward(self", b"this is no code!"
    with zipfile.ZipFile(TINY) as old, zipfile.ZipFile(path, "w") as new:
        for item in old.infolist():
            content = old.read(item)
            if item.filename.endswith("data.pkl"):
                assert source in content
                content = content.replace(source, noise)
            new.writestr(item.filename, content)
    assert read_mace(path).digest == read_mace(TINY).digest
    if find_spec("mace") is None:
        pytest.skip("without mace-torch there is nobody who would run it")
    library()
    with pytest.raises(SyntaxError):
        torch.load(path, weights_only=False)


@pytest.mark.parametrize("damage", ["absent", "empty", "text", "truncated", "flipped"])
def test_a_damaged_file_is_named_in_one_sentence(tmp_path, damage):
    path, content = tmp_path / "broken.model", TINY.read_bytes()
    broken = {
        "empty": b"",
        "text": b"no model",
        "truncated": content[: len(content) // 2],
        "flipped": content[:300] + bytes(40) + content[340:],
    }
    if damage != "absent":
        path.write_bytes(broken[damage])
    with pytest.raises(InputError, match=str(path)) as caught:
        load_potential(f"mace:{path}", METHANOL)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [{"a": torch.zeros(3)}, torch.zeros(3), torch.nn.Linear(2, 2), [1, 2]],
    ids=["state dict", "tensor", "module", "list"],
)
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "other.model"
    torch.save(content, path)
    with pytest.raises(InputError, match=r"cannot be read as a MACE|runs only MACE") as caught:
        read_mace(path)
    assert str(path) in str(caught.value)


def test_a_compiled_model_is_refused(tmp_path):
    path = tmp_path / "compiled.model"
    torch.jit.script(torch.nn.Linear(2, 2)).save(path)
    with pytest.raises(InputError, match="not compiled for LAMMPS"):
        read_mace(path)


def test_a_plain_pickle_is_refused(tmp_path):
    path = tmp_path / "plain.model"
    path.write_bytes(pickle.dumps(Evil(tmp_path / "executed")))
    with pytest.raises(InputError, match="cannot be read as a MACE"):
        read_mace(path)
    assert not (tmp_path / "executed").exists()


def test_an_element_that_the_file_does_not_know_is_refused():
    with pytest.raises(UnsupportedPhysicsError, match=r"atom 2 is N, but .* knows only H, C, O"):
        load_potential(f"mace:{TINY}", Molecule((6, 7, 1, 1, 1, 1, 1)))


def test_a_charge_is_refused():
    with pytest.raises(UnsupportedPhysicsError, match="neutral molecules only"):
        load_potential(f"mace:{TINY}", Molecule((6, 8, 1, 1, 1), charge=-1))


def test_a_file_under_the_name_of_a_published_model_must_be_that_model():
    with pytest.raises(InputError, match=f"is not the published {SMALL}") as caught:
        load_potential(SMALL, METHANOL, weights=TINY)
    assert MACE_WEIGHTS[SMALL].sha256 in str(caught.value)
    assert f"--potential mace:{TINY}" in str(caught.value)


def test_two_files_at_a_time_are_refused():
    with pytest.raises(InputError, match="leave --weights"):
        load_potential(f"mace:{TINY}", METHANOL, weights=TINY)


def test_order_is_given_file_then_models_folder_then_our_cache_then_that_of_mace(
    tmp_path, monkeypatch
):
    name = MACE_WEIGHTS[SMALL].file_name
    assert MACE_WEIGHTS[SMALL].find() is None
    places = [tmp_path / "cache" / "mace", cache_folder(), tmp_path / "models"]
    for place in places:
        place.mkdir(parents=True)
        mine = Path(shutil.copy(TINY, place / name))
        if place.name == "models" and place.parent == tmp_path:
            monkeypatch.setenv("MERROW_MODELS", str(place))
        assert MACE_WEIGHTS[SMALL].find() == mine
    assert MACE_WEIGHTS[SMALL].find(TINY) == TINY


@pytest.mark.parametrize("name", [SMALL, "mace-off23b-medium"])
def test_missing_weights_without_network_say_what_to_do_and_show_the_licence(name):
    with pytest.raises(
        MissingComponentError, match=r"set MERROW_MODELS .* or give .* --weights"
    ) as e:
        load_potential(name, METHANOL)
    assert "no commercial use" in str(e.value)
    assert MACE_WEIGHTS[name].file_name in str(e.value)
    assert not cache_folder().exists()


def test_a_model_without_a_known_hash_is_never_downloaded(monkeypatch):
    monkeypatch.setattr(
        "merrow.potentials.weights.urlopen", lambda *_, **__: pytest.fail("asked the network")
    )
    with pytest.raises(MissingComponentError, match="no hash of it is known"):
        MACE_WEIGHTS["mace-off23b-medium"].fetch()


def test_a_download_that_is_not_the_published_file_is_thrown_away(monkeypatch):
    monkeypatch.setattr(
        "merrow.potentials.weights.urlopen", lambda *_, **__: addinfourl(TINY.open("rb"), {}, "")
    )
    with pytest.raises(MissingComponentError, match=f"is not the published {SMALL}"):
        MACE_WEIGHTS[SMALL].fetch()
    assert not cache_folder().exists()
