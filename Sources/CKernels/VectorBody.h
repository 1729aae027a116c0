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
