/* The differential on its own cases (tests/eval/differential.jsonl: half for tuning, half for judging), and the
 * rules of its score on small ones. */
#include "cli/clinic/differential.h"
#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>

static void take_symptoms(const json_t *record, const char *key, struct finding_list *list,
                          struct arena *arena) {
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(record, key), i, name) {
        size_t symptom = wordlist_find(&clinic.kb.symptoms, span_of(json_string_value(name)));
        assert_true(symptom != TERM_NONE);
        list->items = arena_grow(arena, list->items, list->count, sizeof *list->items);
        const char *term = clinic.kb.symptoms.terms[symptom];
        list->items[list->count++] = (struct finding){.symptom = symptom, .name = term, .text = term};
    }
}

static void take_names(const json_t *record, const char *key, struct strings *names, struct arena *arena) {
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(record, key), i, name) {
        const char *text = arena_copy(arena, span_of(json_string_value(name)));
        assert_true(strings_add(names, arena, text));
    }
}

/* A case of findings by name, as the file has them. */
static void take_case(const json_t *record, struct arena *arena, struct patient *patient,
                      struct findings *findings) {
    const char *sex = json_string_value(json_object_get(record, "sex"));
    const char *unit = json_string_value(json_object_get(record, "age_unit"));
    const json_t *days = json_object_get(record, "days");
    *findings = (struct findings){.vitals = {NAN, NAN, NAN, NAN, NAN, NAN}};
    *patient = (struct patient){0};
    if (unit) {
        patient->has_age = true;
        patient->age = (int)json_integer_value(json_object_get(record, "age"));
        patient->age_unit = arena_copy(arena, span_of(unit));
    }
    if (sex) patient->sex = strcmp(sex, "男") == 0 ? SEX_MALE : SEX_FEMALE;
    if (json_is_true(json_object_get(record, "pregnant"))) patient->pregnancy = PREGNANCY_YES;
    if (days) {
        findings->durations = arena_new(arena, sizeof *findings->durations);
        findings->durations[findings->n_durations++] =
            (struct duration){.text = "病程", .days = json_number_value(days)};
    }
    take_symptoms(record, "present", &findings->positive, arena);
    take_symptoms(record, "denied", &findings->negative, arena);
    take_names(record, "sites", &findings->sites, arena);
    take_names(record, "qualities", &findings->qualities, arena);
    take_names(record, "aggravating", &findings->aggravating, arena);
    take_names(record, "relieving", &findings->relieving, arena);
    take_names(record, "history", &findings->history, arena);
    take_names(record, "medications", &findings->medications, arena);
}

static void rank_case(const json_t *record, struct arena *arena, struct candidates *candidates) {
    struct patient *patient = arena_new(arena, sizeof *patient);
    struct findings *findings = arena_new(arena, sizeof *findings);
    take_case(record, arena, patient, findings);
    assert_true(differential_rank(&clinic.kb, patient, findings, NULL, arena, candidates));
}

static json_t *parse(const char *text) {
    json_error_t error;
    json_t *record = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(record);
    return record;
}

/* ---- the cases */

enum { N_BINS = 5 };

struct tally {
    double cases, first, among, brier, log_loss;
    double binned[N_BINS], claimed[N_BINS], right[N_BINS];
};

static bool names(const json_t *record, const char *key, const struct candidate *candidate) {
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(record, key), i,
                       name) if (strcmp(json_string_value(name), candidate->disease->name) == 0) return true;
    return false;
}

static void tally_case(const json_t *record, const struct candidates *candidates, struct tally *tally) {
    bool first = candidates->n_leading > 0 && names(record, "first", &candidates->items[0]), among = false;
    for (size_t i = 0; i < candidates->n_leading && i < 3; i++)
        among = among || names(record, "among", &candidates->items[i]);
    double claimed = candidates->n_leading ? candidates->items[0].probability : 0;
    size_t bin = (size_t)fmin(N_BINS - 1, claimed * N_BINS);
    tally->cases++;
    tally->first += first;
    tally->among += among;
    tally->brier += (claimed - first) * (claimed - first);
    tally->log_loss -= log(fmax(1e-6, first ? claimed : 1 - claimed));
    tally->binned[bin]++;
    tally->claimed[bin] += claimed;
    tally->right[bin] += first;
}

