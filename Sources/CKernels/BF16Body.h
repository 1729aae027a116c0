// C = A B of bfloat16 numbers with sums in single precision. Each instruction set's file defines
// WIDTH, FUSED, ROWS (rows of a register tile), DOT(sums, a, b), which adds to each lane of sums the
// products of the high and then of the low halves of the words of a and b, ROUNDED(x), the bfloat16
// numbers nearest to x as 16-bit integers, BF16_KERNELS, BF16_PEAK, BF16_NAME and BF16_IS_NATIVE, and
// includes this file.
#include "BF16.h"
#include <math.h>

#include "VectorBody.h"

#include "ExponentialBody.h"

typedef uint16_t vh __attribute__((vector_size(WIDTH * 2)));
typedef vu vu_unaligned __attribute__((aligned(4), may_alias));
typedef vh vh_unaligned __attribute__((aligned(2), may_alias));

// Words of single-precision numbers whose low halves are zero.
INLINE vf high_halves(vu words) { return (vf)(words & 0xFFFF0000u); }
INLINE vf low_halves(vu words) { return (vf)(words << 16); }

// The products are exact in single precision, so that it does not matter whether multiply-adds are fused.
INLINE vf dot_by_parts(vf sums, vu a, vu b) {
  return FMA(low_halves(a), low_halves(b), FMA(high_halves(a), high_halves(b), sums));
}

// A NaN keeps its sign and becomes quiet; below the least normal number there is zero.
INLINE vh rounded_by_parts(vf x) {
  vu bits = (vu)x, magnitude = bits & 0x7FFFFFFFu, sign = bits & 0x80000000u;
  vu nearest = bits + 0x7FFFu + ((bits >> 16) & 1u);
  vu is_nan = (vu)(magnitude > 0x7F800000u), is_small = (vu)(magnitude < 0x00800000u);
  nearest = (is_nan & (bits | 0x00400000u)) | (~is_nan & nearest);
  nearest = (is_small & sign) | (~is_small & nearest);
  return __builtin_convertvector(nearest >> 16, vh);
}

static void round_rows(uint32_t *words, long word_stride, const float *x, long rows, long k,
                       long stride) {
  for (long i = 0; i < rows; i++, x += stride, words += word_stride) {
    uint16_t *out = (uint16_t *)words;
    long p = 0;
    for (; p + WIDTH <= k; p += WIDTH) *(vh_unaligned *)(out + p) = ROUNDED(LOAD(x + p));
    if (p == k) continue;
    vh rest = ROUNDED(load_part(x + p, k - p));
    // An odd row's last word has a zero.
    memcpy(out + p, &rest, (size_t)((k - p + 1) / 2 * 2) * sizeof(uint16_t));
  }
}

typedef uint32_t vu4 __attribute__((vector_size(16)));
typedef vu4 vu4_unaligned __attribute__((aligned(4), may_alias));

// out[p * PANEL + j] = in[j][p] for four rows of four words.
INLINE void turn(uint32_t *out, uint32_t (*in)[16], long p) {
  vu4 row[4], half[4];
#pragma clang loop unroll(full)
  for (int j = 0; j < 4; j++) row[j] = *(const vu4_unaligned *)(in[j] + p);
  half[0] = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
  half[1] = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
  half[2] = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
  half[3] = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    vu4 low = __builtin_shufflevector(half[i], half[i + 2], 0, 1, 4, 5);
    vu4 high = __builtin_shufflevector(half[i], half[i + 2], 2, 3, 6, 7);
    *(vu4_unaligned *)(out + (p + 2 * i) * PANEL) = low;
    *(vu4_unaligned *)(out + (p + 2 * i + 1) * PANEL) = high;
  }
}

