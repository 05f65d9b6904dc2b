// SPDX-License-Identifier: MIT
// What do the networks say about these AEVs, and how does their energy change with them?
// Included once for each instruction set by ani_kernel.cpp, all of it in an anonymous namespace.
#pragma once

#include "ani_symmetry.hpp"

namespace merrow {
namespace {

constexpr int kRowChunk = 96;      // rows whose activations stay in the L2 cache with the weights

// Matrices of weights B[depth, width] lie in blocks of kPadding rows and one vector of columns, row of
// blocks by row of blocks: the forward pass reads columns of blocks, the backward pass rows of them,
// and neither leaps by a power of two at every step, which would crowd a few sets of the cache.
constexpr size_t kBlock = size_t(kPadding) * kLanes;

// C[rows, NV vectors] = A[rows, depth] B, or += where `add`; the sum over depth has one order
// whatever the tile, so that a batch gives the bits of its single conformers.
template <int ROWS, int NV>
inline void multiply_tile(int width, int depth, const float* a, const float* b, float* c, bool add) {
    Vec total[ROWS][NV];
#pragma GCC unroll 12
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++) total[i][v] = Vec{};
    const size_t row_of_blocks = size_t(width) * kPadding;
    for (int block = 0; block < depth; block += kPadding, b += row_of_blocks)
#pragma GCC unroll 2
        for (int k = 0; k < kPadding; k++) {
            Vec column[NV];
#pragma GCC unroll 4
            for (int v = 0; v < NV; v++) {
                const float* p = b + v * kBlock + k * kLanes;
                column[v] = load(p);
                __builtin_prefetch(p + row_of_blocks);   // the hardware expects no leap
            }
#pragma GCC unroll 12
            for (int i = 0; i < ROWS; i++) {
                const Vec x = broadcast(a[size_t(i) * depth + block + k]);
#pragma GCC unroll 4
                for (int v = 0; v < NV; v++) total[i][v] += x * column[v];
            }
        }
#pragma GCC unroll 12
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++) {
            float* out = c + size_t(i) * width + v * kLanes;
            store(out, add ? load(out) + total[i][v] : total[i][v]);
        }
}

template <int ROWS, int NV>
void multiply_rows(int rows, int width, int depth, const float* a, const float* b, float* c, bool add) {
    for (; rows >= ROWS; rows -= ROWS, a += size_t(ROWS) * depth, c += size_t(ROWS) * width)
        multiply_tile<ROWS, NV>(width, depth, a, b, c, add);
    if constexpr (ROWS > 1)
        if (rows > 0) multiply_rows<ROWS - 1, NV>(rows, width, depth, a, b, c, add);
}

// Few rows: wide tiles, to have enough independent sums. Many: tall ones, to reuse B. The tiles
// fill the register file: 32 registers with AVX-512, 16 else.
constexpr int kTall = kLanes == 16 ? 12 : 6, kWide = kLanes == 16 ? 6 : 3;

void multiply(int rows, int width, int depth, const float* a, const float* b, float* c, bool add) {
    const int n_blocks = width / kLanes;
    int v = 0;
    if (rows <= kWide)
        for (; v + 4 <= n_blocks; v += 4)
            multiply_rows<kWide, 4>(rows, width, depth, a, b + v * kBlock, c + v * kLanes, add);
    for (; v + 2 <= n_blocks; v += 2)
        multiply_rows<kTall, 2>(rows, width, depth, a, b + v * kBlock, c + v * kLanes, add);
    if (v < n_blocks) multiply_rows<kTall, 1>(rows, width, depth, a, b + v * kBlock, c + v * kLanes, add);
}

// Rows and columns of sums that fill the register file together with what they need.
constexpr int kSumRows = kLanes == 16 ? 6 : 3, kSums = 4;

// C[rows, one vector] (+)= A[rows, depth] B', where b begins with the first of kLanes rows of B[width, depth].
template <int ROWS>
inline void multiply_transposed_tile(int width, int depth, const float* a, const float* b, float* c, bool add) {
    Vec part[ROWS][kLanes / kSums];
#pragma GCC unroll 4
    for (int q = 0; q < kLanes / kSums; q++, b += kSums * kLanes) {
        Vec total[ROWS][kSums];
#pragma GCC unroll 8
        for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
            for (int s = 0; s < kSums; s++) total[i][s] = Vec{};
        const float* block = b;
        for (int n = 0; n < depth; n += kLanes, block += kBlock) {
            Vec x[ROWS];
#pragma GCC unroll 8
            for (int i = 0; i < ROWS; i++) x[i] = load(a + size_t(i) * depth + n);
#pragma GCC unroll 8
            for (int s = 0; s < kSums; s++)
#pragma GCC unroll 8
                for (int i = 0; i < ROWS; i++) total[i][s] += x[i] * load(block + s * kLanes);
        }
#pragma GCC unroll 8
        for (int i = 0; i < ROWS; i++) part[i][q] = sums<kSums>(total[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++) {
        const Vec result = sums<kLanes / kSums, kSums>(part[i]);
        float* out = c + size_t(i) * width;
        store(out, add ? load(out) + result : result);
    }
}

template <int ROWS>
void multiply_transposed_rows(int rows, int width, int depth, const float* a, const float* b, float* c, bool add) {
    for (; rows >= ROWS; rows -= ROWS, a += size_t(ROWS) * depth, c += size_t(ROWS) * width)
        multiply_transposed_tile<ROWS>(width, depth, a, b, c, add);
    if constexpr (ROWS > 1)
        if (rows > 0) multiply_transposed_rows<ROWS - 1>(rows, width, depth, a, b, c, add);
}

// C[rows, width] (+)= A[rows, depth] B' with B[width, depth]: the backward pass with the weights of
// the forward pass. All rows of A meet some rows of B while these are in the nearest cache.
void multiply_transposed(int rows, int width, int depth, const float* a, const float* b, float* c, bool add) {
    for (int k = 0; k < width; k += kLanes) {
        const float* first = b + size_t(k / kPadding * kPadding) * depth + k % kPadding * kLanes;
        multiply_transposed_rows<kSumRows>(rows, width, depth, a, first, c + k, add);
    }
}

// celu with alpha = 0.1, in place
void add_bias_and_activate(int rows, int width, const float* bias, float* y) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < width; j += kLanes) {
            float* p = y + size_t(i) * width + j;
            const Vec x = load(p) + load(bias + j), zero = Vec{};
            store(p, x > zero ? x : 0.1f * (exp(10.f * (x > zero ? zero : x)) - 1.f));
        }
}

