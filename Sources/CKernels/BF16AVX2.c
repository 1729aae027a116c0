// bfloat16 kernels for x86-64 with AVX2 and FMA: words are taken apart into single precision.
#if defined(__x86_64__)
#include "CKernels.h"
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define WIDTH 8
#define ROWS 4
#define FUSED 1
#define DOT(sums, a, b) dot_by_parts((sums), (a), (b))
#define ROUNDED(x) rounded_by_parts(x)
#define BF16_KERNELS martlet_bf16_avx2_kernels
#define BF16_PEAK martlet_bf16_avx2_peak
#define BF16_NAME "avx2"
#define BF16_IS_NATIVE 0
#include "BF16Body.h"
#pragma clang attribute pop
#endif
