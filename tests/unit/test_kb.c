/* The knowledge base: the compiled-in one holds together; a damaged one is refused by place, value and
 * expectation. */
#include "cli/clinic/clinic.h"
#include "cli/clinic/lexicon.h"
#include "tests/unit/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

#define SYMPTOMS \
    "\"symptoms\":[{\"name\":\"头痛\",\"aliases\":[\"头疼\"]},{\"name\":\"恶心\",\"aliases\":[]}]"
#define DISEASE                                                                                                         \
    "{\"name\":\"偏头痛\",\"aliases\":[\"血管性头痛\"],\"icd10\":\"G43.9\",\"departments\":[\"神经内科\"]," \
    "\"ages\":{\"min\":6,\"max\":null},\"sex\":null,\"commonness\":4,"                                                  \
    "\"findings\":[{\"symptom\":\"头痛\",\"weight\":2},{\"symptom\":\"恶心\",\"weight\":-1}],"                      \
    "\"differentials\":[\"偏头痛\"],\"basis\":\"b\",\"tests\":[{\"name\":\"t\",\"reason\":\"r\"}],"                  \
    "\"risk\":\"r\",\"never_miss\":false}"
#define KB(symptoms, disease)                                                                                \
    "{\"schema\":\"youtu.kb/1\",\"version\":\"2026.01\",\"note\":\"n\",\"departments\":[\"全科\"]," symptoms \
    ",\n\"diseases\":[" disease "]}"

static const char LEXICON[] =
    "{\"schema\":\"youtu.lexicon/1\",\"classes\":{},\"symptoms\":[],\"decoys\":[\"奶奶\"],\"sites\":[{\"name\":\"前额\",\"words\":[]}],\"qualities\":[],\"severities\":[],\"trends\":[],\"menstrual\":[],"
    "\"triggers\":[{\"name\":\"强光\",\"words\":[]}],\"drugs\":[],\"conditions\":[],\"body_parts\":[],\"subjects\":[],\"sides\":[],\"positions\":[],\"worse\":[],"
    "\"better\":[],\"not_better\":[],\"bare_complaints\":[],\"firm_links\":[],\"never_triggers\":[],\"needs\":[],\"trigger_links\":[],\"trigger_openings\":[],\"no_triggers\":[],\"broad_parts\":[],"
    "\"infixes\":[{\"name\":\"否定\",\"words\":[\"不\"]}]}";

static bool load(struct kb *kb, struct arena *arena, const char *text, struct failure *failure) {
    static struct lexicon lexicon;
    return lexicon_load(&lexicon, arena, span_of(LEXICON), "lexicon.json", failure) &&
           kb_load(kb, arena, span_of(text), "kb.json", &lexicon, failure);
}

static void test_a_small_one_is_read_whole(void **state) {
    (void)state;
    struct arena arena = {0};
    struct kb kb;
    struct failure failure;
    assert_true(load(&kb, &arena, KB(SYMPTOMS, DISEASE), &failure));
    assert_string_equal(kb.version, "2026.01");
    assert_int_equal(kb.n_diseases, 1);
    const struct disease *disease = &kb.diseases[0];
    assert_string_equal(disease->name, "偏头痛");
    assert_string_equal(disease->icd10, "G43.9");
    assert_true(disease->age_min == 6 && disease->age_max > 120);
    assert_int_equal(disease->sex, SEX_UNKNOWN);
    assert_true(disease_weight(disease, wordlist_find(&kb.symptoms, span_of("头痛")), 9) == 2);
    assert_true(disease_weight(disease, wordlist_find(&kb.symptoms, span_of("恶心")), 9) == -1);
    assert_true(disease_weight(disease, TERM_NONE, 9) == 9);
    assert_string_equal(disease->tests[0].reason, "r");
    arena_free(&arena);
}

#define RELATIONS                                                                     \
    "\"broader\":[{\"name\":\"头痛\",\"kinds\":[\"恶心\"]}],"                     \
    "\"measured\":[{\"vital\":\"体温\",\"at_least\":37.3,\"symptom\":\"头痛\"}]," \
    "\"synonyms\":[{\"aggravating\":\"强光\",\"means\":\"恶心\"}],"               \
    "\"questions\":[{\"symptom\":\"恶心\",\"ask\":\"想不想吐?\"}],\"diseases\""

