// SPDX-License-Identifier: MIT
// What are the ANI energy and forces of these conformers? Compiled once for each instruction set.
//
// MERROW_ISA (baseline, avx2, avx512) and MERROW_LANES (floats in a vector) are given by the build.
// Everything but the one exported Kernel is in an anonymous namespace, and no C++ library template
// is used: see ani_model.hpp for why. Reference: Smith et al., 10.1039/C6SC05720A.

#include <string.h>

#include "ani_network.hpp"

#define MERROW_JOIN2(a, b) a##b
#define MERROW_JOIN(a, b) MERROW_JOIN2(a, b)
#define MERROW_TEXT2(a) #a
#define MERROW_TEXT(a) MERROW_TEXT2(a)

namespace merrow {
namespace {

constexpr int kBlockAtoms = 768;   // conformers are taken together until they have this many atoms

Rows zero_rows(const Model& model, Workspace& workspace, Slot slot, int n_conformers, float** of_species) {
    size_t size = 0;
    for (int s = 0; s < model.n_species; s++)
        size += size_t(n_conformers) * model.networks[s].n_atoms * model.networks[s].n_columns;
    float* p = static_cast<float*>(reserve(workspace, slot, (size + 1) * sizeof(float)));
    memset(p, 0, size * sizeof(float));
    for (int s = 0; s < model.n_species; s++) {
        of_species[s] = p;
        p += size_t(n_conformers) * model.networks[s].n_atoms * model.networks[s].n_columns;
    }
    return {of_species, &model};
}

void evaluate_block(const Model& model, Workspace& workspace, int n_conformers, const double* positions,
                    double* member_energies, double* forces) {
    float** rows = static_cast<float**>(reserve(workspace, kRows, 2 * model.n_species * sizeof(float*)));
    const Geometry geometry = build_geometry(model, workspace, n_conformers, positions);
    const Rows aev = zero_rows(model, workspace, kAev, n_conformers, rows);
    const Rows gradient = zero_rows(model, workspace, kAevGradient, n_conformers, rows + model.n_species);
    for (int i = 0; i < n_conformers * model.n_members; i++) member_energies[i] = model.self_energy;
    build_aevs(model, geometry, n_conformers, aev);
    run_networks(model, workspace, n_conformers, aev, gradient, member_energies);
    assemble_forces(model, geometry, n_conformers, gradient, forces);
}

void evaluate(const Model& model, Workspace& workspace, int n_conformers, const double* positions,
              double* member_energies, double* forces) {
    const int block = model.n_atoms < kBlockAtoms ? kBlockAtoms / model.n_atoms : 1;
    for (int c = 0; c < n_conformers; c += block) {
        const int n = n_conformers - c < block ? n_conformers - c : block;
        const size_t at = size_t(3) * model.n_atoms * c;
        evaluate_block(model, workspace, n, positions + at, member_energies + size_t(c) * model.n_members,
                       forces + at);
    }
}

}  // namespace

extern const Kernel MERROW_JOIN(kernel_, MERROW_ISA);
const Kernel MERROW_JOIN(kernel_, MERROW_ISA) = {MERROW_TEXT(MERROW_ISA), kLanes, evaluate};

}  // namespace merrow
