// C = A B in 8-bit integers with exact 32-bit sums. Each instruction set's file defines LANES (32-bit
// lanes of a vector), INT8_ROWS (rows of a register tile), ACTIVATION_LIMIT (the largest quantised
// activation), ACTIVATION_OFFSET (taken off what is stored of an activation, and off its zero: 128 where
// bytes of activations are signed), DOT(sums, a, b), which adds to sums[l] the four products of lane l's
// bytes of a, an activation's, and b, signed, DOT2(sums, a, b, c, d), which adds those of a and b and of c and d,
// ADDS_IN_LANES (1 where DOT2 adds in 16 bits, which bounds weights and activations), INT8_KERNELS,
// INT8_PEAK and INT8_NAME, and includes this file.
//
// An activation x of a token is stored as u with x = (u - zero) * scale; a weight w of an output as
// q with w = q * scale. So sum(x w) = scale scale' (sum(u q) - zero sum(q)), and only the last step
// rounds.
#include "CKernels.h"
#include "Int8.h"
#include <math.h>
#include <string.h>

#define PANEL (2 * LANES)
#define INLINE static inline __attribute__((always_inline))

typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef float vf __attribute__((vector_size(LANES * 4)));
typedef uint8_t vb __attribute__((vector_size(LANES)));
typedef int32_t vi_unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef float vf_unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint8_t vb_unaligned __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef int32_t word __attribute__((aligned(1), may_alias));

#define SPLAT(x) ((x) - (vf){0})
#define SELECT(mask, a, b) ((vf)(((mask) & (vi)(a)) | (~(mask) & (vi)(b))))

// b where either is NaN.
INLINE vf lesser(vf a, vf b) { return SELECT((vi)(a < b), a, b); }
INLINE vf greater(vf a, vf b) { return SELECT((vi)(a > b), a, b); }

// The lanes' least, greatest and sum.
typedef struct lane_range {
  float low, high, sum;
} lane_range;

INLINE lane_range range_of(vf low, vf high, vf terms) {
  float least[LANES], most[LANES], sums[LANES];
  *(vf_unaligned *)least = low;
  *(vf_unaligned *)most = high;
  *(vf_unaligned *)sums = terms;
#pragma clang loop unroll(full)
  for (int half = LANES / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) {
      least[i] = least[i + half] < least[i] ? least[i + half] : least[i];
      most[i] = most[i + half] > most[i] ? most[i + half] : most[i];
      sums[i] += sums[i + half];
    }
  }
  return (lane_range){least[0], most[0], sums[0]};
}

static void pack(const float *weights, long k, long n, long stride, const float *input_scale,
                 const float *row_scales, int8_t *panels, float *scales, int32_t *sums) {
  long depth = (k + 3) / 4 * 4, width = (n + PANEL - 1) / PANEL * PANEL;
  memset(panels, 0, (size_t)(depth * width));
  for (long j = 0; j < width; j++) {
    scales[j] = 0;
    sums[j] = 0;
    if (j >= n) continue;
    const float *row = weights + j * stride;
    scales[j] = row_scales ? row_scales[j]
                           : weight_peak(row, k, input_scale) / (float)WEIGHT_LIMIT;
    float inverse = scales[j] >= FLT_MIN ? 1 / scales[j] : 0;
    int8_t *column = panels + j / PANEL * PANEL * depth + j % PANEL * 4;
    for (long start = 0; start < k; start += 8) {
      int8_t q[8] = {0};
      long count = k - start < 8 ? k - start : 8;
      for (long i = 0; i < count; i++) q[i] = weight_step(row, start + i, input_scale, inverse);
      if (ADDS_IN_LANES) limit_lanes(q);
      for (long i = 0; i < count; i++) {
        column[(start + i) / 4 * PANEL * 4 + i % 4] = q[i];
        sums[j] += q[i];
      }
    }
  }
}

