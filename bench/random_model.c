#include "random_model.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

const random_model_shape random_model_2b = {
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
};

const random_model_shape random_model_limit = {
    .vocab_size = 1 << 20,
    .hidden_size = 1 << 16,
    .intermediate_size = 1 << 18,
    .n_layers = 1 << 10,
    .n_heads = 1 << 10,
    .q_lora_rank = 1 << 16,
    .kv_lora_rank = 1 << 16,
    .qk_nope_head_dim = 1 << 12,
    .qk_rope_head_dim = 1 << 12,
    .v_head_dim = 1 << 12,
};

#define STANDARD_DEVIATION 0.02
#define BF16_ONE 0x3F80
#define TENSORS_A_LAYER 12
#define MAX_HEADER_BYTES_A_TENSOR 192

enum { VALUES_A_WRITE = 1 << 19 };

typedef struct random_tensor {
    char name[80];
    int32_t n_out;
    int32_t n_in; /* 0: a norm, [n_out] of ones */
} random_tensor;

static uint64_t count_values(const random_tensor *t) {
    return (uint64_t)t->n_out * (uint64_t)(t->n_in ? t->n_in : 1);
}

static size_t list_layer(const random_model_shape *s, int32_t layer, random_tensor *t) {
    const struct {
        const char *name;
        int32_t n_out, n_in;
    } parts[TENSORS_A_LAYER] = {
        {"input_layernorm", s->hidden_size, 0},
        {"self_attn.q_a_proj", s->q_lora_rank, s->hidden_size},
        {"self_attn.q_a_layernorm", s->q_lora_rank, 0},
        {"self_attn.q_b_proj", s->n_heads * (s->qk_nope_head_dim + s->qk_rope_head_dim), s->q_lora_rank},
        {"self_attn.kv_a_proj_with_mqa", s->kv_lora_rank + s->qk_rope_head_dim, s->hidden_size},
        {"self_attn.kv_a_layernorm", s->kv_lora_rank, 0},
        {"self_attn.kv_b_proj", s->n_heads * (s->qk_nope_head_dim + s->v_head_dim), s->kv_lora_rank},
        {"self_attn.o_proj", s->hidden_size, s->n_heads * s->v_head_dim},
        {"post_attention_layernorm", s->hidden_size, 0},
        {"mlp.gate_proj", s->intermediate_size, s->hidden_size},
        {"mlp.up_proj", s->intermediate_size, s->hidden_size},
        {"mlp.down_proj", s->hidden_size, s->intermediate_size},
    };
    for (size_t i = 0; i < TENSORS_A_LAYER; i++) {
        snprintf(t[i].name, sizeof t[i].name, "model.layers.%" PRId32 ".%s.weight", layer, parts[i].name);
        t[i].n_out = parts[i].n_out;
        t[i].n_in = parts[i].n_in;
    }
    return TENSORS_A_LAYER;
}

/* Every tensor in the order of the file; free() it. NULL when memory is refused. */
static random_tensor *list_tensors(const random_model_shape *s, size_t *count) {
    random_tensor *tensors = calloc((size_t)s->n_layers * TENSORS_A_LAYER + 2, sizeof *tensors);
    if (!tensors) return NULL;
    size_t n = 0;
    tensors[n++] = (random_tensor){"model.embed_tokens.weight", s->vocab_size, s->hidden_size};
    for (int32_t layer = 0; layer < s->n_layers; layer++) n += list_layer(s, layer, tensors + n);
    tensors[n++] = (random_tensor){"model.norm.weight", s->hidden_size, 0};
    *count = n;
    return tensors;
}

/* The header of a safetensors file, its length in the first 8 bytes; free() it. NULL when memory is refused.
 */
