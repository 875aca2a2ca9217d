/* Red flags: which fire on which texts, what they do not fire on, how conditions are read, and how a rule file
 * is refused. */
#include "clinic_fixture.h"

#include "cli/clinic/redflag_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

/* The rules that fire, divided by spaces, in *fired; the urgency. */
static enum urgency check_with(const struct redflags *redflags, const char *text, char fired[256]) {
    struct reading reading;
    struct warnings warnings;
    read_text(&reading, text);
    assert_true(redflags_check(redflags, &reading.passage, &reading.patient, &reading.findings,
                               &reading.arena, &warnings));
    fired[0] = '\0';
    for (size_t i = 0; i < warnings.count; i++) {
        assert_true(strlen(fired) + strlen(warnings.items[i].rule) < 250);
        if (i) strcat(fired, " ");
        strcat(fired, warnings.items[i].rule);
    }
    enum urgency urgency = warnings.urgency;
    arena_free(&reading.arena);
    return urgency;
}

static enum urgency check(const char *text, char fired[256]) {
    return check_with(&clinic.redflags, text, fired);
}

static void test_texts_fire_their_rules(void **state) {
    (void)state;
    static const struct {
        const char *text, *rules;
        enum urgency urgency;
    } CASES[] = {
        {"我最近三天一直头痛,集中在太阳穴位置,伴有恶心,看强光会加重。", "", URGENCY_ROUTINE},
        {"咳嗽两周,夜间加重,有白色泡沫痰,无发热。", "", URGENCY_ROUTINE},
        {"今天突然剧烈头痛", "HA1", URGENCY_EMERGENCY},
        {"头疼发烧,脖子发硬", "HA2", URGENCY_EMERGENCY},
        {"胸口像压了块石头,疼到左肩左臂,出冷汗", "CP1 CP5 CP7", URGENCY_EMERGENCY},
        {"突然嘴歪,说话不清", "ST1", URGENCY_EMERGENCY},
        {"老伴儿昨晚突然说不清话,右胳膊抬不起来,现在好点了", "ST1 ST3", URGENCY_EMERGENCY},
        {"早上起来左手突然拿不住筷子,舌头不听使唤", "ST1", URGENCY_EMERGENCY},
        {"我爸刚才突然半边身子动不了", "ST1", URGENCY_EMERGENCY},
        {"大便发黑三天", "GI2", URGENCY_URGENT},
        {"大便发黑,站起来就头晕,出冷汗", "GI1 GI2", URGENCY_EMERGENCY},
        {"宝宝2个月大,体温38.5℃", "FE1", URGENCY_EMERGENCY},
        {"孩子5岁,体温38.5℃", "", URGENCY_ROUTINE},
        {"孕30周,头痛,血压150/95", "OB2 HA7", URGENCY_EMERGENCY},
        {"血氧89%,咳嗽", "DY1 DY10", URGENCY_EMERGENCY},
        {"血氧97%,咳嗽", "", URGENCY_ROUTINE},
        {"被狗咬了一口", "TR1", URGENCY_URGENT},
        {"活着没意思,不想活了", "PS1 PS7", URGENCY_EMERGENCY},
        {"咳嗽三周,午后低热,盗汗", "CO1", URGENCY_URGENT},
        {"咳嗽三天,盗汗", "", URGENCY_ROUTINE},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char fired[256];
        print_message("%s\n", CASES[i].text);
        enum urgency urgency = check(CASES[i].text, fired);
        assert_string_equal(fired, CASES[i].rules);
        assert_int_equal(urgency, CASES[i].urgency);
    }
}

static void test_what_is_denied_or_not_the_patients_fires_nothing(void **state) {
    (void)state;
    static const char *const TEXTS[] = {
        "头痛,没有发热,脖子不发硬",
        "没有胸痛,没有出冷汗",
        "否认咯血、黑便及呕血",
        "头痛,我妈有黑便",
        "打呼噜,白天犯困,白天嗜睡", /* 嗜睡 inside a symptom's word is no clouded consciousness */
        "没尿频",                   /* 没尿 inside a denied symptom is no anuria */
        "以前抽搐过一次,现在咳嗽",
        "担心抽搐",
        "突然咳嗽。头痛三年了", /* not in one clause */
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        char fired[256];
        print_message("%s\n", TEXTS[i]);
        check(TEXTS[i], fired);
        assert_string_equal(fired, "");
    }
}

/* ---- every rule by sentences in patients' words */

enum { N_FIELDS = 5 };

