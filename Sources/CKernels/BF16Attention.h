// Attention of one head over one sequence with both products in bfloat16 and single-precision sums.
//
// Keys come in blocks with a running maximum and sum of each row (Milakov and Gimelshein, 2018, algorithm
// 3), so that scratch does not grow with the square of the length. Weights are rounded before they are
// divided by their sum, which is that of the unrounded ones.

#define LINE 16
_Static_assert(MARTLET_BF16_KEYS % PANEL == 0, "blocks of keys are whole panels");

INLINE long panels_of(long n) { return (n + PANEL - 1) / PANEL; }

// The next `n` floats of a scratch buffer, from a cache line on.
INLINE float *take(float **scratch, long n) {
  float *taken = *scratch;
  *scratch += (n + LINE - 1) / LINE * LINE;
  return taken;
}

// Packs rows of values: a word holds rows 2p and 2p + 1 of a column.
static void pack_values(uint32_t *panels, const float *v, long rows, long columns, long stride) {
  long pairs = (rows + 1) / 2;
  for (long first = 0; first < columns; first += PANEL, panels += pairs * PANEL) {
    for (long p = 0; p < pairs; p++) {
      const float *low = v + 2 * p * stride + first;
      for (long j = 0; j < PANEL; j += WIDTH) {
        long left = columns - first - j;
        vf even = SPLAT(0.0f), odd = even;
        if (left >= WIDTH) {
          even = LOAD(low + j);
          if (2 * p + 1 < rows) odd = LOAD(low + stride + j);
        } else if (left > 0) {
          even = load_part(low + j, left);
          if (2 * p + 1 < rows) odd = load_part(low + stride + j, left);
        }
        vu word = __builtin_convertvector(ROUNDED(even), vu);
        word |= __builtin_convertvector(ROUNDED(odd), vu) << 16;
        *(vu_unaligned *)(panels + p * PANEL + j) = word;
      }
    }
  }
}

// Running maxima and sums of a block's rows.
typedef struct row_sums {
  float top[MARTLET_BF16_QUERIES], sum[MARTLET_BF16_QUERIES];
} row_sums;

// What depends on the distance alone, divided by the scale, which the exponential multiplies by.
static void add_distances(const martlet_attention *a, float *row, long distance, long n) {
  float inverse = 1.0f / a->scale;
  if (a->slope != 0)
    for (long j = 0; j < n; j++) row[j] -= a->slope * inverse * fabsf((float)(distance + j));
  if (a->bias)
    for (long j = 0; j < n; j++) row[j] += a->bias[distance + j] * inverse;
}

// Lanes before `count`.
INLINE vi first_lanes(long count) {
  vi lanes;
#pragma clang loop unroll(full)
  for (int i = 0; i < WIDTH; i++) lanes[i] = i;
  return (vi)(lanes < (int32_t)count);
}

// Where there is a NaN the row becomes one, whichever this gives.
#define LARGER(a, b) SELECT((vi)((a) > (b)), (a), (b))

// Folds the lanes of a vector in halves, which compilers do not do by themselves.
typedef float vf2 __attribute__((vector_size(8)));
typedef float vf4 __attribute__((vector_size(16)));
typedef float vf8 __attribute__((vector_size(32)));
#define PART2(v, i) __builtin_shufflevector(v, v, i, i + 1)
#define PART4(v, i) __builtin_shufflevector(v, v, i, i + 1, i + 2, i + 3)
#define PART8(v, i) \
  __builtin_shufflevector(v, v, i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7)
#define FOLD8(v, OP) OP(PART8(v, 0), PART8(v, 8))
#define FOLD4(v, OP) OP(PART4(v, 0), PART4(v, 4))
#define FOLD2(v, OP) OP(PART2(v, 0), PART2(v, 2))
#if WIDTH == 16
#define FOLD(v, OP) FOLD2(FOLD4(FOLD8(v, OP), OP), OP)
#elif WIDTH == 8
#define FOLD(v, OP) FOLD2(FOLD4(v, OP), OP)
#else
#define FOLD(v, OP) FOLD2(v, OP)
#endif
#define SUM_OF(a, b) ((a) + (b))
#define MAX_OF(a, b) __builtin_elementwise_max((a), (b))

