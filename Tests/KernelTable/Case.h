// What a case records, and the numbers it draws.
#pragma once
#include <stdint.h>

#include "CKernels.h"

/// Results of one case: with what they should be, NaN where only the portable kernels say.
typedef struct results {
  float *got;
  double *want;
  long count, room;
} results;

void record(results *out, float got, double want);
/// Only the portable kernels say what these should be.
void record_all(results *out, const float *got, long count);
void free_results(results *out);

/// Numbers in [-1, 1] from a seed: SplitMix64 (Steele, Lea and Flood, 2014).
float *drawn(long count, uint64_t seed);
float *zeros(long count);
/// On a cache line, as scratch and panels are.
void *aligned(long bytes);

/// Fills `out` for one set of kernels; `tolerance` is of the case's largest number, at least 1.
typedef struct float_case {
  const char *name;
  void (*run)(const martlet_kernels *kernels, results *out);
  double tolerance;
} float_case;

extern const float_case martlet_product_cases[], martlet_row_cases[], martlet_attention_cases[];

typedef struct bf16_case {
  const char *name;
  void (*run)(const martlet_bf16_kernels *kernels, const martlet_kernels *floats, results *out);
  /// Where sums are defined bit by bit, and where the CPU has an order and rounding of its own.
  double tolerance, own_tolerance;
} bf16_case;
extern const bf16_case martlet_bf16_cases[];

typedef struct int8_case {
  const char *name;
  void (*run)(const martlet_int8_kernels *kernels, const martlet_kernels *floats, results *out);
  /// For kernels of 8 bits, and for those whose weights have 7.
  double tolerance, narrow_tolerance;
} int8_case;
extern const int8_case martlet_int8_cases[];

/// f(x) in double precision.
double activated(double x, martlet_activation activation);
/// softmax(scale q k^T) v of rows of `size` numbers, in double precision.
void plain_attention(const martlet_attention *a, double *output);
