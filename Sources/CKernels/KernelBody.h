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

#include "ActivationBody.h"

#include "MatmulBody.h"

#include "ElementwiseBody.h"

#include "NormBody.h"

#include "GatedBody.h"

#include "RotaryBody.h"

#include "AttentionBlocks.h"

#include "RelativeBody.h"

#include "AttentionScores.h"

#include "AttentionBody.h"

#include "AttentionBackward.h"

const martlet_kernels KERNELS = {
    .name = KERNELS_NAME,
    .isa = KERNELS_ISA,
    .panel_columns = PANEL,
    .pack = pack,
    .matmul = matmul,
    .finish = finish_matrix,
    .attention = attention,
    .attention_backward = attention_backward,
    .norm = norm,
    .norm_backward = norm_backward,
    .norm_parameters = norm_parameters,
    .softmax = softmax,
    .activate = activate,
    .activate_backward = activate_backward,
    .gated = gated,
    .gated_backward = gated_backward,
    .rotate = rotate,
    .dropout = dropout,
    .add = add,
    .add_scaled = add_scaled,
    .scale = scale,
    .column_sums = column_sums,
    .dot = dot,
    .adamw = adamw,
};
