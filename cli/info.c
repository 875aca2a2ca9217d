/* What the program would run with. */
#include "cli/clinic/clinic.h"
#include "cli/clinic/embedded.h"
#include "cli/commands.h"
#include "cli/engine.h"
#include "cli/output.h"

static double mib(uint64_t bytes) {
    return (double)bytes / (1024.0 * 1024.0);
}

static void describe_rules(const struct clinic *clinic, struct buffer *out) {
    const struct kb *kb = &clinic->kb;
    buffer_format(out, "知识库    %s,版本 %s:%zu 种疾病,%zu 种症状,%zu 个科室\n", kb->source, kb->version,
                  kb->n_diseases, kb->symptoms.n_terms, kb->departments.count);
    buffer_format(out, "警示规则  %zu 条%s%s\n", clinic->redflags.n_rules,
                  clinic->rules ? ",自己的规则在 " : "", clinic->rules ? clinic->rules : "");
    buffer_put(out, "科室模板 ");
    for (size_t i = 0; i < N_EMBEDDED_TEMPLATES; i++) buffer_format(out, " %s", EMBEDDED_TEMPLATES[i].name);
    buffer_put(out, "\n");
}

static void describe_adapter(const struct engine *engine, const struct options *options, struct buffer *out) {
    youtu_lora_info lora = {.size = sizeof lora};
    if (!engine->lora) return;
    youtu_lora_get_info(engine->lora, &lora);
    buffer_format(out, "适配器    %s(%.*s),强度 %g:%d 处,秩最大 %d,%.1f 百万参数,%.1f MiB\n", lora.name,
                  (int)options->lora.length, options->lora.data, options->lora_scale, lora.n_maps,
                  lora.max_rank, (double)lora.n_parameters / 1e6, mib(lora.bytes));
}

static bool describe_model(const struct engine *engine, const struct options *options, const char *directory,
                           struct buffer *out, struct failure *failure) {
    const youtu_model_info *info = &engine->info;
    const youtu_context_options context = engine_context_options(engine, options, AUTOMATIC_CTX);
    uint64_t context_bytes;
    youtu_error error;
    if (youtu_context_memory(engine->model, &context, &context_bytes, &error) != YOUTU_OK)
        return engine_fail(failure, "上下文", &error);
    buffer_format(out, "模型      %s(%s)\n", info->name, directory);
    if (info->notice) buffer_format(out, "提示      %s\n", info->notice);
    buffer_format(out, "结构      %d 层,宽 %d,%d 头,词表 %d,最长 %d 个词元\n", info->n_layers,
                  info->hidden_size, info->n_heads, info->vocab_size, info->max_positions);
    buffer_format(out, "权重      %.1f 百万参数,文件中 %.1f MiB\n", (double)info->n_parameters / 1e6,
                  mib(info->weight_bytes));
    describe_adapter(engine, options, out);
    buffer_format(out, "设备      %s,权重为 %s\n", info->device, info->dtype);
    if (info->device_note) buffer_format(out, "          未使用 GPU:%s\n", info->device_note);
    buffer_format(out, "上下文    %d 个词元,%.1f MiB(每词元每层缓存 %d 个值)\n", context.n_tokens,
                  mib(context_bytes), info->latent_size);
    return true;
}

static bool describe(const struct options *options, struct clinic *clinic, struct engine *engine,
                     struct progress *progress, struct buffer *out, struct failure *failure) {
    if (!clinic_open(clinic, options->kb, options->rules, failure)) return false;
    buffer_format(out, "版本      youtu-diagnose %s\n", youtu_version());
    describe_rules(clinic, out);
    const char *directory = engine_find_model(options->model, &clinic->arena, failure);
    return directory && engine_open(engine, options, directory, progress, failure) &&
           describe_model(engine, options, directory, out, failure);
}

/* What could be told is told, whatever failed behind it. */
bool command_info(const struct options *options, struct failure *failure) {
    struct clinic clinic = {0};
    struct engine engine = {0};
    struct progress progress = progress_new(options->quiet);
    struct buffer text = {0};
    struct output output;
    struct failure unwritten;
    output_open(&output, NULL);
    bool described = describe(options, &clinic, &engine, &progress, &text, failure);
    bool written =
        text.failed ? fail_memory(&unwritten) : output_write(&output, buffer_span(&text), &unwritten);
    if (described && !written) *failure = unwritten;
    output_free(&output);
    buffer_free(&text);
    engine_close(&engine);
    clinic_close(&clinic);
    return described && written;
}
