/* The command line: defaults, types, ranges, and what is refused with which words. */
#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

enum { MOST_WORDS = 12 };

/* Parses a line of words divided by spaces. */
static bool parse(const char *line, struct options *options, struct failure *failure) {
    static char words[512];
    char *argv[MOST_WORDS] = {"youtu-diagnose"};
    int argc = 1;
    assert_true(strlen(line) < sizeof words);
    strcpy(words, line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        assert_true(argc < MOST_WORDS - 1);
        argv[argc++] = word;
    }
    *failure = (struct failure){.message = ""};
    return options_parse(argc, argv, options, failure);
}

static void test_defaults(void **state) {
    (void)state;
    struct options options;
    struct failure failure;
    assert_true(parse("", &options, &failure));
    assert_int_equal(options.command, COMMAND_DIAGNOSE);
    assert_null(options.text);
    assert_null(options.model);
    assert_string_equal(options.device, "auto");
    assert_int_equal(options.weights, YOUTU_WEIGHTS_AUTO);
    assert_null(options.department);
    assert_int_equal(options.max_tokens, 512);
    assert_true(options.confidence == 0.5);
    assert_true(isnan(options.temperature) && isnan(options.repetition_penalty));
    assert_int_equal(options.seed, NOT_GIVEN);
    assert_ptr_equal(options.format, format_find("text"));
    assert_false(options.greedy || options.think || options.rules_only || options.quiet || options.no_stream);
}

static void test_values_are_read(void **state) {
    (void)state;
    struct options options;
    struct failure failure;
    assert_true(parse("--age=8月 --sex 女 --format json --seed 9223372036854775807 --top-p 0.8 头痛",
                      &options, &failure));
    assert_int_equal(options.patient.age, 8);
    assert_string_equal(options.patient.age_unit, "月");
    assert_int_equal(options.patient.sex, SEX_FEMALE);
    assert_ptr_equal(options.format, format_find("json"));
    assert_true(options.seed == INT64_MAX);
    assert_true(options.top_p == 0.8);
    assert_string_equal(options.text, "头痛");
    assert_true(parse("--age 35 头痛 --greedy", &options, &failure)); /* options may follow the text */
    assert_string_equal(options.patient.age_unit, "岁");
    assert_true(options.greedy);
    assert_true(parse("--device cuda:1 --dtype fp16 x", &options, &failure));
    assert_string_equal(options.device, "cuda:1");
    assert_int_equal(options.weights, YOUTU_WEIGHTS_F16);
    assert_true(parse("--dtype bf16 x", &options, &failure));
    assert_int_equal(options.weights, YOUTU_WEIGHTS_BF16);
    assert_true(parse("chat --threads 2", &options, &failure));
    assert_int_equal(options.command, COMMAND_CHAT);
    assert_int_equal(options.threads, 2);
    assert_true(parse("-- --help", &options, &failure));
    assert_string_equal(options.text, "--help");
}

/* A number behind the last ':' is the scale; any other ':' is the directory's. */
static void test_lora(void **state) {
    (void)state;
    static const struct {
        const char *line, *directory;
        double scale;
    } CASES[] = {{"", "", 1},
                 {"--lora d", "d", 1},
                 {"--lora a/b:0.5", "a/b", 0.5},
                 {"--lora d:-1", "d", -1},
                 {"--lora c:d", "c:d", 1},
                 {"--lora c:2:1", "c:2", 1},
                 {"--lora d:", "d:", 1},
                 {"--lora d:2 --lora e", "e", 1}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct options options;
        struct failure failure;
        assert_true(parse(CASES[i].line, &options, &failure));
        assert_int_equal(options.lora.length, strlen(CASES[i].directory));
        if (options.lora.length) assert_true(span_is(options.lora, CASES[i].directory));
        assert_true(options.lora_scale == CASES[i].scale);
    }
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const CASES[][2] = {
        {"--threads 0 x", "--threads:“0”无效,应为 1 到 1024 的整数"},
        {"--threads 2x x", "--threads:“2x”无效,应为 1 到 1024 的整数"},
        {"--ctx 99999999999999999999 x", "--ctx:“99999999999999999999”无效,应为 16 到 1048576 的整数"},
        {"--max-tokens -1 x", "--max-tokens:“-1”无效,应为 1 到 1048576 的整数"},
        {"--seed -1 x", "--seed:“-1”无效,应为 0 到 9223372036854775807 的整数"},
        {"--temperature nan x", "--temperature:“nan”无效,应为 0 到 10 的数"},
        {"--temperature -0.5 x", "--temperature:“-0.5”无效,应为 0 到 10 的数"},
        {"--confidence 1.5 x", "--confidence:“1.5”无效,应为 0 到 1 的数"},
        {"--age 200 x", "--age:“200”无效,应为 整数加单位:0-130 岁(可省略“岁”)、0-240 月、0-142 周或 0-1000 天"},
        {"--age 3年 x", "--age:“3年”无效,应为 整数加单位:0-130 岁(可省略“岁”)、0-240 月、0-142 周或 0-1000 天"},
        {"--sex x x", "--sex:“x”无效,应为 男 或 女"},
        {"--format pdf x", "--format:“pdf”无效,应为 text|json|xml|fhir|hl7(本版本的格式)"},
        {"--dtype int8 x", "--dtype:“int8”无效,应为 auto|bf16|fp16(本版本的类型)"},
        {"--dtype int4 x", "--dtype:“int4”无效,应为 auto|bf16|fp16(本版本的类型)"},
        {"--dtype FP16 x", "--dtype:“FP16”无效,应为 auto|bf16|fp16(本版本的类型)"},
        {"--model", "--model 需要一个值"},
        {"--unknown x", "不认识或有歧义的选项 --unknown;--help 列出全部选项"},
        {"-x x", "不认识或有歧义的选项 -x;--help 列出全部选项"},
        {"头痛 恶心", "只接受一段 TEXT,请用引号括起;多出“恶心”"},
        {"chat 头痛", "chat 之后多出“头痛”"},
        {"batch", "本版本没有 batch 命令;可用:[TEXT]、chat、info"},
        {"serve --quiet", "本版本没有 serve 命令;可用:[TEXT]、chat、info"},
        {"info --format json", "--format 不用于 info"},
        {"chat --rules-only", "--rules-only 不用于 chat"},
        {"--lora :0.5 x", "--lora:“:0.5”无效,应为 目录,或 目录:强度(-100 到 100 的数)"},
        {"--lora d:101 x", "--lora:“d:101”无效,应为 目录,或 目录:强度(-100 到 100 的数)"},
        {"--lora d:nan x", "--lora:“d:nan”无效,应为 目录,或 目录:强度(-100 到 100 的数)"},
        {"--greedy --temperature 0.7 x", "--greedy 与 --temperature 0.7 矛盾"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct options options;
        struct failure failure;
        assert_false(parse(CASES[i][0], &options, &failure));
        assert_string_equal(failure.message, CASES[i][1]);
        assert_int_equal(failure.status, STATUS_USAGE);
    }
}

static void test_help_lists_every_option_in_one_column(void **state) {
    (void)state;
    struct buffer out = {0};
    options_help(&out);
    assert_false(out.failed);
    static const char *const NAMES[] = {"--model DIR", "--sex 男|女", "--format text|json|xml|fhir|hl7",
                                        "--rules-only", "--help"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        assert_true(span_find(buffer_span(&out), span_of(NAMES[i]), 0) != SIZE_MAX);
    buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values_are_read),
        cmocka_unit_test(test_lora),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_help_lists_every_option_in_one_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