/* The mean distance between what the probabilities of a bin claim and how often they are right. */
static double calibration_error(const struct tally *tally) {
    double sum = 0;
    for (size_t i = 0; i < N_BINS; i++) sum += fabs(tally->claimed[i] - tally->right[i]);
    return sum / tally->cases;
}

static void print_tally(const char *half, const struct tally *tally) {
    print_message(
        "%s: %g cases, first %.3f, among three %.3f, Brier %.3f, log loss %.3f, calibration error %.3f\n",
        half, tally->cases, tally->first / tally->cases, tally->among / tally->cases,
        tally->brier / tally->cases, tally->log_loss / tally->cases, calibration_error(tally));
    for (size_t i = 0; i < N_BINS; i++)
        if (tally->binned[i] > 0)
            print_message("  claimed %.2f, right %.2f (%g cases)\n", tally->claimed[i] / tally->binned[i],
                          tally->right[i] / tally->binned[i], tally->binned[i]);
}

static void test_cases(void **state) {
    (void)state;
    FILE *file = fopen("tests/eval/differential.jsonl", "r");
    assert_non_null(file);
    char line[4096];
    struct tally tallies[2] = {0};
    while (fgets(line, sizeof line, file)) {
        json_t *record = parse(line);
        struct arena arena = {0};
        struct candidates candidates;
        rank_case(record, &arena, &candidates);
        bool held = strcmp(json_string_value(json_object_get(record, "half")), "held") == 0;
        tally_case(record, &candidates, &tallies[held]);
        arena_free(&arena);
        json_decref(record);
    }
    fclose(file);
    print_tally("tuned on", &tallies[0]);
    print_tally("held back", &tallies[1]);
    for (size_t i = 0; i < 2; i++) {
        const struct tally *tally = &tallies[i];
        assert_true(tally->cases >= 100);
        assert_true(tally->first >= 0.85 * tally->cases);
        assert_true(tally->among >= 0.95 * tally->cases);
        assert_true(tally->brier <= 0.12 * tally->cases);
        assert_true(calibration_error(tally) <= 0.2);
    }
}

/* ---- the rules of the score */

/* The candidate of the disease for a case; NULL when it is none. */
static const struct candidate *rated(const char *text, const char *name, struct arena *arena) {
    struct candidates *candidates = arena_new(arena, sizeof *candidates);
    json_t *record = parse(text);
    rank_case(record, arena, candidates);
    json_decref(record);
    size_t term = wordlist_find(&clinic.kb.disease_names, span_of(name));
    assert_true(term != TERM_NONE);
    return candidate_of(candidates, &clinic.kb.diseases[term]);
}

static double score(const char *text, const char *name, struct arena *arena) {
    const struct candidate *candidate = rated(text, name, arena);
    assert_non_null(candidate);
    return candidate->score;
}

static enum sighting sighting_of(const char *text, const char *symptom, double temperature,
                                 struct arena *arena) {
    struct patient patient;
    struct findings findings;
    struct observations observations;
    json_t *record = parse(text);
    take_case(record, arena, &patient, &findings);
    json_decref(record);
    findings.vitals.temperature_c = temperature;
    assert_true(observe(&clinic.kb, &patient, &findings, arena, &observations));
    size_t term = wordlist_find(&clinic.kb.symptoms, span_of(symptom));
    assert_true(term != TERM_NONE);
    return observations.signs[term].sighting;
}

#define PRESENT(names) "{\"present\":[" names "]}"
#define DENYING(names, denied) "{\"present\":[" names "],\"denied\":[" denied "]}"

static void test_related_symptoms_count_once(void **state) {
    (void)state;
    struct arena arena = {0};
    double one = score(PRESENT("\"右下腹痛\""), "急性阑尾炎", &arena);
    assert_true(fabs(score(PRESENT("\"右下腹痛\",\"腹痛\""), "急性阑尾炎", &arena) - one) < 1e-9);
    assert_true(fabs(score(PRESENT("\"右下腹痛\",\"腹痛\",\"下腹痛\""), "急性阑尾炎", &arena) - one) < 1e-9);
    assert_true(score(PRESENT("\"右下腹痛\",\"恶心\""), "急性阑尾炎", &arena) > one);
    /* a denied kind adds nothing beside its denied broader symptom */
    double denied = score(DENYING("\"咳嗽\"", "\"发热\""), "肺炎", &arena);
    assert_true(fabs(score(DENYING("\"咳嗽\"", "\"发热\",\"高热\""), "肺炎", &arena) - denied) < 1e-9);
    arena_free(&arena);
}

