/* youtu-bench: prefill and decode speed of a model, beside what the machine can do; or, with --make-model, a
 * random model to measure. */
#include "kernel_table.h"
#include "machine_peak.h"
#include "measure.h"
#include "random_model.h"
#include "youtu.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_DONE = 0, EXIT_USAGE = 1, EXIT_MODEL = 3, EXIT_MEMORY = 4, EXIT_INTERNAL = 5 };

enum { MAX_LIST = 16, MAX_LENGTH = 1 << 20, MAX_THREADS = 1024 };

static const char usage[] =
    "youtu-bench MODEL [options]           measures a model directory\n"
    "  -p, --prefill LIST      tokens in a prompt, 0 = none (default 128,512)\n"
    "  -n, --decode N          tokens decoded one by one, 0 = none (default 32)\n"
    "  -d, --depth LIST        tokens in the cache before either (default 0)\n"
    "  -t, --threads LIST      default: one a core\n"
    "  -r, --repetitions N     default 5; median, slowest and fastest are shown\n"
    "  -b, --batch N           prompt rows computed at once (default: the library's)\n"
    "      --cache f16|f32     default f16\n"
    "      --device DEVICE     cpu (default), cuda or cuda:N; a GPU's kernels are timed one by one as well\n"
    "      --instructions SET  portable or avx2; default: the best of this CPU\n"
    "      --lora DIR          with an adapter (scripts/random_adapter.py writes one)\n"
    "      --json              one JSON object instead of the table\n"
    "youtu-bench --make-model DIR [options]  writes a random model, BF16, of Youtu-LLM-2B's shape unless told otherwise\n"
    "      --layers N --hidden N --intermediate N --heads N --vocab N --q-lora-rank N --kv-lora-rank N\n"
    "      --qk-nope-head-dim N --qk-rope-head-dim N --v-head-dim N --seed N\n"
    "LIST is numbers separated by commas. Exit status: 0 done, 1 usage, 3 the model could not be loaded or written,\n"
    "4 out of memory or device error, 5 internal.\n";

typedef struct number_list {
    int32_t values[MAX_LIST];
    size_t count;
} number_list;

typedef struct bench_options {
    const char *model;
    number_list prefill, depth, threads;
    int32_t decode, repetitions, batch;
    youtu_cache_type cache;
    const char *device, *instructions;
    const char *lora; /* an adapter's directory, or NULL */
    bool json;
} bench_options;

typedef struct results {
    measurement *rows;
    size_t n_rows;
    machine_peak peaks[MAX_LIST]; /* one a thread count */
    uint64_t context_bytes;       /* the largest context, as youtu_context_memory says */
    uint64_t anonymous_bytes;     /* resident beside the mapped weights, at most */
} results;

/* ---- options ---- */

/* Digits only: no sign, space or unit. */
static bool parse_number(const char *text, size_t length, uint64_t limit, uint64_t *value) {
    uint64_t v = 0;
    if (length == 0) return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (v > (limit - digit) / 10) return false;
        v = 10 * v + digit;
    }
    *value = v;
    return true;
}

static bool parse_count(const char *option, const char *text, int32_t lowest, int32_t highest,
                        int32_t *value) {
    uint64_t v;
    if (parse_number(text, strlen(text), (uint64_t)highest, &v) && v >= (uint64_t)lowest) {
        *value = (int32_t)v;
        return true;
    }
    fprintf(stderr, "youtu-bench: %s \"%s\": expected a number from %d to %d\n", option, text, (int)lowest,
            (int)highest);
    return false;
}

static bool parse_list(const char *option, const char *text, int32_t lowest, int32_t highest,
                       number_list *list) {
    list->count = 0;
    for (const char *part = text;; part++) {
        size_t length = strcspn(part, ",");
        uint64_t v;
        if (list->count == MAX_LIST || !parse_number(part, length, (uint64_t)highest, &v) ||
            v < (uint64_t)lowest) {
            fprintf(
                stderr,
                "youtu-bench: %s \"%s\": expected at most %d numbers from %d to %d, separated by commas\n",
                option, text, MAX_LIST, (int)lowest, (int)highest);
            return false;
        }
        list->values[list->count++] = (int32_t)v;
        part += length;
        if (*part == '\0') return true;
    }
}

static bool parse_cache(const char *text, youtu_cache_type *cache) {
    bool f32 = strcmp(text, "f32") == 0;
    *cache = f32 ? YOUTU_CACHE_F32 : YOUTU_CACHE_F16;
    if (f32 || strcmp(text, "f16") == 0) return true;
    fprintf(stderr, "youtu-bench: --cache \"%s\": expected f16 or f32\n", text);
    return false;
}

