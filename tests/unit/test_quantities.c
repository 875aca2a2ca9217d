/* Numbers with a unit in running text: lengths of time, beginnings, vital signs. */
#include "cli/clinic/quantities.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_days(const char *text, double expected) {
    double days = NAN;
    size_t end = 0;
    print_message("%s\n", text);
    assert_true(duration_read(span_of(text), 0, &days, &end));
    assert_float_equal(days, expected, 1e-6);
}

static void assert_no_duration(const char *text, const char *at) {
    double days;
    size_t end;
    print_message("%s\n", text);
    assert_false(duration_read(span_of(text), span_find(span_of(text), span_of(at), 0), &days, &end));
}

static void test_durations(void **state) {
    (void)state;
    assert_days("两三天", 2.5);
    assert_days("半个月", 15);
    assert_days("仨月", 90);
    assert_days("个把月了", 30);
    assert_days("俩礼拜", 14);
    assert_days("好几年", 4 * 365);
    assert_days("一天一夜", 1);
    assert_days("三天一天七八次", 3);
    assert_days("3d", 3);
    assert_days("2h", 2.0 / 24);
    assert_days("九个钟", 9.0 / 24);
    assert_days("5月余", 150);
    assert_no_duration("2天拉了5回", "2天");
    assert_no_duration("一天比一天重", "一天");
    assert_no_duration("心跳一分钟54", "一分钟");
    assert_no_duration("睡三小时", "三小时");
    assert_no_duration("产后第9天", "9天");
    assert_no_duration("十几秒再吸气", "十几秒");
    assert_no_duration("一天站九个小时", "一天");
    assert_no_duration("磕了,第二天就没事了", "二天");
    assert_no_duration("2D彩超", "2D");
    assert_no_duration("q8h", "8h");
    assert_no_duration("3月份", "3月");
}

static void test_beginnings(void **state) {
    (void)state;
    double days = NAN;
    size_t end = 0;
    assert_true(onset_read(span_of("昨晚开始"), 0, &days, &end));
    assert_float_equal(days, 0.5, 1e-6);
    assert_true(onset_read(span_of("大前天"), 0, &days, &end));
    assert_float_equal(days, 3, 1e-6);
    assert_true(onset_read(span_of("上周五开始"), 0, &days, &end));
    assert_float_equal(days, 7, 1e-6);
    assert_false(onset_read(span_of("上周刚来完月经"), 0, &days, &end));
}

static void test_temperatures(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double celsius;
    } CASES[] = {{"发热38度5左右", 38.5},       {"高烧三十九度八", 39.8},       {"烧到四十度", 40},
                 {"有点低烧37.8 身上酸", 37.8}, {"红肿疼,37.8,没打哆嗦", 37.8}, {"t 38.5 p102", 38.5}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        print_message("%s\n", CASES[i].text);
        assert_float_equal(vitals_read(span_of(CASES[i].text), NULL).temperature_c, CASES[i].celsius, 1e-6);
    }
    assert_true(isnan(vitals_read(span_of("发热40天"), NULL).temperature_c));
    assert_true(isnan(vitals_read(span_of("不发热,体重37.8公斤"), NULL).temperature_c));
    assert_true(isnan(vitals_read(span_of("发热90度"), NULL).temperature_c));
}

static void assert_pressure(const char *text, double systolic, double diastolic) {
    struct vitals vitals = vitals_read(span_of(text), NULL);
    print_message("%s\n", text);
    assert_float_equal(vitals.systolic, systolic, 1e-6);
    assert_float_equal(vitals.diastolic, diastolic, 1e-6);
}

static void test_pressures_and_rates(void **state) {
    (void)state;
    assert_pressure("bp 150/95", 150, 95);
    assert_pressure("高压一百六低压九十", 160, 90);
    assert_pressure("血压量出来78 46", 78, 46);
    assert_pressure("血压160 100", 160, 100);
    assert_true(isnan(vitals_read(span_of("3/2的饭"), NULL).systolic));
    assert_float_equal(vitals_read(span_of("心跳慢一分钟54"), NULL).heart_rate, 54, 1e-6);
    assert_float_equal(vitals_read(span_of("心率一百二"), NULL).heart_rate, 120, 1e-6);
    assert_float_equal(vitals_read(span_of("血氧九十一"), NULL).spo2, 91, 1e-6);
    assert_float_equal(vitals_read(span_of("spo₂ 93%"), NULL).spo2, 93, 1e-6);
    assert_true(isnan(vitals_read(span_of("呼吸十分困难"), NULL).respiratory_rate));
    assert_true(isnan(vitals_read(span_of("心率900"), NULL).heart_rate));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_beginnings),
        cmocka_unit_test(test_temperatures),
        cmocka_unit_test(test_pressures_and_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
