#include "cli/clinic/chart.h"

#include <limits.h>
#include <stdlib.h>

/* A sentence longer than this ends at the next comma, and at any character when it is twice as long. */
static const size_t LONG_SENTENCE_BYTES = 360;

const char *fate_name(enum fate fate) {
    static const char *const NAMES[] = {"kept", "summarised", "listed", "left_out"};
    return NAMES[fate];
}

const char *fate_reason(enum fate fate) {
    static const char *const REASONS[] = {NULL, "超出上下文,以所在段落的摘要代替",
                                          "超出上下文,其中的表现、用药、过敏只列在问诊要点里",
                                          "超出上下文,其中没有规则能识别的内容"};
    return REASONS[fate];
}

/* ---- how segments open */

static const char *const HEADINGS[] = {
    "主诉",     "现病史",   "既往史",   "个人史",   "婚育史",   "月经史",   "家族史",   "过敏史", "用药史",
    "药物史",   "手术史",   "体格检查", "查体",     "体检",     "专科检查", "辅助检查", "检查",   "检查结果",
    "化验",     "初步诊断", "诊断",     "处理",     "治疗",     "治疗经过", "处置",     "医嘱",   "小结",
    "出院小结", "出院诊断", "入院记录", "病程记录", "门诊记录", "门诊病历", "复诊",     "初诊",   "随访",
    "病史",     "接触史",   "预防接种", "喂养史",   NULL};

/* A date below it has no year. */
static const long YEARLESS = 10000;

/* One to `most` digits at *at, which moves behind them; -1 when there are none, or more. */
static long read_digits(struct span text, size_t *at, size_t most) {
    size_t start = *at;
    long value = 0;
    while (*at < text.length && is_digit(text.data[*at]) && *at - start <= most)
        value = value * 10 + (text.data[(*at)++] - '0');
    return *at > start && *at - start <= most ? value : -1;
}

/* Moves *at behind one of the marks. */
static bool pass(struct span text, size_t *at, const char *const *marks) {
    size_t before = *at;
    *at = skip_any(text, *at, marks);
    return *at > before;
}

/* A date at text[at]: its end in *end, 0 when there is none. "5月2日" has the year 0. */
static long read_date(struct span text, size_t at, size_t *end) {
    static const char *const AFTER_YEAR[] = {"年", "-", "/", ".", NULL};
    static const char *const AFTER_MONTH[] = {"月", "-", "/", ".", NULL}, *const DAY[] = {"日", "号", NULL};
    static const char *const MONTH[] = {"月", NULL};
    size_t start = at;
    long first = read_digits(text, &at, 4), month = first, day = 0;
    bool has_year = first >= 1900 && at - start == 4;
    if (has_year && (!pass(text, &at, AFTER_YEAR) || (month = read_digits(text, &at, 2)) < 0)) return 0;
    if (month < 1 || month > 12) return 0;
    size_t behind_month = at;
    if (!pass(text, &at, has_year ? AFTER_MONTH : MONTH)) return 0;
    day = read_digits(text, &at, 2);
    if (day < 1 || day > 31) {
        if (!has_year || !(at = behind_month, pass(text, &at, MONTH))) return 0; /* "2023年5月" */
        day = 0;
    } else if (!pass(text, &at, DAY) && !has_year) {
        return 0;
    }
    *end = at;
    return (has_year ? first : 0) * YEARLESS + month * 100 + day;
}

/* The end of a heading at text[at], its mark included; `at` when there is none. */
static size_t read_heading(struct span text, size_t at, bool bracketed) {
    static const char *const CLOSING[] = {"】", "]", ")", NULL}, *const MARK[] = {":", NULL};
    size_t end = skip_any(text, at, HEADINGS), closed = end;
    if (end == at) return at;
    bool closes = pass(text, &closed, CLOSING);
    if (bracketed && closes) return skip_any(text, closed, MARK);
    if (pass(text, &end, MARK)) return end;
    return end == text.length || text.data[end] == '\n' ? end : at;
}