static char *make_header(const random_tensor *tensors, size_t count, size_t *length) {
    size_t capacity = 64 + count * MAX_HEADER_BYTES_A_TENSOR;
    char *header = malloc(capacity);
    if (!header) return NULL;
    size_t end = 8;
    uint64_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const random_tensor *t = &tensors[i];
        uint64_t bytes = 2 * count_values(t);
        char shape[32];
        snprintf(shape, sizeof shape, t->n_in ? "%" PRId32 ",%" PRId32 : "%" PRId32, t->n_out, t->n_in);
        end += (size_t)snprintf(header + end, capacity - end,
                                "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[%s],\"data_offsets\":[%" PRIu64
                                ",%" PRIu64 "]}",
                                i ? "," : "{", t->name, shape, offset, offset + bytes);
        offset += bytes;
    }
    header[end++] = '}';
    while (end % 8) header[end++] = ' '; /* aligns the weights */
    for (int i = 0; i < 8; i++) header[i] = (char)((end - 8) >> (8 * i) & 0xFF);
    *length = end;
    return header;
}

static youtu_status fail(youtu_error *error, youtu_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static youtu_status fail(youtu_error *error, youtu_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->status = status;
    return status;
}

static youtu_status write_all(int fd, const char *path, const void *data, size_t bytes, youtu_error *error) {
    const char *p = data;
    while (bytes > 0) {
        ssize_t n = write(fd, p, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(error, YOUTU_E_IO, "%s: %s", path, strerror(errno));
        p += n;
        bytes -= (size_t)n;
    }
    return YOUTU_OK;
}

/* xorshift64 (Marsaglia 2003). */
static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint16_t to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* Normal values for sums of four random bytes, which have mean 510 and variance 4 (256^2 - 1) / 12. */
enum { N_SUMS = 4 * 255 + 1 };
static void fill_normal_table(uint16_t table[N_SUMS]) {
    double scale = STANDARD_DEVIATION / sqrt(4 * (256.0 * 256.0 - 1) / 12);
    for (int sum = 0; sum < N_SUMS; sum++) table[sum] = to_bf16((float)((sum - 510) * scale));
}

static uint32_t sum_bytes(uint32_t word) {
    uint32_t pairs = (word & 0x00FF00FF) + (word >> 8 & 0x00FF00FF);
    return (pairs & 0xFFFF) + (pairs >> 16);
}

static youtu_status write_values(int fd, const char *path, const random_tensor *tensors, size_t count,
                                 uint64_t seed, youtu_error *error) {
    uint16_t *buffer = malloc(VALUES_A_WRITE * sizeof *buffer);
    if (!buffer) return fail(error, YOUTU_E_MEMORY, "out of memory: the write buffer");
    uint16_t normal[N_SUMS];
    fill_normal_table(normal);
    uint64_t state = seed * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D;
    if (state == 0) state = 1; /* xorshift stays at 0 */
    youtu_status status = YOUTU_OK;
    for (size_t t = 0; t < count && status == YOUTU_OK; t++) {
        uint64_t left = count_values(&tensors[t]);
        while (left > 0 && status == YOUTU_OK) {
            size_t n = left < VALUES_A_WRITE ? (size_t)left : VALUES_A_WRITE;
            for (size_t i = 0; i < n; i++)
                buffer[i] =
                    tensors[t].n_in ? normal[sum_bytes((uint32_t)(next_random(&state) >> 32))] : BF16_ONE;
            status = write_all(fd, path, buffer, n * sizeof *buffer, error);
            left -= n;
        }
    }
    free(buffer);
    return status;
}

static youtu_status check_room(const char *directory, uint64_t needed, youtu_error *error) {
    struct statvfs fs;
    if (statvfs(directory, &fs) != 0) return fail(error, YOUTU_E_IO, "%s: %s", directory, strerror(errno));
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (room >= needed) return YOUTU_OK;
    return fail(error, YOUTU_E_IO, "%s: the model takes %.1f MB, %.1f MB are free", directory,
                (double)needed / 1e6, (double)room / 1e6);
}

/* Creates a file that must not exist yet; *fd: close() it. */
static youtu_status create_file(const char *path, int *fd, youtu_error *error) {
    *fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (*fd < 0 && errno == EEXIST)
        return fail(error, YOUTU_E_IO, "%s: already there; a model is not written over", path);
    return *fd < 0 ? fail(error, YOUTU_E_IO, "%s: %s", path, strerror(errno)) : YOUTU_OK;
}

/* Closes and, when the file is not whole, removes it. */
static youtu_status finish_file(const char *path, int fd, youtu_status status, youtu_error *error) {
    if (close(fd) != 0 && status == YOUTU_OK)
        status = fail(error, YOUTU_E_IO, "%s: %s", path, strerror(errno));
    if (status != YOUTU_OK) unlink(path);
    return status;
}

static youtu_status write_weights(const char *directory, const random_model_shape *shape, uint64_t seed,
                                  uint64_t *n_parameters, youtu_error *error) {
    char path[4096];
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    size_t count = 0, header_length = 0;
    char *header = NULL;
    youtu_status status = YOUTU_OK;
    int fd = -1;
    uint64_t n = 0;
    random_tensor *tensors = list_tensors(shape, &count);
    if (tensors) header = make_header(tensors, count, &header_length);
    if (!header) {
        status = fail(error, YOUTU_E_MEMORY, "out of memory: the list of tensors");
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) n += count_values(&tensors[i]);
    status = check_room(directory, header_length + 2 * n, error);
    if (status != YOUTU_OK) goto cleanup;
    status = create_file(path, &fd, error);
    if (status != YOUTU_OK) goto cleanup;
    status = write_all(fd, path, header, header_length, error);
    if (status == YOUTU_OK) status = write_values(fd, path, tensors, count, seed, error);
    status = finish_file(path, fd, status, error);
    if (status == YOUTU_OK) *n_parameters = n;
cleanup:
    free(header);
    free(tensors);
    return status;
}

static youtu_status write_config(const char *directory, const random_model_shape *s, youtu_error *error) {
    char path[4096], text[2048];
    snprintf(path, sizeof path, "%s/config.json", directory);
    int length =
        snprintf(text, sizeof text,
                 "{\n"
                 "  \"architectures\": [\"YoutuForCausalLM\"],\n"
                 "  \"model_type\": \"youtu\",\n"
                 "  \"vocab_size\": %" PRId32 ",\n"
                 "  \"hidden_size\": %" PRId32 ",\n"
                 "  \"intermediate_size\": %" PRId32 ",\n"
                 "  \"num_hidden_layers\": %" PRId32 ",\n"
                 "  \"num_attention_heads\": %" PRId32 ",\n"
                 "  \"num_key_value_heads\": %" PRId32 ",\n"
                 "  \"q_lora_rank\": %" PRId32 ",\n"
                 "  \"kv_lora_rank\": %" PRId32 ",\n"
                 "  \"qk_nope_head_dim\": %" PRId32 ",\n"
                 "  \"qk_rope_head_dim\": %" PRId32 ",\n"
                 "  \"v_head_dim\": %" PRId32 ",\n"
                 "  \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 1600000},\n"
                 "  \"rope_interleave\": true,\n"
                 "  \"rms_norm_eps\": 1e-06,\n"
                 "  \"hidden_act\": \"silu\",\n"
                 "  \"attention_bias\": false,\n"
                 "  \"tie_word_embeddings\": true,\n"
                 "  \"max_position_embeddings\": 131072,\n"
                 "  \"bos_token_id\": 0,\n"
                 "  \"eos_token_id\": 1,\n"
                 "  \"dtype\": \"bfloat16\"\n"
                 "}\n",
                 s->vocab_size, s->hidden_size, s->intermediate_size, s->n_layers, s->n_heads, s->n_heads,
                 s->q_lora_rank, s->kv_lora_rank, s->qk_nope_head_dim, s->qk_rope_head_dim, s->v_head_dim);
    int fd;
    youtu_status status = create_file(path, &fd, error);
    if (status != YOUTU_OK) return status;
    return finish_file(path, fd, write_all(fd, path, text, (size_t)length, error), error);
}

youtu_status random_model_write(const char *directory, const random_model_shape *shape, uint64_t seed,
                                uint64_t *n_parameters, youtu_error *error) {
    if (strlen(directory) > 4000)
        return fail(error, YOUTU_E_IO, "%.100s...: the path is too long", directory);
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return fail(error, YOUTU_E_IO, "%s: %s", directory, strerror(errno));
    youtu_status status = write_config(directory, shape, error);
    if (status != YOUTU_OK) return status;
    status = write_weights(directory, shape, seed, n_parameters, error);
    if (status == YOUTU_OK) return YOUTU_OK;
    char path[4096];
    snprintf(path, sizeof path, "%s/config.json", directory);
    unlink(path);
    return status;
}
