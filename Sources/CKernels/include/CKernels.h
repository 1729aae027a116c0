#pragma once
#include <stdint.h>

#include "BFloat16.h"
#include "Optimizers.h"
#include "ThreadTeam.h"

/// Instruction sets that have a kernel file of their own, in rising order of preference.
typedef enum martlet_isa {
  MARTLET_ISA_PORTABLE = 0,
  MARTLET_ISA_AVX2 = 1,
  MARTLET_ISA_AVX512 = 2,
  MARTLET_ISA_NEON = 3,
} martlet_isa;

typedef enum martlet_activation {
  MARTLET_ACTIVATION_NONE = 0,
  MARTLET_ACTIVATION_RELU = 1,
  /// x * Phi(x), with the error function (Hendrycks and Gimpel, 2016).
  MARTLET_ACTIVATION_GELU = 2,
  MARTLET_ACTIVATION_TANH = 3,
  /// GELU by its approximation with tanh (Hendrycks and Gimpel, 2016, section 2).
  MARTLET_ACTIVATION_GELU_TANH = 4,
  /// x * sigmoid(1.702 x) (same place).
  MARTLET_ACTIVATION_QUICK_GELU = 5,
  /// x * sigmoid(x) (Elfwing, Uchibe and Doya, 2018).
  MARTLET_ACTIVATION_SILU = 6,
  /// max(x, 0)^2 (So et al., 2021).
  MARTLET_ACTIVATION_RELU2 = 7,
  MARTLET_ACTIVATION_SIGMOID = 8,
} martlet_activation;

/// A[m, k]: element (i, p) is at base[i * row_stride + p * column_stride]; one of the strides is 1.
typedef struct martlet_operand {
  const float *base;
  long row_stride;
  long column_stride;
} martlet_operand;

/// What happens to a tile of C after the products are summed.
typedef struct martlet_epilogue {
  /// Added to each row before the activation; may be null.
  const float *bias;
  /// Added to the result after the activation, same shape as C; may be null.
  const float *residual;
  long residual_stride;
  martlet_activation activation;
  /// Nonzero: C += A B, else C = A B.
  int accumulate;
} martlet_epilogue;

/// Tables of relative places for one head: the query at i and the key at j meet row rows[j - i].
typedef struct martlet_relative {
  /// Rows that queries meet; null for none.
  const float *keys;
  long key_stride;
  /// Rows that keys meet; null for none.
  const float *queries;
  long query_stride;
  /// Points at distance 0; valid for all distances of the sequence, to both sides.
  const int32_t *rows;
} martlet_relative;

/// One head over one ragged sequence. Key and value rows are `row_stride` floats apart (all three
/// usually share one fused buffer); output rows `output_stride` apart. The output may take the place of the
/// queries where no weights are kept.
typedef struct martlet_attention {
  const float *query, *key, *value;
  long row_stride;
  /// Of the queries alone.
  long query_stride;
  float *output;
  long output_stride;
  /// Keys and values.
  long length;
  /// Rows of queries and outputs; the first stands at place `offset` among the keys. With relative tables, and in
  /// bfloat16, they are the keys' own: as many, from place 0 on.
  long queries, offset;
  long head_size;
  /// Multiplies the products of queries and keys; above 0.
  float scale;
  /// A row sees so many keys before and behind its own place; at most `length`, or `offset` + `queries` where that is more.
  long left, right;
  /// Scaled scores s become soft_cap tanh(s / soft_cap); 0 for none.
  float soft_cap;
  /// Taken off the scaled scores for each row between query and key (ALiBi); 0 for none.
  float slope;
  /// Added to the scaled scores: bias[j - i]. Points at distance 0; null for none.
  const float *bias;
  /// Null for none.
  const martlet_relative *relative;
  /// Probability with which a weight is dropped, 0 for none; seed and index say which (see `dropout`).
  float dropout;
  uint32_t seed;
  uint32_t index;
  /// Softmax weights before dropout, kept for the backward pass; null in inference. `queries` rows of
  /// `band`: those of a block begin with the first key that the block sees.
  float *weights;
  /// martlet_attention_band(length, left, right).
  long band;
  /// At least martlet_attention_scratch floats.
  float *scratch;
  /// Nonzero: the last call with this scratch was of the same key and value, of another query.
  int is_packed;
} martlet_attention;

typedef struct martlet_attention_gradient {
  martlet_attention forward;
  const float *output_gradient;
  /// Rows as far apart as those of `forward`. The query's is overwritten; so are the key's and the value's,
  /// unless `forward.is_packed`, which adds to them.
  float *query_gradient, *key_gradient, *value_gradient;
  /// Added to, by the distance, as `forward.bias` is read; null for none.
  float *bias_gradient;
  /// Added to, of the shape of the tables; null for none.
  float *relative_key_gradient, *relative_query_gradient;
} martlet_attention_gradient;

/// Rows `stride` floats apart.
typedef struct martlet_rows {
  float *base;
  long stride;
} martlet_rows;

