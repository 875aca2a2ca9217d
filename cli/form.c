#include "cli/form.h"

#include "cli/clinic/answer.h"
#include "cli/engine.h"

#include <stdlib.h>

static const char *const TEXTS[FORM_TEXTS] = {
    [TEXT_DIAGNOSES] = "1. 可能诊断\n(1)",
    [TEXT_SECOND] = "(2)",
    [TEXT_THIRD] = "(3)",
    [TEXT_UNLISTED] = ANSWER_UNLISTED,
    [TEXT_BASIS] = "2. 鉴别依据\n",
    [TEXT_TESTS] = "3. 建议检查\n- ",
    [TEXT_TEST] = "- ",
    [TEXT_RISK] = "4. 风险提示\n",
    [TEXT_FILLER] = FORM_FILLER,
    [TEXT_STOP] = "。",
    [TEXT_COLON] = ":",
    [TEXT_LINE_END] = "\n",
    [TEXT_BLANK_LINE] = "\n\n",
};

/* ---- the budget, in tokens */

/* Room for most diseases' names. */
enum { NAME_AND_LABEL = 16 };

/* An answer that cannot be planned is written as if it had so much more. */
enum { UNPLANNED_TOKENS = 512 };

static int32_t cost(const struct form *form, enum form_text text) {
    return (int32_t)form->texts[text].count;
}

/* What is left when the queue is out. */
static int32_t left(const struct form *form) {
    return form->n_left - (int32_t)form->queue.count;
}

static int32_t filler_line(const struct form *form) {
    return cost(form, TEXT_FILLER) + cost(form, TEXT_LINE_END);
}

/* The least that section 4, and sections 3 and 4, take. */
static int32_t least_risk(const struct form *form) {
    return cost(form, TEXT_RISK) + cost(form, TEXT_FILLER);
}

static int32_t least_tests(const struct form *form) {
    return cost(form, TEXT_TESTS) + filler_line(form) + least_risk(form);
}

/* The name that opens a line of section 2, and its colon. */
static int32_t label_cost(const struct form *form, const struct name_entry *name) {
    int32_t label = (int32_t)name->label.count;
    return name->kind == NAME_UNLISTED ? label + UNLISTED_TOKENS + cost(form, TEXT_COLON) : label;
}

/* The least that the lines of section 2 from the k-th on, and sections 3 and 4, take. */
static int32_t least_from_line(const struct form *form, int32_t k) {
    int32_t least = least_tests(form);
    if (form->n_names == 0 && k == 0) least += filler_line(form);
    for (; k < form->n_names; k++) least += label_cost(form, form->names[k]) + filler_line(form);
    return least;
}

static int32_t least_after_line(const struct form *form) {
    switch (form->line_kind) {
    case LINE_UNLISTED: return cost(form, TEXT_LINE_END) + cost(form, TEXT_BASIS) + least_from_line(form, 0);
    case LINE_BASIS: return cost(form, TEXT_LINE_END) + least_from_line(form, form->n_lines + 1);
    case LINE_TEST: return cost(form, TEXT_LINE_END) + least_risk(form);
    case LINE_RISK: break;
    }
    return 0;
}

int32_t form_least(const struct form *form) {
    return cost(form, TEXT_DIAGNOSES) + NAME_AND_LABEL + cost(form, TEXT_LINE_END) + cost(form, TEXT_BASIS) +
           filler_line(form) + least_tests(form);
}

/* The line's share of what is left: a line of section 2 counts twice a test, section 4 three times. */
static void share_line(struct form *form) {
    /* A character may have to be finished, and a sentence. */
    enum { FRAGMENTS = 3 };
    int32_t spare = left(form) - least_after_line(form) - cost(form, TEXT_STOP) - FRAGMENTS, share = 0;
    int32_t lines = form->n_names > 0 ? form->n_names : 1;
    switch (form->line_kind) {
    case LINE_UNLISTED: share = UNLISTED_TOKENS - FRAGMENTS; break;
    case LINE_BASIS: share = 2 * spare / (2 * (lines - form->n_lines) + 6); break;
    case LINE_TEST: share = spare / (FORM_TESTS - form->n_lines + 3); break;
    case LINE_RISK: share = spare / (FORM_RISKS - form->n_lines); break;
    }
    form->used = 0;
    form->soft = share;
    form->hard = share + share / 4 < spare ? share + share / 4 : spare;
    if (form->line_kind == LINE_UNLISTED) form->hard = share;
}

