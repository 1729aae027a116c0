#pragma once
#include "CKernels.h"

extern const martlet_bf16_kernels martlet_bf16_portable_kernels;
double martlet_bf16_portable_peak(long iterations, float *sink);
#if defined(__x86_64__)
extern const martlet_bf16_kernels martlet_bf16_avx2_kernels;
extern const martlet_bf16_kernels martlet_bf16_avx512_kernels;
extern const martlet_bf16_kernels martlet_bf16_avx512bf16_kernels;
double martlet_bf16_avx2_peak(long iterations, float *sink);
double martlet_bf16_avx512_peak(long iterations, float *sink);
double martlet_bf16_avx512bf16_peak(long iterations, float *sink);
#elif defined(__aarch64__)
extern const martlet_bf16_kernels martlet_bf16_neon_kernels;
extern const martlet_bf16_kernels martlet_bf16_neondot_kernels;
double martlet_bf16_neon_peak(long iterations, float *sink);
double martlet_bf16_neondot_peak(long iterations, float *sink);
#endif

/// Query rows and keys that bfloat16 attention has at hand at a time. Keys are whole panels.
#define MARTLET_BF16_QUERIES 28
#define MARTLET_BF16_KEYS 512
