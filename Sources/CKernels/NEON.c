// Kernels for aarch64, all of whose CPUs have 128-bit vectors and fused multiply-add: 12 x 8 register
// tiles.
#if defined(__aarch64__)
#include "CKernels.h"
#define WIDTH 4
#define ROWS 12
#define FUSED 1
#define KERNELS martlet_neon_kernels
#define KERNELS_NAME "neon"
#define KERNELS_ISA MARTLET_ISA_NEON
#include "KernelBody.h"
#define PEAK martlet_neon_kernels_peak
#include "PeakBody.h"
#endif
