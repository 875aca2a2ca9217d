/* The impression: its score, what it reads, what it warns of, and how weights are refused. */
#include "clinic_fixture.h"

#include "cli/clinic/impression.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define HEAD(calm) "youtu.impression/1\ncalm " calm "\nurgent 0 100\nemergency 0 100\n"

/* What an impression of these weights adds to the warnings of a text; the arena is the reading's. */
static struct warnings form(struct reading *reading, const char *weights, struct warnings before) {
    struct impression impression;
    struct failure failure;
    assert_true(impression_load(&impression, &reading->arena, span_of(weights), "impression.txt", &failure));
    assert_true(
        impression_check(&impression, &reading->passage, &reading->patient, &reading->arena, &before));
    return before;
}

static struct warnings form_of(struct reading *reading, const char *text, const char *weights) {
    read_text(reading, text);
    return form(reading, weights, (struct warnings){0});
}

static void assert_level(const char *text, const char *weights, enum urgency urgency) {
    struct reading reading;
    assert_int_equal(form_of(&reading, text, weights).urgency, urgency);
    arena_free(&reading.arena);
}

static void test_the_score(void **state) {
    (void)state;
    /* 2.00 / sqrt(calm + 1 feature), against 1.00 */
    assert_level("他叫不醒", HEAD("0") "叫不醒\t0 200\n", URGENCY_EMERGENCY);
    assert_level("他叫不醒", HEAD("3") "叫不醒\t0 200\n", URGENCY_EMERGENCY);
    assert_level("他叫不醒", HEAD("4") "叫不醒\t0 200\n", URGENCY_ROUTINE);
    /* every feature counts once, and a longer one beside the shorter in it */
    assert_level("睡睡睡", HEAD("0") "睡\t0 99\n", URGENCY_ROUTINE);
    assert_level("睡睡", HEAD("0") "睡\t0 80\n睡睡\t0 80\n", URGENCY_EMERGENCY);
    assert_level("他叫不醒", HEAD("0") "叫不醒\t200 0\n", URGENCY_URGENT);
    assert_level("他叫不醒", HEAD("0") "叫不醒\t0 200\n他\t0 -100\n", URGENCY_ROUTINE);
}

static void test_what_is_read(void **state) {
    (void)state;
    /* what is denied, or another's, is blotted out; a symptom counts by its name, in whatever words */
    assert_level("没有胸痛", HEAD("0") "胸痛\t0 200\n", URGENCY_ROUTINE);
    assert_level("没有胸痛", HEAD("0") "N胸痛\t0 200\n", URGENCY_EMERGENCY);
    assert_level("我头疼,我同事胸口疼", HEAD("0") "P胸痛\t0 200\n", URGENCY_ROUTINE);
    assert_level("胸口疼", HEAD("0") "P胸痛\t0 200\n", URGENCY_EMERGENCY);
    assert_level("男,66岁,胸口疼", HEAD("0") "A7\t0 200\n", URGENCY_EMERGENCY);
    assert_level("胸口疼", HEAD("0") "A7\t0 200\n", URGENCY_ROUTINE);
    assert_level("\u80f8\u53e3\u75bc\uff0c\u53eb\u4e0d\u9192", HEAD("0") ",叫\t0 200\n", URGENCY_EMERGENCY);
}

static void test_the_warning(void **state) {
    (void)state;
    struct reading reading;
    struct warnings warnings =
        form_of(&reading, "昨天还好好的,今早怎么叫也叫不醒。平时吃降压药", HEAD("0") "叫不醒\t0 400\n");
    assert_int_equal(warnings.count, 1);
    assert_int_equal(warnings.items[0].level, 'E');
    assert_string_equal(warnings.items[0].rule, "IM2");
    assert_non_null(strstr(warnings.items[0].message, "“今早怎么叫也叫不醒”"));
    arena_free(&reading.arena);
}