static void test_signs_of_every_kind_are_read(void **state) {
    (void)state;
    static const char GOOD[] = KB(SYMPTOMS, DISEASE);
    static const char SIGNS[] = "{\"site\":\"前额\",\"weight\":1},{\"aggravating\":\"强光\",\"weight\":2},"
                                "{\"course\":\"<=3\",\"weight\":1},{\"age\":\">=60\",\"weight\":-1},"
                                "{\"patient\":\"怀孕\",\"weight\":1},{\"symptom\":\"恶心\"";
    char text[4096];
    const char *nausea = strstr(GOOD, "{\"symptom\":\"恶心\""), *diseases = strstr(GOOD, "\"diseases\"");
    snprintf(text, sizeof text, "%.*s%s%.*s%s%s", (int)(diseases - GOOD), GOOD, RELATIONS,
             (int)(nausea - diseases - (int)strlen("\"diseases\"")), diseases + strlen("\"diseases\""), SIGNS,
             nausea + strlen("{\"symptom\":\"恶心\""));
    struct arena arena = {0};
    struct kb kb;
    struct failure failure = {.message = ""};
    bool loaded = load(&kb, &arena, text, &failure);
    assert_string_equal(failure.message, "");
    assert_true(loaded);
    static const enum sign_kind KINDS[] = {SIGN_SYMPTOM, SIGN_SYMPTOM, SIGN_AGGRAVATING, SIGN_SITE,
                                           SIGN_COURSE,  SIGN_AGE,     SIGN_PREGNANT};
    assert_int_equal(kb.n_signs, sizeof KINDS / sizeof *KINDS);
    for (size_t i = 0; i < kb.n_signs; i++) assert_int_equal(kb.signs[i].kind, KINDS[i]);
    assert_true(!kb.signs[4].at_least && kb.signs[4].bound == 3);
    assert_true(kb.signs[5].at_least && kb.signs[5].bound == 60);
    assert_true(disease_weight(&kb.diseases[0], 2, 9) == 2 && disease_weight(&kb.diseases[0], 5, 9) == -1);
    assert_true(kb.broader[0] == TERM_NONE && kb.broader[1] == 0);
    assert_true(kb.n_measured == 1 && kb.measured[0].at_least == 37.3 && kb.measured[0].symptom == 0);
    assert_true(kb.n_synonyms == 1 && kb.synonyms[0].sign == 2 && kb.synonyms[0].symptom == 1);
    assert_null(kb.questions[0]);
    assert_string_equal(kb.questions[1], "想不想吐?");
    arena_free(&arena);
}

