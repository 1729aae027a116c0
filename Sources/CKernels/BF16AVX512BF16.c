// bfloat16 kernels for x86-64 with AVX-512 BF16: vdpbf16ps on 512 bits.
#if defined(__x86_64__)
#include "CKernels.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bf16,avx2,fma"))), \
                             apply_to = function)
#define WIDTH 16
#define ROWS 14
#define FUSED 1
#define DOT(sums, a, b) \
  (vf)_mm512_dpbf16_ps((__m512)(sums), (__m512bh)(a), (__m512bh)(b))
#define ROUNDED(x) (vh)_mm512_cvtneps_pbh((__m512)(x))
#define BF16_KERNELS martlet_bf16_avx512bf16_kernels
#define BF16_PEAK martlet_bf16_avx512bf16_peak
#define BF16_NAME "avx512-bf16"
#define BF16_IS_NATIVE 1
#include "BF16Body.h"
#pragma clang attribute pop
#endif