enum { OPTION_CACHE = 256, OPTION_DEVICE, OPTION_INSTRUCTIONS, OPTION_LORA, OPTION_JSON };

static bool parse_bench_option(int option, const char *value, bench_options *o) {
    switch (option) {
    case 'p': return parse_list("--prefill", value, 0, MAX_LENGTH, &o->prefill);
    case 'n': return parse_count("--decode", value, 0, MAX_LENGTH, &o->decode);
    case 'd': return parse_list("--depth", value, 0, MAX_LENGTH, &o->depth);
    case 't': return parse_list("--threads", value, 1, MAX_THREADS, &o->threads);
    case 'r': return parse_count("--repetitions", value, 1, MEASURE_MAX_REPETITIONS, &o->repetitions);
    case 'b': return parse_count("--batch", value, 1, MAX_LENGTH, &o->batch);
    case OPTION_CACHE: return parse_cache(value, &o->cache);
    case OPTION_DEVICE: o->device = value; return true;
    case OPTION_INSTRUCTIONS: o->instructions = value; return true;
    case OPTION_LORA: o->lora = value; return true;
    case OPTION_JSON: o->json = true; return true;
    }
    return false; /* getopt has said why */
}

static bool parse_bench_options(int argc, char **argv, bench_options *o) {
    static const struct option names[] = {
        {"prefill", required_argument, NULL, 'p'},
        {"decode", required_argument, NULL, 'n'},
        {"depth", required_argument, NULL, 'd'},
        {"threads", required_argument, NULL, 't'},
        {"repetitions", required_argument, NULL, 'r'},
        {"batch", required_argument, NULL, 'b'},
        {"cache", required_argument, NULL, OPTION_CACHE},
        {"device", required_argument, NULL, OPTION_DEVICE},
        {"instructions", required_argument, NULL, OPTION_INSTRUCTIONS},
        {"lora", required_argument, NULL, OPTION_LORA},
        {"json", no_argument, NULL, OPTION_JSON},
        {0},
    };
    *o = (bench_options){
        .prefill = {{128, 512}, 2},
        .depth = {{0}, 1},
        .threads = {{omp_get_num_procs()}, 1},
        .decode = 32,
        .repetitions = 5,
        .batch = youtu_context_options_default().n_batch,
        .cache = YOUTU_CACHE_F16,
        .device = "cpu",
    };
    int option;
    while ((option = getopt_long(argc, argv, "p:n:d:t:r:b:", names, NULL)) != -1)
        if (!parse_bench_option(option, optarg, o)) return false;
    if (argc - optind != 1) {
        fprintf(stderr, "youtu-bench: expected one model directory, found %d\n", argc - optind);
        return false;
    }
    o->model = argv[optind];
    return true;
}

/* ---- measuring ---- */

static int32_t largest(const number_list *list) {
    int32_t most = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->values[i] > most) most = list->values[i];
    return most;
}

static void print_row(const measurement *m, const machine_peak *peak) {
    printf("%7" PRId32 " %7" PRId32 " %8s %6" PRId32 " %10.2f %9.2f %9.2f", m->n_threads, m->depth, m->test,
           m->n_tokens, m->tokens_per_s, m->slowest, m->fastest);
    if (m->bytes_per_s > 0)
        printf(" %8.2f %4.0f%%", m->bytes_per_s / 1e9, 100 * m->bytes_per_s / peak->read_per_s);
    else
        printf(" %8s %5s", "", "");
    printf(" %9.1f %4.0f%%\n", m->flops_per_s / 1e9, 100 * m->flops_per_s / peak->flops_per_s);
    fflush(stdout);
}

/* Everything at one depth, which sequence 0 has already. */
static youtu_status measure_depth(youtu_context *context, const youtu_model_info *info,
                                  const bench_options *o, int32_t n_threads, const machine_peak *peak,
                                  results *r, youtu_error *error) {
    size_t n_tests = o->prefill.count + 1; /* decode is the last */
    for (size_t i = 0; i < n_tests; i++) {
        bool prefill = i < o->prefill.count;
        int32_t n_tokens = prefill ? o->prefill.values[i] : o->decode;
        if (n_tokens == 0) continue;
        measurement *m = &r->rows[r->n_rows];
        m->n_threads = n_threads;
        youtu_status status =
            prefill ? measure_prefill(context, info, n_tokens, o->repetitions, m, error)
                    : measure_decode(context, info, o->cache, n_tokens, o->repetitions, m, error);
        if (status != YOUTU_OK) return status;
        r->n_rows++;
        if (!o->json) print_row(m, peak);
        uint64_t resident = measure_anonymous_memory();
        if (resident > r->anonymous_bytes) r->anonymous_bytes = resident;
    }
    return YOUTU_OK;
}