/* What opens a segment at a line's beginning: its end; `at` when nothing does. *date: 0 when it tells none. */
static size_t read_opening(struct span text, size_t at, long *date) {
    static const char *const BLANKS[] = {" ", NULL}, *const OPENING[] = {"【", "[", "(", NULL};
    size_t start = at, end = 0;
    while (pass(text, &at, BLANKS)) {
    }
    bool bracketed = pass(text, &at, OPENING);
    *date = read_date(text, at, &end);
    if (*date) at = end;
    size_t behind_date = at;
    while (pass(text, &at, BLANKS)) {
    }
    end = read_heading(text, at, bracketed);
    if (end > at) return end;
    return *date ? behind_date : start;
}

/* ---- dividing */

struct dividing {
    const struct passage *passage;
    const struct findings *findings;
    struct arena *arena;
    struct chart *chart;
    size_t next_entity;
};

static size_t source_at(const struct dividing *in, size_t at) {
    return in->passage->plain.origin[at];
}

static bool add_segment(struct dividing *in, size_t start, size_t title_end, long date) {
    struct chart *chart = in->chart;
    struct chart_segment *segments =
        arena_grow(in->arena, chart->segments, chart->n_segments, sizeof *segments);
    if (!segments) return false;
    chart->segments = segments;
    const struct chart_segment *before = chart->n_segments ? &segments[chart->n_segments - 1] : NULL;
    long date_before = before ? before->date : 0;
    const char *visit = before ? before->visit : "";
    size_t from = source_at(in, start), to = source_at(in, title_end);
    const char *title = arena_copy(in->arena, span_trim(span_between(chart->text, from, to)));
    if (!title) return false;
    if (date)
        visit = title;
    else if (*visit && !(title = arena_format(in->arena, "%s %s", visit, title)))
        return false;
    if (date && date < YEARLESS) date += date_before / YEARLESS * YEARLESS;
    segments[chart->n_segments++] = (struct chart_segment){
        .start = from, .title = title, .visit = visit, .date = date ? date : date_before, .summary = ""};
    return true;
}

static bool is_sign(const struct entity *entity) {
    bool now = entity->polarity == POLARITY_PRESENT || entity->polarity == POLARITY_UNCERTAIN;
    switch (entity->kind) {
    case ENTITY_SYMPTOM:
    case ENTITY_MEDICATION:
    case ENTITY_ALLERGY:
    case ENTITY_VITAL: return now;
    case ENTITY_SITE:
    case ENTITY_QUALITY:
    case ENTITY_SEVERITY:
    case ENTITY_AGGRAVATING:
    case ENTITY_RELIEVING:
    case ENTITY_DURATION:
    case ENTITY_HISTORY:
    case ENTITY_TREND:
    case ENTITY_MENSTRUAL: break;
    }
    return false;
}

/* Entities are in the order of the text, so that each is looked at once. */
static void note_entities(struct dividing *in, struct chart_sentence *sentence) {
    const struct findings *findings = in->findings;
    while (in->next_entity < findings->n_entities &&
           findings->entities[in->next_entity].start < sentence->end) {
        sentence->has_any = true;
        sentence->has_sign = sentence->has_sign || is_sign(&findings->entities[in->next_entity]);
        in->next_entity++;
    }
}

/* A sentence of plain[start, end), unless it is blank. */
static bool add_sentence(struct dividing *in, size_t start, size_t end) {
    struct chart *chart = in->chart;
    struct span shown = span_trim(span_between(chart->text, source_at(in, start), source_at(in, end)));
    if (shown.length == 0) return true;
    struct chart_sentence *sentences =
        arena_grow(in->arena, chart->sentences, chart->n_sentences, sizeof *sentences);
    if (!sentences) return false;
    chart->sentences = sentences;
    size_t from = (size_t)(shown.data - chart->text.data);
    struct chart_sentence *sentence = &sentences[chart->n_sentences++];
    *sentence =
        (struct chart_sentence){.start = from, .end = from + shown.length, .segment = chart->n_segments - 1};
    note_entities(in, sentence);
    chart->segments[chart->n_segments - 1].end = sentence->end;
    return true;
}

