/* config.json and generation_config.json: every field, every refusal; rotary frequencies against what
 * transformers computes. */
#include "libyoutu/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* A member of config.json; value NULL: left out. */
typedef struct member {
    const char *key;
    const char *value;
} member;

static const member published[] = {
    {"architectures", "[\"YoutuForCausalLM\"]"},
    {"model_type", "\"youtu\""},
    {"vocab_size", "128256"},
    {"hidden_size", "2048"},
    {"intermediate_size", "6144"},
    {"num_hidden_layers", "32"},
    {"num_attention_heads", "16"},
    {"num_key_value_heads", "16"},
    {"q_lora_rank", "1536"},
    {"kv_lora_rank", "512"},
    {"qk_nope_head_dim", "128"},
    {"qk_rope_head_dim", "64"},
    {"v_head_dim", "128"},
    {"max_position_embeddings", "131072"},
    {"rms_norm_eps", "1e-06"},
    {"hidden_act", "\"silu\""},
    {"attention_bias", "false"},
    {"mlp_bias", "false"},
    {"tie_word_embeddings", "true"},
    {"rope_interleave", "true"},
    {"rope_parameters", "{\"rope_type\": \"default\", \"rope_theta\": 1600000}"},
    {"bos_token_id", "128000"},
    {"eos_token_id", "128001"},
    {"pad_token_id", "null"},
    {"torch_dtype", "\"bfloat16\""},
};
enum { N_PUBLISHED = sizeof published / sizeof *published, MAX_CHANGES = 4 };

/* The published config.json with members replaced, added or left out; changes end at a key NULL. */
static void write_config(const fixture *f, const member changes[MAX_CHANGES]) {
    char text[4096];
    size_t used = 0;
    const char *comma = "{";
    for (size_t i = 0; i < N_PUBLISHED + MAX_CHANGES; i++) {
        const member *m = i < N_PUBLISHED ? &published[i] : &changes[i - N_PUBLISHED];
        bool changed = false;
        for (size_t c = 0; i < N_PUBLISHED && c < MAX_CHANGES; c++)
            changed |= changes[c].key && strcmp(changes[c].key, m->key) == 0;
        if (!m->key || changed || !m->value) continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%s\": %s", comma, m->key, m->value);
        comma = ",\n";
    }
    snprintf(text + used, sizeof text - used, "}\n");
    fixture_write_text(f, "config.json", text);
}

/* The config read last owns its memory until the next one is read, or free_config. */
static model_config last_read;

static int free_config(void **state) {
    (void)state;
    config_free(&last_read);
    return 0;
}

static model_config read_config(const fixture *f) {
    youtu_error error;
    config_free(&last_read);
    expect_success(config_read(f->directory, &last_read, &error), &error);
    return last_read;
}

static model_config read_changed(const fixture *f, const member changes[MAX_CHANGES]) {
    write_config(f, changes);
    return read_config(f);
}

#define CHANGES(...)              \
    (const member[MAX_CHANGES]) { \
        __VA_ARGS__               \
    }
#define AS_PUBLISHED CHANGES({NULL, NULL})

static void test_reads_the_published_config(void **state) {
    model_config c = read_changed(*state, AS_PUBLISHED);
    assert_int_equal(c.vocab_size, 128256);
    assert_int_equal(c.hidden_size, 2048);
    assert_int_equal(c.intermediate_size, 6144);
    assert_int_equal(c.n_layers, 32);
    assert_int_equal(c.n_heads, 16);
    assert_int_equal(c.q_lora_rank, 1536);
    assert_int_equal(c.kv_lora_rank, 512);
    assert_int_equal(c.qk_nope_head_dim, 128);
    assert_int_equal(c.qk_rope_head_dim, 64);
    assert_int_equal(c.v_head_dim, 128);
    assert_int_equal(c.max_positions, 131072);
    assert_float_equal(c.rms_norm_eps, 1e-6f, 0);
    assert_false(c.attention_bias);
    assert_true(c.tie_word_embeddings);
    assert_true(c.rope.interleave);
    assert_false(c.rope.yarn);
    assert_true(c.rope.theta == 1600000);
    assert_float_equal(c.softmax_scale, 0.07216878364870322, 1e-9);
    assert_int_equal(c.bos_token, 128000);
    assert_int_equal(c.n_end_tokens, 1);
    assert_int_equal(c.end_tokens[0], 128001);
    assert_null(c.notice);
    assert_float_equal(c.temperature, 1, 0);
    assert_float_equal(c.top_p, 1, 0);
    assert_float_equal(c.min_p, 0, 0);
    assert_float_equal(c.repetition_penalty, 1, 0);
    assert_int_equal(c.top_k, 0);
}

