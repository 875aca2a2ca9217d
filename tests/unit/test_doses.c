/* The dose filter: nothing of a prescription comes out, in whatever pieces it goes in; what is no dose stays. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "cli/clinic/doses.h"
#include "clinic_fixture.h"

#include <pcre2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

static struct arena arena;
static struct dose_words words;
static pcre2_code *leak;

/* ---- a leak, by means other than the filter's */

#define NUMBER "(?:[0-9零〇一二两兩三四五六七八九十百半几壹贰叁肆伍]|(?<![a-z])[ol]{2,}|(?<=[0-9])[ol]+)"
#define UNIT                                                                                                                              \
    "(?:m ?g|mcg|[uµμ]g|㎎|g(?![a-z])|ml|iu|u(?![a-z])|毫克|微克|克|毫升|单位|万单位|万u|片|粒|丸|袋|包|支|滴|喷" \
    "|吸|贴|枚|瓶|勺|剂|錠|tablet|capsule|puff|drop|unit|cap(?![a-z]))"
#define DAY "(?:[每一1][日天晚早周]|24小时)"

static const char LEAK[] = NUMBER
    "[.点~、/又或至+-]* ?" UNIT "|" DAY "[^,。;〔]{0,9}[次回剂]|[次回]/[日天周]|日" NUMBER "次|每隔?" NUMBER
    "+[-~至]*" NUMBER "*个?小时|(?<![a-z])(?:q ?d|b ?i ?d|t ?i ?d|qid|qn|prn|q" NUMBER
    "+h)(?![a-z])|早晚各|隔日|睡前|临睡|twice|once a? ?daily|times a? ?(?:day|daily)|every" NUMBER
    "|(?:连用|连服|连续服用|疗程)[^,。;〔]{0,4}" NUMBER "+[天日周]";