/* "ID|fires|fires too|denied|near miss". */
static void split_line(char *line, const char *fields[N_FIELDS]) {
    line[strcspn(line, "\n")] = '\0';
    for (size_t i = 0; i < N_FIELDS; i++) {
        char *mark = strchr(line, '|');
        assert_int_equal(mark == NULL, i + 1 == N_FIELDS);
        fields[i] = line;
        if (mark) *mark = '\0', line = mark + 1;
    }
}

static bool fires(const char *text, const char *rule) {
    char fired[256], wanted[16];
    check(text, fired);
    snprintf(wanted, sizeof wanted, " %s ", rule);
    char spaced[sizeof fired + 2];
    snprintf(spaced, sizeof spaced, " %s ", fired);
    return strstr(spaced, wanted) != NULL;
}

static size_t assert_that(const char *text, const char *rule, bool expected) {
    if (fires(text, rule) == expected) return 0;
    print_error("%s %s: %s\n", rule, expected ? "does not fire" : "fires", text);
    return 1;
}

static void test_every_rule_fires_and_is_denied(void **state) {
    (void)state;
    char line[512];
    const char *fields[N_FIELDS];
    size_t n_lines = 0, n_wrong = 0;
    FILE *file = fopen("tests/unit/redflags/sentences.txt", "r");
    assert_non_null(file);
    for (; fgets(line, sizeof line, file); n_lines++) {
        split_line(line, fields);
        assert_true(n_lines < clinic.redflags.n_rules);
        assert_string_equal(fields[0], clinic.redflags.rules[n_lines].id); /* none left out */
        for (size_t i = 1; i < N_FIELDS; i++) n_wrong += assert_that(fields[i], fields[0], i <= 2);
    }
    fclose(file);
    assert_int_equal(n_lines, clinic.redflags.n_rules);
    assert_int_equal(n_wrong, 0);
}

/* ---- forms of conditions */

#define RULES(terms, rule) "{\"schema\":\"youtu.redflags/1\",\"terms\":[" terms "],\"rules\":[" rule "]}"
#define RULE(level, all) "{\"id\":\"X1\",\"level\":\"" level "\",\"message\":\"m\",\"all\":" all "}"
#define TERM(name, words, more) "{\"name\":\"" name "\",\"words\":[\"" words "\"],\"includes\":[]" more "}"

