#!/usr/bin/env bash
# A ligand in its protein: AMBER files from protein.pdb and ligand.sdf, then dynamics and analysis.
#   --protein    PDB or mmCIF file                  --ligand     SDF, MOL or MOL2 file of the pose, with hydrogens
#   --ph         pH that decides protonation        --buffer     water around the complex [A]
#   --ions       salt beside counter-ions [mol/l]   --implicit   no water box
#   --remove     residues to leave out: GOL,SO4     --waters     crystal waters: keep or none
#   --charges    of the ligand: bcc, abcg2, file    --protein-ff ff14SB or ff19SB
set -e
merrow prepare complex --protein protein.pdb --ligand ligand.sdf --out complex \
  --ph 7.4 --buffer 10.0 --ions 0.15 --waters keep --charges bcc --protein-ff ff14SB

# What follows takes hours; check the expected cost first with --dry-run:
# merrow simulate -p complex/solvated.prmtop -c complex/solvated.inpcrd \
#   --ml-mask :LIG --potential ani2x --mm-reference --length 1000 --out sim
# merrow analyze -p complex/solvated.prmtop -y sim/ml_mm --mm-reference sim/mm \
#   --pdb protein.pdb --ligand-mask :LIG --out analysis
# merrow init mmpbsa > mmpbsa.sh
