// Scaled dot-product attention of one head over one sequence (Vaswani et al., 2017, section 3.2.1).
// Inference has MARTLET_ATTENTION_KEYS keys at hand, with a running maximum and sum of each row (Milakov
// and Gimelshein, 2018, algorithm 3), and of scores a block of ATTENTION_ROWS rows, so that memory grows
// with the length and not with its square. Keys may be of other rows than queries. Training keeps all weights, and so has all keys at hand.

// A row's largest score and its sum of exponentials, as far as its keys have been seen.
typedef struct row_state {
  float top, sum;
} row_state;

// The exponentials of a block's scores, zero where a row does not see. Where a row's largest score rises,
// its sum and its output so far shrink.
static void weigh(const martlet_attention *a, attention_block b, float *scores, row_state *states,
                  int is_first) {
  for (long i = 0; i < b.rows; i++) {
    float *row = scores + i * b.width;
    long place = a->offset + b.start + i;
    long first = place - a->left > b.first ? place - a->left - b.first : 0;
    long last = place + a->right + 1 - b.first;
    if (last > b.keys) last = b.keys;
    row_state before = is_first ? (row_state){-INFINITY, 0} : states[i];
    if (first >= last) {
      memset(row, 0, (size_t)b.keys * sizeof(float));
      states[i] = before;
      continue;
    }
    if (first > 0) memset(row, 0, (size_t)first * sizeof(float));
    if (last < b.keys) memset(row + last, 0, (size_t)(b.keys - last) * sizeof(float));
    float top = row_top(row + first, last - first, before.top);
    states[i] = (row_state){top, exponentials(row + first, last - first, top, a->scale)};
    if (before.sum == 0) continue;
    vf change = exp2_nonpositive(SPLAT((before.top - top) * (a->scale * 1.44269504088896341f)));
    states[i].sum += before.sum * change[0];
    if (change[0] != 1) scale_row(a->output + (b.start + i) * a->output_stride, a->head_size, change[0]);
  }
}

// An element's fate depends on its query and key alone, not on where its block starts.
static void drop(const martlet_attention *a, attention_block b, float *weights) {
  for (long i = 0; i < b.rows; i++)
    dropout(weights + i * b.width, b.keys, a->dropout, a->seed,
            a->index + (uint32_t)((b.start + i) * a->length + b.first));
}

// Keys [first, last) of a head, packed, and their values.
typedef struct attention_keys {
  long first, last;
  float *keys, *values;
} attention_keys;

static void pack_keys(const martlet_attention *a, const attention_keys *k) {
  long stride = a->row_stride, count = k->last - k->first;
  pack(k->keys, a->key + k->first * stride, a->head_size, count, 1, stride, 0, panels_of(count));
  pack(k->values, a->value + k->first * stride, count, a->head_size, stride, 1, 0,
       panels_of(a->head_size));
}

// What a block of rows takes from those keys that are at hand. `scores` are its own.
static void attend(const martlet_attention *a, const attention_keys *k,
                   const relative_scores *relative, attention_block b, float *scores,
                   float *dropped, row_state *states) {
  long end = b.first + b.keys;
  int is_first = b.first >= k->first, is_last = end <= k->last;
  if (!is_first) b.first = k->first;
  b.keys = (is_last ? end : k->last) - b.first;
  fill_scores(a, k->keys + (b.first - k->first) * a->head_size, relative, b, scores);
  place_scores(a, b, scores);
  weigh(a, b, scores, states, is_first);
  const float *mixed = scores;
  if (a->dropout > 0) {
    if (dropped != scores)
      memcpy(dropped, scores, (size_t)((b.rows - 1) * b.width + b.keys) * sizeof(float));
    drop(a, b, dropped);
    mixed = dropped;
  }
  float *output = a->output + b.start * a->output_stride;
  matmul_slice((martlet_operand){mixed, b.width, 1}, k->values, k->last - k->first,
               b.first - k->first, b.rows, b.keys, a->head_size, output, a->output_stride,
               !is_first);
  if (!is_last) return;
  // The sums divide the outputs, which are fewer than the scores.
  for (long i = 0; i < b.rows; i++) {
    float inverse = 1.0f / states[i].sum;
    scale_row(output + i * a->output_stride, a->head_size, inverse);
    if (a->weights) scale_row(scores + i * b.width, b.keys, inverse);
  }
}

// The queries in scratch, where they outlive the outputs that may take their place.
static float *kept_queries(const martlet_attention *a, float **scratch) {
  float *queries = take(scratch, a->queries * a->head_size);
  for (long i = 0; i < a->queries; i++)
    memcpy(queries + i * a->head_size, a->query + i * a->query_stride,
           (size_t)a->head_size * sizeof(float));
  return queries;
}

static void attention(const martlet_attention *given) {
  martlet_attention own = *given;
  const martlet_attention *a = &own;
  long length = a->length, most = a->weights ? length : martlet_attention_keys(length);
  long width = a->weights ? a->band : martlet_attention_width(a->band);
  float *scratch = a->scratch;
  attention_keys k = {.keys = take(&scratch, panels_of(most) * PANEL * a->head_size),
                      .values = take(&scratch, panels_of(a->head_size) * PANEL * most)};
  float *block = take(&scratch, ATTENTION_ROWS * width);
  row_state *states = (row_state *)take(&scratch, 2 * a->queries);
  relative_scores relative = prepare_relative(a, most, &scratch);
  if (most < length) {
    own.query = kept_queries(a, &scratch);
    own.query_stride = a->head_size;
  }
  for (; k.first < length; k.first = k.last) {
    k.last = length - k.first < most ? length : k.first + most;
    if (!a->is_packed || most < length) pack_keys(a, &k);
    multiply_keys(a, &relative, k.first, k.last);
    long unseen = k.first - a->right - a->offset;
    long start = unseen > 0 ? unseen / ATTENTION_ROWS * ATTENTION_ROWS : 0;
    for (; start < a->queries; start += ATTENTION_ROWS) {
      attention_block b = block_at(a, start, ATTENTION_ROWS);
      if (b.first >= k.last) break;
      if (b.first + b.keys <= k.first) continue;
      b.width = width;
      attend(a, &k, &relative, b, a->weights ? a->weights + start * width : block, block,
             states + start);
    }
  }
}
