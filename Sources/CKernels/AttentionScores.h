// The scores of a block of queries, before softmax: products, relative places, cap and distances.
// They are not yet multiplied by the scale, which the softmax does.

// tanh with a relative error below 2e-7: near zero by a polynomial in x^2 (our own least-maximum fit),
// where the quotient of exponentials cancels.
INLINE vf precise_tanh(vf x) {
  vf z = x * x;
  vf p = SPLAT(-5.468263756e-03f);
  p = FMA(p, z, SPLAT(2.041518874e-02f));
  p = FMA(p, z, SPLAT(-5.366528034e-02f));
  p = FMA(p, z, SPLAT(1.333041489e-01f));
  p = FMA(p, z, SPLAT(-3.333323002e-01f));
  vf near = FMA(x * z, p, x);
  return SELECT((vi)(z < SPLAT(0.4225f)), near, apply(x, MARTLET_ACTIVATION_TANH));
}

// s becomes cap tanh(s / cap) for scaled scores s; `slopes` receives the derivative where not null.
static void cap_row(float *row, long n, float scale, float cap, float *slopes) {
  for (long j = 0; j < n; j += WIDTH) {
    long m = n - j < WIDTH ? n - j : WIDTH;
    vf bent = precise_tanh(load_part(row + j, m) * (scale / cap));
    store_part(row + j, bent * (cap / scale), m);
    if (slopes) store_part(slopes + j, SPLAT(1.0f) - bent * bent, m);
  }
}

// Products of queries and keys, of which those from `b.first` on are given, and what relative places add.
static void fill_scores(const martlet_attention *a, const float *keys,
                        const relative_scores *relative, attention_block b, float *scores) {
  martlet_operand queries = {a->query + b.start * a->query_stride, a->query_stride, 1};
  martlet_epilogue none = {0};
  matmul(queries, keys, a->head_size, b.keys, scores, b.width, none, 0, b.rows, 0,
         panels_of(b.keys));
  add_relative(a, relative, b, scores);
}

// What depends on the scores' size or on the distance alone.
static void place_scores(const martlet_attention *a, attention_block b, float *scores) {
  for (long i = 0; i < b.rows; i++) {
    float *row = scores + i * b.width;
    long distance = b.first - a->offset - b.start - i;
    if (a->soft_cap > 0) cap_row(row, b.keys, a->scale, a->soft_cap, 0);
    if (a->slope != 0) {
      float slope = a->slope / a->scale;
      for (long j = 0; j < b.keys; j++) row[j] -= slope * fabsf((float)(distance + j));
    }
    if (a->bias) add_scaled(row, a->bias + distance, 1.0f / a->scale, b.keys);
  }
}
