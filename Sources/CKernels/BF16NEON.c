// bfloat16 kernels for any aarch64: words are taken apart into single precision.
#if defined(__aarch64__)
#include "CKernels.h"
#define WIDTH 4
#define ROWS 12
#define FUSED 1
#define DOT(sums, a, b) dot_by_parts((sums), (a), (b))
#define ROUNDED(x) rounded_by_parts(x)
#define BF16_KERNELS martlet_bf16_neon_kernels
#define BF16_PEAK martlet_bf16_neon_peak
#define BF16_NAME "neon"
#define BF16_IS_NATIVE 0
#include "BF16Body.h"
#endif
