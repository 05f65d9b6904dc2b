// SPDX-License-Identifier: MIT
// How is the kernel reached from outside? Memory, packing of weights, choice of instruction set, C ABI.

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "ani_model.hpp"
#include "library.hpp"

namespace merrow {

void* reserve(Workspace& workspace, Slot slot, size_t bytes) {
    if (bytes > workspace.bytes[slot]) {
        std::free(workspace.data[slot]);
        workspace.data[slot] = nullptr;
        workspace.bytes[slot] = 0;
        const size_t size = (bytes + bytes / 4 + 63) / 64 * 64;
        if (!(workspace.data[slot] = std::aligned_alloc(64, size))) throw std::bad_alloc();
        workspace.bytes[slot] = size;
    }
    return workspace.data[slot];
}

namespace {

// One workspace for each thread, so that threads may share a handle.
struct ThreadWorkspace : Workspace {
    ThreadWorkspace() : Workspace{} {}
    ~ThreadWorkspace() {
        for (void* p : data) std::free(p);
    }
};
thread_local ThreadWorkspace workspace;

// Zeroed memory for the weights of one layer, on the border of a cache line.
class Weights {
   public:
    explicit Weights(size_t n) {
        const size_t size = (n * sizeof(float) / 64 + 1) * 64;
        if (!(data_ = static_cast<float*>(std::aligned_alloc(64, size)))) throw std::bad_alloc();
        std::memset(data_, 0, size);
    }
    Weights(const Weights&) = delete;
    Weights(Weights&& other) noexcept : data_(other.data_) { other.data_ = nullptr; }
    ~Weights() { std::free(data_); }
    float* data() const { return data_; }

   private:
    float* data_;
};

struct Handle {
    Model model{};
    const Kernel* kernel = nullptr;
    std::vector<int> species, rank, radial_offset, angular_offset;
    std::vector<Network> networks;
    std::vector<Weights> weights;
};

int padded(int n) { return (n + kPadding - 1) / kPadding * kPadding; }

float* new_weights(Handle& handle, size_t n) {
    handle.weights.emplace_back(n);
    return handle.weights.back().data();
}

#if defined(MERROW_X86)
constexpr const Kernel* kKernels[] = {&kernel_avx512, &kernel_avx2, &kernel_baseline};
#else
constexpr const Kernel* kKernels[] = {&kernel_baseline};
#endif

template <class Function>
int guarded(Function&& function) {   // no exception may cross the C ABI
    try {
        function();
        return 0;
    } catch (...) {
        return 1;
    }
}

}  // namespace
}  // namespace merrow

using namespace merrow;

// Changes with every change of the functions below; native.py refuses another number.
MERROW_EXPORT int merrow_ani_abi() { return 1; }

MERROW_EXPORT int merrow_ani_supports(const char* isa) { return find_kernel(kKernels, isa) != nullptr; }

// Offsets are those of Model. constants: radial cutoff, angular cutoff, radial eta, angular eta,
// zeta, self energy, then radial shifts (16), shift and section of each angular term (32 + 32).
// Returns null where memory or the instruction set is missing.
MERROW_EXPORT Handle* merrow_ani_create(const char* isa, int n_atoms, int n_species, int n_members, int n_sections,
                                    const int* species, const int* n_columns, const int* radial_offset,
                                    const int* angular_offset, const double* constants) {
    Handle* handle = nullptr;
    const int status = guarded([&] {
        handle = new Handle;
        if (!(handle->kernel = find_kernel(kKernels, isa))) throw std::bad_alloc();
        handle->species.assign(species, species + n_atoms);
        handle->radial_offset.assign(radial_offset, radial_offset + n_species * n_species);
        handle->angular_offset.assign(angular_offset, angular_offset + n_species * n_species * n_species);
        handle->networks.assign(n_species, Network{});
        for (int s = 0; s < n_species; s++) handle->networks[s].n_columns = n_columns[s];
        for (int s : handle->species) handle->rank.push_back(handle->networks[s].n_atoms++);
        Model& m = handle->model;
        m.n_atoms = n_atoms, m.n_species = n_species, m.n_members = n_members;
        m.species = handle->species.data(), m.rank = handle->rank.data();
        m.radial_offset = handle->radial_offset.data(), m.angular_offset = handle->angular_offset.data();
        m.networks = handle->networks.data();
        m.self_energy = constants[5];
        SymmetryFunctions& f = m.functions;
        f.radial_cutoff = constants[0], f.angular_cutoff = constants[1];
        f.radial_eta = float(constants[2]), f.angular_eta = float(constants[3]), f.zeta = float(constants[4]);
        f.n_sections = n_sections;
        const double *shift = constants + 6, *section = shift + kRadial + kAngular;
        for (int i = 0; i < kRadial; i++) f.radial_shift[i] = float(shift[i]);
        for (int i = 0; i < kAngular; i++) {
            f.angular_shift[i] = float(shift[kRadial + i]);
            f.half_section_cos[i] = float(std::cos(0.5 * section[i]));
            f.half_section_sin[i] = float(std::sin(0.5 * section[i]));
        }
    });
    if (status) {
        delete handle;
        return nullptr;
    }
    return handle;
}

