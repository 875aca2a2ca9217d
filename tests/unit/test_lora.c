/* Adapters: PEFT's logits for a tiny model (tests/golden/adapters), in every way in which the same tokens can be
 * computed, and what is refused. Tolerances as in test_model_golden.c: both sides compute in fp32 and differ in
 * the order of sums, and PEFT's terms are sums of the same kind, so 5e-4 with an fp32 cache; with the 16-bit cache
 * the distributions must agree, mean KL below 1e-3. */
#include "fixture.h"

#include "libyoutu/lora.h"
#include "tests/golden/golden_model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE "../exact/default"
#define BASE_PATH "tests/golden/models/" BASE
#define CONFIG "adapter_config.json"
#define WEIGHTS "adapter_model.safetensors"
#define PATH_OF(adapter) "tests/golden/adapters/" adapter

static const char *const adapter_names[] = {"all", "some", "rslora", "patterns", "kv-b"};
enum { N_ADAPTERS = sizeof adapter_names / sizeof *adapter_names };
static const char *const instruction_sets[] = {"portable", "avx2"};

/* ---- the reference ---- */

/* The base model, an adapter, and the logits of both together. */
typedef struct golden_adapter {
    golden_model base; /* its ids and logits are those of the adapted model */
    golden_file *file;
    youtu_lora *lora;
} golden_adapter;

static bool open_adapter(const char *name, const char *instructions, golden_adapter *g) {
    char path[256];
    int64_t ids_shape[2], logits_shape[2];
    youtu_error error;
    youtu_model_options options = youtu_model_options_default();
    options.device = "cpu";
    options.instructions = instructions;
    if (!golden_model_open(BASE, &options, &g->base)) return false;
    snprintf(path, sizeof path, PATH_OF("%s"), name);
    expect_success(youtu_lora_open(g->base.model, path, &g->lora, &error), &error);
    snprintf(path, sizeof path, PATH_OF("%s/golden.safetensors"), name);
    g->file = golden_open(path);
    g->base.name = name;
    g->base.ids = golden_i32(g->file, "input_ids", ids_shape);
    g->base.expected = golden_f32(g->file, "logits", logits_shape);
    g->base.n = (size_t)ids_shape[0];
    g->base.n_expected = (size_t)logits_shape[0];
    return true;
}

static void close_adapter(golden_adapter *g) {
    youtu_lora_close(g->lora);
    golden_close(g->file);
    golden_model_close(&g->base);
}

static youtu_context *new_context(const youtu_model *model, const youtu_lora *lora, float scale,
                                  youtu_cache_type cache, int32_t n_threads) {
    youtu_context_options options = youtu_context_options_default();
    options.n_tokens = 320;
    options.n_sequences = 3;
    options.n_batch = 64;
    options.n_threads = n_threads;
    options.cache = cache;
    options.lora = lora;
    options.lora_scale = scale;
    youtu_context *context;
    youtu_error error;
    expect_success(youtu_context_new(model, &options, &context, &error), &error);
    return context;
}

static float *new_logits(const golden_adapter *g) {
    float *logits = calloc(g->base.n * g->base.vocab, sizeof *logits);
    assert_non_null(logits);
    return logits;
}

static double largest_difference(const float *a, const float *b, size_t n) {
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double difference = fabs((double)a[i] - (double)b[i]);
        if (!(difference <= worst)) worst = difference;
    }
    return worst;
}

static void assert_close(const golden_adapter *g, const float *logits, const char *what) {
    const golden_model *m = &g->base;
    double worst =
        largest_difference(logits + (m->n - m->n_expected) * m->vocab, m->expected, m->n_expected * m->vocab);
    if (!(worst <= 5e-4)) fail_msg("%s, %s: largest difference %g, tolerance 5e-4", m->name, what, worst);
}

