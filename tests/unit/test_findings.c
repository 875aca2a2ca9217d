/* What rules read from a patient's text: symptoms with their polarity, times, vital signs, the patient. */
#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

static void test_symptoms_are_present_or_denied(void **state) {
    (void)state;
    assert_findings("头痛三天,恶心。", "头痛 恶心", "");
    assert_findings("脑袋疼,犯恶心", "头痛 恶心", "");
    assert_findings("咳嗽两周,无发热。", "咳嗽", "发热");
    assert_findings("否认发热、咳嗽及胸痛。", "", "发热 咳嗽 胸痛");
    assert_findings("没有发热或咳嗽,有头痛", "头痛", "发热 咳嗽");
    assert_findings("无明显发热,不咳嗽,从没呕吐", "", "发热 咳嗽 呕吐");
    assert_findings("发热没有,咳嗽有", "咳嗽", "发热");
    assert_findings("头痛、咳嗽都没有", "", "头痛 咳嗽");
    assert_findings("胸痛(-)", "", "胸痛");
    assert_findings("不发烧但咳嗽", "咳嗽", "发热");
    assert_findings("不发烧咳嗽", "咳嗽", "发热"); /* a lone 不 denies one */
    assert_findings("无发热、有咳嗽、咳痰", "咳嗽 咳痰", "发热");
    assert_findings("咳嗽\uff0c无发热\uff1b头痛", "咳嗽 头痛", "发热"); /* full-width marks */
}

/* Words of degree, of course in time and of denial between a body part and its complaint. */
static void test_a_complaint_may_be_divided(void **state) {
    (void)state;
    assert_findings("头有点疼", "头痛", "");
    assert_findings("这两天头老是隐隐地疼", "头痛", "");
    assert_findings("肚子有点不舒服", "腹痛", "");
    assert_findings("嗓子特别疼", "咽痛", "");
    assert_findings("胸口一阵阵地闷", "胸闷", "");
    assert_findings("头不疼,嗓子也不怎么疼", "", "头痛 咽痛");
    assert_findings("没有头有点疼的感觉", "", "头痛");
    assert_findings("我妈头有点疼,我嗓子很疼", "头痛", "");
    assert_findings("头很大,手有点短", "", "");
    struct reading reading;
    read_text(&reading, "我\uff0c头 有点 疼\uff0c头有点疼");
    assert_string_equal(reading.findings.positive.items[0].text, "头 有点 疼"); /* in the words before it */
    arena_free(&reading.arena);
}

static void test_what_looks_like_negation_is_none(void **state) {
    (void)state;
    assert_findings("十分钟不到嘴唇肿起来,没感觉到心慌", "面唇肿胀", "心悸");
    assert_findings("不停地咳嗽", "咳嗽", "");
    assert_findings("全身无力、头痛", "乏力 头痛", "");
    assert_findings("无明显诱因出现头痛", "头痛", "");
    assert_findings("头痛没有好转", "头痛", "");
    assert_findings("不是没有头痛", "头痛", "");
    assert_findings("一直睡不着", "失眠", "");
}

static void test_others_past_and_feared_symptoms_are_none(void **state) {
    (void)state;
    assert_findings("我头痛三天,我妈也咳嗽", "头痛", "");
    assert_findings("帮我妈问一下,头痛三天", "头痛", "");
    assert_findings("孩子发热两天,他爸爸咳嗽", "发热", "");
    assert_findings("同事咳嗽,我也头痛了", "头痛", "");
    assert_findings("以前有过胸痛,现在头痛", "头痛", "");
    assert_findings("三天以前开始头痛", "头痛", "");
    assert_findings("头痛已经缓解,还有恶心", "恶心", "");
    assert_findings("昨天退烧了,现在咳嗽", "咳嗽", "");
    assert_findings("吃了药不退烧", "发热", "");
    assert_findings("头痛好了一点", "头痛", "");
    assert_findings("咳嗽,会不会抽搐", "咳嗽", "");
    assert_findings("今天天气不错", "", "");
    /* kin by any name; who is only quarrelled with, or only notices, is not the one with the complaint */
    assert_findings("咳嗽三天,小姨有哮喘,他哥发烧", "咳嗽", "");
    assert_findings("俺媳妇跟我吵架以后头痛", "头痛", "");
    assert_findings("医生我妈头痛三天,我妈还发烧", "头痛 发热", "");
    assert_findings("孩子发烧,奶奶发现流鼻血", "发热 鼻出血", "");
    assert_findings("咳嗽两天,也没说头疼", "咳嗽", "头痛");
    assert_findings("我爸咳嗽,我爷爷也发烧", "咳嗽", "");
    assert_findings("老人咳嗽,我爸还发烧", "咳嗽 发热", "");
}