/* Where the device times its kernels: those of one decoded token and of the longest prompt. */
static youtu_status print_kernels(youtu_context *context, const youtu_model_info *info,
                                  const bench_options *o, youtu_error *error) {
    youtu_status status = YOUTU_OK;
    if (o->decode > 0) status = kernel_table_print(context, info, 1, o->repetitions, error);
    if (status == YOUTU_OK && largest(&o->prefill) > 0)
        status = kernel_table_print(context, info, largest(&o->prefill), o->repetitions, error);
    return status;
}

static youtu_status measure_threads(const youtu_model *model, const youtu_lora *lora,
                                    const youtu_model_info *info, const bench_options *o, int32_t n_threads,
                                    const machine_peak *peak, results *r, youtu_error *error) {
    youtu_context_options options = youtu_context_options_default();
    int32_t longest = largest(&o->prefill) > o->decode ? largest(&o->prefill) : o->decode;
    options.n_tokens = largest(&o->depth) + (longest > 0 ? longest : 1);
    options.n_batch = o->batch;
    options.n_threads = n_threads;
    options.cache = o->cache;
    options.lora = lora;
    youtu_context *context = NULL;
    uint64_t bytes = 0;
    youtu_status status = youtu_context_memory(model, &options, &bytes, error);
    if (status != YOUTU_OK) return status;
    if (bytes > r->context_bytes) r->context_bytes = bytes;
    status = youtu_context_new(model, &options, &context, error);
    if (status != YOUTU_OK) return status;
    status = measure_warm_up(context, info, error);
    for (size_t i = 0; i < o->depth.count && status == YOUTU_OK; i++) {
        status = measure_set_depth(context, info, o->depth.values[i], error);
        if (status == YOUTU_OK) status = measure_depth(context, info, o, n_threads, peak, r, error);
        if (status == YOUTU_OK && info->device_details && !o->json)
            status = print_kernels(context, info, o, error);
    }
    youtu_context_free(context);
    return status;
}

static youtu_status measure_all(const youtu_model *model, const youtu_lora *lora,
                                const youtu_model_info *info, const bench_options *o, results *r,
                                youtu_error *error) {
    for (size_t i = 0; i < o->threads.count; i++) {
        int32_t n_threads = o->threads.values[i];
        machine_peak *peak = &r->peaks[i];
        bool known = info->device_details != NULL; /* a device's data sheet; the CPU is measured */
        if (known) *peak = (machine_peak){"data sheet", info->device_bandwidth, info->device_flops};
        if (!known && !machine_peak_measure(n_threads, peak)) {
            error->status = YOUTU_E_MEMORY;
            snprintf(error->message, sizeof error->message,
                     "out of memory: the buffer of the bandwidth probe");
            return YOUTU_E_MEMORY;
        }
        if (!o->json && known)
            printf("\n%s\nby its data sheet the device reads %.1f GB/s and computes %.1f TFLOP/s\n",
                   info->device_details, peak->read_per_s / 1e9, peak->flops_per_s / 1e12);
        if (!o->json && !known)
            printf("\n%" PRId32 " threads: the machine reads %.1f GB/s and computes %.1f GFLOP/s (%s)\n",
                   n_threads, peak->read_per_s / 1e9, peak->flops_per_s / 1e9, peak->instructions);
        if (!o->json)
            printf(
                "threads   depth     test tokens   tokens/s   slowest   fastest     GB/s  peak   GFLOP/s  peak\n");
        youtu_status status = measure_threads(model, lora, info, o, n_threads, peak, r, error);
        if (status != YOUTU_OK) return status;
    }
    return YOUTU_OK;
}

/* ---- results ---- */

static void print_json_string(const char *text) {
    putchar('"');
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            printf("\\u%04x", (unsigned)*c);
        else
            putchar(*c);
    }
    putchar('"');
}