/* Logits of all positions, in calls of `chunk` tokens, for the adapter at a scale (lora NULL: the bare model). */
static void decode(const golden_adapter *g, const youtu_lora *lora, float scale, youtu_cache_type cache,
                   int32_t n_threads, size_t chunk, float *logits) {
    youtu_context *context = new_context(g->base.model, lora, scale, cache, n_threads);
    golden_decode(context, &g->base, 0, 0, chunk, logits);
    youtu_context_free(context);
}

/* Token by token attention is absorbed, in one call expanded, and in between either. */
static void test_prefill_and_decode(void **state) {
    (void)state;
    for (size_t s = 0; s < 2; s++)
        for (size_t a = 0; a < N_ADAPTERS; a++) {
            golden_adapter g;
            if (!open_adapter(adapter_names[a], instruction_sets[s], &g)) continue;
            const size_t chunks[] = {1, 3, 7, g.base.n};
            float *logits = new_logits(&g), *bare = new_logits(&g);
            for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
                char what[64];
                snprintf(what, sizeof what, "%s, calls of %zu", instruction_sets[s], chunks[i]);
                decode(&g, g.lora, 1, YOUTU_CACHE_F32, 2, chunks[i], logits);
                assert_close(&g, logits, what);
            }
            /* The reference does not leave the adapter out either. */
            decode(&g, NULL, 1, YOUTU_CACHE_F32, 2, g.base.n, bare);
            assert_true(largest_difference(logits, bare, g.base.n * g.base.vocab) > 0.1);
            free(bare);
            free(logits);
            close_adapter(&g);
        }
}

static void test_mixed_sequences(void **state) {
    (void)state;
    for (size_t a = 0; a < N_ADAPTERS; a++) {
        golden_adapter g;
        assert_true(open_adapter(adapter_names[a], NULL, &g));
        float *logits = new_logits(&g), *other = new_logits(&g);
        youtu_context *context = new_context(g.base.model, g.lora, 1, YOUTU_CACHE_F32, 2);
        golden_decode_mixed(context, &g.base, logits, other);
        assert_close(&g, logits, "sequence 0 of 3");
        assert_close(&g, other, "sequence 2 of 3");
        youtu_context_free(context);
        context = new_context(g.base.model, g.lora, 1, YOUTU_CACHE_F32, 2);
        golden_model rest = golden_decode_forked(context, &g.base, logits, other);
        golden_adapter recomputed = {.base = rest};
        assert_close(&recomputed, logits, "after a fork");
        assert_close(&recomputed, other, "after a truncation");
        youtu_context_free(context);
        free(other);
        free(logits);
        close_adapter(&g);
    }
}

static void test_f16_cache(void **state) {
    (void)state;
    for (size_t a = 0; a < N_ADAPTERS; a++) {
        golden_adapter g;
        assert_true(open_adapter(adapter_names[a], NULL, &g));
        float *logits = new_logits(&g);
        decode(&g, g.lora, 1, YOUTU_CACHE_F16, 2, 11, logits);
        double kl = golden_divergence(&g.base, logits);
        if (!(kl < 1e-3)) fail_msg("%s: mean KL %g", g.base.name, kl);
        free(logits);
        close_adapter(&g);
    }
}

static void test_thread_counts_change_no_bit(void **state) {
    (void)state;
    golden_adapter g;
    assert_true(open_adapter("all", NULL, &g));
    float *one = new_logits(&g), *many = new_logits(&g);
    const size_t chunks[] = {1, 7, g.base.n};
    for (size_t c = 0; c < 3; c++) {
        decode(&g, g.lora, 1, YOUTU_CACHE_F16, 1, chunks[c], one);
        decode(&g, g.lora, 1, YOUTU_CACHE_F16, 5, chunks[c], many);
        assert_memory_equal(one, many, g.base.n * g.base.vocab * sizeof *one);
    }
    free(many);
    free(one);
    close_adapter(&g);
}

/* ---- more rows and a larger rank than the references have ---- */

enum { RANK = 37 };