static void test_reads_every_variant(void **state) {
    const fixture *f = *state;
    model_config c = read_changed(f, CHANGES({"q_lora_rank", "null"}, {"attention_bias", "true"},
                                             {"tie_word_embeddings", "false"}, {"rope_interleave", "false"}));
    assert_int_equal(c.q_lora_rank, 0);
    assert_true(c.attention_bias);
    assert_false(c.tie_word_embeddings);
    assert_false(c.rope.interleave);

    c = read_changed(f, CHANGES({"bos_token_id", "null"}, {"eos_token_id", "[5, 6, 7]"},
                                {"youtu_notice", "\"\\u4ec5\\u4f9b demonstration\""}));
    assert_int_equal(c.bos_token, -1);
    assert_int_equal(c.n_end_tokens, 3);
    assert_int_equal(c.end_tokens[2], 7);
    assert_string_equal(c.notice, "\xE4\xBB\x85\xE4\xBE\x9B demonstration");

    /* what may be left out */
    c = read_changed(f, CHANGES({"num_key_value_heads", NULL}, {"attention_bias", NULL},
                                {"rope_interleave", NULL}, {"tie_word_embeddings", NULL}));
    assert_false(c.attention_bias);
    assert_true(c.rope.interleave);
    assert_true(c.tie_word_embeddings);
    c = read_changed(
        f, CHANGES({"hidden_act", NULL}, {"mlp_bias", NULL}, {"eos_token_id", NULL}, {"bos_token_id", NULL}));
    assert_int_equal(c.n_end_tokens, 0);
    assert_int_equal(c.bos_token, -1);

    /* what repeats other fields */
    read_changed(f, CHANGES({"head_dim", "64"}, {"qk_head_dim", "192"}));
    read_changed(f,
                 CHANGES({"head_dim", "192"}, {"layer_types", "[\"full_attention\", \"full_attention\"]"}));
}

static void test_takes_deepseek_without_experts(void **state) {
    const fixture *f = *state;
    model_config c = read_changed(f, CHANGES({"model_type", "\"youtu_llm\""}, {"tie_word_embeddings", NULL}));
    assert_true(c.tie_word_embeddings);
    c = read_changed(f, CHANGES({"model_type", "\"deepseek_v3\""}, {"n_routed_experts", "null"},
                                {"n_shared_experts", "0"}, {"first_k_dense_replace", "3"}));
    assert_int_equal(c.n_layers, 32);
    c = read_changed(f, CHANGES({"model_type", "\"deepseek_v2\""}, {"n_routed_experts", "0"},
                                {"tie_word_embeddings", NULL}, {"moe_intermediate_size", "1407"}));
    assert_false(c.tie_word_embeddings); /* that class's default */
}

static void test_reads_the_rotary_settings(void **state) {
    const fixture *f = *state;
    model_config c = read_changed(f, CHANGES({"rope_parameters", NULL}, {"rope_theta", "500000.0"}));
    assert_true(c.rope.theta == 500000);
    assert_false(c.rope.yarn);

    /* an older revision: YaRN that changes nothing */
    c = read_changed(
        f, CHANGES({"rope_parameters", NULL}, {"rope_theta", "1600000"},
                   {"rope_scaling", "{\"type\": \"yarn\", \"factor\": 1.0, \"mscale_all_dim\": 0}"}));
    assert_true(c.rope.yarn);
    assert_true(c.rope.truncate);
    assert_true(c.rope.beta_fast == 32 && c.rope.beta_slow == 1);
    assert_int_equal(c.rope.original_max_positions, 131072);
    float changed[32], plain[32], factor;
    rope_init(&c, changed, &factor);
    assert_float_equal(factor, 1, 0);
    assert_float_equal(c.softmax_scale, 0.07216878364870322, 1e-9);
    c = read_changed(f, AS_PUBLISHED);
    rope_init(&c, plain, &factor);
    assert_memory_equal(changed, plain, sizeof plain);

    c = read_changed(
        f, CHANGES({"rope_theta", "1600000"}, /* in both places, and equal */
                   {"rope_parameters",
                    "{\"rope_type\": \"yarn\", \"type\": \"yarn\", \"rope_theta\": 1600000.0, \"factor\": 4, "
                    "\"beta_fast\": 16, \"beta_slow\": 2, \"mscale\": 0.7, \"mscale_all_dim\": 0.5, "
                    "\"attention_factor\": 1.5, \"truncate\": false, \"partial_rotary_factor\": 1.0, "
                    "\"original_max_position_embeddings\": 4096}"}));
    assert_true(c.rope.factor == 4 && c.rope.beta_fast == 16 && c.rope.beta_slow == 2);
    assert_true(c.rope.mscale == 0.7 && c.rope.mscale_all_dim == 0.5 && c.rope.attention_factor == 1.5);
    assert_false(c.rope.truncate);
    assert_int_equal(c.rope.original_max_positions, 4096);

    c = read_changed(f, CHANGES({"rope_parameters", NULL}, {"rope_theta", "1e4"},
                                {"rope_scaling", "{\"type\": \"yarn\", \"factor\": 4}"},
                                {"original_max_position_embeddings", "2048"}));
    assert_int_equal(c.rope.original_max_positions, 2048);
}

