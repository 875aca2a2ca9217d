#include "cli/clinic/ages.h"

#include "cli/clinic/quantities.h"

/* Units of age in days; months and years only order them. */
enum age_unit { UNIT_NONE, UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_YEAR };

/* Below it a part of a year matters: "1岁半" is told in months. */
enum { PARTS_MATTER_BELOW_YEARS = 3 };

/* A number with its unit, before its surroundings are looked at. */
struct measure {
    double value;
    enum age_unit unit;
    bool tells_age; /* by itself */
    size_t end;
};

static const char *const BLANKS[] = {" ", NULL};
static const char *const MORE[] = {"多", "来", "余", "半", "几", NULL};

static bool starts_at(struct span text, size_t at, const char *const *words) {
    return skip_any(text, at, words) > at;
}

static bool at_clause_end(struct span text, size_t at) {
    static const char *const ENDS[] = {",", ";", ":", ".", "!", "?", ")", " ", "、", "\n", "。", "…", NULL};
    return at >= text.length || starts_at(text, at, ENDS);
}

static enum age_unit read_unit(struct span text, size_t *at, bool *tells_age) {
    static const struct {
        const char *word;
        enum age_unit unit;
        bool tells_age;
    } UNITS[] = {{"周岁", UNIT_YEAR, true}, {"岁", UNIT_YEAR, true},    {"月龄", UNIT_MONTH, true},
                 {"y/o", UNIT_YEAR, true},  {"yo", UNIT_YEAR, true},    {"y", UNIT_YEAR, true},
                 {"日龄", UNIT_DAY, true},  {"天龄", UNIT_DAY, true},   {"月", UNIT_MONTH, false},
                 {"天", UNIT_DAY, false},   {"星期", UNIT_WEEK, false}, {"周", UNIT_WEEK, false}};
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
        if (span_starts(span_between(text, *at, text.length), span_of(UNITS[i].word))) {
            *at += strlen(UNITS[i].word);
            *tells_age = UNITS[i].tells_age;
            return UNITS[i].unit;
        }
    return UNIT_NONE;
}

/* "8个月大" tells an age; "三天大便不通" does not. */
static bool skip_old(struct span text, size_t *at) {
    static const char *const OLD[] = {"大", NULL};
    static const char *const OTHER_WORDS[] = {"大便", "大小便", "大量", "大汗", "大约",
                                              "大概", "大出血", "大口", "大片", NULL};
    if (!starts_at(text, *at, OLD) || starts_at(text, *at, OTHER_WORDS)) return false;
    *at += strlen("大");
    return true;
}

/* The part behind full years: "3岁半", "2岁3个月"; *at moved behind it. In years. */
static double read_part_of_year(struct span text, size_t *at) {
    static const char *const HALF[] = {"半", NULL};
    static const char *const MONTHS[] = {"个月", NULL};
    struct quantity months;
    if (starts_at(text, *at, HALF)) return *at += strlen("半"), 0.5;
    if (!quantity_read(text, *at, &months) || !(months.value < 12) || !starts_at(text, months.end, MONTHS))
        return 0;
    *at = months.end + strlen("个月");
    return months.value / 12;
}

static bool read_measure(struct span text, size_t at, struct measure *measure) {
    static const char *const PIECE[] = {"个", NULL};
    struct quantity number;
    if (!quantity_read(text, at, &number) || isnan(number.value)) return false;
    *measure = (struct measure){.value = number.value, .end = number.end};
    size_t piece = skip_any(text, skip_any(text, number.end, BLANKS), MORE);
    size_t unit_at = skip_any(text, skip_any(text, piece, PIECE), MORE);
    measure->unit = read_unit(text, &unit_at, &measure->tells_age);
    /* "3月" is March. */
    if (measure->unit == UNIT_MONTH && !measure->tells_age && unit_at == number.end + strlen("月") &&
        !starts_at(text, unit_at, (const char *const[]){"大", NULL}))
        measure->unit = UNIT_NONE;
    if (measure->unit == UNIT_NONE) return true;
    measure->end = unit_at;
    if (measure->unit == UNIT_YEAR) measure->value += read_part_of_year(text, &measure->end);
    if (skip_old(text, &measure->end)) measure->tells_age = true;
    return true;
}

/* ---- what stands beside a measure */

/* Where the words before an age end, the small ones between left out: "孩子才8个月", "年龄:45". */
static size_t words_before(struct span text, size_t at) {
    static const char *const BETWEEN[] = {"才", "刚",   "刚刚", "已经", "现在", "快",   "大概",
                                          "约", "大约", "有",   "满",   "是",   "今年", "现",
                                          "了", ":",    ",",    " ",    NULL};
    size_t length;
    while ((length = ends_with_any(span_between(text, 0, at), BETWEEN))) at -= length;
    return at;
}

/* "生完孩子8个月" tells how long ago. */
static bool is_child_before(const struct passage *passage, size_t end) {
    static const char *const HAVING[] = {"生", "生完", "生了", "生下", "怀", "怀了", "带", "带了", NULL};
    const struct person_mention *person = passage_person(passage, 0, end);
    return person && person->person == PERSON_CHILD && person->end == end &&
           !ends_with_any(span_between(plain_span(&passage->plain), 0, person->start), HAVING);
}

