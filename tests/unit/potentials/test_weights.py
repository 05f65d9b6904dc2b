# SPDX-License-Identifier: MIT
"""Are weights found in the promised order, and refused when they are not the published ones?"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket

import pytest
import torch

from merrow.errors import InputError, MissingComponentError
from merrow.potentials.ani.models import ANI_MODELS
from merrow.potentials.ani.weights import read_verified, weights_of
from merrow.potentials.mace.weights import MACE_WEIGHTS
from merrow.potentials.weights import cache_folder
from stand_ins import stand_in

NOWHERE = ("http://127.0.0.1:9/nothing.pt",)  # the discard port: refused at once
MODEL = replace(ANI_MODELS["ani1ccx"], urls=NOWHERE, digest=stand_in("ani1ccx").digest())
"""A model whose published weights are the stand-ins of the tests."""
NAME = MODEL.file_name


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No models folder, an empty cache, and a package index that has nothing."""
    (tmp_path / "no-wheels").mkdir()
    monkeypatch.delenv("MERROW_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "no-wheels"))
    monkeypatch.setenv("no_proxy", "*")


def put(source: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(source, folder))


def test_without_a_home_folder_weights_are_found_elsewhere_and_none_are_fetched(
    models_folder, monkeypatch
):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("none")))
    assert weights_of(MODEL).find() is None
    with pytest.raises(InputError, match="there is no home folder"):
        weights_of(MODEL).load()
    monkeypatch.setenv("MERROW_MODELS", str(models_folder))
    assert weights_of(MODEL).find() == models_folder / NAME


def test_order_is_given_file_then_models_folder_then_cache(models_folder, tmp_path, monkeypatch):
    assert weights_of(MODEL).find() is None
    cached = put(models_folder / NAME, cache_folder())
    assert weights_of(MODEL).find() == cached
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setenv("MERROW_MODELS", str(folder))
    assert weights_of(MODEL).find() == cached  # the folder does not hold this model
    mine = put(models_folder / NAME, folder)
    assert weights_of(MODEL).find() == mine
    given = put(models_folder / NAME, tmp_path / "given")
    assert weights_of(MODEL).find(given) == given
    assert weights_of(MODEL).find(given.parent) == given


def test_weights_of_another_model_are_refused_with_both_hashes(models_folder):
    with pytest.raises(InputError, match=NAME.replace("1ccx", "1x")) as caught:
        weights_of(MODEL).load(models_folder / "ani1x_state_dict.pt")
    assert MODEL.digest in str(caught.value)
    assert ANI_MODELS["ani1x"].digest in str(caught.value)