/* ---- refusals */

static void test_refuses_configs(void **state) {
    const fixture *f = *state;
    static const struct {
        member change, other;
        youtu_status status;
        const char *message; /* after "config.json: " */
    } cases[] = {
#define FORMAT {NULL, NULL}, YOUTU_E_FORMAT
#define UNSUPPORTED {NULL, NULL}, YOUTU_E_UNSUPPORTED
        {{"model_type", NULL},
         FORMAT,
         "field \"model_type\" is missing, expected \"youtu\", \"youtu_llm\", \"deepseek_v2\" or "
         "\"deepseek_v3\""},
        {{"model_type", "\"llama\""},
         UNSUPPORTED,
         "field \"model_type\" is \"llama\", expected \"youtu\", \"youtu_llm\", \"deepseek_v2\" or "
         "\"deepseek_v3\""},
        {{"model_type", "7"},
         UNSUPPORTED,
         "field \"model_type\" is 7, expected \"youtu\", \"youtu_llm\", \"deepseek_v2\" or \"deepseek_v3\""},

        /* sizes: missing, of another type, out of bounds */
        {{"vocab_size", NULL}, FORMAT, "field \"vocab_size\" is missing, expected an integer"},
        {{"hidden_size", NULL}, FORMAT, "field \"hidden_size\" is missing, expected an integer"},
        {{"intermediate_size", NULL}, FORMAT, "field \"intermediate_size\" is missing, expected an integer"},
        {{"num_hidden_layers", NULL}, FORMAT, "field \"num_hidden_layers\" is missing, expected an integer"},
        {{"num_attention_heads", NULL},
         FORMAT,
         "field \"num_attention_heads\" is missing, expected an integer"},
        {{"q_lora_rank", NULL}, FORMAT, "field \"q_lora_rank\" is missing, expected an integer or null"},
        {{"kv_lora_rank", NULL}, FORMAT, "field \"kv_lora_rank\" is missing, expected an integer"},
        {{"qk_nope_head_dim", NULL}, FORMAT, "field \"qk_nope_head_dim\" is missing, expected an integer"},
        {{"qk_rope_head_dim", "null"}, FORMAT, "field \"qk_rope_head_dim\" is missing, expected an integer"},
        {{"v_head_dim", NULL}, FORMAT, "field \"v_head_dim\" is missing, expected an integer"},
        {{"max_position_embeddings", NULL},
         FORMAT,
         "field \"max_position_embeddings\" is missing, expected an integer"},
        {{"rms_norm_eps", NULL}, FORMAT, "field \"rms_norm_eps\" is missing, expected a number"},
        {{"vocab_size", "0"}, FORMAT, "field \"vocab_size\" is 0, expected an integer from 1 to 16777216"},
        {{"vocab_size", "16777217"},
         FORMAT,
         "field \"vocab_size\" is 16777217, expected an integer from 1 to 16777216"},
        {{"hidden_size", "-2048"},
         FORMAT,
         "field \"hidden_size\" is -2048, expected an integer from 1 to 1048576"},
        {{"hidden_size", "2048.0"},
         FORMAT,
         "field \"hidden_size\" is 2048.0, expected an integer from 1 to 1048576"},
        {{"hidden_size", "\"2048\""},
         FORMAT,
         "field \"hidden_size\" is \"2048\", expected an integer from 1 to 1048576"},
        {{"intermediate_size", "9223372036854775808"},
         FORMAT,
         "field \"intermediate_size\" is 9223372036854775808, expected an integer from 1 to 1048576"},
        {{"num_hidden_layers", "1025"},
         FORMAT,
         "field \"num_hidden_layers\" is 1025, expected an integer from 1 to 1024"},
        {{"num_attention_heads", "4097"},
         FORMAT,
         "field \"num_attention_heads\" is 4097, expected an integer from 1 to 4096"},
        {{"q_lora_rank", "0"}, FORMAT, "field \"q_lora_rank\" is 0, expected an integer from 1 to 1048576"},
        {{"q_lora_rank", "false"},
         FORMAT,
         "field \"q_lora_rank\" is false, expected an integer from 1 to 1048576"},
        {{"kv_lora_rank", "[512]"},
         FORMAT,
         "field \"kv_lora_rank\" is [512], expected an integer from 1 to 1048576"},
        {{"qk_nope_head_dim", "5000"},
         FORMAT,
         "field \"qk_nope_head_dim\" is 5000, expected an integer from 1 to 4096"},
        {{"qk_rope_head_dim", "63"}, FORMAT, "field \"qk_rope_head_dim\" is 63, expected an even number"},
        {{"max_position_embeddings", "16777217"},
         FORMAT,
         "field \"max_position_embeddings\" is 16777217, expected an integer from 1 to 16777216"},
        {{"num_attention_heads", "4096"},
         {"qk_nope_head_dim", "4096"},
         YOUTU_E_FORMAT,
         "num_attention_heads x (qk_nope_head_dim + v_head_dim) is 17301504, expected at most 1048576"},
        {{"num_attention_heads", "4096"},
         {"qk_rope_head_dim", "2048"},
         YOUTU_E_FORMAT,
         "num_attention_heads x (qk_nope_head_dim + qk_rope_head_dim) is 8912896, expected at most 1048576"},
        {{"rms_norm_eps", "0"}, FORMAT, "field \"rms_norm_eps\" is 0, expected a number from 1e-30 to 1"},
        {{"rms_norm_eps", "-1e-6"},
         FORMAT,
         "field \"rms_norm_eps\" is -1e-6, expected a number from 1e-30 to 1"},
        {{"rms_norm_eps", "2"}, FORMAT, "field \"rms_norm_eps\" is 2, expected a number from 1e-30 to 1"},
        {{"rms_norm_eps", "\"1e-6\""},
         FORMAT,
         "field \"rms_norm_eps\" is \"1e-6\", expected a number from 1e-30 to 1"},

        /* fields that must agree with others */
        {{"num_key_value_heads", "8"},
         UNSUPPORTED,
         "field \"num_key_value_heads\" is 8, expected 16, the num_attention_heads"},
        {{"qk_head_dim", "128"},
         UNSUPPORTED,
         "field \"qk_head_dim\" is 128, expected 192, qk_nope_head_dim + qk_rope_head_dim"},
        {{"head_dim", "128"}, UNSUPPORTED, "field \"head_dim\" is 128, expected 64, the qk_rope_head_dim"},
        {{"head_dim", "\"64\""},
         UNSUPPORTED,
         "field \"head_dim\" is \"64\", expected 64, the qk_rope_head_dim"},

        /* another computation */
        {{"hidden_act", "\"gelu\""}, UNSUPPORTED, "field \"hidden_act\" is \"gelu\", expected \"silu\""},
        {{"hidden_act", "1"}, UNSUPPORTED, "field \"hidden_act\" is 1, expected \"silu\""},
        {{"mlp_bias", "true"},
         UNSUPPORTED,
         "field \"mlp_bias\" is true, expected it absent, null, false or 0"},
        {{"n_routed_experts", "64"},
         UNSUPPORTED,
         "field \"n_routed_experts\" is 64, expected it absent, null, false or 0"},
        {{"n_routed_experts", "64"},
         {"model_type", "\"deepseek_v3\""},
         YOUTU_E_UNSUPPORTED,
         "field \"n_routed_experts\" is 64, expected it absent, null, false or 0"},
        {{"n_shared_experts", "2"},
         UNSUPPORTED,
         "field \"n_shared_experts\" is 2, expected it absent, null, false or 0"},
        {{"num_experts", "8"},
         UNSUPPORTED,
         "field \"num_experts\" is 8, expected it absent, null, false or 0"},
        {{"num_local_experts", "8"},
         UNSUPPORTED,
         "field \"num_local_experts\" is 8, expected it absent, null, false or 0"},
        {{"quantization_config", "{\"quant_method\": \"fp8\"}"},
         UNSUPPORTED,
         "field \"quantization_config\" is {\"quant_method\": \"fp8\"}, expected it absent, null, false or 0"},
        {{"compression_config", "{\"format\": \"int4\"}"},
         UNSUPPORTED,
         "field \"compression_config\" is {\"format\": \"int4\"}, expected it absent, null, false or 0"},
        {{"use_sliding_window", "true"},
         UNSUPPORTED,
         "field \"use_sliding_window\" is true, expected it absent, null, false or 0"},
        {{"sliding_window", "4096"},
         UNSUPPORTED,
         "field \"sliding_window\" is 4096, expected it absent, null, false or 0"},
        {{"attn_logit_softcapping", "50.0"},
         UNSUPPORTED,
         "field \"attn_logit_softcapping\" is 50.0, expected it absent, null, false or 0"},
        {{"use_qk_norm", "\"yes\""},
         UNSUPPORTED,
         "field \"use_qk_norm\" is \"yes\", expected it absent, null, false or 0"},
        {{"layer_types", "[\"full_attention\", \"sliding_attention\"]"},
         UNSUPPORTED,
         "field \"layer_types[1]\" is \"sliding_attention\", expected \"full_attention\""},
        {{"layer_types", "\"full_attention\""},
         FORMAT,
         "field \"layer_types\" is \"full_attention\", expected an array"},
        {{"attention_bias", "0"}, FORMAT, "field \"attention_bias\" is 0, expected true or false"},
        {{"tie_word_embeddings", "\"true\""},
         FORMAT,
         "field \"tie_word_embeddings\" is \"true\", expected true or false"},

        /* rotary settings */
        {{"rope_parameters", NULL}, FORMAT, "field \"rope_theta\" is missing, expected a number"},
        {{"rope_parameters", "{\"rope_type\": \"default\"}"},
         FORMAT,
         "field \"rope_theta\" is missing, expected a number"},
        {{"rope_parameters", "[]"}, FORMAT, "field \"rope_parameters\" is [], expected an object"},
        {{"rope_theta", "10000"},
         FORMAT,
         "field \"rope_theta\" is 10000, expected 1600000 as in the other place"},
        {{"rope_theta", "0"}, FORMAT, "field \"rope_theta\" is 0, expected a number from 2 to 1e+15"},
        {{"rope_parameters", "{\"rope_theta\": -1}"},
         FORMAT,
         "field \"rope_parameters.rope_theta\" is -1, expected a number from 2 to 1e+15"},
        {{"rope_scaling", "{\"type\": \"default\"}"},
         FORMAT,
         "field \"rope_scaling\" is {\"type\": \"default\"}, expected it absent beside rope_parameters"},
        {{"rope_interleave", "1"}, FORMAT, "field \"rope_interleave\" is 1, expected true or false"},
        {{"partial_rotary_factor", "0.5"}, UNSUPPORTED, "field \"partial_rotary_factor\" is 0.5, expected 1"},
        {{"rope_parameters", "{\"rope_theta\": 1e6, \"partial_rotary_factor\": 0.5}"},
         UNSUPPORTED,
         "field \"rope_parameters.partial_rotary_factor\" is 0.5, expected 1"},
        {{"rope_parameters", "{\"rope_theta\": 1e6, \"rope_type\": \"linear\", \"factor\": 2}"},
         UNSUPPORTED,
         "field \"rope_parameters.rope_type\" is \"linear\", expected \"default\" or \"yarn\""},
        {{"rope_parameters", "{\"rope_theta\": 1e6, \"rope_type\": \"llama3\"}"},
         UNSUPPORTED,
         "field \"rope_parameters.rope_type\" is \"llama3\", expected \"default\" or \"yarn\""},
        {{"rope_parameters", "{\"rope_theta\": 1e6, \"type\": \"dynamic\"}"},
         UNSUPPORTED,
         "field \"rope_parameters.type\" is \"dynamic\", expected \"default\" or \"yarn\""},
        {{"rope_parameters", "{\"rope_theta\": 1e6, \"type\": \"default\", \"rope_type\": \"yarn\"}"},
         FORMAT,
         "field \"rope_parameters.type\" is \"default\", expected the same as rope_type"},
        {{"rope_parameters", "{\"rope_theta\": 1e6, \"factor\": 4}"},
         UNSUPPORTED,
         "field \"rope_parameters.factor\" is 4, expected 1 where rope_type is \"default\""},
        {{"rope_parameters", "{\"rope_theta\": 1e6, \"short_factor\": [1]}"},
         UNSUPPORTED,
         "field \"rope_parameters.short_factor\" is [1], expected it absent"},
        {{"rope_parameters", "{\"full_attention\": {\"rope_theta\": 1e6}}"},
         UNSUPPORTED,
         "field \"rope_parameters.full_attention\" is {\"rope_theta\": 1e6}, expected it absent"},
#define YARN(more) "{\"rope_theta\": 1e6, \"rope_type\": \"yarn\"" more "}"
        {{"rope_parameters", YARN("")},
         FORMAT,
         "field \"rope_parameters.factor\" is missing, expected a number"},
        {{"rope_parameters", YARN(", \"factor\": 0.5")},
         FORMAT,
         "field \"rope_parameters.factor\" is 0.5, expected a number from 1 to 1e+06"},
        {{"rope_parameters", YARN(", \"factor\": 4, \"mscale\": -1")},
         FORMAT,
         "field \"rope_parameters.mscale\" is -1, expected a number from 0 to 1000"},
        {{"rope_parameters", YARN(", \"factor\": 4, \"attention_factor\": 0")},
         FORMAT,
         "field \"rope_parameters.attention_factor\" is 0, expected a number from 1e-06 to 1e+06"},
        {{"rope_parameters", YARN(", \"factor\": 4, \"truncate\": 1")},
         FORMAT,
         "field \"rope_parameters.truncate\" is 1, expected true or false"},
        {{"rope_parameters", YARN(", \"factor\": 4, \"original_max_position_embeddings\": 0")},
         FORMAT,
         "field \"rope_parameters.original_max_position_embeddings\" is 0, expected an integer from 1 to "
         "16777216"},
        {{"rope_parameters", YARN(", \"factor\": 4, \"original_max_position_embeddings\": 2048")},
         {"original_max_position_embeddings", "4096"},
         YOUTU_E_FORMAT,
         "field \"original_max_position_embeddings\" is 4096, expected 2048 as in the other place"},

        /* tokens */
        {{"bos_token_id", "128256"},
         FORMAT,
         "field \"bos_token_id\" is 128256, expected an integer from 0 to 128255"},
        {{"eos_token_id", "-1"},
         FORMAT,
         "field \"eos_token_id\" is -1, expected an integer from 0 to 128255"},
        {{"eos_token_id", "[1, \"2\"]"},
         FORMAT,
         "field \"eos_token_id[1]\" is \"2\", expected an integer from 0 to 128255"},
        {{"eos_token_id", "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]"},
         UNSUPPORTED,
         "field \"eos_token_id\" is [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16], expected at most 16 ids"},
        {{"youtu_notice", "7"}, FORMAT, "field \"youtu_notice\" is 7, expected a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[512];
        snprintf(message, sizeof message, "config.json: %s", cases[i].message);
        write_config(f, CHANGES(cases[i].change, cases[i].other));
        model_config config = {.vocab_size = 77};
        youtu_error error;
        expect_failure(f, config_read(f->directory, &config, &error), &error, cases[i].status, message);
        assert_int_equal(config_read(f->directory, &config, NULL), cases[i].status);
        assert_int_equal(config.vocab_size, 77); /* as before */
    }
}

static void test_refuses_files(void **state) {
    const fixture *f = *state;
    model_config config;
    youtu_error error;
    expect_failure(f, config_read(f->directory, &config, &error), &error, YOUTU_E_IO,
                   "@/config.json: cannot be opened: No such file or directory");
    fixture_write_text(f, "config.json", "[]");
    expect_failure(f, config_read(f->directory, &config, &error), &error, YOUTU_E_FORMAT,
                   "config.json: is [], expected an object");
    fixture_write_text(f, "config.json", "{\"model_type\": \"youtu\", \"vocab_size\": 1");
    expect_failure(f, config_read(f->directory, &config, &error), &error, YOUTU_E_FORMAT,
                   "config.json: byte 39: the text ends, expected the rest of a value");
    fixture_write_text(f, "config.json", "{\"vocab_size\": 1, \"vocab_size\": 2}");
    expect_failure(f, config_read(f->directory, &config, &error), &error, YOUTU_E_FORMAT,
                   "config.json: byte 18: key \"vocab_size\" stands twice in one object");
}

/* ---- generation_config.json */

static void test_reads_generation_config(void **state) {
    const fixture *f = *state;
    write_config(f, AS_PUBLISHED);
    fixture_write_text(
        f, "generation_config.json",
        "{\"do_sample\": true, \"temperature\": 0.7, \"top_k\": 20, \"top_p\": 0.95, \"min_p\": 0.05, "
        "\"repetition_penalty\": 1.05, \"eos_token_id\": [128001, 128237], \"pad_token_id\": 128001}");
    model_config c = read_config(f);
    assert_float_equal(c.temperature, 0.7f, 0);
    assert_int_equal(c.top_k, 20);
    assert_float_equal(c.top_p, 0.95f, 0);
    assert_float_equal(c.min_p, 0.05f, 0);
    assert_float_equal(c.repetition_penalty, 1.05f, 0);
    assert_int_equal(c.n_end_tokens, 2); /* instead of config.json's */
    assert_int_equal(c.end_tokens[1], 128237);

    fixture_write_text(f, "generation_config.json", "{\"do_sample\": false, \"temperature\": 0.7}");
    c = read_config(f);
    assert_float_equal(c.temperature, 0, 0);
    assert_int_equal(c.n_end_tokens, 1); /* config.json's */
}

static void test_refuses_generation_config(void **state) {
    const fixture *f = *state;
    static const struct {
        const char *text;
        const char *message; /* after "generation_config.json: " */
    } cases[] = {
        {"{", "byte 1: the text ends, expected the rest of a value"},
        {"[]", "is [], expected an object"},
        {"{\"temperature\": -1}", "field \"temperature\" is -1, expected a number from 0 to 1000"},
        {"{\"temperature\": \"1\"}", "field \"temperature\" is \"1\", expected a number from 0 to 1000"},
        {"{\"top_k\": -1}", "field \"top_k\" is -1, expected an integer from 0 to 16777216"},
        {"{\"top_p\": 1.5}", "field \"top_p\" is 1.5, expected a number from 0 to 1"},
        {"{\"min_p\": 2}", "field \"min_p\" is 2, expected a number from 0 to 1"},
        {"{\"repetition_penalty\": 0}",
         "field \"repetition_penalty\" is 0, expected a number from 0.001 to 1000"},
        {"{\"do_sample\": 1}", "field \"do_sample\" is 1, expected true or false"},
        {"{\"eos_token_id\": 128256}",
         "field \"eos_token_id\" is 128256, expected an integer from 0 to 128255"},
    };
    write_config(f, CHANGES({"youtu_notice", "\"freed on the way out\""}));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[256];
        snprintf(message, sizeof message, "generation_config.json: %s", cases[i].message);
        fixture_write_text(f, "generation_config.json", cases[i].text);
        model_config config;
        youtu_error error;
        expect_failure(f, config_read(f->directory, &config, &error), &error, YOUTU_E_FORMAT, message);
    }
}

