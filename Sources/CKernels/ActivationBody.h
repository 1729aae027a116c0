// Functions of one element, and their slopes.

// exp by splitting x = n ln 2 + r, |r| <= ln 2 / 2, with a degree-6 Taylor-like polynomial in r;
// relative error below 2e-7 on [-87, 88], clamped outside.
INLINE vf vexp(vf x) {
  x = greater(x, SPLAT(-87.0f));
  x = lesser(x, SPLAT(88.0f));
  const vf magic = SPLAT(12582912.0f);
  vf n = FMA(x, SPLAT(1.44269504088896341f), magic) - magic;
  vf r = FMA(n, SPLAT(-0.693359375f), x);
  r = FMA(n, SPLAT(2.12194440e-4f), r);
  vf p = SPLAT(1.9875691500e-4f);
  p = FMA(p, r, SPLAT(1.3981999507e-3f));
  p = FMA(p, r, SPLAT(8.3334519073e-3f));
  p = FMA(p, r, SPLAT(4.1665795894e-2f));
  p = FMA(p, r, SPLAT(1.6666665459e-1f));
  p = FMA(p, r, SPLAT(5.0000001201e-1f));
  p = FMA(p, r * r, r + SPLAT(1.0f));
  vi exponent = (__builtin_convertvector(n, vi) + 127) << 23;
  return p * (vf)exponent;
}

// Phi(x) = (1 + erf(x / sqrt 2)) / 2 with Abramowitz and Stegun 7.1.26 (|error| <= 1.5e-7); `gauss`
// receives exp(-x^2 / 2), which the derivative needs too.
INLINE vf normal_cdf(vf x, vf *gauss) {
  vf magnitude = (vf)((vi)x & 0x7fffffff) * SPLAT(0.70710678118654752f);
  vf t = SPLAT(1.0f) / FMA(magnitude, SPLAT(0.3275911f), SPLAT(1.0f));
  vf p = SPLAT(1.061405429f);
  p = FMA(p, t, SPLAT(-1.453152027f));
  p = FMA(p, t, SPLAT(1.421413741f));
  p = FMA(p, t, SPLAT(-0.284496736f));
  p = FMA(p, t, SPLAT(0.254829592f));
  *gauss = vexp(-magnitude * magnitude);
  vf upper_tail = SPLAT(0.5f) * p * t * *gauss;
  return SELECT((vi)(x < SPLAT(0.0f)), upper_tail, SPLAT(1.0f) - upper_tail);
}

// x Phi(x) = x / 2 + x / 2 erf(x / sqrt 2). erf(x / sqrt 2) / x is a polynomial in
// z = x^2 / 3.6^2 - 1, centred so that its terms do not cancel (our own least-maximum fit); past
// |x| = 3.6 sqrt 2 its product with x is clamped to one. |error of erf| <= 5e-7.
INLINE void gelu_each(const int count, vf *x) {
  static const float terms[14] = {
      -6.829796825e-04f, 1.860736402e-03f,  -2.010455637e-03f, 3.232896265e-03f,
      -8.221658132e-03f, 1.502375073e-02f,  -2.301634325e-02f, 3.414818565e-02f,
      -4.810421317e-02f, 6.350660498e-02f,  -8.046448080e-02f, 1.016896791e-01f,
      -1.382326651e-01f, 2.776894061e-01f};
  vf z[4], p[4];
#pragma clang loop unroll(full)
  for (int i = 0; i < count; i++) {
    vf square = lesser(x[i] * x[i], SPLAT(25.92f));
    z[i] = FMA(square, SPLAT(1.0f / 12.96f), SPLAT(-1.0f));
    p[i] = SPLAT(terms[0]);
  }
#pragma clang loop unroll(full)
  for (int term = 1; term < 14; term++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) p[i] = FMA(p[i], z[i], SPLAT(terms[term]));
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < count; i++) {
    vf e = lesser(x[i] * p[i], SPLAT(1.0f));
    e = greater(e, SPLAT(-1.0f));
    vf half = x[i] * SPLAT(0.5f);
    x[i] = FMA(half, e, half);
  }
}

INLINE vf gelu(vf x) {
  gelu_each(1, &x);
  return x;
}

INLINE vf sigmoid(vf x) { return SPLAT(1.0f) / (SPLAT(1.0f) + vexp(-x)); }

