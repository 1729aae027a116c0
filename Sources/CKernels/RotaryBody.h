// Turns of pairs by given angles (Su et al., 2021). Products are rounded before they are summed, so
// that all instruction sets give the same bits.

INLINE void rotate_neighbours(float *x, long pairs, const float *cosines, const float *sines,
                              float direction) {
#pragma clang fp contract(off)
  for (long i = 0; i < pairs; i++) {
    float a = x[2 * i], b = x[2 * i + 1], sine = sines[i] * direction;
    x[2 * i] = a * cosines[i] - b * sine;
    x[2 * i + 1] = a * sine + b * cosines[i];
  }
}

INLINE void rotate_halves(float *x, long pairs, const float *cosines, const float *sines,
                          float direction) {
#pragma clang fp contract(off)
  for (long i = 0; i < pairs; i += WIDTH) {
    long m = pairs - i < WIDTH ? pairs - i : WIDTH;
    vf a = load_part(x + i, m), b = load_part(x + pairs + i, m);
    vf cosine = load_part(cosines + i, m), sine = load_part(sines + i, m) * direction;
    store_part(x + i, a * cosine - b * sine, m);
    store_part(x + pairs + i, a * sine + b * cosine, m);
  }
}

static void rotate(float *x, long heads, long head_size, long pairs, int halves,
                   const float *cosines, const float *sines, float direction) {
  for (long head = 0; head < heads; head++, x += head_size) {
    if (halves) rotate_halves(x, pairs, cosines, sines, direction);
    else rotate_neighbours(x, pairs, cosines, sines, direction);
  }
}
