#!/usr/bin/env bash
# An end-point binding energy of the frames run.nc of complex.prmtop, by AmberTools' MMPBSA.
#   --ligand-mask  AMBER mask of the ligand         --method     gb, pb, or gb,pb
#   --igb          GB model: 1, 2, 5, 7 or 8        --salt       ionic strength [mol/l]
#   --surface-tension  nonpolar term [kcal/mol/A2]  --stride     read every n-th frame
#   --decompose    split GB energies by residue     --mm-reference FILE  the same with MM alone
#   --free-ligand FILE --free-ligand-prmtop FILE    the ligand by itself: adds its strain
# `merrow mmpbsa ... --dry-run` prints the expected cost.
set -e
merrow mmpbsa -p complex.prmtop -y run.nc --ligand-mask :LIG --out binding \
  --method gb --igb 5 --salt 0.15 --surface-tension 0.0072 --stride 1
