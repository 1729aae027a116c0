// 8-bit kernels for x86-64 with AVX2. vpmaddubsw adds two products in 16 bits, and adding two of its
// results before they are widened spares a third of the work. Nothing overflows, because weights that
// meet in a lane are bounded together (see MARTLET_INT8_LANE_LIMIT): bounding each alone would leave
// 7 bits to both operands.
#if defined(__x86_64__)
#include "CKernels.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LANES 8
#define INT8_ROWS 4
#define ACTIVATION_LIMIT MARTLET_INT8_LANE_ACTIVATION
#define ACTIVATION_OFFSET 0
#define WEIGHT_LIMIT MARTLET_INT8_LANE_WEIGHT
#define ADDS_IN_LANES 1
#define INT8_KERNELS martlet_int8_avx2_kernels
#define INT8_PEAK martlet_int8_avx2_peak
#define INT8_NAME "avx2"
#define ADD_WIDENED(sums, products) \
  (vi)_mm256_add_epi32((__m256i)(sums), _mm256_madd_epi16((products), _mm256_set1_epi16(1)))
#define DOT(sums, a, b) \
  ADD_WIDENED(sums, _mm256_maddubs_epi16((__m256i)(a), (__m256i)(b)))
#define DOT2(sums, a, b, c, d) \
  ADD_WIDENED(sums, _mm256_add_epi16(_mm256_maddubs_epi16((__m256i)(a), (__m256i)(b)), \
                                     _mm256_maddubs_epi16((__m256i)(c), (__m256i)(d))))
#include "Int8Body.h"
#pragma clang attribute pop
#endif
