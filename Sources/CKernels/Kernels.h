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

/// The largest blocks of any instruction set, for which scratch is sized.
#define MARTLET_TALLEST_BLOCK 28
#define MARTLET_WIDEST_PANEL 32
/// Blocks of the forward pass that make one of the backward pass.
#define MARTLET_GRADIENT_BLOCKS 2

/// Consecutive rows of a table.
typedef struct martlet_row_range {
  long low, count;
} martlet_row_range;

/// The rows that distances [from, to] are mapped to, and what lies between them.
static inline martlet_row_range martlet_rows_for(const int32_t *rows, long from, long to) {
  long low = rows[from], high = low;
  for (long distance = from + 1; distance <= to; distance++) {
    if (rows[distance] < low) low = rows[distance];
    if (rows[distance] > high) high = rows[distance];
  }
  return (martlet_row_range){low, high - low + 1};
}

/// The farthest distance to one side at which blocks of a sequence compute scores, seen or not.
static inline long martlet_attention_reach(long window, long length) {
  long reach = window + MARTLET_TALLEST_BLOCK + MARTLET_WIDEST_PANEL;
  return reach < length - 1 ? reach : length - 1;
}
