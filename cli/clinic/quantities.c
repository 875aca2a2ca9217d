#include "cli/clinic/quantities.h"

#include <ctype.h>

/* ---- numbers */

static bool has(struct span text, size_t at, const char *word) {
    return at <= text.length && span_word(span_between(text, at, text.length), word);
}

static bool ends_before(struct span text, size_t at, const char *const *words) {
    return ends_with_any(span_between(text, 0, at), words) != 0;
}

/* Not from within a number, nor one that nobody means. */
static bool read_digits(struct span text, size_t at, struct quantity *quantity) {
    static const double MOST = 1e9;
    if (at >= text.length || !is_digit(text.data[at]) || (at > 0 && is_digit(text.data[at - 1])))
        return false;
    double value = 0, scale = 1;
    bool fraction = false;
    for (; at < text.length; at++) {
        char c = text.data[at];
        if (c == '.' && !fraction && at + 1 < text.length && is_digit(text.data[at + 1])) {
            fraction = true;
        } else if (is_digit(c)) {
            value = value * 10 + (c - '0');
            if (fraction) scale *= 10;
        } else {
            break;
        }
    }
    *quantity = (struct quantity){value / scale, at};
    return quantity->value <= MOST;
}

/* The value of a Chinese numeral's character (10 and 100 for 十 and 百, 0.5 for 半), *at moved behind it; a
 * negative value when there is none. */
static double read_numeral(struct span text, size_t *at) {
    static const struct {
        uint32_t character;
        double value;
    } NUMERALS[] = {{U'零', 0}, {U'〇', 0}, {U'一', 1},  {U'二', 2},  {U'两', 2}, {U'俩', 2},
                    {U'三', 3}, {U'仨', 3}, {U'四', 4},  {U'五', 5},  {U'六', 6}, {U'七', 7},
                    {U'八', 8}, {U'九', 9}, {U'十', 10}, {U'百', 100}};
    uint32_t character;
    if (*at >= text.length) return -1;
    size_t length = utf8_read(span_between(text, *at, text.length), &character);
    for (size_t i = 0; length && i < sizeof NUMERALS / sizeof *NUMERALS; i++)
        if (character == NUMERALS[i].character) {
            *at += length;
            return NUMERALS[i].value;
        }
    return -1;
}

/* "三十五", "十几", and two digits in a row as a range ("两三" is 2.5); other digits begin another number
 * ("一百二十六八十"). */
static bool read_numerals(struct span text, size_t at, struct quantity *quantity) {
    enum { LONGEST_BYTES = 36 };
    double total = 0, digit = -1, value, low = -1, scale = 1;
    size_t start = at, before = at;
    while (at - start < LONGEST_BYTES && (value = read_numeral(text, &at)) >= 0) {
        if (value >= 10) {
            double count = low >= 0 ? (low + digit) / 2 : digit < 0 ? 1 : digit;
            total += count * value;
            digit = low = -1;
            scale = value / 10;
        } else if (value == 0) {
            digit = 0;
            scale = 1;
        } else if (digit > 0) {
            if (value != digit + 1) break;
            low = digit;
            digit = value;
        } else {
            digit = value;
        }
        before = at;
    }
    at = before;
    if (at == start) return false;
    /* "一百六" is 160. */
    double high = total + (digit < 0 ? 0 : digit * scale);
    *quantity = (struct quantity){low < 0 ? high : (total + low + high) / 2, at};
    if (has(text, at, "几")) *quantity = (struct quantity){high + 5, at + strlen("几")};
    return true;
}

static bool read_one(struct span text, size_t at, struct quantity *quantity) {
    static const char *const VAGUE[] = {"好几", "几", "数", "多", "好多", NULL};
    if (at >= text.length || utf8_continues(text.data[at])) return false;
    if (read_digits(text, at, quantity) || read_numerals(text, at, quantity)) return true;
    if (has(text, at, "半")) return *quantity = (struct quantity){0.5, at + strlen("半")}, true;
    size_t end = skip_any(text, at, VAGUE);
    if (end == at) return false;
    *quantity = (struct quantity){NAN, end};
    return true;
}

