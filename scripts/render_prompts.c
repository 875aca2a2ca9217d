/* Renders prompts as youtu-diagnose would ask them, for training: one request a line on standard input
 * ({"symptoms": TEXT, "department"?, "age"?, "age_unit"?, "sex"?}), one line of JSON each on standard output:
 * {"department", "system", "user", "positive", "negative", "candidates": [{"name", "evidence", "against"}]}.
 * Without a department it is the proposed one.
 *
 * --words: instead, one object of all symptoms with the words that say them: {"发热": ["发烧", ...], ...}.
 * --impression: instead, what the impression reads of each request: {"text", "signs": [...]}. */
#include "cli/clinic/prompt.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const char *string_of(const json_t *request, const char *field) {
    return json_string_value(json_object_get(request, field));
}

static struct patient patient_of(const json_t *request) {
    const char *sex = string_of(request, "sex"), *unit = string_of(request, "age_unit");
    const json_t *age = json_object_get(request, "age");
    struct patient patient = {0};
    if (sex) patient.sex = strcmp(sex, "男") == 0 ? SEX_MALE : SEX_FEMALE;
    if (json_is_integer(age)) {
        patient.has_age = true;
        patient.age = (int)json_integer_value(age);
        patient.age_unit = unit && strcmp(unit, "月") == 0   ? "月"
                           : unit && strcmp(unit, "天") == 0 ? "天"
                                                             : "岁";
    }
    return patient;
}

static json_t *names_of(const struct finding_list *list) {
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) json_array_append_new(array, json_string(list->items[i].name));
    return array;
}

static json_t *texts_of(const struct strings *strings) {
    json_t *array = json_array();
    for (size_t i = 0; i < strings->count; i++) json_array_append_new(array, json_string(strings->items[i]));
    return array;
}

static json_t *candidates_of(const struct differential *differential) {
    json_t *array = json_array();
    for (size_t i = 0; i < differential->count && i < PROMPT_SIZES[0].n_candidates; i++)
        json_array_append_new(array, json_pack("{s:s, s:o, s:o}", "name", differential->items[i].name,
                                               "evidence", texts_of(&differential->items[i].evidence),
                                               "against", texts_of(&differential->items[i].against)));
    return array;
}

static bool render(const struct clinic *clinic, const json_t *request, struct failure *failure) {
    const char *symptoms = string_of(request, "symptoms"), *department = string_of(request, "department");
    const struct patient patient = patient_of(request);
    struct report report;
    struct prompt_template template;
    struct buffer system = {0}, user = {0};
    if (!symptoms) return fail(failure, STATUS_INPUT, "symptoms:缺少");
    bool done =
        report_begin(&report, clinic, &patient, department, span_of(symptoms), 0.5, failure) &&
        template_open(report.department, NULL, &clinic->departments, &report.arena, &template, failure);
    if (done) {
        prompt_system(&template, &system);
        prompt_user(&template, &report, &PROMPT_SIZES[0], &user);
        json_t *line =
            json_pack("{s:s, s:s%, s:s%, s:o, s:o, s:o}", "department", report.department, "system",
                      system.data, system.length, "user", user.data, user.length, "positive",
                      names_of(&report.findings.positive), "negative", names_of(&report.findings.negative),
                      "candidates", candidates_of(&report.differential));
        done = line && json_dumpf(line, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
        if (!done) fail(failure, STATUS_INTERNAL, "不能写出");
        json_decref(line);
    }
    buffer_free(&system);
    buffer_free(&user);
    report_free(&report);
    return done;
}

/* Words that deny a symptom ("胃口好") say something else. */
static json_t *words_of(const struct wordlist *symptoms) {
    json_t *object = json_object();
    for (size_t i = 0; i < symptoms->n_terms; i++)
        json_object_set_new(object, symptoms->terms[i], json_array());
    for (size_t i = 0; i < symptoms->n_words; i++) {
        const struct word *word = &symptoms->words[i];
        if (word->term != TERM_NONE && !word->denies)
            json_array_append_new(json_object_get(object, symptoms->terms[word->term]),
                                  json_stringn(word->text.data, word->text.length));
    }
    return object;
}

static bool print_words(const struct clinic *clinic, struct failure *failure) {
    json_t *words = words_of(&clinic->kb.symptoms);
    bool done = json_dumpf(words, stdout, JSON_COMPACT) == 0 || fail(failure, STATUS_INTERNAL, "不能写出");
    json_decref(words);
    return done;
}

static bool print_view(const struct clinic *clinic, const json_t *request, struct failure *failure) {
    const char *symptoms = string_of(request, "symptoms");
    struct patient patient = patient_of(request);
    struct arena arena = {0};
    struct passage passage;
    struct findings findings;
    struct mentions mentions;
    struct impression_view view = {0};
    if (!symptoms) return fail(failure, STATUS_INPUT, "symptoms:缺少");
    bool read = passage_open_for(&passage, &arena, span_of(symptoms), &clinic->lexicon, &patient) &&
                findings_extract(&passage, &clinic->kb, &clinic->lexicon, &arena, &patient, &findings) &&
                mentions_find(&passage, &clinic->lexicon.symptoms, &arena, &mentions) &&
                impression_view(&passage, &mentions, &patient, 0, passage.plain.length, &arena, &view);
    json_t *line = read ? json_pack("{s:s%, s:o}", "text", buffer_span(&view.text).data, view.text.length,
                                    "signs", texts_of(&view.signs))
                        : NULL;
    bool done = line && json_dumpf(line, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
    json_decref(line);
    buffer_free(&view.text);
    arena_free(&arena);
    return done || fail(failure, STATUS_INTERNAL, "不能写出");
}

typedef bool (*answering)(const struct clinic *clinic, const json_t *request, struct failure *failure);

static bool answer_all(const struct clinic *clinic, answering answer, struct failure *failure) {
    char *line = NULL;
    size_t capacity = 0;
    bool done = true;
    while (done && getline(&line, &capacity, stdin) >= 0) {
        json_t *request = json_loads(line, 0, NULL);
        done = request ? answer(clinic, request, failure) : fail(failure, STATUS_INPUT, "不是 JSON:%s", line);
        json_decref(request);
    }
    free(line);
    return done;
}

int main(int argc, char **argv) {
    struct clinic clinic;
    struct failure failure;
    const char *what = argc == 2 ? argv[1] : "";
    bool words = strcmp(what, "--words") == 0, impression = strcmp(what, "--impression") == 0;
    bool done = clinic_open(&clinic, NULL, NULL, &failure) &&
                (words ? print_words(&clinic, &failure)
                       : answer_all(&clinic, impression ? print_view : render, &failure));
    clinic_close(&clinic);
    if (!done) fprintf(stderr, "render-prompts: %s\n", failure.message);
    return done ? 0 : (int)failure.status;
}