// The slope of celu from its value: exp(x / alpha) = celu / alpha + 1 below zero.
inline Vec activation_slope(Vec y) { return y > Vec{} ? broadcast(1.f) : 10.f * y + 1.f; }

struct Activations {
    float* layer[kMaxHidden];
    float *gradient, *other_gradient;
};

void network_forward(const Network& net, int member, int rows, const float* aev, const Activations& act) {
    const float* in = aev;
    for (int l = 0; l < net.n_hidden; l++) {
        const Layer& layer = net.hidden[l];
        const size_t size = size_t(layer.n_in) * layer.n_out;
        multiply(rows, layer.n_out, layer.n_in, in, layer.weights + member * size, act.layer[l], false);
        add_bias_and_activate(rows, layer.n_out, layer.bias + size_t(member) * layer.n_out, act.layer[l]);
        in = act.layer[l];
    }
}

// Energies of atoms, and the gradient by what went into the last activation.
void output_layer(const Network& net, int member, int rows, const Activations& act, double* atom_energy) {
    const int width = net.hidden[net.n_hidden - 1].n_out;
    const float* weights = net.last + size_t(member) * width;
    for (int i = 0; i < rows; i++) {
        const float* y = act.layer[net.n_hidden - 1] + size_t(i) * width;
        Vec total = Vec{};
        for (int j = 0; j < width; j += kLanes) {
            const Vec w = load(weights + j), value = load(y + j);
            total += w * value;
            store(act.gradient + size_t(i) * width + j, w * activation_slope(value));
        }
        atom_energy[i] = double(sum(total)) + net.last_bias[member];
    }
}

// From the gradient by what a layer gives to that by what it takes.
void layer_backward(const Layer& layer, int member, int rows, const float* a, float* c, bool add) {
    const float* weights = layer.weights + size_t(member) * layer.n_in * layer.n_out;
    multiply_transposed(rows, layer.n_in, layer.n_out, a, weights, c, add);
}

void network_backward(const Network& net, int member, int rows, Activations act, float* aev_gradient) {
    for (int l = net.n_hidden - 1; l > 0; l--) {
        const Layer& layer = net.hidden[l];
        const size_t size = size_t(rows) * layer.n_in;
        layer_backward(layer, member, rows, act.gradient, act.other_gradient, false);
        for (size_t i = 0; i < size; i += kLanes)
            store(act.other_gradient + i,
                  load(act.other_gradient + i) * activation_slope(load(act.layer[l - 1] + i)));
        float* swap = act.gradient;
        act.gradient = act.other_gradient, act.other_gradient = swap;
    }
    layer_backward(net.hidden[0], member, rows, act.gradient, aev_gradient, true);
}

// Adds to the energies (conformer, member) and to the AEV gradients, summed over members.
void run_networks(const Model& model, Workspace& workspace, int n_conformers, const Rows& aev,
                  const Rows& gradient, double* member_energies) {
    const size_t size = size_t(kRowChunk) * model.widest;
    float* memory = static_cast<float*>(
        reserve(workspace, kActivations, (model.deepest + 2) * size * sizeof(float)));
    Activations act;
    for (int l = 0; l < model.deepest; l++) act.layer[l] = memory + l * size;
    act.gradient = memory + model.deepest * size;
    act.other_gradient = act.gradient + size;
    double atom_energy[kRowChunk];
    for (int s = 0; s < model.n_species; s++) {
        const Network& net = model.networks[s];
        const int n_rows = n_conformers * net.n_atoms;
        for (int m = 0; m < model.n_members; m++)
            for (int begin = 0; begin < n_rows; begin += kRowChunk) {
                const int rows = n_rows - begin < kRowChunk ? n_rows - begin : kRowChunk;
                const size_t at = size_t(begin) * net.n_columns;
                network_forward(net, m, rows, aev.of_species[s] + at, act);
                output_layer(net, m, rows, act, atom_energy);
                network_backward(net, m, rows, act, gradient.of_species[s] + at);
                for (int i = 0; i < rows; i++)
                    member_energies[size_t((begin + i) / net.n_atoms) * model.n_members + m] += atom_energy[i];
            }
    }
}

}  // namespace
}  // namespace merrow
