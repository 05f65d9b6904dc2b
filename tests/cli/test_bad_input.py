# SPDX-License-Identifier: MIT
"""Is bad input refused with exit code 2 and one sentence, before anything is written?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from merrow.hydration.run_folder import HEAD

HYDRATION = [
    ("C1CC --out run", "'C1CC' is not a valid SMILES"),
    ("aspirin --out run", "'aspirin' is neither a file nor a SMILES, and names are not looked up"),
    ("2-methylbutane --out run", "give the SMILES in quotation marks, as PubChem shows it"),
    ("CSC --potential ani1ccx --out run", "is S, but ani1ccx knows only H, C, N, O"),
    ("CBr --potential ani2x --out run", "is Br, but ani2x knows only"),
    ("C[NH3+] --out run", "net charge of +1: the hydration free energy of an ion needs"),
    ("O --out run", "the molecule is water, which cannot be distinguished from its solvent"),
    ("C --set n_waters=20000000 --out run", "protocol.n_waters: input should be less than"),
    ("C --out {gas}/run", "cannot be made"),
    ("{blank} --out run", "blank.sdf is not a valid MOL or SDF file"),
    ("[CH3] --out run", "unpaired electron: radicals are not supported"),
    ("C.O --out run", "2 separate fragments"),
    ("[Si](C)(C)(C)C --potential mm --out run", "GAFF has no parameters for atom 1 (Si)"),
    ("CO --charges file --out run", "charges 'file' need a file that holds them"),
    ("{sdf} --charges file --out run", "needs a mol2 file with charges"),
    ("CO --charges am1 --out run", "charges: input should be 'bcc', 'abcg2'"),
    ("CO --charges abcg2 --gaff 1 --out run", "abcg2 were made for GAFF2"),
    ("lost.sdf --out run", "there is no file lost.sdf"),
    ("C" * 300 + ".sdf --out run", "there is no file CCC"),
    ("CO lig.inpcrd --out run", "inpcrd belongs to a prmtop"),
    ("CO --potential ani3x --out run", "there is no potential 'ani3x'; did you mean ani"),
    ("CO --protocol slow --out run", "there is no protocol 'slow'; choose one of demo, quick"),
    ("CO --set cutoff=9 --out run", "did you mean cutoff_angstrom?"),
    ("CO --set cutoff --out run", "not of the form key=value"),
    (
        "CO --set cutoff_angstrom=long --out run",
        "protocol.cutoff_angstrom: input should be a valid number",
    ),
    (
        "CO --set cutoff_angstrom=2 --out run",
        "protocol.cutoff_angstrom: input should be greater than or equal to 6",
    ),
    ("CO --set pressure_bar=.inf --out run", "pressure_bar: input should be a finite number"),
    ("CO --set gas_ps=.inf --out run", "gas_ps: input should be a finite number"),
    ("CO --target-stderr inf --out run", "target_stderr_kcal: input should be a finite number"),
    ("CO --set maximum_minutes=.nan --out run", "maximum_minutes: input should be a finite"),
    ("CO --set timestep_fs=true --out run", "timestep_fs: input should be a number, got True"),
    ("CO --set torsion_scales=[false] --out run", "should be a number, got [False]"),
    ("CO --set schedule=[1 --out run", "is not a value in YAML"),
    (
        "CO --set timestep_fs=3 --set solute_masses=repartitioned --out run",
        "timestep_fs above 2 fs needs solute_masses heavy",
    ),
    ("CO --set headline=as_published --out run", "belongs to the protocol named paper alone"),
    ("CO --route R3 --out run", "protocol.route: input should be 'direct' or 'endpoint', got 'R3'"),
    ("CO --potential mm --route endpoint --out run", "potential mm has one route: direct"),
    ("CO --seed -1 --out run", "seed: input should be greater than or equal to 0"),
    ("CO --platform GPU --out run", "platform: input should be 'auto', 'CPU'"),
    ("CO --platform HIP --out run", "the OpenMM platform HIP cannot be used here"),
    ("{gas} --solvate tip3p --out run", "needs its coordinates"),
    ("{gas} {gas_crd} --solvate opc --out run", "--solvate 'opc' is not available; use tip3p"),
    ("{gas} {gas_crd} --out run", "has no box; add `--solvate tip3p`"),
    ("{wet} {wet_crd} --solvate tip3p --out run", "holds more than the solute"),
    ("{gas} {acetone_crd} --solvate tip3p --out run", "has 5 atoms, but acetone.inpcrd"),
    ("{gas} {nan_crd} --solvate tip3p --out run", "nan.inpcrd"),
    ("lost.prmtop {gas_crd} --out run", "there is no file lost.prmtop (prmtop)"),
    ("{torn} {wet_crd} --out run", "torn.prmtop"),
    ("{wet} {gas_crd} --out run", "give the coordinates that belong to the prmtop"),
    (
        "{wet} {wet_crd} --set n_waters=500 --out run",
        "--set n_waters has no meaning for a solvated",
    ),
    ("{wet} {wet_crd} --gaff 1 --out run", "--gaff has no meaning for a prmtop"),
    ("{wet} {wet_crd} --charges bcc --out run", "--charges has no meaning for a prmtop"),
    ("{wet} {wet_crd} --ml-mask :LIGAND --out run", "selects 0 of"),
    ("{wet} {wet_crd} --ml-mask :1@H1 --out run", "cuts the covalent bond"),
    ("{wet} {wet_crd} --ml-mask :1-2 --out run", "of water into the ML region"),
    ("{wet} {wet_crd} --ml-mask :1@@ --out run", "mask ':1@@'"),
    (
        "{wet} {wet_crd} --set cutoff_angstrom=10 --out run",
        "solvate in a larger box or shorten the cutoff",
    ),
    ("{tight} {tight_crd} --set cutoff_angstrom=6 --out run", "Å; solvate in a larger box"),
    ("C --weights {ani1x} --out run", "is not the published ani2x"),
    ("C --weights {junk} --out run", "junk.pt"),
    ("C --weights lost.pt --out run", "there is no weights file"),
    ("C", "Missing option '--out' / '-o'; see `merrow hydration --help`"),
    ("--out run", "Missing argument"),
    ("C --out run --sed 3", "No such option: --sed"),
    ("C --out run --seed three", "Invalid value for '--seed'"),
    ("C --out run --repeats 0", "--repeats"),
    ("C --out run --max-time soon", "--max-time 'soon' is not a time; give minutes above zero"),
    ("C --out run --max-time 0h", "--max-time '0h' is not a time"),
    (
        "C --out run --both-routes --route endpoint",
        "both_routes compares direct, the headline, with endpoint",
    ),
    ("C --out run --both-routes --potential mm", "both_routes compares direct, the headline"),
]


def one_sentence(answer):
    """Assert exit code 2 and one line that says what is wrong; return it."""
    lines = [line for line in answer.err.splitlines() if line.strip()]
    assert answer.code == 2, answer
    assert len(lines) == 1, answer.err
    assert lines[0].startswith("merrow: ")
    assert lines[0].endswith((".", "?"))
    assert answer.out == ""
    return lines[0]


def contents(folder):
    """Return every path below a folder with its content and time."""
    return {p: (p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in folder.rglob("*")}


@pytest.mark.parametrize(("words", "told"), HYDRATION, ids=[told for _, told in HYDRATION])
def test_hydration_refuses(merrow, files, words, told):
    answer = merrow("hydration", *words.format(**files).split())
    assert told in one_sentence(answer)
    assert contents(Path.cwd()) == {}


def test_missing_weights_without_network_are_noticed_before_anything_is_made(
    merrow, monkeypatch, tmp_path
):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("MERROW_MODELS", str(empty))
    told = one_sentence(merrow("hydration", "C", "--potential", "ani1x", "--out", "run"))
    assert "the weights of ani1x are not here and could not be fetched" in told
    assert "set MERROW_MODELS to a folder with ani1x_state_dict.pt" in told
    assert contents(Path.cwd()) == {}


def test_a_molecule_that_gaff_turns_out_not_to_know_leaves_nothing_behind(merrow):
    answer = merrow("hydration", "Cl", "--out", "run")
    assert answer.code == 2
    assert answer.err.splitlines()[-1].startswith("merrow: GAFF has no parameters for cl-ha of Cl")
    assert [path.name for path in Path("run").rglob("*")] == [".lock.1"]


@pytest.mark.parametrize("name", ["prmtop", "lig.prm7", "lig.parm", "system"])
def test_a_prmtop_is_known_by_its_content(merrow, files, tmp_path, name):
    Path(name).write_bytes(Path(files["gas"]).read_bytes())
    told = one_sentence(merrow("hydration", name, "--out", "run"))
    assert f"{name} needs its coordinates" in told


def test_coordinates_of_a_solvated_system_that_lack_their_box_are_told(merrow, files, tmp_path):
    lines = Path(files["wet_crd"]).read_text().splitlines(keepends=True)
    bare = tmp_path / "bare.inpcrd"
    bare.write_text("".join(lines[:-1]))
    told = one_sentence(merrow("hydration", files["wet"], bare, "--out", "run"))
    assert "bare.inpcrd has no box, but" in told


def test_missing_ambertools_are_noticed_before_anything_is_made(merrow, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    told = one_sentence(merrow("hydration", "C", "--out", "run"))
    assert "conda install -c conda-forge ambertools" in told
    assert contents(Path.cwd()) == {}


def test_a_folder_of_something_else_is_left_alone(merrow):
    Path("notes").mkdir()
    Path("notes/diary.txt").write_text("do not touch")
    before = contents(Path.cwd())
    told = one_sentence(merrow("hydration", "C", "--out", "notes"))
    assert "notes is not empty and contains no merrow run; choose another --out" in told
    told = one_sentence(merrow("hydration", "C", "--out", "notes/diary.txt"))
    assert "notes/diary.txt is a file; --out needs a folder" in told
    assert contents(Path.cwd()) == before


def write_run(merrow, folder, *changes):
    """Make a folder that a run of ethane left before it began to sample."""
    Path(folder).mkdir()
    text = HEAD + merrow("init", "hydration").out.replace("smiles: CO", "smiles: CC")
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = Path(folder) / "run.yaml"
    path.write_text(text)
    return path


def test_the_folder_of_another_run_is_left_alone(merrow):
    write_run(merrow, "run")
    before = contents(Path.cwd())
    told = one_sentence(merrow("hydration", "CO", "--out", "run"))
    assert "run contains another run: source.smiles is 'CC' there and 'CO' here" in told
    told = one_sentence(merrow("hydration", "CC", "--seed", "3", "--out", "run"))
    assert "seed is 2025 there and 3 here" in told
    assert contents(Path.cwd()) == before


def test_a_run_that_was_sampled_with_other_weights_is_left_alone(merrow):
    write_run(merrow, "run")
    Path("run/system").mkdir()
    Path("run/system/potential.json").write_text('{"identity": "ani2x:other"}')
    before = contents(Path.cwd())
    told = one_sentence(merrow("run", "run/run.yaml"))
    assert "was sampled with ani2x:other but the weights found now are ani2x:" in told
    assert contents(Path.cwd()) == before


def test_two_processes_in_one_folder_are_one_too_many(merrow, tmp_path):
    write_run(merrow, "run")
    code = (
        "import sys; from pathlib import Path; from merrow.locks import locked\n"
        "with locked(Path('run')):\n    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        before = contents(Path.cwd())
        told = one_sentence(merrow("run", "run/run.yaml"))
        other.stdin.close()
    assert "another merrow process is working in" in told
    assert contents(Path.cwd()).keys() == before.keys()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("potential:", "potentail:", "there is no key potentail: did you mean potential?"),
        (
            "  cutoff_angstrom:",
            "  cutoff:",
            "no key protocol.cutoff: did you mean cutoff_angstrom?",
        ),
        (
            "  cutoff_angstrom: 8.0",
            "  cutoff_angstrom: far",
            "protocol.cutoff_angstrom: input should be a valid number",
        ),
        ("  kind: smiles", "  kind: structure", "source: kind 'structure' needs structure"),
        ("  prmtop: null", "  prmtop: a.prmtop", "source: kind 'smiles' has no prmtop"),
        ("  ml_mask: null", "  ml_mask: '@1'", "source: ml_mask belongs to a prmtop"),
        ("  kind: smiles", "  kind: smiles\n  kind: gas", "has the key kind twice (line "),
        ("  kind: smiles", "  kind: [", "is not valid YAML (line"),
        ("task: hydration", "task: binding", "task: input should be 'hydration', got 'binding'"),
    ],
)
def test_a_run_file_with_a_slip_is_refused(merrow, old, new, told):
    path = write_run(merrow, "run", (f"{old}", new))
    assert told in one_sentence(merrow("run", path))
    assert [p.name for p in Path("run").iterdir()] == ["run.yaml"]


def test_run_says_which_run_file_is_missing_or_none_at_all(merrow):
    assert "lost/run.yaml does not exist" in one_sentence(merrow("run", "lost/run.yaml"))
    Path("run.yaml").write_bytes(b"\xff\xfe\x00")
    assert "run.yaml is not a text file" in one_sentence(merrow("run", "run.yaml"))
    Path("run.yaml").write_text("")
    assert "the key source is missing" in one_sentence(merrow("run", "run.yaml"))
    Path("run.yaml").write_text("- 1")
    assert "run.yaml:" in one_sentence(merrow("run", "run.yaml"))


def test_a_run_file_that_is_no_run_folders_writes_nothing_beside_itself(merrow):
    Path("run.yaml").write_text(merrow("init", "hydration").out)
    told = one_sentence(merrow("run", "run.yaml"))
    assert "run.yaml is a run file of your own" in told
    assert [path.name for path in Path.cwd().iterdir()] == ["run.yaml"]


def test_run_takes_a_run_folder_and_names_the_command_for_a_campaigns(merrow):
    path = write_run(merrow, "run", ("task: hydration", "task: binding"))
    assert "run/run.yaml: task: input should be 'hydration'" in one_sentence(merrow("run", path))
    assert "run/run.yaml: task: input should be" in one_sentence(merrow("run", "run"))
    Path("set").mkdir()
    Path("set/campaign.yaml").write_text("")
    assert "`merrow campaign run` resumes it" in one_sentence(merrow("run", "set"))


def test_a_run_file_of_another_name_needs_an_output_folder(merrow):
    path = write_run(merrow, "run").rename("mine.yaml")
    assert "mine.yaml is not named run.yaml" in one_sentence(merrow("run", path))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("-p {wet} -c {wet_crd}", "needs --ml-mask"),
        ("-p {wet} -c {wet_crd} --ml-mask :1 --potential ani9", "there is no potential 'ani9'"),
        ("-p {wet} -c {wet_crd} --ml-mask :1 --cutoff 30", "less than twice the cutoff"),
        ("-p {wet} -c {wet_crd} --potential mm --forces lost/f.npy", "its folder does not exist"),
        ("-p {wet} -c {wet_crd} --potential mm --pme-grid 64", "--pme-grid belong together"),
        ("-p {wet} -c {wet_crd} --potential mm --ewald-tol 0", "must lie between 0 and 0.5"),
        (
            "-p {wet} -c {wet_crd} --potential mm --pme-grid 4,4,4 --ewald-coeff 0.35",
            "--pme-grid 4,4,4 needs 6 points",
        ),
        (
            "-p {wet} -c {wet_crd} --potential mm --pme-grid 24,24,24 --ewald-coeff -0.35",
            "--ewald-coeff -0.35 must be above 0",
        ),
        ("-p {wet} -c {wet_crd} --potential mm --ml-mask :900", "selects 0 of"),
        ("-p {wet} -c {wet_crd} --potential mm --weights w.pt", "--weights belong to a potential"),
        ("-p {wet} -c {wet_crd} --potential mm --forces .", "is a folder; name a file"),
        ("-p {flat} -c {wet_crd} --potential mm", "BOX_DIMENSIONS hold a zero"),
        ("-p {gas} -c {nan_crd} --potential mm", "nan.inpcrd"),
        ("-p {torn} -c {wet_crd} --potential mm", "torn.prmtop"),
        ("-p {gas} -c {gas_crd} --potential mm --precision half", "use double or single"),
        ("-p {gas}", "Missing option '--inpcrd' / '-c'"),
    ],
)
def test_energy_refuses(merrow, files, words, told):
    assert told in one_sentence(merrow("energy", *words.format(**files).split()))
    assert contents(Path.cwd()) == {}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("hydrate C", "No such command 'hydrate'"),
        ("--fast", "No such option"),
        ("init energy", "nothing to configure for 'energy'"),
        ("models get ani3x", "there is no potential 'ani3x'"),
        ("models get mm", "mm, the prmtop's own terms, has no weights"),
    ],
)
def test_an_unknown_word_is_one_sentence_too(merrow, words, told):
    assert told in one_sentence(merrow(*words.split()))


def test_the_real_program_ends_as_the_tests_above_say(stand_ins, tmp_path):
    # The others call main() in this process; this one asks the shell's own exit code.
    done = subprocess.run(
        [Path(sys.executable).with_name("merrow"), "hydration", "C1CC", "--out", "run"],
        cwd=tmp_path,
        env=os.environ | {"MERROW_MODELS": str(stand_ins.folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("merrow: 'C1CC' is not a valid SMILES")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [(), ("models",)])
def test_a_command_without_its_verb_shows_what_there_is(merrow, words):
    answer = merrow(*words)
    assert answer.code == 2
    assert answer.err.startswith("Usage:")
    assert "Commands:" in answer.err