// Panels [0, n) of PANEL rows of `weights`, side by side.
static void pack(uint32_t *panels, const float *weights, long k, long n, long stride) {
  long pairs = (k + 1) / 2;
  for (long first = 0; first < n; first += PANEL, panels += pairs * PANEL) {
    long columns = n - first < PANEL ? n - first : PANEL;
    if (columns < PANEL) memset(panels, 0, (size_t)(pairs * PANEL) * sizeof(uint32_t));
    // Blocks of 16 words keep both the read and the written lines in the first-level cache.
    for (long start = 0; start < pairs; start += 16) {
      long count = pairs - start < 16 ? pairs - start : 16;
      long floats = k - 2 * start < 32 ? k - 2 * start : 32;
      uint32_t *out = panels + start * PANEL;
      for (long j = 0; j < columns; j += 4) {
        uint32_t block[4][16];
        long rows = columns - j < 4 ? columns - j : 4, p = 0;
        round_rows(block[0], 16, weights + (first + j) * stride + 2 * start, rows, floats, stride);
        if (rows == 4)
          for (; p + 4 <= count; p += 4) turn(out + j, block, p);
        for (; p < count; p++)
          for (long r = 0; r < rows; r++) out[p * PANEL + j + r] = block[r][p];
      }
    }
  }
}

// Products of rounded rows with packed panels.
typedef struct bf16_product {
  const uint32_t *a;
  // Words.
  long a_stride;
  const uint32_t *panels;
  // Words from a panel to the next.
  long panel_stride, pairs;
  // Columns in all.
  long n;
  float *c;
  long c_stride;
  martlet_epilogue epilogue;
} bf16_product;

// As in MatmulBody.h.
#define LINE 16
#define PREFETCH_STEPS 8
#define AHEAD 1536

typedef struct tile_job {
  const uint32_t *a;
  long a_stride;
  const uint32_t *panel;
  long pairs;
  float *c;
  long c_stride;
  const float *bias;
  int accumulate;
  // This tile's share of what the next panel's tiles will read: `prefetch_step` words with each
  // PREFETCH_STEPS.
  const uint32_t *prefetch;
  long prefetch_step;
} tile_job;

INLINE void tile_rows(const int rows, const tile_job *job) {
  vf sums[ROWS][2];
  vf left = SPLAT(0.0f), right = left;
  if (job->bias) {
    left = LOAD(job->bias);
    right = LOAD(job->bias + WIDTH);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    sums[i][0] = left;
    sums[i][1] = right;
  }
  if (job->accumulate) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      sums[i][0] += LOAD(job->c + i * job->c_stride);
      sums[i][1] += LOAD(job->c + i * job->c_stride + WIDTH);
    }
  }
  // Pointers to every fifth row, as in MatmulBody.h.
  const long stride = job->a_stride;
  const uint32_t *a[(ROWS + 4) / 5];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i += 5) a[i / 5] = job->a + i * stride;
  const uint32_t *panel = job->panel, *prefetch = job->prefetch;
  for (long p = 0; p < job->pairs;) {
    const uint32_t *prefetched = prefetch + job->prefetch_step;
    for (; prefetch < prefetched; prefetch += LINE) __builtin_prefetch(prefetch, 0, 2);
    long end = job->pairs - p < PREFETCH_STEPS ? job->pairs : p + PREFETCH_STEPS;
    for (; p < end; p++, panel += PANEL) {
      vu b0 = *(const vu_unaligned *)panel, b1 = *(const vu_unaligned *)(panel + WIDTH);
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i++) {
        if (i % 5 == 0) __asm__("" : "+r"(a[i / 5]));
        vu x = a[i / 5][i % 5 * stride] - (vu){0};
        sums[i][0] = DOT(sums[i][0], x, b0);
        sums[i][1] = DOT(sums[i][1], x, b1);
      }
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i += 5) a[i / 5]++;
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    STORE(job->c + i * job->c_stride, sums[i][0]);
    STORE(job->c + i * job->c_stride + WIDTH, sums[i][1]);
  }
}

#define TILE_CASE(n) \
  case n: tile_rows(n, job); break;

static void tile(int rows, const tile_job *job) {
  switch (rows) {
    TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4)
#if ROWS > 4
    TILE_CASE(5) TILE_CASE(6) TILE_CASE(7) TILE_CASE(8)
    TILE_CASE(9) TILE_CASE(10) TILE_CASE(11) TILE_CASE(12)
#endif
#if ROWS > 12
    TILE_CASE(13) TILE_CASE(14)
#endif
    default: break;
  }
}

#include "NarrowTile.h"

