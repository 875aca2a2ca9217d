/* Which tensors a config calls for, and what is said of files that hold others. */
#include "libyoutu/weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static const model_config tiny = {
    .vocab_size = 11,
    .hidden_size = 6,
    .intermediate_size = 9,
    .n_layers = 2,
    .n_heads = 3,
    .q_lora_rank = 4,
    .kv_lora_rank = 5,
    .qk_nope_head_dim = 7,
    .qk_rope_head_dim = 2,
    .v_head_dim = 8,
    .tie_word_embeddings = true,
};

/* How a file departs from its config: `name` is left out (spec NULL), or added or replaced with `spec`, which
 * is
 * `"dtype":..,"shape":..` of `bytes`. */
typedef struct departure {
    const char *name;
    const char *spec;
    size_t bytes;
} departure;

static void add(FILE *header, const char *name, const char *spec, size_t *end, size_t bytes) {
    fprintf(header, "%s\"%s\":{%s,\"data_offsets\":[%zu,%zu]}", *end > 0 ? "," : "{", name, spec, *end,
            *end + bytes);
    *end += bytes;
}

/* model.safetensors with what `config` calls for, in BF16, but for the departures [2]. */
static void write_weights(const fixture *f, const model_config *config, const departure departures[2]) {
    char *text = NULL;
    size_t length = 0, end = 0;
    FILE *header = open_memstream(&text, &length);
    assert_non_null(header);
    for (tensor_spec s = {0}; weights_next(config, &s);) {
        bool departs = false;
        for (int i = 0; i < 2; i++) departs |= departures[i].name && strcmp(departures[i].name, s.name) == 0;
        if (departs) continue;
        char spec[80];
        if (s.n_dims == 1)
            snprintf(spec, sizeof spec, "\"dtype\":\"BF16\",\"shape\":[%lld]", (long long)s.shape[0]);
        else
            snprintf(spec, sizeof spec, "\"dtype\":\"BF16\",\"shape\":[%lld,%lld]", (long long)s.shape[0],
                     (long long)s.shape[1]);
        add(header, s.name, spec, &end, (size_t)(s.shape[0] * s.shape[1] * 2));
    }
    for (int i = 0; i < 2; i++)
        if (departures[i].spec)
            add(header, departures[i].name, departures[i].spec, &end, departures[i].bytes);
    fputs("}", header);
    assert_int_equal(fclose(header), 0);
    fixture_write_safetensors(f, "model.safetensors", text, end);
    free(text);
}

#define AS_CALLED_FOR ((const departure[2]){{NULL, NULL, 0}, {NULL, NULL, 0}})

static void assert_matrix(const matrix *m, int32_t n_out, int32_t n_in) {
    assert_non_null(m->data);
    assert_int_equal(m->n_out, n_out);
    assert_int_equal(m->n_in, n_in);
    assert_int_equal(m->type, DTYPE_BF16);
    assert_null(m->bias);
}

typedef struct opened {
    checkpoint *files;
    model_weights weights;
} opened;

static opened open_weights(const fixture *f, const model_config *config) {
    opened o = {0};
    youtu_error error;
    expect_success(checkpoint_open(f->directory, &o.files, &error), &error);
    expect_success(weights_bind(config, o.files, &o.weights, &error), &error);
    return o;
}

static void close_weights(opened *o) {
    weights_free(&o->weights);
    weights_free(&o->weights); /* a zeroed struct */
    checkpoint_close(o->files);
}

static void test_binds_a_tied_model(void **state) {
    const fixture *f = *state;
    write_weights(f, &tiny, AS_CALLED_FOR);
    opened o = open_weights(f, &tiny);
    const model_weights *w = &o.weights;
    assert_matrix(&w->embedding, 11, 6);
    assert_matrix(&w->final_norm, 6, 1);
    assert_ptr_equal(w->head.data, w->embedding.data);
    for (int32_t l = 0; l < tiny.n_layers; l++) {
        const layer_weights *y = &w->layers[l];
        assert_matrix(&y->attention_norm, 6, 1);
        assert_matrix(&y->q_a, 4, 6);
        assert_matrix(&y->q_a_norm, 4, 1);
        assert_matrix(&y->q_b, 27, 4);
        assert_matrix(&y->kv_a, 7, 6);
        assert_matrix(&y->kv_a_norm, 5, 1);
        assert_matrix(&y->kv_b, 45, 5);
        assert_matrix(&y->o, 6, 24);
        assert_matrix(&y->mlp_norm, 6, 1);
        assert_matrix(&y->gate, 9, 6);
        assert_matrix(&y->up, 9, 6);
        assert_matrix(&y->down, 6, 9);
    }
    char name[] = "model.layers.1.mlp.up_proj.weight";
    assert_ptr_equal(w->layers[1].up.data, checkpoint_find(o.files, name)->data);
    assert_ptr_not_equal(w->layers[0].up.data, w->layers[1].up.data);
    uint64_t layer = 6 + 24 + 4 + 108 + 42 + 5 + 225 + 144 + 6 + 54 + 54 + 54;
    assert_int_equal(w->n_parameters, 66 + 2 * layer + 6);
    assert_int_equal(w->bytes, 2 * w->n_parameters);
    close_weights(&o);
}

