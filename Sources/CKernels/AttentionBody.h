// Scaled dot-product attention of one head over one sequence (Vaswani et al., 2017, section 3.2.1).
// Inference keeps only a block of ATTENTION_ROWS score rows; training keeps all weights.

#define ATTENTION_ROWS (2 * ROWS)

INLINE long panels_of(long n) { return (n + PANEL - 1) / PANEL; }

static void matmul_whole(martlet_operand a, const float *panels, long m, long k, long n, float *c,
                         long c_stride) {
  martlet_epilogue none = {0};
  matmul(a, panels, k, n, c, c_stride, none, 0, m, 0, panels_of(n));
}

static void scale_row(float *row, long n, float factor);
static float exponentials(float *row, long n, float scale);
static void dropout(float *x, long n, float p, uint32_t seed, uint32_t index);

// Scores of rows start.. against all keys lose `slope` for each step of distance.
static void subtract_distance(float *scores, long start, long rows, long length, float slope) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < length; j++)
      scores[i * length + j] -= slope * fabsf((float)(start + i - j));
}

static void attention(const martlet_attention *a) {
  long length = a->length, size = a->head_size, stride = a->row_stride;
  float *keys = a->scratch;
  float *values = keys + panels_of(length) * PANEL * size;
  float *block = values + panels_of(size) * PANEL * length;
  pack(keys, a->key, size, length, 1, stride, 0, panels_of(length));
  pack(values, a->value, length, size, stride, 1, 0, panels_of(size));
  for (long start = 0; start < length; start += ATTENTION_ROWS) {
    long rows = length - start < ATTENTION_ROWS ? length - start : ATTENTION_ROWS;
    float *scores = a->weights ? a->weights + start * length : block;
    martlet_operand queries = {a->query + start * stride, stride, 1};
    matmul_whole(queries, keys, rows, size, length, scores, length);
    if (a->slope != 0) subtract_distance(scores, start, rows, length, a->slope / a->scale);
    // The sums divide the outputs, which are fewer than the scores.
    float inverse[ATTENTION_ROWS];
    for (long i = 0; i < rows; i++)
      inverse[i] = 1.0f / exponentials(scores + i * length, length, a->scale);
    const float *mixed = scores;
    if (a->dropout > 0) {
      if (a->weights) memcpy(block, scores, (size_t)(rows * length) * sizeof(float));
      dropout(block, rows * length, a->dropout, a->seed, a->index + (uint32_t)(start * length));
      mixed = block;
    }
    martlet_operand weights = {mixed, length, 1};
    float *output = a->output + start * a->output_stride;
    matmul_whole(weights, values, rows, length, size, output, a->output_stride);
    for (long i = 0; i < rows; i++) {
      scale_row(output + i * a->output_stride, size, inverse[i]);
      if (a->weights) scale_row(scores + i * length, length, inverse[i]);
    }
  }
}

static double dot(const float *x, const float *y, long n);

static void attention_backward(const martlet_attention_gradient *g) {
  const martlet_attention *a = &g->forward;
  long length = a->length, size = a->head_size, stride = a->row_stride;
  float *dropped = a->scratch;
  float *ds = dropped + length * length;
  float *panels = ds + length * length;

  const float *weights = a->weights;
  if (a->dropout > 0) {
    memcpy(dropped, weights, (size_t)(length * length) * sizeof(float));
    dropout(dropped, length * length, a->dropout, a->seed, a->index);
    weights = dropped;
  }
  // dV = W^T dO
  pack(panels, g->output_gradient, length, size, a->output_stride, 1, 0, panels_of(size));
  martlet_operand transposed = {weights, 1, length};
  matmul_whole(transposed, panels, length, length, size, g->value_gradient, stride);
  // dW = dO V^T, through the dropout mask
  pack(panels, a->value, size, length, 1, stride, 0, panels_of(length));
  martlet_operand output = {g->output_gradient, a->output_stride, 1};
  matmul_whole(output, panels, length, size, length, ds, length);
  if (a->dropout > 0) dropout(ds, length * length, a->dropout, a->seed, a->index);
  // dS = P * (dP - sum(P dP)), and the scale of the scores
  for (long i = 0; i < length; i++) {
    const float *p = a->weights + i * length;
    float *row = ds + i * length;
    float shift = (float)dot(p, row, length);
    for (long j = 0; j < length; j++) row[j] = p[j] * (row[j] - shift) * a->scale;
  }
  // dQ = dS K, dK = dS^T Q
  pack(panels, a->key, length, size, stride, 1, 0, panels_of(size));
  martlet_operand score = {ds, length, 1};
  matmul_whole(score, panels, length, length, size, g->query_gradient, stride);
  pack(panels, a->query, length, size, stride, 1, 0, panels_of(size));
  martlet_operand score_transposed = {ds, 1, length};
  matmul_whole(score_transposed, panels, length, length, size, g->key_gradient, stride);
}
