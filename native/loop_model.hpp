// SPDX-License-Identifier: MIT
// What does the loop know of a system? Plain data: shared by all instruction sets, no library template.
//
// A system is a box of rigid 3-site waters and of single atoms without constraints. The loop moves
// them; nonbonded forces and those of a potential are asked for by function pointers. Lengths in nm,
// energies in kJ/mol, times in ps, masses in dalton.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace merrow::loop {

constexpr int kBlock = 8;          // normal numbers come in a multiple of it, whatever the instruction set

enum Status { kDone, kNoMemory, kNotNumbers, kTooNarrow, kRaised };   // the first four as of the nonbonded kernel

// A triangle: O is `above` the centre of mass, both H are `below` it, `half` to either side.
struct RigidWater {
    double above, below, half;
    double part_o, part_h;         // of the mass
    double per_oh, per_hh;         // 1 over its sides
    double per_mass_o, per_mass_h;
    double inverse[9];             // of the matrix between impulses along the sides (OH, OH, HH) and their speeds
};

// Parameters that never change.
struct Model {
    int n_atoms, n_water, n_single;
    const int32_t *water, *single; // first atom of each water: O, H, H follow each other; all other atoms
    const double* per_mass;        // of the single atoms
    RigidWater rigid;
    double dt, keep, kick;         // keep: exp(-friction dt); kick: sqrt(kT (1 - keep^2)), of a mass of 1
};

struct Kernel {
    const char* isa;
    // 4 n normal numbers, n a multiple of kBlock; they depend on key and step alone.
    void (*normals)(const uint32_t* key, uint64_t step, int n, double* out);
    // One step of all atoms.
    void (*advance)(const Model&, const double* forces, const double* normals, double* x, double* v);
};

#if defined(MERROW_X86)
extern const Kernel kernel_avx512, kernel_avx2;
#endif
extern const Kernel kernel_baseline;

}  // namespace merrow::loop
