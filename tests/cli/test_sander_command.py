# SPDX-License-Identifier: MIT
"""What does the user of `merrow sander` see: refusals in one sentence, and nothing left behind?"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from merrow.ambertools.programs import find_program
from merrow.errors import MissingComponentError

GAS = "imin=0, nstlim=5, dt=0.0005, ntpr=1, ntwx=5, cut=999.0, ntb=0"
MDIN = f"gas\n &cntrl {GAS}, ifmlp=1 /\n &mlp animask=':1', potential='mm' /\n"
QMMM = f"gas\n &cntrl {GAS}, ifqnt=1 /\n &qmmm qmmask=':1', qm_theory='EXTERN', qmmm_int=5 /\n"


@pytest.fixture(scope="session")
def sander():
    """Ask for this where sander is run."""
    try:
        find_program("sander")
    except MissingComponentError as error:
        pytest.skip(str(error))


@pytest.fixture
def write():
    """Write mdin into the current folder."""
    return lambda text: Path("mdin").write_text(text)


def one_sentence(answer):
    lines = answer.err.splitlines()
    assert (answer.code, len(lines), answer.out) == (2, 1, ""), answer
    assert re.match(r"merrow: .*[.?]$", lines[0])
    return lines[0]


BAD = [
    ("-O -i lost -p {gas} -c {gas_crd}", MDIN, "there is no file"),
    ("-O -p lost.prmtop -c {gas_crd}", MDIN, "lost.prmtop (sander's flag -p)"),
    ("-O -p", MDIN, "-p needs the name of a file"),
    ("-O -q x -p {gas} -c {gas_crd}", MDIN, "'-q' is no flag of sander"),
    ("-ng 2 -groupfile g", MDIN, "-ng needs sander.MPI"),
    ("-p {gas} -c {gas_crd} -r mdin", MDIN, "exists already: add -O"),
    ("-O -p {gas} -c {gas_crd}", MDIN.replace("ifmlp=1", "ntr=0"), "neither ifmlp=1 nor ifqnt=1"),
    ("-O -p {gas} -c {gas_crd}", MDIN.replace(":1", ":LIX"), "selects 0 of 5 atoms"),
    ("-O -p {gas} -c {gas_crd}", MDIN.replace(":1", "@1,2"), "cuts the covalent bond"),
    ("-O -p {gas} -c {gas_crd}", MDIN.replace("'mm'", "'ani9'"), "there is no potential 'ani9'"),
    ("-O -p {gas} -c {gas_crd}", QMMM.replace("qmmm_int=5", "qmmm_int=1"), "write qmmm_int=5"),
    ("-O -p {gas} -c {gas_crd}", QMMM.replace("5 /", "5, qmcharge=-1 /"), "add up to 0"),
    ("-O -p {gas} -c {gas_crd} --server no/socket", MDIN, "no model server listens at no/socket"),
    ("-O -p {gas} -c {gas_crd} --precision float16", MDIN.replace("'mm'", "'ani2x'"), "float16"),
    ("-O -p {gas} -c {gas_crd} --potential ani1x --weights x.pt", MDIN, "no weights file x.pt"),
    ("-O -p {torn} -c {gas_crd}", MDIN, "torn.prmtop"),
    ("-O -p {gas} -c {gas_crd}", MDIN.replace("'mm'", "'mm', max_spread=1.0"), "is one alone"),
]


@pytest.mark.usefixtures("sander")
@pytest.mark.parametrize(("words", "mdin", "told"), BAD)
def test_bad_input_is_one_sentence_and_writes_nothing(merrow, files, write, words, mdin, told):
    write(mdin)
    assert told in one_sentence(merrow("sander", *words.format(**files).split()))
    assert [path.name for path in Path().iterdir()] == ["mdin"]


@pytest.mark.usefixtures("sander")
def test_one_of_several_ranks_is_refused(merrow, files, write, monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    write(MDIN)
    answer = merrow("sander", "-O", "-p", files["gas"], "-c", files["gas_crd"])
    assert "mpirun started 2 copies" in one_sentence(answer)
    assert [path.name for path in Path().iterdir()] == ["mdin"]


@pytest.fixture
def scratch():
    """Where scratch folders are made in a test; the path of a socket must be short."""
    folder = Path(tempfile.mkdtemp(prefix="merrow-test-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.usefixtures("sander")
@pytest.mark.parametrize("text", [MDIN, QMMM])
def test_a_run_leaves_sanders_files_and_no_others(merrow, files, write, text):
    write(text)
    words = f"-O -p {files['gas']} -c {files['gas_crd']} -x traj.nc --potential mm"
    answer = merrow("sander", *words.split())
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    assert {p.name for p in Path().iterdir()} == {"mdin", "mdout", "restrt", "traj.nc", "mdinfo"}
    text = Path("mdout").read_text()
    assert text.count("ML energy (mm) =") == 6  # steps 0 to 5
    assert "6 evaluations; ML energy: mean" in text


@pytest.mark.usefixtures("sander")
def test_what_has_no_effect_is_noted_in_mdout(merrow, files, write):
    write(MDIN.replace("'mm'", "'mm', anitype=1, precision='float64'"))
    answer = merrow("sander", "-O", "-p", files["gas"], "-c", files["gas_crd"])
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    notes = [line for line in Path("mdout").read_text().splitlines() if line.startswith("| Note")]
    *_, first, second = notes  # sander's own come before
    assert first.startswith("| Note: anitype does nothing here: the original program")
    assert second.startswith("| Note: precision='float64' does nothing here: potential='mm'")


@pytest.mark.usefixtures("sander")
@pytest.mark.parametrize(
    ("typo", "told"),
    [
        ("nstlimm=1", "mdin: sander cannot read &cntrl, which has no key nstlimm: did you mean"),
        ("xyzzy=1", "has no key xyzzy: docs/reference/mdin.md lists"),
        ("ntr='x'", "or a value has the wrong type; compare them"),
    ],
)
def test_a_key_that_sander_does_not_know_is_named(merrow, files, write, typo, told):
    write(MDIN.replace("ntb=0", f"ntb=0, {typo}"))
    assert told in one_sentence(merrow("sander", "-O", "-p", files["gas"], "-c", files["gas_crd"]))


@pytest.mark.usefixtures("sander")
def test_sanders_own_refusal_is_told(merrow, files, write):
    write(MDIN.replace("ntb=0", "ntb=0, ntt=77, temp0=300.0"))
    answer = merrow("sander", "-O", "-p", files["gas"], "-c", files["gas_crd"])
    assert answer.code == 1
    assert re.match(
        r"merrow: sander ended with exit code \d+; see .*mdout; its last output: ", answer.err
    )


def start(folder, scratch, *words):
    """Start the command as a shell would."""
    return subprocess.Popen(
        [Path(sys.executable).with_name("merrow"), *map(str, words)],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.usefixtures("sander")
def test_ctrl_c_ends_sander_and_keeps_its_files(files, tmp_path, scratch):
    (tmp_path / "mdin").write_text(MDIN.replace("nstlim=5", "nstlim=10000000, ntwr=1"))
    run = start(tmp_path, scratch, "sander", "-O", "-p", files["gas"], "-c", files["gas_crd"])
    wait_for((tmp_path / "restrt").exists)
    os.kill(run.pid, signal.SIGINT)
    _, error = run.communicate(timeout=120)
    assert run.returncode == 130
    assert error == "merrow: stopped; run the same command again.\n"
    assert list(scratch.iterdir()) == []
    assert (tmp_path / "restrt").stat().st_size > 0


@pytest.mark.usefixtures("sander")
def test_a_shared_server_serves_and_ends_with_its_socket(merrow, files, write, tmp_path, scratch):
    socket = scratch / "private" / "socket"
    server = start(tmp_path, scratch, "serve", "--socket", socket)
    try:
        wait_for(socket.exists)
        write(MDIN)
        words = ["-O", "-p", files["gas"], "-c", files["gas_crd"], "--server", socket]
        assert merrow("sander", *words).code == 0
        assert re.search(r"ML/MM by merrow \S+: mm:[0-9a-f]+, 5 atoms", Path("mdout").read_text())
        answer = merrow("sander", *words, "--potential", "ani2x", "--weights", "mdin")
        assert answer.code == 1  # the server's refusal, before sander starts
        assert "mdin" in answer.err
        assert "sander was stopped" not in answer.err
    finally:
        server.send_signal(signal.SIGTERM)
        _, error = server.communicate(timeout=120)
    assert server.returncode == 0
    assert error == f"merrow serve: listening at {socket}\n"
    assert not socket.exists()
    answer = merrow("sander", *words)
    assert answer.code == 2
    assert "no model server listens" in answer.err


@pytest.mark.slow
@pytest.mark.usefixtures("sander")
def test_a_model_file_is_searched_in_the_users_folder_not_in_the_servers(
    merrow, files, write, scratch
):
    pytest.importorskip("mace", reason="no mace-torch: pip install 'merrow[mace]'")
    shutil.copy(Path(__file__).parents[1] / "data" / "tiny_mace.model", "mine.model")
    write(MDIN.replace("'mm'", "'mace:mine.model'"))
    server = start(scratch, scratch, "serve", "--socket", scratch / "private" / "socket")
    try:
        wait_for((scratch / "private" / "socket").exists)
        words = ["-O", "-p", files["gas"], "-c", files["gas_crd"], "--server"]
        answer = merrow("sander", *words, scratch / "private" / "socket")
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=120)
    assert (answer.code, answer.err) == (0, "")
    assert re.search(r": mace:mine\.model:[0-9a-f]{64}, 5 atoms", Path("mdout").read_text())
