#include "cli/clinic/doses.h"

#include "cli/clinic/passage.h"
#include "cli/clinic/quantities.h"

/* ---- expressions: each reader gives the position behind what it recognises at `at`, or `at` */

static size_t skip_spaces(struct span text, size_t at) {
    while (at < text.length && text.data[at] == ' ') at++;
    return at;
}

static bool is_latin(struct span text, size_t at) {
    return at < text.length && text.data[at] >= 'a' && text.data[at] <= 'z';
}

static size_t skip_number(struct span text, size_t at) {
    struct quantity number;
    return quantity_read(text, at, &number) ? skip_spaces(text, number.end) : at;
}

static const char *const EACH[] = {"每次", "一次", "每晚", "首剂", "每顿", NULL};

/* "0.3 g", "5mg/kg", "每次1-2片", "100 ml/次"; not "110 g/l", "120 mmhg" or "一吸气". */
static size_t skip_amount(struct span text, size_t at) {
    static const char *const UNITS[] = {"mg",   "g",  "μg",   "µg", "ug", "mcg",  "毫克",   "克",
                                        "微克", "ml", "毫升", "iu", "u",  "单位", "万单位", "万u",
                                        "片",   "粒", "丸",   "袋", "包", "支",   "滴",     "喷",
                                        "吸",   "贴", "枚",   "瓶", "勺", NULL};
    static const char *const PER[] = {"/kg", "/公斤", "/千克", "/次", "/日", "/天",
                                      "/d",  "/h",    "/片",   "/晚", NULL};
    size_t each = skip_any(text, at, EACH), start = each > at ? skip_spaces(text, each) : at;
    size_t number = skip_number(text, start);
    size_t unit = skip_any(text, number, UNITS);
    if (number == start || unit == number || is_latin(text, unit)) return at;
    if (span_starts(span_between(text, unit, text.length), span_of("气"))) return at;
    size_t end = unit, per;
    while ((per = skip_any(text, end, PER)) > end && !is_latin(text, per)) end = per;
    bool concentration = end < text.length && text.data[end] == '/';
    return concentration ? at : end;
}

/* "每日3次", "3次/日", "每8小时一次", "bid", "早晚各1片", "睡前". */
static size_t skip_frequency(struct span text, size_t at) {
    static const char *const DAY[] = {"每日", "每天", "一日", "一天", "每晚", "日服", "日", NULL};
    static const char *const TIMES[] = {"次", NULL};
    static const char *const PER_DAY[] = {"/日", "/天", "/d", NULL};
    static const char *const FIXED[] = {"隔日一次", "隔日1次",  "睡前服", "睡前口服",
                                        "顿服",     "每晚一次", NULL};
    static const char *const LATIN[] = {"qd",  "bid", "tid", "qid",  "qn",  "prn",
                                        "q4h", "q6h", "q8h", "q12h", "qod", NULL};
    static const char *const HOURS[] = {"小时", "h", NULL};
    static const char *const ONCE[] = {"一次", "1次", NULL};
    static const char *const DAYPARTS[] = {"早晚各", "早中晚各", "早上", "晚上", NULL};
    size_t end = skip_any(text, at, LATIN);
    if (end > at && !is_latin(text, end) && (at == 0 || !is_latin(text, at - 1))) return end;
    if ((end = skip_any(text, at, FIXED)) > at) return end;
    size_t part = skip_any(text, at, DAYPARTS);
    if (part > at && (end = skip_any(text, skip_amount(text, part), ONCE)) > part) return end;
    size_t day = skip_any(text, at, DAY), count = skip_number(text, day);
    if (day > at && count > day && (end = skip_any(text, count, TIMES)) > count) return end;
    count = skip_number(text, at);
    size_t times = skip_any(text, count, TIMES);
    if (count > at && times > count && (end = skip_any(text, times, PER_DAY)) > times) return end;
    size_t every = skip_any(text, at, (const char *const[]){"每隔", "每", NULL});
    count = skip_number(text, every);
    if (every > at && count > every && (end = skip_any(text, count, HOURS)) > count)
        return skip_any(text, skip_any(text, end, (const char *const[]){"服用", "服", NULL}), ONCE);
    return at;
}

/* "连用5天", "疗程2周". */
static size_t skip_course(struct span text, size_t at) {
    static const char *const LASTING[] = {"连用", "连服", "连续服用", "连续用药", "疗程为",
                                          "疗程", "共服", "服药",     NULL};
    static const char *const UNITS[] = {"天", "日", "周", "个月", "个疗程", NULL};
    size_t lasting = skip_any(text, at, LASTING), number = skip_number(text, lasting);
    size_t end = skip_any(text, number, UNITS);
    return lasting > at && number > lasting && end > number ? end : at;
}

/* ---- clauses */

struct clause_reading {
    struct clause *expressions;
    size_t count;
    bool names_drug, tells_taking, gives_amount, gives_rate;
};

static bool names_drug(const struct wordlist *drugs, struct span clause) {
    for (size_t at = 0; at < clause.length; at++)
        if (wordlist_match(drugs, clause, at).length) return true;
    return false;
}