static bool is_letter(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The text without what may stand inside a dose, but for a blank between letters; full-width forms as ASCII. To be
 * freed. */
static char *squeezed(struct span text, size_t *length) {
    char *out = malloc(2 * text.length + 1);
    assert_non_null(out);
    *length = 0;
    bool gap = false;
    for (size_t at = 0; at < text.length;) {
        uint32_t c;
        size_t bytes = utf8_read(span_between(text, at, text.length), &c);
        assert_int_not_equal(bytes, 0); /* nothing cuts a character */
        if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;
        bool in_gap = (c < 0x80 && strchr(" \n\t*_`|", (int)c)) || c == 0x3000 || c == 0xB7 || c == 0x2022;
        bool invisible = c == 0x200B || c == 0xFE0F;
        if (!in_gap && !invisible) {
            if (gap && *length && is_letter(out[*length - 1]) && is_letter((int)c)) out[(*length)++] = ' ';
            *length += utf8_write(c, out + *length);
        }
        gap = in_gap || (gap && invisible);
        at += bytes;
    }
    return out;
}

static bool leaks(struct span text) {
    size_t length;
    char *subject = squeezed(text, &length);
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(leak, NULL);
    int found = pcre2_match(leak, (PCRE2_SPTR)subject, length, 0, 0, match, NULL);
    assert_true(found > 0 || found == PCRE2_ERROR_NOMATCH);
    pcre2_match_data_free(match);
    free(subject);
    return found > 0;
}

/* ---- running the filter */

struct filtered {
    struct buffer out;
    size_t removals;
    size_t most_held; /* bytes that were in and not out, before the end */
};

/* The text in pieces of `first` bytes and then of `rest` bytes. */
static struct filtered filter_pieces(struct span text, size_t first, size_t rest) {
    struct filtered result = {0};
    struct dose_filter filter;
    dose_filter_begin(&filter, &words, &arena);
    for (size_t at = 0, size = first; at < text.length; at += size, size = rest) {
        if (size > text.length - at) size = text.length - at;
        assert_true(dose_filter_feed(&filter, span_between(text, at, at + size), &result.out));
        size_t held = filter.text.source.length;
        if (held > result.most_held) result.most_held = held;
    }
    assert_true(dose_filter_end(&filter, &result.out));
    result.removals = filter.removals.count;
    dose_filter_free(&filter);
    return result;
}

static void assert_same(struct span text, const struct filtered *whole, size_t first, size_t rest) {
    struct filtered pieces = filter_pieces(text, first, rest);
    struct span a = buffer_span(&whole->out), b = buffer_span(&pieces.out);
    if (a.length != b.length || memcmp(a.data, b.data, a.length) != 0 || pieces.removals != whole->removals)
        fail_msg("cut at %zu, %.*s\ngives %.*s\nnot   %.*s", first, (int)text.length, text.data,
                 (int)b.length, b.data, (int)a.length, a.data);
    buffer_free(&pieces.out);
}

/* However it is cut, the same comes out; so a prefix that came out was never taken back. */
static void assert_same_in_pieces(struct span text, const struct filtered *whole) {
    assert_same(text, whole, 1, 1);
    for (size_t cut = 1; cut < text.length; cut++) assert_same(text, whole, cut, text.length);
}

/* ---- texts */

/* Calls `check` for every line of a file, its \n and \uXXXX spelled out; the number of lines. */
static size_t for_each_line(const char *path, void (*check)(struct span text, void *user), void *user) {
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("%s", path);
    char line[1024], text[1024];
    size_t count = 0;
    for (; fgets(line, sizeof line, file); count++) {
        size_t length = 0;
        line[strcspn(line, "\n")] = '\0';
        for (const char *at = line; *at; at++) {
            if (at[0] == '\\' && at[1] == 'n') {
                text[length++] = '\n';
                at++;
            } else if (at[0] == '\\' && at[1] == 'u') {
                length += utf8_write((uint32_t)strtoul((char[]){at[2], at[3], at[4], at[5], 0}, NULL, 16),
                                     text + length);
                at += 5;
            } else {
                text[length++] = *at;
            }
        }
        check((struct span){text, length}, user);
    }
    fclose(file);
    return count;
}

struct leaking {
    size_t leaked;
    size_t unseen; /* texts in which the checker itself finds no dose: a digit that it does not know */
};

static void check_leaks(struct span text, void *user) {
    struct leaking *leaking = user;
    leaking->unseen += !leaks(text);
    struct filtered whole = filter_pieces(text, text.length, 1);
    if (leaks(buffer_span(&whole.out)) || whole.removals == 0) {
        print_error("%.*s\n==> %.*s\n", (int)text.length, text.data, (int)whole.out.length, whole.out.data);
        leaking->leaked++;
    }
    assert_same_in_pieces(text, &whole);
    buffer_free(&whole.out);
}

static void test_prescriptions_do_not_leak(void **state) {
    (void)state;
    struct leaking leaking = {0};
    size_t count = for_each_line("tests/unit/doses/prescriptions.txt", check_leaks, &leaking);
    assert_true(count >= 200);
    assert_true(leaking.unseen <= count / 6);
    assert_int_equal(leaking.leaked, 0);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Every drug with every form of dose, the other parts in turn. */
static void test_combined_prescriptions_do_not_leak(void **state) {
    (void)state;
    static const char *const DRUGS[] = {
        "布洛芬",   "阿莫西林胶囊", "头孢克肟", "青霉素",      "某某康颗粒",    "复方安乃平片", "瑞格沙星",
        "贝那普利", "坎地沙坦",     "拉西地平", "奈必洛尔",    "伏立康唑",      "匹伐他汀",     "尼扎替丁",
        "罗他霉素", "消咳糖浆",     "降压药",   "amoxicillin", "Zentofloxacin", "ibuprofen",
    };
    static const char *const AMOUNTS[] = {
        "500mg",       "0.5 g",     "０.５ｇ",  "五百毫克",     "5 0 0 毫 克", "5OO mg",     "0．25克",
        "1/2片",       "半片",      "两粒",     "1-2片",        "1～2 粒",     "一至二袋",   "10 ml",
        "十毫升",      "5滴",       "100μg",    "50 ug",        "二十微克",    "8 U",        "400 IU",
        "80万单位",    "2喷",       "1枚",      "3\u200b00 mg", "**300** mg",  "2•5•0 毫克", "10mg/kg",
        "5ml/次",      "1.5 粒",    "250\n mg", "每次三片",     "一次1包",     "各1丸",      "每次 2 支",
        "首剂 600 mg", "每日 4 片", "1,000 mg", "2×0.25g",      "２勺",
    };
    static const char *const RATES[] = {
        "每日三次",    "每天2次",       "一日3次",        "3次/日",        "日服2次",    "每8小时一次",
        "q6h",         "bid",           "ＴＩＤ",         "b i d",         "早晚各一次", "隔日一次",
        "睡前服用",    "每晚一次",      "每 日 2 次",     "每隔6小时一次", "一天两次",   "每周一次",
        "twice daily", "every 8 hours", "每12 小时 1 次",
    };
    static const char *const PATTERNS[] = {
        "%1$s%2$s,%3$s",
        "%1$s %2$s %3$s。",
        "%1$s：%2$s；%3$s",
        "%1$s:\n - %2$s\n - %3$s",
        "%1$s\n%2$s\n%3$s",
        "| %1$s | %2$s | %3$s |",
        "建议口服%1$s，%2$s，%3$s，连用5天。",
        "%1$s（%2$s，%3$s）",
        "可予%2$s %1$s，%3$s口服",
        "%3$s服用%1$s，%2$s",
        "1. %1$s\n   - 用法：%3$s\n   - 用量：%2$s\n   - 疗程：7天",
        "头痛明显时可用%1$s%2$s,%3$s,饭后服",
        "如发热超过38.5℃，%1$s %2$s，%3$s，多饮水",
    };
    struct leaking leaking = {0};
    size_t index = 0;
    for (size_t i = 0; i < COUNT(AMOUNTS); i++)
        for (size_t j = 0; j < 30; j++, index++) {
            char text[512];
            int length =
                snprintf(text, sizeof text, PATTERNS[index % COUNT(PATTERNS)], DRUGS[(i + j) % COUNT(DRUGS)],
                         AMOUNTS[i], RATES[(i * 7 + j) % COUNT(RATES)]);
            check_leaks((struct span){text, (size_t)length}, &leaking);
        }
    assert_true(index >= 1000);
    assert_int_equal(leaking.unseen, 0);
    assert_int_equal(leaking.leaked, 0);
}

static void count_changed(struct span text, void *user) {
    size_t *changed = user;
    struct filtered whole = filter_pieces(text, text.length, 1);
    if (whole.removals)
        print_error("%.*s ==> %.*s\n", (int)text.length, text.data, (int)whole.out.length, whole.out.data);
    if (whole.removals)
        (*changed)++;
    else
        assert_memory_equal(whole.out.data, text.data, text.length);
    assert_same_in_pieces(text, &whole);
    buffer_free(&whole.out);
}

static void test_measurements_stay(void **state) {
    (void)state;
    size_t changed = 0;
    size_t count = for_each_line("tests/unit/doses/harmless.txt", count_changed, &changed);
    assert_true(count >= 300);
    assert_true(changed <= 3);
}

/* Slices of the corpora in any order, cut inside characters too. */
static void collect(struct span text, void *user) {
    buffer_append(user, text.data, text.length);
}

static void test_any_bytes_give_the_same_in_any_pieces(void **state) {
    (void)state;
    struct buffer all = {0};
    for_each_line("tests/unit/doses/prescriptions.txt", collect, &all);
    for_each_line("tests/unit/doses/harmless.txt", collect, &all);
    uint32_t random = 1;
    for (int i = 0; i < 1000; i++) {
        struct buffer text = {0};
        for (int slice = 0; slice < 4; slice++) {
            random = random * 1664525U + 1013904223U;
            size_t start = random % all.length, length = 1 + (random >> 8) % 40;
            if (length > all.length - start) length = all.length - start;
            buffer_append(&text, all.data + start, length);
        }
        struct filtered whole = filter_pieces(buffer_span(&text), text.length, 1);
        assert_same(buffer_span(&text), &whole, 1, 1);
        assert_same(buffer_span(&text), &whole, 1 + random % text.length, 3);
        buffer_free(&whole.out);
        buffer_free(&text);
    }
    buffer_free(&all);
}

/* ---- what stands in its place */

/* *removed: the texts that were taken out, divided by '|'. */
static void assert_filtered(const char *text, const char *expected, const char *removed) {
    struct dose_filter filter;
    struct buffer out = {0};
    char found[512] = "";
    dose_filter_begin(&filter, &words, &arena);
    assert_true(dose_filter_feed(&filter, span_of(text), &out) && dose_filter_end(&filter, &out));
    buffer_append(&out, "", 1);

    assert_string_equal(out.data, expected);
    for (size_t i = 0; i < filter.removals.count; i++) {
        if (i) strcat(found, "|");
        strcat(found, filter.removals.items[i].text);
        assert_string_equal(filter.removals.items[i].kind, "dose");
    }
    assert_string_equal(found, removed);
    buffer_free(&out);
    dose_filter_free(&filter);
}

#define GONE DOSE_PLACEHOLDER

static void test_the_drug_stays_and_the_dose_is_recorded(void **state) {
    (void)state;
    assert_filtered("布洛芬0.3g口服,每日2次。", "布洛芬" GONE "口服," GONE "。", "0.3g|每日2次");
    assert_filtered("可口服布洛芬 1-2 片 tid", "可口服布洛芬 " GONE " ", "1-2 片|tid");
    assert_filtered("阿莫西林每次两粒,一日三次,连用5天", "阿莫西林" GONE "," GONE "," GONE,
                    "每次两粒|一日三次|连用5天");
    assert_filtered("美林\n- 5ml q6h", "美林\n- " GONE " ", "5ml|q6h");
    assert_filtered("布洛芬0\u200b.3\u200b g", "布洛芬" GONE, "0\u200b.3\u200b g");
    assert_filtered("头痛每日3次,服布洛芬0.3g", "头痛每日3次,服布洛芬" GONE, "0.3g");
    assert_filtered("", "", "");
}

static void test_no_character_is_lost(void **state) {
    (void)state;
    assert_filtered("\xff\xe5\x8f", "\xff\xe5\x8f", ""); /* bytes that are no text */
    assert_filtered("\u200b头痛\u200b", "\u200b头痛\u200b", "");
    assert_filtered("1", "1", "");
    assert_filtered("每", "每", "");
}

/* Held back in prose: hardly more than a character. */
static void test_prose_is_not_held_back(void **state) {
    (void)state;
    static const char PROSE[] =
        "1. 可能诊断\n(1) 偏头痛\n(2) 紧张型头痛\n2. 鉴别依据\n偏头痛:一侧或太阳穴搏动样头痛,伴恶心、畏光,"
        "活动后加重。\n3. 建议检查\n- 血压测量:排除血压升高\n4. 风险提示\n头痛进行性加重,尽快就诊。";
    struct filtered result = filter_pieces(span_of(PROSE), 1, 1);
    assert_true(result.most_held <= 24);
    buffer_free(&result.out);
}

static int open_filter(void **state) {
    int error;
    PCRE2_SIZE offset;
    leak = pcre2_compile((PCRE2_SPTR)LEAK, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_CASELESS, &error, &offset,
                         NULL);
    return open_clinic(state) == 0 && leak && dose_words_open(&words, &arena, &clinic.lexicon.drugs) ? 0 : -1;
}

static int close_filter(void **state) {
    pcre2_code_free(leak);
    arena_free(&arena);
    return close_clinic(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_drug_stays_and_the_dose_is_recorded),
        cmocka_unit_test(test_no_character_is_lost),
        cmocka_unit_test(test_prose_is_not_held_back),
        cmocka_unit_test(test_any_bytes_give_the_same_in_any_pieces),
        cmocka_unit_test(test_measurements_stay),
        cmocka_unit_test(test_prescriptions_do_not_leak),
        cmocka_unit_test(test_combined_prescriptions_do_not_leak),
    };
    return cmocka_run_group_tests(tests, open_filter, close_filter);
}
