#pragma once
#include <stdint.h>

/// How products of bfloat16 numbers are computed, in rising order of preference.
typedef enum martlet_bf16_isa {
  MARTLET_BF16_PORTABLE = 0,
  MARTLET_BF16_AVX2 = 1,
  MARTLET_BF16_AVX512 = 2,
  /// CPUs that multiply bfloat16 numbers (vdpbf16ps).
  MARTLET_BF16_AVX512BF16 = 3,
  MARTLET_BF16_NEON = 4,
  /// CPUs that multiply bfloat16 numbers (bfdot).
  MARTLET_BF16_NEONDOT = 5,
} martlet_bf16_isa;

/// Rounded rows: a word holds elements 2p (low half) and 2p + 1 of a row, the last one a zero where
/// the row has an odd number.
typedef struct martlet_bf16_operand {
  const uint32_t *words;
  /// Words from a row to the next.
  long stride;
} martlet_bf16_operand;

/// Packed weights of a linear layer with n outputs and k inputs: panels of so many outputs, for each
/// pair of inputs a word an output, zeros behind the last input and output.
typedef struct martlet_bf16_weight {
  const uint32_t *panels;
  long k, n;
} martlet_bf16_weight;

struct martlet_kernels;
struct martlet_attention;
struct martlet_epilogue;

/// The bfloat16 kernels of one instruction set. No function allocates, locks or keeps state.
///
/// Numbers are rounded to the nearest bfloat16, halves to even; subnormal ones become zero, NaN stays
/// NaN. For each word the sum takes the product of the high halves, then that of the low halves, each
/// with one rounding to single precision: what vdpbf16ps is defined to do (Intel's manual, volume 2).
/// It also takes subnormal sums as zero, which the other sets do not. bfdot rounds otherwise, so that its
/// sums differ in their last bits.
typedef struct martlet_bf16_kernels {
  const char *name;
  /// Nonzero where the CPU multiplies bfloat16 numbers itself.
  int is_native;
  /// Outputs in a panel.
  long panel_columns;
  /// Rounds and packs weights[n, k], rows `stride` apart. `panels` has room for (k + 1) / 2 words times
  /// n rounded up to panels.
  void (*pack)(uint32_t *panels, const float *weights, long k, long n, long stride);
  /// Rounds rows of k floats, `stride` apart, into rows of words.
  void (*round)(uint32_t *words, long word_stride, const float *x, long rows, long k, long stride);
  /// C = A B for rows and panels of these ranges, then the epilogue, whose element-wise part runs on
  /// `floats`. The bits of an element do not depend on the ranges.
  void (*matmul)(const martlet_bf16_operand *a, const martlet_bf16_weight *b, float *c,
                 long c_stride, const struct martlet_epilogue *epilogue,
                 const struct martlet_kernels *floats, long first_row, long last_row,
                 long first_panel, long last_panel);
  /// As `attention` of single precision, both products in bfloat16 with single-precision sums. Without
  /// soft cap, relative tables, dropout and kept weights, which are not read.
  void (*attention)(const struct martlet_attention *a, const struct martlet_kernels *floats);
} martlet_bf16_kernels;

/// The bfloat16 kernels of an instruction set, or null when this CPU or build lacks it.
const martlet_bf16_kernels *martlet_bf16_kernels_for(martlet_bf16_isa isa);
/// Scratch floats that bfloat16 attention may use for a sequence of this length.
long martlet_bf16_attention_scratch(long length, long head_size);
/// As martlet_peak_operations, for bfloat16 products.
double martlet_bf16_peak_operations(martlet_bf16_isa isa, long iterations, float *sink);
