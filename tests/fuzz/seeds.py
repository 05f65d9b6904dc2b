# SPDX-License-Identifier: MIT
"""Sound inputs of every kind, small; the fuzzers damage them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import RestartMetadata, TrajectoryWriter, write_netcdf_restart
from merrow.ambertools.programs import run_program

TESTS = Path(__file__).resolve().parents[1]
DATA = TESTS / "data"
LEAP = """source leaprc.protein.ff14SB
source leaprc.water.tip3p
m = sequence { ACE NME }
saveamberparm m gas.prmtop gas.inpcrd
solvateBox m TIP3PBOX 2.0
saveamberparm m wet.prmtop wet.inpcrd
quit
"""
MDIN = """test
 &cntrl imin=0, irest=0, ntx=1, nstlim=10, dt=0.001, ntb=2, cut=8.0, ntt=3, gamma_ln=2.0,
  temp0=300.0, tempi=300.0, ntp=1, barostat=2, ntpr=5, ntwx=5, ntc=2, ntf=2, ig=7, ntr=1,
  restraintmask=':1-2', restraint_wt=5.0, ifmlp=1, nmropt=1 /
 &ewald dsum_tol=1e-5, nfft1=32, nfft2=32, nfft3=32, order=5 /
 &mlp animask=':1', potential='ani2x', max_spread=5.0, on_spread='save' /
 &wt type='END' /
DISANG=dist.RST
"""
SANDER = MDIN.replace(", max_spread=5.0, on_spread='save'", "")
METHANOL = """@<TRIPOS>MOLECULE
MOH
6 5 1 0 0
SMALL
USER_CHARGES

@<TRIPOS>ATOM
1 C1 -0.36 0.00 0.00 c3 1 MOH 0.1167
2 O1 0.95 0.55 0.00 oh 1 MOH -0.5988
3 H1 -0.39 -0.65 0.89 h1 1 MOH 0.0287
4 H2 -0.39 -0.65 -0.89 h1 1 MOH 0.0287
5 H3 -1.11 0.80 0.00 h1 1 MOH 0.0287
6 H4 1.55 -0.20 0.00 ho 1 MOH 0.3960
@<TRIPOS>BOND
1 1 2 1
2 1 3 1
3 1 4 1
4 1 5 1
5 2 6 1
"""
DISANG = """ &rst iat=1,5, r1=0.0, r2=2.0, r3=3.0, r4=8.0, rk2=10.0, rk3=10.0, /
 &rst iat=1,2,3,4, r1=-180, r2=60, r3=60, r4=180, rk2=5., rk3=5. /
"""
TABLE = "name,smiles,expt_kcal,expt_stderr_kcal\nmethanol,CO,-5.11,0.6\nacetone,CC(C)=O,-3.8,0.1\n"
OPENMM_MASKS = (":1-2", "@1-12", "!:WAT,HOH", ":ACE,NME", "(:1|:2)&!@Na+", ":1-2&!:WAT")
MASKS = (":1", ":ACE@CA,H*", "(:1-2&!@H=)|:WAT", "@1-6", "!:WAT", "@%CT", "*", ":1@C,O")
SMILES = ("CO", "CC(=O)Oc1ccccc1C(=O)O", "C[N+](C)(C)C", "[O-][n+]1ccccc1", "F/C=C/F")


JOB = '{"prmtop": "a.prmtop", "atoms": [0, 1, 2], "potential": "ani2x", "precision": "float32"}'
CAMPAIGN = "task: campaign\ntable: set.csv\ncolumns: {name: id}\npotential: ani2x\nrepeats: 1\n"
SIMULATION = "task: simulation\nprmtop: a.prmtop\ninpcrd: a.inpcrd\nml_mask: ':1'\nseed: 7\n"
CLUSTER = "scheduler: slurm\nqueue: short\njobs: 2\nwalltime: '01:00:00'\n"


def amber_files(folder: Path) -> None:
    """Make `gas` and `wet` with tleap, and the restarts and the trajectory of `wet`."""
    (folder / "in.leap").write_text(LEAP)
    run_program("tleap", ["-f", "in.leap"], folder=folder, log="leap.log")
    start = read_coordinates(folder / "wet.inpcrd", len(read_topology(folder / "wet.prmtop")))
    moving = Coordinates(
        start.positions, np.ones_like(start.positions), start.lengths, start.angles
    )
    write_restart(folder / "moving.rst7", moving, time=1.0)
    write_netcdf_restart(folder / "moving.ncrst", moving, RestartMetadata(1.0))
    gas = read_coordinates(folder / "gas.inpcrd")
    with TrajectoryWriter(folder / "gas.nc", gas, velocities=False) as writer:
        for k in range(12):
            writer.append(gas, float(k))


def result() -> str:
    """Return a made-up result.json."""
    sys.path.insert(0, str(TESTS / "unit" / "hydration" / "report"))
    from synthetic_report import result_of, synthetic_keys  # noqa: PLC0415

    return result_of(synthetic_keys()).to_json()


def sdf() -> bytes:
    """Return an SDF file."""
    from rdkit import Chem  # noqa: PLC0415
    from rdkit.Chem import AllChem  # noqa: PLC0415

    mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)[O-]"))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    return (Chem.MolToMolBlock(mol) + "$$$$\n").encode()


def torchscript(path: Path) -> bytes:
    """Write a module of springs between all atoms, and return its file."""
    import torch  # noqa: PLC0415

    class Springs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stiffness = torch.nn.Parameter(torch.tensor(5.0))

        def forward(self, positions: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
            gaps = positions[:, :, None] - positions[:, None]
            lengths = (gaps.pow(2).sum(-1) + 1e-6).sqrt()
            return self.stiffness * (lengths - 1.5).pow(2).sum((1, 2)) + 0.0 * numbers.sum()

    torch.jit.script(Springs()).save(str(path))
    return path.read_bytes()
