// The kernels, written once over a vector of WIDTH floats. Each instruction set's file defines
// WIDTH, ROWS (rows of a register tile), FUSED (1 where the target has fused multiply-add),
// KERNELS (the table's name), KERNELS_NAME and KERNELS_ISA, switches the target on, and includes
// this file.
#include "CKernels.h"
#include "Kernels.h"
#include <math.h>
#include <string.h>

#define PANEL (2 * WIDTH)
#define INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((vector_size(WIDTH * 4)));
typedef int32_t vi __attribute__((vector_size(WIDTH * 4)));
typedef uint32_t vu __attribute__((vector_size(WIDTH * 4)));
typedef float vf_unaligned __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));

#define LOAD(p) (*(const vf_unaligned *)(p))
#define STORE(p, v) (*(vf_unaligned *)(p) = (v))
// Subtracting zero is the identity for every float, so this is a plain broadcast; adding zero would
// turn -0 into +0, and the compiler must then keep the addition.
#define SPLAT(x) ((x) - (vf){0})
#if FUSED
#define FMA(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif
#define SELECT(mask, a, b) ((vf)(((mask) & (vi)(a)) | (~(mask) & (vi)(b))))

INLINE vf load_part(const float *p, long n) {
  float part[WIDTH] = {0};
  memcpy(part, p, (size_t)n * sizeof(float));
  return LOAD(part);
}

INLINE void store_part(float *p, vf v, long n) {
  float part[WIDTH];
  STORE(part, v);
  memcpy(p, part, (size_t)n * sizeof(float));
}

// Lanes are summed in halves, so the order is fixed for a width.
INLINE float sum(vf v) {
  float lanes[WIDTH];
  STORE(lanes, v);
#pragma clang loop unroll(full)
  for (int half = WIDTH / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
}

INLINE float largest(vf v) {
  float lanes[WIDTH];
  STORE(lanes, v);
  float top = lanes[0];
  for (int i = 1; i < WIDTH; i++) top = lanes[i] > top ? lanes[i] : top;
  return top;
}

// exp by splitting x = n ln 2 + r, |r| <= ln 2 / 2, with a degree-6 Taylor-like polynomial in r;
// relative error below 2e-7 on [-87, 88], clamped outside.
INLINE vf vexp(vf x) {
  x = __builtin_elementwise_max(x, SPLAT(-87.0f));
  x = __builtin_elementwise_min(x, SPLAT(88.0f));
  const vf magic = SPLAT(12582912.0f);
  vf n = FMA(x, SPLAT(1.44269504088896341f), magic) - magic;
  vf r = FMA(n, SPLAT(-0.693359375f), x);
  r = FMA(n, SPLAT(2.12194440e-4f), r);
  vf p = SPLAT(1.9875691500e-4f);
  p = FMA(p, r, SPLAT(1.3981999507e-3f));
  p = FMA(p, r, SPLAT(8.3334519073e-3f));
  p = FMA(p, r, SPLAT(4.1665795894e-2f));
  p = FMA(p, r, SPLAT(1.6666665459e-1f));
  p = FMA(p, r, SPLAT(5.0000001201e-1f));
  p = FMA(p, r * r, r + SPLAT(1.0f));
  vi exponent = (__builtin_convertvector(n, vi) + 127) << 23;
  return p * (vf)exponent;
}

// Phi(x) = (1 + erf(x / sqrt 2)) / 2 with Abramowitz and Stegun 7.1.26 (|error| <= 1.5e-7); `gauss`
// receives exp(-x^2 / 2), which the derivative needs too.
INLINE vf normal_cdf(vf x, vf *gauss) {
  vf magnitude = (vf)((vi)x & 0x7fffffff) * SPLAT(0.70710678118654752f);
  vf t = SPLAT(1.0f) / FMA(magnitude, SPLAT(0.3275911f), SPLAT(1.0f));
  vf p = SPLAT(1.061405429f);
  p = FMA(p, t, SPLAT(-1.453152027f));
  p = FMA(p, t, SPLAT(1.421413741f));
  p = FMA(p, t, SPLAT(-0.284496736f));
  p = FMA(p, t, SPLAT(0.254829592f));
  *gauss = vexp(-magnitude * magnitude);
  vf upper_tail = SPLAT(0.5f) * p * t * *gauss;
  return SELECT((vi)(x < SPLAT(0.0f)), upper_tail, SPLAT(1.0f) - upper_tail);
}

// x Phi(x) = x / 2 + x / 2 erf(x / sqrt 2). erf(x / sqrt 2) / x is a polynomial in
// z = x^2 / 3.6^2 - 1, centred so that its terms do not cancel (our own least-maximum fit); past
// |x| = 3.6 sqrt 2 its product with x is clamped to one. |error of erf| <= 5e-7.
INLINE void gelu_each(const int count, vf *x) {
  static const float terms[14] = {
      -6.829796825e-04f, 1.860736402e-03f,  -2.010455637e-03f, 3.232896265e-03f,
      -8.221658132e-03f, 1.502375073e-02f,  -2.301634325e-02f, 3.414818565e-02f,
      -4.810421317e-02f, 6.350660498e-02f,  -8.046448080e-02f, 1.016896791e-01f,
      -1.382326651e-01f, 2.776894061e-01f};
  vf z[4], p[4];
#pragma clang loop unroll(full)
  for (int i = 0; i < count; i++) {
    vf square = __builtin_elementwise_min(x[i] * x[i], SPLAT(25.92f));
    z[i] = FMA(square, SPLAT(1.0f / 12.96f), SPLAT(-1.0f));
    p[i] = SPLAT(terms[0]);
  }
#pragma clang loop unroll(full)
  for (int term = 1; term < 14; term++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) p[i] = FMA(p[i], z[i], SPLAT(terms[term]));
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < count; i++) {
    vf e = __builtin_elementwise_min(x[i] * p[i], SPLAT(1.0f));
    e = __builtin_elementwise_max(e, SPLAT(-1.0f));
    vf half = x[i] * SPLAT(0.5f);
    x[i] = FMA(half, e, half);
  }
}