/* Each case is the good text with one part replaced. */
static void test_damage_is_named(void **state) {
    (void)state;
    static const struct {
        const char *part, *instead, *message;
    } CASES[] = {
        {"youtu.kb/1", "youtu.kb/2", "kb.json:第 1 行:字段 schema 为 \"youtu.kb/2\",应为 \"youtu.kb/1\""},
        {"\"version\":\"2026.01\",", "", "kb.json:第 1 行:缺少字段 version,应为 非空字符串"},
        {"\"note\"", "\"notes\"", "kb.json:第 1 行:不认识的字段 notes"},
        {"\"头疼\"", "\"恶心\"", "kb.json:第 1 行:symptoms 中“恶心”同时属于“头痛”和“恶心”,应只属于一个"},
        {"\"头疼\"", "\"奶奶\"", "kb.json:第 1 行:symptoms 中“奶奶”同时属于“头痛”和“decoys”,应只属于一个"},
        {"{\"name\":\"恶心\",", "{\"name\":\"头痛\",",
         "kb.json:第 1 行:symptoms[1]“头痛”:字段 name 为 \"头痛\",应为 没有出现过的名称"},
        {"\"G43.9\"", "\"43.9\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”:字段 icd10 为 \"43.9\",应为 ICD-10 编码(如 \"G43.9\")"},
        {"\"min\":6,\"max\":null", "\"min\":6,\"max\":5",
         "kb.json:第 2 行:diseases[0]“偏头痛”.ages:字段 min 为 6,应为 不大于 max 的数"},
        {"\"sex\":null", "\"sex\":\"x\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”:字段 sex 为 \"x\",应为 \"男\"、\"女\"或 null"},
        {"\"commonness\":4", "\"commonness\":9",
         "kb.json:第 2 行:diseases[0]“偏头痛”:字段 commonness 为 9,应为 1 到 5 的数"},
        {"{\"symptom\":\"恶心\"", "{\"symptom\":\"呕吐\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”.findings[1]:字段 symptom 为 \"呕吐\",应为 词典或本文件 symptoms 中的名称"},
        {"{\"symptom\":\"恶心\"", "{\"symptom\":\"头痛\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”.findings[1]:字段 symptom 为 \"头痛\",应为 本病没有列过的表现"},
        {"{\"symptom\":\"恶心\"", "{\"site\":\"后脑\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”.findings[1]:字段 site 为 \"后脑\",应为 词典 sites 中的名称"},
        {"{\"symptom\":\"恶心\"", "{\"aggravating\":\"声音\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”.findings[1]:字段 aggravating 为 \"声音\",应为 词典 triggers 中的名称"},
        {"{\"symptom\":\"恶心\"", "{\"course\":\"3\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”.findings[1]:字段 course 为 \"3\",应为 \"<=N\" 或 \">=N\"(天)"},
        {"{\"symptom\":\"恶心\"", "{\"age\":\">=老\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”.findings[1]:字段 age 为 \">=老\",应为 \"<=N\" 或 \">=N\"(岁)"},
        {"{\"symptom\":\"恶心\"", "{\"patient\":\"哺乳\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”.findings[1]:字段 patient 为 \"哺乳\",应为 \"怀孕\""},
        {"{\"symptom\":\"恶心\"", "{\"symptom\":\"恶心\",\"site\":\"前额\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”.findings[1]:字段 symptom 为 \"恶心\",应为 恰好一个表现(symptom、site 等)"},
        {"\"sex\":null,", "\"sex\":null,\"kind_of\":\"偏头痛\",",
         "kb.json:第 2 行:diseases[0]“偏头痛”:字段 kind_of 为 \"偏头痛\",应为 前面的疾病的名称"},
        {"\"diseases\"", "\"broader\":[{\"name\":\"头痛\",\"kinds\":[\"头痛\"]}],\"diseases\"",
         "kb.json:第 2 行:broader[0]“头痛”:字段 kinds 为 [\"头痛\"],应为 词典或本文件 symptoms 中的名称,各只属于一个上位症状"},
        {"\"diseases\"",
         "\"measured\":[{\"vital\":\"身高\",\"at_least\":1,\"symptom\":\"头痛\"}],\"diseases\"",
         "kb.json:第 2 行:measured[0]:字段 vital 为 \"身高\",应为 \"体温\"、\"收缩压\"或\"舒张压\""},
        {"\"diseases\"", "\"synonyms\":[{\"aggravating\":\"强光\",\"means\":\"畏光\"}],\"diseases\"",
         "kb.json:第 2 行:synonyms[0]:字段 means 为 \"畏光\",应为 词典或本文件 symptoms 中的名称"},
        {"\"diseases\"", "\"questions\":[{\"symptom\":\"畏光\",\"ask\":\"怕光吗?\"}],\"diseases\"",
         "kb.json:第 2 行:questions[0]:字段 symptom 为 \"畏光\",应为 词典或本文件 symptoms 中的名称"},
        {"\"weight\":2", "\"weight\":\"2\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”.findings[0]:字段 weight 为 \"2\",应为 -3 到 3 的数"},
        {"\"differentials\":[\"偏头痛\"]", "\"differentials\":[\"感冒\"]",
         "kb.json:第 2 行:diseases[0]“偏头痛”:字段 differentials 为 [\"感冒\"],应为 diseases 中的名称的数组"},
        {"\"never_miss\":false", "\"never_miss\":0",
         "kb.json:第 2 行:diseases[0]“偏头痛”:字段 never_miss 为 0,应为 true 或 false"},
        {"\"reason\":\"r\"", "\"reason\":\"\"",
         "kb.json:第 2 行:diseases[0]“偏头痛”.tests[0]“t”:字段 reason 为 \"\",应为 非空字符串"},
        {"\"aliases\":[\"血管性头痛\"]", "\"aliases\":[1]",
         "kb.json:第 2 行:diseases[0]“偏头痛”:字段 aliases 为 [1],应为 非空字符串的数组"},
        {"\"risk\":\"r\",", "\"risk\":\"r\",\"risk\":\"s\",", NULL},
        {"]}", "", NULL},
    };
    static const char GOOD[] = KB(SYMPTOMS, DISEASE);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char text[4096];
        const char *at = strstr(GOOD, CASES[i].part);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - GOOD), GOOD, CASES[i].instead,
                 at + strlen(CASES[i].part));
        struct arena arena = {0};
        struct kb kb;
        struct failure failure;
        assert_false(load(&kb, &arena, text, &failure));
        assert_int_equal(failure.status, STATUS_INPUT);
        if (CASES[i].message)
            assert_string_equal(failure.message, CASES[i].message);
        else
            assert_memory_equal(failure.message, "kb.json:第 ", strlen("kb.json:第 "));
        arena_free(&arena);
    }
}

