// Optimiser steps beside AdamW. They stream memory, so plain loops that the compiler vectorises do.
#include <math.h>

#include "CKernels.h"

void martlet_sgd(float *weights, const float *gradient, float *velocity, long n,
                 const martlet_update *s) {
  for (long i = 0; i < n; i++) {
    float g = gradient[i] * s->gradient_scale + s->weight_decay * weights[i];
    if (velocity) {
      float v = s->momentum * velocity[i] + g;
      velocity[i] = v;
      g = s->nesterov ? g + s->momentum * v : v;
    }
    weights[i] -= s->learning_rate * g;
  }
}

void martlet_adam_coupled(float *weights, const float *gradient, float *moment1, float *moment2,
                          long n, const martlet_update *s) {
  float rate = s->learning_rate / s->correction1, inverse = 1.0f / s->correction2;
  for (long i = 0; i < n; i++) {
    float g = gradient[i] * s->gradient_scale + s->weight_decay * weights[i];
    float m = s->beta1 * moment1[i] + (1.0f - s->beta1) * g;
    float v = s->beta2 * moment2[i] + (1.0f - s->beta2) * g * g;
    moment1[i] = m;
    moment2[i] = v;
    weights[i] -= rate * m / (sqrtf(v * inverse) + s->epsilon);
  }
}

void martlet_lion(float *weights, const float *gradient, float *moment, long n,
                  const martlet_update *s) {
  // Not w (1 - decay): the rounding of 1 - decay would add up over the steps.
  float decay = s->learning_rate * s->weight_decay;
  for (long i = 0; i < n; i++) {
    float g = gradient[i] * s->gradient_scale;
    float c = s->beta1 * moment[i] + (1.0f - s->beta1) * g;
    float sign = (float)(c > 0) - (float)(c < 0);
    weights[i] -= s->learning_rate * sign + decay * weights[i];
    moment[i] = s->beta2 * moment[i] + (1.0f - s->beta2) * g;
  }
}

void martlet_rmsprop(float *weights, const float *gradient, float *square, float *velocity, long n,
                     const martlet_update *s) {
  for (long i = 0; i < n; i++) {
    float g = gradient[i] * s->gradient_scale + s->weight_decay * weights[i];
    float v = s->beta2 * square[i] + (1.0f - s->beta2) * g * g;
    square[i] = v;
    float step = g / (sqrtf(v) + s->epsilon);
    if (velocity) {
      step += s->momentum * velocity[i];
      velocity[i] = step;
    }
    weights[i] -= s->learning_rate * step;
  }
}

static double adafactor_variance(const float *state, long rows, long columns, double row_mean,
                                 double epsilon1, long i, long j) {
  double v = rows > 1 && columns > 1 ? (double)state[i] * (double)state[rows + j] / row_mean
                                     : (double)state[i * columns + j];
  return v > epsilon1 * epsilon1 ? v : epsilon1 * epsilon1;
}

void martlet_adafactor(float *weights, const float *gradient, float *state, double *scratch,
                       long rows, long columns, double step, double beta2_decay, double epsilon1,
                       double epsilon2, double clip, const martlet_update *s) {
  double fresh = pow(step, beta2_decay), scale = (double)s->gradient_scale, size = 0;
  long count = rows * columns;
  for (long i = 0; i < count; i++) size += (double)weights[i] * (double)weights[i];
  double rate = (double)s->learning_rate;
  double relative = rate < 1 / sqrt(step) ? rate : 1 / sqrt(step);
  double norm = sqrt(size / (double)count);
  double alpha = (norm > epsilon2 ? norm : epsilon2) * relative;

  double row_mean = 1;
  if (rows > 1 && columns > 1) {
    double total = 0;
    for (long j = 0; j < columns; j++) scratch[j] = 0;
    for (long i = 0; i < rows; i++) {
      double sum = 0;
      for (long j = 0; j < columns; j++) {
        double g = (double)gradient[i * columns + j] * scale;
        sum += g * g;
        scratch[j] += g * g;
      }
      double old = (double)state[i];
      state[i] = (float)(old + (sum / (double)columns - old) * fresh);
      total += (double)state[i];
    }
    for (long j = 0; j < columns; j++) {
      double old = (double)state[rows + j];
      state[rows + j] = (float)(old + (scratch[j] / (double)rows - old) * fresh);
    }
    row_mean = total / (double)rows;
    if (row_mean < epsilon1) row_mean = epsilon1;
  } else {
    for (long i = 0; i < count; i++) {
      double g = (double)gradient[i] * scale, old = (double)state[i];
      state[i] = (float)(old + (g * g - old) * fresh);
    }
  }
  double squares = 0;
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) {
      double g = (double)gradient[i * columns + j] * scale;
      squares += g * g / adafactor_variance(state, rows, columns, row_mean, epsilon1, i, j);
    }
  double length = sqrt(squares / (double)count) / clip;
  double factor = alpha / (length > 1 ? length : 1);
  double shrink = 1 - rate * (double)s->weight_decay;
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) {
      long at = i * columns + j;
      double g = (double)gradient[at] * scale;
      double v = adafactor_variance(state, rows, columns, row_mean, epsilon1, i, j);
      weights[at] = (float)((double)weights[at] * shrink - factor * g / sqrt(v));
    }
}
