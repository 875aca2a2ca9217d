#include "cli/options.h"

#include "cli/clinic/columns.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

enum option_kind {
    OPTION_TEXT,
    OPTION_FLAG,
    OPTION_INT,
    OPTION_SEED,
    OPTION_REAL,
    OPTION_AGE,
    OPTION_SEX,
    OPTION_FORMAT,
    OPTION_DTYPE,
    OPTION_LORA,
    OPTION_HELP,
    OPTION_VERSION
};

/* The commands that an option concerns. */
enum {
    FOR_DIAGNOSE = 1 << COMMAND_DIAGNOSE,
    FOR_CHAT = 1 << COMMAND_CHAT,
    FOR_BATCH = 1 << COMMAND_BATCH,
    FOR_INFO = 1 << COMMAND_INFO,
    FOR_REQUEST = 1 << 30 /* a request may set it for itself */
};
enum {
    FOR_REPORT = FOR_DIAGNOSE | FOR_BATCH,
    FOR_MODEL = FOR_REPORT | FOR_CHAT,
    FOR_EACH = FOR_MODEL | FOR_REQUEST,
    FOR_ALL = FOR_MODEL | FOR_INFO
};

#define DTYPE_NAMES "auto|bf16|fp16"
#define MAX_LORA_SCALE 100

#define FIELD(name) offsetof(struct options, name)

static const struct option_entry {
    const char *name;
    enum option_kind kind;
    int commands;
    size_t field;
    double least, most; /* of a number */
    const char *value;  /* how the help text shows the value; NULL without one */
    const char *help;
} OPTIONS[] = {
    {"model", OPTION_TEXT, FOR_ALL, FIELD(model), 0, 0, "DIR",
     "模型目录(默认:环境变量 YOUTU_MODEL,再找 models/youtu-demo)"},
    {"device", OPTION_TEXT, FOR_ALL, FIELD(device), 0, 0, "auto|cpu|cuda[:N]", "运行设备(默认 auto)"},
    {"dtype", OPTION_DTYPE, FOR_ALL, FIELD(weights), 0, 0, DTYPE_NAMES,
     "权重类型(默认 auto:CPU 按模型文件,GPU 用 fp16)"},
    {"lora", OPTION_LORA, FOR_ALL, 0, 0, 0, "DIR[:SCALE]",
     "LoRA 适配器(PEFT 目录)及其强度(默认 1);在 CPU 上运行"},
    {"threads", OPTION_INT, FOR_ALL, FIELD(threads), 1, 1024, "N",
     "线程数(默认:可用的每个核一个,小模型一个)"},
    {"ctx", OPTION_INT, FOR_ALL, FIELD(ctx), 16, 1 << 20, "N", "上下文的词元数(默认:按需要,最多 8192)"},
    {"department", OPTION_TEXT, FOR_EACH, FIELD(department), 0, 0, "NAME", "科室(默认:按患者的情况建议一个)"},
    {"age", OPTION_AGE, FOR_EACH, FIELD(patient), 0, 0, "N[岁|月|周|天]", "患者年龄"},
    {"sex", OPTION_SEX, FOR_EACH, FIELD(patient), 0, 0, "男|女", "患者性别"},
    {"format", OPTION_FORMAT, FOR_REPORT | FOR_REQUEST, FIELD(format), 0, 0, FORMAT_NAMES,
     "输出格式(默认 text,batch 默认 json)"},
    {"output", OPTION_TEXT, FOR_REPORT, FIELD(output), 0, 0, "FILE",
     "写入文件,写完整才替换原文件(batch 逐行追加)"},
    {"temperature", OPTION_REAL, FOR_EACH, FIELD(temperature), 0, 10, "X", "采样温度,0 为贪心(默认 0.7)"},
    {"top-p", OPTION_REAL, FOR_EACH, FIELD(top_p), 0.000001, 1, "X", "核采样(默认 0.9)"},
    {"top-k", OPTION_INT, FOR_EACH, FIELD(top_k), 0, 1 << 20, "N", "只取概率最高的 N 个(默认 0,不限)"},
    {"min-p", OPTION_REAL, FOR_EACH, FIELD(min_p), 0, 1, "X", "相对最高概率的下限(默认 0,不限)"},
    {"repetition-penalty", OPTION_REAL, FOR_EACH, FIELD(repetition_penalty), 0.1, 10, "X",
     "重复惩罚(默认:模型的设定,没有则 1.2)"},
    {"max-tokens", OPTION_INT, FOR_EACH, FIELD(max_tokens), 1, 1 << 20, "N", "回答的最多词元数(默认 512)"},
    {"seed", OPTION_SEED, FOR_EACH, FIELD(seed), 0, 0, "N", "随机种子,使结果可重复(默认随机)"},
    {"greedy", OPTION_FLAG, FOR_EACH, FIELD(greedy), 0, 0, NULL, "总取概率最高的词元"},
    {"think", OPTION_FLAG, FOR_EACH, FIELD(think), 0, 0, NULL, "让模型先思考再回答"},
    {"kb", OPTION_TEXT, FOR_ALL, FIELD(kb), 0, 0, "FILE", "用自己的知识库代替内置的"},
    {"rules", OPTION_TEXT, FOR_ALL, FIELD(rules), 0, 0, "DIR",
     "自己的规则(lexicon、scope、redflags、departments.json)的目录,代替内置的同名文件"},
    {"templates", OPTION_TEXT, FOR_ALL, FIELD(templates), 0, 0, "DIR", "自己的科室模板(NAME.txt)的目录"},
    {"confidence", OPTION_REAL, FOR_REPORT | FOR_REQUEST, FIELD(confidence), 0, 1, "X",
     "低于它的诊断标为建议进一步确认(默认 0.5)"},
    {"rules-only", OPTION_FLAG, FOR_REPORT, FIELD(rules_only), 0, 0, NULL, "只用规则和知识库,不用模型"},
    {"parallel", OPTION_INT, FOR_BATCH, FIELD(parallel), 1, 16, "N", "同时生成的报告数(默认 4)"},
    {"resume", OPTION_FLAG, FOR_BATCH, FIELD(resume), 0, 0, NULL,
     "接着 --output 的文件往下做,已有的报告不再做"},
    {"no-stream", OPTION_FLAG, FOR_DIAGNOSE | FOR_CHAT, FIELD(no_stream), 0, 0, NULL, "完成后一次输出"},
    {"quiet", OPTION_FLAG, FOR_ALL, FIELD(quiet), 0, 0, NULL, "不显示进度和提示"},
    {"version", OPTION_VERSION, FOR_ALL, 0, 0, 0, NULL, "版本"},
    {"help", OPTION_HELP, FOR_ALL, 0, 0, 0, NULL, "本说明"},
};
enum { N_OPTIONS = sizeof OPTIONS / sizeof *OPTIONS };

