/* Red flags: which fire on which texts, what they do not fire on, and how a rule file is refused. */
#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

/* The rules that fire, divided by spaces, in *fired; the urgency. */
static enum urgency check(const char *text, char fired[256]) {
    struct arena arena = {0};
    struct passage passage;
    struct patient patient = {0};
    struct findings findings;
    struct warnings warnings;
    assert_true(passage_open(&passage, &arena, span_of(text), &clinic.lexicon));
    assert_true(findings_extract(&passage, &clinic.kb, &clinic.lexicon, &arena, &patient, &findings));
    assert_true(redflags_check(&clinic.redflags, &passage, &patient, &findings, &arena, &warnings));
    fired[0] = '\0';
    for (size_t i = 0; i < warnings.count; i++) {
        if (i) strcat(fired, " ");
        strcat(fired, warnings.items[i].rule);
    }
    enum urgency urgency = warnings.urgency;
    arena_free(&arena);
    return urgency;
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
        {"胸口像压了块石头,疼到左肩左臂,出冷汗", "CP1", URGENCY_EMERGENCY},
        {"突然嘴歪,说话不清", "ST1", URGENCY_EMERGENCY},
        {"老伴儿昨晚突然说不清话,右胳膊抬不起来,现在好点了", "ST1", URGENCY_EMERGENCY},
        {"早上起来左手突然拿不住筷子,舌头不听使唤", "ST1", URGENCY_EMERGENCY},
        {"我爸刚才突然半边身子动不了", "ST1", URGENCY_EMERGENCY},
        {"大便发黑三天", "GI2", URGENCY_URGENT},
        {"大便发黑,站起来就头晕,出冷汗", "GI1 GI2", URGENCY_EMERGENCY},
        {"宝宝2个月大,体温38.5℃", "FE1", URGENCY_EMERGENCY},
        {"孩子5岁,体温38.5℃", "", URGENCY_ROUTINE},
        {"孕30周,头痛,血压150/95", "OB2 HA7", URGENCY_EMERGENCY},
        {"血氧89%,咳嗽", "DY1", URGENCY_EMERGENCY},
        {"血氧97%,咳嗽", "", URGENCY_ROUTINE},
        {"被狗咬了一口", "TR1", URGENCY_URGENT},
        {"活着没意思,不想活了", "PS1", URGENCY_EMERGENCY},
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

static void test_every_rule_is_of_a_known_kind(void **state) {
    (void)state;
    assert_true(clinic.redflags.n_rules >= 80);
    assert_string_equal(warning_level_name('E'), "emergency");
    assert_string_equal(warning_level_name('U'), "urgent");
    assert_string_equal(warning_level_name('R'), "attention");
}

#define RULES(terms, rule) "{\"schema\":\"youtu.redflags/1\",\"terms\":[" terms "],\"rules\":[" rule "]}"
#define RULE(level, all) "{\"id\":\"X1\",\"level\":\"" level "\",\"message\":\"m\",\"all\":" all "}"

static void test_damage_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *message; /* NULL: accepted */
    } CASES[] = {
        {RULES("", RULE("E", "[\"头痛|体温>=38\",\"女\"]")), NULL},
        {RULES("{\"name\":\"甲\",\"words\":[\"乙\"],\"includes\":[\"头痛\"]}", RULE("U", "[\"甲+头痛\"]")),
         NULL},
        {RULES("", RULE("E", "[\"不存在\"]")),
         "r.json:rules[0]“X1”:条件“不存在”应为症状、terms 中的名称、男、女、怀孕,或“体温>=38”一类的比较"},
        {RULES("", RULE("E", "[\"体温>=\"]")),
         "r.json:rules[0]“X1”:条件“体温>=”应为症状、terms 中的名称、男、女、怀孕,或“体温>=38”一类的比较"},
        {RULES("", RULE("E", "[\"女+头痛\"]")),
         "r.json:rules[0]“X1”:条件“女”应为症状、terms 中的名称、男、女、怀孕,或“体温>=38”一类的比较"},
        {RULES("", RULE("X", "[\"头痛\"]")),
         "r.json:rules[0]“X1”:字段 level 为 \"X\",应为 \"E\"、\"U\" 或 \"R\""},
        {RULES("", RULE("E", "[]")), "r.json:rules[0]“X1”:字段 all 为 [],应为 至少一个条件"},
        {RULES("{\"name\":\"头痛\",\"words\":[],\"includes\":[]}", RULE("E", "[\"头痛\"]")),
         "r.json:terms[0]“头痛”:字段 name 为 \"头痛\",应为 没有出现过、也不是症状的名称"},
        {RULES("{\"name\":\"甲\",\"words\":[],\"includes\":[\"丁\"]}", RULE("E", "[\"甲\"]")),
         "r.json:terms[0]“甲”:字段 includes 为 [\"丁\"],应为 症状或前面的 terms 的名称"},
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
        cmocka_unit_test(test_every_rule_is_of_a_known_kind),
        cmocka_unit_test(test_damage_is_named),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
