// Products, what follows them in a tile, and activations alone.
#include <math.h>
#include <stdlib.h>

#include "Case.h"

// A row-major or column-major, B as it stands or transposed, and one of each epilogue.
static void product(const martlet_kernels *kernels, results *out, long m, long k, long n, int kind) {
  int by_columns = kind & 1, transposed = kind & 2, accumulates = kind & 4;
  martlet_activation activation = (martlet_activation)(accumulates ? 0 : (m + k + n) % 9);
  float *a = drawn(m * k, 1), *b = drawn(k * n, 2), *bias = drawn(n, 3), *c = drawn(m * n, 4);
  float *residual = drawn(m * n, 5), *before = drawn(m * n, 4);
  long panels = (n + kernels->panel_columns - 1) / kernels->panel_columns;
  float *packed = zeros(panels * kernels->panel_columns * k);
  kernels->pack(packed, b, k, n, transposed ? 1 : n, transposed ? k : 1, 0, panels);
  martlet_operand operand = {a, by_columns ? 1 : k, by_columns ? m : 1};
  martlet_epilogue epilogue = {.bias = bias,
                               .residual = accumulates ? 0 : residual,
                               .residual_stride = n,
                               .activation = activation,
                               .accumulate = accumulates};
  kernels->matmul(operand, packed, k, n, c, n, epilogue, 0, m / 2, 0, panels);
  kernels->matmul(operand, packed, k, n, c, n, epilogue, m / 2, m, 0, panels);
  for (long i = 0; i < m; i++) {
    for (long j = 0; j < n; j++) {
      double sum = (double)bias[j] + (accumulates ? (double)before[i * n + j] : 0);
      for (long p = 0; p < k; p++)
        sum += (double)a[by_columns ? p * m + i : i * k + p] *
               (double)b[transposed ? j * k + p : p * n + j];
      sum = activated(sum, activation);
      record(out, c[i * n + j], accumulates ? sum : sum + (double)residual[i * n + j]);
    }
  }
  float *all[] = {a, b, bias, c, residual, before, packed};
  for (int i = 0; i < 7; i++) free(all[i]);
}

static void products(const martlet_kernels *kernels, results *out) {
  static const long rows[] = {1, 2, 3, 5, 8, 11, 13, 14, 15, 27, 57};
  static const long widths[] = {1, 7, 8, 9, 33, 70}, depths[] = {1, 6, 17, 130};
  int kind = 0;
  for (int i = 0; i < 11; i++)
    for (int j = 0; j < 6; j++)
      for (int p = 0; p < 4; p++, kind++) product(kernels, out, rows[i], depths[p], widths[j], kind % 8);
}

static void deep_products(const martlet_kernels *kernels, results *out) {
  for (int kind = 0; kind < 4; kind++) product(kernels, out, 17, 3100, 33, kind);
}

static const float special[] = {0,   -0.0f, 1e-8f, -1e-8f, 0.5f,     -0.5f,     3,   -3,
                                5.1f, -5.1f, 30,    -30,    INFINITY, -INFINITY, NAN, 1};

static void activations(const martlet_kernels *kernels, results *out) {
  for (int which = 0; which <= MARTLET_ACTIVATION_SIGMOID; which++) {
    for (long n = 1; n < 80; n += 13) {
      float *x = drawn(n, 6), y[80], slope[80];
      for (long i = 0; i < n; i++) x[i] *= 6;
      kernels->activate(y, x, n, (martlet_activation)which);
      for (long i = 0; i < n; i++) record(out, y[i], activated((double)x[i], (martlet_activation)which));
      for (long i = 0; i < n; i++) y[i] = x[n - 1 - i];
      kernels->activate_backward(slope, y, x, n, (martlet_activation)which);
      for (long i = 0; i < n; i++) {
        double at = (double)x[i], step = 1e-5;
        // No slope is defined at a corner.
        if (fabs(at) < 1e-3) continue;
        double rise = activated(at + step, (martlet_activation)which) -
                      activated(at - step, (martlet_activation)which);
        record(out, slope[i], rise / (2 * step) * (double)y[i]);
      }
      free(x);
    }
    float y[16];
    kernels->activate(y, special, 16, (martlet_activation)which);
    // What is not finite stays so: the sign and kind are the formula's own affair.
    for (int i = 0; i < 16; i++)
      record(out, isfinite(special[i]) ? y[i] : (float)!!isfinite(y[i]),
             isfinite(special[i]) ? activated((double)special[i], (martlet_activation)which) : 0);
  }
}

static void gates(const martlet_kernels *kernels, results *out) {
  for (int which = 0; which <= MARTLET_ACTIVATION_SIGMOID; which++) {
    for (long n = 1; n < 40; n += 7) {
      float *x = drawn(6 * n, 7), *y = zeros(3 * n), *slope = drawn(3 * n, 8), *dx = zeros(6 * n);
      martlet_rows in = {x, 2 * n}, result = {y, n};
      kernels->gated(result, in, 3, n, (martlet_activation)which);
      for (long i = 0; i < 3; i++)
        for (long j = 0; j < n; j++)
          record(out, y[i * n + j], activated((double)x[i * 2 * n + j], (martlet_activation)which) *
                                        (double)x[i * 2 * n + n + j]);
      kernels->gated_backward((martlet_rows){dx, 2 * n}, (martlet_rows){slope, n}, in, 3, n,
                              (martlet_activation)which);
      record_all(out, dx, 6 * n);
      free(x);
      free(y);
      free(slope);
      free(dx);
    }
  }
}

const float_case martlet_product_cases[] = {
    {"products", products, 3e-6},
    {"deep products", deep_products, 1e-5},
    {"activations", activations, 2e-6},
    {"gated units", gates, 2e-6},
    {0},
};
