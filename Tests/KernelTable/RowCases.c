// What is done with rows and with single elements.
#include <math.h>
#include <stdlib.h>

#include "Case.h"

#define ROWS 5

static void norms(const martlet_kernels *kernels, results *out) {
  for (long n = 1; n < 70; n += 8) {
    for (int kind = 0; kind < 4; kind++) {
      int centred = kind & 1;
      float *x = drawn(ROWS * n, 11), *gain = drawn(n, 12), *bias = kind & 2 ? drawn(n, 13) : 0;
      float *y = zeros(ROWS * n), *dy = drawn(ROWS * n, 14), *dx = drawn(ROWS * n, 15);
      float means[ROWS], deviations[ROWS], *dgain = drawn(n, 16), *dbias = drawn(n, 17);
      martlet_norm norm = {gain, bias, kind & 2 ? 0 : 1, 1e-3f, centred};
      martlet_rows in = {x, n}, result = {y, n}, slope = {dy, n};
      kernels->norm(result, in, ROWS, n, &norm, means, deviations);
      for (long i = 0; i < ROWS; i++) {
        double mean = 0, variance = 0;
        if (centred)
          for (long j = 0; j < n; j++) mean += (double)x[i * n + j] / (double)n;
        for (long j = 0; j < n; j++)
          variance += ((double)x[i * n + j] - mean) * ((double)x[i * n + j] - mean) / (double)n;
        for (long j = 0; j < n; j++)
          record(out, y[i * n + j],
                 ((double)x[i * n + j] - mean) / sqrt(variance + 1e-3) *
                         ((double)gain[j] + (double)norm.gain_offset) +
                     (bias ? (double)bias[j] : 0));
      }
      kernels->norm_backward((martlet_rows){dx, n}, slope, in, ROWS, n, &norm,
                             centred ? means : 0, deviations, kind & 2);
      kernels->norm_parameters(dgain, bias ? dbias : 0, slope, in, ROWS, centred ? means : 0,
                               deviations, 0, n);
      record_all(out, dx, ROWS * n);
      record_all(out, dgain, n);
      record_all(out, dbias, n);
      float *all[] = {x, gain, bias, y, dy, dx, dgain, dbias};
      for (int i = 0; i < 8; i++) free(all[i]);
    }
  }
}

static void softmaxes(const martlet_kernels *kernels, results *out) {
  for (long n = 1; n < 70; n += 4) {
    float *x = drawn(ROWS * n, 18), *before = drawn(ROWS * n, 18);
    for (long i = 0; i < ROWS * n; i++) x[i] = before[i] = 30 * before[i];
    kernels->softmax(x, ROWS, n, n);
    for (long i = 0; i < ROWS; i++) {
      double top = -INFINITY, total = 0;
      for (long j = 0; j < n; j++) top = fmax(top, (double)before[i * n + j]);
      for (long j = 0; j < n; j++) total += exp((double)before[i * n + j] - top);
      for (long j = 0; j < n; j++)
        record(out, x[i * n + j], exp((double)before[i * n + j] - top) / total);
    }
    free(x);
    free(before);
  }
}

// All sets of kernels give the same bits here.
static void turns(const martlet_kernels *kernels, results *out) {
  for (long pairs = 1; pairs < 20; pairs += 3) {
    for (int halves = 0; halves < 2; halves++) {
      long size = 2 * pairs + 2;
      float *x = drawn(3 * size, 19), *cosines = drawn(pairs, 20), *sines = drawn(pairs, 21);
      kernels->rotate(x, 3, size, pairs, halves, cosines, sines, halves ? 1.0f : -1.0f);
      record_all(out, x, 3 * size);
      free(x);
      free(cosines);
      free(sines);
    }
  }
  float *x = drawn(1001, 22);
  kernels->dropout(x, 1001, 0.5f, 9, 77);
  record_all(out, x, 1001);
  free(x);
}

static void elements(const martlet_kernels *kernels, results *out) {
  for (long n = 1; n < 70; n += 5) {
    float *x = drawn(ROWS * n, 23), *y = drawn(ROWS * n, 24), *sums = drawn(n, 25);
    float *before = drawn(ROWS * n, 24), *start = drawn(n, 25);
    kernels->add(y, x, n);
    kernels->add_scaled(y + n, x + n, 0.3f, n);
    kernels->scale(y + 2 * n, 0.7f, n);
    for (long j = 0; j < n; j++) {
      record(out, y[j], (double)before[j] + (double)x[j]);
      record(out, y[n + j], (double)before[n + j] + (double)0.3f * (double)x[n + j]);
      record(out, y[2 * n + j], (double)before[2 * n + j] * (double)0.7f);
    }
    kernels->column_sums(sums, x, ROWS, n, 0, n);
    for (long j = 0; j < n; j++) {
      double sum = (double)start[j];
      for (long i = 0; i < ROWS; i++) sum += (double)x[i * n + j];
      record(out, sums[j], sum);
    }
    double want = 0;
    for (long j = 0; j < n; j++) want += (double)x[j] * (double)before[j];
    record(out, (float)kernels->dot(x, before, n), want);
    float *all[] = {x, y, sums, before, start};
    for (int i = 0; i < 5; i++) free(all[i]);
  }
}

static void steps(const martlet_kernels *kernels, results *out) {
  martlet_adam step = {1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.1f, 0.001f, 0.5f};
  for (long n = 1; n < 70; n += 9) {
    float *w = drawn(n, 26), *g = drawn(n, 27), *m = drawn(n, 28), *v = drawn(n, 29);
    for (long j = 0; j < n; j++) v[j] = v[j] * v[j];
    for (long j = 0; j < n; j++) {
      double slope = (double)g[j] * 0.5, mean = 0.9 * (double)m[j] + 0.1 * slope;
      double square = 0.999 * (double)v[j] + 0.001 * slope * slope;
      record(out, 0, 0);
      out->want[out->count - 1] =
          (double)w[j] * (1 - 1e-3) - 1e-2 * (mean / 0.1) / (sqrt(square / 0.001) + 1e-8);
    }
    kernels->adamw(w, g, m, v, n, &step);
    for (long j = 0; j < n; j++) out->got[out->count - n + j] = w[j];
    record_all(out, m, n);
    record_all(out, v, n);
    float *all[] = {w, g, m, v};
    for (int i = 0; i < 4; i++) free(all[i]);
  }
}

const float_case martlet_row_cases[] = {
    {"norms", norms, 2e-5},        {"softmax", softmaxes, 2e-6}, {"turns and dropout", turns, 0},
    {"elements", elements, 2e-6}, {"AdamW", steps, 2e-6},       {0},
};
