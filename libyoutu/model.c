/* The forward pass: dense multi-head latent attention as in the model card. For a layer, with h the residual
 * stream:
 *
 *   x = rmsnorm(h);  q = q_b(rmsnorm(q_a x)) or q_proj x;  c | kr = kv_a x
 *   c = rmsnorm(c);  kr and q's rotary part are turned by their positions; c | kr is cached
 *   h += o(attention(q, cache));  h += down(silu(gate y) * up y), y = rmsnorm(h)
 */
#include "model.h"

#include <stdlib.h>

static void layer_forward(const youtu_model *model, const layer_weights *w, device *d, int32_t index) {
    const backend *b = model->backend;
    float epsilon = model->config.rms_norm_eps;

    if (w->q_a.data) {
        b->norm_linear(d, ACT_HIDDEN, &w->attention_norm, epsilon, 2,
                       (linear_output[]){{&w->q_a, ACT_Q_A}, {&w->kv_a, ACT_KV_A}});
        b->norm_linear(d, ACT_Q_A, &w->q_a_norm, LATENT_NORM_EPSILON, 1, (linear_output[]){{&w->q_b, ACT_Q}});
    } else {
        b->norm_linear(d, ACT_HIDDEN, &w->attention_norm, epsilon, 2,
                       (linear_output[]){{&w->q_b, ACT_Q}, {&w->kv_a, ACT_KV_A}});
    }
    b->rope_and_store(d, index, &w->kv_a_norm);
    b->attend(d, index, &w->kv_b);
    b->linear_residual(d, ACT_ATTENDED, &w->o);
    b->gated_mlp(d, &w->mlp_norm, epsilon, &w->gate, &w->up);
    b->linear_residual(d, ACT_GATED, &w->down);
}

youtu_status model_forward(const youtu_model *model, const layer_weights *layers, device *d, const step *s,
                           float *logits, token_draw *draws, youtu_error *error) {
    const backend *b = model->backend;
    youtu_status status = b->begin(d, s, error);
    if (status != YOUTU_OK) return status;
    b->embed(d);
    for (int32_t i = 0; i < model->config.n_layers; i++) layer_forward(model, &layers[i], d, i);
    if (s->n_outputs > 0)
        b->head(d, &model->weights.final_norm, model->config.rms_norm_eps, &model->weights.head,
                draws ? NULL : logits);
    if (draws) b->draw(d, draws);
    return b->finish(d, error);
}