/* Behind the sentence that begins at plain[start]. */
static size_t sentence_end(struct span text, size_t start) {
    static const char *const ENDS[] = {"。", "!", "?", ";", "\n", NULL}, *const COMMAS[] = {",", NULL};
    for (size_t at = start; at < text.length; at++) {
        struct span rest = span_between(text, at, text.length);
        size_t length = starts_with_any(rest, ENDS);
        if (length) return at + length;
        bool is_long = at - start > LONG_SENTENCE_BYTES;
        if (is_long && (length = starts_with_any(rest, COMMAS))) return at + length;
        if (at - start > 2 * LONG_SENTENCE_BYTES && !utf8_continues(text.data[at])) return at;
    }
    return text.length;
}

static bool divide(struct dividing *in) {
    struct span text = plain_span(&in->passage->plain);
    if (!add_segment(in, 0, 0, 0)) return false;
    for (size_t at = 0; at < text.length;) {
        bool line_begins = at == 0 || text.data[at - 1] == '\n';
        long date = 0;
        size_t opened = line_begins ? read_opening(text, at, &date) : at;
        if (opened > at) {
            if (in->chart->n_sentences == 0) in->chart->n_segments = 0;
            if (!add_segment(in, at, opened, date)) return false;
        }
        size_t end = sentence_end(text, opened);
        if (!add_sentence(in, at, end)) return false;
        at = end;
    }
    return true;
}

/* ---- summaries */

/* The most names in one part of a summary. */
enum { MOST_NAMES = 40 };

/* The kinds of a summary's parts, in their order. */
static const struct summary_part {
    const char *label;
    enum entity_kind kind;
    bool denied;
} PARTS[] = {
    {"有", ENTITY_SYMPTOM, false},   {"无", ENTITY_SYMPTOM, true},    {"时间", ENTITY_DURATION, false},
    {"体征", ENTITY_VITAL, false},   {"既往", ENTITY_HISTORY, false}, {"用药", ENTITY_MEDICATION, false},
    {"过敏", ENTITY_ALLERGY, false},
};

static bool belongs(const struct entity *entity, const struct summary_part *part) {
    if (entity->kind != part->kind) return false;
    switch (entity->polarity) {
    case POLARITY_DENIED: return part->denied;
    case POLARITY_PAST: return entity->kind == ENTITY_HISTORY;
    case POLARITY_PRESENT:
    case POLARITY_UNCERTAIN: return !part->denied;
    case POLARITY_RESOLVED:
    case POLARITY_HYPOTHETICAL:
    case POLARITY_OTHER: break;
    }
    return false;
}

/* Durations and vital signs in the patient's words, the rest by name. */
static const char *shown_as(const struct entity *entity) {
    return entity->kind == ENTITY_DURATION || entity->kind == ENTITY_VITAL ? entity->text : entity->name;
}

static bool summarise_part(const struct entity *entities, size_t count, const struct summary_part *part,
                           struct arena *arena, struct buffer *out) {
    struct strings names = {0};
    for (size_t i = 0; i < count && names.count < MOST_NAMES; i++)
        if (belongs(&entities[i], part) && !strings_add(&names, arena, shown_as(&entities[i]))) return false;
    for (size_t i = 0; i < names.count; i++) {
        if (i == 0) buffer_format(out, "%s%s:", out->length ? ";" : "", part->label);
        buffer_format(out, "%s%s", i ? "、" : "", names.items[i]);
    }
    return true;
}

