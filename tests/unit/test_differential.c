/* The differential on its own cases (tests/eval/differential.jsonl: half for tuning, half for judging), and the
 * rules of its score on small ones. */
#include "cli/clinic/differential.h"
#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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
        if (getenv("SHOW_CASES") && !(candidates.n_leading && names(record, "first", &candidates.items[0])) &&
            (!held || strcmp(getenv("SHOW_CASES"), "all") == 0)) {
            print_message("%s", line);
            for (size_t i = 0; i < candidates.n_leading && i < 4; i++)
                print_message("    %s %.3f (%.2f)\n", candidates.items[i].disease->name,
                              candidates.items[i].probability, candidates.items[i].score);
        }
        arena_free(&arena);
        json_decref(record);
    }
    fclose(file);
    print_tally("tuned on", &tallies[0]);
    print_tally("held back", &tallies[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