/* ---- what is fed */

static bool reserve(struct form *form, youtu_tokens *tokens, size_t more) {
    if (tokens->count + more <= tokens->capacity) return true;
    size_t capacity = 2 * (tokens->count + more);
    int32_t *moved = realloc(tokens->ids, capacity * sizeof *moved);
    if (!moved) return form->failed = true, false;
    tokens->ids = moved;
    tokens->capacity = capacity;
    return true;
}

static void append(struct form *form, youtu_tokens *to, const int32_t *ids, size_t count) {
    if (count == 0 || !reserve(form, to, count)) return;
    memcpy(to->ids + to->count, ids, count * sizeof *ids);
    to->count += count;
}

static void feed(struct form *form, enum form_text text) {
    append(form, &form->queue, form->texts[text].ids, form->texts[text].count);
}

/* ---- lines */

static void close_line(struct form *form);

/* A line that the model writes, or, where its share is too small, the filler in its place. */
static void begin_line(struct form *form, enum form_line kind) {
    form->phase = FORM_LINE;
    form->line_kind = kind;
    form->line.length = 0;
    share_line(form);
    if (kind == LINE_UNLISTED || form->soft >= cost(form, TEXT_FILLER)) return;
    if (kind == LINE_RISK && form->n_lines > 0) {
        form->phase = FORM_DONE;
        return;
    }
    feed(form, TEXT_FILLER);
    if (kind != LINE_RISK) feed(form, TEXT_LINE_END);
    close_line(form);
}

/* A line of section 2 opens with its name. */
static void begin_basis_line(struct form *form) {
    if (form->n_names > 0) {
        const struct name_entry *name = form->names[form->n_lines];
        append(form, &form->queue, name->label.ids, name->label.count);
        if (name->kind == NAME_UNLISTED) {
            append(form, &form->queue, form->unlisted.ids, form->unlisted.count);
            feed(form, TEXT_COLON);
        }
    }
    begin_line(form, LINE_BASIS);
}

static void begin_section(struct form *form, enum form_text heading, enum form_line kind) {
    feed(form, heading);
    form->n_lines = 0;
    if (kind == LINE_BASIS)
        begin_basis_line(form);
    else
        begin_line(form, kind);
}

static void next_name(struct form *form);

/* Goes on behind a line whose end is written. */
static void close_line(struct form *form) {
    form->n_lines++;
    switch (form->line_kind) {
    case LINE_UNLISTED: next_name(form); break;
    case LINE_BASIS:
        if (form->n_lines < form->n_names)
            begin_basis_line(form);
        else
            begin_section(form, TEXT_TESTS, LINE_TEST);
        break;
    case LINE_TEST: form->phase = FORM_TEST_OR_RISK; break;
    case LINE_RISK:
        form->phase = FORM_DONE;
        if (form->n_lines < FORM_RISKS && form->line.length > 0) begin_line(form, LINE_RISK);
        break;
    }
}

/* A line that is over by its budget. */
static void end_line(struct form *form, bool closed) {
    if (!closed && form->line_kind != LINE_UNLISTED) feed(form, TEXT_STOP);
    if (form->line_kind == LINE_RISK) {
        form->phase = FORM_DONE;
        return;
    }
    feed(form, TEXT_LINE_END);
    close_line(form);
}

/* ---- names */

