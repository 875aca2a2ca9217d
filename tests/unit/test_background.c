/* What a text says of earlier illnesses, operations, medicines and allergies. */
#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

static const char *joined(const struct strings *list) {
    static char names[512];
    names[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        if (i) strcat(names, " ");
        strncat(names, list->items[i], sizeof names - strlen(names) - 2);
    }
    return names;
}

static void assert_background(const char *text, const char *history, const char *medications,
                              const char *allergies) {
    struct reading reading;
    read_text(&reading, text);
    const struct findings *findings = &reading.findings;
    assert_string_equal(joined(&findings->history), history);
    assert_string_equal(joined(&findings->medications), medications);
    assert_string_equal(joined(&findings->allergies), allergies);
    for (size_t i = 1; i < findings->n_entities; i++)
        assert_true(findings->entities[i - 1].start <= findings->entities[i].start);
    arena_free(&reading.arena);
}

static void test_history(void **state) {
    (void)state;
    assert_background("头痛三天,高血压10年。", "高血压病", "", "");
    assert_background("胸闷,心脏放过支架", "冠状动脉支架植入", "", "");
    assert_background("咳嗽一周,既往有哮喘", "哮喘", "", "");
    assert_background("咳血,支扩十几年", "支气管扩张", "", "");
    assert_background("头痛,没有高血压", "", "", "");
    assert_background("头痛,哮喘没得过", "", "", "");
    assert_background("头痛三天,我妈有高血压", "", "", "");
    assert_background("头痛三天,父高血压", "", "", "");
    assert_background("胸痛,怕是冠心病", "", "", "");
    assert_background("失眠半个月,以前也失眠过", "", "", "");
}

static void test_medicines(void **state) {
    (void)state;
    assert_background("头痛,吃了布洛芬", "", "布洛芬", "");
    assert_background("头晕,吃过降压药硝苯地平", "", "硝苯地平", "");
    assert_background("头痛,没吃止痛药", "", "", "");
    assert_background("头痛,吃了布洛芬没用", "", "布洛芬", "");
    assert_background("头痛,布洛芬没用", "", "", "");
    assert_background("腹胀,螺内酯呋塞米断断续续", "", "螺内酯 呋塞米", "");
}

static void test_allergies(void **state) {
    (void)state;
    assert_background("咳嗽,对青霉素过敏", "", "", "青霉素");
    assert_background("咳嗽,青霉素皮试阳性", "", "", "青霉素");
    assert_background("咳嗽,对头孢敏感", "", "", "头孢");
    assert_background("咳嗽。过敏史:磺胺", "", "", "磺胺");
    assert_background("皮疹,对花生、鸡蛋过敏", "", "", "花生 鸡蛋");
    assert_background("咳嗽,无药物过敏史", "", "", "");
    assert_background("咳嗽,对青霉素不过敏", "", "", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_medicines),
        cmocka_unit_test(test_allergies),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
