// Attention of one head, forward and backward, with everything that changes scores.
#include <stdlib.h>

#include "Case.h"

enum { WINDOW = 1, CAP = 2, SLOPE = 4, BIAS = 8, TABLES = 16, DROPOUT = 32, KEPT = 64, FEWER = 128 };

typedef struct head {
  martlet_attention call;
  martlet_relative tables;
  float *numbers, *output, *bias, *keys, *queries, *weights, *scratch;
  int32_t *rows;
} head;

#define TABLE_ROWS 9

static head made(long length, long size, int kind) {
  head h = {.numbers = drawn(length * 3 * size, 31),
            .output = zeros(length * size),
            .bias = drawn(2 * length, 32),
            .keys = drawn(TABLE_ROWS * size, 33),
            .queries = drawn(TABLE_ROWS * size, 34),
            .rows = aligned(2 * length * (long)sizeof(int32_t))};
  for (long j = 0; j < 2 * length; j++) {
    long distance = j - length;
    distance = distance > 4 ? 4 : distance < -4 ? -4 : distance;
    h.rows[j] = (int32_t)distance + 4;
  }
  martlet_attention *a = &h.call;
  *a = (martlet_attention){.query = h.numbers,
                           .key = h.numbers + size,
                           .value = h.numbers + 2 * size,
                           .row_stride = 3 * size,
                           .query_stride = 3 * size,
                           .output = h.output,
                           .output_stride = size,
                           .length = length,
                           // Fewer queries than keys, the first of them in the middle.
                           .queries = kind & FEWER ? (length + 1) / 2 : length,
                           .offset = kind & FEWER ? length / 2 : 0,
                           .head_size = size,
                           .scale = 0.4f,
                           .left = kind & WINDOW ? 7 : length,
                           .right = kind & WINDOW ? 3 : length,
                           .soft_cap = kind & CAP ? 2 : 0,
                           .slope = kind & SLOPE ? 0.05f : 0,
                           .bias = kind & BIAS ? h.bias + length : 0,
                           .dropout = kind & DROPOUT ? 0.3f : 0,
                           .seed = 5,
                           .index = 11};
  if (a->left > length) a->left = length;
  if (a->right > length) a->right = length;
  a->band = martlet_attention_band(length, a->left, a->right);
  if (kind & KEPT) a->weights = h.weights = zeros(length * a->band);
  return h;
}

// The call's addresses, once `h` has its place.
static martlet_attention *settled(head *h, long size, int kind, int is_backward) {
  h->tables = (martlet_relative){h->keys, size, h->queries, size, h->rows + h->call.length};
  h->call.relative = kind & TABLES ? &h->tables : 0;
  free(h->scratch);
  h->scratch = zeros(martlet_attention_scratch(&h->call, is_backward));
  h->call.scratch = h->scratch;
  return &h->call;
}

static void discard(head *h) {
  float *all[] = {h->numbers, h->output, h->bias, h->keys, h->queries, h->weights, h->scratch};
  for (int i = 0; i < 7; i++) free(all[i]);
  free(h->rows);
}

static const int kinds[] = {0,           WINDOW,         CAP,           SLOPE,  BIAS,
                            WINDOW | CAP, BIAS | WINDOW, TABLES,        KEPT,   KEPT | DROPOUT,
                            KEPT | WINDOW, TABLES | WINDOW, KEPT | TABLES, FEWER,  FEWER | WINDOW,
                            FEWER | KEPT};
#define KINDS (long)(sizeof kinds / sizeof kinds[0])
static const long lengths[] = {1, 5, 14, 29, 70}, sizes[] = {1, 8, 17, 32};

static void forward(const martlet_kernels *kernels, results *out, long length, long size, int kind) {
  head h = made(length, size, kind);
  martlet_attention *a = settled(&h, size, kind, 0);
  kernels->attention(a);
  double *want = aligned(length * size * (long)sizeof(double));
  plain_attention(a, want);
  for (long i = 0; i < a->queries * size; i++) {
    if (kind & (TABLES | DROPOUT)) record_all(out, h.output + i, 1);
    else record(out, h.output[i], want[i]);
  }
  free(want);
  discard(&h);
}

static void attention(const martlet_kernels *kernels, results *out) {
  for (int l = 0; l < 5; l++)
    for (int s = 0; s < 4; s++)
      for (int k = 0; k < KINDS; k++) forward(kernels, out, lengths[l], sizes[s], kinds[k]);
}

static void long_attention(const martlet_kernels *kernels, results *out) {
  forward(kernels, out, 1100, 8, 0);
  forward(kernels, out, 1100, 8, WINDOW);
}

static void backward(const martlet_kernels *kernels, results *out) {
  for (int l = 0; l < 5; l++) {
    for (int s = 0; s < 4; s++) {
      for (int k = 0; k < KINDS; k++) {
        long length = lengths[l], size = sizes[s];
        int kind = kinds[k] | KEPT;
        head h = made(length, size, kind);
        kernels->attention(settled(&h, size, kind, 0));
        martlet_attention *a = settled(&h, size, kind, 1);
        float *slopes = drawn(length * size, 35), *gradient = drawn(length * 3 * size, 36);
        float *bias = zeros(2 * length), *keys = zeros(TABLE_ROWS * size);
        float *queries = zeros(TABLE_ROWS * size);
        martlet_attention_gradient g = {.forward = *a,
                                        .output_gradient = slopes,
                                        .query_gradient = gradient,
                                        .key_gradient = gradient + size,
                                        .value_gradient = gradient + 2 * size,
                                        .bias_gradient = kind & BIAS ? bias + length : 0,
                                        .relative_key_gradient = kind & TABLES ? keys : 0,
                                        .relative_query_gradient = kind & TABLES ? queries : 0};
        kernels->attention_backward(&g);
        record_all(out, gradient, length * 3 * size);
        record_all(out, bias, 2 * length);
        record_all(out, keys, TABLE_ROWS * size);
        record_all(out, queries, TABLE_ROWS * size);
        float *all[] = {slopes, gradient, bias, keys, queries};
        for (int i = 0; i < 5; i++) free(all[i]);
        discard(&h);
      }
    }
  }
}

const float_case martlet_attention_cases[] = {
    {"attention", attention, 5e-6},
    {"attention over many keys", long_attention, 5e-6},
    {"gradients of attention", backward, 1e-5},
    {0},
};