static void print_json(const youtu_model_info *info, const bench_options *o, const results *r) {
    printf("{\n  \"version\": \"%s\",\n  \"model\": {\"name\": ", youtu_version());
    print_json_string(info->name);
    printf(", \"dtype\": \"%s\", \"device\": \"%s\", \"parameters\": %" PRIu64 ", \"weight_bytes\": %" PRIu64
           "},\n",
           info->dtype, info->device, info->n_parameters, info->weight_bytes);
    printf("  \"cache\": \"%s\", \"batch\": %" PRId32 ", \"repetitions\": %" PRId32 ",\n",
           o->cache == YOUTU_CACHE_F32 ? "f32" : "f16", o->batch, o->repetitions);
    printf("  \"memory\": {\"context_bytes\": %" PRIu64 ", \"anonymous_bytes\": %" PRIu64 "},\n",
           r->context_bytes, r->anonymous_bytes);
    printf("  \"peaks\": [");
    for (size_t i = 0; i < o->threads.count; i++)
        printf("%s\n    {\"threads\": %" PRId32 ", \"instructions\": \"%s\", \"read_gb_per_s\": %.3f, "
               "\"fma_gflop_per_s\": %.3f}",
               i ? "," : "", o->threads.values[i], r->peaks[i].instructions, r->peaks[i].read_per_s / 1e9,
               r->peaks[i].flops_per_s / 1e9);
    printf("\n  ],\n  \"runs\": [");
    for (size_t i = 0; i < r->n_rows; i++) {
        const measurement *m = &r->rows[i];
        printf("%s\n    {\"test\": \"%s\", \"threads\": %" PRId32 ", \"depth\": %" PRId32
               ", \"tokens\": %" PRId32 ", "
               "\"tokens_per_s\": %.4f, \"slowest\": %.4f, \"fastest\": %.4f, \"gb_per_s\": ",
               i ? "," : "", m->test, m->n_threads, m->depth, m->n_tokens, m->tokens_per_s, m->slowest,
               m->fastest);
        m->bytes_per_s > 0 ? printf("%.4f", m->bytes_per_s / 1e9) : printf("null");
        printf(", \"gflop_per_s\": %.4f}", m->flops_per_s / 1e9);
    }
    printf("\n  ]\n}\n");
}

static int complain(youtu_status status, const youtu_error *error, int otherwise) {
    fprintf(stderr, "youtu-bench: %s\n", error->message);
    return status == YOUTU_E_MEMORY || status == YOUTU_E_DEVICE ? EXIT_MEMORY : otherwise;
}

/* An adapter is read and multiplied with every token too. */
static youtu_status open_adapter(const youtu_model *model, const char *directory, youtu_model_info *info,
                                 youtu_lora **lora, youtu_error *error) {
    youtu_lora_info about = {.size = sizeof about};
    youtu_status status = youtu_lora_open(model, directory, lora, error);
    if (status != YOUTU_OK) return status;
    youtu_lora_get_info(*lora, &about);
    info->bytes_per_token += about.bytes;
    info->flops_per_token += 2 * about.n_parameters;
    return YOUTU_OK;
}

static int run_bench(int argc, char **argv) {
    bench_options o;
    if (!parse_bench_options(argc, argv, &o)) return EXIT_USAGE;
    youtu_error error = {0};
    youtu_model *model = NULL;
    youtu_model_options options = youtu_model_options_default();
    options.device = o.device;
    options.instructions = o.instructions;
    options.lora = o.lora != NULL;
    youtu_status status = youtu_model_open(o.model, &options, &model, &error);
    if (status != YOUTU_OK) return complain(status, &error, EXIT_MODEL);

    int exit_status = EXIT_DONE;
    youtu_lora *lora = NULL;
    youtu_model_info info = {.size = sizeof info};
    youtu_model_get_info(model, &info);
    if (o.lora && open_adapter(model, o.lora, &info, &lora, &error) != YOUTU_OK) {
        exit_status = complain(error.status, &error, EXIT_MODEL);
        youtu_model_close(model);
        return exit_status;
    }
    results r = {.rows = calloc(o.threads.count * o.depth.count * (o.prefill.count + 1), sizeof *r.rows)};
    if (!r.rows) {
        fprintf(stderr, "youtu-bench: out of memory: the list of results\n");
        exit_status = EXIT_MEMORY;
        goto cleanup;
    }
    if (!o.json)
        printf("%s: %" PRIu64 " parameters, %s, %.2f GB; %s\n", info.name, info.n_parameters, info.dtype,
               (double)info.weight_bytes / 1e9, info.device);
    status = measure_all(model, lora, &info, &o, &r, &error);
    if (status != YOUTU_OK) {
        exit_status = complain(status, &error, EXIT_INTERNAL);
        goto cleanup;
    }
    if (o.json)
        print_json(&info, &o, &r);
    else
        printf(
            "\nmemory beside the mapped weights: %.1f MB resident at most (the context may take %.1f MB)\n",
            (double)r.anonymous_bytes / 1e6, (double)r.context_bytes / 1e6);
cleanup:
    free(r.rows);
    youtu_lora_close(lora);
    youtu_model_close(model);
    return exit_status;
}

