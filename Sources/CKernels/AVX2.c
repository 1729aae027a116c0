// Kernels for x86-64 with AVX2 and FMA: 6 x 16 register tiles.
#if defined(__x86_64__)
#include "CKernels.h"
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define WIDTH 8
#define ROWS 6
#define FUSED 1
#define KERNELS martlet_avx2_kernels
#define KERNELS_NAME "avx2"
#define KERNELS_ISA MARTLET_ISA_AVX2
#include "KernelBody.h"
#define PEAK martlet_avx2_kernels_peak
#include "PeakBody.h"
#pragma clang attribute pop
#endif