static void quantize(const float *x, long rows, long k, long stride, const float *input_scale,
                     uint8_t *q, long q_stride, float *scales, int32_t *zeros) {
  for (long i = 0; i < rows; i++, x += stride, q += q_stride) {
    // The differences v - v are 0, or NaN where v is not finite, which the range passes over.
    vf low = SPLAT(0.0f), high = low, odd = low;
    long p = 0;
    for (; p + LANES <= k; p += LANES) {
      vf v = *(const vf_unaligned *)(x + p);
      if (input_scale) v *= *(const vf_unaligned *)(input_scale + p);
      low = lesser(v, low);
      high = greater(v, high);
      odd += v - v;
    }
    lane_range all = range_of(low, high, odd);
    for (long r = p; r < k; r++) {
      float v = input_scale ? x[r] * input_scale[r] : x[r];
      all.low = v < all.low ? v : all.low;
      all.high = v > all.high ? v : all.high;
      all.sum += v - v;
    }
    float range = all.high - all.low + all.sum;
    if (!(range < INFINITY)) {
      // Each product of the row is then NaN, as it is in floats.
      scales[i] = NAN;
      zeros[i] = 0;
      memset(q, 0, (size_t)q_stride);
      continue;
    }
    float inverse = range > 0 ? (float)ACTIVATION_LIMIT / range : 0;
    float zero = rintf(-all.low * inverse);
    scales[i] = range / (float)ACTIVATION_LIMIT;
    zeros[i] = (int32_t)zero - ACTIVATION_OFFSET;
    for (p = 0; p + LANES <= k; p += LANES) {
      vf v = *(const vf_unaligned *)(x + p);
      if (input_scale) v *= *(const vf_unaligned *)(input_scale + p);
      v = __builtin_elementwise_roundeven(v * inverse) + zero;
      v = lesser(v, SPLAT((float)ACTIVATION_LIMIT));
      v = greater(v, SPLAT(0.0f)) - SPLAT((float)ACTIVATION_OFFSET);
      *(vb_unaligned *)(q + p) = __builtin_convertvector(__builtin_convertvector(v, vi), vb);
    }
    for (; p < k; p++) {
      float v = input_scale ? x[p] * input_scale[p] : x[p];
      v = rintf(v * inverse) + zero;
      v = v > ACTIVATION_LIMIT ? ACTIVATION_LIMIT : v < 0 ? 0 : v;
      q[p] = (uint8_t)((int)v - ACTIVATION_OFFSET);
    }
    for (; p < q_stride; p++) q[p] = 0;
  }
}

// Bytes in a cache line.
#define LINE 64
// Groups of a tile between two requests for lines.
#define PREFETCH_GROUPS 8
// How far a single tile reads ahead of itself, in bytes.
#define AHEAD 6144

typedef struct int8_job {
  const uint8_t *a;
  long a_stride;
  const int8_t *panel, *prefetch;
  // Bytes with each PREFETCH_GROUPS.
  long prefetch_step, groups;
  float *c;
  long c_stride;
  const float *bias, *weight_scales, *scales;
  const int32_t *sums, *zeros;
  int accumulate;
} int8_job;

INLINE void int8_tile(const int rows, const int8_job *job) {
  vi sums[INT8_ROWS][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) sums[i][0] = sums[i][1] = (vi){0};
  const long stride = job->a_stride;
  const uint8_t *a[(INT8_ROWS + 4) / 5];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i += 5) a[i / 5] = job->a + i * stride;
  const int8_t *panel = job->panel, *prefetch = job->prefetch;
  long g = 0, pairs = job->groups / 2 * 2;
  while (g < pairs) {
    const int8_t *prefetched = prefetch + job->prefetch_step;
    for (; prefetch < prefetched; prefetch += LINE) __builtin_prefetch(prefetch, 0, 2);
    long end = pairs - g < PREFETCH_GROUPS ? pairs : g + PREFETCH_GROUPS;
    for (; g < end; g += 2, panel += 8 * PANEL) {
      vi b0 = *(const vi_unaligned *)panel, b1 = *(const vi_unaligned *)(panel + 4 * LANES);
      vi d0 = *(const vi_unaligned *)(panel + 8 * LANES);
      vi d1 = *(const vi_unaligned *)(panel + 12 * LANES);
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i++) {
        if (i % 5 == 0) __asm__("" : "+r"(a[i / 5]));
        const uint8_t *row = a[i / 5] + i % 5 * stride;
        vi x = *(const word *)row - (vi){0}, y = *(const word *)(row + 4) - (vi){0};
        sums[i][0] = DOT2(sums[i][0], x, b0, y, d0);
        sums[i][1] = DOT2(sums[i][1], x, b1, y, d1);
      }
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i += 5) a[i / 5] += 8;
    }
  }
  if (g < job->groups) {
    vi b0 = *(const vi_unaligned *)panel, b1 = *(const vi_unaligned *)(panel + 4 * LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      vi x = *(const word *)(a[i / 5] + i % 5 * stride) - (vi){0};
      sums[i][0] = DOT(sums[i][0], x, b0);
      sums[i][1] = DOT(sums[i][1], x, b1);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (int half = 0; half < 2; half++) {
      long j = half * LANES;
      vi exact = sums[i][half] - job->zeros[i] * *(const vi_unaligned *)(job->sums + j);
      vf y = __builtin_convertvector(exact, vf) * job->scales[i];
      y *= *(const vf_unaligned *)(job->weight_scales + j);
      if (job->bias) y += *(const vf_unaligned *)(job->bias + j);
      vf_unaligned *c = (vf_unaligned *)(job->c + i * job->c_stride + j);
      if (job->accumulate) y += *c;
      *c = y;
    }
  }
}