/* "昨天发现娃尿像酱油色": the record says that the patient is a child. */
static void test_a_childs_age_tells_whom_the_text_speaks_for(void **state) {
    (void)state;
    static const char TEXT[] = "嗓子化脓好了,昨天发现娃尿血";
    static const struct {
        int age;
        size_t n_positive;
    } CASES[] = {{8, 1}, {30, 0}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct patient patient = {.has_age = true, .age = CASES[i].age, .age_unit = "岁"};
        struct report report;
        struct failure failure;
        assert_true(report_begin(&report, &clinic, &patient, NULL, span_of(TEXT), 0.5, &failure));
        assert_int_equal(report.findings.positive.count, CASES[i].n_positive);
        report_free(&report);
    }
}

static void test_findings_keep_the_patients_words(void **state) {
    (void)state;
    struct reading reading;
    read_text(&reading, "我最近三天一直头痛,否认发热\u3001咳嗽。Ｓｐｏ２ 96");
    assert_string_equal(reading.findings.positive.items[0].text, "一直头痛");
    assert_string_equal(reading.findings.negative.items[0].text, "否认发热");
    assert_string_equal(reading.findings.negative.items[1].text, "否认发热、咳嗽");
    assert_true(reading.findings.vitals.spo2 == 96);
    arena_free(&reading.arena);
}

static void test_a_story_before_a_complaint_is_not_quoted(void **state) {
    (void)state;
    struct reading reading;
    read_text(&reading, "两个膝盖疼五六年了,右边重,上下楼疼得厉害,歇歇能轻些,没红没肿,右膝有点疼,不肿");
    assert_string_equal(reading.findings.negative.items[0].name, "关节红肿");
    assert_string_equal(reading.findings.negative.items[0].text, "没红");
    arena_free(&reading.arena);
}

static void test_durations_are_in_days(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
        double days; /* NAN: vague; negative: none */
    } CASES[] = {
        {"头痛三天", "三天", 3},      {"咳嗽两周", "两周", 14},     {"半个月了", "半个月", 15},
        {"3个月", "3个月", 90},       {"一个多月", "一个多月", 30}, {"一年半", "一年半", 547.5},
        {"两三天", "两三天", 2.5},    {"3-5天", "3-5天", 4},        {"十来天", "十来天", 10},
        {"二十多天", "二十多天", 20}, {"3小时", "3小时", 0.125},    {"\uff13天", "\uff13天", 3},
        {"好几天了", "好几天", NAN},  {"每3天一次", NULL, -1},      {"孕20周", NULL, -1},
        {"一天拉了三次", NULL, -1},   {"35岁", NULL, -1},           {"2023年", NULL, -1},
        {"3月份开始", NULL, -1},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct reading reading;
        read_text(&reading, CASES[i].text);
        print_message("%s\n", CASES[i].text);
        assert_int_equal(reading.findings.n_durations, CASES[i].words ? 1 : 0);
        if (CASES[i].words) {
            double days = reading.findings.durations[0].days;
            assert_string_equal(reading.findings.durations[0].text, CASES[i].words);
            if (isnan(CASES[i].days))
                assert_true(isnan(days));
            else
                assert_true(fabs(days - CASES[i].days) < 1e-9);
        }
        arena_free(&reading.arena);
    }
}