// 0.5 x (1 + tanh(u)) = x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3) (Hendrycks and Gimpel,
// 2016, section 2): `gate` is 2 u.
INLINE vf gelu_tanh_gate(vf x) {
  return x * FMA(x * x, SPLAT(0.07135481627159f), SPLAT(1.59576912160573f));
}

INLINE vf gelu_tanh_gate_slope(vf x) {
  return FMA(x * x, SPLAT(0.21406444881477f), SPLAT(1.59576912160573f));
}

#define QUICK_GELU_GATE 1.702f

// What is not finite must not come out as a number: x - x is 0, or else NaN. (A product with x needs no such help.)
INLINE vf apply(vf x, martlet_activation activation) {
  switch (activation) {
    case MARTLET_ACTIVATION_RELU: return greater(x, SPLAT(0.0f)) + (x - x);
    case MARTLET_ACTIVATION_GELU: return gelu(x);
    case MARTLET_ACTIVATION_TANH: {
      vf e = vexp(x * SPLAT(-2.0f));
      return (SPLAT(1.0f) - e) / (SPLAT(1.0f) + e) + (x - x);
    }
    case MARTLET_ACTIVATION_GELU_TANH: return x * sigmoid(gelu_tanh_gate(x));
    case MARTLET_ACTIVATION_QUICK_GELU: return x * sigmoid(x * SPLAT(QUICK_GELU_GATE));
    case MARTLET_ACTIVATION_SILU: return x * sigmoid(x);
    case MARTLET_ACTIVATION_RELU2: {
      vf y = greater(x, SPLAT(0.0f));
      return y * y + (x - x);
    }
    case MARTLET_ACTIVATION_SIGMOID: return sigmoid(x) + (x - x);
    default: return x;
  }
}

INLINE void apply_each(const int count, vf *x, martlet_activation activation) {
  if (activation == MARTLET_ACTIVATION_GELU) {
    gelu_each(count, x);
    return;
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < count; i++) x[i] = apply(x[i], activation);
}

// d/dx x sigmoid(g(x)).
INLINE vf gated_slope(vf x, vf gate, vf gate_slope) {
  vf s = sigmoid(gate);
  return FMA(s * (SPLAT(1.0f) - s), x * gate_slope, s);
}

INLINE vf derivative(vf x, martlet_activation activation) {
  vf gauss;
  switch (activation) {
    case MARTLET_ACTIVATION_RELU:
      return SELECT((vi)(x > SPLAT(0.0f)), SPLAT(1.0f), SPLAT(0.0f));
    case MARTLET_ACTIVATION_GELU: {
      vf cdf = normal_cdf(x, &gauss);
      return FMA(x * SPLAT(0.39894228040143268f), gauss, cdf);
    }
    case MARTLET_ACTIVATION_TANH: {
      vf y = apply(x, MARTLET_ACTIVATION_TANH);
      return SPLAT(1.0f) - y * y;
    }
    case MARTLET_ACTIVATION_GELU_TANH:
      return gated_slope(x, gelu_tanh_gate(x), gelu_tanh_gate_slope(x));
    case MARTLET_ACTIVATION_QUICK_GELU:
      return gated_slope(x, x * SPLAT(QUICK_GELU_GATE), SPLAT(QUICK_GELU_GATE));
    case MARTLET_ACTIVATION_SILU: return gated_slope(x, x, SPLAT(1.0f));
    case MARTLET_ACTIVATION_RELU2: return greater(x + x, SPLAT(0.0f));
    case MARTLET_ACTIVATION_SIGMOID: {
      vf s = sigmoid(x);
      return s * (SPLAT(1.0f) - s);
    }
    default: return SPLAT(1.0f);
  }
}

// F with each activation that changes something, so that loops are compiled for one each.
#define EACH_ACTIVATION(F) \
  F(MARTLET_ACTIVATION_RELU) \
  F(MARTLET_ACTIVATION_GELU) \
  F(MARTLET_ACTIVATION_TANH) \
  F(MARTLET_ACTIVATION_GELU_TANH) \
  F(MARTLET_ACTIVATION_QUICK_GELU) \
  F(MARTLET_ACTIVATION_SILU) \
  F(MARTLET_ACTIVATION_RELU2) \
  F(MARTLET_ACTIVATION_SIGMOID)
