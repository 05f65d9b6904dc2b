// SPDX-License-Identifier: MIT
// What does the kernel know about one molecule? Plain data, shared by all instruction sets.
//
// Nothing here has inline functions: a header function compiled once with AVX-512 and once without
// would be merged by the linker, and a machine without AVX-512 might then run the wrong copy.
#pragma once

#include <cstddef>

namespace merrow {

constexpr int kRadial = 16;       // radial terms per neighbour element
constexpr int kAngular = 32;      // angular terms per pair of neighbour elements
constexpr int kPadding = 16;      // widths of layers are multiples of this, in every instruction set
constexpr int kMaxHidden = 8;     // hidden layers
constexpr int kAbsent = -1;       // offset of a block of AEV columns that no atom can ever fill

// One hidden layer of one element in all members. Weights B[n_in, n_out] lie in blocks of kPadding
// rows and one vector of columns: block (k, n) holds rows k * kPadding ..., columns n * lanes ... of B.
struct Layer {
    int n_in, n_out;              // padded widths
    const float* weights;         // (member, n_in / kPadding, n_out / lanes, kPadding, lanes)
    const float* bias;            // (member, n_out)
};

// The networks of one element; the last layer has one output and is a dot product.
struct Network {
    int n_atoms;                  // atoms of this element
    int n_columns;                // AEV columns that an atom of this element can fill
    int n_hidden;
    Layer hidden[kMaxHidden];
    const float* last;            // (member, last n_out)
    const float* last_bias;       // (member)
};

struct SymmetryFunctions {
    double radial_cutoff, angular_cutoff;
    float radial_eta, angular_eta, zeta;
    int n_sections;
    float radial_shift[kRadial];
    float angular_shift[kAngular];   // of each angular term
    float half_section_cos[kAngular], half_section_sin[kAngular];   // of half the angle
};

struct Model {
    int n_atoms, n_species, n_members;
    SymmetryFunctions functions;
    const int* species;           // (atom), 0 ... n_species - 1
    const int* rank;              // (atom), its number among the atoms of its species
    const int* radial_offset;     // (centre, neighbour) -> first AEV column, or kAbsent
    const int* angular_offset;    // (centre, neighbour, neighbour) -> first AEV column, or kAbsent
    const Network* networks;      // (species)
    int widest;                   // widest layer or AEV
    int deepest;                  // most hidden layers
    double self_energy;           // sum over atoms [Hartree]
};

// Scratch memory that grows and is never cleared; one for each thread.
enum Slot { kPairs, kPairBegin, kNeighbours, kNeighbourBegin, kAev, kAevGradient, kRows, kActivations, kSlots };
struct Workspace {
    void* data[kSlots];
    size_t bytes[kSlots];
};
void* reserve(Workspace& workspace, Slot slot, size_t bytes);   // contents are lost; may throw

// One instruction set. Energies (conformer, member) and forces (conformer, atom, xyz) are float64.
struct Kernel {
    const char* isa;
    int lanes;
    void (*evaluate)(const Model&, Workspace&, int n_conformers, const double* positions,
                     double* member_energies, double* forces);
};

extern const Kernel kernel_baseline;
extern const Kernel kernel_avx2;
extern const Kernel kernel_avx512;

}  // namespace merrow