static void test_chief_complaint_is_shorthand(void **state) {
    (void)state;
    static const char *const CASES[][2] = {{"最近三天一直头痛,恶心", "头痛3天"},
                                           {"咳嗽两周,夜间加重", "咳嗽2周"},
                                           {"头晕一个月", "头晕1个月"},
                                           {"头晕两年", "头晕2年"},
                                           {"头痛半年", "头痛半年"},
                                           {"好几天了,头晕", "头晕"}};
    struct reading reading;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        read_text(&reading, CASES[i][0]);
        assert_string_equal(reading.findings.chief_complaint, CASES[i][1]);
        arena_free(&reading.arena);
    }
    read_text(&reading, "您好");
    assert_null(reading.findings.chief_complaint);
    arena_free(&reading.arena);
}

static void assert_vitals(const char *text, struct vitals expected) {
    struct vitals found = vitals_read(span_of(text), NULL);
    const double pairs[][2] = {{found.temperature_c, expected.temperature_c},
                               {found.systolic, expected.systolic},
                               {found.diastolic, expected.diastolic},
                               {found.heart_rate, expected.heart_rate},
                               {found.respiratory_rate, expected.respiratory_rate},
                               {found.spo2, expected.spo2}};
    print_message("%s\n", text);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_true(pairs[i][0] == pairs[i][1] || (isnan(pairs[i][0]) && isnan(pairs[i][1])));
}

