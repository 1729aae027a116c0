// 8-bit kernels for x86-64 with AVX-VNNI: vpdpbusd on 256 bits.
#if defined(__x86_64__)
#include "CKernels.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma"))), apply_to = function)
#define LANES 8
#define INT8_ROWS 6
#define ACTIVATION_LIMIT 255
#define ACTIVATION_OFFSET 0
#define WEIGHT_LIMIT 127
#define ADDS_IN_LANES 0
#define INT8_KERNELS martlet_int8_avxvnni_kernels
#define INT8_PEAK martlet_int8_avxvnni_peak
#define INT8_NAME "avx-vnni"
#define DOT(sums, a, b) \
  (vi)_mm256_dpbusd_avx_epi32((__m256i)(sums), (__m256i)(a), (__m256i)(b))
#define DOT2(sums, a, b, c, d) DOT(DOT(sums, a, b), c, d)
#include "Int8Body.h"
#pragma clang attribute pop
#endif