/* An adapter of small random values in BF16 for the model `medium`: a map within the layer, kv_b, and gate. */
static void write_large_adapter(const fixture *f) {
    static const struct {
        const char *module;
        int in, out;
    } maps[] = {
        {"self_attn.q_b_proj", 192, 384}, {"self_attn.kv_b_proj", 64, 512}, {"mlp.gate_proj", 256, 768}};
    char header[2048];
    size_t used = 0, end = 0;
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        for (int b = 0; b < 2; b++) {
            size_t begin = end;
            end += 2 * RANK * (size_t)(b ? maps[i].out : maps[i].in);
            used += (size_t)snprintf(
                header + used, sizeof header - used,
                "%s\"base_model.model.model.layers.1.%s.lora_%s.weight\":{\"dtype\":\"BF16\","
                "\"shape\":[%d,%d],\"data_offsets\":[%zu,%zu]}",
                used > 0 ? "," : "{", maps[i].module, b ? "B" : "A", b ? maps[i].out : RANK,
                b ? RANK : maps[i].in, begin, end);
        }
    used += (size_t)snprintf(header + used, sizeof header - used, "}");
    assert_true(used < sizeof header);
    unsigned char *file = malloc(8 + used + end);
    assert_non_null(file);
    for (int i = 0; i < 8; i++) file[i] = (unsigned char)(used >> 8 * i & 0xFF);
    memcpy(file + 8, header, used);
    uint32_t random = 1;
    for (size_t i = 0; i < end; i += 2) {
        random = random * 1664525 + 1013904223;
        file[8 + used + i] = (unsigned char)(random >> 24);
        file[8 + used + i + 1] = 0x3D | (random >> 16 & 0x80); /* 2^-5 to 2^-3, of either sign */
    }
    fixture_write(f, WEIGHTS, file, 8 + used + end);
    free(file);
    fixture_write_text(f, CONFIG,
                       "{\"peft_type\": \"LORA\", \"r\": 37, \"lora_alpha\": 37, \"layers_to_transform\": 1, "
                       "\"target_modules\": [\"q_b_proj\", \"kv_b_proj\", \"gate_proj\"]}");
}

/* A single row's products are cut along the rank otherwise than those of many rows, and these along the rows. */
static void test_many_rows(void **state) {
    const fixture *f = *state;
    golden_adapter g = {0};
    youtu_error error;
    youtu_model_options options = youtu_model_options_default();
    options.device = "cpu";
    write_large_adapter(f);
    for (size_t s = 0; s < 2; s++) {
        options.instructions = instruction_sets[s];
        if (!golden_model_open("medium", &options, &g.base)) continue;
        expect_success(youtu_lora_open(g.base.model, f->directory, &g.lora, &error), &error);
        g.base.n = s == 0 ? 70 : 256; /* the portable kernels are slow under sanitizers */
        const size_t size = g.base.n * g.base.vocab, chunks[] = {17, g.base.n};
        float *single = new_logits(&g), *logits = new_logits(&g);
        decode(&g, g.lora, 1, YOUTU_CACHE_F32, 2, 1, single);
        for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
            youtu_context_options large = youtu_context_options_default();
            youtu_context *context;
            large.cache = YOUTU_CACHE_F32;
            large.lora = g.lora;
            expect_success(youtu_context_new(g.base.model, &large, &context, &error), &error);
            golden_decode(context, &g.base, 0, 0, chunks[i], logits);
            youtu_context_free(context);
            double worst = largest_difference(single, logits, size);
            if (!(worst <= 5e-4)) fail_msg("%s, calls of %zu: %g", instruction_sets[s], chunks[i], worst);
        }
        decode(&g, NULL, 1, YOUTU_CACHE_F32, 2, g.base.n, logits);
        assert_true(largest_difference(single, logits, size) > 0.1);
        free(logits);
        free(single);
        youtu_lora_close(g.lora);
        golden_model_close(&g.base);
    }
}

/* ---- scale, and several contexts ---- */

static void copy_file(const fixture *f, const char *from, const char *name) {
    char bytes[65536];
    FILE *file = fopen(from, "rb");
    assert_non_null(file);
    size_t length = fread(bytes, 1, sizeof bytes, file);
    assert_in_range(length, 1, sizeof bytes - 1);
    fclose(file);
    fixture_write(f, name, bytes, length);
}

