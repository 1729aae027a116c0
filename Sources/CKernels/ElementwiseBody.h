// Row-wise and element-wise kernels.

static void scale_row(float *row, long n, float factor) {
  long j = 0;
  for (; j + WIDTH <= n; j += WIDTH) STORE(row + j, LOAD(row + j) * factor);
  for (; j < n; j++) row[j] *= factor;
}

// The largest of `top` and the row.
static float row_top(const float *row, long n, float top) {
  vf tops = SPLAT(top), more = tops;
  long j = 0;
  for (; j + 2 * WIDTH <= n; j += 2 * WIDTH) {
    tops = greater(LOAD(row + j), tops);
    more = greater(LOAD(row + j + WIDTH), more);
  }
  top = largest(greater(tops, more));
  for (; j < n; j++) top = row[j] > top ? row[j] : top;
  return top;
}

// row[j] = exp(scale (row[j] - top)), and their sum.
static float exponentials(float *row, long n, float top, float scale) {
  float factor = scale * 1.44269504088896341f;
  vf base = SPLAT(-top * factor), sums = SPLAT(0.0f);
  long j = 0;
  for (; j + WIDTH <= n; j += WIDTH) {
    vf e = exp2_nonpositive(FMA(LOAD(row + j), SPLAT(factor), base));
    STORE(row + j, e);
    sums += e;
  }
  if (j < n) {
    vf e = exp2_nonpositive(FMA(load_part(row + j, n - j), SPLAT(factor), base));
    store_part(row + j, e, n - j);
    sums += load_part(row + j, n - j);
  }
  return sum(sums);
}

static void scale(float *x, float factor, long n) { scale_row(x, n, factor); }

static void softmax(float *x, long rows, long n, long stride) {
  for (long i = 0; i < rows; i++) {
    float *row = x + i * stride;
    scale_row(row, n, 1.0f / exponentials(row, n, row_top(row, n, -INFINITY), 1.0f));
  }
}

static void column_sums(float *sums, const float *x, long rows, long stride, long first,
                        long last) {
  for (long j = first; j < last; j += WIDTH) {
    long m = last - j < WIDTH ? last - j : WIDTH;
    vf total = SPLAT(0.0f);
    for (long i = 0; i < rows; i++)
      total += m == WIDTH ? LOAD(x + i * stride + j) : load_part(x + i * stride + j, m);
    store_part(sums + j, load_part(sums + j, m) + total, m);
  }
}

static void activate(float *y, const float *x, long n, martlet_activation activation) {
  if (y != x) memcpy(y, x, (size_t)n * sizeof(float));
  finish_matrix(y, n, 1, n, 0, 0, activation);
}

static void activate_backward(float *dx, const float *dy, const float *x, long n,
                              martlet_activation activation) {
  for (long i = 0; i < n; i += WIDTH) {
    long m = n - i < WIDTH ? n - i : WIDTH;
    if (m == WIDTH) {
      STORE(dx + i, LOAD(dy + i) * derivative(LOAD(x + i), activation));
    } else {
      store_part(dx + i, load_part(dy + i, m) * derivative(load_part(x + i, m), activation), m);
    }
  }
}

// Counter-based: element i's fate is a hash of (seed, index + i), so no mask is stored and any
// split over threads gives the same one. The mixer is a two-round multiply-xorshift.
static void dropout(float *x, long n, float p, uint32_t seed, uint32_t index) {
  if (p <= 0) return;
  uint32_t limit = (uint32_t)(p * 16777216.0f);
  vf scale = SPLAT(1.0f / (1.0f - p));
  vu lane;
  for (int l = 0; l < WIDTH; l++) lane[l] = (uint32_t)l;
  for (long i = 0; i < n; i += WIDTH) {
    vu h = (lane + (index + (uint32_t)i)) * 0x9E3779B1u + seed;
    h ^= h >> 16;
    h *= 0x85EBCA6Bu;
    h ^= h >> 13;
    h *= 0xC2B2AE35u;
    h ^= h >> 16;
    vi keep = (vi)((h >> 8) >= limit);
    long m = n - i < WIDTH ? n - i : WIDTH;
    if (m == WIDTH) STORE(x + i, SELECT(keep, LOAD(x + i) * scale, SPLAT(0.0f)));
    else store_part(x + i, SELECT(keep, load_part(x + i, m) * scale, SPLAT(0.0f)), m);
  }
}

static void add(float *y, const float *x, long n) {
  long i = 0;
  for (; i + WIDTH <= n; i += WIDTH) STORE(y + i, LOAD(y + i) + LOAD(x + i));
  for (; i < n; i++) y[i] += x[i];
}

static void add_scaled(float *y, const float *x, float scale, long n) {
  for (long i = 0; i < n; i += WIDTH) {
    long m = n - i < WIDTH ? n - i : WIDTH;
    if (m == WIDTH) STORE(y + i, FMA(SPLAT(scale), LOAD(x + i), LOAD(y + i)));
    else store_part(y + i, FMA(SPLAT(scale), load_part(x + i, m), load_part(y + i, m)), m);
  }
}

// Runs of 4096 are summed in single precision by lane and gathered in double.
static double dot(const float *x, const float *y, long n) {
  double total = 0;
  for (long start = 0; start < n; start += 4096) {
    long end = n - start < 4096 ? n : start + 4096;
    vf sums = SPLAT(0.0f);
    long i = start;
    for (; i + WIDTH <= end; i += WIDTH) sums = FMA(LOAD(x + i), LOAD(y + i), sums);
    if (i < end) sums = FMA(load_part(x + i, end - i), load_part(y + i, end - i), sums);
    total += (double)sum(sums);
  }
  return total;
}

static void adamw(float *weights, const float *gradient, float *moment1, float *moment2, long n,
                  const martlet_adam *s) {
  vf rate = SPLAT(s->learning_rate / s->correction1);
  // Not w (1 - decay): the rounding of 1 - decay would add up over the steps.
  vf decay = SPLAT(-s->learning_rate * s->weight_decay);
  vf inverse = SPLAT(1.0f / s->correction2);
  for (long i = 0; i < n; i += WIDTH) {
    long k = n - i < WIDTH ? n - i : WIDTH;
    vf g = load_part(gradient + i, k) * s->gradient_scale;
    vf m = FMA(SPLAT(1.0f - s->beta1), g, load_part(moment1 + i, k) * s->beta1);
    vf v = FMA(SPLAT(1.0f - s->beta2) * g, g, load_part(moment2 + i, k) * s->beta2);
    vf w = load_part(weights + i, k);
    w = FMA(decay, w, w);
    w -= rate * m / (__builtin_elementwise_sqrt(v * inverse) + s->epsilon);
    store_part(moment1 + i, m, k);
    store_part(moment2 + i, v, k);
    store_part(weights + i, w, k);
  }
}
