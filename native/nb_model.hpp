// SPDX-License-Identifier: MIT
// What does the kernel know of a system? Plain data: shared by all instruction sets, no library template.
//
// A system is a box of rigid waters of 3 or 4 sites and of single atoms: those of the solute, then ions.
// The solute's charges are scaled by lambda_elec, its Lennard-Jones pairs with all others are a soft core
// at lambda_sterics; nothing acts within it. Lengths in nm, energies in kJ/mol, charges multiplied by
// the square root of Coulomb's constant.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace merrow::nb {

constexpr int kDegree = 12;        // of the polynomials of the Ewald correction
constexpr int kOrder = 5;          // of the B-splines, as in OpenMM
constexpr int kMaxRadices = 16;

enum Energy { kDirect, kLennardJones, kSoftCore, kReciprocal, kSelf, kTail, kEnergies };

enum Status { kDone, kNoMemory, kNotNumbers, kTooNarrow };

// The box: vectors (x, 0, 0), (yx, y, 0) and (zx, zy, z); length is x, y, z.
struct Cell { double length[3], yx, zx, zy; };

// A pair of single atoms, one of which at least is an ion.
struct Pair {
    int32_t i, j;                  // of the single atoms
    double charge_product, sigma6, epsilon;
};

// Parameters that never change.
struct Model {
    int n_atoms, n_water, n_solute, n_single;   // single atoms: solute and ions
    const int32_t* water;          // first atom of each water: O, H, H (and an extra point) follow each other
    int n_sites;                   // 3, or 4 with an extra point
    int site[4];                   // which atom of a water is each site: charged ones, H and H, then O if it has no charge
    const int32_t* single;         // atoms of the solute, then ions
    const float* single_charge;    // at lambda_elec = 1
    const float *single_sigma6, *single_epsilon;   // with the O of water; epsilon 0 = none
    float charge_o, charge_h;      // of the site that is not H: O or the extra point
    float lj_a, lj_b;              // of O-O
    double cutoff, alpha, tail;    // tail: of all pairs but those of the solute [kJ nm3/mol]
    int grid[3];
    double buffer, centre;         // of the list; where between the first site and the middle of HH its points are
    int n_excluded;                // pairs of single atoms without direct terms: -erf only
    const int32_t* excluded;
    int n_pairs;
    const Pair* pairs;
    float force_poly[kDegree + 1], energy_poly[kDegree + 1];   // in u = 2 r2/rc2 - 1
};

struct FourierPlan {
    int n, n_radices, radix[kMaxRadices];
    float* twiddle;                // cos, sin pairs, pass after pass
};

// Memory that a handle owns; all but the list is sized when it is created.
struct Workspace {
    // molecules, in the order of the list
    float* sites;                  // records of waters (and one more, empty)
    float* forces;                 // records
    float *centre_x, *centre_y, *centre_z;
    int32_t *order, *scratch;      // molecule at each place
    double* image;                 // which image of the box each water (by place) and single atom is in
    float* single_x;               // x, y, z of the single atoms; then where they were at the list
    float* single_q;               // charges at the present lambda_elec
    float* single_f;               // vectors of partial forces
    double* single_total;          // and all forces, in double precision
    // list
    int32_t *begin, *end;          // of each water in entries
    uint32_t* entries;             // where the records of partners begin, in floats
    size_t capacity;
    uint32_t* near;                // the same of waters near single atoms
    int n_near, valid;
    Cell list_cell;
    double list_radius, list_reach;   // reach of a site from the point of its water
    float list_reach_o;            // and from its first site
    // mesh
    float *mesh, *re, *im, *influence, *splines, *slopes;
    int32_t *cell, *x_offset, *y_offset;
    float* buffer;                 // of one batch of Fourier transforms
    Cell influence_cell;
    int row;                       // floats in a row of the mesh
    FourierPlan plan[3];
    const double* moduli[3];
    int64_t n_lists;
};

// What u of all states is made of: U = A + linear lambda_elec + quadratic lambda_elec^2 + soft core.
struct Couplings {
    double linear, quadratic, sterics_slope, size_slope;   // tails are left to the caller
};

struct Kernel {
    const char* isa;
    int lanes;
    Status (*compute)(const Model&, Workspace&, const double* positions, const Cell& cell, double lambda_elec,
                      double lambda_sterics, double* forces, double* energies);
    Status (*record)(const Model&, Workspace&, const double* positions, const Cell& cell, double lambda_sterics,
                     int n_sterics, const double* sterics, Couplings* couplings, double* soft_core);
};

void grow_entries(Workspace&, size_t at_least);   // keeps what is there

#if defined(MERROW_X86)
extern const Kernel kernel_avx512, kernel_avx2;
#endif
extern const Kernel kernel_baseline;

}  // namespace merrow::nb
