// Norms over rows: layer norm (Ba, Kiros and Hinton, 2016) and, with the mean taken as zero, RMS norm
// (Zhang and Sennrich, 2019).

INLINE float row_sum(const float *x, long n) {
  vf sums = SPLAT(0.0f);
  long j = 0;
  for (; j + WIDTH <= n; j += WIDTH) sums += LOAD(x + j);
  if (j < n) sums += load_part(x + j, n - j);
  return sum(sums);
}

INLINE float reciprocal_deviation(const float *x, long n, float mean, float epsilon) {
  vf squares = SPLAT(0.0f);
  long j = 0;
  for (; j + WIDTH <= n; j += WIDTH) {
    vf d = LOAD(x + j) - mean;
    squares = FMA(d, d, squares);
  }
  float tail = 0;
  for (; j < n; j++) tail += (x[j] - mean) * (x[j] - mean);
  float variance = (sum(squares) + tail) / (float)n;
  // Of a row that overflows, the bias alone would be left.
  return variance < INFINITY ? 1.0f / sqrtf(variance + epsilon) : NAN;
}

static void norm(martlet_rows y, martlet_rows x, long rows, long n, const martlet_norm *norm,
                 float *means, float *rstds) {
  const float *gain = norm->gain, *bias = norm->bias;
  float offset = norm->gain_offset;
  for (long i = 0; i < rows; i++) {
    float *out = y.base + i * y.stride;
    const float *row = x.base + i * x.stride;
    float mean = norm->is_centred ? row_sum(row, n) / (float)n : 0;
    float rstd = reciprocal_deviation(row, n, mean, norm->epsilon);
    long j = 0;
    for (; j + WIDTH <= n; j += WIDTH)
      STORE(out + j, FMA((LOAD(row + j) - mean) * rstd, LOAD(gain + j) + offset,
                         bias ? LOAD(bias + j) : SPLAT(0.0f)));
    for (; j < n; j++)
      out[j] = (row[j] - mean) * rstd * (gain[j] + offset) + (bias ? bias[j] : 0.0f);
    if (means) means[i] = mean;
    if (rstds) rstds[i] = rstd;
  }
}

static void norm_backward(martlet_rows dx, martlet_rows dy, martlet_rows x, long rows, long n,
                          const martlet_norm *norm, const float *means, const float *rstds,
                          int accumulate) {
  const float *gain = norm->gain;
  float offset = norm->gain_offset;
  for (long i = 0; i < rows; i++) {
    float *out = dx.base + i * dx.stride;
    const float *slope = dy.base + i * dy.stride, *row = x.base + i * x.stride;
    float mean = norm->is_centred ? means[i] : 0, rstd = rstds[i];
    vf plain = SPLAT(0.0f), scaled = SPLAT(0.0f);
    long j = 0;
    for (; j + WIDTH <= n; j += WIDTH) {
      vf g = LOAD(slope + j) * (LOAD(gain + j) + offset);
      plain += g;
      scaled = FMA(g, (LOAD(row + j) - mean) * rstd, scaled);
    }
    float plain_sum = sum(plain), scaled_sum = sum(scaled);
    for (; j < n; j++) {
      float g = slope[j] * (gain[j] + offset);
      plain_sum += g;
      scaled_sum += g * (row[j] - mean) * rstd;
    }
    // A mean that is no function of x has no gradient.
    plain_sum = norm->is_centred ? plain_sum / (float)n : 0;
    scaled_sum /= (float)n;
    for (j = 0; j < n; j += WIDTH) {
      long m = n - j < WIDTH ? n - j : WIDTH;
      vf g = load_part(slope + j, m) * (load_part(gain + j, m) + offset);
      vf hat = (load_part(row + j, m) - mean) * rstd;
      vf d = (g - plain_sum - hat * scaled_sum) * rstd;
      if (accumulate) d += load_part(out + j, m);
      store_part(out + j, d, m);
    }
  }
}

static void norm_parameters(float *dgain, float *dbias, martlet_rows dy, martlet_rows x, long rows,
                            const float *means, const float *rstds, long first, long last) {
  for (long j = first; j < last; j += WIDTH) {
    long m = last - j < WIDTH ? last - j : WIDTH;
    vf gain = SPLAT(0.0f), bias = SPLAT(0.0f);
    for (long i = 0; i < rows; i++) {
      const float *slope = dy.base + i * dy.stride + j, *row = x.base + i * x.stride + j;
      vf g = m == WIDTH ? LOAD(slope) : load_part(slope, m);
      vf v = m == WIDTH ? LOAD(row) : load_part(row, m);
      bias += g;
      gain = FMA(g, (v - (means ? means[i] : 0.0f)) * rstds[i], gain);
    }
    store_part(dgain + j, load_part(dgain + j, m) + gain, m);
    if (dbias) store_part(dbias + j, load_part(dbias + j, m) + bias, m);
  }
}