/* Which names may come, by the room for name and label when the sections behind them are put aside. */
static struct name_filter name_filter(struct form *form) {
    int32_t after = cost(form, TEXT_LINE_END) + cost(form, TEXT_BASIS) + filler_line(form);
    int32_t room = form->name_room - after;
    room -= form->n_names == 0 ? least_tests(form) : least_from_line(form, 0);
    struct name_filter filter = {.used = form->used_diseases,
                                 .undecided = form->n_names == 0,
                                 .unlisted = form->n_names > 0,
                                 .most_tokens = room > 0 ? (size_t)room : 0};
    for (int32_t i = 0; i < form->n_names; i++) {
        form->used_diseases[filter.n_used++] = form->names[i]->disease;
        if (form->names[i]->kind == NAME_UNLISTED) filter.unlisted = false;
    }
    /* The mark and the name, both twice; the blank before the one, the colon behind the other. */
    int32_t unlisted = 2 * (cost(form, TEXT_UNLISTED) + UNLISTED_TOKENS) + 1 + cost(form, TEXT_COLON);
    if (room < unlisted) filter.unlisted = false;
    return filter;
}

static size_t choices(struct form *form, const struct name_entry **whole) {
    struct name_filter filter = name_filter(form);
    return name_choices(&form->trie, &form->walk, &filter, form->ids, whole);
}

/* The next number, where a name can follow it. */
static void next_name(struct form *form) {
    const struct name_entry *whole;
    enum form_text number = form->n_names == 1 ? TEXT_SECOND : TEXT_THIRD;
    form->walk = name_walk_begin(&form->trie);
    form->name_room = left(form) - cost(form, number);
    form->phase = FORM_NAME;
    if (form->n_names < FORM_NAMES && choices(form, &whole) > 0)
        feed(form, number);
    else
        begin_section(form, TEXT_BASIS, LINE_BASIS);
}

/* A name is complete; its line's end is written, unless the model writes the name itself. */
static void take_name(struct form *form, const struct name_entry *name) {
    if (name->kind != NAME_UNDECIDED) form->names[form->n_names++] = name;
    if (name->kind == NAME_UNLISTED)
        begin_line(form, LINE_UNLISTED);
    else if (name->kind == NAME_UNDECIDED)
        begin_section(form, TEXT_BASIS, LINE_BASIS);
    else
        next_name(form);
}

/* ---- what the model drew */

static void take_line_token(struct form *form, int32_t token) {
    size_t length = 0;
    const char *bytes = youtu_token_bytes(form->tokenizer, token, &length);
    bool ends = length > 0 && bytes[length - 1] == '\n';
    buffer_append(&form->line, bytes, ends ? length - 1 : length);
    form->used++;
    if (form->line.failed) form->failed = true;
    if (ends)
        close_line(form);
    else if (form->line_kind == LINE_UNLISTED)
        append(form, &form->unlisted, &token, 1);
}

static void take_token(struct form *form, int32_t token) {
    const struct name_entry *whole;
    switch (form->phase) {
    case FORM_REASONING:
        form->used++;
        if (token != form->reasoning_end) break;
        feed(form, TEXT_BLANK_LINE);
        form->phase = FORM_FIRST_NAME;
        break;
    case FORM_NAME:
        if (token != form->line_end) {
            name_walk_take(&form->trie, &form->walk, token);
            break;
        }
        choices(form, &whole);
        take_name(form, whole);
        break;
    case FORM_LINE: take_line_token(form, token); break;
    case FORM_TEST_OR_RISK: {
        const youtu_tokens *test = &form->texts[TEXT_TEST], *risk = &form->texts[TEXT_RISK];
        bool more = token == test->ids[0];
        const youtu_tokens *text = more ? test : risk;
        append(form, &form->queue, text->ids + 1, text->count - 1);
        if (!more) form->n_lines = 0;
        begin_line(form, more ? LINE_TEST : LINE_RISK);
        break;
    }
    case FORM_REASONING_START:
    case FORM_FIRST_NAME:
    case FORM_DONE: break;
    }
}

/* ---- what may come */

static bool choose(youtu_guide_step *step, youtu_guidance guidance, const int32_t *ids, size_t count) {
    step->guidance = guidance;
    step->tokens = ids;
    step->n_tokens = count;
    return true;
}

static bool choose_except(youtu_guide_step *step, const struct token_list *list) {
    return choose(step, YOUTU_GUIDE_EXCEPT, list->ids, list->count);
}

