// 8-bit kernels for x86-64 with AVX2. vpmaddubsw adds two products in 16 bits and saturates; with
// 7-bit weights the largest sum, 2 * 255 * 63, fits, so nothing is lost. (7-bit activations would fit
// as well, but their range is set by outliers, and they cost more accuracy.)
#if defined(__x86_64__)
#include "CKernels.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LANES 8
#define INT8_ROWS 4
#define ACTIVATION_LIMIT 255
#define WEIGHT_LIMIT 63
#define INT8_KERNELS martlet_int8_avx2_kernels
#define INT8_PEAK martlet_int8_avx2_peak
#define INT8_NAME "avx2"
#define DOT(sums, a, b) \
  (vi)_mm256_add_epi32((__m256i)(sums), \
                       _mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)(a), (__m256i)(b)), \
                                         _mm256_set1_epi16(1)))
#include "Int8Body.h"
#pragma clang attribute pop
#endif