/* ---- --make-model ---- */

typedef struct make_options {
    const char *directory;
    random_model_shape shape;
    uint64_t seed;
} make_options;

static bool parse_seed(const char *text, uint64_t *seed) {
    if (parse_number(text, strlen(text), UINT64_MAX, seed)) return true;
    fprintf(stderr, "youtu-bench: --seed \"%s\": expected a number from 0 to %" PRIu64 "\n", text,
            UINT64_MAX);
    return false;
}

static bool parse_make_options(int argc, char **argv, make_options *o) {
    *o = (make_options){.shape = random_model_2b, .seed = 1};
    const random_model_shape *limit = &random_model_limit;
    const struct {
        const char *name;
        int32_t *value;
        int32_t highest;
    } fields[] = {
        {"layers", &o->shape.n_layers, limit->n_layers},
        {"hidden", &o->shape.hidden_size, limit->hidden_size},
        {"intermediate", &o->shape.intermediate_size, limit->intermediate_size},
        {"heads", &o->shape.n_heads, limit->n_heads},
        {"vocab", &o->shape.vocab_size, limit->vocab_size},
        {"q-lora-rank", &o->shape.q_lora_rank, limit->q_lora_rank},
        {"kv-lora-rank", &o->shape.kv_lora_rank, limit->kv_lora_rank},
        {"qk-nope-head-dim", &o->shape.qk_nope_head_dim, limit->qk_nope_head_dim},
        {"qk-rope-head-dim", &o->shape.qk_rope_head_dim, limit->qk_rope_head_dim},
        {"v-head-dim", &o->shape.v_head_dim, limit->v_head_dim},
    };
    enum { N_FIELDS = sizeof fields / sizeof *fields, OPTION_DIRECTORY = N_FIELDS, OPTION_SEED };
    struct option names[N_FIELDS + 3] = {0};
    for (int i = 0; i < N_FIELDS; i++) names[i] = (struct option){fields[i].name, required_argument, NULL, i};
    names[N_FIELDS] = (struct option){"make-model", required_argument, NULL, OPTION_DIRECTORY};
    names[N_FIELDS + 1] = (struct option){"seed", required_argument, NULL, OPTION_SEED};

    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        bool good = option != '?'; /* else getopt has said why */
        if (option == OPTION_DIRECTORY)
            o->directory = optarg;
        else if (option == OPTION_SEED)
            good = parse_seed(optarg, &o->seed);
        else if (option < N_FIELDS)
            good = parse_count(fields[option].name, optarg, 1, fields[option].highest, fields[option].value);
        if (!good) return false;
    }
    if (optind != argc) {
        fprintf(stderr, "youtu-bench: \"%s\": expected options only\n", argv[optind]);
        return false;
    }
    if (o->shape.qk_rope_head_dim % 2 != 0) {
        fprintf(stderr, "youtu-bench: qk-rope-head-dim \"%" PRId32 "\": expected an even number\n",
                o->shape.qk_rope_head_dim);
        return false;
    }
    return true;
}

static int make_model(int argc, char **argv) {
    make_options o;
    if (!parse_make_options(argc, argv, &o)) return EXIT_USAGE;
    uint64_t n_parameters = 0;
    youtu_error error = {0};
    youtu_status status = random_model_write(o.directory, &o.shape, o.seed, &n_parameters, &error);
    if (status != YOUTU_OK) return complain(status, &error, EXIT_MODEL);
    printf("%s: %" PRIu64 " parameters\n", o.directory, n_parameters);
    return EXIT_DONE;
}

static bool has_option(int argc, char **argv, const char *option) {
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], option, strlen(option)) == 0) return true;
    return false;
}

int main(int argc, char **argv) {
    if (argc == 1) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    int exit_status = EXIT_DONE;
    if (strcmp(argv[1], "--help") == 0)
        fputs(usage, stdout);
    else if (strcmp(argv[1], "--version") == 0)
        printf("youtu-bench %s\n", youtu_version());
    else
        exit_status = has_option(argc, argv, "--make-model") ? make_model(argc, argv) : run_bench(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "youtu-bench: standard output: %s\n", strerror(errno));
        return EXIT_INTERNAL;
    }
    return exit_status;
}