// The largest of n scores and `top`. As below, reads up to a vector behind them.
INLINE float row_top(const float *row, long n, float top) {
  vf tops = SPLAT(top), more = tops;
  long j = 0;
  for (; j + 2 * WIDTH <= n; j += 2 * WIDTH) {
    vf first = LOAD(row + j), second = LOAD(row + j + WIDTH);
    tops = LARGER(first, tops);
    more = LARGER(second, more);
  }
  for (; j < n; j += WIDTH) {
    vf last = SELECT(first_lanes(n - j), LOAD(row + j), SPLAT(top));
    tops = LARGER(last, tops);
  }
  tops = LARGER(more, tops);
  vf2 two = FOLD(tops, MAX_OF);
  return two[0] > two[1] ? two[0] : two[1];
}

// 2^x for x <= 0 as exp2_nonpositive has it, by a degree-3 fit (our own): relative error below 8e-5, a
// twentieth of the rounding that follows.
INLINE vf rough_exp2(vf x) {
  const vf magic = SPLAT(12582912.0f);
  x = SELECT((vi)(x < SPLAT(-126.0f)), SPLAT(-126.0f), x);
  vf shifted = x + magic;
  vf r = x - (shifted - magic);
  vf p = SPLAT(5.517167e-02f);
  p = FMA(p, r, SPLAT(2.4261113e-01f));
  p = FMA(p, r, SPLAT(6.9326099e-01f));
  p = FMA(p, r, SPLAT(9.9992807e-01f));
  return (vf)((vi)p + ((vi)shifted << 23));
}

// Replaces n scores by their exponentials in bfloat16, in place, and returns the sum. Each half-as-wide
// store stands behind the loads that it overwrites; up to a vector behind them it leaves zeros.
INLINE float round_exponentials(float *row, long n, float top, float scale) {
  float factor = scale * 1.44269504088896341f;
  vf base = SPLAT(-top * factor), sums = SPLAT(0.0f);
  uint16_t *out = (uint16_t *)row;
  long j = 0;
  for (; j + WIDTH <= n; j += WIDTH) {
    vf e = rough_exp2(FMA(LOAD(row + j), SPLAT(factor), base));
    *(vh_unaligned *)(out + j) = ROUNDED(e);
    sums += e;
  }
  if (j < n) {
    vf e = rough_exp2(FMA(LOAD(row + j), SPLAT(factor), base));
    e = SELECT(first_lanes(n - j), e, SPLAT(0.0f));
    *(vh_unaligned *)(out + j) = ROUNDED(e);
    sums += e;
  }
  vf2 two = FOLD(sums, SUM_OF);
  return two[0] + two[1];
}

// Weights of rows from scores for keys [first, first + keys), zero where a row does not see. Scales the
// outputs so far where a row's maximum rose.
static void weigh(const martlet_attention *a, long start, long rows, long first, long keys,
                  float *scores, long width, row_sums *state, int is_first) {
  for (long i = 0; i < rows; i++) {
    float *row = scores + i * width;
    long place = start + i;
    long low = place - a->left > first ? place - a->left - first : 0;
    long high = place + a->right + 1 - first;
    if (high > keys) high = keys;
    float *output = a->output + place * a->output_stride;
    uint16_t *weights = (uint16_t *)row;
    // The last word's second half counts where there is an odd number of keys.
    long padded = (keys + 1) / 2 * 2;
    if (low >= high) {
      memset(weights, 0, (size_t)padded * sizeof(uint16_t));
      continue;
    }
    if (a->slope != 0 || a->bias) add_distances(a, row + low, first + low - place, high - low);
    float before = is_first ? -INFINITY : state->top[i];
    float top = row_top(row + low, high - low, before);
    float total = round_exponentials(row + low, high - low, top, a->scale);
    if (low > 0) {
      // They were written from `low` on, halfway before the scores.
      memmove(weights + low, row + low, (size_t)(high - low) * sizeof(uint16_t));
      memset(weights, 0, (size_t)low * sizeof(uint16_t));
    }
    if (high < padded) memset(weights + high, 0, (size_t)(padded - high) * sizeof(uint16_t));
    if (!is_first && before > -INFINITY) {
      vf change = exp2_nonpositive(SPLAT((before - top) * a->scale * 1.44269504088896341f));
      total += state->sum[i] * change[0];
      if (top > before)
        for (long j = 0; j < a->head_size; j++) output[j] *= change[0];
    }
    state->top[i] = top;
    state->sum[i] = total;
  }
}