/* Half of what the answer's least form leaves is for reasoning. */
static void begin_reasoning(struct form *form) {
    append(form, &form->queue, &form->reasoning_start, 1);
    feed(form, TEXT_LINE_END);
    int32_t spare =
        left(form) - form_least(form) - cost(form, TEXT_LINE_END) - 1 - cost(form, TEXT_BLANK_LINE);
    form->used = 0;
    form->hard = spare / 2;
    form->phase = FORM_REASONING;
}

static bool go_on_reasoning(struct form *form, youtu_guide_step *step) {
    if (form->used < form->hard) return choose_except(step, &form->classes.reasoning);
    feed(form, TEXT_LINE_END);
    append(form, &form->queue, &form->reasoning_end, 1);
    feed(form, TEXT_BLANK_LINE);
    form->phase = FORM_FIRST_NAME;
    return false;
}

static bool go_on_name(struct form *form, youtu_guide_step *step) {
    const struct name_entry *whole;
    size_t count = choices(form, &whole);
    if (count > 0 && whole) form->ids[count++] = form->line_end;
    if (count > 1) return choose(step, YOUTU_GUIDE_AMONG, form->ids, count);
    if (count == 1) { /* there is one way only */
        append(form, &form->queue, form->ids, 1);
        name_walk_take(&form->trie, &form->walk, form->ids[0]);
        return false;
    }
    if (whole->kind != NAME_UNLISTED) feed(form, TEXT_LINE_END);
    take_name(form, whole);
    return false;
}

/* A Chinese numeral at a line's start is a number when a mark follows it. */
static bool is_numeral(struct span line) {
    static const char *const NUMERALS[] = {"一", "二", "三", "四", "五", "六", "七", "八", "九", "十", NULL};
    return line.length > 0 && starts_with_any(line, NUMERALS) == line.length;
}

static const struct token_list *left_out(const struct form *form, struct span line, bool closed) {
    const struct token_classes *classes = &form->classes;
    bool risk = form->line_kind == LINE_RISK;
    if (line.length == 0) return risk && form->n_lines > 0 ? &classes->opening_or_end : &classes->opening;
    if (is_numeral(line)) return &classes->opening;
    if (closed) return risk ? &classes->anywhere_or_end : &classes->anywhere;
    bool bare = form->line_kind == LINE_TEST || form->line_kind == LINE_UNLISTED;
    return bare ? &classes->anywhere : &classes->inside;
}

static bool go_on_line(struct form *form, youtu_guide_step *step) {
    struct span line = buffer_span(&form->line);
    size_t tail = unfinished_bytes(line), count = 0;
    if (tail) count = fragments_after(&form->classes, line, tail == line.length, form->ids);
    if (count) return choose(step, YOUTU_GUIDE_AMONG, form->ids, count);
    bool closed = ends_sentence(line);
    if (line.length > 0 && (form->used >= form->hard || (closed && form->used >= form->soft)))
        return end_line(form, closed), false;
    const struct token_list *list = left_out(form, line, closed);
    if (line.length == 0 || !answer_may_become_title(line)) return choose_except(step, list);
    count = tokens_to_title(&form->classes, line, form->ids);
    memcpy(form->ids + count, list->ids, list->count * sizeof *list->ids);
    return choose(step, YOUTU_GUIDE_EXCEPT, form->ids, count + list->count);
}

static bool go_on_tests(struct form *form, youtu_guide_step *step) {
    int32_t needed = cost(form, TEXT_TEST) + filler_line(form) + least_risk(form);
    if (form->n_lines < FORM_TESTS && left(form) >= 2 * needed) {
        form->ids[0] = form->texts[TEXT_TEST].ids[0];
        form->ids[1] = form->texts[TEXT_RISK].ids[0];
        return choose(step, YOUTU_GUIDE_AMONG, form->ids, 2);
    }
    begin_section(form, TEXT_RISK, LINE_RISK);
    return false;
}