static struct options default_options(void) {
    return (struct options){
        .command = COMMAND_DIAGNOSE,
        .device = "auto",
        .threads = NOT_GIVEN,
        .ctx = NOT_GIVEN,
        .max_tokens = 512,
        .parallel = 4,
        .top_k = NOT_GIVEN,
        .lora_scale = 1,
        .temperature = NAN,
        .top_p = NAN,
        .min_p = NAN,
        .repetition_penalty = NAN,
        .confidence = 0.5,
        .seed = NOT_GIVEN,
        .format = format_find("text"),
    };
}

static bool refuse_value(const struct option_entry *entry, const char *value, const char *expected,
                         struct failure *failure) {
    return fail(failure, STATUS_USAGE, "--%s:“%s”无效,应为 %s", entry->name, value, expected);
}

static bool parse_int(const struct option_entry *entry, const char *value, int64_t most, int64_t *out,
                      struct failure *failure) {
    char *end, expected[64];
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (*value && !*end && errno == 0 && number >= (long long)entry->least && number <= most)
        return *out = number, true;
    snprintf(expected, sizeof expected, "%g 到 %lld 的整数", entry->least, (long long)most);
    return refuse_value(entry, value, expected, failure);
}

static bool parse_real(const struct option_entry *entry, const char *value, double *out,
                       struct failure *failure) {
    char *end, expected[64];
    double number = strtod(value, &end);
    if (*value && !*end && number >= entry->least && number <= entry->most) return *out = number, true;
    snprintf(expected, sizeof expected, "%g 到 %g 的数", entry->least, entry->most);
    return refuse_value(entry, value, expected, failure);
}

static bool parse_age(const struct option_entry *entry, const char *value, struct patient *patient,
                      struct failure *failure) {
    /* Weeks are days: a report knows 岁, 月 and 天. */
    static const struct {
        const char *suffix, *unit;
        long most;
        int times;
    } UNITS[] = {{"", "岁", 130, 1},     {"岁", "岁", 130, 1}, {"月", "月", 240, 1},
                 {"个月", "月", 240, 1}, {"周", "天", 142, 7}, {"天", "天", 1000, 1}};
    char *end;
    errno = 0;
    long age = strtol(value, &end, 10);
    if (end != value && errno == 0 && age >= 0)
        for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
            if (strcmp(end, UNITS[i].suffix) == 0 && age <= UNITS[i].most) {
                patient->has_age = true;
                patient->age = (int)age * UNITS[i].times;
                patient->age_unit = UNITS[i].unit;
                return true;
            }
    return refuse_value(entry, value, "整数加单位:0-130 岁(可省略“岁”)、0-240 月、0-142 周或 0-1000 天",
                        failure);
}