// Where a head's rounded and packed parts are.
typedef struct bf16_head {
  uint32_t *keys, *values, *queries;
  long query_stride;
  float *scores;
  long width;
} bf16_head;

static bf16_head take_head(const martlet_attention *a) {
  long length = a->length, size = a->head_size, pairs = (size + 1) / 2;
  float *scratch = a->scratch;
  bf16_head head = {.query_stride = (pairs + LINE - 1) / LINE * LINE};
  head.keys = (uint32_t *)take(&scratch, panels_of(length) * PANEL * pairs);
  head.values = (uint32_t *)take(&scratch, panels_of(size) * PANEL * ((length + 1) / 2));
  head.queries = (uint32_t *)take(&scratch, MARTLET_BF16_QUERIES * head.query_stride);
  long width = panels_of(length) * PANEL;
  // A line more, so that rows do not all begin in one set of the first-level cache.
  head.width = (width < MARTLET_BF16_KEYS ? width : MARTLET_BF16_KEYS) + LINE;
  head.scores = take(&scratch, MARTLET_BF16_QUERIES * head.width);
  if (!a->is_packed) {
    pack(head.keys, a->key, size, length, a->row_stride);
    pack_values(head.values, a->value, length, size, a->row_stride);
  }
  return head;
}

// Rows [start, start + rows) with all keys that any of them sees.
static void attend(const martlet_attention *a, const martlet_kernels *floats,
                   const bf16_head *head, long start, long rows) {
  long size = a->head_size, pairs = (size + 1) / 2, length = a->length;
  long first = start > a->left ? (start - a->left) / PANEL * PANEL : 0;
  long last = start + rows + a->right < length ? start + rows + a->right : length;
  round_rows(head->queries, head->query_stride, a->query + start * a->row_stride, rows, size,
             a->row_stride);
  float *output = a->output + start * a->output_stride;
  row_sums state;
  for (long i = 0; i < rows; i++) {
    state.top[i] = -INFINITY;
    state.sum[i] = 0;
  }
  for (long block = first; block < last; block += MARTLET_BF16_KEYS) {
    long keys = last - block < MARTLET_BF16_KEYS ? last - block : MARTLET_BF16_KEYS;
    bf16_product scores = {.a = head->queries,
                           .a_stride = head->query_stride,
                           .panels = head->keys + block * pairs,
                           .panel_stride = pairs * PANEL,
                           .pairs = pairs,
                           .n = panels_of(keys) * PANEL,
                           .c = head->scores,
                           .c_stride = head->width};
    multiply(&scores, floats, 0, rows, 0, panels_of(keys));
    weigh(a, start, rows, block, keys, head->scores, head->width, &state, block == first);
    bf16_product mixed = {.a = (const uint32_t *)head->scores,
                          .a_stride = head->width,
                          .panels = head->values + block / 2 * PANEL,
                          .panel_stride = (length + 1) / 2 * PANEL,
                          .pairs = (keys + 1) / 2,
                          .n = size,
                          .c = output,
                          .c_stride = a->output_stride,
                          .epilogue = {.accumulate = block > first}};
    multiply(&mixed, floats, 0, rows, 0, panels_of(size));
  }
  for (long i = 0; i < rows; i++) {
    float inverse = 1.0f / state.sum[i];
    for (long j = 0; j < size; j++) output[i * a->output_stride + j] *= inverse;
  }
}

static void attention(const martlet_attention *a, const martlet_kernels *floats) {
  if (a->length <= 0) return;
  bf16_head head = take_head(a);
  for (long start = 0; start < a->length; start += MARTLET_BF16_QUERIES) {
    long left = a->length - start;
    attend(a, floats, &head, start, left < MARTLET_BF16_QUERIES ? left : MARTLET_BF16_QUERIES);
  }
}