/* A quarter of alpha and a scale of 4 are the whole: powers of two, so to the bit. */
static void test_scale(void **state) {
    const fixture *f = *state;
    golden_adapter g;
    youtu_lora *weak = NULL;
    youtu_error error;
    assert_true(open_adapter("kv-b", NULL, &g));
    copy_file(f, PATH_OF("kv-b/" WEIGHTS), WEIGHTS);
    fixture_write_text(f, CONFIG,
                       "{\"peft_type\": \"LORA\", \"r\": 5, \"lora_alpha\": 3.75, \"target_modules\": "
                       "[\"kv_b_proj\"]}");
    expect_success(youtu_lora_open(g.base.model, f->directory, &weak, &error), &error);
    float *whole = new_logits(&g), *scaled = new_logits(&g);
    const size_t chunks[] = {1, g.base.n};
    for (size_t c = 0; c < 2; c++) {
        decode(&g, g.lora, 1, YOUTU_CACHE_F32, 1, chunks[c], whole);
        decode(&g, weak, 4, YOUTU_CACHE_F32, 1, chunks[c], scaled);
        assert_memory_equal(whole, scaled, g.base.n * g.base.vocab * sizeof *whole);
        decode(&g, weak, 0, YOUTU_CACHE_F32, 1, chunks[c], scaled);
        decode(&g, NULL, 1, YOUTU_CACHE_F32, 1, chunks[c], whole);
        assert_true(largest_difference(whole, scaled, g.base.n * g.base.vocab) <= 0);
    }
    free(scaled);
    free(whole);
    youtu_lora_close(weak);
    close_adapter(&g);
}

/* Contexts of one model, token by token in turn: bare, and with two adapters. */
static void test_contexts_side_by_side(void **state) {
    (void)state;
    golden_adapter g, other;
    youtu_lora *loras[3] = {NULL};
    youtu_context *contexts[3];
    youtu_error error;
    assert_true(open_adapter("all", NULL, &g));
    assert_true(open_adapter("patterns", NULL, &other));
    expect_success(youtu_lora_open(g.base.model, PATH_OF("patterns"), &loras[1], &error), &error);
    float *alone[3], *together[3];
    const youtu_lora *used[3] = {NULL, loras[1], g.lora};
    for (int c = 0; c < 3; c++) {
        alone[c] = new_logits(&g), together[c] = new_logits(&g);
        decode(&g, used[c], 1, YOUTU_CACHE_F16, 1, 1, alone[c]);
        contexts[c] = new_context(g.base.model, used[c], 1, YOUTU_CACHE_F16, 1);
    }
    for (size_t i = 0; i < g.base.n; i++)
        for (int c = 0; c < 3; c++) {
            youtu_batch batch = {.token = g.base.ids + i, .count = 1};
            expect_success(youtu_decode(contexts[c], &batch, &error), &error);
            memcpy(together[c] + i * g.base.vocab, youtu_logits(contexts[c], 0),
                   g.base.vocab * sizeof(float));
        }
    for (int c = 0; c < 3; c++) {
        assert_memory_equal(alone[c], together[c], g.base.n * g.base.vocab * sizeof(float));
        youtu_context_free(contexts[c]);
        free(alone[c]);
        free(together[c]);
    }
    youtu_lora_close(loras[1]);
    close_adapter(&other);
    close_adapter(&g);
}

