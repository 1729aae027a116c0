// How attention walks a sequence: blocks of query rows, each with the keys that it sees.

#define ATTENTION_ROWS (2 * ROWS)
// Rows of a block in the backward pass, where nothing depends on which keys a block sees.
#define GRADIENT_ROWS (MARTLET_GRADIENT_BLOCKS * ATTENTION_ROWS)
_Static_assert(ATTENTION_ROWS <= MARTLET_TALLEST_BLOCK && PANEL <= MARTLET_WIDEST_PANEL,
               "scratch is sized for smaller blocks");

INLINE long panels_of(long n) { return (n + PANEL - 1) / PANEL; }

// The next `n` floats of a scratch buffer, from a cache line on.
INLINE float *take(float **scratch, long n) {
  float *taken = *scratch;
  *scratch += (n + LINE - 1) / LINE * LINE;
  return taken;
}

// Query rows [start, start + rows) and the keys [first, first + keys) that any of them sees. `first` is
// where a panel of keys starts. Rows of scores are `width` floats apart.
typedef struct attention_block {
  long start, rows, first, keys, width;
} attention_block;

static attention_block block_at(const martlet_attention *a, long start, long height) {
  long rows = a->queries - start < height ? a->queries - start : height;
  long place = a->offset + start;
  long first = place > a->left ? (place - a->left) / PANEL * PANEL : 0;
  long last = place + rows + a->right;
  long keys = (last < a->length ? last : a->length) - first;
  return (attention_block){start, rows, first, keys, a->band};
}

// Whether every row sees every key.
INLINE int is_full(const martlet_attention *a) {
  return a->left >= a->offset + a->queries && a->right >= a->length;
}

// C (+)= A B of rows [first, first + k) of a B that is packed whole, `depth` rows deep.
static void matmul_slice(martlet_operand a, const float *panels, long depth, long first, long m,
                         long k, long n, float *c, long c_stride, int accumulate) {
  martlet_epilogue epilogue = {.accumulate = accumulate};
  if (k == depth) {
    matmul(a, panels, k, n, c, c_stride, epilogue, 0, m, 0, panels_of(n));
    return;
  }
  for (long column = 0; column < n; column += PANEL, panels += depth * PANEL)
    matmul(a, panels + first * PANEL, k, n - column < PANEL ? n - column : PANEL, c + column,
           c_stride, epilogue, 0, m, 0, 1);
}
