/* Rotary frequencies and YaRN's two corrections. The arithmetic is float32 where transformers' is, in the
 * same order: at position 100,000 an angle differs visibly when its frequency is off by one unit in the last
 * place, and the weights were trained with these. */
#include <math.h>

#include "config.h"

/* YaRN, section 3.4: attention loses its temperature as the context grows by `factor`. */
static double yarn_mscale(double factor, double mscale) {
    return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1;
}

static double yarn_attention_factor(const rope_config *rope) {
    if (rope->attention_factor != 0) return rope->attention_factor;
    if (rope->mscale != 0 && rope->mscale_all_dim != 0)
        return yarn_mscale(rope->factor, rope->mscale) / yarn_mscale(rope->factor, rope->mscale_all_dim);
    return yarn_mscale(rope->factor, 1);
}

/* The (fractional) index of the frequency that turns `rotations` times over the original context. */
static double yarn_dimension(const rope_config *rope, int32_t dim, double rotations) {
    const double two_pi = 6.283185307179586;
    return dim * log(rope->original_max_positions / (rotations * two_pi)) / (2 * log(rope->theta));
}

/* Frequencies up to index `low` stay as trained (extrapolation), from `high` on they are slowed down by the
 * factor (interpolation), between them the two are mixed linearly. */
static void yarn_ramp(const rope_config *rope, int32_t dim, double *low, double *high) {
    *low = yarn_dimension(rope, dim, rope->beta_fast);
    *high = yarn_dimension(rope, dim, rope->beta_slow);
    if (rope->truncate) {
        *low = floor(*low);
        *high = ceil(*high);
    }
    *low = fmax(*low, 0);
    *high = fmin(*high, dim - 1);
    if (*low == *high) *high += 0.001; /* the slope stays finite */
}

void rope_init(const model_config *config, float *inverse_frequency, float *attention_factor) {
    const rope_config *rope = &config->rope;
    int32_t dim = config->qk_rope_head_dim;
    double low = 0, high = 1;
    if (rope->yarn) yarn_ramp(rope, dim, &low, &high);
    for (int32_t i = 0; i < dim / 2; i++) {
        float exponent = (float)(2 * i) / (float)dim;
        float wavelength =
            (float)pow((double)(float)rope->theta, (double)exponent); /* over 2 pi, in positions */
        float trained = 1.0f / wavelength;
        inverse_frequency[i] = trained;
        if (!rope->yarn) continue;
        float slowed = 1.0f / ((float)rope->factor * wavelength);
        float ramp = ((float)i - (float)low) / (float)(high - low);
        float kept = 1.0f - fminf(fmaxf(ramp, 0.0f), 1.0f);
        inverse_frequency[i] = slowed * (1.0f - kept) + trained * kept;
    }
    *attention_factor = rope->yarn ? (float)yarn_attention_factor(rope) : 1.0f;
}

float attention_scale(const model_config *config) {
    const rope_config *rope = &config->rope;
    double scale = 1 / sqrt(config->qk_nope_head_dim + config->qk_rope_head_dim);
    if (rope->yarn && rope->mscale_all_dim != 0) {
        double mscale = yarn_mscale(rope->factor, rope->mscale_all_dim);
        scale *= mscale * mscale;
    }
    return (float)scale;
}

void rope_turn(const model_config *config, int32_t position, int32_t j, float *cosine, float *sine) {
    float angle = (float)position * config->inverse_frequency[j];
    *cosine = cosf(angle) * config->rotary_factor;
    *sine = sinf(angle) * config->rotary_factor;
}
