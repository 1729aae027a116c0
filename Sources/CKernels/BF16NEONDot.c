// bfloat16 kernels for aarch64 with FEAT_BF16: bfdot, which rounds both products and their sum to odd
// (Arm's manual, BFDotAdd), so that its bits are its own.
#if defined(__aarch64__)
#include "CKernels.h"
#include <arm_neon.h>
#pragma clang attribute push(__attribute__((target("bf16"))), apply_to = function)
#define WIDTH 4
#define ROWS 12
#define FUSED 1
#define DOT(sums, a, b) \
  (vf)vbfdotq_f32((float32x4_t)(sums), (bfloat16x8_t)(a), (bfloat16x8_t)(b))
#define ROUNDED(x) rounded_by_parts(x)
#define BF16_KERNELS martlet_bf16_neondot_kernels
#define BF16_PEAK martlet_bf16_neondot_peak
#define BF16_NAME "neon-bf16"
#define BF16_IS_NATIVE 1
#include "BF16Body.h"
#pragma clang attribute pop
#endif
