# SPDX-License-Identifier: MIT
"""Thirty molecules of 3 to 52 atoms and one of 60: relaxed, far away, stretched and crowded."""

from __future__ import annotations

import numpy as np
from rdkit import Chem
from rdkit.Chem import AllChem

MOLECULES = (
    *("O", "C", "N", "CO", "C#N", "CC", "C=O", "CN", "CC=O", "CC#N", "CCO", "CC(C)=O", "C1CC1"),
    *("c1ccccc1", "Cc1ccccc1", "c1ccncc1", "Oc1ccccc1", "CC(=O)NC", "CC(=O)OC", "NC=O", "OO"),
    *("C1CCCCC1", "c1ccc2ccccc2c1", "CC(C)(C)C", "CC(=O)Oc1ccccc1C(=O)O", "CCCCCCCC"),
    *("Cn1cnc2c1c(=O)n(C)c(=O)n2C", "CC(C)Cc1ccc(cc1)C(C)C(=O)O"),
    *("COCCOc1cc2ncnc(Nc3cccc(C#C)c3)c2cc1OCCOC", "CC12CCC3C(CCC4=CC(=O)CCC34C)C1CCC2O"),
)


LARGEST = "CCCCCCCCCCCCCCCCCCCO"
"""Another one, of 60 atoms."""


def geometries(molecules=MOLECULES):
    """Yield names, atomic numbers and positions [Å], (R, N, 3): relaxed, stretched, crowded."""
    rng = np.random.default_rng(8)
    for smiles in molecules:
        mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
        AllChem.EmbedMolecule(mol, randomSeed=1)
        relaxed = np.array(mol.GetConformer().GetPositions())
        noise = rng.normal(0.0, 0.08, (4, *relaxed.shape))
        scales = np.array([1.0, 1.0, 1.45, 0.85])[:, None, None]
        far = np.array([0.0, 300.0, 0.0, -50.0])[:, None, None]
        numbers = tuple(atom.GetAtomicNum() for atom in mol.GetAtoms())
        yield smiles, numbers, relaxed * scales + noise + far