bool quantity_read(struct span text, size_t at, struct quantity *quantity) {
    static const char *const TO[] = {"-", "~", "至", "到", NULL};
    if (!read_one(text, at, quantity)) return false;
    struct quantity high;
    size_t to = skip_any(text, quantity->end, TO);
    if (to > quantity->end && read_one(text, to, &high) && high.value > quantity->value)
        *quantity = (struct quantity){(quantity->value + high.value) / 2, high.end};
    return true;
}

/* ---- durations */

enum { VAGUE_YEARS = 4 };

static const struct unit {
    const char *word;
    double days;
} UNITS[] = {{"秒钟", 1.0 / 86400},
             {"秒", 1.0 / 86400},
             {"分钟", 1.0 / 1440},
             {"刻钟", 1.0 / 96},
             {"小时", 1.0 / 24},
             {"钟头", 1.0 / 24},
             {"钟", 1.0 / 24},
             {"天", 1},
             {"日", 1},
             {"晚上", 1},
             {"晚", 1},
             {"宿", 1},
             {"周", 7},
             {"星期", 7},
             {"礼拜", 7},
             {"月", 30},
             {"季度", 90},
             {"年", 365},
             {"d", 1},
             {"h", 1.0 / 24},
             {"w", 7}};

static const struct unit *read_unit(struct span text, size_t at) {
    static const char *const PICTURES[] = {"彩", "超", NULL};
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
        size_t length = span_word(span_between(text, at, text.length), UNITS[i].word);
        /* "3d", not "3dB" or "2D彩超". */
        bool goes_on =
            length == 1 && at + 1 < text.length &&
            (isalnum((unsigned char)text.data[at + 1]) || skip_any(text, at + 1, PICTURES) > at + 1);
        if (length && !goes_on) return &UNITS[i];
    }
    return NULL;
}

/* "一天三次", "2天拉了5回": a rate, not a duration. */
static bool is_counted(struct span text, size_t end) {
    static const char *const COUNTED[] = {"次", "回", "趟", "顿", "片", "粒", "支", "包", "杯", NULL};
    static const size_t REACH_BYTES = 6;
    for (size_t at = end; at < text.length && at <= end + REACH_BYTES; at++) {
        struct quantity count;
        if (starts_with_any(span_between(text, at, text.length),
                            (const char *const[]){",", "。", ";", " ", NULL}))
            return false;
        if (!quantity_read(text, at, &count)) continue;
        if (read_unit(text, count.end)) return false; /* "三天,一天七八次": of the next length */
        if (skip_any(text, count.end, COUNTED) > count.end) return true;
    }
    return false;
}

/* "一天比一天重", "一天两大壶", "一分钟54". */
static bool is_one_of_many(struct span text, double value, const struct unit *unit, size_t end) {
    static const char *const COMPARED[] = {"比一", "就", "都", "只", "才", "要", "拉", "尿",
                                           "吃",   "喝", "站", "坐", "睡", "干", "能", NULL};
    static const char *const WHOLE[] = {"一夜", "一宿", "一晚", "半", NULL};
    struct quantity number;
    if (value != 1 || unit->days > 1 || skip_any(text, end, WHOLE) > end) return false;
    return skip_any(text, end, COMPARED) > end || quantity_read(text, end, &number);
}

/* How long an attack, a night's sleep or a wait is, not the complaint. */
static bool is_length_of_part(struct span text, const struct unit *unit, size_t at, size_t end) {
    static const char *const BEFORE[] = {"睡",   "站",     "坐",   "歇",   "一下", "每次", "餐后",
                                         "饭后", "憋",     "走",   "一阵", "每回", "歇了", "坐了",
                                         "站了", "睡不了", "只睡", "能睡", NULL};
    static const char *const BEHIND[] = {"睡不着", "才睡", "才能睡", "就好", "就过去", "才缓过来", NULL};
    bool briefly = unit->days < 1.0 / 1440 && !has(text, end, "了");
    bool in_a_day = unit->days <= 1;
    return briefly || (in_a_day && (ends_before(text, at, BEFORE) || skip_any(text, end, BEHIND) > end));
}

