// 8-bit products.
#include <math.h>
#include <stdlib.h>

#include "Case.h"

// Products of quantised numbers; with `against_double`, beside the products of the numbers themselves.
static void product(const martlet_int8_kernels *kernels, const martlet_kernels *floats, results *out,
                    long m, long k, long n, int against_double, int is_smoothed) {
  float *x = drawn(m * k, 51), *w = drawn(n * k, 52), *bias = drawn(n, 53), *c = zeros(m * n);
  float *smoothing = drawn(k, 54), *inverse = zeros(k);
  for (long p = 0; p < k; p++) {
    smoothing[p] = smoothing[p] * smoothing[p] + 0.5f;
    inverse[p] = 1 / smoothing[p];
  }
  long panels = (n + kernels->panel_columns - 1) / kernels->panel_columns;
  long width = panels * kernels->panel_columns, depth = (k + 3) / 4 * 4, stride = depth + 8;
  int8_t *packed = aligned(depth * width);
  float *scales = zeros(width), *row_scales = zeros(m);
  int32_t *sums = aligned(width * 4), *offsets = aligned(m * 4);
  uint8_t *values = aligned(m * stride);
  kernels->pack(w, k, n, k, is_smoothed ? smoothing : 0, 0, packed, scales, sums);
  kernels->quantize(x, m, k, k, is_smoothed ? inverse : 0, values, stride, row_scales, offsets);
  martlet_int8_operand a = {values, stride, row_scales, offsets};
  martlet_int8_weight b = {packed, scales, sums, k, n};
  martlet_epilogue epilogue = {.bias = bias};
  kernels->matmul(&a, &b, c, n, epilogue, floats, 0, m, 0, panels);
  for (long i = 0; i < m; i++) {
    for (long j = 0; j < n; j++) {
      if (!against_double) {
        record_all(out, c + i * n + j, 1);
        continue;
      }
      double sum = (double)bias[j];
      for (long p = 0; p < k; p++) sum += (double)x[i * k + p] * (double)w[j * k + p];
      record(out, c[i * n + j], sum);
    }
  }
  float *all[] = {x, w, bias, c, smoothing, inverse, scales, row_scales};
  for (int i = 0; i < 8; i++) free(all[i]);
  free(packed);
  free(sums);
  free(offsets);
  free(values);
}

static const long rows[] = {1, 3, 5, 6, 11, 13, 14, 29}, widths[] = {1, 7, 8, 33, 70};
static const long depths[] = {1, 4, 10, 63, 132};

static void products(const martlet_int8_kernels *kernels, const martlet_kernels *floats,
                     results *out) {
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 5; j++)
      for (int p = 0; p < 5; p++)
        product(kernels, floats, out, rows[i], depths[p], widths[j], 0, (i + j + p) % 2);
}

static void errors(const martlet_int8_kernels *kernels, const martlet_kernels *floats,
                   results *out) {
  for (int i = 0; i < 8; i++) product(kernels, floats, out, rows[i], 132, 33, 1, i % 2);
}

// Ranges of one sign, of one number, and none; and rows that are not finite.
static void ranges(const martlet_int8_kernels *kernels, const martlet_kernels *floats, results *out) {
  enum { count = 6, depth = 20 };
  float x[count * depth], c[count], weight[depth];
  for (long p = 0; p < depth; p++) {
    float t = (float)p / depth;
    float column[count] = {t + 1, -t - 1, 0, p == 3 ? 7.0f : 0.0f, p == 5 ? NAN : t,
                           p == 6 ? INFINITY : t};
    for (long i = 0; i < count; i++) x[i * depth + p] = column[i];
    weight[p] = 1 - t;
  }
  long width = kernels->panel_columns;
  int8_t *packed = aligned(depth * width);
  float *scales = zeros(width), row_scales[count];
  int32_t *sums = aligned(width * 4), offsets[count];
  uint8_t values[count * depth];
  kernels->pack(weight, depth, 1, depth, 0, 0, packed, scales, sums);
  kernels->quantize(x, count, depth, depth, 0, values, depth, row_scales, offsets);
  martlet_int8_operand a = {values, depth, row_scales, offsets};
  martlet_int8_weight b = {packed, scales, sums, depth, 1};
  kernels->matmul(&a, &b, c, 1, (martlet_epilogue){0}, floats, 0, count, 0, 1);
  for (long i = 0; i < count; i++) {
    double sum = 0;
    for (long p = 0; p < depth; p++) sum += (double)x[i * depth + p] * (double)weight[p];
    if (isfinite(sum)) record(out, c[i], sum);
    else record(out, (float)isnan(c[i]), 1);
  }
  free(packed);
  free(scales);
  free(sums);
}

// Sums are exact, so that kernels of as many bits agree bit by bit. Those of fewer bits make weights
// smaller that would overflow together.
const int8_case martlet_int8_cases[] = {
    {"products", products, 0, 8e-2},
    {"errors of products", errors, 2e-2, 6e-2},
    {"ranges", ranges, 6e-3, 0.15},
    {0},
};