/* ---- rotary frequencies, as transformers 5 computes them */

static void assert_close(float found, double expected) {
    if (fabs((double)found - expected) > 1e-6 * expected)
        fail_msg("%.9g, expected %.9g", (double)found, expected);
}

static void test_rotary_frequencies(void **state) {
    (void)state;
    enum { MOST = 32 };
    static const struct {
        int32_t dim; /* qk_rope_head_dim; qk_nope_head_dim is 128 */
        rope_config rope;
        double attention_factor;
        double softmax_scale;
        float frequencies[MOST];
    } cases[] = {
        /* the published model */
        {64,
         {.theta = 1600000},
         1,
         0.0721687836,
         {1.0f,
          0.639913499f,
          0.409489244f,
          0.262037665f,
          0.167681441f,
          0.107301608f,
          0.0686637461f,
          0.0439388566f,
          0.0281170644f,
          0.017992489f,
          0.0115136364f,
          0.00736773061f,
          0.00471471017f,
          0.00301700644f,
          0.0019306232f,
          0.00123543176f,
          0.000790569466f,
          0.000505895994f,
          0.000323729677f,
          0.000207158984f,
          0.000132563815f,
          8.48293785e-05f,
          5.42834568e-05f,
          3.47367168e-05f,
          2.22284925e-05f,
          1.42243116e-05f,
          9.10232848e-06f,
          5.82470284e-06f,
          3.72730574e-06f,
          2.38515327e-06f,
          1.52629161e-06f,
          9.76694537e-07f}},
        /* a size whose exponents are not exact */
        {12,
         {.theta = 10000},
         1,
         0.0845154255,
         {1.0f, 0.215443447f, 0.046415884f, 0.00999999978f, 0.00215443433f, 0.000464158948f}},
        /* factor 4, no mscale: the paper's attention factor */
        {16,
         {.theta = 10000,
          .yarn = true,
          .factor = 4,
          .beta_fast = 32,
          .beta_slow = 1,
          .mscale = 0,
          .mscale_all_dim = 0,
          .attention_factor = 0,
          .truncate = true,
          .original_max_positions = 2048},
         1.13862944,
         0.0833333333,
         {1.0f, 0.316227764f, 0.100000001f, 0.025693506f, 0.00624999963f, 0.00138349656f, 0.000250000012f,
          7.90569466e-05f}},
        /* mscale and mscale_all_dim equal */
        {16,
         {.theta = 10000,
          .yarn = true,
          .factor = 40,
          .beta_fast = 32,
          .beta_slow = 1,
          .mscale = 0.707,
          .mscale_all_dim = 0.707,
          .attention_factor = 0,
          .truncate = true,
          .original_max_positions = 4096},
         1,
         0.132468847,
         {1.0f, 0.316227764f, 0.100000001f, 0.0239147246f, 0.00512499968f, 0.000849862176f, 2.49999994e-05f,
          7.90569447e-06f}},
        /* mscale and mscale_all_dim different */
        {16,
         {.theta = 1600000,
          .yarn = true,
          .factor = 32,
          .beta_fast = 32,
          .beta_slow = 1,
          .mscale = 1.0,
          .mscale_all_dim = 0.5,
          .attention_factor = 0,
          .truncate = true,
          .original_max_positions = 4096},
         1.14769347,
         0.114716825,
         {1.0f, 0.167681441f, 0.019037595f, 0.00166979304f, 2.47052958e-05f, 4.14261922e-06f, 6.94640391e-07f,
          1.16478304e-07f}},
        /* mscale_all_dim alone: the softmax scale only */
        {12,
         {.theta = 1600000,
          .yarn = true,
          .factor = 32,
          .beta_fast = 32,
          .beta_slow = 1,
          .mscale = 0,
          .mscale_all_dim = 1.0,
          .attention_factor = 0,
          .truncate = true,
          .original_max_positions = 4096},
         1.34657359,
         0.153248477,
         {1.0f, 0.0924655497f, 0.00440853089f, 2.47052958e-05f, 2.2843883e-06f, 2.11227345e-07f}},
        /* no truncation, other betas */
        {12,
         {.theta = 1600000,
          .yarn = true,
          .factor = 8,
          .beta_fast = 64,
          .beta_slow = 2,
          .mscale = 0,
          .mscale_all_dim = 0,
          .attention_factor = 0,
          .truncate = false,
          .original_max_positions = 1000},
         1.20794415,
         0.0845154255,
         {1.0f, 0.0581502803f, 0.0010687348f, 9.88211832e-05f, 9.13755321e-06f, 8.4490938e-07f}},
        /* attention factor given */
        {12,
         {.theta = 10000,
          .yarn = true,
          .factor = 8,
          .beta_fast = 32,
          .beta_slow = 1,
          .mscale = 0,
          .mscale_all_dim = 0,
          .attention_factor = 1.3,
          .truncate = true,
          .original_max_positions = 1024},
         1.3,
         0.0845154255,
         {1.0f, 0.215443447f, 0.0328779146f, 0.00416666642f, 0.000269304292f, 5.80198684e-05f}},
        /* a context too short for any rotation: low equals high */
        {12,
         {.theta = 10000,
          .yarn = true,
          .factor = 2,
          .beta_fast = 32,
          .beta_slow = 1,
          .mscale = 0,
          .mscale_all_dim = 0,
          .attention_factor = 0,
          .truncate = true,
          .original_max_positions = 5},
         1.06931472,
         0.0845154255,
         {1.0f, 0.107721724f, 0.023207942f, 0.00499999989f, 0.00107721717f, 0.000232079474f}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        model_config config = {
            .qk_rope_head_dim = cases[i].dim, .qk_nope_head_dim = 128, .rope = cases[i].rope};
        float frequencies[MOST], factor = 0;
        rope_init(&config, frequencies, &factor);
        assert_close(factor, cases[i].attention_factor);
        assert_close(attention_scale(&config), cases[i].softmax_scale);
        for (int32_t k = 0; k < cases[i].dim / 2; k++)
            assert_close(frequencies[k], (double)cases[i].frequencies[k]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_reads_the_published_config),
        TEST(test_reads_every_variant),
        TEST(test_takes_deepseek_without_experts),
        TEST(test_reads_the_rotary_settings),
        TEST(test_refuses_configs),
        TEST(test_refuses_files),
        TEST(test_reads_generation_config),
        TEST(test_refuses_generation_config),
        cmocka_unit_test(test_rotary_frequencies),
    };
    return cmocka_run_group_tests(tests, NULL, free_config);
}