static void test_info(void **state) {
    (void)state;
    golden_adapter g;
    assert_true(open_adapter("patterns", NULL, &g));
    youtu_lora_info info = {.size = sizeof info};
    youtu_lora_get_info(g.lora, &info);
    assert_string_equal(info.name, "patterns");
    assert_int_equal(info.n_maps, 9);
    assert_int_equal(info.max_rank, 9);
    /* kv_a 4 (64 + 40), kv_b 9 (32 + 128), gate 4, 1, 4 times (64 + 160); BF16, lines of 64 bytes */
    assert_int_equal(info.n_parameters, 3 * 4 * 104 + 3 * 9 * 160 + 9 * 224);
    assert_in_range(info.bytes, 2 * info.n_parameters, 2 * info.n_parameters + 18 * 63);
    youtu_context_options options = youtu_context_options_default();
    uint64_t bare, adapted;
    youtu_error error;
    expect_success(youtu_context_memory(g.base.model, &options, &bare, &error), &error);
    options.lora = g.lora;
    expect_success(youtu_context_memory(g.base.model, &options, &adapted, &error), &error);
    assert_true(adapted > bare);
    close_adapter(&g);
}

/* ---- what is refused ---- */

static youtu_model *open_model(const char *path) {
    youtu_model *model = NULL;
    youtu_error error;
    youtu_model_options options = youtu_model_options_default();
    options.device = "cpu";
    expect_success(youtu_model_open(path, &options, &model, &error), &error);
    return model;
}

static void refused(const fixture *f, const youtu_model *model, youtu_status expected, const char *message) {
    youtu_lora *lora = NULL;
    youtu_error error;
    expect_failure(f, youtu_lora_open(model, f->directory, &lora, &error), &error, expected, message);
    assert_null(lora);
}

/* A config of one target with other or more fields. */
#define WITH(fields) "{\"peft_type\": \"LORA\", \"target_modules\": [\"kv_b_proj\"], " fields "}"
#define PLAIN "\"r\": 5, \"lora_alpha\": 15"

