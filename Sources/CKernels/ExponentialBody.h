// 2^x for x <= 0 by x = n + r, |r| <= 1/2, and a degree-5 least-maximum fit of 2^r (our own);
// relative error below 3e-7, and 2^-126 below that. Adding 1.5 2^23 rounds x to a whole number and
// leaves n in the low bits, from where a shift makes it the exponent. NaN stays NaN: the comparison is
// false, and the shift leaves nothing of the bits of a quiet NaN.
INLINE vf exp2_nonpositive(vf x) {
  const vf magic = SPLAT(12582912.0f);
  x = greater(SPLAT(-126.0f), x);
  vf shifted = x + magic;
  vf r = x - (shifted - magic);
  vf p = SPLAT(1.327647245e-03f);
  p = FMA(p, r, SPLAT(9.675541893e-03f));
  p = FMA(p, r, SPLAT(5.550713092e-02f));
  p = FMA(p, r, SPLAT(2.402212024e-01f));
  p = FMA(p, r, SPLAT(6.931469440e-01f));
  p = FMA(p, r, SPLAT(1.0f));
  return (vf)((vi)p + ((vi)shifted << 23));
}