static bool parse_dtype(const struct option_entry *entry, const char *value, youtu_weights *weights,
                        struct failure *failure) {
    static const struct {
        const char *name;
        youtu_weights weights;
    } TYPES[] = {{"auto", YOUTU_WEIGHTS_AUTO}, {"bf16", YOUTU_WEIGHTS_BF16}, {"fp16", YOUTU_WEIGHTS_F16}};
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (strcmp(value, TYPES[i].name) == 0) return *weights = TYPES[i].weights, true;
    return refuse_value(entry, value, DTYPE_NAMES "(本版本的类型)", failure);
}

/* What follows the last ':' is the scale when it is a number; else the ':' belongs to the directory. */
static bool parse_lora(const struct option_entry *entry, const char *value, struct options *options,
                       struct failure *failure) {
    const char *colon = strrchr(value, ':');
    char *end;
    options->lora = span_of(value);
    options->lora_scale = 1;
    if (colon && colon[1]) {
        double scale = strtod(colon + 1, &end);
        if (!*end) {
            options->lora.length = (size_t)(colon - value);
            options->lora_scale = scale;
        }
    }
    /* The negation lets NaN through to the message. */
    if (!options->lora.length || !(fabs(options->lora_scale) <= MAX_LORA_SCALE))
        return refuse_value(entry, value, "目录,或 目录:强度(-100 到 100 的数)", failure);
    return true;
}

static bool parse_format(const struct option_entry *entry, const char *value, struct options *options,
                         struct failure *failure) {
    const struct report_format *format = format_find(value);
    if (!format) return refuse_value(entry, value, FORMAT_NAMES "(本版本的格式)", failure);
    options->format = format;
    return true;
}

static bool set_option(const struct option_entry *entry, const char *value, struct options *options,
                       struct failure *failure) {
    void *field = (char *)options + entry->field;
    int64_t number = 0;
    switch (entry->kind) {
    case OPTION_FLAG: return *(bool *)field = true;
    case OPTION_SEED: return parse_int(entry, value, INT64_MAX, (int64_t *)field, failure);
    case OPTION_REAL: return parse_real(entry, value, (double *)field, failure);
    case OPTION_AGE: return parse_age(entry, value, &options->patient, failure);
    case OPTION_FORMAT: return parse_format(entry, value, options, failure);
    case OPTION_HELP: return options->command = COMMAND_HELP, true;
    case OPTION_VERSION: return options->command = COMMAND_VERSION, true;
    case OPTION_INT:
        if (!parse_int(entry, value, (int64_t)entry->most, &number, failure)) return false;
        return *(int *)field = (int)number, true;
    case OPTION_TEXT:
        if (!*value) return refuse_value(entry, value, "非空的值", failure);
        return *(const char **)field = value, true;
    case OPTION_DTYPE: return parse_dtype(entry, value, (youtu_weights *)field, failure);
    case OPTION_LORA: return parse_lora(entry, value, options, failure);
    case OPTION_SEX:
        options->patient.sex = strcmp(value, "男") == 0   ? SEX_MALE
                               : strcmp(value, "女") == 0 ? SEX_FEMALE
                                                          : SEX_UNKNOWN;
        return options->patient.sex != SEX_UNKNOWN || refuse_value(entry, value, "男 或 女", failure);
    }
    return false;
}

/* The words after the options: a command, or the patient's text. */
static bool take_words(char **words, int count, struct options *options, struct failure *failure) {
    static const struct {
        const char *word;
        enum command command;
    } COMMANDS[] = {{"chat", COMMAND_CHAT}, {"batch", COMMAND_BATCH}, {"info", COMMAND_INFO}};
    static const char *const LATER[] = {"serve"};
    if (count == 0) return true;
    for (size_t i = 0; i < sizeof LATER / sizeof *LATER; i++)
        if (strcmp(words[0], LATER[i]) == 0)
            return fail(failure, STATUS_USAGE, "本版本没有 %s 命令;可用:[TEXT]、chat、batch、info", words[0]);
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        if (strcmp(words[0], COMMANDS[i].word) == 0) {
            options->command = COMMANDS[i].command;
            if (count == 1) return true;
            return fail(failure, STATUS_USAGE, "%s 之后多出“%s”", words[0], words[1]);
        }
    options->text = words[0];
    if (count == 1) return true;
    return fail(failure, STATUS_USAGE, "只接受一段 TEXT,请用引号括起;多出“%s”", words[1]);
}