/* "第五天" of the complaint, not of the cycle or after a birth, nor the day after: "第二天就没事了". */
static bool is_day_of_other_count(struct span text, size_t at, const struct unit *unit) {
    static const char *const ORDINAL[] = {"第", NULL};
    static const char *const COUNTS[] = {"产后", "月经", "周期", "孕", "妊娠", "来月经", "经期", NULL};
    static const char *const STOPS[] = {",", "。", ";", ":", "!", "?", " ", "\n", NULL};
    size_t length = ends_with_any(span_between(text, 0, at), ORDINAL), start = at - length;
    return length && (strcmp(unit->word, "天") != 0 || ends_before(text, start, COUNTS) || start == 0 ||
                      ends_before(text, start, STOPS));
}

/* Spoken lengths that hold no number. */
static bool read_spoken_length(struct span text, size_t at, double *days, size_t *end) {
    static const struct {
        const char *word;
        double days;
    } LENGTHS[] = {{"个把月", 30},  {"成个月", 30}, {"整月", 30},          {"仨月", 90},
                   {"俩月", 60},    {"半拉月", 15}, {"个把星期", 7},       {"个把礼拜", 7},
                   {"成个星期", 7}, {"成日", 1},    {"个把小时", 1.0 / 24}};
    for (size_t i = 0; i < sizeof LENGTHS / sizeof *LENGTHS; i++)
        if (has(text, at, LENGTHS[i].word)) {
            *days = LENGTHS[i].days;
            *end = at + strlen(LENGTHS[i].word);
            return true;
        }
    return false;
}

bool onset_read(struct span text, size_t at, double *days, size_t *end) {
    static const struct {
        const char *word;
        double days;
        bool counts_from; /* only with 起 or 开始 behind */
    } POINTS[] = {{"大前天", 3, false},      {"前天", 2, false},         {"前日", 2, false},
                  {"前儿", 2, false},        {"昨天夜里", 0.5, false},   {"昨天半夜", 0.5, false},
                  {"昨天晚上", 0.5, false},  {"昨天后半夜", 0.5, false}, {"昨天傍晚", 0.75, false},
                  {"昨天下午", 0.75, false}, {"昨晚", 0.5, false},       {"昨夜", 0.5, false},
                  {"昨儿晚上", 0.5, false},  {"昨儿夜里", 0.5, false},   {"昨儿后半夜", 0.5, false},
                  {"昨儿半夜", 0.5, false},  {"前个儿", 2, false},       {"昨天", 1, false},
                  {"昨日", 1, false},        {"昨儿", 1, false},         {"昨起", 1, false},
                  {"上周", 7, true},         {"上礼拜", 7, true},        {"上个礼拜", 7, true},
                  {"上星期", 7, true},       {"上个星期", 7, true},      {"上个月", 30, true}};
    static const char *const SINCE[] = {"起", "开始", NULL};
    enum { REACH_BYTES = 15 };
    size_t longest = 0;
    if (at >= text.length || utf8_continues(text.data[at])) return false;
    for (size_t i = 0; i < sizeof POINTS / sizeof *POINTS; i++) {
        size_t length = span_word(span_between(text, at, text.length), POINTS[i].word), after = at + length;
        if (length <= longest) continue;
        size_t reach = text.length - after > REACH_BYTES ? after + REACH_BYTES : text.length;
        if (POINTS[i].counts_from && !contains_any(span_between(text, after, reach), SINCE)) continue;
        longest = length;
        *days = POINTS[i].days;
        *end = after;
    }
    return longest != 0;
}