static void test_what_is_said_moves_the_score(void **state) {
    (void)state;
    struct arena arena = {0};
    double alone = score(PRESENT("\"头痛\""), "偏头痛", &arena);
    assert_true(score(PRESENT("\"头痛\",\"畏光\""), "偏头痛", &arena) > alone);
    assert_true(score(DENYING("\"头痛\"", "\"畏光\""), "偏头痛", &arena) < alone);
    assert_true(score(PRESENT("\"头痛\",\"颈项强直\""), "偏头痛", &arena) < alone);
    assert_true(score(DENYING("\"头痛\"", "\"颈项强直\""), "偏头痛", &arena) > alone);
    /* unexplained: less than alone, and worst as the chief complaint */
    double unexplained = score(PRESENT("\"头痛\",\"足跟痛\""), "偏头痛", &arena);
    assert_true(unexplained < alone);
    assert_true(score(PRESENT("\"足跟痛\",\"头痛\""), "偏头痛", &arena) < unexplained);
    /* a general word is explained by a disease that lists one of its kinds */
    assert_true(score(PRESENT("\"眩晕\",\"头晕\""), "前庭神经炎", &arena) >=
                score(PRESENT("\"眩晕\""), "前庭神经炎", &arena));
    /* a trigger says the same as its symptom, once */
    double shown = score("{\"present\":[\"头痛\"],\"aggravating\":[\"强光\"]}", "偏头痛", &arena);
    assert_true(shown > alone);
    assert_true(fabs(score("{\"present\":[\"头痛\",\"畏光\"],\"aggravating\":[\"强光\"]}", "偏头痛", &arena) -
                     score(PRESENT("\"头痛\",\"畏光\""), "偏头痛", &arena)) < 1e-9);
    /* history, medicine, course, age */
    assert_true(score("{\"present\":[\"胸痛\"],\"history\":[\"冠心病\"]}", "不稳定型心绞痛", &arena) >
                score(PRESENT("\"胸痛\""), "不稳定型心绞痛", &arena));
    assert_true(score("{\"present\":[\"脓涕\"],\"days\":200}", "慢性鼻窦炎", &arena) >
                score("{\"present\":[\"脓涕\"],\"days\":3}", "慢性鼻窦炎", &arena));
    arena_free(&arena);
}

static void test_who_the_patient_is(void **state) {
    (void)state;
    struct arena arena = {0};
    assert_null(rated("{\"present\":[\"下腹痛\"],\"sex\":\"男\"}", "异位妊娠", &arena));
    assert_null(rated("{\"present\":[\"打鼾\"],\"age\":60,\"age_unit\":\"岁\"}", "腺样体肥大", &arena));
    assert_non_null(rated("{\"present\":[\"打鼾\"],\"age\":60,\"age_unit\":\"月\"}", "腺样体肥大", &arena));
    assert_true(score("{\"present\":[\"下腹痛\"],\"pregnant\":true}", "先兆流产", &arena) >
                score(PRESENT("\"下腹痛\""), "先兆流产", &arena));
    struct candidates general, women, short_name;
    struct patient patient = {0};
    struct findings findings;
    json_t *record = parse(PRESENT("\"下腹痛\""));
    take_case(record, &arena, &patient, &findings);
    json_decref(record);
    assert_true(differential_rank(&clinic.kb, &patient, &findings, "全科", &arena, &general));
    assert_true(differential_rank(&clinic.kb, &patient, &findings, "妇产科", &arena, &women));
    assert_true(differential_rank(&clinic.kb, &patient, &findings, "妇产", &arena, &short_name));
    size_t term = wordlist_find(&clinic.kb.disease_names, span_of("盆腔炎"));
    assert_true(fabs(candidate_of(&women, &clinic.kb.diseases[term])->score -
                     candidate_of(&short_name, &clinic.kb.diseases[term])->score) < 1e-9);
    assert_true(candidate_of(&women, &clinic.kb.diseases[term])->score >
                candidate_of(&general, &clinic.kb.diseases[term])->score);
    arena_free(&arena);
}

