// 8-bit kernels for aarch64 with FEAT_DotProd: sdot.
#if defined(__aarch64__)
#include "CKernels.h"
#include <arm_neon.h>
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define LANES 4
#define INT8_ROWS 12
#define ACTIVATION_LIMIT 255
#define ACTIVATION_OFFSET 128
#define WEIGHT_LIMIT 127
#define ADDS_IN_LANES 0
#define INT8_KERNELS martlet_int8_neondot_kernels
#define INT8_PEAK martlet_int8_neondot_peak
#define INT8_NAME "neon-dotprod"
#define DOT(sums, a, b) (vi)vdotq_s32((int32x4_t)(sums), (int8x16_t)(a), (int8x16_t)(b))
#define DOT2(sums, a, b, c, d) DOT(DOT(sums, a, b), c, d)
#include "Int8Body.h"
#pragma clang attribute pop
#endif