bool duration_read(struct span text, size_t at, double *days, size_t *end) {
    static const char *const NOT_LASTING[] = {"每",   "隔",   "孕", "妊娠", "月", "年",
                                              "每次", "周岁", "+",  "身高", "q",  NULL};
    static const char *const MORE[] = {"多", "来", "余", NULL};
    static const char *const AFTER_UNIT[] = {"多", "余", "来", "左右", NULL};
    static const char *const PIECE[] = {"个", "整", NULL};
    struct quantity quantity;
    if (read_spoken_length(text, at, days, end)) return true;
    if (!quantity_read(text, at, &quantity) || ends_before(text, at, NOT_LASTING)) return false;
    size_t next = skip_any(text, quantity.end, (const char *const[]){" ", NULL});
    next = skip_any(text, next, MORE);
    size_t piece = skip_any(text, next, PIECE);
    bool half = has(text, piece, "半");
    size_t unit_at = skip_any(text, half ? piece + strlen("半") : piece, MORE);
    const struct unit *unit = unit_at < text.length ? read_unit(text, unit_at) : NULL;
    if (!unit) return false;
    size_t after = unit_at + strlen(unit->word);
    bool calendar = quantity.value > 1900 && strcmp(unit->word, "年") == 0;
    /* "3月" is March; "3个月", "3月余" and "近3月" are durations. */
    bool month = strcmp(unit->word, "月") == 0 && unit_at == quantity.end &&
                 skip_any(text, after, MORE) == after &&
                 !ends_before(text, at, (const char *const[]){"近", NULL});
    if (calendar || month) return false;
    bool half_more = has(text, after, "半") && !has(text, after, "半夜");
    after = skip_any(text, half_more ? after + strlen("半") : after, AFTER_UNIT);
    if (is_counted(text, after) || is_one_of_many(text, quantity.value, unit, after) ||
        is_length_of_part(text, unit, at, after) || is_day_of_other_count(text, at, unit))
        return false;
    /* "好几年" stands for its middle; shorter vague spans tell too little. */
    bool years = isnan(quantity.value) && strcmp(unit->word, "年") == 0;
    *days = ((years ? VAGUE_YEARS : quantity.value) + (half || half_more ? 0.5 : 0)) * unit->days;
    *end = after;
    return true;
}

/* ---- vital signs */

static const char *const BLANK[] = {" ", NULL}, *const PRESSURE[] = {"血压", "bp", NULL};

/* A measured number: digits or numerals, with the tenths behind 度 or 点 ("38度5", "三十八点五"), which number->end
 * stands before and *behind behind. */
static bool read_measured(struct span text, size_t at, struct quantity *number, size_t *behind_tenths) {
    if (at >= text.length || utf8_continues(text.data[at])) return false;
    if (!read_digits(text, at, number) && !read_numerals(text, at, number)) return false;
    struct quantity tenths;
    *behind_tenths = number->end;
    size_t behind = skip_any(text, number->end, (const char *const[]){"度", "点", NULL});
    if (behind == number->end) return true;
    if (has(text, behind, "半")) {
        number->value += 0.5;
        *behind_tenths = behind + strlen("半");
    } else if ((read_digits(text, behind, &tenths) || read_numerals(text, behind, &tenths)) &&
               tenths.value >= 1 && tenths.value <= 9 && !read_unit(text, tenths.end)) {
        number->value += tenths.value / 10;
        *behind_tenths = tenths.end;
    }
    return true;
}

/* What is counted or lasts is no measurement: "心跳快30年", "呼吸十分困难". */
static bool measures_other(struct span text, size_t end) {
    static const char *const OTHER[] = {"个",   "岁",   "分困难", "分",   "多年",
                                        "余年", "来年", "多天",   "几年", NULL};
    return read_unit(text, end) || skip_any(text, end, OTHER) > end;
}

/* The first number that follows one of the words with nothing but a few words of measure between; NAN when
 * there is none. *at: where to look from, moved behind the number; *place: where that stands. */
static double number_after(struct span text, const char *const *words, size_t *at, double least, double most,
                           struct vital_place *place) {
    static const char *const BETWEEN[] = {
        " ",  ":",    "=",      "约",   "大约", "大概",   "为",   "是",   "到",     "有",     "在", "达",
        "快", "了",   "最高",   "最低", "只有", "测",     "升至", "降到", "(",      "慢",     "都", "才",
        "量", "数",   "跳",     "也",   "测出", "量出来", "掉到", "剩",   "一分钟", "每分钟", "得", "就",
        "着", "自测", "差不多", "过",   "夹",   "手上",   "仪",   "的",   NULL};
    enum { LONGEST_BYTES = 48 }; /* of the word and what stands between */
    for (; *at < text.length; (*at)++) {
        size_t length = starts_with_any(span_between(text, *at, text.length), words);
        bool inside_word = *at > 0 && text.data[*at] >= 'a' && text.data[*at] <= 'z' &&
                           text.data[*at - 1] >= 'a' && text.data[*at - 1] <= 'z';
        if (length == 0 || inside_word) continue;
        size_t number_at = *at + length, skipped;
        while (number_at - *at < LONGEST_BYTES && (skipped = skip_any(text, number_at, BETWEEN)) > number_at)
            number_at = skipped;
        struct quantity number;
        size_t behind;
        if (read_measured(text, number_at, &number, &behind) && number.value >= least &&
            number.value <= most && !measures_other(text, number.end)) {
            *at = number.end;
            *place = (struct vital_place){number_at, behind};
            return number.value;
        }
        *at += length - 1;
    }
    return NAN;
}