static void test_conditions_hold(void **state) {
    (void)state;
    static const struct {
        const char *rules, *text;
        bool fires;
    } CASES[] = {
        {RULES("", RULE("E", "[\"头痛+!恶心\"]")), "头痛三天", true},
        {RULES("", RULE("E", "[\"头痛+!恶心\"]")), "头痛三天,恶心", false},
        {RULES("", RULE("E", "[\"头痛+!恶心\"]")), "头痛。昨天恶心", false}, /* anywhere */
        {RULES("", RULE("E", "[\"头痛+恶心\"]")), "头痛。昨天恶心", false},  /* near */
        {RULES("", RULE("E", "[\"头痛\",\"!恶心\"]")), "头痛。昨天恶心", false},
        {RULES("", RULE("E", "[\"头痛\",\"!恶心\"]")), "头痛,没有恶心", true},
        {RULES("", RULE("E", "[\"头痛\",\"!年龄<40\"]")), "头痛", true}, /* unknown */
        {RULES("", RULE("E", "[\"头痛\",\"!年龄<40\"]")), "我30岁,头痛", false},
        {RULES("", RULE("E", "[\"头痛\",\"年龄>=40\"]")), "头痛", false},
        {RULES("", RULE("E", "[\"年龄<1+心率>=180|年龄<6+心率>=160\"]")), "宝宝8个月大,心率170次/分", true},
        {RULES("", RULE("E", "[\"年龄<1+心率>=180|年龄<6+心率>=160+!年龄<1\"]")), "宝宝8个月大,心率170次/分",
         false},
        {RULES("", RULE("E", "[\"小儿\"]")), "孩子发烧", true}, /* of unknown age */
        {RULES("", RULE("E", "[\"小儿\"]")), "孩子16岁,发烧", false},
        {RULES("", RULE("E", "[\"小儿\"]")), "我发烧", false},
        {RULES("", RULE("E", "[\"老人\"]")), "爷爷发烧", true},
        {RULES("", RULE("E", "[\"老人\"]")), "我70岁,发烧", true},
        {RULES("", RULE("E", "[\"老人\"]")), "爷爷60岁,发烧", false},
        {RULES("", RULE("E", "[\"~晕厥\"]")), "晕倒了,现在好了", true},
        {RULES("", RULE("E", "[\"~抽搐+!抽搐\"]")), "抽搐已经缓解了", true},
        {RULES("", RULE("E", "[\"~抽搐+!抽搐\"]")), "抽搐", false},
        {RULES(TERM("甲", "肺癌", ""), RULE("E", "[\"甲\"]")), "以前得过肺癌", false},
        {RULES(TERM("甲", "肺癌", ",\"history\":true"), RULE("E", "[\"甲\"]")), "以前得过肺癌", true},
        {RULES(TERM("甲", "肺癌", ",\"history\":true"), RULE("E", "[\"甲\"]")), "没有肺癌", false},
        {RULES(TERM("甲", "得打滚", ""), RULE("E", "[\"甲\"]")), "肚子疼得打滚", true},
        {RULES(TERM("甲", "突然", ""), RULE("E", "[\"甲\"]")), "头突然疼", true}, /* an infix */
        {RULES(TERM("甲", "没尿", ""), RULE("E", "[\"甲\"]")), "没尿频", false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct arena arena = {0};
        struct redflags redflags;
        struct failure failure = {.message = ""};
        bool loaded =
            redflags_load(&redflags, &arena, span_of(CASES[i].rules), "r.json", &clinic.lexicon, &failure);
        assert_string_equal(failure.message, "");
        assert_true(loaded);
        char fired[256];
        print_message("%s: %s\n", CASES[i].rules, CASES[i].text);
        check_with(&redflags, CASES[i].text, fired);
        assert_string_equal(fired, CASES[i].fires ? "X1" : "");
        arena_free(&arena);
    }
}

static void test_every_rule_is_of_a_known_kind(void **state) {
    (void)state;
    assert_true(clinic.redflags.n_rules >= 80);
    assert_string_equal(warning_level_name('E'), "emergency");
    assert_string_equal(warning_level_name('U'), "urgent");
    assert_string_equal(warning_level_name('R'), "attention");
}

static void test_damage_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *message; /* NULL: accepted */
    } CASES[] = {
        {RULES("", RULE("E", "[\"头痛|体温>=38\",\"女\"]")), NULL},
        {RULES("{\"name\":\"甲\",\"words\":[\"乙\"],\"includes\":[\"头痛\"]}", RULE("U", "[\"甲+头痛\"]")),
         NULL},
        {RULES("", RULE("E", "[\"不存在\"]")),
         "r.json:第 1 行:rules[0]“X1”:条件“不存在”应为症状、terms 中的名称、男、女、怀孕、小儿、老人,或“体温>=38”一类的比较"},
        {RULES("", RULE("E", "[\"体温>=\"]")),
         "r.json:第 1 行:rules[0]“X1”:条件“体温>=”应为症状、terms 中的名称、男、女、怀孕、小儿、老人,或“体温>=38”一类的比较"},
        {RULES("", RULE("E", "[\"头痛+!\"]")),
         "r.json:第 1 行:rules[0]“X1”:条件“!”应为症状、terms 中的名称、男、女、怀孕、小儿、老人,或“体温>=38”一类的比较"},
        {RULES(TERM("甲", "乙", ",\"history\":1"), RULE("E", "[\"甲\"]")),
         "r.json:第 1 行:terms[0]“甲”:字段 history 为 1,应为 true 或 false"},
        {RULES("", RULE("X", "[\"头痛\"]")),
         "r.json:第 1 行:rules[0]“X1”:字段 level 为 \"X\",应为 \"E\"、\"U\" 或 \"R\""},
        {RULES("", RULE("E", "[]")), "r.json:第 1 行:rules[0]“X1”:字段 all 为 [],应为 至少一个条件"},
        {RULES("{\"name\":\"头痛\",\"words\":[],\"includes\":[]}", RULE("E", "[\"头痛\"]")),
         "r.json:第 1 行:terms[0]“头痛”:字段 name 为 \"头痛\",应为 没有出现过、也不是症状的名称"},
        {RULES("{\"name\":\"甲\",\"words\":[],\"includes\":[\"丁\"]}", RULE("E", "[\"甲\"]")),
         "r.json:第 1 行:terms[0]“甲”:字段 includes 为 [\"丁\"],应为 症状或前面的 terms 的名称"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct arena arena = {0};
        struct redflags redflags;
        struct failure failure = {.message = ""};
        bool loaded =
            redflags_load(&redflags, &arena, span_of(CASES[i].text), "r.json", &clinic.lexicon, &failure);
        assert_string_equal(failure.message, CASES[i].message ? CASES[i].message : "");
        assert_int_equal(loaded, CASES[i].message == NULL);
        arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_fire_their_rules),
        cmocka_unit_test(test_what_is_denied_or_not_the_patients_fires_nothing),
        cmocka_unit_test(test_every_rule_fires_and_is_denied),
        cmocka_unit_test(test_conditions_hold),
        cmocka_unit_test(test_every_rule_is_of_a_known_kind),
        cmocka_unit_test(test_damage_is_named),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
