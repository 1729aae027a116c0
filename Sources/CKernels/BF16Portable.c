// bfloat16 kernels for any CPU.
#pragma clang fp contract(off)
#define WIDTH 4
#define ROWS 4
#define FUSED 0
#define DOT(sums, a, b) dot_by_parts((sums), (a), (b))
#define ROUNDED(x) rounded_by_parts(x)
#define BF16_KERNELS martlet_bf16_portable_kernels
#define BF16_PEAK martlet_bf16_portable_peak
#define BF16_NAME "portable"
#define BF16_IS_NATIVE 0
#include "BF16Body.h"
