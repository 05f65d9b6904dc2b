# SPDX-License-Identifier: MIT
"""Is a wrong name of a potential, or a wrong file in it, refused with one sentence and code 2?"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

BAD = [
    ("hydration C --out run --potential torchscript:lost.pt", "there is no file lost.pt"),
    ("hydration C --out run --potential torchscript:{junk}", "is not a TorchScript file"),
    ("hydration C --out run --potential torchscript:{ani1x}", "is not a TorchScript file"),
    ("hydration C --out run --potential ase:lost.py", "there is no file lost.py"),
    ("hydration C --out run --potential qm:wb97x", "not of the form qm:METHOD/BASIS"),
    ("hydration C --out run --potential xtb:gfn3", "did you mean xtb:gfn2?"),
    ("hydration C --out run --potential aimnet2 --weights {junk}", "is not the published aimnet2"),
    (
        "hydration C[NH3+] --out run --potential ani2x",
        "hydration free energy of an ion needs",
    ),
    (
        "hydration C[NH3+] --out run --potential aimnet2",
        "hydration free energy of an ion needs",
    ),
    (
        "energy -p {gas} -c {gas_crd} --ml-mask :1 --potential torchscript:lost.pt",
        "no file lost.pt",
    ),
    ("energy -p {gas} -c {gas_crd} --ml-mask :1 --potential ani3x", "did you mean ani2x?"),
    ("models describe ani3x", "there is no potential 'ani3x'; did you mean ani2x?"),
    ("models describe ANI-2x", "; did you mean ani2x?"),
    ("models describe MACE-OFF23-small", "did you mean mace-off23-small?"),
    ("models describe MM", "there is no potential 'MM'; did you mean mm?"),
    ("models get MM", "'MM' stands for the MM terms of a prmtop"),
    ("models bench CO --potential mm", "'mm' stands for the MM terms of a prmtop"),
    ("models bench CO --reference mm", "here, name a model of `merrow models list`"),
    (
        "models compare -p {gas} -y lost.nc --ml-mask :1 --potential mm:{gas}",
        "stands for the MM terms of a prmtop",
    ),
    ("energy -p {gas} -c {gas_crd} --ml-mask :1 --potential MM", "did you mean mm?"),
    ("hydration C --out run --potential Mm", "did you mean mm?"),
    ("bench --potential MM", "did you mean mm?"),
    ("bench --potential nope", "there is no potential 'nope'"),
    ("models describe torchscript:lost.pt", "there is no file lost.pt"),
    ("models get ani3x", "there is no potential 'ani3x'"),
    ("models get xtb:gfn2", "xtb:gfn2 has no weights to fetch"),
    ("models get torchscript:{junk}", "is not a TorchScript file"),
]


@pytest.mark.parametrize(("words", "told"), BAD, ids=[words for words, _ in BAD])
def test_it_is_refused_in_one_sentence_and_nothing_is_written(merrow, files, words, told):
    answer = merrow(*words.format(**files).split())
    lines = [line for line in answer.err.splitlines() if line.strip()]
    assert answer.code == 2, answer
    assert len(lines) == 1, answer.err
    assert lines[0].startswith("merrow: ")
    assert told in lines[0]
    assert answer.out == ""
    assert list(Path.cwd().iterdir()) == []


class Springs(torch.nn.Module):
    def forward(self, positions: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        arm = positions[:, :, None] - positions[:, None]
        return 0.5 * (arm**2).sum((1, 2, 3))


def test_a_file_in_the_folder_of_the_command_is_used(merrow, files):
    torch.jit.script(Springs()).save("mine.pt")
    words = f"energy -p {files['gas']} -c {files['gas_crd']} --ml-mask :1 --json"
    answer = merrow(*words.split(), "--potential", "torchscript:mine.pt")
    assert answer.code == 0, answer.err
    assert '"n_ml_atoms": 5' in answer.out
