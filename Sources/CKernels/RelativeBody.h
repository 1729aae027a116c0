// Scores by tables of relative places (Shaw et al., 2018; He et al., 2021, equation 4): the query at
// i and the key at j meet row rows[j - i] of a table. Products with the rows that a text uses are made
// at once, and each score takes its own from them.

// Rows [low, low + count) of the tables, and of each table its packed rows and the products: of a
// block's queries with `keys`, of the keys from `first` on with `queries`.
typedef struct relative_scores {
  martlet_row_range used;
  long first;
  float *key_panels, *query_panels;
  float *of_queries, *of_keys;
} relative_scores;

// Products of x[count, size] with the rows of a table that distances [from, to] use:
// out[i, r] for row r of the table, counted from the first one used.
static void relative_products(const martlet_attention *a, const relative_scores *relative,
                              const float *x, long stride, long count, long from, long to,
                              const float *panels, float *out) {
  martlet_row_range needed = martlet_rows_for(a->relative->rows, from, to);
  long column = (needed.low - relative->used.low) / PANEL * PANEL;
  long columns = needed.low + needed.count - relative->used.low - column;
  martlet_epilogue none = {0};
  matmul((martlet_operand){x, stride, 1}, panels + column * a->head_size, a->head_size,
         columns, out + column, relative->used.count, none, 0, count, 0, panels_of(columns));
}

// Packs the tables; of at most `keys` keys at a time there will be products.
static relative_scores prepare_relative(const martlet_attention *a, long keys, float **scratch) {
  relative_scores r = {0};
  const martlet_relative *tables = a->relative;
  if (!tables) return r;
  long size = a->head_size;
  r.used = martlet_rows_for(tables->rows, -martlet_attention_reach(a->left, a->length),
                            martlet_attention_reach(a->right, a->length));
  long panels = panels_of(r.used.count);
  if (tables->keys) {
    r.key_panels = take(scratch, panels * PANEL * size);
    r.of_queries = take(scratch, ATTENTION_ROWS * r.used.count);
    pack(r.key_panels, tables->keys + r.used.low * tables->key_stride, size, r.used.count, 1,
         tables->key_stride, 0, panels);
  }
  if (tables->queries) {
    r.query_panels = take(scratch, panels * PANEL * size);
    r.of_keys = take(scratch, keys * r.used.count);
    pack(r.query_panels, tables->queries + r.used.low * tables->query_stride, size, r.used.count, 1,
         tables->query_stride, 0, panels);
  }
  return r;
}

// Products of keys [first, last) with the rows of the queries' table that they meet.
static void multiply_keys(const martlet_attention *a, relative_scores *r, long first, long last) {
  if (!r->of_keys) return;
  long reach = a->length - 1, back = martlet_attention_reach(a->left, a->length);
  long ahead = martlet_attention_reach(a->right, a->length);
  r->first = first;
  for (long j = first; j < last; j += ATTENTION_ROWS) {
    long count = last - j < ATTENTION_ROWS ? last - j : ATTENTION_ROWS;
    long from = j - reach > -back ? j - reach : -back;
    long to = j + count - 1 < ahead ? j + count - 1 : ahead;
    relative_products(a, r, a->key + j * a->row_stride, a->row_stride, count, from, to,
                      r->query_panels, r->of_keys + (j - first) * r->used.count);
  }
}

static void add_relative(const martlet_attention *a, const relative_scores *r, attention_block b,
                         float *scores) {
  long count = r->used.count, low = r->used.low;
  if (r->of_queries) {
    relative_products(a, r, a->query + b.start * a->query_stride, a->query_stride, b.rows,
                      b.first - b.start - b.rows + 1, b.first + b.keys - 1 - b.start,
                      r->key_panels, r->of_queries);
    for (long i = 0; i < b.rows; i++) {
      const int32_t *rows = a->relative->rows + (b.first - b.start - i);
      const float *products = r->of_queries + i * count;
      float *row = scores + i * b.width;
      for (long j = 0; j < b.keys; j++) row[j] += products[rows[j] - low];
    }
  }
  if (r->of_keys) {
    // Both sides run across lines of memory, so few columns at a time keep the lines of all at hand.
    for (long start = 0; start < b.keys; start += LINE) {
      long end = b.keys - start < LINE ? b.keys : start + LINE;
      const float *products = r->of_keys + (b.first - r->first) * count;
      for (long i = 0; i < b.rows; i++) {
        const int32_t *rows = a->relative->rows + (b.first - b.start - i);
        float *row = scores + i * b.width;
        for (long j = start; j < end; j++) row[j] += products[j * count + rows[j] - low];
      }
    }
  }
}

