// C = A B over packed panels of B. A register tile is ROWS x PANEL; a tile of fewer rows runs the
// same operations in the same order, so an element's bits do not depend on its neighbours.

static void pack(float *panels, const float *b, long k, long n, long row_stride,
                 long column_stride, long first_panel, long last_panel) {
  for (long panel = first_panel; panel < last_panel; panel++) {
    float *out = panels + panel * k * PANEL;
    long column = panel * PANEL;
    long columns = n - column < PANEL ? n - column : PANEL;
    if (columns < PANEL) memset(out, 0, (size_t)(k * PANEL) * sizeof(float));
    const float *source = b + column * column_stride;
    if (column_stride == 1) {
      if (columns == PANEL) {
        for (long p = 0; p < k; p++) {
          STORE(out + p * PANEL, LOAD(source + p * row_stride));
          STORE(out + p * PANEL + WIDTH, LOAD(source + p * row_stride + WIDTH));
        }
      } else {
        for (long p = 0; p < k; p++)
          memcpy(out + p * PANEL, source + p * row_stride, (size_t)columns * sizeof(float));
      }
    } else {
      // Blocks of WIDTH rows keep both the read and the written lines in the first-level cache.
      for (long start = 0; start < k; start += WIDTH) {
        long end = start + WIDTH < k ? start + WIDTH : k, j = 0;
        if (row_stride == 1 && end - start == WIDTH)
          for (; j + WIDTH <= columns; j += WIDTH)
            transpose(out + start * PANEL + j, PANEL, source + start + j * column_stride,
                      column_stride);
        for (; j < columns; j++)
          for (long p = start; p < end; p++)
            out[p * PANEL + j] = source[p * row_stride + j * column_stride];
      }
    }
  }
}

// Floats in a cache line.
#define LINE 16
// Steps of a tile between two requests for lines.
#define PREFETCH_STEPS 8
// How far a single tile reads ahead of itself, in floats.
#define AHEAD 1536

typedef struct tile_job {
  const float *a;
  long a_row, a_column;
  const float *panel;
  long depth;
  // PANEL columns wide, as is the bias.
  float *c;
  long c_stride;
  const float *bias;
  int accumulate;
  // This tile's share of what the next panel's tiles will read, asked for while it computes:
  // `prefetch_step` floats with each PREFETCH_STEPS.
  const float *prefetch;
  long prefetch_step;
} tile_job;

// Every loop over a tile's rows is unrolled whole, or the sums would live in memory.
INLINE void start_tile(const int rows, vf (*sums)[2], const tile_job *job) {
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
  if (!job->accumulate) return;
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    sums[i][0] += LOAD(job->c + i * job->c_stride);
    sums[i][1] += LOAD(job->c + i * job->c_stride + WIDTH);
  }
}

INLINE void finish_tile(const int rows, vf (*sums)[2], const tile_job *job) {
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    STORE(job->c + i * job->c_stride, sums[i][0]);
    STORE(job->c + i * job->c_stride + WIDTH, sums[i][1]);
  }
}

// A by rows (column stride 1). Every fifth row has a pointer, from which an address reaches the others by
// multiples of the stride; the compiler must not know it, or it would make a chain of additions of them.
INLINE void tile_rows(const int rows, const tile_job *job) {
  vf sums[ROWS][2];
  start_tile(rows, sums, job);
  const long stride = job->a_row;
  const float *a[(ROWS + 4) / 5];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i += 5) a[i / 5] = job->a + i * stride;
  const float *panel = job->panel, *prefetch = job->prefetch;
  for (long p = 0; p < job->depth;) {
    const float *prefetched = prefetch + job->prefetch_step;
    for (; prefetch < prefetched; prefetch += LINE) __builtin_prefetch(prefetch, 0, 2);
    long end = job->depth - p < PREFETCH_STEPS ? job->depth : p + PREFETCH_STEPS;
    for (; p < end; p++, panel += PANEL) {
      vf b0 = LOAD(panel), b1 = LOAD(panel + WIDTH);
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i++) {
        if (i % 5 == 0) __asm__("" : "+r"(a[i / 5]));
        vf x = SPLAT(a[i / 5][i % 5 * stride]);
        sums[i][0] = FMA(x, b0, sums[i][0]);
        sums[i][1] = FMA(x, b1, sums[i][1]);
      }
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i += 5) a[i / 5]++;
    }
  }
  finish_tile(rows, sums, job);
}

// A by columns (row stride 1): the rows of a tile are neighbours in memory. A step's stand far from the next
// one's, where the hardware does not look ahead.
INLINE void tile_columns(const int rows, const tile_job *job) {
  vf sums[ROWS][2];
  start_tile(rows, sums, job);
  const float *a = job->a;
  const float *panel = job->panel;
  for (long p = 0; p < job->depth; p++, panel += PANEL, a += job->a_column) {
    const float *ahead = a + PREFETCH_STEPS * job->a_column;
    __builtin_prefetch(ahead, 0, 3);
    __builtin_prefetch(ahead + rows - 1, 0, 3);
    vf b0 = LOAD(panel), b1 = LOAD(panel + WIDTH);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      vf x = SPLAT(a[i]);
      sums[i][0] = FMA(x, b0, sums[i][0]);
      sums[i][1] = FMA(x, b1, sums[i][1]);
    }
  }
  finish_tile(rows, sums, job);
}