INLINE vf gelu(vf x) {
  gelu_each(1, &x);
  return x;
}

// What is not finite must not come out as a number: x - x is 0, or else NaN. (GELU needs no such help.)
INLINE vf apply(vf x, martlet_activation activation) {
  switch (activation) {
    case MARTLET_ACTIVATION_RELU: return __builtin_elementwise_max(x, SPLAT(0.0f)) + (x - x);
    case MARTLET_ACTIVATION_GELU: return gelu(x);
    case MARTLET_ACTIVATION_TANH: {
      vf e = vexp(x * SPLAT(-2.0f));
      return (SPLAT(1.0f) - e) / (SPLAT(1.0f) + e) + (x - x);
    }
    default: return x;
  }
}

INLINE void apply_each(const int count, vf *x, martlet_activation activation) {
  if (activation == MARTLET_ACTIVATION_GELU) {
    gelu_each(count, x);
    return;
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < count; i++) x[i] = apply(x[i], activation);
}

INLINE vf derivative(vf x, martlet_activation activation) {
  vf gauss;
  switch (activation) {
    case MARTLET_ACTIVATION_RELU:
      return SELECT((vi)(x > SPLAT(0.0f)), SPLAT(1.0f), SPLAT(0.0f));
    case MARTLET_ACTIVATION_GELU: {
      vf cdf = normal_cdf(x, &gauss);
      return FMA(x * SPLAT(0.39894228040143268f), gauss, cdf);
    }
    case MARTLET_ACTIVATION_TANH: {
      vf y = apply(x, MARTLET_ACTIVATION_TANH);
      return SPLAT(1.0f) - y * y;
    }
    default: return SPLAT(1.0f);
  }
}

#include "MatmulBody.h"

#include "AttentionBody.h"

#include "ElementwiseBody.h"

const martlet_kernels KERNELS = {
    .name = KERNELS_NAME,
    .isa = KERNELS_ISA,
    .panel_columns = PANEL,
    .pack = pack,
    .matmul = matmul,
    .finish = finish_matrix,
    .attention = attention,
    .attention_backward = attention_backward,
    .layer_norm = layer_norm,
    .layer_norm_backward = layer_norm_backward,
    .layer_norm_parameters = layer_norm_parameters,
    .softmax = softmax,
    .activate = activate,
    .activate_backward = activate_backward,
    .dropout = dropout,
    .add = add,
    .add_scaled = add_scaled,
    .column_sums = column_sums,
    .dot = dot,
    .adamw = adamw,
};
