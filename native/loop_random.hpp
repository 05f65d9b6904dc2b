// SPDX-License-Identifier: MIT
// Which random numbers come in which step? Counter-based: each block of four is a function of key,
// step and its own number (Philox4x32-10, Salmon et al., 10.1145/2063384.2063405), so they do not
// depend on what was drawn before, nor on threads, nor on the width of vectors.
#pragma once

#include "loop_model.hpp"

namespace merrow::loop {
namespace {

enum Stream { kMotion, kVolume };   // who draws

constexpr uint64_t kMultiplier[2] = {0xD2511F53u, 0xCD9E8D57u}, kWeyl[2] = {0x9E3779B9u, 0xBB67AE85u};
constexpr int kRounds = 10;

// Four times 32 bits in c, each in an integer of 64 (or in the lanes of a vector of them).
template <class Number, class Product>
inline void philox(Number* c, const uint32_t* key, Product product) {
    uint64_t k[2] = {key[0], key[1]};
    for (int round = 0; round < kRounds; round++) {
        const Number p0 = product(c[0], kMultiplier[0] + Number{}), p1 = product(c[2], kMultiplier[1] + Number{});
        c[0] = (p1 >> 32) ^ c[1] ^ k[0];
        c[2] = (p0 >> 32) ^ c[3] ^ k[1];
        c[1] = p1 & 0xffffffffu;
        c[3] = p0 & 0xffffffffu;
        for (int i = 0; i < 2; i++) k[i] = (k[i] + kWeyl[i]) & 0xffffffffu;
    }
}

}  // namespace
}  // namespace merrow::loop