#define TILE_CASE(n) \
  case n: \
    if (job->a_column == 1) tile_rows(n, job); \
    else tile_columns(n, job); \
    break;

static void tile(int rows, const tile_job *job) {
  switch (rows) {
    TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4)
#if ROWS > 4
    TILE_CASE(5) TILE_CASE(6)
#endif
#if ROWS > 6
    TILE_CASE(7) TILE_CASE(8) TILE_CASE(9) TILE_CASE(10)
    TILE_CASE(11) TILE_CASE(12)
#endif
#if ROWS > 12
    TILE_CASE(13) TILE_CASE(14)
#endif
    default: break;
  }
}

#include "NarrowTile.h"

INLINE void finish_run(float *c, const float *residual, long n, martlet_activation activation) {
  for (long j = 0; j < n; j += WIDTH) {
    long m = n - j < WIDTH ? n - j : WIDTH;
    vf x = load_part(c + j, m);
    apply_each(1, &x, activation);
    if (residual) x += load_part(residual + j, m);
    store_part(c + j, x, m);
  }
}

// Two rows of a whole panel at a time, so that the long chains of four vectors overlap.
INLINE void finish_rows(float *c, float *next, const float *residual, const float *next_residual,
                        martlet_activation activation) {
  vf x[4] = {LOAD(c), LOAD(c + WIDTH), LOAD(next), LOAD(next + WIDTH)};
  apply_each(4, x, activation);
  if (residual) {
    x[0] += LOAD(residual);
    x[1] += LOAD(residual + WIDTH);
    x[2] += LOAD(next_residual);
    x[3] += LOAD(next_residual + WIDTH);
  }
  STORE(c, x[0]);
  STORE(c + WIDTH, x[1]);
  STORE(next, x[2]);
  STORE(next + WIDTH, x[3]);
}

INLINE void finish_elements(float *c, long c_stride, long rows, long columns,
                            const float *residual, long residual_stride,
                            martlet_activation activation) {
  long i = 0;
  if (columns == PANEL) {
    for (; i + 2 <= rows; i += 2) {
      const float *r = residual ? residual + i * residual_stride : 0;
      finish_rows(c + i * c_stride, c + (i + 1) * c_stride, r, r ? r + residual_stride : 0,
                  activation);
    }
  }
  for (; i < rows; i++) {
    float *row = c + i * c_stride;
    const float *r = residual ? residual + i * residual_stride : 0;
    long j = 0;
    // A long row runs as two.
    for (; j + 2 * PANEL <= columns; j += 2 * PANEL)
      finish_rows(row + j, row + j + PANEL, r ? r + j : 0, r ? r + j + PANEL : 0, activation);
    finish_run(row + j, r ? r + j : 0, columns - j, activation);
  }
}

static void finish_matrix(float *c, long c_stride, long rows, long columns,
                          const float *residual, long residual_stride,
                          martlet_activation activation) {
#define FINISH(which) \
  case which: \
    finish_elements(c, c_stride, rows, columns, residual, residual_stride, which); \
    break;
  switch (activation) {
    EACH_ACTIVATION(FINISH)
    default:
      if (residual)
        finish_elements(c, c_stride, rows, columns, residual, residual_stride,
                        MARTLET_ACTIVATION_NONE);
  }
#undef FINISH
}

static void matmul(martlet_operand a, const float *panels, long k, long n, float *c,
                   long c_stride, martlet_epilogue epilogue, long first_row, long last_row,
                   long first_panel, long last_panel) {
  if (first_row >= last_row) return;
  long rows = last_row - first_row;
  // Rows are shared evenly over the fewest tiles that hold them: 15 rows run as 7 + 8, not
  // 14 + 1, because a tile of one row cannot hide the latency of its multiply-adds.
  long tiles = (rows + ROWS - 1) / ROWS;
  // The tiles of a panel ask for the next one by turns, so that its lines come in evenly; a single
  // tile asks for what it reads itself a little later, because the hardware alone does not keep up.
  long turns = 1;
  while (2 * turns <= tiles && turns < 8) turns *= 2;
  for (long panel = first_panel; panel < last_panel; panel++) {
    long column = panel * PANEL;
    long columns = n - column < PANEL ? n - column : PANEL;
    tile_job job = {
        .a_row = a.row_stride,
        .a_column = a.column_stride,
        .panel = panels + panel * k * PANEL,
        .depth = k,
        .c_stride = c_stride,
        .bias = epilogue.bias ? epilogue.bias + column : 0,
        .accumulate = epilogue.accumulate,
        .prefetch_step = PREFETCH_STEPS * PANEL / turns,
    };
    long ahead = panel + 1 == last_panel ? 0 : tiles > 1 ? k * PANEL : AHEAD;
    for (long t = 0; t < tiles; t++) {
      long row = first_row + rows * t / tiles;
      int now = (int)(first_row + rows * (t + 1) / tiles - row);
      job.a = a.base + row * a.row_stride;
      job.c = c + row * c_stride + column;
      job.prefetch = job.panel + ahead + t % turns * (job.prefetch_step * k / PREFETCH_STEPS);
      if (columns == PANEL) tile(now, &job);
      else narrow_tile(now, &job, columns);
      finish_matrix(job.c, c_stride, now, columns,
                    epilogue.residual
                        ? epilogue.residual + row * epilogue.residual_stride + column
                        : 0,
                    epilogue.residual_stride, epilogue.activation);
    }
  }
}
