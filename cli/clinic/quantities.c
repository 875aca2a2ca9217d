#include "cli/clinic/quantities.h"

/* ---- numbers */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool has(struct span text, size_t at, const char *word) {
    return at <= text.length && span_starts(span_between(text, at, text.length), span_of(word));
}

static bool ends_before(struct span text, size_t at, const char *const *words) {
    return ends_with_any(span_between(text, 0, at), words) != 0;
}

static bool read_digits(struct span text, size_t at, struct quantity *quantity) {
    if (at >= text.length || !is_digit(text.data[at])) return false;
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
    return true;
}

/* The value of a Chinese numeral's character (10 and 100 for 十 and 百, 0.5 for 半), *at moved behind it; a
 * negative value when there is none. */
static double read_numeral(struct span text, size_t *at) {
    static const struct {
        const char *character;
        double value;
    } NUMERALS[] = {{"零", 0}, {"〇", 0}, {"一", 1},  {"二", 2},  {"两", 2}, {"俩", 2},
                    {"三", 3}, {"仨", 3}, {"四", 4},  {"五", 5},  {"六", 6}, {"七", 7},
                    {"八", 8}, {"九", 9}, {"十", 10}, {"百", 100}};
    for (size_t i = 0; i < sizeof NUMERALS / sizeof *NUMERALS; i++)
        if (has(text, *at, NUMERALS[i].character)) {
            *at += strlen(NUMERALS[i].character);
            return NUMERALS[i].value;
        }
    return -1;
}

