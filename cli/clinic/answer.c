#include "cli/clinic/answer.h"

#include "cli/clinic/passage.h"

/* More than any answer lists. */
enum { MOST_DIAGNOSES = 8, MOST_TESTS = 12 };

enum section { SECTION_NONE, SECTION_DIAGNOSES, SECTION_BASIS, SECTION_TESTS, SECTION_RISK };

/* How an item is marked, apart from its text. */
enum marker { MARKER_NONE, MARKER_NUMBER, MARKER_BULLET };

struct parsing {
    struct span source;
    struct plain_text plain;
    struct arena *arena;
    struct answer *answer;
    enum section section;
    enum marker marker; /* of the section's first item: its sub-items are marked otherwise */
};

static size_t skip_blanks(struct span text, size_t at) {
    while (at < text.length && (text.data[at] == ' ' || text.data[at] == '*' || text.data[at] == '#')) at++;
    return at;
}

/* Skips Markdown signs and an item mark at the start of a line: "**", "##", "1.", "(1)", "一、", "①", "-". */
static size_t skip_marker(struct span line, enum marker *marker) {
    static const char *const BULLETS[] = {"-", "•", "·", "●", "+", NULL};
    static const char *const CIRCLED[] = {"①", "②", "③", "④", "⑤", "⑥", "⑦", "⑧", NULL};
    static const char *const NUMERALS[] = {"一", "二", "三", "四", "五", "六", "七", "八", NULL};
    static const char *const ENDS[] = {".", "、", ")", ":", NULL};
    *marker = MARKER_NONE;
    size_t start = 0;
    while (start < line.length && line.data[start] == ' ') start++;
    if (span_starts(span_between(line, start, line.length), span_of("* "))) *marker = MARKER_BULLET;
    start = skip_blanks(line, start);
    if (*marker == MARKER_BULLET) return start;
    struct span rest = span_between(line, start, line.length);
    size_t length = starts_with_any(rest, CIRCLED);
    if (length) return *marker = MARKER_NUMBER, skip_blanks(line, start + length);
    length = starts_with_any(rest, BULLETS);
    if (length) return *marker = MARKER_BULLET, skip_blanks(line, start + length);
    size_t at = span_starts(rest, span_of("(")) ? 1 : 0, number = at;
    while (at < rest.length && rest.data[at] >= '0' && rest.data[at] <= '9') at++;
    if (at == number) at += starts_with_any(span_between(rest, at, rest.length), NUMERALS);
    if (at == number) return start;
    size_t end = starts_with_any(span_between(rest, at, rest.length), ENDS);
    if (end == 0) return start;
    /* "1.5" is no item. */
    bool decimal =
        rest.data[at] == '.' && at + 1 < rest.length && rest.data[at + 1] >= '0' && rest.data[at + 1] <= '9';
    if (decimal) return start;
    *marker = MARKER_NUMBER;
    return skip_blanks(line, start + at + end);
}

static const struct {
    const char *title;
    enum section section;
} TITLES[] = {
    {"可能诊断", SECTION_DIAGNOSES}, {"可能的诊断", SECTION_DIAGNOSES}, {"可能性诊断", SECTION_DIAGNOSES},
    {"初步诊断", SECTION_DIAGNOSES}, {"鉴别依据", SECTION_BASIS},       {"诊断依据", SECTION_BASIS},
    {"鉴别诊断", SECTION_BASIS},     {"建议检查", SECTION_TESTS},       {"检查建议", SECTION_TESTS},
    {"风险提示", SECTION_RISK},      {"风险提醒", SECTION_RISK}};

bool answer_begins_title(struct span line) {
    for (size_t i = 0; i < sizeof TITLES / sizeof *TITLES; i++)
        if (span_starts(line, span_of(TITLES[i].title))) return true;
    return false;
}

bool answer_may_become_title(struct span line) {
    for (size_t i = 0; i < sizeof TITLES / sizeof *TITLES; i++)
        if (span_starts(span_of(TITLES[i].title), line)) return true;
    return false;
}

/* The section that a line opens, *rest behind its title; SECTION_NONE when it is no title. */
static enum section read_title(struct span line, size_t *rest) {
    enum marker marker;
    size_t start = skip_marker(line, &marker);
    struct span text = span_between(line, start, line.length);
    bool boxed = span_starts(text, span_of("【"));
    if (boxed) text = span_between(text, strlen("【"), text.length);
    for (size_t i = 0; i < sizeof TITLES / sizeof *TITLES; i++) {
        if (!span_starts(text, span_of(TITLES[i].title))) continue;
        struct span after = span_between(text, strlen(TITLES[i].title), text.length);
        if (span_starts(after, span_of("】"))) after = span_between(after, strlen("】"), after.length);
        if (span_starts(after, span_of("("))) {
            size_t close = span_find(after, span_of(")"), 0);
            after = span_between(after, close == SIZE_MAX ? after.length : close + 1, after.length);
        }
        size_t at = skip_blanks(after, 0);
        if (at < after.length && after.data[at] != ':') continue;
        at = skip_blanks(after, at < after.length ? at + 1 : at);
        *rest = line.length - after.length + at;
        return TITLES[i].section;
    }
    return SECTION_NONE;
}