// Adds the next hidden layer of a species: weight (member, n_in, n_out), bias (member, n_out).
MERROW_EXPORT int merrow_ani_add_hidden(Handle* handle, int species, int n_in, int n_out, const float* weight,
                                    const float* bias) {
    return guarded([&] {
        Network& net = handle->networks[species];
        if (net.n_hidden == kMaxHidden) throw std::bad_alloc();
        const int members = handle->model.n_members, lanes = handle->kernel->lanes;
        const size_t in = padded(n_in), out = padded(n_out);
        float* blocks = new_weights(*handle, members * in * out);
        float* biases = new_weights(*handle, members * out);
        for (int m = 0; m < members; m++) {
            for (size_t k = 0; k < size_t(n_in); k++)
                for (size_t n = 0; n < size_t(n_out); n++) {
                    const size_t row = m * in * out + k / kPadding * kPadding * out;
                    blocks[row + n / lanes * lanes * kPadding + k % kPadding * lanes + n % lanes] = weight[(size_t(m) * n_in + k) * n_out + n];
                }
            std::memcpy(biases + m * out, bias + size_t(m) * n_out, n_out * sizeof(float));
        }
        net.hidden[net.n_hidden++] = {int(in), int(out), blocks, biases};
        Model& model = handle->model;
        for (int width : {int(in), int(out)})
            if (width > model.widest) model.widest = width;
        if (net.n_hidden > model.deepest) model.deepest = net.n_hidden;
    });
}

// Sets the last layer of a species, after all hidden ones: weight (member, n_in), bias (member).
MERROW_EXPORT int merrow_ani_set_last(Handle* handle, int species, int n_in, const float* weight, const float* bias) {
    return guarded([&] {
        Network& net = handle->networks[species];
        const int members = handle->model.n_members;
        float* last = new_weights(*handle, members * size_t(padded(n_in)));
        float* last_bias = new_weights(*handle, members);
        for (int m = 0; m < members; m++)
            std::memcpy(last + size_t(m) * padded(n_in), weight + size_t(m) * n_in, n_in * sizeof(float));
        std::memcpy(last_bias, bias, members * sizeof(float));
        net.last = last, net.last_bias = last_bias;
    });
}

// positions (conformer, atom, xyz) [Angstrom] -> member energies (conformer, member) [Hartree] and
// forces of the ensemble mean (conformer, atom, xyz) [Hartree/Angstrom]; 0, or 1 without memory.
MERROW_EXPORT int merrow_ani_evaluate(const Handle* handle, int n_conformers, const double* positions,
                                  double* member_energies, double* forces) {
    return guarded([&] {
        const FlushTinyNumbers flush;
        handle->kernel->evaluate(handle->model, workspace, n_conformers, positions, member_energies, forces);
    });
}

MERROW_EXPORT void merrow_ani_destroy(Handle* handle) { delete handle; }
