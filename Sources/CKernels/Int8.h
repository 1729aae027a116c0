#pragma once
#include "CKernels.h"
#include <float.h>
#include <math.h>

// The rule by which weights are quantised: an output's row by its own scale or by its largest
// magnitude, input p's weights multiplied by input_scale[p] first where that is not null.
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
  float q = rintf((input_scale ? row[p] * input_scale[p] : row[p]) * inverse);
  return (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q);
}

// Takes from the largest of the weights of one sign that would overflow a 16-bit lane.
static inline void limit_lanes(int8_t *eight) {
  for (int half = 0; half < 2; half++) {
    int8_t *places[4] = {eight + 2 * half, eight + 2 * half + 1, eight + 2 * half + 4,
                         eight + 2 * half + 5};
    for (int sign = -1; sign <= 1; sign += 2) {
      for (;;) {
        int total = 0, largest = 0;
        for (int i = 0; i < 4; i++) {
          int q = *places[i] * sign;
          if (q > 0) total += q;
          if (q > *places[largest] * sign) largest = i;
        }
        if (total <= MARTLET_INT8_LANE_LIMIT) break;
        *places[largest] -= (int8_t)sign;
      }
    }
  }
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
#elif defined(__aarch64__)
extern const martlet_int8_kernels martlet_int8_neon_kernels;
extern const martlet_int8_kernels martlet_int8_neondot_kernels;
double martlet_int8_neon_peak(long iterations, float *sink);
double martlet_int8_neondot_peak(long iterations, float *sink);
#endif
