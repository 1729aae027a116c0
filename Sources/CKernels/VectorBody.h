// Vectors of WIDTH floats, and what is done with one of them. FUSED is 1 where the target has fused
// multiply-add.
#include <stdint.h>
#include <string.h>

#define PANEL (2 * WIDTH)
#define INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((vector_size(WIDTH * 4)));
typedef int32_t vi __attribute__((vector_size(WIDTH * 4)));
typedef uint32_t vu __attribute__((vector_size(WIDTH * 4)));
typedef float vf_unaligned __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));

#define LOAD(p) (*(const vf_unaligned *)(p))
#define STORE(p, v) (*(vf_unaligned *)(p) = (v))
// Subtracting zero is the identity for every float, so this is a plain broadcast; adding zero would
// turn -0 into +0, and the compiler must then keep the addition.
#define SPLAT(x) ((x) - (vf){0})
#if FUSED
#define FMA(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif
#define SELECT(mask, a, b) ((vf)(((mask) & (vi)(a)) | (~(mask) & (vi)(b))))

// One instruction each on x86, where the built-in functions take three; b where either is NaN.
INLINE vf lesser(vf a, vf b) { return SELECT((vi)(a < b), a, b); }
INLINE vf greater(vf a, vf b) { return SELECT((vi)(a > b), a, b); }

INLINE vf load_part(const float *p, long n) {
  float part[WIDTH] = {0};
  memcpy(part, p, (size_t)n * sizeof(float));
  return LOAD(part);
}

INLINE void store_part(float *p, vf v, long n) {
  float part[WIDTH];
  STORE(part, v);
  memcpy(p, part, (size_t)n * sizeof(float));
}

// Lanes of the lower or of the upper halves of two vectors, by turns.
#if WIDTH == 16
#define LOWER(a, b) \
  __builtin_shufflevector((a), (b), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define UPPER(a, b) \
  __builtin_shufflevector((a), (b), 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif WIDTH == 8
#define LOWER(a, b) __builtin_shufflevector((a), (b), 0, 8, 1, 9, 2, 10, 3, 11)
#define UPPER(a, b) __builtin_shufflevector((a), (b), 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define LOWER(a, b) __builtin_shufflevector((a), (b), 0, 4, 1, 5)
#define UPPER(a, b) __builtin_shufflevector((a), (b), 2, 6, 3, 7)
#endif

// The transpose of WIDTH rows: of log2(WIDTH) perfect shuffles each turns one bit of a lane's place into
// one of its row's.
INLINE void transpose(float *to, long to_stride, const float *from, long from_stride) {
  vf rows[WIDTH], next[WIDTH];
#pragma clang loop unroll(full)
  for (int i = 0; i < WIDTH; i++) rows[i] = LOAD(from + i * from_stride);
#pragma clang loop unroll(full)
  for (int turn = 1; turn < WIDTH; turn *= 2) {
#pragma clang loop unroll(full)
    for (int i = 0; i < WIDTH / 2; i++) {
      next[2 * i] = LOWER(rows[i], rows[i + WIDTH / 2]);
      next[2 * i + 1] = UPPER(rows[i], rows[i + WIDTH / 2]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < WIDTH; i++) rows[i] = next[i];
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < WIDTH; i++) STORE(to + i * to_stride, rows[i]);
}

// Lanes are summed in halves, so the order is fixed for a width.
INLINE float sum(vf v) {
  float lanes[WIDTH];
  STORE(lanes, v);
#pragma clang loop unroll(full)
  for (int half = WIDTH / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
}

INLINE float largest(vf v) {
  float lanes[WIDTH];
  STORE(lanes, v);
#pragma clang loop unroll(full)
  for (int half = WIDTH / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] = lanes[i + half] > lanes[i] ? lanes[i + half] : lanes[i];
  return lanes[0];
}