/* Whether what stands before a bare number tells that it was measured just so: "今早量37.9", "咽东西疼 38.8". */
static bool is_told_alone(struct span text, size_t at, double value) {
    static const char *const BEFORE[] = {"量",   "测",   "量了", "测了", "一下", "晚上", "夜里",
                                         "今早", "昨晚", "早上", "中午", "下午", "现在", "最高",
                                         " ",    ",",    ";",    "。",   NULL};
    static const double FEVER = 37.3;
    return value >= FEVER && (at == 0 || ends_before(text, at, BEFORE));
}

/* "37.8" with nothing that says what it is, in a text that speaks of fever: one decimal, no other unit. */
static bool is_bare_temperature(struct span text, size_t at, const struct quantity *number) {
    static const char *const OTHERS[] = {"血糖", "血钾", "尿酸", "体重",     "白细胞", "糖化",
                                         "空腹", "餐后", "肌酐", "血红蛋白", "身高",   NULL};
    static const char *const BEHIND[] = {",",  ";", " ",    "。",   "、", "!",  "?",  ")",
                                         "\n", "…", "上下", "左右", "多", "了", "又", NULL};
    enum { NEAR_BYTES = 24 };
    size_t near = at > NEAR_BYTES ? at - NEAR_BYTES : 0;
    bool tenths = number->end - at == 4 && text.data[at + 2] == '.';
    bool ends = number->end == text.length || skip_any(text, number->end, BEHIND) > number->end ||
                (has(text, number->end, ".") &&
                 !(number->end + 1 < text.length && is_digit(text.data[number->end + 1])));
    return tenths && ends && number->value >= 35.5 && number->value <= 42 &&
           !contains_any(span_between(text, near, at), OTHERS);
}

static double highest_temperature(struct span text, struct vital_place *place) {
    static const char *const DEGREES[] = {"℃", "°c", "度", "摄氏度", NULL};
    static const char *const WORDS[] = {"体温", "烧到", "量了", "高烧", "低烧", "发烧",
                                        "烧",   "发热", "高热", "低热", "t",    NULL};
    static const char *const FEVER[] = {"烧", "量了", "热", "温", "寒战", "发冷", "哆嗦", "发抖", "红", NULL};
    static const char *const NO_BODY[] = {"水温", "室温", "气温", "外面", "弯", "抬", "倾斜", NULL};
    bool feverish = contains_any(text, FEVER);
    double highest = NAN, value;
    for (size_t at = 0; at < text.length; at++) {
        struct quantity number;
        size_t behind;
        if (!read_measured(text, at, &number, &behind)) continue;
        size_t unit = skip_any(text, number.end, BLANK);
        bool degrees = skip_any(text, unit, DEGREES) > unit && !ends_before(text, at, NO_BODY);
        bool bare =
            (feverish || is_told_alone(text, at, number.value)) && is_bare_temperature(text, at, &number);
        if ((degrees || bare) && number.value >= 34 && number.value <= 43 && !(number.value <= highest)) {
            highest = number.value;
            *place = (struct vital_place){at, behind};
        }
        at = number.end - 1;
    }
    struct vital_place other;
    for (size_t at = 0; !isnan(value = number_after(text, WORDS, &at, 34, 43, &other));)
        if (!(value <= highest)) {
            highest = value;
            *place = other;
        }
    return highest;
}

/* "150/95" by its unit or in a text that speaks of blood pressure; "78 46", "130到80", "一百二十六八十" only right
 * behind its word. */
