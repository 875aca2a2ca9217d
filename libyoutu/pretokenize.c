#include "pretokenize.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "error.h"
#include "scanner.h"
#include "unicode.h"

/* One call of pretokenize. A piece goes through all stages before the next one: nothing is collected. */
typedef struct run {
    const pretokenizer *pre;
    pretokenize_scratch *scratch;
    pretokenize_word on_word;
    void *user;
    youtu_error *error;
} run;

/* A piece being cut by one stage. */
typedef struct cut {
    const run *run;
    size_t stage;
    const char *text;
    size_t length;
    size_t from;      /* where the next match is looked for */
    bool has_matched; /* then `from` is the end of the last match, unless that was empty */
    size_t last_end;
    bool has_span; /* a span waits for those that may join it */
    size_t start, end;
    bool is_match;
} cut;

static youtu_status run_stage(const run *r, size_t stage_index, const char *text, size_t length);

void pretokenize_scratch_free(pretokenize_scratch *scratch) {
    regex_scratch_free(&scratch->regex);
    free(scratch->prefixed);
    *scratch = (pretokenize_scratch){0};
}

/* An empty match just where the last match ended does not count: the search goes on one character later. */
static youtu_status find_pattern(cut *c, bool *found, regex_match *match) {
    const stage *s = &c->run->pre->stages[c->stage];
    for (;;) {
        *found = false;
        if (c->from > c->length) return YOUTU_OK;
        youtu_status status = regex_find(s->pattern, &c->run->scratch->regex, c->text, c->length, c->from,
                                         found, match, c->run->error);
        if (status != YOUTU_OK || !*found) return status;
        if (match->end > match->start || !c->has_matched || match->end != c->last_end) {
            c->from = c->last_end = match->end;
            c->has_matched = true;
            return YOUTU_OK;
        }
        size_t bytes = 1;
        if (c->from < c->length) unicode_point(c->text + c->from, &bytes);
        c->from += bytes;
    }
}

static bool find_number(const cut *c, regex_match *match) {
    size_t bytes;
    for (size_t at = c->from; at < c->length; at += bytes) {
        uint32_t point = unicode_point(c->text + at, &bytes);
        if (!(CLASSES_NUMBERS >> c->run->pre->classes[point] & 1)) continue;
        *match = (regex_match){at, at + bytes};
        return true;
    }
    return false;
}

static youtu_status find_next(cut *c, bool *found, regex_match *match) {
    switch (c->run->pre->stages[c->stage].kind) {
    case STAGE_SCRIPTS: *found = scan_scripts(c->text, c->length, c->from, &match->start, &match->end); break;
    case STAGE_WORDS:
        *found = c->from < c->length;
        if (*found)
            *match = (regex_match){c->from, scan_word(c->run->pre->classes, c->text, c->length, c->from)};
        break;
    case STAGE_NUMBERS: *found = find_number(c, match); break;
    default: return find_pattern(c, found, match);
    }
    if (*found) c->from = match->end;
    return YOUTU_OK;
}

static youtu_status pass_on(const cut *c, size_t start, size_t end) {
    return run_stage(c->run, c->stage + 1, c->text + start, end - start);
}

static youtu_status flush_span(cut *c) {
    bool is_removed = c->run->pre->stages[c->stage].behavior == SPLIT_REMOVED && c->is_match;
    bool passes = c->has_span && !is_removed;
    c->has_span = false;
    return passes ? pass_on(c, c->start, c->end) : YOUTU_OK;
}

/* Whether a span joins the one before it. */
static bool joins(split_behavior behavior, bool before_is_match, bool is_match) {
    switch (behavior) {
    case SPLIT_MERGED_WITH_PREVIOUS: return !before_is_match && is_match;
    case SPLIT_MERGED_WITH_NEXT: return before_is_match && !is_match;
    case SPLIT_CONTIGUOUS: return before_is_match == is_match;
    default: return false;
    }
}

/* Takes the next span, a match or what lies between two. */
static youtu_status take_span(cut *c, size_t start, size_t end, bool is_match) {
    const stage *s = &c->run->pre->stages[c->stage];
    if (s->behavior == SPLIT_ISOLATED) return pass_on(c, start, end);
    is_match = is_match != s->is_inverted;
    youtu_status status = YOUTU_OK;
    if (c->has_span && joins(s->behavior, c->is_match, is_match)) {
        start = c->start;
    } else {
        status = flush_span(c);
    }
    c->has_span = true;
    c->start = start;
    c->end = end;
    c->is_match = is_match;
    return status;
}

static youtu_status split(const run *r, size_t stage_index, const char *text, size_t length) {
    cut c = {.run = r, .stage = stage_index, .text = text, .length = length};
    size_t done = 0;
    for (;;) {
        bool found;
        regex_match match;
        youtu_status status = find_next(&c, &found, &match);
        if (status != YOUTU_OK) return status;
        if (!found) match.start = length;
        if (match.start > done) status = take_span(&c, done, match.start, false);
        if (status == YOUTU_OK && !found) return flush_span(&c);
        if (status == YOUTU_OK) status = take_span(&c, match.start, match.end, true);
        if (status != YOUTU_OK) return status;
        done = match.end;
    }
}

static youtu_status prefix(const run *r, size_t stage_index, const char *text, size_t length) {
    if (text[0] == ' ') return run_stage(r, stage_index + 1, text, length);
    pretokenize_scratch *s = r->scratch;
    if (!array_reserve((void **)&s->prefixed, &s->prefixed_capacity, length + 1, 1))
        return youtu_fail_memory(r->error, "a prefix space", length + 1);
    s->prefixed[0] = ' ';
    /* The text is not in `prefixed`: ByteLevel comes last, so there is one stage of this kind.
     * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    memcpy(s->prefixed + 1, text, length);
    return run_stage(r, stage_index + 1, s->prefixed, length + 1);
}

/* Calls itself once a stage: as deep as there are stages. */
static youtu_status run_stage(const run *r, size_t stage_index, const char *text, size_t length) {
    if (length == 0) return YOUTU_OK;
    if (stage_index == r->pre->n_stages) return r->on_word(r->user, text, length, r->error);
    if (r->pre->stages[stage_index].kind == STAGE_SPACE) return prefix(r, stage_index, text, length);
    return split(r, stage_index, text, length);
}

youtu_status pretokenize(const pretokenizer *pre, pretokenize_scratch *scratch, const char *text,
                         size_t length, pretokenize_word on_word, void *user, youtu_error *error) {
    run r = {pre, scratch, on_word, user, error};
    return run_stage(&r, 0, text, length);
}