static void test_configs(void **state) {
    const fixture *f = *state;
    static const char off[] = "expected it absent, null, false, 0 or empty: plain LoRA";
    static const struct {
        const char *config;
        youtu_status status;
        const char *message;
    } cases[] = {
        {"[]", YOUTU_E_FORMAT, CONFIG ": is [], expected an object"},
        {"{}", YOUTU_E_FORMAT, CONFIG ": field \"peft_type\" is missing, expected \"LORA\""},
        {"{\"peft_type\": \"IA3\"}", YOUTU_E_UNSUPPORTED,
         CONFIG ": field \"peft_type\" is \"IA3\", expected \"LORA\""},
        {WITH("\"lora_alpha\": 1"), YOUTU_E_FORMAT, CONFIG ": field \"r\" is missing, expected an integer"},
        {WITH("\"r\": 0, \"lora_alpha\": 1"), YOUTU_E_FORMAT,
         CONFIG ": field \"r\" is 0, expected an integer from 1 to 1024"},
        {WITH("\"r\": 1000000000000, \"lora_alpha\": 1"), YOUTU_E_FORMAT,
         CONFIG ": field \"r\" is 1000000000000, expected an integer from 1 to 1024"},
        {WITH("\"r\": 5"), YOUTU_E_FORMAT, CONFIG ": field \"lora_alpha\" is missing, expected a number"},
        {WITH("\"r\": 5, \"lora_alpha\": 1e300"), YOUTU_E_FORMAT,
         CONFIG ": field \"lora_alpha\" is 1e300, expected a number from -1e+06 to 1e+06"},
        {WITH(PLAIN ", \"bias\": \"all\""), YOUTU_E_UNSUPPORTED,
         CONFIG ": field \"bias\" is \"all\", expected \"none\""},
        {WITH(PLAIN ", \"use_dora\": true"), YOUTU_E_UNSUPPORTED, CONFIG ": field \"use_dora\" is true, "},
        {WITH(PLAIN ", \"modules_to_save\": [\"lm_head\"]"), YOUTU_E_UNSUPPORTED,
         CONFIG ": field \"modules_to_save\" is [\"lm_head\"], "},
        {WITH(PLAIN ", \"of_next_year\": 1"), YOUTU_E_UNSUPPORTED, CONFIG ": field \"of_next_year\" is 1, "},
        {WITH(PLAIN ", \"init_lora_weights\": \"pissa\""), YOUTU_E_UNSUPPORTED,
         CONFIG ": field \"init_lora_weights\" is \"pissa\", expected true, false, \"gaussian\", \"eva\" or "
                "\"orthogonal\", which leave the base weights as they are"},
        {WITH(PLAIN ", \"rank_pattern\": {\"kv_b_proj\": 0}"), YOUTU_E_FORMAT,
         CONFIG ": field \"rank_pattern.kv_b_proj\" is 0, expected an integer from 1 to 1024"},
        {WITH(PLAIN ", \"alpha_pattern\": {\"kv_b_proj\": \"2\"}"), YOUTU_E_FORMAT,
         CONFIG ": field \"alpha_pattern.kv_b_proj\" is \"2\", expected a number from -1e+06 to 1e+06"},
        {WITH(PLAIN ", \"rank_pattern\": {\".*b_proj\": 2}"), YOUTU_E_UNSUPPORTED,
         CONFIG ": key \".*b_proj\", expected the name of a module, not a regular expression"},
        {WITH(PLAIN ", \"layers_to_transform\": [0, 3]"), YOUTU_E_FORMAT,
         CONFIG ": field \"layers_to_transform[1]\" is 3, expected an integer from 0 to 2"},
        {WITH(PLAIN ", \"layers_pattern\": \"h\""), YOUTU_E_UNSUPPORTED,
         CONFIG ": field \"layers_pattern\" is \"h\", expected \"layers\""},
        {"{\"peft_type\": \"LORA\", " PLAIN ", \"target_modules\": \".*proj\"}", YOUTU_E_UNSUPPORTED,
         CONFIG ": field \"target_modules\" is \".*proj\", expected a list of names of modules"},
        {"{\"peft_type\": \"LORA\", " PLAIN ", \"target_modules\": [\"o_proj\", \"v_proj\"]}",
         YOUTU_E_UNSUPPORTED,
         CONFIG ": field \"target_modules[1]\" is \"v_proj\", expected a projection of this model's layers "
                "(embed_tokens and lm_head are not adapted)"},
        {"{\"peft_type\": \"LORA\", " PLAIN ", \"target_modules\": [\"lm_head\"]}", YOUTU_E_UNSUPPORTED,
         CONFIG ": field \"target_modules[0]\" is \"lm_head\", expected a projection of this model's layers "
                "(embed_tokens and lm_head are not adapted)"},
    };
    youtu_model *model = open_model(BASE_PATH);
    copy_file(f, PATH_OF("kv-b/" WEIGHTS), WEIGHTS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[512];
        size_t length = strlen(cases[i].message);
        bool open_ended = cases[i].message[length - 1] == ' ';
        snprintf(message, sizeof message, "%s%s", cases[i].message, open_ended ? off : "");
        fixture_write_text(f, CONFIG, cases[i].config);
        refused(f, model, cases[i].status, message);
    }
    fixture_clear(f);
    refused(f, model, YOUTU_E_IO, "@/" CONFIG ": cannot be opened: No such file or directory");
    fixture_write_text(f, CONFIG, WITH(PLAIN));
    refused(f, model, YOUTU_E_IO, "@/" WEIGHTS ": cannot be opened: No such file or directory");
    youtu_model_close(model);
}

/* The adapter kv-b (F32, rank 5), its file changed: `to`, as long as `from`, in the place of every `from`. */
typedef struct file_bytes {
    char bytes[16384];
    size_t length;
} file_bytes;

static file_bytes read_weights(void) {
    file_bytes file;
    FILE *from = fopen(PATH_OF("kv-b/" WEIGHTS), "rb");
    assert_non_null(from);
    file.length = fread(file.bytes, 1, sizeof file.bytes, from);
    assert_in_range(file.length, 1, sizeof file.bytes - 1);
    fclose(from);
    return file;
}

