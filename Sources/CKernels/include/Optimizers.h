#pragma once

/// The constants of one optimiser step over a run of weights. Which fields matter depends on the rule.
typedef struct martlet_update {
  float learning_rate, weight_decay, momentum, beta1, beta2, epsilon;
  /// 1 - beta^step (Kingma and Ba, 2015, section 3).
  float correction1, correction2;
  /// Multiplies the gradient first, for clipping.
  float gradient_scale;
  int nesterov;
} martlet_update;

/// Stochastic gradient descent with momentum (Sutskever et al., 2013), decay added to the gradient.
/// `velocity` may be null when momentum is 0.
void martlet_sgd(float *weights, const float *gradient, float *velocity, long n,
                 const martlet_update *s);
/// Adam (Kingma and Ba, 2015), decay added to the gradient.
void martlet_adam_coupled(float *weights, const float *gradient, float *moment1, float *moment2,
                          long n, const martlet_update *s);
/// Lion (Chen et al., 2023, algorithm 2), decay decoupled.
void martlet_lion(float *weights, const float *gradient, float *moment, long n,
                  const martlet_update *s);
/// RMSprop (Hinton, 2012), epsilon outside the root, decay added to the gradient. `velocity` may be
/// null when momentum is 0.
void martlet_rmsprop(float *weights, const float *gradient, float *square, float *velocity, long n,
                     const martlet_update *s);
/// Adafactor (Shazeer and Stern, 2018, algorithms 4 and 5) for one tensor [rows, columns]; `step`
/// counts from 1, `state` holds rows + columns floats when both are above 1, else rows * columns,
/// `scratch` columns doubles. Decay is decoupled.
void martlet_adafactor(float *weights, const float *gradient, float *state, double *scratch,
                       long rows, long columns, double step, double beta2_decay, double epsilon1,
                       double epsilon2, double clip, const martlet_update *s);