// Rows [start, start + rows) of a panel, shared evenly over the fewest tiles that hold them.
static void multiply_panel(const bf16_product *job, const martlet_kernels *floats, long start,
                           long rows, long panel, int is_last) {
  long tiles = (rows + ROWS - 1) / ROWS, column = panel * PANEL;
  long columns = job->n - column < PANEL ? job->n - column : PANEL;
  // The tiles of a panel ask for the next one by turns, so that its lines come in evenly; a single
  // tile asks for what it reads itself a little later.
  long turns = 1;
  while (2 * turns <= tiles && turns < 8) turns *= 2;
  const martlet_epilogue *epilogue = &job->epilogue;
  tile_job now = {
      .a_stride = job->a_stride,
      .panel = job->panels + panel * job->panel_stride,
      .pairs = job->pairs,
      .c_stride = job->c_stride,
      .bias = epilogue->bias ? epilogue->bias + column : 0,
      .accumulate = epilogue->accumulate,
      .prefetch_step = PREFETCH_STEPS * PANEL / turns,
  };
  long ahead = is_last ? 0 : tiles > 1 ? job->panel_stride : AHEAD;
  for (long t = 0; t < tiles; t++) {
    long row = start + rows * t / tiles;
    int count = (int)(start + rows * (t + 1) / tiles - row);
    now.a = job->a + row * job->a_stride;
    now.c = job->c + row * job->c_stride + column;
    now.prefetch = now.panel + ahead + t % turns * (now.prefetch_step * job->pairs / PREFETCH_STEPS);
    if (columns == PANEL) tile(count, &now);
    else narrow_tile(count, &now, columns);
    if (epilogue->activation != MARTLET_ACTIVATION_NONE || epilogue->residual)
      floats->finish(now.c, now.c_stride, count, columns,
                     epilogue->residual
                         ? epilogue->residual + row * epilogue->residual_stride + column
                         : 0,
                     epilogue->residual_stride, epilogue->activation);
  }
}

static void multiply(const bf16_product *job, const martlet_kernels *floats, long first_row,
                     long last_row, long first_panel, long last_panel) {
  if (first_row >= last_row) return;
  for (long panel = first_panel; panel < last_panel; panel++)
    multiply_panel(job, floats, first_row, last_row - first_row, panel, panel + 1 == last_panel);
}

static void matmul(const martlet_bf16_operand *a, const martlet_bf16_weight *b, float *c,
                   long c_stride, const martlet_epilogue *epilogue, const martlet_kernels *floats,
                   long first_row, long last_row, long first_panel, long last_panel) {
  long pairs = (b->k + 1) / 2;
  bf16_product job = {.a = a->words,
                      .a_stride = a->stride,
                      .panels = b->panels,
                      .panel_stride = pairs * PANEL,
                      .pairs = pairs,
                      .n = b->n,
                      .c = c,
                      .c_stride = c_stride,
                      .epilogue = *epilogue};
  multiply(&job, floats, first_row, last_row, first_panel, last_panel);
}

#include "BF16Attention.h"

const martlet_bf16_kernels BF16_KERNELS = {
    .name = BF16_NAME,
    .is_native = BF16_IS_NATIVE,
    .panel_columns = PANEL,
    .pack = pack,
    .round = round_rows,
    .matmul = matmul,
    .attention = attention,
};

// As many sums as a tile has.
double BF16_PEAK(long iterations, float *sink) {
  vf sums[2 * ROWS];
  vu x = (vu)SPLAT(sink[0]), y = (vu)SPLAT(sink[1]);
#pragma clang loop unroll(full)
  for (int i = 0; i < 2 * ROWS; i++) sums[i] = SPLAT((float)i);
  for (long n = 0; n < iterations; n++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 2 * ROWS; i++) {
      // So that words are taken apart each time, as in a product.
      __asm__ volatile("" : "+x"(x));
      sums[i] = DOT(sums[i], x, y);
    }
  }
  vf total = SPLAT(0.0f);
#pragma clang loop unroll(full)
  for (int i = 0; i < 2 * ROWS; i++) total += sums[i];
  sink[2] = sum(total);
  return (double)iterations * 2 * ROWS * WIDTH * 4;
}