static void test_it_raises_and_never_lowers(void **state) {
    (void)state;
    static const char CALM[] = HEAD("0") "好\t-900 -900\n", ALARM[] = HEAD("0") "好\t900 900\n";
    struct warning urgent = {'U', "XX1", "一"}, emergency = {'E', "XX2", "二"};
    struct reading reading;
    read_text(&reading, "好");
    struct warnings kept = form(&reading, CALM, (struct warnings){&emergency, 1, URGENCY_EMERGENCY});
    assert_int_equal(kept.urgency, URGENCY_EMERGENCY);
    assert_int_equal(kept.count, 1);
    kept = form(&reading, ALARM, (struct warnings){&emergency, 1, URGENCY_EMERGENCY});
    assert_int_equal(kept.count, 1);
    struct warning *items = arena_grow(&reading.arena, NULL, 0, sizeof *items);
    assert_non_null(items);
    items[0] = urgent;
    struct warnings raised = form(&reading, ALARM, (struct warnings){items, 1, URGENCY_URGENT});
    assert_int_equal(raised.urgency, URGENCY_EMERGENCY);
    assert_int_equal(raised.count, 2);
    assert_string_equal(raised.items[0].rule, "IM2");
    assert_string_equal(raised.items[1].rule, "XX1");
    arena_free(&reading.arena);
}

/* Of a telling the most urgent stretch counts; a record is too long for one telling. */
static void test_long_texts(void **state) {
    (void)state;
    static const char SENTENCE[] = "早上吃了一碗粥两个包子然后出门买菜走了一圈碰见邻居说了几句话。";
    struct buffer text = {0};
    struct reading reading;
    for (int i = 0; i < 20; i++) buffer_put(&text, SENTENCE);
    buffer_put(&text, "他叫不醒。");
    buffer_append(&text, "", 1);
    assert_false(text.failed);
    assert_int_equal(form_of(&reading, text.data, HEAD("0") "叫不醒\t0 900\n早\t0 -300\n").urgency,
                     URGENCY_EMERGENCY);
    arena_free(&reading.arena);
    text.length--;
    for (int i = 0; i < 20; i++) buffer_put(&text, SENTENCE);
    buffer_append(&text, "", 1);
    assert_false(text.failed);
    assert_int_equal(form_of(&reading, text.data, HEAD("0") "叫不醒\t0 900\n").urgency, URGENCY_ROUTINE);
    arena_free(&reading.arena);
    buffer_free(&text);
}

static void test_bad_weights_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } CASES[] = {
        {"", "第 1 行:应为 特征,而文件到此为止"},
        {"youtu.impression/1\ncalm 60\n", "第 3 行:应为 特征,而文件到此为止"},
        {"youtu.impression/2\n", "第 1 行:应为 youtu.impression/1,而是“youtu.impression/2”"},
        {"youtu.impression/1\ncalm -1\n", "第 2 行:应为 calm N,而是“calm -1”"},
        {"youtu.impression/1\ncalm 60\nemergency 0 0\n", "第 3 行:应为 urgent BIAS FROM,而是“emergency 0 0”"},
        {"youtu.impression/1\ncalm 60\nurgent 0 0\nemergency 0\n",
         "第 4 行:应为 emergency BIAS FROM,而是“emergency 0”"},
        {HEAD("60"), "第 5 行:应为 特征,而文件到此为止"},
        {HEAD("60") "叫不醒 1 2\n", "第 5 行:应为 特征、制表符和两个整数,而是“叫不醒 1 2”"},
        {HEAD("60") "叫不醒\t1\n", "第 5 行:应为 特征、制表符和两个整数"},
        {HEAD("60") "叫不醒\t1 99999999\n", "第 5 行:应为 特征、制表符和两个整数"},
        {HEAD("60") "叫\t1 2\n叫\t3 4\n", "特征“叫”有两个"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct impression impression;
        struct failure failure;
        struct arena arena = {0};
        assert_false(
            impression_load(&impression, &arena, span_of(CASES[i].text), "impression.txt", &failure));
        print_message("%s\n", failure.message);
        assert_non_null(strstr(failure.message, "impression.txt:"));
        assert_non_null(strstr(failure.message, CASES[i].message));
        arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_score),   cmocka_unit_test(test_what_is_read),
        cmocka_unit_test(test_the_warning), cmocka_unit_test(test_it_raises_and_never_lowers),
        cmocka_unit_test(test_long_texts),  cmocka_unit_test(test_bad_weights_are_refused),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
