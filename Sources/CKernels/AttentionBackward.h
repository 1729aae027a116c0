// Gradient of attention, block by block of its rows, with the weights that the forward pass kept.

// ds from the gradient of the weights, in place: P (dP - sum(P dP)), through distances, cap and scale.
static void weights_backward(const martlet_attention_gradient *g, attention_block b, float *ds,
                             float *raw) {
  const martlet_attention *a = &g->forward;
  for (long i = 0; i < b.rows; i++) {
    const float *p = a->weights + (b.start + i) * a->band;
    float *row = ds + i * a->band;
    float shift = (float)dot(p, row, b.keys);
    for (long j = 0; j < b.keys; j++) row[j] = p[j] * (row[j] - shift);
    if (g->bias_gradient) add(g->bias_gradient + (b.first - a->offset - b.start - i), row, b.keys);
    if (a->soft_cap > 0) {
      float *slopes = raw + i * a->band;
      cap_row(slopes, b.keys, a->scale, a->soft_cap, slopes);
      for (long j = 0; j < b.keys; j++) row[j] *= slopes[j];
    }
    scale_row(row, b.keys, a->scale);
  }
}

static void clear_rows(float *x, long rows, long size, long stride) {
  for (long i = 0; i < rows; i++) memset(x + i * stride, 0, (size_t)size * sizeof(float));
}

// Packed forms that a backward pass reads, of the head and of the block at hand.
typedef struct backward_panels {
  float *values, *keys, *turned_keys;
  float *outputs, *queries;
} backward_panels;

static backward_panels take_panels(const martlet_attention *a, long height, float **scratch) {
  long size = a->head_size, length = a->length;
  long across = panels_of(length) * PANEL * size, down = panels_of(size) * PANEL;
  return (backward_panels){
      .values = take(scratch, across),
      .keys = take(scratch, down * length),
      .turned_keys = a->soft_cap > 0 ? take(scratch, across) : 0,
      .outputs = take(scratch, down * height),
      .queries = take(scratch, down * height),
  };
}

static void start_backward(const martlet_attention_gradient *g, const backward_panels *packed) {
  const martlet_attention *a = &g->forward;
  long size = a->head_size, length = a->length, stride = a->row_stride;
  if (a->is_packed) return;
  // Without a window the first block writes the gradients of all keys and values.
  if (!is_full(a)) {
    clear_rows(g->key_gradient, length, size, stride);
    clear_rows(g->value_gradient, length, size, stride);
  }
  pack(packed->values, a->value, size, length, 1, stride, 0, panels_of(length));
  pack(packed->keys, a->key, length, size, stride, 1, 0, panels_of(size));
  if (packed->turned_keys)
    pack(packed->turned_keys, a->key, size, length, 1, stride, 0, panels_of(length));
}

static void attention_backward(const martlet_attention_gradient *g) {
  const martlet_attention *a = &g->forward;
  long length = a->length, size = a->head_size, stride = a->row_stride, band = a->band;
  // Kept rows begin where their block does; all are whole where there is no window.
  long height = is_full(a) ? GRADIENT_ROWS : ATTENTION_ROWS;
  float *scratch = a->scratch;
  backward_panels packed = take_panels(a, height, &scratch);
  float *dropped = take(&scratch, height * band);
  float *ds = take(&scratch, height * band);
  float *raw = take(&scratch, height * band);
  relative_gradient relative = prepare_relative_gradient(a, height, &scratch);
  start_backward(g, &packed);
  int first_writes = is_full(a) && !a->is_packed;
  for (long start = 0; start < a->queries; start += height) {
    attention_block b = block_at(a, start, height);
    int adds = start > 0 || !first_writes;
    const float *weights = a->weights + start * band;
    if (a->dropout > 0) {
      memcpy(dropped, weights, (size_t)((b.rows - 1) * band + b.keys) * sizeof(float));
      drop(a, b, dropped);
      weights = dropped;
    }
    // dV += W^T dO
    const float *slopes = g->output_gradient + start * a->output_stride;
    pack(packed.outputs, slopes, b.rows, size, a->output_stride, 1, 0, panels_of(size));
    matmul_slice((martlet_operand){weights, 1, band}, packed.outputs, b.rows, 0, b.keys, b.rows,
                 size, g->value_gradient + b.first * stride, stride, adds);
    // dW = dO V^T, through the dropout mask, and dS
    martlet_epilogue none = {0};
    matmul((martlet_operand){slopes, a->output_stride, 1}, packed.values + b.first * size, size,
           b.keys, ds, band, none, 0, b.rows, 0, panels_of(b.keys));
    if (a->dropout > 0) drop(a, b, ds);
    if (a->soft_cap > 0) fill_scores(a, packed.turned_keys + b.first * size, &(relative_scores){0}, b, raw);
    weights_backward(g, b, ds, raw);
    // dQ = dS K, dK += dS^T Q
    matmul_slice((martlet_operand){ds, band, 1}, packed.keys, length, b.first, b.rows, b.keys, size,
                 g->query_gradient + start * a->query_stride, a->query_stride, 0);
    pack(packed.queries, a->query + start * a->query_stride, b.rows, size, a->query_stride, 1, 0, panels_of(size));
    matmul_slice((martlet_operand){ds, 1, band}, packed.queries, b.rows, 0, b.keys, b.rows, size,
                 g->key_gradient + b.first * stride, stride, adds);
    relative_block_backward(g, &relative, b, ds, packed.queries);
  }
  relative_keys_backward(g, &relative, packed.keys);
}
