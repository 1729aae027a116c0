// The arithmetic ceiling of an instruction set: independent multiply-adds in registers.
double PEAK(long iterations, float *sink) {
  vf sums[12];
  for (int i = 0; i < 12; i++) sums[i] = SPLAT((float)i);
  vf x = SPLAT(sink[0]), y = SPLAT(sink[1]);
  for (long n = 0; n < iterations; n++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 12; i++) sums[i] = FMA(sums[i], x, y);
  }
  float total = 0;
  for (int i = 0; i < 12; i++) total += sum(sums[i]);
  sink[2] = total;
  return (double)iterations * 12 * WIDTH * 2;
}