static void test_binds_every_variant(void **state) {
    const fixture *f = *state;
    model_config config = tiny;
    config.attention_bias = true;
    config.tie_word_embeddings = false;
    write_weights(f, &config, AS_CALLED_FOR);
    opened o = open_weights(f, &config);
    const layer_weights *y = &o.weights.layers[1];
    assert_non_null(y->q_a.bias);
    assert_non_null(y->kv_a.bias);
    assert_non_null(y->o.bias);
    assert_null(y->q_b.bias);
    assert_ptr_equal(y->o.bias, checkpoint_find(o.files, "model.layers.1.self_attn.o_proj.bias")->data);
    assert_ptr_equal(o.weights.head.data, checkpoint_find(o.files, "lm_head.weight")->data);
    assert_ptr_not_equal(o.weights.head.data, o.weights.embedding.data);
    close_weights(&o);

    config.q_lora_rank = 0;
    write_weights(f, &config, AS_CALLED_FOR);
    o = open_weights(f, &config);
    y = &o.weights.layers[0];
    assert_null(y->q_a.data);
    assert_null(y->q_a_norm.data);
    assert_matrix(&y->q_b, 27, 6);
    assert_non_null(y->kv_a.bias);
    assert_ptr_equal(y->q_b.data, checkpoint_find(o.files, "model.layers.0.self_attn.q_proj.weight")->data);
    close_weights(&o);
}

static void test_keeps_each_tensors_type(void **state) {
    const fixture *f = *state;
    static const departure other = {"model.layers.0.self_attn.kv_a_proj_with_mqa.bias",
                                    "\"dtype\":\"F32\",\"shape\":[7]", 28};
    model_config config = tiny;
    config.attention_bias = true;
    write_weights(f, &config,
                  (const departure[2]){other, {"model.norm.weight", "\"dtype\":\"F16\",\"shape\":[6]", 12}});
    opened o = open_weights(f, &config);
    assert_int_equal(o.weights.layers[0].kv_a.type, DTYPE_BF16);
    assert_int_equal(o.weights.layers[0].kv_a.bias_type, DTYPE_F32);
    assert_int_equal(o.weights.final_norm.type, DTYPE_F16);
    assert_int_equal(o.weights.bytes, 2 * o.weights.n_parameters + 2 * 7);
    close_weights(&o);
}

static void test_passes_over_what_it_does_not_need(void **state) {
    const fixture *f = *state;
    static const departure extra[2] = {
        {"lm_head.weight", "\"dtype\":\"BF16\",\"shape\":[11,6]", 132},
        {"model.layers.0.self_attn.rotary_emb.inv_freq", "\"dtype\":\"F32\",\"shape\":[1]", 4}};
    write_weights(f, &tiny, extra);
    opened o = open_weights(f, &tiny);
    assert_ptr_equal(o.weights.head.data, o.weights.embedding.data);
    assert_int_equal(o.weights.bytes, 2 * o.weights.n_parameters); /* neither counts */
    close_weights(&o);
}