static void test_the_built_in_one_is_sound(void **state) {
    (void)state;
    struct clinic clinic;
    struct failure failure = {.message = ""};
    bool opened = clinic_open(&clinic, NULL, NULL, &failure);
    assert_string_equal(failure.message, "");
    assert_true(opened);
    assert_true(clinic.kb.n_diseases >= 230);
    for (size_t i = 0; i < clinic.kb.n_diseases; i++) {
        const struct disease *disease = &clinic.kb.diseases[i], *found;
        assert_true(kb_find_disease(&clinic.kb, &clinic.arena, span_of(disease->name), &found));
        assert_ptr_equal(found, disease);
    }
    clinic_close(&clinic);
}

static void test_diagnoses_are_found_by_their_names(void **state) {
    (void)state;
    static const char *const CASES[][2] = {
        {"偏头痛", "偏头痛"},         {"血管性头痛", "偏头痛"},
        {"偏头痛发作", "偏头痛"},     {"考虑偏头痛", "偏头痛"},
        {"偏头痛可能性大", "偏头痛"}, {"急性支气管炎", "急性支气管炎"},
        {" 偏头痛 ", "偏头痛"},       {"偏头疼病", NULL},
        {"外星人感冒", NULL},         {"", NULL},
    };
    struct clinic clinic;
    struct failure failure;
    assert_true(clinic_open(&clinic, NULL, NULL, &failure));
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const struct disease *found;
        assert_true(kb_find_disease(&clinic.kb, &clinic.arena, span_of(CASES[i][0]), &found));
        if (CASES[i][1]) {
            assert_non_null(found);
            assert_string_equal(found->name, CASES[i][1]);
        } else {
            assert_null(found);
        }
    }
    clinic_close(&clinic);
}

static void test_longest_word_wins(void **state) {
    (void)state;
    struct arena arena = {0};
    struct wordlist list = {0};
    static const char *const TERMS[] = {"头", "头痛", "头痛欲裂", "痛", "BP"};
    for (size_t i = 0; i < sizeof TERMS / sizeof *TERMS; i++) {
        size_t term;
        assert_true(wordlist_add_term(&list, &arena, TERMS[i], &term));
        assert_true(wordlist_add_word(&list, &arena, term, TERMS[i]));
    }
    size_t other;
    assert_null(wordlist_sort(&list, &other));
    assert_int_equal(wordlist_match(&list, span_of("头痛欲哭"), 0).length, strlen("头痛"));
    assert_int_equal(wordlist_match(&list, span_of("头痛欲哭"), 0).term, 1);
    assert_int_equal(wordlist_match(&list, span_of("头痛欲裂"), 0).length, strlen("头痛欲裂"));
    assert_int_equal(wordlist_match(&list, span_of("头痛"), strlen("头")).length, strlen("痛"));
    assert_int_equal(wordlist_match(&list, span_of("bp 1"), 0).length, 2); /* words are in plain form */
    assert_int_equal(wordlist_match(&list, span_of("胸痛"), 0).length, 0);
    assert_int_equal(wordlist_match(&list, span_of("头\xE7"), 0).length, strlen("头"));
    arena_free(&arena);
}

static void test_a_clinics_own_one_leaves_the_red_flags(void **state) {
    const fixture *f = *state;
    fixture_write_text(f, "kb.json", KB("\"broader\":[]", DISEASE)); /* the symptoms are the lexicon's */
    const char *path = fixture_path(f, "kb.json");
    struct clinic clinic;
    struct failure failure;
    assert_true(clinic_open(&clinic, path, NULL, &failure));
    assert_int_equal(clinic.kb.n_diseases, 1);
    assert_true(wordlist_find(&clinic.redflags.lexicon->symptoms, span_of("抽搐")) != TERM_NONE);
    clinic_close(&clinic);
    fixture_clear(f);
    assert_false(clinic_open(&clinic, path, NULL, &failure));
    assert_int_equal(failure.status, STATUS_INPUT);
    clinic_close(&clinic);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_small_one_is_read_whole),
        cmocka_unit_test(test_signs_of_every_kind_are_read),
        cmocka_unit_test(test_damage_is_named),
        cmocka_unit_test(test_the_built_in_one_is_sound),
        cmocka_unit_test(test_diagnoses_are_found_by_their_names),
        cmocka_unit_test(test_longest_word_wins),
        cmocka_unit_test_setup_teardown(test_a_clinics_own_one_leaves_the_red_flags, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