static bool summarise(struct chart_segment *segment, const struct entity *entities, size_t count,
                      struct arena *arena) {
    struct buffer text = {0};
    bool done = true;
    for (size_t i = 0; done && i < sizeof PARTS / sizeof *PARTS; i++)
        done = summarise_part(entities, count, &PARTS[i], arena, &text);
    const char *summary = done && !text.failed ? arena_copy(arena, buffer_span(&text)) : NULL;
    buffer_free(&text);
    if (!summary) return false;
    segment->summary = summary;
    return true;
}

static bool summarise_all(struct chart *chart, const struct findings *findings, struct arena *arena) {
    size_t first = 0;
    for (size_t i = 0; i < chart->n_segments; i++) {
        size_t end = first;
        while (end < findings->n_entities && findings->entities[end].start < chart->segments[i].end) end++;
        if (!summarise(&chart->segments[i], findings->entities + first, end - first, arena)) return false;
        first = end;
    }
    return true;
}

/* ---- recency */

/* Undated is today; what a text tells first of one date is the more recent, for it begins with why the patient
 * comes. */
static bool is_more_recent(const struct chart_segment *a, const struct chart_segment *b) {
    long one = a->date ? a->date : LONG_MAX, other = b->date ? b->date : LONG_MAX;
    return one != other ? one > other : a->start < b->start;
}

static int compare_recency(const void *left, const void *right) {
    const struct chart_segment *const *a = left, *const *b = right;
    return is_more_recent(*a, *b) ? -1 : is_more_recent(*b, *a) ? 1 : 0;
}

static bool rank_segments(struct chart *chart, struct arena *arena) {
    struct chart_segment **order = arena_new(arena, chart->n_segments * sizeof *order);
    if (!order) return false;
    chart->by_recency = order;
    for (size_t i = 0; i < chart->n_segments; i++) order[i] = &chart->segments[i];
    qsort(order, chart->n_segments, sizeof(struct chart_segment *), compare_recency);
    for (size_t i = 0; i < chart->n_segments; i++) order[i]->rank = i;
    return true;
}

/* ---- the order in which sentences are chosen */

struct place {
    int tier;
    size_t rank; /* of the segment */
    bool is_first_sign;
    size_t sentence;
};

static int compare_places(const void *left, const void *right) {
    const struct place *a = left, *b = right;
    if (a->tier != b->tier) return a->tier < b->tier ? -1 : 1;
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    if (a->is_first_sign != b->is_first_sign) return a->is_first_sign ? -1 : 1;
    return a->sentence > b->sentence ? -1 : 1;
}

static bool order_sentences(struct chart *chart, struct arena *arena) {
    size_t count = chart->n_sentences;
    struct place *places = arena_new(arena, (count + 1) * sizeof *places);
    chart->order = arena_new(arena, (count + 1) * sizeof *chart->order);
    if (!places || !chart->order) return false;
    size_t signs_of = SIZE_MAX; /* the segment whose first sign was seen */
    for (size_t i = 0; i < count; i++) {
        const struct chart_sentence *sentence = &chart->sentences[i];
        size_t rank = chart->segments[sentence->segment].rank;
        bool is_first = sentence->has_sign && signs_of != sentence->segment;
        if (is_first) signs_of = sentence->segment;
        places[i] = (struct place){(rank ? 2 : 0) + !sentence->has_sign, rank, is_first, i};
    }
    qsort(places, count, sizeof *places, compare_places);
    for (size_t i = 0; i < count; i++) chart->order[i] = places[i].sentence;
    return true;
}

bool chart_divide(const struct passage *passage, const struct findings *findings, struct arena *arena,
                  struct chart *chart) {
    *chart = (struct chart){.text = passage->source};
    struct dividing in = {passage, findings, arena, chart, 0};
    return divide(&in) && summarise_all(chart, findings, arena) && rank_segments(chart, arena) &&
           order_sentences(chart, arena);
}

/* ---- choosing */

static const char GAP[] = "…", SUMMARY_OPENS[] = "〔", SUMMARY_LABEL[] = "摘要:", SUMMARY_CLOSES[] = "〕";

