// bfloat16 products and attention.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "Case.h"

// The nearest bfloat16, halves to even: the low half is taken off, and the remainder decides.
static float rounded(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  if (isnan(x)) return x;
  if (fabsf(x) < 0x1p-126f) return copysignf(0, x);
  uint32_t high = bits & 0xFFFF0000u, rest = bits & 0xFFFFu;
  if (rest > 0x8000u || (rest == 0x8000u && (high & 0x10000u))) high += 0x10000u;
  memcpy(&x, &high, 4);
  return x;
}

static void product(const martlet_bf16_kernels *kernels, const martlet_kernels *floats, results *out,
                    long m, long k, long n, int accumulates) {
  float *x = drawn(m * k, 41), *w = drawn(n * k, 42), *bias = drawn(n, 43), *c = drawn(m * n, 44);
  float *before = drawn(m * n, 44);
  long pairs = (k + 1) / 2, panels = (n + kernels->panel_columns - 1) / kernels->panel_columns;
  uint32_t *packed = aligned(pairs * panels * kernels->panel_columns * 4);
  uint32_t *words = aligned(m * (pairs + 3) * 4);
  kernels->pack(packed, w, k, n, k);
  kernels->round(words, pairs + 3, x, m, k, k);
  martlet_bf16_operand a = {words, pairs + 3};
  martlet_bf16_weight b = {packed, k, n};
  martlet_epilogue epilogue = {.bias = bias,
                               .activation = accumulates ? 0 : MARTLET_ACTIVATION_RELU,
                               .accumulate = accumulates};
  kernels->matmul(&a, &b, c, n, &epilogue, floats, 0, m, 0, panels);
  for (long i = 0; i < m; i++) {
    for (long j = 0; j < n; j++) {
      float sum = accumulates ? bias[j] + before[i * n + j] : bias[j];
      for (long p = 0; p < pairs; p++) {
        if (2 * p + 1 < k)
          sum = fmaf(rounded(x[i * k + 2 * p + 1]), rounded(w[j * k + 2 * p + 1]), sum);
        sum = fmaf(rounded(x[i * k + 2 * p]), rounded(w[j * k + 2 * p]), sum);
      }
      record(out, c[i * n + j], (double)(accumulates ? sum : fmaxf(sum, 0)));
    }
  }
  float *all[] = {x, w, bias, c, before};
  for (int i = 0; i < 5; i++) free(all[i]);
  free(packed);
  free(words);
}

static void products(const martlet_bf16_kernels *kernels, const martlet_kernels *floats,
                     results *out) {
  static const long rows[] = {1, 3, 6, 11, 13, 14, 15, 29}, widths[] = {1, 7, 8, 33, 70};
  static const long depths[] = {1, 2, 9, 64, 131};
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 5; j++)
      for (int p = 0; p < 5; p++)
        product(kernels, floats, out, rows[i], depths[p], widths[j], (i + j + p) % 2);
}

static void rounding(const martlet_bf16_kernels *kernels, const martlet_kernels *floats,
                     results *out) {
  static const float values[] = {1,         1.00390625f, 1.01171875f, 1.0039072f, -1.00390625f,
                                 3.4e38f,   0x1p-126f,   0x1p-149f,   -0x1p-149f, 0,
                                 INFINITY, -INFINITY,   NAN};
  (void)floats;
  uint16_t halves[14];
  kernels->round((uint32_t *)halves, 7, values, 1, 13, 13);
  for (int i = 0; i < 13; i++) {
    uint32_t bits = (uint32_t)halves[i] << 16;
    float got;
    memcpy(&got, &bits, 4);
    record(out, got, (double)rounded(values[i]));
  }
}

static void attention(const martlet_bf16_kernels *kernels, const martlet_kernels *floats,
                      results *out) {
  static const long lengths[] = {1, 6, 29, 70, 600}, sizes[] = {2, 9, 32};
  for (int l = 0; l < 5; l++) {
    for (int s = 0; s < 3; s++) {
      for (int kind = 0; kind < 4; kind++) {
        long length = lengths[l], size = sizes[s];
        // Beyond one block of keys, one size will do.
        if (length > 500 && size != 9) continue;
        float *numbers = drawn(length * 3 * size, 45), *output = zeros(length * size);
        float *bias = drawn(2 * length, 46);
        float *scratch = zeros(martlet_bf16_attention_scratch(length, size));
        martlet_attention a = {.query = numbers,
                               .key = numbers + size,
                               .value = numbers + 2 * size,
                               .row_stride = 3 * size,
                               .query_stride = 3 * size,
                               .output = output,
                               .output_stride = size,
                               .length = length,
                               .queries = length,
                               .head_size = size,
                               .scale = 0.4f,
                               .left = kind & 1 && length > 9 ? 9 : length,
                               .right = kind & 1 && length > 4 ? 4 : length,
                               .slope = kind == 2 ? 0.05f : 0,
                               .bias = kind == 3 ? bias + length : 0,
                               .scratch = scratch};
        double *want = aligned(length * size * (long)sizeof(double));
        plain_attention(&a, want);
        kernels->attention(&a, floats);
        for (long i = 0; i < length * size; i++) record(out, output[i], want[i]);
        float *all[] = {numbers, output, bias, scratch};
        for (int i = 0; i < 4; i++) free(all[i]);
        free(want);
      }
    }
  }
}

const bf16_case martlet_bf16_cases[] = {
    {"products", products, 0, 2e-5},
    {"rounding", rounding, 0, 0},
    {"attention", attention, 1e-2, 1e-2},
    {0},
};