static void test_names_what_is_missing_misshapen_or_extra(void **state) {
    const fixture *f = *state;
    static const struct {
        departure departure;
        const char *message; /* after "model.safetensors: tensor " */
    } cases[] = {
        {{"model.embed_tokens.weight", NULL, 0},
         "\"model.embed_tokens.weight\" is missing, expected with shape [11, 6]"},
        {{"model.layers.1.mlp.up_proj.weight", NULL, 0},
         "\"model.layers.1.mlp.up_proj.weight\" is missing, expected with shape [9, 6]"},
        {{"model.layers.0.self_attn.q_a_layernorm.weight", NULL, 0},
         "\"model.layers.0.self_attn.q_a_layernorm.weight\" is missing, expected with shape [4]"},
        {{"model.norm.weight", NULL, 0}, "\"model.norm.weight\" is missing, expected with shape [6]"},
        {{"model.layers.1.mlp.up_proj.weight", "\"dtype\":\"BF16\",\"shape\":[9,5]", 90},
         "\"model.layers.1.mlp.up_proj.weight\" has shape [9, 5], expected [9, 6]"},
        {{"model.layers.1.mlp.up_proj.weight", "\"dtype\":\"BF16\",\"shape\":[6,9]", 108},
         "\"model.layers.1.mlp.up_proj.weight\" has shape [6, 9], expected [9, 6]"},
        {{"model.layers.1.mlp.up_proj.weight", "\"dtype\":\"BF16\",\"shape\":[54]", 108},
         "\"model.layers.1.mlp.up_proj.weight\" has shape [54], expected [9, 6]"},
        {{"model.norm.weight", "\"dtype\":\"BF16\",\"shape\":[6,1]", 12},
         "\"model.norm.weight\" has shape [6, 1], expected [6]"},
        {{"model.norm.weight", "\"dtype\":\"BF16\",\"shape\":[]", 2},
         "\"model.norm.weight\" has shape [], expected [6]"},
        {{"model.embed_tokens.weight", "\"dtype\":\"BF16\",\"shape\":[12,6]", 144},
         "\"model.embed_tokens.weight\" has shape [12, 6], expected [11, 6]"},
        {{"lm_head.weight", "\"dtype\":\"BF16\",\"shape\":[12,6]", 144},
         "\"lm_head.weight\" has shape [12, 6], expected [11, 6]"},
        {{"model.layers.2.input_layernorm.weight", "\"dtype\":\"BF16\",\"shape\":[6]", 12},
         "\"model.layers.2.input_layernorm.weight\" of shape [6], expected none of this name in the model that "
         "config.json describes"},
        {{"model.layers.0.mlp.experts.0.up_proj.weight", "\"dtype\":\"F32\",\"shape\":[1,2,3,0]", 0},
         "\"model.layers.0.mlp.experts.0.up_proj.weight\" of shape [1, 2, 3, 0], expected none of this name in the "
         "model that config.json describes"},
        {{"model.layers.0.self_attn.o_proj.bias", "\"dtype\":\"BF16\",\"shape\":[6]", 12},
         "\"model.layers.0.self_attn.o_proj.bias\" of shape [6], expected none of this name in the model that "
         "config.json describes"},
        {{"inv_freq", "\"dtype\":\"F32\",\"shape\":[1]", 4},
         "\"inv_freq\" of shape [1], expected none of this name in the model that config.json describes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[512];
        snprintf(message, sizeof message, "model.safetensors: tensor %s", cases[i].message);
        write_weights(f, &tiny, (const departure[2]){cases[i].departure, {NULL, NULL, 0}});
        checkpoint *files = NULL;
        model_weights weights = {.bytes = 77};
        youtu_error error;
        expect_success(checkpoint_open(f->directory, &files, &error), &error);
        expect_failure(f, weights_bind(&tiny, files, &weights, &error), &error, YOUTU_E_FORMAT, message);
        assert_int_equal(weights.bytes, 77); /* as before */
        checkpoint_close(files);
    }
}

/* An untied head is called for, a tensor of a layer may lie in a shard: the file that is named. */
static void test_names_the_file(void **state) {
    const fixture *f = *state;
    model_config config = tiny;
    config.tie_word_embeddings = false;
    write_weights(f, &tiny, AS_CALLED_FOR);
    checkpoint *files = NULL;
    model_weights weights = {0};
    youtu_error error;
    expect_success(checkpoint_open(f->directory, &files, &error), &error);
    expect_failure(f, weights_bind(&config, files, &weights, &error), &error, YOUTU_E_FORMAT,
                   "model.safetensors: tensor \"lm_head.weight\" is missing, expected with shape [11, 6]");
    checkpoint_close(files);
    fixture_clear(f);

    fixture_write_safetensors(
        f, "shard-1.safetensors",
        "{\"model.embed_tokens.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]}}", 4);
    fixture_write_text(f, "model.safetensors.index.json",
                       "{\"weight_map\":{\"model.embed_tokens.weight\":\"shard-1.safetensors\"}}");
    expect_success(checkpoint_open(f->directory, &files, &error), &error);
    expect_failure(
        f, weights_bind(&config, files, &weights, &error), &error, YOUTU_E_FORMAT,
        "shard-1.safetensors: tensor \"model.embed_tokens.weight\" has shape [1, 1], expected [11, 6]");
    config.vocab_size = config.hidden_size = 1;
    expect_failure(
        f, weights_bind(&config, files, &weights, &error), &error, YOUTU_E_FORMAT,
        "model.safetensors.index.json: tensor \"model.layers.0.input_layernorm.weight\" is missing, "
        "expected with shape [1]");
    checkpoint_close(files);
}

/* The published model, from its config alone. */
static void test_counts_the_published_model(void **state) {
    (void)state;
    static const model_config published = {
        .vocab_size = 128256,
        .hidden_size = 2048,
        .intermediate_size = 6144,
        .n_layers = 32,
        .n_heads = 16,
        .q_lora_rank = 1536,
        .kv_lora_rank = 512,
        .qk_nope_head_dim = 128,
        .qk_rope_head_dim = 64,
        .v_head_dim = 128,
        .tie_word_embeddings = true,
    };
    int64_t n_parameters = 0;
    int n_tensors = 0;
    for (tensor_spec s = {0}; weights_next(&published, &s); n_tensors++)
        n_parameters += s.n_dims == 1 ? s.shape[0] : s.shape[0] * s.shape[1];
    assert_int_equal(n_parameters, 1961560064);
    assert_int_equal(n_tensors, 1 + 32 * 12 + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_binds_a_tied_model),
        TEST(test_binds_every_variant),
        TEST(test_keeps_each_tensors_type),
        TEST(test_passes_over_what_it_does_not_need),
        TEST(test_names_what_is_missing_misshapen_or_extra),
        TEST(test_names_the_file),
        cmocka_unit_test(test_counts_the_published_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