static void test_near_relations_take_one_place(void **state) {
    (void)state;
    struct arena arena = {0};
    struct candidates candidates;
    json_t *record = parse(PRESENT("\"流涕\",\"鼻塞\",\"咽痛\""));
    rank_case(record, &arena, &candidates);
    json_decref(record);
    size_t places = 0;
    double sum = 0;
    for (size_t i = 0; i < candidates.n_leading; i++) {
        const char *name = candidates.items[i].disease->name;
        places += strcmp(name, "普通感冒") == 0 || strcmp(name, "急性上呼吸道感染") == 0;
        sum += candidates.items[i].probability;
        if (i) assert_true(candidates.items[i].probability <= candidates.items[i - 1].probability);
    }
    assert_int_equal(places, 1);
    assert_true(sum > 0.5 && sum < 1);
    assert_true(candidates.count > candidates.n_leading);
    arena_free(&arena);
}

static void test_circumstances_and_denials_bring_nothing_forward(void **state) {
    (void)state;
    static const char *const CASES[] = {PRESENT("\"突然起病\",\"反复发作\""), DENYING("", "\"发热\""),
                                        PRESENT("")};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct arena arena = {0};
        struct candidates candidates;
        json_t *record = parse(CASES[i]);
        rank_case(record, &arena, &candidates);
        json_decref(record);
        assert_int_equal(candidates.count, 0);
        arena_free(&arena);
    }
}

static void test_what_is_seen(void **state) {
    (void)state;
    struct arena arena = {0};
    assert_int_equal(sighting_of(PRESENT("\"右下腹痛\""), "腹痛", NAN, &arena), SEEN);
    assert_int_equal(sighting_of(PRESENT("\"腹痛\""), "右下腹痛", NAN, &arena), NOT_MENTIONED);
    assert_int_equal(sighting_of(DENYING("", "\"腹痛\""), "转移性右下腹痛", NAN, &arena), DENIED);
    assert_int_equal(sighting_of(DENYING("\"上腹痛\"", "\"腹痛\""), "腹痛", NAN, &arena), SEEN);
    assert_int_equal(sighting_of(PRESENT(""), "发热", 37.5, &arena), SEEN);
    assert_int_equal(sighting_of(PRESENT(""), "发热", 36.5, &arena), DENIED);
    assert_int_equal(sighting_of(PRESENT("\"发热\""), "发热", 36.5, &arena), SEEN);
    assert_int_equal(sighting_of(PRESENT(""), "高热", 39.5, &arena), SEEN);
    assert_int_equal(sighting_of(PRESENT(""), "高热", 38.5, &arena), NOT_MENTIONED);
    assert_int_equal(sighting_of(PRESENT(""), "高热", 36.5, &arena), DENIED);
    arena_free(&arena);
}

/* In the patient's words, and denials with their negation. */
static void test_evidence_quotes_the_patient(void **state) {
    (void)state;
    struct reading reading;
    struct candidates candidates;
    struct strings evidence = {0}, against = {0};
    read_text(&reading, "脑袋疼两天,想吐,无咳嗽、发烧,眼前没有闪光");
    assert_true(differential_rank(&clinic.kb, &reading.patient, &reading.findings, NULL, &reading.arena,
                                  &candidates));
    size_t term = wordlist_find(&clinic.kb.disease_names, span_of("偏头痛"));
    assert_true(evidence_find(&candidates.observations, &clinic.kb.diseases[term], &reading.arena, &evidence,
                              &against));
    bool headache = false, fever = false;
    for (size_t i = 0; i < evidence.count; i++) {
        headache = headache || strcmp(evidence.items[i], "脑袋疼") == 0;
        fever = fever || strcmp(evidence.items[i], "无咳嗽、发烧") == 0;
    }
    assert_true(headache && fever);
    arena_free(&reading.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_related_symptoms_count_once),
        cmocka_unit_test(test_what_is_said_moves_the_score),
        cmocka_unit_test(test_who_the_patient_is),
        cmocka_unit_test(test_near_relations_take_one_place),
        cmocka_unit_test(test_circumstances_and_denials_bring_nothing_forward),
        cmocka_unit_test(test_what_is_seen),
        cmocka_unit_test(test_evidence_quotes_the_patient),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