static void replace(file_bytes *file, const char *from, const char *to) {
    size_t length = strlen(from), count = 0;
    assert_int_equal(strlen(to), length);
    for (size_t i = 0; i + length <= file->length; i++)
        if (memcmp(file->bytes + i, from, length) == 0) {
            memcpy(file->bytes + i, to, length);
            count++;
        }
    assert_true(count > 0);
}

#define MODULE(layer) "base_model.model.model.layers." #layer ".self_attn.kv_b_proj."

static void test_files(void **state) {
    const fixture *f = *state;
    youtu_model *model = open_model(BASE_PATH);
    fixture_write_text(f, CONFIG, WITH(PLAIN));

    file_bytes file = read_weights();
    fixture_write(f, WEIGHTS, file.bytes, file.length - 4);
    youtu_lora *lora = NULL;
    youtu_error error;
    assert_int_equal(youtu_lora_open(model, f->directory, &lora, &error), YOUTU_E_FORMAT);
    assert_non_null(strstr(error.message, WEIGHTS ": tensor \"" MODULE(2) "lora_B.weight\" ends at byte "));
    assert_non_null(strstr(error.message, ": truncated"));

    replace(&file, "1.self_attn.kv_b_proj.lora_B", "1.self_attn.kv_b_proj.lora_C");
    fixture_write(f, WEIGHTS, file.bytes, file.length);
    refused(f, model, YOUTU_E_FORMAT,
            WEIGHTS ": tensor \"" MODULE(1) "lora_B.weight\" is missing, expected with shape [128, 5]");

    file = read_weights();
    replace(&file, "[128,5]", "[5,128]");
    fixture_write(f, WEIGHTS, file.bytes, file.length);
    refused(f, model, YOUTU_E_FORMAT,
            WEIGHTS ": tensor \"" MODULE(0) "lora_B.weight\" has shape [5, 128], expected [128, 5]");

    file = read_weights();
    memcpy(file.bytes + file.length - 4, &(float){NAN}, 4);
    fixture_write(f, WEIGHTS, file.bytes, file.length);
    refused(f, model, YOUTU_E_FORMAT,
            WEIGHTS ": tensor \"" MODULE(
                2) "lora_B.weight\" has infinity or NaN at [127, 4], expected finite values");

    /* What the config asks for differs from what the file holds. */
    file = read_weights();
    fixture_write(f, WEIGHTS, file.bytes, file.length);
    fixture_write_text(f, CONFIG, WITH(PLAIN ", \"rank_pattern\": {\"1.self_attn.kv_b_proj\": 8}"));
    refused(f, model, YOUTU_E_FORMAT,
            WEIGHTS ": tensor \"" MODULE(1) "lora_A.weight\" has shape [5, 32], expected [8, 32]");
    fixture_write_text(f, CONFIG, WITH(PLAIN ", \"layers_to_transform\": [0, 1]"));
    refused(f, model, YOUTU_E_FORMAT,
            WEIGHTS
            ": tensor \"" MODULE(2) "lora_A.weight\" of shape [5, 32], expected none of this name in the "
                                    "adapter of this model that adapter_config.json describes");
    fixture_write_text(
        f, CONFIG, "{\"peft_type\": \"LORA\", " PLAIN ", \"target_modules\": [\"kv_b_proj\", \"o_proj\"]}");
    refused(f, model, YOUTU_E_FORMAT,
            WEIGHTS ": tensor \"base_model.model.model.layers.0.self_attn.o_proj.lora_A.weight\" is missing, "
                    "expected with shape [5, 64]");
    youtu_model_close(model);

    /* An adapter of another base. */
    model = open_model("tests/golden/models/odd-sizes");
    fixture_write_text(f, CONFIG, WITH(PLAIN));
    refused(f, model, YOUTU_E_FORMAT,
            WEIGHTS ": tensor \"" MODULE(0) "lora_A.weight\" has shape [5, 32], expected [5, 24]");
    youtu_model_close(model);
}

