// 8-bit kernels for x86-64 with AVX-512 VNNI: vpdpbusd on 512 bits.
#if defined(__x86_64__)
#include "CKernels.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512vnni,avx2,fma"))), \
                             apply_to = function)
#define LANES 16
#define INT8_ROWS 14
#define ACTIVATION_LIMIT 255
#define ACTIVATION_OFFSET 0
#define WEIGHT_LIMIT 127
#define ADDS_IN_LANES 0
#define INT8_KERNELS martlet_int8_avx512vnni_kernels
#define INT8_PEAK martlet_int8_avx512vnni_peak
#define INT8_NAME "avx512-vnni"
#define DOT(sums, a, b) (vi)_mm512_dpbusd_epi32((__m512i)(sums), (__m512i)(a), (__m512i)(b))
#define DOT2(sums, a, b, c, d) DOT(DOT(sums, a, b), c, d)
#include "Int8Body.h"
#pragma clang attribute pop
#endif
