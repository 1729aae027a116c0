// Scaled dot-product attention of one head over one sequence (Vaswani et al., 2017, section 3.2.1).
// Inference keeps only a block of ATTENTION_ROWS score rows; training keeps all weights.

// The exponentials of a block's scores, zero where a row does not see; returns 1 / their sums.
static void weigh(const martlet_attention *a, attention_block b, float *scores, float *inverse) {
  for (long i = 0; i < b.rows; i++) {
    float *row = scores + i * a->band;
    long place = b.start + i;
    long first = place - a->left > b.first ? place - a->left - b.first : 0;
    long last = place + a->right + 1 - b.first;
    if (last > b.keys) last = b.keys;
    if (first > 0) memset(row, 0, (size_t)first * sizeof(float));
    if (last < b.keys) memset(row + last, 0, (size_t)(b.keys - last) * sizeof(float));
    inverse[i] = 1.0f / exponentials(row + first, last - first, a->scale);
  }
}

// An element's fate depends on its query and key alone, not on where its block starts.
static void drop(const martlet_attention *a, attention_block b, float *weights) {
  for (long i = 0; i < b.rows; i++)
    dropout(weights + i * a->band, b.keys, a->dropout, a->seed,
            a->index + (uint32_t)((b.start + i) * a->length + b.first));
}

static void attention(const martlet_attention *a) {
  long length = a->length, size = a->head_size, stride = a->row_stride, band = a->band;
  float *scratch = a->scratch;
  float *keys = take(&scratch, panels_of(length) * PANEL * size);
  float *values = take(&scratch, panels_of(size) * PANEL * length);
  float *block = take(&scratch, ATTENTION_ROWS * band);
  relative_scores relative = prepare_relative(a, &scratch);
  if (!a->is_packed) {
    pack(keys, a->key, size, length, 1, stride, 0, panels_of(length));
    pack(values, a->value, length, size, stride, 1, 0, panels_of(size));
  }
  for (long start = 0; start < length; start += ATTENTION_ROWS) {
    attention_block b = block_at(a, start, ATTENTION_ROWS);
    float *scores = a->weights ? a->weights + start * band : block;
    fill_scores(a, keys, &relative, b, scores);
    place_scores(a, b, scores);
    // The sums divide the outputs, which are fewer than the scores.
    float inverse[ATTENTION_ROWS];
    weigh(a, b, scores, inverse);
    const float *mixed = scores;
    if (a->dropout > 0) {
      if (a->weights) memcpy(block, scores, (size_t)((b.rows - 1) * band + b.keys) * sizeof(float));
      drop(a, b, block);
      mixed = block;
    }
    float *output = a->output + start * a->output_stride;
    matmul_slice((martlet_operand){mixed, band, 1}, values, length, b.first, b.rows, b.keys, size,
                 output, a->output_stride, 0);
    for (long i = 0; i < b.rows; i++) {
      scale_row(output + i * a->output_stride, size, inverse[i]);
      if (a->weights) scale_row(scores + i * band, b.keys, inverse[i]);
    }
  }
}
