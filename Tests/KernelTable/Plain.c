// Formulas in double precision.
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "Case.h"

double activated(double x, martlet_activation activation) {
  switch (activation) {
    case MARTLET_ACTIVATION_RELU: return fmax(x, 0);
    case MARTLET_ACTIVATION_GELU: return x / 2 * (1 + erf(x / sqrt(2)));
    case MARTLET_ACTIVATION_TANH: return tanh(x);
    case MARTLET_ACTIVATION_GELU_TANH:
      return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case MARTLET_ACTIVATION_QUICK_GELU: return x / (1 + exp(-1.702 * x));
    case MARTLET_ACTIVATION_SILU: return x / (1 + exp(-x));
    case MARTLET_ACTIVATION_RELU2: return fmax(x, 0) * fmax(x, 0);
    case MARTLET_ACTIVATION_SIGMOID: return 1 / (1 + exp(-x));
    default: return x;
  }
}

static double score(const martlet_attention *a, long i, long j) {
  long distance = j - i - a->offset;
  if (-distance > a->left || distance > a->right) return -INFINITY;
  double sum = 0;
  for (long p = 0; p < a->head_size; p++)
    sum += (double)a->query[i * a->query_stride + p] * (double)a->key[j * a->row_stride + p];
  sum *= (double)a->scale;
  double cap = (double)a->soft_cap;
  if (cap > 0) sum = cap * tanh(sum / cap);
  sum -= (double)a->slope * labs(distance);
  return a->bias ? sum + (double)a->bias[distance] : sum;
}

void plain_attention(const martlet_attention *a, double *output) {
  for (long i = 0; i < a->queries; i++) {
    double top = -INFINITY, total = 0, *row = output + i * a->head_size;
    for (long j = 0; j < a->length; j++) top = fmax(top, score(a, i, j));
    for (long p = 0; p < a->head_size; p++) row[p] = 0;
    for (long j = 0; j < a->length; j++) {
      double weight = exp(score(a, i, j) - top);
      total += weight;
      for (long p = 0; p < a->head_size; p++)
        row[p] += weight * (double)a->value[j * a->row_stride + p];
    }
    for (long p = 0; p < a->head_size; p++) row[p] /= total;
  }
}