/// (x - mean) / sqrt(variance + epsilon) * (gain + gain_offset) + bias, by row.
typedef struct martlet_norm {
  const float *gain;
  /// May be null.
  const float *bias;
  /// 1 where gains are kept as their distance from one (Gemma), else 0.
  float gain_offset;
  float epsilon;
  /// 0: the mean is taken as 0, which is the RMS norm.
  int is_centred;
} martlet_norm;

typedef struct martlet_adam {
  float learning_rate, beta1, beta2, epsilon, weight_decay;
  /// 1 - beta^step, the bias corrections of Kingma and Ba (2015), section 3.
  float correction1, correction2;
  /// Multiplies the gradient first (for clipping by global norm).
  float gradient_scale;
} martlet_adam;

/// The kernels of one instruction set. No function allocates, locks or keeps state.
typedef struct martlet_kernels {
  const char *name;
  martlet_isa isa;
  /// Columns in a panel of a packed B.
  long panel_columns;

  /// Packs B[k, n] (element (p, j) at b[p * row_stride + j * column_stride]) into panels
  /// [first_panel, last_panel) of `panel_columns` columns, each k rows, zero padded.
  void (*pack)(float *panels, const float *b, long k, long n, long row_stride, long column_stride,
               long first_panel, long last_panel);
  /// C[rows first_row..<last_row, columns of panels first_panel..<last_panel] of A[m, k] B[k, n].
  /// Each element's sum runs over k in order, so its bits do not depend on m or the ranges.
  void (*matmul)(martlet_operand a, const float *panels, long k, long n, float *c, long c_stride,
                 martlet_epilogue epilogue, long first_row, long last_row, long first_panel,
                 long last_panel);
  /// The epilogue alone, on c[rows, columns]: activation, then the residual if there is one.
  void (*finish)(float *c, long c_stride, long rows, long columns, const float *residual,
                 long residual_stride, martlet_activation activation);
  void (*attention)(const martlet_attention *a);
  void (*attention_backward)(const martlet_attention_gradient *g);

  /// y[rows, n] = the norm of each row of x; means and reciprocal deviations may be null. y may be x.
  void (*norm)(martlet_rows y, martlet_rows x, long rows, long n, const martlet_norm *norm,
               float *means, float *rstds);
  /// dx = (accumulate ? dx : 0) + the gradient; dx may be dy. `means` is not read where the norm is
  /// not centred.
  void (*norm_backward)(martlet_rows dx, martlet_rows dy, martlet_rows x, long rows, long n,
                        const martlet_norm *norm, const float *means, const float *rstds,
                        int accumulate);
  /// dgain[j] += sum over rows of dy * xhat, dbias[j] += sum of dy, for columns [first, last).
  /// `dbias` may be null, and `means` where the norm is not centred.
  void (*norm_parameters)(float *dgain, float *dbias, martlet_rows dy, martlet_rows x, long rows,
                          const float *means, const float *rstds, long first, long last);
  /// In place, each row of n.
  void (*softmax)(float *x, long rows, long n, long stride);
  void (*activate)(float *y, const float *x, long n, martlet_activation activation);
  /// dx = dy * f'(x); for tanh and ReLU `x` is the input, not the output.
  void (*activate_backward)(float *dx, const float *dy, const float *x, long n,
                            martlet_activation activation);
  /// y[i, j] = f(x[i, j]) x[i, n + j]: a gated linear unit (Shazeer, 2020). y may be x.
  void (*gated)(martlet_rows y, martlet_rows x, long rows, long n, martlet_activation activation);
  /// Both halves of dx[rows, 2n]; dx may be x.
  void (*gated_backward)(martlet_rows dx, martlet_rows dy, martlet_rows x, long rows, long n,
                         martlet_activation activation);
  /// Turns the first `pairs` pairs of each head, heads side by side, by angles whose cosines and sines
  /// are given for each pair; `direction` -1 turns back. A pair is (2i, 2i + 1) or, with `halves`,
  /// (i, i + pairs) (Su et al., 2021). The same bits on every instruction set.
  void (*rotate)(float *x, long heads, long head_size, long pairs, int halves,
                 const float *cosines, const float *sines, float direction);
  /// In place: x[i] = keep(i) ? x[i] / (1 - p) : 0, with keep(i) a hash of seed and index + i.
  void (*dropout)(float *x, long n, float p, uint32_t seed, uint32_t index);
  void (*add)(float *y, const float *x, long n);
  /// y += scale * x
  void (*add_scaled)(float *y, const float *x, float scale, long n);
  /// x *= factor
  void (*scale)(float *x, float factor, long n);
  /// sums[j] += sum over rows, `stride` apart, of x[i, j], for columns [first, last).
  void (*column_sums)(float *sums, const float *x, long rows, long stride, long first, long last);
  double (*dot)(const float *x, const float *y, long n);
  /// One AdamW step (Loshchilov and Hutter, 2019, algorithm 2).
  void (*adamw)(float *weights, const float *gradient, float *moment1, float *moment2, long n,
                const martlet_adam *step);
} martlet_kernels;