/* Decides what may come, or puts into the queue what must: then it is to be asked again. */
static bool go_on(struct form *form, youtu_guide_step *step) {
    switch (form->phase) {
    case FORM_REASONING_START: begin_reasoning(form); return false;
    case FORM_REASONING: return go_on_reasoning(form, step);
    case FORM_FIRST_NAME:
        feed(form, TEXT_DIAGNOSES);
        form->before_name = form->n_tokens + form->queue.count;
        form->walk = name_walk_begin(&form->trie);
        form->name_room = left(form);
        form->phase = FORM_NAME;
        return false;
    case FORM_NAME: return go_on_name(form, step);
    case FORM_LINE: return go_on_line(form, step);
    case FORM_TEST_OR_RISK: return go_on_tests(form, step);
    case FORM_DONE: break;
    }
    return choose(step, YOUTU_GUIDE_END, NULL, 0);
}

void form_guide(void *user, const youtu_guide_state *state, youtu_guide_step *step) {
    struct form *form = user;
    form->queue.count = 0;
    form->n_tokens = state->n_tokens;
    /* One token stays: an answer that takes up the last of its budget counts as cut. */
    if (state->n_tokens == 0 && state->n_left - 1 < form_least(form)) form->unplanned = UNPLANNED_TOKENS;
    form->n_left = state->n_left - 1 + form->unplanned;
    if (form->drew && state->n_tokens > 0) take_token(form, state->tokens[state->n_tokens - 1]);
    while (!form->failed && !go_on(form, step)) continue;
    form->drew = form->queue.count == 0;
    if (form->failed)
        choose(step, YOUTU_GUIDE_END, NULL, 0);
    else if (!form->drew)
        choose(step, YOUTU_GUIDE_FEED, form->queue.ids, form->queue.count);
}

/* ---- life */

static bool encode_texts(struct form *form, struct failure *failure) {
    youtu_error error;
    for (size_t i = 0; i < FORM_TEXTS; i++)
        if (youtu_encode(form->tokenizer, TEXTS[i], strlen(TEXTS[i]), YOUTU_TEXT_PLAIN, &form->texts[i],
                         &error) != YOUTU_OK)
            return engine_fail(failure, "回答的格式", &error);
    if (form->texts[TEXT_LINE_END].count != 1)
        return fail(failure, STATUS_MODEL, "模型:词表中没有换行符,不能按格式作答");
    form->line_end = form->texts[TEXT_LINE_END].ids[0];
    return true;
}

bool form_open(struct form *form, const youtu_model *model, const struct kb *kb, bool reasoning,
               struct failure *failure) {
    *form =
        (struct form){.tokenizer = youtu_model_tokenizer(model), .reasoning_start = -1, .reasoning_end = -1};
    if (reasoning) {
        form->reasoning_start = youtu_token_find(form->tokenizer, "<think>");
        form->reasoning_end = youtu_token_find(form->tokenizer, "</think>");
    }
    if (!encode_texts(form, failure) || !name_trie_build(&form->trie, form->tokenizer, kb, failure))
        return false;
    if (!token_classes_build(&form->classes, model, form->reasoning_end)) return fail_memory(failure);
    form->ids = calloc(2 * (size_t)form->classes.vocab_size + form->trie.count + 1, sizeof *form->ids);
    return form->ids || fail_memory(failure);
}

void form_free(struct form *form) {
    for (size_t i = 0; i < FORM_TEXTS; i++) youtu_tokens_free(&form->texts[i]);
    token_classes_free(&form->classes);
    name_trie_free(&form->trie);
    youtu_tokens_free(&form->queue);
    youtu_tokens_free(&form->unlisted);
    buffer_free(&form->line);
    free(form->ids);
    *form = (struct form){0};
}

void form_begin(struct form *form) {
    bool reasons = form->reasoning_start >= 0 && form->reasoning_end >= 0;
    form->phase = reasons ? FORM_REASONING_START : FORM_FIRST_NAME;
    form->drew = form->failed = false;
    form->n_names = form->n_lines = form->unplanned = 0;
    form->unlisted.count = form->line.length = form->before_name = 0;
}

int32_t form_opening_end(const struct form *form) {
    const youtu_tokens *opening = &form->texts[TEXT_DIAGNOSES];
    return opening->ids[opening->count - 1];
}