static bool check_together(const struct options *options, const bool *given, struct failure *failure) {
    for (int i = 0; i < N_OPTIONS; i++)
        if (given[i] && !(OPTIONS[i].commands & (1 << options->command)))
            return fail(failure, STATUS_USAGE, "--%s 不用于 %s", OPTIONS[i].name,
                        options->command == COMMAND_CHAT    ? "chat"
                        : options->command == COMMAND_BATCH ? "batch"
                        : options->command == COMMAND_INFO  ? "info"
                                                            : "单份报告");
    if (options->resume && !options->output)
        return fail(failure, STATUS_USAGE, "--resume 需要 --output FILE:已有的报告从那里数");
    if (options->greedy && options->temperature > 0)
        return fail(failure, STATUS_USAGE, "--greedy 与 --temperature %g 矛盾", options->temperature);
    return true;
}

static const struct option_entry *find_request_option(const char *name, struct failure *failure) {
    for (int i = 0; i < N_OPTIONS; i++)
        if (OPTIONS[i].commands & FOR_REQUEST && strcmp(OPTIONS[i].name, name) == 0) return &OPTIONS[i];
    fail(failure, STATUS_INPUT, "不认识的字段“%.80s”", name);
    return NULL;
}

bool options_set(struct options *options, const char *name, const char *value, struct failure *failure) {
    const struct option_entry *entry = find_request_option(name, failure);
    if (!entry) return false;
    bool set = entry->kind == OPTION_FLAG ? refuse_value(entry, value, "true 或 false", failure)
                                          : set_option(entry, value, options, failure);
    if (!set) failure->status = STATUS_INPUT;
    return set;
}

bool options_set_flag(struct options *options, const char *name, bool value, struct failure *failure) {
    const struct option_entry *entry = find_request_option(name, failure);
    if (!entry) return false;
    if (entry->kind != OPTION_FLAG) {
        refuse_value(entry, value ? "true" : "false", "不是 true 或 false 的值", failure);
        failure->status = STATUS_INPUT;
        return false;
    }
    *(bool *)((char *)options + entry->field) = value;
    return true;
}

bool options_parse(int argc, char **argv, struct options *options, struct failure *failure) {
    struct option table[N_OPTIONS + 1] = {{0}};
    bool given[N_OPTIONS] = {false}, format_given = false;
    for (int i = 0; i < N_OPTIONS; i++)
        table[i] =
            (struct option){OPTIONS[i].name, OPTIONS[i].value ? required_argument : no_argument, NULL, 'a'};
    *options = default_options();
    opterr = 0;
    optind = 0; /* the GNU library starts anew: tests parse more than once */
    for (;;) {
        int index = -1, next = optind ? optind : 1;
        int found = getopt_long(argc, argv, ":", table, &index);
        if (found == -1) break;
        if (found == ':') return fail(failure, STATUS_USAGE, "%s 需要一个值", argv[next]);
        if (found == '?')
            return fail(failure, STATUS_USAGE, "不认识或有歧义的选项 %s;--help 列出全部选项", argv[next]);
        if (!set_option(&OPTIONS[index], optarg, options, failure)) return false;
        given[index] = true;
        format_given = format_given || OPTIONS[index].kind == OPTION_FORMAT;
    }
    if (options->command == COMMAND_HELP || options->command == COMMAND_VERSION) return true;
    if (!take_words(argv + optind, argc - optind, options, failure)) return false;
    if (options->command == COMMAND_BATCH && !format_given) options->format = format_find("json");
    return check_together(options, given, failure);
}

enum { HELP_COLUMN = 32 };

void options_help(struct buffer *out) {
    buffer_put(out, "用法:\n"
                    "  youtu-diagnose [选项] [TEXT]   一份门诊预问诊报告;没有 TEXT 时读标准输入\n"
                    "  youtu-diagnose chat [选项]     在终端中对话\n"
                    "  youtu-diagnose batch [选项] <in.jsonl >out.jsonl   每行一个请求,每行一份报告\n"
                    "  youtu-diagnose info [选项]     模型、设备、内存、知识库\n\n选项:\n");
    for (int i = 0; i < N_OPTIONS; i++) {
        char head[64];
        snprintf(head, sizeof head, "--%s%s%s", OPTIONS[i].name, OPTIONS[i].value ? " " : "",
                 OPTIONS[i].value ? OPTIONS[i].value : "");
        buffer_format(out, "  %s%*s%s\n", head, HELP_COLUMN - text_columns(span_of(head)), "",
                      OPTIONS[i].help);
    }
    buffer_put(
        out,
        "\nbatch 的一行:{\"symptoms\": TEXT, \"age\"?, \"age_unit\"?, \"id\"?, 以及单份报告的选项,“-”写作“_”};\n"
        "  答不了的一行得到 {\"error\": {...}},不影响其他行。\n"
        "\n退出状态:0 完成(用 Ctrl-C 中断而写完的报告也是),1 用法,2 输入被拒绝,3 模型不能载入,\n"
        "  4 内存不足或设备错误,5 内部错误或输出不能写入\n"
        "采样设定的次序:命令行,然后(仅重复惩罚)模型的 generation_config.json,然后上面的默认值。\n");
}