/// The kernels of an instruction set, or null when this CPU or build lacks it.
const martlet_kernels *martlet_kernels_for(martlet_isa isa);
/// Floats between the kept weights of two rows.
long martlet_attention_band(long length, long left, long right);
/// Scratch floats that `attention` (or `attention_backward`) may use for these shapes: the length, head
/// size, windows, band, relative rows and whether weights are kept are read. Longer sequences need no less.
long martlet_attention_scratch(const martlet_attention *a, int is_backward);

/// Multiplies and adds in registers for about `iterations` rounds and returns how many
/// floating-point operations that were: the ceiling that benchmarks print beside each figure.
double martlet_peak_operations(martlet_isa isa, long iterations, float *sink);

/// How 8-bit products are computed, in rising order of preference.
typedef enum martlet_int8_isa {
  MARTLET_INT8_PORTABLE = 0,
  MARTLET_INT8_AVX2 = 1,
  MARTLET_INT8_AVXVNNI = 2,
  MARTLET_INT8_AVX512VNNI = 3,
  MARTLET_INT8_NEON = 4,
  MARTLET_INT8_NEONDOT = 5,
} martlet_int8_isa;

/// What keeps sums exact where four products are added in 16 bits before they are widened (AVX2):
/// activations are at most MARTLET_INT8_LANE_ACTIVATION there, and of any eight inputs that follow
/// one another, the weights of one sign at places 0, 1, 4, 5 and at 2, 3, 6, 7 sum to at most
/// MARTLET_INT8_LANE_LIMIT. Weights whose largest magnitude is MARTLET_INT8_LANE_WEIGHT seldom break
/// that. Files keep to it, so that all instruction sets compute with the same integers.
enum {
  MARTLET_INT8_LANE_ACTIVATION = 191,
  MARTLET_INT8_LANE_LIMIT = 32767 / MARTLET_INT8_LANE_ACTIVATION,
  MARTLET_INT8_LANE_WEIGHT = 64,
};

/// Quantised activations: element (i, p) is (values[i * stride + p] - zeros[i]) * scales[i]. Some sets of
/// kernels store signed bytes, with zeros that fit.
typedef struct martlet_int8_operand {
  const uint8_t *values;
  /// A multiple of 4, at least k; the bytes behind k are zero.
  long stride;
  const float *scales;
  const int32_t *zeros;
} martlet_int8_operand;

/// Packed 8-bit weights of a linear layer with n outputs and k inputs. `scales` and `sums` (of each
/// output's quantised weights) are padded to whole panels.
typedef struct martlet_int8_weight {
  const int8_t *panels;
  const float *scales;
  const int32_t *sums;
  long k, n;
} martlet_int8_weight;

/// 8-bit kernels of one instruction set. No function allocates, locks or keeps state.
typedef struct martlet_int8_kernels {
  const char *name;
  /// Outputs in a panel.
  long panel_columns;

  /// Quantises weights[n, k] (rows `stride` apart), each row by its own row_scales[j] or, where that
  /// is null, by its largest magnitude, and packs them. Input p's weights are first multiplied by
  /// input_scale[p] where that is not null.
  /// `panels` has room for k rounded up to 4 times n rounded up to panels; `scales` and `sums` for
  /// the rounded n.
  void (*pack)(const float *weights, long k, long n, long stride, const float *input_scale,
               const float *row_scales, int8_t *panels, float *scales, int32_t *sums);
  /// Quantises rows of x by their own range, after multiplying element p by input_scale[p] where
  /// that is not null.
  void (*quantize)(const float *x, long rows, long k, long stride, const float *input_scale,
                   uint8_t *q, long q_stride, float *scales, int32_t *zeros);
  /// C = A B with exact sums, then the epilogue, whose element-wise part runs on `floats`.
  void (*matmul)(const martlet_int8_operand *a, const martlet_int8_weight *b, float *c,
                 long c_stride, martlet_epilogue epilogue, const martlet_kernels *floats,
                 long first_row, long last_row, long first_panel, long last_panel);
} martlet_int8_kernels;

/// The 8-bit kernels of an instruction set, or null when this CPU or build lacks it.
const martlet_int8_kernels *martlet_int8_kernels_for(martlet_int8_isa isa);
/// Quantises weights[n, k] (rows `stride` apart) by the rule of `pack` to -127...127, unpacked, as
/// files keep them: values[n, k] and scales[n].
void martlet_int8_quantize_weights(const float *weights, long k, long n, long stride,
                                   const float *input_scale, const float *row_scales,
                                   int8_t *values, float *scales);
/// As martlet_peak_operations, for 8-bit products: the ceiling of quantised layers.
double martlet_int8_peak_operations(martlet_int8_isa isa, long iterations, float *sink);
