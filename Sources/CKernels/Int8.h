#pragma once
#include "CKernels.h"

extern const martlet_int8_kernels martlet_int8_portable_kernels;
double martlet_int8_portable_peak(long iterations, float *sink);
#if defined(__x86_64__)
extern const martlet_int8_kernels martlet_int8_avx2_kernels;
extern const martlet_int8_kernels martlet_int8_avxvnni_kernels;
extern const martlet_int8_kernels martlet_int8_avx512vnni_kernels;
double martlet_int8_avx2_peak(long iterations, float *sink);
double martlet_int8_avxvnni_peak(long iterations, float *sink);
double martlet_int8_avx512vnni_peak(long iterations, float *sink);
#endif
