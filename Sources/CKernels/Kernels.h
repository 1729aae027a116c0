#pragma once
#include "CKernels.h"

extern const martlet_kernels martlet_portable_kernels;
#if defined(__x86_64__)
extern const martlet_kernels martlet_avx2_kernels;
extern const martlet_kernels martlet_avx512_kernels;
double martlet_avx2_kernels_peak(long iterations, float *sink);
double martlet_avx512_kernels_peak(long iterations, float *sink);
#elif defined(__aarch64__)
extern const martlet_kernels martlet_neon_kernels;
double martlet_neon_kernels_peak(long iterations, float *sink);
#endif

double martlet_portable_kernels_peak(long iterations, float *sink);

/// The largest blocks of any instruction set, for which scratch is sized.
#define MARTLET_TALLEST_BLOCK 28
#define MARTLET_WIDEST_PANEL 32
/// Keys that inference has at hand at a time: with their values, and a block's scores, they stay in a
/// second-level cache. A multiple of all panels.
#define MARTLET_ATTENTION_KEYS 1024
/// Blocks of the forward pass that make one of the backward pass.
#define MARTLET_GRADIENT_BLOCKS 2

/// Keys of a text of this length that inference has at hand at a time.
static inline long martlet_attention_keys(long length) {
  return length < MARTLET_ATTENTION_KEYS ? length : MARTLET_ATTENTION_KEYS;
}

/// Floats between rows of scores, of which `band` are needed for all keys: an odd number of cache lines, so
/// that rows do not fall on the same few of a cache's sets.
static inline long martlet_attention_width(long band) {
  return ((martlet_attention_keys(band) + 15) / 16 | 1) * 16;
}

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
