// SPDX-License-Identifier: MIT
// What do the libraries share? The choice of an instruction set, and of what becomes of tiny numbers.
//
// For the parts that are compiled once, not for the kernels (see ani_model.hpp for why).
#pragma once

#include <cstring>

#if defined(MERROW_X86)
#include <xmmintrin.h>
#endif

#define MERROW_EXPORT extern "C" __attribute__((visibility("default")))

namespace merrow {

inline bool runs_here(const char* isa) {
#if defined(MERROW_X86)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (!std::strcmp(isa, "avx2")) return avx2;
    if (!std::strcmp(isa, "avx512"))
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    return !std::strcmp(isa, "baseline");
}

// The kernel of an instruction set, if it was compiled and this processor has it; null otherwise.
template <class Kernel, int kCount> const Kernel* find_kernel(const Kernel* const (&kernels)[kCount], const char* isa) {
    for (const Kernel* kernel : kernels)
        if (!std::strcmp(kernel->isa, isa) && runs_here(isa)) return kernel;
    return nullptr;
}

// Treats numbers below 1e-38 as zero while it lives: tails are full of them, and x86 processors take a
// hundred times longer for each.
class FlushTinyNumbers {
#if defined(MERROW_X86)
   public:
    FlushTinyNumbers() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
    ~FlushTinyNumbers() { _mm_setcsr(before_); }
    FlushTinyNumbers(const FlushTinyNumbers&) = delete;

   private:
    unsigned before_;
#endif
};

}  // namespace merrow