#define INT8_CASE(n) \
  case n: int8_tile(n, job); break;

static void int8_tile_of(int rows, const int8_job *job) {
  switch (rows) {
    INT8_CASE(1) INT8_CASE(2) INT8_CASE(3) INT8_CASE(4)
#if INT8_ROWS > 4
    INT8_CASE(5) INT8_CASE(6)
#endif
#if INT8_ROWS > 6
    INT8_CASE(7) INT8_CASE(8) INT8_CASE(9) INT8_CASE(10)
    INT8_CASE(11) INT8_CASE(12)
#endif
#if INT8_ROWS > 12
    INT8_CASE(13) INT8_CASE(14)
#endif
    default: break;
  }
}

// The last panel's tile may be narrower than a panel: it goes through a whole one.
static void narrow_int8_tile(int rows, const int8_job *job, long columns) {
  float c[INT8_ROWS * PANEL] = {0}, bias[PANEL] = {0};
  int8_job whole = *job;
  whole.c = c;
  whole.c_stride = PANEL;
  if (job->bias) whole.bias = memcpy(bias, job->bias, (size_t)columns * sizeof(float));
  if (job->accumulate)
    for (int i = 0; i < rows; i++)
      memcpy(c + i * PANEL, job->c + i * job->c_stride, (size_t)columns * sizeof(float));
  int8_tile_of(rows, &whole);
  for (int i = 0; i < rows; i++)
    memcpy(job->c + i * job->c_stride, c + i * PANEL, (size_t)columns * sizeof(float));
}

static void matmul(const martlet_int8_operand *a, const martlet_int8_weight *b, float *c,
                   long c_stride, martlet_epilogue epilogue, const martlet_kernels *floats,
                   long first_row, long last_row, long first_panel, long last_panel) {
  long depth = (b->k + 3) / 4 * 4, rows = last_row - first_row;
  if (rows <= 0) return;
  long tiles = (rows + INT8_ROWS - 1) / INT8_ROWS;
  long turns = 1;
  while (2 * turns <= tiles && turns < 8) turns *= 2;
  for (long panel = first_panel; panel < last_panel; panel++) {
    long column = panel * PANEL;
    long columns = b->n - column < PANEL ? b->n - column : PANEL;
    int8_job job = {
        .a_stride = a->stride,
        .panel = b->panels + panel * depth * PANEL,
        .groups = depth / 4,
        .c_stride = c_stride,
        .bias = epilogue.bias ? epilogue.bias + column : 0,
        .weight_scales = b->scales + column,
        .sums = b->sums + column,
        .accumulate = epilogue.accumulate,
        .prefetch_step = 4 * PREFETCH_GROUPS * PANEL / turns,
    };
    long ahead = panel + 1 == last_panel ? 0 : tiles > 1 ? depth * PANEL : AHEAD;
    for (long t = 0; t < tiles; t++) {
      long row = first_row + rows * t / tiles;
      int now = (int)(first_row + rows * (t + 1) / tiles - row);
      job.a = a->values + row * a->stride;
      job.scales = a->scales + row;
      job.zeros = a->zeros + row;
      job.c = c + row * c_stride + column;
      job.prefetch = job.panel + ahead + t % turns * (job.prefetch_step * job.groups / PREFETCH_GROUPS);
      if (columns == PANEL) int8_tile_of(now, &job);
      else narrow_int8_tile(now, &job, columns);
      if (epilogue.activation != MARTLET_ACTIVATION_NONE || epilogue.residual)
        floats->finish(job.c, c_stride, now, columns,
                       epilogue.residual
                           ? epilogue.residual + row * epilogue.residual_stride + column
                           : 0,
                       epilogue.residual_stride, epilogue.activation);
    }
  }
}

const martlet_int8_kernels INT8_KERNELS = {
    .name = INT8_NAME,
    .panel_columns = PANEL,
    .pack = pack,
    .quantize = quantize,
    .matmul = matmul,
};

double INT8_PEAK(long iterations, float *sink) {
  vi sums[8] = {0};
  vi x = (int32_t)sink[0] - (vi){0}, y = (int32_t)sink[1] - (vi){0};
  for (long n = 0; n < iterations; n++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) {
      // So that no part of the product is taken out of the loop.
      __asm__ volatile("" : "+x"(x), "+x"(y));
      sums[i] = DOT2(sums[i], x, y, y, x);
    }
  }
  vi total = {0};
  for (int i = 0; i < 8; i++) total += sums[i];
  sink[2] = (float)total[0];
  return (double)iterations * 8 * LANES * 16;
}
