#include "cli/clinic/mentions.h"

#include "cli/clinic/infix.h"

const char *polarity_name(enum polarity polarity) {
    static const char *const NAMES[] = {
        [POLARITY_PRESENT] = "present",    [POLARITY_UNCERTAIN] = "uncertain",
        [POLARITY_DENIED] = "denied",      [POLARITY_PAST] = "past",
        [POLARITY_RESOLVED] = "resolved",  [POLARITY_HYPOTHETICAL] = "hypothetical",
        [POLARITY_OTHER] = "other-person",
    };
    return NAMES[polarity];
}

/* A negation runs over a list: "否认发热、咳嗽及胸痛" denies three. A lone 不 does not. */
static const char *const STRONG_NEGATIONS[] = {
    "无",     "没有",   "没",       "未",     "否认",   "未见",     "未诉",     "未闻",
    "未及",   "未出现", "没有出现", "没出现", "无明显", "没有明显", "没明显",   "不伴",
    "不伴有", "并无",   "从不",     "从没",   "从没有", "从未",     "从无",     "暂无",
    "也无",   "也没有", "均无",     "排除",   "除外",   "没什么",   "没有什么", NULL};
static const char *const WEAK_NEGATIONS[] = {"不", "非", "并不", "并非", "也不", "不会", NULL};
/* Before a negation they undo it ("不是没有") or make it a question ("会不会"). */
static const char *const UNDOING[] = {"不是", "没有", "并非", "无不", "不能", "不", "会", NULL};
static const char *const CONNECTORS[] = {"、", "和", "及", "以及", "或", "或者", "与", "/", "跟", "并", NULL};
/* Words between a negation and what it denies. */
static const char *const FILLERS[] = {"明显", "的",   "过",   "再", "任何", "什么",
                                      "显著", "特殊", "其他", " ",  NULL};
/* A new verb or subject ends a list of denied findings. */
static const char *const LIST_ENDS[] = {"有", "伴", "出现", "但",   "而",   "却",   "只是", "仅",
                                        "诉", "感", "后来", "现在", "就是", "主要", NULL};
/* How a patient colours a finding: part of its wording. */
static const char *const ADVERBS[] = {"一直", "总是", "老是", "总",     "老",     "经常",   "时不时", "偶尔",
                                      "偶有", "反复", "间断", "持续",   "有点",   "有些",   "稍微",   "略",
                                      "很",   "特别", "非常", "剧烈",   "明显",   "轻度",   "轻微",   "严重",
                                      "突然", "突发", "阵发", "阵发性", "间断性", "持续性", "天天",   NULL};
static const char *const AFTER_ABSENT[] = {"(-)",  "阴性", "未见", "未出现", "否认", "不明显",
                                           "没有", "无",   "没",   "没出现", NULL};
static const char *const AFTER_FILLERS[] = {"等", "等症状", "等不适", "症状", "的症状", "都",
                                            "均", "也",     "全",     "倒是", "倒",     NULL};
static const char *const OVER_BY_NOW[] = {
    "已缓解", "缓解了", "已经缓解", "消失",   "已消失", "好了",   "已好",   "已愈", "痊愈", "退了",
    "已退",   "不疼了", "不痛了",   "不烧了", "不咳了", "不吐了", "没有了", "没了", NULL};
static const char *const STILL_THERE_BEFORE[] = {"没", "没有", "未", "不", "还没", "未见", NULL};
static const char *const STILL_THERE_AFTER[] = {"一点", "一些", "点", "些", "又", "几天", NULL};
static const char *const EARLIER_TIMES[] = {"曾",   "既往",   "小时候", "去年", "上次",
                                            "当年", "年轻时", "以前",   "从前", NULL};
static const char *const NOW_AGAIN[] = {"现在", "最近", "近来", "今天", "今", "又",
                                        "仍",   "还是", "开始", "至今", "昨", NULL};
static const char *const SUPPOSED[] = {"如果",   "万一", "一旦", "要是", "假如", "会不会", "是不是会",
                                       "是否会", "怕是", "害怕", "担心", "怕会", "生怕",   NULL};
static const char *const HISTORY_SUFFIXES[] = {"史", "病史", NULL};

static size_t longer(size_t a, size_t b) {
    return a > b ? a : b;
}

/* How far around a mention its clause is read: whoever writes on without punctuation means something else. */
enum { WINDOW_BYTES = 240 };

