// 8-bit kernels for any aarch64. Products of signed bytes are widened to 16 bits, where the sum of two
// neighbours still fits: 2 * 128 * 127 < 2^15.
#if defined(__aarch64__)
#include "CKernels.h"
#include <arm_neon.h>
#define LANES 4
#define INT8_ROWS 6
#define ACTIVATION_LIMIT 255
#define ACTIVATION_OFFSET 128
#define WEIGHT_LIMIT 127
#define ADDS_IN_LANES 0
#define INT8_KERNELS martlet_int8_neon_kernels
#define INT8_PEAK martlet_int8_neon_peak
#define INT8_NAME "neon"
#define PRODUCTS(a, b) \
  vpaddq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)), vmull_high_s8((a), (b)))
#define DOT(sums, a, b) \
  (vi)vpadalq_s16((int32x4_t)(sums), PRODUCTS((int8x16_t)(a), (int8x16_t)(b)))
#define DOT2(sums, a, b, c, d) DOT(DOT(sums, a, b), c, d)
#include "Int8Body.h"
#endif
