// Kernels for x86-64 with AVX-512F: 14 x 32 register tiles.
#if defined(__x86_64__)
#include "CKernels.h"
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)
#define WIDTH 16
#define ROWS 14
#define FUSED 1
#define KERNELS martlet_avx512_kernels
#define KERNELS_NAME "avx512"
#define KERNELS_ISA MARTLET_ISA_AVX512
#include "KernelBody.h"
#define PEAK martlet_avx512_kernels_peak
#include "PeakBody.h"
#pragma clang attribute pop
#endif
