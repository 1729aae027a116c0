// Gated linear units (Shazeer, 2020): y[i, j] = f(x[i, j]) x[i, n + j].

INLINE void gated_row(float *y, const float *x, const float *factors, long n,
                      martlet_activation activation) {
  long j = 0;
  for (; j + 4 * WIDTH <= n; j += 4 * WIDTH) {
    vf gates[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) gates[i] = LOAD(x + j + i * WIDTH);
    apply_each(4, gates, activation);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++)
      STORE(y + j + i * WIDTH, gates[i] * LOAD(factors + j + i * WIDTH));
  }
  for (; j < n; j += WIDTH) {
    long m = n - j < WIDTH ? n - j : WIDTH;
    vf gate = load_part(x + j, m);
    apply_each(1, &gate, activation);
    store_part(y + j, gate * load_part(factors + j, m), m);
  }
}

static void gated(martlet_rows y, martlet_rows x, long rows, long n,
                  martlet_activation activation) {
#define GATED(which) \
  case which: \
    for (long i = 0; i < rows; i++) \
      gated_row(y.base + i * y.stride, x.base + i * x.stride, x.base + i * x.stride + n, n, which); \
    break;
  switch (activation) {
    EACH_ACTIVATION(GATED)
    GATED(MARTLET_ACTIVATION_NONE)
  }
#undef GATED
}

static void gated_backward(martlet_rows dx, martlet_rows dy, martlet_rows x, long rows, long n,
                           martlet_activation activation) {
  for (long i = 0; i < rows; i++) {
    float *out = dx.base + i * dx.stride;
    const float *slope = dy.base + i * dy.stride, *row = x.base + i * x.stride;
    for (long j = 0; j < n; j += WIDTH) {
      long m = n - j < WIDTH ? n - j : WIDTH;
      vf g = load_part(slope + j, m), gate = load_part(row + j, m);
      store_part(out + j, g * load_part(row + n + j, m) * derivative(gate, activation), m);
      store_part(out + n + j, g * apply(gate, activation), m);
    }
  }
}