static void keep_sentences(struct chart *chart, size_t room) {
    for (size_t i = 0; i < chart->n_sentences; i++) {
        struct chart_sentence *sentence = &chart->sentences[chart->order[i]];
        size_t needed = sentence->end - sentence->start + strlen(GAP);
        bool fits = needed <= room;
        sentence->fate = fits ? FATE_KEPT : FATE_LEFT_OUT;
        if (fits) room -= needed;
    }
}

static void note_whole_segments(struct chart *chart) {
    for (size_t i = 0; i < chart->n_segments; i++) chart->segments[i].is_whole = true;
    for (size_t i = 0; i < chart->n_sentences; i++)
        if (chart->sentences[i].fate != FATE_KEPT)
            chart->segments[chart->sentences[i].segment].is_whole = false;
}

static size_t summary_bytes(const struct chart_segment *segment) {
    return strlen(SUMMARY_OPENS) + strlen(segment->title) + strlen(SUMMARY_LABEL) + strlen(segment->summary) +
           strlen(SUMMARY_CLOSES);
}

/* The findings are the summary of a text that is not divided. */
static void show_summaries(struct chart *chart, size_t room) {
    for (size_t rank = 0; rank < chart->n_segments; rank++) {
        struct chart_segment *segment = chart->by_recency[rank];
        size_t needed = summary_bytes(segment);
        segment->summary_shown =
            chart->n_segments > 1 && *segment->summary && !segment->is_whole && needed <= room;
        if (segment->summary_shown) room -= needed;
    }
}

static void keep_all(struct chart *chart) {
    for (size_t i = 0; i < chart->n_sentences; i++) chart->sentences[i].fate = FATE_KEPT;
    note_whole_segments(chart);
    for (size_t i = 0; i < chart->n_segments; i++) chart->segments[i].summary_shown = false;
}

void chart_choose(struct chart *chart, size_t limit_bytes) {
    if (chart->text.length <= limit_bytes) {
        keep_all(chart);
        return;
    }
    keep_sentences(chart, limit_bytes / 4 * 3);
    size_t used = 0;
    for (size_t i = 0; i < chart->n_sentences; i++)
        if (chart->sentences[i].fate == FATE_KEPT)
            used += chart->sentences[i].end - chart->sentences[i].start + strlen(GAP);
    note_whole_segments(chart);
    show_summaries(chart, limit_bytes - used);
    for (size_t i = 0; i < chart->n_sentences; i++) {
        struct chart_sentence *sentence = &chart->sentences[i];
        if (sentence->fate == FATE_KEPT || !sentence->has_any) continue;
        sentence->fate = chart->segments[sentence->segment].summary_shown ? FATE_SUMMARISED : FATE_LISTED;
    }
}

void chart_render(const struct chart *chart, struct buffer *out) {
    size_t whole = chart_count(chart, FATE_KEPT);
    if (whole == chart->n_sentences) {
        buffer_append(out, chart->text.data, chart->text.length);
        return;
    }
    size_t segment = SIZE_MAX;
    bool gap = false;
    for (size_t i = 0; i < chart->n_sentences; i++) {
        const struct chart_sentence *sentence = &chart->sentences[i];
        const struct chart_segment *of = &chart->segments[sentence->segment];
        if (sentence->segment != segment && of->summary_shown)
            buffer_format(out, "%s%s%s%s%s", SUMMARY_OPENS, of->title, SUMMARY_LABEL, of->summary,
                          SUMMARY_CLOSES);
        segment = sentence->segment;
        if (sentence->fate == FATE_KEPT)
            buffer_append(out, chart->text.data + sentence->start, sentence->end - sentence->start);
        else if (!gap)
            buffer_put(out, GAP);
        gap = sentence->fate != FATE_KEPT;
    }
}

size_t chart_count(const struct chart *chart, enum fate fate) {
    size_t count = 0;
    for (size_t i = 0; i < chart->n_sentences; i++) count += chart->sentences[i].fate == fate;
    return count;
}