/* The number of a vital sign is quoted with its tenths and no more. */
static void test_places_of_vital_signs(void **state) {
    (void)state;
    static const struct {
        const char *text, *number;
    } CASES[] = {{"发烧38度5", "38度5"},       {"发烧38度3天", "38"}, {"发热39度12小时", "39"},
                 {"体温38点5", "38点5"},       {"38.7,咽痛", "38.7"}, {"体温三十八度半", "三十八度半"},
                 {"血压不清,体温37.9", "37.9"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct vital_places places;
        vitals_read(span_of(CASES[i].text), &places);
        const struct vital_place *place = &places.of[VITAL_TEMPERATURE];
        print_message("%s\n", CASES[i].text);
        assert_int_equal(place->end - place->start, strlen(CASES[i].number));
        assert_memory_equal(CASES[i].text + place->start, CASES[i].number, strlen(CASES[i].number));
    }
}

/* What is no number that anybody means, and what is too long to be one, costs little and is none. */
static void test_endless_numbers(void **state) {
    (void)state;
    static const char *const PIECES[] = {"9", "零", "3天", "量了", "120 80 ", "冷、"};
    for (size_t i = 0; i < sizeof PIECES / sizeof *PIECES; i++) {
        struct buffer text = {0};
        buffer_put(&text, "咳嗽");
        for (size_t n = 0; n < 60000 / strlen(PIECES[i]); n++) buffer_put(&text, PIECES[i]);
        buffer_put(&text, "天好点");
        buffer_append(&text, "", 1);
        assert_false(text.failed);
        struct reading reading;
        read_text(&reading, text.data);
        for (size_t j = 0; j < reading.findings.n_durations; j++)
            assert_true(reading.findings.durations[j].days < 1e6 ||
                        isnan(reading.findings.durations[j].days));
        arena_free(&reading.arena);
        buffer_free(&text);
    }
}

static void test_vital_signs(void **state) {
    (void)state;
    assert_vitals("体温38.5℃,血压150/95mmhg,心率102次/分,呼吸20次/分,血氧饱和度96%",
                  (struct vitals){38.5, 150, 95, 102, 20, 96});
    assert_vitals("t 37.8 p 98 r 18 bp 116/70", (struct vitals){37.8, 116, 70, 98, 18, NAN});
    assert_vitals("烧到39度,昨天37.9度", (struct vitals){39, NAN, NAN, NAN, NAN, NAN});
    assert_vitals("发热40天,呼吸困难5天,2/3片", (struct vitals){NAN, NAN, NAN, NAN, NAN, NAN});
    assert_vitals("血压一百二十六八十,心率五十六", (struct vitals){NAN, 126, 80, 56, NAN, NAN});
    assert_vitals("这三天血压都180上下", (struct vitals){NAN, 180, NAN, NAN, NAN, NAN});
    assert_vitals("今早量37.9", (struct vitals){37.9, NAN, NAN, NAN, NAN, NAN});
    assert_vitals("咽东西疼 38.8 能喝粥", (struct vitals){38.8, NAN, NAN, NAN, NAN, NAN});
    assert_vitals("血压180,血氧低到88", (struct vitals){NAN, 180, NAN, NAN, NAN, NAN});
    assert_vitals("血压高到180低到100", (struct vitals){NAN, 180, 100, NAN, NAN, NAN});
    assert_vitals("体温38点5,烧了3天", (struct vitals){38.5, NAN, NAN, NAN, NAN, NAN});
    assert_vitals("血小板低 36.5,身高1米38.5,花了38.5块", (struct vitals){NAN, NAN, NAN, NAN, NAN, NAN});
    assert_vitals("近视300度,每天3次", (struct vitals){NAN, NAN, NAN, NAN, NAN, NAN});
}

static void assert_words(const struct strings *found, const char *expected) {
    struct buffer joined = {0};
    for (size_t i = 0; i < found->count; i++) buffer_format(&joined, i ? " %s" : "%s", found->items[i]);
    assert_string_equal(joined.length ? joined.data : "", expected);
    buffer_free(&joined);
}

static void test_trend_and_periods(void **state) {
    (void)state;
    static const struct {
        const char *text, *trend, *menstrual;
    } CASES[] = {
        {"头痛三天,越来越重,末次月经上周刚走", "加重", "末次月经上周刚走"},
        {"胃疼反反复复两年,这几天加重", "加重", ""}, /* the last that is told */
        {"感冒五天,慢慢好转", "减轻", ""},
        {"停经47天,下腹痛,月经一直很准", NULL, "停经47天 月经一直很准"},
        {"腰疼,弯腰加重", NULL, ""},
        {"腰疼三天,没有越来越重", NULL, ""},
        {"咳嗽三天,我妈绝经了", NULL, ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct reading reading;
        read_text(&reading, CASES[i].text);
        print_message("%s\n", CASES[i].text);
        const char *trend = reading.findings.trend;
        assert_string_equal(trend ? trend : "", CASES[i].trend ? CASES[i].trend : "");
        assert_words(&reading.findings.menstrual, CASES[i].menstrual);
        arena_free(&reading.arena);
    }
}

/* Every thing that is told is an entity with its place, however it is meant. */
static void test_entities_of_every_kind(void **state) {
    (void)state;
    static const char TEXT[] =
        "太阳穴剧烈胀痛三天,看强光加重,体温38度5,血压150/95,心率102,没有刺痛,对青霉素过敏";
    static const struct {
        enum entity_kind kind;
        enum polarity polarity;
        const char *name, *text;
    } EXPECTED[] = {
        {ENTITY_SITE, POLARITY_PRESENT, "太阳穴", "太阳穴"},
        {ENTITY_SEVERITY, POLARITY_PRESENT, "重", "剧烈"},
        {ENTITY_QUALITY, POLARITY_PRESENT, "胀痛", "胀痛"},
        {ENTITY_DURATION, POLARITY_PRESENT, "三天", "三天"},
        {ENTITY_AGGRAVATING, POLARITY_PRESENT, "强光", "强光"},
        {ENTITY_VITAL, POLARITY_PRESENT, "体温", "38度5"},
        {ENTITY_VITAL, POLARITY_PRESENT, "心率", "102"},
        {ENTITY_VITAL, POLARITY_PRESENT, "收缩压", "150/95"},
        {ENTITY_VITAL, POLARITY_PRESENT, "舒张压", "150/95"},
        {ENTITY_QUALITY, POLARITY_DENIED, "刺痛", "刺痛"},
        {ENTITY_ALLERGY, POLARITY_PRESENT, "青霉素", "青霉素"},
    };
    struct reading reading;
    read_text(&reading, TEXT);
    for (size_t i = 0; i < sizeof EXPECTED / sizeof *EXPECTED; i++) {
        const struct entity *found = NULL;
        for (size_t j = 0; !found && j < reading.findings.n_entities; j++) {
            const struct entity *entity = &reading.findings.entities[j];
            if (entity->kind == EXPECTED[i].kind && entity->polarity == EXPECTED[i].polarity &&
                strcmp(entity->name, EXPECTED[i].name) == 0)
                found = entity;
        }
        if (!found) fail_msg("%s %s", entity_kind_name(EXPECTED[i].kind), EXPECTED[i].name);
        assert_string_equal(found->text, EXPECTED[i].text);
        assert_memory_equal(TEXT + found->start, found->text, found->end - found->start);
    }
    arena_free(&reading.arena);
}

static void test_the_patient_is_read_from_the_text(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int age; /* -1: unknown */
        const char *unit;
        enum sex sex;
        enum pregnancy pregnancy;
    } CASES[] = {
        {"女,35岁,头痛", 35, "岁", SEX_FEMALE, PREGNANCY_UNKNOWN},
        {"患者男性,五十六岁,胸痛", 56, "岁", SEX_MALE, PREGNANCY_UNKNOWN},
        {"宝宝8个月大,发热", 8, "月", SEX_UNKNOWN, PREGNANCY_UNKNOWN},
        {"女儿3岁,咳嗽", 3, "岁", SEX_FEMALE, PREGNANCY_UNKNOWN},
        {"我头痛,我妈60岁也头痛", -1, NULL, SEX_UNKNOWN, PREGNANCY_UNKNOWN},
        {"男朋友说我头痛", -1, NULL, SEX_UNKNOWN, PREGNANCY_UNKNOWN},
        {"孕20周,头痛", -1, NULL, SEX_FEMALE, PREGNANCY_YES},
        {"没有怀孕,头痛", -1, NULL, SEX_UNKNOWN, PREGNANCY_NO},
        {"是不是怀孕了", -1, NULL, SEX_UNKNOWN, PREGNANCY_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct reading reading;
        read_text(&reading, CASES[i].text);
        print_message("%s\n", CASES[i].text);
        assert_int_equal(reading.patient.has_age, CASES[i].age >= 0);
        if (CASES[i].age >= 0) {
            assert_int_equal(reading.patient.age, CASES[i].age);
            assert_string_equal(reading.patient.age_unit, CASES[i].unit);
        }
        assert_int_equal(reading.patient.sex, CASES[i].sex);
        assert_int_equal(reading.patient.pregnancy, CASES[i].pregnancy);
        arena_free(&reading.arena);
    }
}

/* An age, however it is said, is no duration; a duration is no age. */
static void test_ages_and_durations_are_told_apart(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int age; /* -1: unknown */
        const char *unit, *complaint;
    } CASES[] = {
        {"孩子8个月,发烧39度两天", 8, "月", "发热2天"},
        {"宝宝5个月大,咳嗽3天", 5, "月", "咳嗽3天"},
        {"宝宝才5个月,咳嗽3天", 5, "月", "咳嗽3天"},
        {"8个月的宝宝发热两天", 8, "月", "发热2天"},
        {"8个多月的宝宝,发热", 8, "月", "发热"},
        {"男,8个月,发热2天", 8, "月", "发热2天"},
        {"出生20天,发烧", 20, "天", "发热"},
        {"新生儿,出生两周,发烧", 14, "天", "发热"},
        {"3岁半,咳嗽", 3, "岁", "咳嗽"},
        {"1岁半,咳嗽", 18, "月", "咳嗽"},
        {"2岁3个月,咳嗽2天", 27, "月", "咳嗽2天"},
        {"半岁,咳嗽", 6, "月", "咳嗽"},
        {"68岁,咳嗽", 68, "岁", "咳嗽"},
        {"男,45岁,咳嗽", 45, "岁", "咳嗽"},
        {"我今年六十二,咳嗽5天", 62, "岁", "咳嗽5天"},
        {"我今年六十二了,咳嗽", 62, "岁", "咳嗽"},
        {"年龄:45,咳嗽", 45, "岁", "咳嗽"},
        {"女儿四岁,咳嗽", 4, "岁", "咳嗽"},
        {"我妈六十多岁,咳嗽", 60, "岁", "咳嗽"},
        {"孩子3岁时得过肺炎,现在6岁,咳嗽", 6, "岁", "咳嗽"},
        {"头痛8个月", -1, NULL, "头痛8个月"},
        {"孩子头痛8个月", -1, NULL, "头痛8个月"},
        {"孩子8个月来一直头痛", -1, NULL, "头痛8个月"},
        {"孩子3天没大便,头痛", -1, NULL, "便秘3天"},
        {"生完孩子3个月,头痛", -1, NULL, "头痛3个月"},
        {"3天大便不通,头痛", -1, NULL, "便秘3天"},
        {"今年3月开始头痛", -1, NULL, "头痛"},
        {"今年5次头痛", -1, NULL, "头痛"},
        {"我头痛3天,孩子8个月了", -1, NULL, "头痛3天"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct reading reading;
        read_text(&reading, CASES[i].text);
        print_message("%s\n", CASES[i].text);
        assert_int_equal(reading.patient.has_age ? reading.patient.age : -1, CASES[i].age);
        if (CASES[i].unit) assert_string_equal(reading.patient.age_unit, CASES[i].unit);
        for (size_t j = 0; j < reading.findings.n_durations; j++)
            print_message("  %s\n", reading.findings.durations[j].text);
        const char *complaint = reading.findings.positive.count ? reading.findings.chief_complaint : "";
        assert_string_equal(complaint, CASES[i].complaint);
        arena_free(&reading.arena);
    }
}

static void test_what_the_caller_knows_stays(void **state) {
    (void)state;
    struct arena arena = {0};
    struct passage passage;
    struct findings findings;
    struct patient patient = {.has_age = true, .age = 5, .age_unit = "月", .sex = SEX_MALE};
    assert_true(passage_open(&passage, &arena, span_of("女,35岁,头痛"), &clinic.lexicon));
    assert_true(findings_extract(&passage, &clinic.kb, &clinic.lexicon, &arena, &patient, &findings));
    assert_int_equal(patient.age, 5);
    assert_string_equal(patient.age_unit, "月");
    assert_int_equal(patient.sex, SEX_MALE);
    arena_free(&arena);
}

/* Whom a text speaks for is told by what is known of the patient, too. */
static void test_whom_a_text_speaks_for(void **state) {
    (void)state;
    static const struct {
        const char *text;
        struct patient patient;
        const char *positive;
    } CASES[] = {
        {"我老公嘴歪住院了,我胃疼", {.sex = SEX_FEMALE}, "上腹痛"},
        {"奶奶带着睡,夜里吐了", {.has_age = true, .age = 1, .age_unit = "岁", .sex = SEX_MALE}, "呕吐"},
        {"我妈抱着孩子,孩子发烧", {.has_age = true, .age = 2, .age_unit = "岁"}, "发热"},
        {"我妈发烧", {.sex = SEX_FEMALE}, "发热"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct arena arena = {0};
        struct passage passage;
        struct findings findings;
        struct patient patient = CASES[i].patient;
        print_message("%s\n", CASES[i].text);
        assert_true(passage_open_for(&passage, &arena, span_of(CASES[i].text), &clinic.lexicon, &patient));
        assert_true(findings_extract(&passage, &clinic.kb, &clinic.lexicon, &arena, &patient, &findings));
        assert_int_equal(findings.positive.count, 1);
        assert_string_equal(findings.positive.items[0].name, CASES[i].positive);
        arena_free(&arena);
    }
}

static void test_sites(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        const char *first, *last;
    } CASES[] = {
        {"左边膝盖外侧疼三天", 1, "左边膝盖外侧", "左边膝盖外侧"},
        {"上腹隐痛", 1, "上腹", "上腹"},
        {"右侧腰绞着疼,往大腿根串", 2, "右侧腰", "大腿根"}, /* where it goes in the next clause */
        {"疼了三天。往大腿根摸了摸", 0, NULL, NULL},
        {"头疼,浑身没劲,钻心", 0, NULL, NULL}, /* too broad to say where */
        {"喝奶茶后腿麻", 0, NULL, NULL},
        {"右眼疼", 1, "右眼", "右眼"}, /* not with a side */
        {"膝盖不疼", 0, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct reading reading;
        print_message("%s\n", CASES[i].text);
        read_text(&reading, CASES[i].text);
        const struct strings *sites = &reading.findings.sites;
        assert_int_equal(sites->count, CASES[i].count);
        if (sites->count) {
            assert_string_equal(sites->items[0], CASES[i].first);
            assert_string_equal(sites->items[sites->count - 1], CASES[i].last);
        }
        arena_free(&reading.arena);
    }
}

static void test_surroundings_of_a_complaint(void **state) {
    (void)state;
    struct reading reading;
    read_text(&reading,
              "太阳穴剧烈胀痛,看强光会加重,休息后好转,吃药不缓解,有高血压病史,对青霉素过敏,吃过布洛芬,"
              "我妈有糖尿病");
    const struct findings *findings = &reading.findings;
    assert_string_equal(findings->sites.items[0], "太阳穴");
    assert_string_equal(findings->qualities.items[0], "胀痛");
    assert_string_equal(findings->severity, "重");
    assert_int_equal(findings->aggravating.count, 1);
    assert_string_equal(findings->aggravating.items[0], "强光");
    assert_int_equal(findings->relieving.count, 1);
    assert_string_equal(findings->relieving.items[0], "休息");
    assert_int_equal(findings->history.count, 1);
    assert_string_equal(findings->history.items[0], "高血压病");
    assert_string_equal(findings->allergies.items[0], "青霉素");
    assert_int_equal(findings->medications.count, 1);
    assert_string_equal(findings->medications.items[0], "布洛芬");
    arena_free(&reading.arena);
}

/* A word of degree is the degree of a complaint, not of a change or of anything else. */
static void test_severity_is_of_a_complaint(void **state) {
    (void)state;
    static const struct {
        const char *text, *severity;
    } CASES[] = {{"头有点疼", "轻"},
                 {"肚子稍微有些难受", "轻"},
                 {"右手没劲,吃了药稍微好点", NULL},
                 {"停经50天,有点出血", NULL}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct reading reading;
        print_message("%s\n", CASES[i].text);
        read_text(&reading, CASES[i].text);
        if (CASES[i].severity)
            assert_string_equal(reading.findings.severity, CASES[i].severity);
        else
            assert_null(reading.findings.severity);
        arena_free(&reading.arena);
    }
}

static void test_triggers(void **state) {
    (void)state;
    static const struct {
        const char *text, *aggravating, *relieving;
    } CASES[] = {
        /* a word of change, with and without a link; the trigger in the clause before */
        {"膝盖疼,上下楼加重,歇歇能轻些", "上下楼", "歇歇"},
        {"腰疼,捂热水袋,能好点", "", "捂热水袋"},
        {"胃疼,生气以后更厉害,喝热水舒服点", "生气", "喝热水"},
        {"头晕,熬夜、喝酒之后明显", "熬夜 喝酒", ""},
        {"眼睛干涩,戴隐形、骑车都加重", "戴隐形 骑车", ""}, /* of a list, though no word knows it */
        /* a complaint that a link or a known trigger brings */
        {"腰疼,一弯腰就疼", "弯腰", ""},
        {"脚疼,踩地疼", "踩地", ""},
        {"胸口痛,咳嗽时疼", "咳嗽时", ""},
        {"腰疼,翻身疼,平躺就不疼", "翻身", "平躺"},
        /* a length of time is no part of a trigger */
        {"走快了胸口发紧,歇几分钟就好", "走快", "歇几分钟"},
        {"胸口闷,含了速效救心丸七八分钟才过去", "", "含了速效救心丸"},
        /* what the patient has to do; what grows */
        {"夜里憋醒,得坐起来喘", "", "坐起来"},
        {"膝盖疼,越走越疼", "走", ""},
        /* another's, one event, what does not help, what the complaint is */
        {"头疼,吃了布洛芬也没用", "", ""},
        {"昨天搬东西腰突然疼", "", ""},
        {"腰疼,弯腰、昨天搬东西加重", "弯腰", ""},
        {"骨质疏松吃强的松,腰疼", "", ""},
        {"走路不稳三天", "", ""},
        {"受了凉,咳嗽加重", "", ""},
        {"早上醒来左耳听不见", "", ""},
        {"喉咙像被掐住一样疼", "", ""},
        {"胸口像被大象踩着喘不上气", "", ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct reading reading;
        read_text(&reading, CASES[i].text);
        assert_words(&reading.findings.aggravating, CASES[i].aggravating);
        assert_words(&reading.findings.relieving, CASES[i].relieving);
        arena_free(&reading.arena);
    }
}

/* A megabyte without any punctuation ends in bounded time: no rule looks further than a window. */
static void test_long_text_without_punctuation(void **state) {
    (void)state;
    static const char PIECE[] = "没有咳嗽和头痛我妈三天";
    size_t length = 1 << 20;
    char *text = malloc(length + 1);
    assert_non_null(text);
    size_t filled = 0;
    for (; filled + strlen(PIECE) <= length; filled += strlen(PIECE))
        memcpy(text + filled, PIECE, strlen(PIECE));
    text[filled] = '\0';
    struct reading reading;
    read_text(&reading, text);
    assert_int_equal(reading.findings.positive.count + reading.findings.negative.count, 2);
    arena_free(&reading.arena);
    free(text);
}

static void test_text_is_checked(void **state) {
    (void)state;
    static const struct {
        struct span text;
        const char *message; /* NULL: accepted */
    } CASES[] = {
        {{"头痛", 6}, NULL},
        {{"", 0}, "T:没有内容;请写出患者的不适"},
        {{" \n\t\343\200\200\342\200\213", 9}, "T:没有内容;请写出患者的不适"},
        {{"a\0b", 3}, "T:第 1 字节处是 NUL,不是文本"},
        {{"\345\244\264\377", 4}, "T:第 3 字节(0xFF)处不是有效的 UTF-8;请把文本转换为 UTF-8"},
        {{"\345\244", 2}, "T:第 0 字节(0xE5)处不是有效的 UTF-8;请把文本转换为 UTF-8"},
        {{"\300\200", 2}, "T:第 0 字节(0xC0)处不是有效的 UTF-8;请把文本转换为 UTF-8"},
        {{"\355\240\200", 3}, "T:第 0 字节(0xED)处不是有效的 UTF-8;请把文本转换为 UTF-8"},
        {{"\364\220\200\200", 4}, "T:第 0 字节(0xF4)处不是有效的 UTF-8;请把文本转换为 UTF-8"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct failure failure;
        bool accepted = text_check(CASES[i].text, "T", &failure);
        assert_int_equal(accepted, CASES[i].message == NULL);
        if (CASES[i].message) {
            assert_string_equal(failure.message, CASES[i].message);
            assert_int_equal(failure.status, STATUS_INPUT);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symptoms_are_present_or_denied),
        cmocka_unit_test(test_a_complaint_may_be_divided),
        cmocka_unit_test(test_what_looks_like_negation_is_none),
        cmocka_unit_test(test_others_past_and_feared_symptoms_are_none),
        cmocka_unit_test(test_a_childs_age_tells_whom_the_text_speaks_for),
        cmocka_unit_test(test_findings_keep_the_patients_words),
        cmocka_unit_test(test_a_story_before_a_complaint_is_not_quoted),
        cmocka_unit_test(test_durations_are_in_days),
        cmocka_unit_test(test_chief_complaint_is_shorthand),
        cmocka_unit_test(test_vital_signs),
        cmocka_unit_test(test_places_of_vital_signs),
        cmocka_unit_test(test_endless_numbers),
        cmocka_unit_test(test_trend_and_periods),
        cmocka_unit_test(test_entities_of_every_kind),
        cmocka_unit_test(test_the_patient_is_read_from_the_text),
        cmocka_unit_test(test_ages_and_durations_are_told_apart),
        cmocka_unit_test(test_what_the_caller_knows_stays),
        cmocka_unit_test(test_whom_a_text_speaks_for),
        cmocka_unit_test(test_sites),
        cmocka_unit_test(test_surroundings_of_a_complaint),
        cmocka_unit_test(test_severity_is_of_a_complaint),
        cmocka_unit_test(test_triggers),
        cmocka_unit_test(test_long_text_without_punctuation),
        cmocka_unit_test(test_text_is_checked),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
