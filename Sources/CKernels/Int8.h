#pragma once
#include "CKernels.h"
#include <math.h>

// The rule by which weights are quantised: an output's row by its largest magnitude, input p's
// weights multiplied by input_scale[p] first where that is not null.
static inline float weight_peak(const float *row, long k, const float *input_scale) {
  float top = 0;
  for (long p = 0; p < k; p++) {
    float w = fabsf(input_scale ? row[p] * input_scale[p] : row[p]);
    top = w > top ? w : top;
  }
  return top;
}

static inline int8_t weight_step(const float *row, long p, const float *input_scale,
                                 float inverse) {
  return (int8_t)lrintf((input_scale ? row[p] * input_scale[p] : row[p]) * inverse);
}

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