/* What is known while the mentions of one passage are judged. */
struct judging {
    const struct passage *passage;
    const struct mention *mentions; /* in order, not overlapping */
};

static struct span text_of(const struct judging *judging, size_t start, size_t end) {
    return span_between(plain_span(&judging->passage->plain), start, end);
}

/* The part of a mention's clause that is near it. */
static struct clause clause_of(const struct judging *judging, size_t i) {
    const struct mention *mention = &judging->mentions[i];
    struct clause clause = judging->passage->clauses[mention->clause];
    if (mention->start - clause.start > WINDOW_BYTES) clause.start = mention->start - WINDOW_BYTES;
    if (clause.end - mention->end > WINDOW_BYTES) clause.end = mention->end + WINDOW_BYTES;
    return clause;
}

static size_t skip_back(const struct judging *judging, size_t start, size_t end, const char *const *words) {
    size_t length;
    while ((length = ends_with_any(text_of(judging, start, end), words))) end -= length;
    return end;
}

/* A negation that ends at `end`: where it starts, or SIZE_MAX. A doubled one ("不是没有") does not count. */
static size_t negation_before(const struct judging *judging, size_t start, size_t end, bool weak_too) {
    size_t length = ends_with_any(text_of(judging, start, end), STRONG_NEGATIONS);
    if (weak_too) length = longer(length, ends_with_any(text_of(judging, start, end), WEAK_NEGATIONS));
    if (length == 0) return SIZE_MAX;
    return ends_with_any(text_of(judging, start, end - length), UNDOING) ? SIZE_MAX : end - length;
}

/* The start of the list element that ends at `end`: behind the connector or clause start before it. */
static size_t element_start(const struct judging *judging, size_t start, size_t end) {
    while (end > start && !ends_with_any(text_of(judging, start, end), CONNECTORS)) end--;
    return end;
}

/* Whether `at` lies inside a finding before mention i: "无" of 无力 is no negation of what follows. */
static bool is_inside_finding(const struct judging *judging, size_t i, size_t at) {
    while (i > 0 && judging->mentions[i - 1].start >= at) i--;
    return i > 0 && judging->mentions[i - 1].end >= at;
}

/* The last strong negation in [start, end) before mention i, when nothing after it ends its reach: where it
 * starts, or SIZE_MAX. */
static size_t negation_reaching(const struct judging *judging, size_t i, size_t start, size_t end) {
    for (size_t at = end; at > start; at--) {
        size_t negation = negation_before(judging, start, at, false);
        if (negation == SIZE_MAX || is_inside_finding(judging, i, at)) continue;
        return contains_any(text_of(judging, at, end), LIST_ENDS) ? SIZE_MAX : negation;
    }
    return SIZE_MAX;
}

/* The start of the negation before a mention that denies it, directly or over a list; SIZE_MAX without one.
 */
static size_t denied_from(const struct judging *judging, size_t i) {
    size_t start = clause_of(judging, i).start;
    size_t at = skip_back(judging, start, judging->mentions[i].start, ADVERBS);
    size_t negation = negation_before(judging, start, at, true);
    if (negation != SIZE_MAX) return negation;
    at = skip_back(judging, start, at, FILLERS);
    if ((negation = negation_before(judging, start, at, true)) != SIZE_MAX) return negation;
    for (;;) {
        size_t connector = ends_with_any(text_of(judging, start, at), CONNECTORS);
        bool follows_finding = i > 0 && judging->mentions[i - 1].end == at;
        if (!connector && !follows_finding) return SIZE_MAX;
        size_t element = element_start(judging, start, at - connector);
        if ((negation = negation_reaching(judging, i, element, at - connector)) != SIZE_MAX) return negation;
        if (contains_any(text_of(judging, element, at), LIST_ENDS) || element == start) return SIZE_MAX;
        at = element;
    }
}

/* "胸痛没有", "头痛、咳嗽都没有": where the denial behind a mention ends, or SIZE_MAX. */
static size_t denied_until(const struct judging *judging, size_t i) {
    size_t end = clause_of(judging, i).end;
    size_t after = ends_with_any(text_of(judging, judging->mentions[i].end, end), AFTER_ABSENT);
    if (after == 0) return SIZE_MAX;
    size_t at = skip_back(judging, judging->mentions[i].end, end - after, AFTER_FILLERS);
    struct span between = text_of(judging, judging->mentions[i].end, at);
    bool is_list = between.length == 0 || starts_with_any(between, CONNECTORS);
    if (!is_list || contains_any(between, LIST_ENDS) || contains_any(between, STRONG_NEGATIONS))
        return SIZE_MAX;
    return end;
}