/* What is counted or measured and is no drug: "吸烟20支/日", "腹泻3次/日". */
static bool counts_something_else(struct span before) {
    static const char *const OTHERS[] = {"烟",   "酒",   "水",   "痰",   "尿",   "出血", "血红蛋白", "血糖",
                                         "结节", "奶",   "盐",   "腹泻", "呕吐", "排便", "大便",     "小便",
                                         "发作", "咳嗽", "测量", "监测", "复查", "检测", NULL};
    static const size_t NEAR_BYTES = 15;
    size_t start = before.length > NEAR_BYTES ? before.length - NEAR_BYTES : 0;
    return contains_any(span_between(before, start, before.length), OTHERS);
}

/* Finds the dose expressions of a clause. false: memory refused. */
static bool read_clause(const struct dose_filter *filter, struct span text, struct clause clause,
                        struct clause_reading *reading) {
    static const char *const TAKING[] = {"口服", "含服", "服用", "外用", "静滴", "静脉滴注", "肌注",
                                         "注射", "皮下", "雾化", "给予", "服药", "用药",     "吃药",
                                         "顿服", "吞服", "涂抹", "滴眼", NULL};
    static const char *const TAKING_BEFORE[] = {"服", "吃", "用", NULL};
    struct span part = span_between(text, 0, clause.end);
    struct span whole = span_between(text, clause.start, clause.end);
    *reading = (struct clause_reading){.names_drug = names_drug(filter->drugs, whole),
                                       .tells_taking = contains_any(whole, TAKING)};
    for (size_t at = clause.start; at < clause.end;) {
        size_t rate = skip_frequency(part, at), amount = skip_amount(part, at),
               course = skip_course(part, at);
        size_t end = rate > amount ? rate : amount;
        if (course > end) end = course;
        struct span before = span_between(text, clause.start, at);
        if (end == at || counts_something_else(before)) {
            at = end > at ? end : at + 1;
            continue;
        }
        reading->gives_amount |= amount > at;
        reading->gives_rate |= rate > at || course > at || skip_any(part, at, EACH) > at;
        reading->tells_taking |= amount > at && ends_with_any(before, TAKING_BEFORE);
        struct clause *expressions =
            arena_grow(filter->arena, reading->expressions, reading->count, sizeof *expressions);
        if (!expressions) return false;
        expressions[reading->count++] = (struct clause){at, end};
        reading->expressions = expressions;
        at = end;
    }
    return true;
}

/* Whether the expressions of a clause dose a drug; drug_before: one was named or taken before in the line. */
static bool is_dosing(const struct clause_reading *reading, bool drug_before) {
    if (reading->count == 0) return false;
    return reading->names_drug || reading->tells_taking || drug_before ||
           (reading->gives_amount && reading->gives_rate);
}

static bool record_removal(struct dose_filter *filter, struct span text) {
    struct removals *removals = &filter->removals;
    struct removal *items = arena_grow(filter->arena, removals->items, removals->count, sizeof *items);
    if (!items) return false;
    removals->items = items;
    items[removals->count].kind = "dose";
    items[removals->count].text = arena_copy(filter->arena, text);
    return items[removals->count++].text != NULL;
}

/* Appends the clause's source without its expressions, the placeholder in the first one's place. *copied: up
 * to where the source was appended so far. */
static bool cut_expressions(struct dose_filter *filter, struct span line, const struct plain_text *plain,
                            const struct clause_reading *reading, size_t *copied, struct buffer *out) {
    for (size_t i = 0; i < reading->count; i++) {
        size_t start = plain->origin[reading->expressions[i].start];
        size_t end = plain->origin[reading->expressions[i].end];
        buffer_append(out, line.data + *copied, start - *copied);
        if (i == 0) buffer_put(out, DOSE_PLACEHOLDER);
        if (!record_removal(filter, span_between(line, start, end))) return false;
        *copied = end;
    }
    return true;
}

/* The end of the clause that starts at `at`: a sentence's parts are divided by commas. */
static size_t clause_end(struct span text, size_t at) {
    static const char *const MARKS[] = {",", ";", "。", "、", NULL};
    while (at < text.length && !starts_with_any(span_between(text, at, text.length), MARKS)) at++;
    return at;
}

bool dose_filter_line(struct dose_filter *filter, struct span line, struct buffer *out) {
    static const char *const MARKS[] = {",", ";", "。", "、", NULL};
    struct plain_text plain;
    if (!text_plain(filter->arena, line, &plain)) return false;
    struct span text = plain_span(&plain);
    bool drug_before = filter->drug_named, named_here = false, dosed = false;
    size_t copied = 0;
    for (size_t at = 0; at < text.length;) {
        struct clause clause = {at, clause_end(text, at)};
        struct clause_reading reading;
        if (!read_clause(filter, text, clause, &reading)) return false;
        if (is_dosing(&reading, drug_before)) {
            dosed = true;
            if (!cut_expressions(filter, line, &plain, &reading, &copied, out)) return false;
        }
        named_here |= reading.names_drug;
        drug_before |= reading.names_drug || reading.tells_taking || dosed;
        at = skip_any(text, clause.end, MARKS);
    }
    buffer_append(out, line.data + copied, line.length - copied);
    /* A blank line between a drug and its dose changes nothing. */
    if (text.length) filter->drug_named = named_here && !dosed;
    return !out->failed;
}