def test_one_changed_number_is_refused(models_folder, tmp_path):
    state = torch.load(models_folder / NAME, weights_only=True)
    key = "potentials.nnp.neural_networks.members.7.atomics.O.layers.2.bias"
    state[key][3] += 1e-6
    torch.save(state, tmp_path / NAME)
    with pytest.raises(InputError, match=f"expected {MODEL.digest}"):
        weights_of(MODEL).load(tmp_path / NAME)


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "wheel"])
def test_a_file_that_cannot_be_read_is_named(models_folder, tmp_path, damage):
    path = tmp_path / ("broken.whl" if damage == "wheel" else "broken.pt")
    content = (models_folder / NAME).read_bytes()
    path.write_bytes({"truncated": content[: len(content) // 2], "empty": b""}.get(damage, b"no"))
    with pytest.raises(InputError, match=str(path)):
        weights_of(MODEL).load(path)


class Evil:
    """An object whose unpickling would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def test_nothing_in_a_file_is_ever_executed(tmp_path):
    trace = tmp_path / "executed"
    torch.save({"atomic_numbers": Evil(trace)}, tmp_path / NAME)
    with pytest.raises(InputError, match="cannot be read"):
        weights_of(MODEL).load(tmp_path / NAME)
    assert not trace.exists()


def test_a_given_file_or_folder_that_is_not_there_is_said(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="there is no weights file"):
        weights_of(MODEL).find(tmp_path / "absent.pt")
    monkeypatch.setenv("MERROW_MODELS", str(tmp_path / "absent"))
    with pytest.raises(InputError, match="MERROW_MODELS"):
        weights_of(MODEL).find()


@pytest.mark.parametrize("name", ["ani1ccx", "ani2x"])
def test_missing_weights_without_network_say_what_to_do_and_write_nothing(name):
    model = replace(ANI_MODELS[name], urls=NOWHERE)
    with pytest.raises(MissingComponentError, match=r"set MERROW_MODELS .* or give .* --weights"):
        weights_of(model).load()
    assert not cache_folder().exists()


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes the connection and never says a word."""
    with socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/weights.pt"


def test_a_silent_server_is_given_up_in_time(silent, monkeypatch):
    monkeypatch.setattr("merrow.potentials.weights.PATIENCE", 0.3)
    # it never says a word: the test ends only because it is given up
    with pytest.raises(MissingComponentError, match="official download"):
        weights_of(replace(ANI_MODELS["ani2x"], urls=(silent, silent))).fetch()


@pytest.fixture
def site(tmp_path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which its files can be downloaded."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    """A server of files that does not write to the terminal."""

    def log_message(self, format, *args):  # noqa: A002
        """Say nothing."""


def test_a_download_is_verified_stored_and_used_from_then_on(models_folder, site):
    folder, url = site
    put(models_folder / NAME, folder)
    model = replace(MODEL, urls=(*NOWHERE, url + NAME))  # the second address answers
    path = weights_of(model).fetch()
    assert path == cache_folder() / NAME
    assert [p.name for p in path.parent.iterdir()] == [NAME]
    (folder / NAME).unlink()
    assert weights_of(model).load().digest() == MODEL.digest


def test_a_wrong_download_never_reaches_the_cache(models_folder, site):
    folder, url = site
    shutil.copy(models_folder / "ani1x_state_dict.pt", folder / NAME)
    with pytest.raises(MissingComponentError, match=f"expected {MODEL.digest}"):
        weights_of(replace(MODEL, urls=(url + NAME,))).fetch()
    assert not cache_folder().exists()


def test_a_damaged_file_in_the_cache_is_fetched_anew(models_folder, site):
    folder, url = site
    put(models_folder / NAME, folder)
    target = cache_folder() / NAME
    target.parent.mkdir(parents=True)
    target.write_bytes(b"half of a file")
    model = replace(MODEL, urls=(url + NAME,))
    assert read_verified(weights_of(model).fetch(), model).digest() == MODEL.digest


def test_a_wheel_with_another_hash_is_refused_before_it_is_read(tmp_path):
    wheel = tmp_path / "no-wheels" / "torchani-2.0-py3-none-any.whl"
    wheel.write_bytes(b"PK not the published one")
    with pytest.raises(InputError, match=r"torchani==2\.0: its content has SHA-256"):
        read_verified(wheel, MODEL)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ani1x", "ani1ccx"])
def test_the_package_index_holds_the_same_numbers(name, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    model = replace(ANI_MODELS[name], urls=NOWHERE)
    try:
        path = weights_of(model).fetch()
    except MissingComponentError as error:
        pytest.skip(f"no package index: {error}")
    assert read_verified(path, model).digest() == model.digest


TOLD = ("mace", "single-points-and-weights")
PAGES = ("README.md", "SECURITY.md", *(f"docs/how-to/{one}.md" for one in TOLD))


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_the_models_whose_weights_have_no_known_hash(page):
    text = " ".join((Path(__file__).resolve().parents[3] / page).read_text().split())
    unknown = [name for name, weights in MACE_WEIGHTS.items() if weights.sha256 is None]
    for name in unknown:
        assert len(re.findall(rf"(?:except for|nly of) `{name}`[^:.]* none is known", text)) == 1