/* "三十五", "十几", and two digits in a row as a range ("两三" is 2.5). */
static bool read_numerals(struct span text, size_t at, struct quantity *quantity) {
    double total = 0, digit = -1, value, low = -1;
    size_t start = at;
    while ((value = read_numeral(text, &at)) >= 0) {
        if (value >= 10) {
            total += (digit < 0 ? 1 : digit) * value;
            digit = -1;
        } else if (digit > 0) {
            low = digit;
            digit = value;
        } else {
            digit = value;
        }
    }
    if (at == start) return false;
    double high = total + (digit < 0 ? 0 : digit);
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

static const struct unit {
    const char *word;
    double days;
} UNITS[] = {{"秒钟", 1.0 / 86400},
             {"秒", 1.0 / 86400},
             {"分钟", 1.0 / 1440},
             {"刻钟", 1.0 / 96},
             {"小时", 1.0 / 24},
             {"钟头", 1.0 / 24},
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
             {"年", 365}};

static const struct unit *read_unit(struct span text, size_t at) {
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
        if (has(text, at, UNITS[i].word)) return &UNITS[i];
    return NULL;
}

/* "一天三次", "2天拉了5回": a rate, not a duration. */
static bool is_rate(struct span text, size_t end) {
    static const char *const COUNTED[] = {"次", "回", "趟", "顿", "片", "粒", "支", "包", "杯", NULL};
    static const size_t REACH_BYTES = 6;
    for (size_t at = end; at < text.length && at <= end + REACH_BYTES; at++) {
        struct quantity count;
        if (starts_with_any(span_between(text, at, text.length),
                            (const char *const[]){",", "。", ";", " ", NULL}))
            return false;
        if (quantity_read(text, at, &count) && skip_any(text, count.end, COUNTED) > count.end) return true;
    }
    return false;
}

bool duration_read(struct span text, size_t at, double *days, size_t *end) {
    static const char *const NOT_LASTING[] = {"每", "隔",   "孕",   "妊娠", "第", "月",
                                              "年", "每次", "术后", "周岁", NULL};
    static const char *const MORE[] = {"多", "来", "余", NULL};
    static const char *const AFTER_UNIT[] = {"多", "余", "来", "左右", NULL};
    static const char *const PIECE[] = {"个", "整", NULL};
    struct quantity quantity;
    if (!quantity_read(text, at, &quantity) || ends_before(text, at, NOT_LASTING)) return false;
    size_t next = skip_any(text, quantity.end, (const char *const[]){" ", NULL});
    next = skip_any(text, next, MORE);
    size_t piece = skip_any(text, next, PIECE);
    bool half = has(text, piece, "半");
    size_t unit_at = skip_any(text, half ? piece + strlen("半") : piece, MORE);
    const struct unit *unit = read_unit(text, unit_at);
    if (!unit) return false;
    bool calendar = quantity.value > 1900 && strcmp(unit->word, "年") == 0;
    /* "3月" is March; "3个月" and "三余月" are durations. */
    if (calendar || (strcmp(unit->word, "月") == 0 && unit_at == quantity.end)) return false;
    size_t after = unit_at + strlen(unit->word);
    bool half_more = has(text, after, "半") && !has(text, after, "半夜");
    after = skip_any(text, half_more ? after + strlen("半") : after, AFTER_UNIT);
    if (is_rate(text, after)) return false;
    *days = (quantity.value + (half || half_more ? 0.5 : 0)) * unit->days;
    *end = after;
    return true;
}

/* ---- vital signs */

/* The first number that follows one of the words with nothing but a few words of measure between; NAN when
 * there is none. *at: where to look from, moved behind the number. */
static double number_after(struct span text, const char *const *words, size_t *at, double least,
                           double most) {
    static const char *const BETWEEN[] = {" ",    ":",    "=",      "约",     "大约", "大概", "为",   "是",
                                          "到",   "有",   "在",     "达",     "快",   "了",   "最高", "最低",
                                          "只有", "测",   "升至",   "降到",   "(",    "才",   "只",   "也",
                                          "慢",   "跳到", "每分钟", "静下来", "都",   "测得", "量",   "量的",
                                          "的",   "一直", "能到",   "最快",   "显示", "降至", "剩",   NULL};
    for (; *at < text.length; (*at)++) {
        size_t length = starts_with_any(span_between(text, *at, text.length), words);
        bool inside_word = *at > 0 && text.data[*at] >= 'a' && text.data[*at] <= 'z' &&
                           text.data[*at - 1] >= 'a' && text.data[*at - 1] <= 'z';
        if (length == 0 || inside_word) continue;
        size_t number_at = *at + length, skipped;
        while ((skipped = skip_any(text, number_at, BETWEEN)) > number_at) number_at = skipped;
        struct quantity number;
        if (read_one(text, number_at, &number) && number.value >= least && number.value <= most) {
            *at = number.end;
            return number.value;
        }
        *at += length - 1;
    }
    return NAN;
}

static bool is_temperature(double degrees) {
    return degrees >= 34 && degrees <= 43;
}

/* "38.5℃", "39度2", "三十八度五". */
static bool read_degrees(struct span text, size_t at, double *degrees, size_t *end) {
    static const char *const DEGREES[] = {"℃", "°c", "度", "摄氏度", NULL};
    struct quantity number, tenths;
    if (!read_one(text, at, &number) || !is_temperature(number.value)) return false;
    size_t unit = skip_any(text, number.end, (const char *const[]){" ", NULL});
    *end = skip_any(text, unit, DEGREES);
    if (*end == unit) return false;
    *degrees = number.value;
    if (has(text, *end, "半")) return *degrees += 0.5, *end += strlen("半"), true;
    if (!read_one(text, *end, &tenths) || !(tenths.value < 10) || has(text, tenths.end, "天") ||
        has(text, tenths.end, "个") || has(text, tenths.end, "次"))
        return true;
    *degrees += tenths.value / 10;
    *end = tenths.end;
    return true;
}

/* "发烧一天,39.9": a number with a decimal point that no unit follows, near a word of fever. */
static bool read_bare_degrees(struct span text, size_t at, double *degrees, size_t *end) {
    enum { NEAR_BYTES = 60 };
    static const char *const FEVER[] = {"烧", "热", "体温", "温度", "量", NULL};
    static const char *const OTHER_UNITS[] = {"%",  "/",  "m",  "g",  "c",  "k",  "斤", "公", "个", "岁",
                                              "天", "周", "年", "万", "倍", "厘", "毫", "升", "克", NULL};
    struct quantity number;
    if (!read_digits(text, at, &number) || !is_temperature(number.value)) return false;
    if (!memchr(text.data + at, '.', number.end - at) || skip_any(text, number.end, OTHER_UNITS) > number.end)
        return false;
    size_t from = at > NEAR_BYTES ? at - NEAR_BYTES : 0;
    while (from < at && utf8_continues(text.data[from])) from++;
    if (!contains_any(span_between(text, from, at), FEVER)) return false;
    *degrees = number.value;
    *end = number.end;
    return true;
}

static double highest_temperature(struct span text) {
    static const char *const WORDS[] = {"体温", "烧到", "高烧", "低烧", "发烧",
                                        "发热", "高热", "低热", "t",    NULL};
    double highest = NAN, value;
    for (size_t at = 0, end; at < text.length; at = end) {
        struct quantity number;
        if (read_degrees(text, at, &value, &end) || read_bare_degrees(text, at, &value, &end))
            highest = fmax(highest, value);
        else
            end = read_digits(text, at, &number) ? number.end : at + 1;
    }
    for (size_t at = 0; !isnan(value = number_after(text, WORDS, &at, 34, 43));) /* "发热40天" counts days. */
        if (!read_unit(text, at) && !has(text, at, "岁") && !has(text, at, "个") && !has(text, at, "度"))
            highest = fmax(highest, value);
    return highest;
}

/* The first pair "150/95" that is a blood pressure by its word or unit. */
static void read_blood_pressure(struct span text, struct vitals *vitals) {
    static const char *const WORDS[] = {"血压", "bp", NULL};
    static const char *const UNIT[] = {"mmhg", "毫米汞柱", " mmhg", NULL};
    for (size_t at = 0; at < text.length; at++) {
        struct quantity high, low;
        if (!read_digits(text, at, &high)) continue;
        size_t start = at;
        at = high.end - 1;
        if (!has(text, high.end, "/") || !read_digits(text, high.end + 1, &low)) continue;
        bool plausible = high.value >= 50 && high.value <= 300 && low.value >= 20 && low.value < high.value;
        struct span near = span_between(text, start > 24 ? start - 24 : 0, start);
        bool named = skip_any(text, low.end, UNIT) > low.end;
        for (const char *const *word = WORDS; *word && !named; word++)
            named = span_find(near, span_of(*word), 0) != SIZE_MAX;
        if (!plausible || !named) continue;
        vitals->systolic = high.value;
        vitals->diastolic = low.value;
        return;
    }
}

struct vitals vitals_read(struct span text) {
    static const char *const HEART_RATE[] = {"心率", "脉搏", "脉率", "心跳", "hr", "p", NULL};
    static const char *const RESPIRATION[] = {"呼吸频率", "呼吸", "rr", "r", NULL};
    static const char *const OXYGEN[] = {"血氧饱和度", "血氧仪", "血氧", "氧饱和度", "氧饱和", "指氧仪",
                                         "指脉氧",     "指氧",   "spo2", "sao2",     NULL};
    struct vitals vitals = {.temperature_c = highest_temperature(text), .systolic = NAN, .diastolic = NAN};
    read_blood_pressure(text, &vitals);
    static const char *const SYSTOLIC[] = {"高压", "收缩压", NULL}, *const DIASTOLIC[] = {"低压", "舒张压",
                                                                                          NULL};
    size_t at = 0;
    if (isnan(vitals.systolic)) vitals.systolic = number_after(text, SYSTOLIC, &at, 50, 300);
    at = 0;
    if (isnan(vitals.diastolic)) vitals.diastolic = number_after(text, DIASTOLIC, &at, 20, 200);
    at = 0;
    vitals.heart_rate = number_after(text, HEART_RATE, &at, 20, 300);
    at = 0;
    vitals.respiratory_rate = number_after(text, RESPIRATION, &at, 4, 120);
    at = 0;
    vitals.spo2 = number_after(text, OXYGEN, &at, 40, 100);
    return vitals;
}