static bool read_pressures(struct span text, size_t at, bool speaks_of_it, struct quantity *high,
                           struct quantity *low) {
    static const char *const UNIT[] = {"mmhg", "毫米汞柱", " mmhg", NULL};
    static const char *const BETWEEN[] = {"/", " ", "、", "-", "到", "比", NULL};
    enum { NEAR_BYTES = 24 };
    size_t behind;
    if (!read_measured(text, at, high, &behind)) return false;
    size_t more = skip_any(text, high->end, (const char *const[]){"多", NULL});
    size_t next = skip_any(text, more, BETWEEN);
    bool divided = next > high->end || (next < text.length && !is_digit(text.data[next]));
    if (!divided || !read_measured(text, skip_any(text, next, BLANK), low, &behind)) return false;
    if (high->value < 50 || high->value > 300 || low->value < 20 || low->value >= high->value) return false;
    if (contains_any(span_between(text, at > NEAR_BYTES ? at - NEAR_BYTES : 0, at), PRESSURE)) return true;
    bool usual = high->value >= 90 && high->value <= 250 && low->value >= 40 && low->value <= 150;
    return has(text, high->end, "/") &&
           (skip_any(text, low->end, UNIT) > low->end || (usual && speaks_of_it));
}

/* "高压一百六,低压九十", "血压都180上下", "血压高到170低到90". */
static void read_pressures_apart(struct span text, struct vitals *vitals, struct vital_place places[2]) {
    static const char *const SYSTOLIC[] = {"收缩压", "高压", "上压", "血压高", NULL};
    static const char *const DIASTOLIC[] = {"舒张压", "低压", "下压", NULL}, *const LOW[] = {"低", NULL};
    static const char *const MARKS[] = {",", ";", "。", NULL};
    size_t at = 0, end;
    vitals->systolic = number_after(text, SYSTOLIC, &at, 50, 300, &places[0]);
    if (isnan(vitals->systolic)) {
        at = 0;
        vitals->systolic = number_after(text, PRESSURE, &at, 80, 300, &places[0]);
    }
    if (isnan(vitals->systolic)) at = 0;
    size_t behind = at;
    vitals->diastolic = number_after(text, DIASTOLIC, &at, 20, 200, &places[1]);
    if (!isnan(vitals->diastolic) || behind == 0) return;
    for (end = behind; end < text.length && skip_any(text, end, MARKS) == end;) end++;
    vitals->diastolic = number_after(span_between(text, 0, end), LOW, &behind, 20, 200, &places[1]);
}

/* The first pair that is a blood pressure, or the first of each alone. places: of the systolic and the diastolic. */
static void read_blood_pressure(struct span text, struct vitals *vitals, struct vital_place places[2]) {
    struct quantity high, low;
    bool speaks_of_it = contains_any(text, PRESSURE);
    for (size_t at = 0; at < text.length; at++) {
        size_t behind;
        if (read_pressures(text, at, speaks_of_it, &high, &low)) {
            vitals->systolic = high.value;
            vitals->diastolic = low.value;
            places[0] = places[1] = (struct vital_place){at, low.end};
            return;
        }
        if (read_measured(text, at, &high, &behind)) at = high.end - 1;
    }
    read_pressures_apart(text, vitals, places);
}

struct vitals vitals_read(struct span text, struct vital_places *places) {
    static const char *const HEART_RATE[] = {"心率", "脉搏", "脉率", "心跳", "hr", "p", NULL};
    static const char *const RESPIRATION[] = {"呼吸频率", "呼吸", "rr", "r", NULL};
    static const char *const OXYGEN[] = {"血氧饱和度", "血氧", "氧饱和度", "氧饱和", "指脉氧",
                                         "指氧",       "spo2", "spo₂",     "sao2",   NULL};
    struct vital_places unwanted;
    if (!places) places = &unwanted;
    *places = (struct vital_places){0};
    struct vital_place *of = places->of;
    struct vitals vitals = {.temperature_c = highest_temperature(text, &of[VITAL_TEMPERATURE]),
                            .systolic = NAN,
                            .diastolic = NAN};
    read_blood_pressure(text, &vitals, &of[VITAL_SYSTOLIC]);
    size_t at = 0;
    vitals.heart_rate = number_after(text, HEART_RATE, &at, 20, 300, &of[VITAL_HEART_RATE]);
    at = 0;
    vitals.respiratory_rate = number_after(text, RESPIRATION, &at, 4, 120, &of[VITAL_RESPIRATION]);
    at = 0;
    vitals.spo2 = number_after(text, OXYGEN, &at, 40, 100, &of[VITAL_SPO2]);
    return vitals;
}