/* The end of an item's name: at a colon, a parenthesis, a dash or a comma. */
static size_t name_end(struct span item) {
    static const char *const ENDS[] = {":", "(", ",", ";", "。", "--", " - ", "**", "→", NULL};
    size_t at = 0;
    while (at < item.length && !starts_with_any(span_between(item, at, item.length), ENDS)) at++;
    return at;
}

/* The answer's own text for a part of the plain form. */
static struct span source_of(const struct parsing *in, struct span part) {
    size_t start = (size_t)(part.data - in->plain.data);
    return span_between(in->source, in->plain.origin[start], in->plain.origin[start + part.length]);
}

static bool says_unknown(struct span item) {
    static const char *const UNKNOWN[] = {"无法判断", "信息不足", "不能判断", "无法确定",
                                          "不能确定", "无法作出", "暂无",     NULL};
    return contains_any(item, UNKNOWN);
}

static bool add_diagnosis(struct parsing *in, struct span item) {
    struct answer *answer = in->answer;
    bool is_unlisted = span_starts(item, span_of(ANSWER_UNLISTED));
    if (is_unlisted) item = span_between(item, strlen(ANSWER_UNLISTED), item.length);
    struct span name = span_trim(span_between(item, 0, name_end(item)));
    if (name.length == 0 || says_unknown(item) || answer->n_diagnoses == MOST_DIAGNOSES) return true;
    struct named_diagnosis *items =
        arena_grow(in->arena, answer->diagnoses, answer->n_diagnoses, sizeof *items);
    if (!items) return false;
    items[answer->n_diagnoses++] = (struct named_diagnosis){source_of(in, name), is_unlisted};
    answer->diagnoses = items;
    return true;
}

/* The reason behind a name: without the mark between them and a closing parenthesis. */
static struct span reason_after(struct span item, size_t at) {
    static const char *const MARKS[] = {":", "(", ",", ";", "-", "*", " ", "。", "→", NULL};
    size_t length;
    while ((length = starts_with_any(span_between(item, at, item.length), MARKS))) at += length;
    struct span reason = span_trim(span_between(item, at, item.length));
    if (span_ends(reason, span_of(")"))) reason.length--;
    return reason;
}

static bool add_test(struct parsing *in, struct span item) {
    struct answer *answer = in->answer;
    size_t end = name_end(item);
    struct span name = span_trim(span_between(item, 0, end)), reason = reason_after(item, end);
    if (name.length == 0 || answer->n_tests == MOST_TESTS) return true;
    struct suggested_test *tests = arena_grow(in->arena, answer->tests, answer->n_tests, sizeof *tests);
    if (!tests) return false;
    answer->tests = tests;
    struct suggested_test *test = &tests[answer->n_tests];
    test->name = arena_copy(in->arena, source_of(in, name));
    test->reason = reason.length ? arena_copy(in->arena, source_of(in, reason)) : NULL;
    if (!test->name || (reason.length && !test->reason)) return false;
    answer->n_tests++;
    return true;
}

static bool add_item(struct parsing *in, struct span item) {
    if (in->section == SECTION_DIAGNOSES) return add_diagnosis(in, item);
    return in->section != SECTION_TESTS || add_test(in, item);
}

/* Items that stand behind a title in one line: "可能诊断:偏头痛、紧张型头痛". */
static bool add_inline_items(struct parsing *in, struct span text) {
    static const char *const BETWEEN[] = {"、", ";", ",", "。", NULL};
    while (text.length) {
        size_t end = 0;
        while (end < text.length && !starts_with_any(span_between(text, end, text.length), BETWEEN)) end++;
        if (!add_item(in, span_between(text, 0, end))) return false;
        size_t mark = starts_with_any(span_between(text, end, text.length), BETWEEN);
        text = span_between(text, end + mark, text.length);
    }
    return true;
}

static bool read_line(struct parsing *in, struct span line) {
    size_t rest;
    enum section opened = read_title(line, &rest);
    if (opened != SECTION_NONE) {
        in->section = opened;
        in->marker = MARKER_NONE;
        return add_inline_items(in, span_between(line, rest, line.length));
    }
    bool indented = line.length && line.data[0] == ' ';
    enum marker marker;
    size_t start = skip_marker(line, &marker);
    if (marker == MARKER_NONE || (in->marker == MARKER_NONE && indented && marker == MARKER_BULLET))
        return true;
    if (in->marker == MARKER_NONE) in->marker = marker;
    return marker != in->marker || add_item(in, span_between(line, start, line.length));
}

bool answer_parse(struct span text, struct arena *arena, struct answer *answer) {
    *answer = (struct answer){0};
    struct parsing in = {.source = text, .arena = arena, .answer = answer};
    if (!text_plain(arena, text, &in.plain)) return false;
    struct span rest = plain_span(&in.plain);
    while (rest.length) {
        const char *end = memchr(rest.data, '\n', rest.length);
        size_t length = end ? (size_t)(end - rest.data) : rest.length;
        if (!read_line(&in, span_between(rest, 0, length))) return false;
        rest = span_between(rest, end ? length + 1 : length, rest.length);
    }
    return true;
}