/* "8个月的宝宝". */
static bool is_child_behind(const struct passage *passage, size_t at) {
    at = skip_any(plain_span(&passage->plain), at, (const char *const[]){"的", NULL});
    for (size_t low = 0, high = passage->n_persons; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (passage->persons[middle].start == at) return passage->persons[middle].person == PERSON_CHILD;
        if (passage->persons[middle].start < at)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Whether a span of days, weeks or months is an age by its surroundings. */
static bool is_age_by_place(const struct passage *passage, size_t at, const struct measure *measure) {
    static const char *const BORN[] = {"出生",   "出生后", "生后", "生下来", "落地",
                                       "新生儿", "月龄",   "年龄", NULL};
    static const char *const SEXES[] = {"男", "女", "男性", "女性", "男婴", "女婴", "男孩", "女孩", NULL};
    static const char *const LASTING[] = {"没", "不", "来",   "前",   "以",   "一直", "未", "内", "后",
                                          "都", "里", "反复", "总是", "老是", "以来", "间", "无", NULL};
    static const char *const SO_OLD[] = {"了", NULL};
    struct span text = plain_span(&passage->plain);
    size_t before = words_before(text, at), end = skip_any(text, measure->end, SO_OLD);
    if (starts_at(text, end, LASTING)) return false;
    struct span words = span_between(text, 0, before);
    if (ends_with_any(words, BORN) || is_child_behind(passage, measure->end)) return true;
    if (measure->unit != UNIT_MONTH) return false;
    return is_child_before(passage, before) || (ends_with_any(words, SEXES) && at_clause_end(text, end));
}

/* "女,26,", "71男,", "我爸71,": a number of years between the sex or a person and the clause's end. */
static bool is_age_beside_person(const struct passage *passage, size_t at, size_t end, double years) {
    static const char *const SEXES[] = {"男", "女", "男性", "女性", NULL};
    static const char *const DIVIDING[] = {" ", ",", NULL};
    static const char *const OLDER[] = {"多", "了", NULL};
    enum { LEAST = 10, MOST = 110 };
    struct span text = plain_span(&passage->plain);
    if (years < LEAST || years > MOST || years != floor(years)) return false;
    const struct person_mention *person = passage_person(passage, 0, at);
    size_t behind = skip_any(text, end, OLDER), sex = skip_any(text, end, SEXES);
    size_t dividing = ends_with_any(span_between(text, 0, at), DIVIDING);
    bool of_sex = ends_with_any(span_between(text, 0, at - dividing), SEXES) != 0;
    /* "俺66了" tells an age, "我38" may be a temperature. */
    bool self = person && person->person == PERSON_SELF;
    bool of_person = person && person->end == at && (!self || behind > end);
    return (sex > end && at_clause_end(text, sex)) || ((of_sex || of_person) && at_clause_end(text, behind));
}

/* "今年六十二", "年龄45". */
static bool is_age_without_unit(struct span text, size_t at, const struct measure *measure) {
    static const char *const WORDS[] = {"今年", "年龄", "年龄:", "年龄是", "年纪", "现年", "年龄 ", NULL};
    static const char *const BEHIND[] = {"了", "多", "整", NULL};
    return ends_with_any(span_between(text, 0, at), WORDS) && measure->value >= 1 &&
           at_clause_end(text, skip_any(text, measure->end, BEHIND));
}

/* ---- the age */

static void set_age(struct age *age, double value, const char *unit) {
    age->value = (int)value;
    age->unit = unit;
}

/* false: more than such an age can be. */
static bool convert(const struct measure *measure, struct age *age) {
    double value = measure->value;
    switch (measure->unit) {
    case UNIT_NONE: set_age(age, value, "岁"); return value <= 130;
    case UNIT_DAY: set_age(age, value, "天"); return value <= 365;
    case UNIT_WEEK: set_age(age, value * 7, "天"); return value <= 52;
    case UNIT_MONTH: set_age(age, value, "月"); return value <= 60;
    case UNIT_YEAR: break;
    }
    if (value < PARTS_MATTER_BELOW_YEARS && value != floor(value))
        set_age(age, round(value * 12), "月");
    else
        set_age(age, value, "岁");
    return value <= 130;
}

bool age_read(const struct passage *passage, size_t at, struct age *age) {
    static const char *const THEN[] = {"时",   "的时候", "那年", "那会", "起",
                                       "开始", "以前",   "前",   "就",   NULL};
    struct span text = plain_span(&passage->plain);
    struct measure measure;
    if (!read_measure(text, at, &measure) || !convert(&measure, age)) return false;
    age->end = measure.end;
    age->past = starts_at(text, measure.end, THEN);
    if (measure.unit == UNIT_NONE)
        return is_age_without_unit(text, at, &measure) ||
               is_age_beside_person(passage, at, measure.end, measure.value);
    return measure.tells_age || is_age_by_place(passage, at, &measure);
}