// The gradient of the products, and from it those of queries, keys and tables.
typedef struct relative_gradient {
  martlet_row_range used;
  float *key_panels, *query_panels;
  float *of_queries, *of_keys;
} relative_gradient;

static relative_gradient prepare_relative_gradient(const martlet_attention *a, long height,
                                                   float **scratch) {
  relative_gradient r = {0};
  const martlet_relative *tables = a->relative;
  if (!tables) return r;
  long size = a->head_size, columns = panels_of(a->head_size);
  r.used = martlet_rows_for(tables->rows, -martlet_attention_reach(a->left, a->length),
                            martlet_attention_reach(a->right, a->length));
  if (tables->keys) {
    r.key_panels = take(scratch, columns * PANEL * r.used.count);
    r.of_queries = take(scratch, height * r.used.count);
    pack(r.key_panels, tables->keys + r.used.low * tables->key_stride, r.used.count, size,
         tables->key_stride, 1, 0, columns);
  }
  if (tables->queries) {
    r.query_panels = take(scratch, columns * PANEL * r.used.count);
    r.of_keys = take(scratch, a->length * r.used.count);
    memset(r.of_keys, 0, (size_t)(a->length * r.used.count) * sizeof(float));
    pack(r.query_panels, tables->queries + r.used.low * tables->query_stride, r.used.count, size,
         tables->query_stride, 1, 0, columns);
  }
  return r;
}

// Adds what a block's score gradient `ds` says; `query_panels` are the block's queries, packed.
static void relative_block_backward(const martlet_attention_gradient *g, const relative_gradient *r,
                                    attention_block b, const float *ds, const float *query_panels) {
  const martlet_attention *a = &g->forward;
  long count = r->used.count, low = r->used.low, size = a->head_size;
  if (r->of_queries) {
    memset(r->of_queries, 0, (size_t)(b.rows * count) * sizeof(float));
    for (long i = 0; i < b.rows; i++) {
      const int32_t *rows = a->relative->rows + (b.first - b.start - i);
      float *slopes = r->of_queries + i * count;
      for (long j = 0; j < b.keys; j++) slopes[rows[j] - low] += ds[i * a->band + j];
    }
    matmul_slice((martlet_operand){r->of_queries, count, 1}, r->key_panels, count, 0, b.rows, count,
                 size, g->query_gradient + b.start * a->query_stride, a->query_stride, 1);
    if (g->relative_key_gradient)
      matmul_slice((martlet_operand){r->of_queries, 1, count}, query_panels, b.rows, 0, count,
                   b.rows, size,
                   g->relative_key_gradient + r->used.low * a->relative->key_stride,
                   a->relative->key_stride, 1);
  }
  if (r->of_keys) {
    for (long start = 0; start < b.keys; start += LINE) {
      long end = b.keys - start < LINE ? b.keys : start + LINE;
      float *slopes = r->of_keys + b.first * count;
      for (long i = 0; i < b.rows; i++) {
        const int32_t *rows = a->relative->rows + (b.first - b.start - i);
        const float *row = ds + i * a->band;
        for (long j = start; j < end; j++) slopes[j * count + rows[j] - low] += row[j];
      }
    }
  }
}

// What all blocks together say of the keys and of the table that they meet.
static void relative_keys_backward(const martlet_attention_gradient *g, const relative_gradient *r,
                                   const float *key_panels) {
  if (!r->of_keys) return;
  const martlet_attention *a = &g->forward;
  long count = r->used.count, size = a->head_size, length = a->length;
  matmul_slice((martlet_operand){r->of_keys, count, 1}, r->query_panels, count, 0, length, count,
               size, g->key_gradient, a->row_stride, 1);
  if (g->relative_query_gradient)
    matmul_slice((martlet_operand){r->of_keys, 1, count}, key_panels, length, 0, count, length,
                 size, g->relative_query_gradient + r->used.low * a->relative->query_stride,
                 a->relative->query_stride, 1);
}