/* Where there is one q_proj, it has the place of q_b_proj. A whole name picks its layer itself. */
static void test_direct_queries(void **state) {
    const fixture *f = *state;
    youtu_model *model = open_model("tests/golden/models/no-q-lora");
    youtu_lora *lora = NULL;
    youtu_error error;
    fixture_write_text(f, CONFIG,
                       "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1, \"target_modules\": "
                       "[\"model.layers.1.self_attn.q_proj\"], \"layers_to_transform\": [0]}");
    fixture_write_safetensors(
        f, WEIGHTS,
        "{\"base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight\":{\"dtype\":\"BF16\",\"shape\":[2,64],"
        "\"data_offsets\":[0,256]},\"base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight\":{\"dtype\":"
        "\"BF16\",\"shape\":[96,2],\"data_offsets\":[256,640]}}",
        640);
    expect_success(youtu_lora_open(model, f->directory, &lora, &error), &error);
    assert_int_equal(lora->n_terms, 1);
    assert_int_equal(lora->terms[0].layer, 1);
    assert_int_equal(lora->terms[0].offset, offsetof(layer_weights, q_b));
    const uint16_t *b = lora->terms[0].added.b; /* transposed */
    unsigned at = (256 + (95 * 2 + 1) * 2) % 251;
    assert_int_equal(b[96 + 95], at | (at + 1) << 8);
    youtu_lora_close(lora);

    fixture_write_text(
        f, CONFIG,
        "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1, \"target_modules\": [\"q_a_proj\"]}");
    refused(f, model, YOUTU_E_UNSUPPORTED,
            CONFIG
            ": field \"target_modules[0]\" is \"q_a_proj\", expected a projection of this model's layers "
            "(embed_tokens and lm_head are not adapted)");
    youtu_model_close(model);
}

static void test_wrong_arguments(void **state) {
    (void)state;
    golden_adapter g;
    youtu_context *context = NULL;
    youtu_lora *lora = NULL;
    youtu_error error;
    assert_true(open_adapter("kv-b", NULL, &g));
    youtu_model *other = open_model(BASE_PATH);
    youtu_context_options options = youtu_context_options_default();
    assert_null(options.lora);
    options.lora = g.lora;
    expect_failure(
        NULL, youtu_context_new(other, &options, &context, &error), &error, YOUTU_E_ARGUMENT,
        "youtu_context_options.lora is adapter \"kv-b\", opened for another model than this \"default\"");
    options.lora_scale = NAN;
    assert_int_equal(youtu_context_new(g.base.model, &options, &context, &error), YOUTU_E_ARGUMENT);
    assert_non_null(strstr(error.message, "youtu_context_options.lora_scale is "));
    assert_null(context);
    assert_int_equal(youtu_lora_open(NULL, ".", &lora, &error), YOUTU_E_ARGUMENT);
    assert_int_equal(youtu_lora_open(other, NULL, &lora, &error), YOUTU_E_ARGUMENT);
    assert_null(lora);
    /* A scale beyond all floats shows in the logits. */
    options.lora_scale = 3e38F;
    expect_success(youtu_context_new(g.base.model, &options, &context, &error), &error);
    youtu_batch batch = {.token = (int32_t[]){1, 2}, .count = 2};
    assert_int_equal(youtu_decode(context, &batch, &error), YOUTU_E_NUMERIC);
    assert_non_null(
        strstr(error.message, "the weights of model \"default\" or of adapter \"kv-b\" are damaged"));
    youtu_context_free(context);
    youtu_lora_close(NULL);
    youtu_model_close(other);
    close_adapter(&g);
}

int main(void) {
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefill_and_decode),
        cmocka_unit_test(test_mixed_sequences),
        cmocka_unit_test(test_f16_cache),
        cmocka_unit_test(test_thread_counts_change_no_bit),
        IN_DIRECTORY(test_many_rows),
        IN_DIRECTORY(test_scale),
        cmocka_unit_test(test_contexts_side_by_side),
        cmocka_unit_test(test_info),
        IN_DIRECTORY(test_configs),
        IN_DIRECTORY(test_files),
        IN_DIRECTORY(test_direct_queries),
        cmocka_unit_test(test_wrong_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
