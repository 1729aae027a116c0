#pragma once
#include "CKernels.h"

extern const martlet_kernels martlet_portable_kernels;
#if defined(__x86_64__)
extern const martlet_kernels martlet_avx2_kernels;
extern const martlet_kernels martlet_avx512_kernels;
#endif

double martlet_portable_kernels_peak(long iterations, float *sink);
double martlet_avx2_kernels_peak(long iterations, float *sink);
double martlet_avx512_kernels_peak(long iterations, float *sink);