static bool is_over(const struct judging *judging, size_t i) {
    struct span rest = text_of(judging, judging->mentions[i].end, clause_of(judging, i).end);
    for (const char *const *word = OVER_BY_NOW; *word; word++) {
        size_t at = span_find(rest, span_of(*word), 0);
        if (at == SIZE_MAX) continue;
        struct span before = span_between(rest, 0, at);
        struct span after = span_between(rest, at + strlen(*word), rest.length);
        if (!ends_with_any(before, STILL_THERE_BEFORE) && !starts_with_any(after, STILL_THERE_AFTER))
            return true;
    }
    return false;
}

/* "三天以前开始" is a beginning, not an earlier time. */
static bool is_of_earlier_times(const struct judging *judging, size_t i) {
    static const char *const UNITS[] = {"天", "周", "月", "年", "时", "期", "日", NULL};
    struct span before = text_of(judging, clause_of(judging, i).start, judging->mentions[i].start);
    for (const char *const *word = EARLIER_TIMES; *word; word++) {
        size_t at = span_find(before, span_of(*word), 0);
        if (at == SIZE_MAX || ends_with_any(span_between(before, 0, at), UNITS)) continue;
        if (!contains_any(span_between(before, at + strlen(*word), before.length), NOW_AGAIN)) return true;
    }
    struct span after = text_of(judging, judging->mentions[i].end, clause_of(judging, i).end);
    return starts_with_any(after, HISTORY_SUFFIXES) != 0;
}

static bool is_of_another(const struct judging *judging, size_t i) {
    const struct person_mention *person =
        passage_person(judging->passage, clause_of(judging, i).start, judging->mentions[i].start);
    return person && person->person != judging->passage->patient;
}

static void judge(const struct judging *judging, size_t i, struct mention *mention) {
    size_t start = clause_of(judging, i).start;
    mention->shown_start = mention->start;
    mention->shown_end = mention->end;
    size_t from = denied_from(judging, i), until = denied_until(judging, i);
    if (from != SIZE_MAX || until != SIZE_MAX) {
        mention->polarity = POLARITY_DENIED;
        if (from != SIZE_MAX) mention->shown_start = from;
        if (until != SIZE_MAX) mention->shown_end = until;
    } else if (is_of_another(judging, i)) {
        mention->polarity = POLARITY_OTHER;
    } else if (mention->denied_inside) {
        mention->polarity = POLARITY_DENIED;
    } else if (contains_any(text_of(judging, start, mention->start), SUPPOSED)) {
        mention->polarity = POLARITY_HYPOTHETICAL;
    } else if (is_over(judging, i) || is_of_earlier_times(judging, i)) {
        mention->polarity = POLARITY_PAST;
    } else {
        mention->shown_start = skip_back(judging, start, mention->start, ADVERBS);
    }
}

static bool collect(const struct passage *passage, const struct wordlist *list, struct arena *arena,
                    struct mentions *mentions) {
    struct span text = plain_span(&passage->plain);
    for (size_t clause = 0; clause < passage->n_clauses; clause++) {
        size_t end = passage->clauses[clause].end;
        for (size_t at = passage->clauses[clause].start; at < end;) {
            struct word_match match = infix_match(list, span_between(text, 0, end), at);
            if (match.length == 0) {
                at++;
                continue;
            }
            struct mention *items = arena_grow(arena, mentions->items, mentions->count, sizeof *items);
            if (!items) return false;
            items[mentions->count++] = (struct mention){.term = match.term,
                                                        .start = at,
                                                        .end = at + match.length,
                                                        .clause = clause,
                                                        .denied_inside = match.denied};
            mentions->items = items;
            at += match.length;
        }
    }
    return true;
}

bool mentions_find(const struct passage *passage, const struct wordlist *list, struct arena *arena,
                   struct mentions *mentions) {
    *mentions = (struct mentions){0};
    if (!collect(passage, list, arena, mentions)) return false;
    const struct judging judging = {passage, mentions->items};
    for (size_t i = 0; i < mentions->count; i++) judge(&judging, i, &mentions->items[i]);
    return true;
}
