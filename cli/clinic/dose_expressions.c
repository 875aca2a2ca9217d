#include "cli/clinic/dose_expressions.h"

/* Each reader gives the position behind what it recognises at `at`, or `at`. */
struct reader {
    const struct dose_words *words;
    struct dose_text *text;
};

static size_t word(const struct reader *reader, size_t at, uint32_t classes) {
    return dose_word(reader->words, reader->text, at, classes, NULL);
}

/* Behind the gaps and then a word, or `at`. */
static size_t next_word(const struct reader *reader, size_t at, uint32_t classes) {
    size_t start = skip_gaps(reader->text, at), end = word(reader, start, classes);
    return end > start ? end : at;
}

/* Behind words that may stand inside an expression, and gaps. */
static size_t skip_fillers(const struct reader *reader, size_t at) {
    static const int MOST = 4;
    for (int i = 0; i < MOST; i++) {
        size_t end = next_word(reader, at, DOSE_FILLER);
        if (end == at) break;
        at = end;
    }
    return skip_gaps(reader->text, at);
}

static size_t largest(size_t a, size_t b) {
    return a > b ? a : b;
}

/* ---- numbers */

static bool is_numeral(uint32_t c) {
    static const uint32_t NUMERALS[] =
        U"零〇一二两三四五六七八九十百千万半几数俩仨壹贰貳叁參肆伍陆陸柒捌玖拾佰仟萬弎廿卅";
    for (const uint32_t *numeral = NUMERALS; *numeral; numeral++)
        if (*numeral == c) return true;
    return false;
}

static bool is_ascii_digit(uint32_t c) {
    return c >= '0' && c <= '9';
}

static bool is_figure(uint32_t c) {
    return is_ascii_digit(c) || is_numeral(c);
}

/* Letters that pass for 0 and 1 among digits: "5OO mg". */
static bool is_digit_alike(uint32_t c) {
    return c == 'o' || c == 'l' || c == 'i';
}

/* What joins two numbers or the halves of one: "1-2", "0.5", "1/2", "一至两", "零点五", "1,000", "2x0.5". */
static bool is_joint(uint32_t c) {
    switch (c) {
    case '.':
    case ',':
    case '/':
    case '-':
    case '~':
    case 'x':
    case U'×':
    case '+':
    case U'点':
    case U'至':
    case U'到':
    case U'或':
    case U'、':
    case U'又':
    case U'。': return true;
    default: return false;
    }
}

static size_t skip_joint(struct dose_text *text, size_t at) {
    if (dose_text_at(text, at) == U'分' && dose_text_at(text, at + 1) == U'之') return at + 2;
    return is_joint(dose_text_at(text, at)) ? at + 1 : at;
}

static size_t english_number(const struct reader *reader, size_t at) {
    size_t end = word(reader, at, DOSE_NUMBER), more;
    if (end == at) return at;
    while ((more = next_word(reader, end, DOSE_NUMBER)) > end) end = more;
    return end;
}

/* "IU" is no 1 and U. */
static bool begins_unit(const struct reader *reader, size_t at) {
    return word(reader, at, DOSE_UNIT | DOSE_LOOSE_UNIT) > at;
}

/* "500", "五百", "1~2", "1/2", "0. 5", "5 0 0", "5OO", "three". It begins where no digit stands before. */
static size_t number(const struct reader *reader, size_t at) {
    struct dose_text *text = reader->text;
    uint32_t first = dose_text_at(text, at);
    if (is_latin_letter(first) && is_latin_letter(dose_text_before(text, at))) return at;
    size_t english = english_number(reader, at);
    if (english > at) return english;
    uint32_t second = is_digit_alike(first) ? dose_text_at(text, at + 1) : 0;
    bool any_ascii = is_ascii_digit(first), letters_first = is_digit_alike(second) || is_ascii_digit(second);
    if (!is_figure(first) && !letters_first) return at;
    size_t end = at + 1;
    for (;;) {
        size_t next = skip_gaps(text, end), behind = skip_joint(text, next);
        if (behind > next) next = skip_gaps(text, behind);
        uint32_t c = dose_text_at(text, next);
        if (is_digit_alike(c) ? next == end && (any_ascii || letters_first) && !begins_unit(reader, next)
                              : is_figure(c)) {
            any_ascii |= is_ascii_digit(c);
            end = next + 1;
        } else {
            return end;
        }
    }
}

/* ---- amounts */

/* "10多片", "300 (mg)", "300</b> mg": what may stand between a number and its unit. */
static size_t skip_before_unit(const struct reader *reader, size_t at) {
    static const uint32_t MARKS[] = U"()[]{}<>/\"'“”‘’「」『』【】$^+-多余来整";
    for (;;) {
        size_t gap = skip_gaps(reader->text, at), behind = word(reader, gap, DOSE_MARKUP);
        uint32_t c = dose_text_at(reader->text, gap);
        const uint32_t *mark = MARKS;
        while (*mark && *mark != c) mark++;
        bool listed = c == ',' && word(reader, gap + 1, DOSE_UNIT) > gap + 1; /* "300,mg" */
        if (*mark || listed)
            at = gap + 1;
        else if (behind > gap)
            at = behind;
        else
            return gap;
    }
}

/* "/kg", "/(kg·d)", "每公斤", "/24h" behind a unit; "每日" there begins a frequency. *concentration: it is "/L". */
static size_t skip_per(const struct reader *reader, size_t at, bool *concentration) {
    struct dose_text *text = reader->text;
    size_t next = skip_gaps(text, at);
    uint32_t c = dose_text_at(text, next);
    if (c == ')' || c == ']') return next + 1;
    bool is_product = dose_text_at(text, at) == 0xB7; /* the dot of "kg·d" is a gap */
    if (!is_product && c != '/' && c != U'每') return at;
    size_t open = is_product ? next : skip_gaps(text, next + 1);
    if (dose_text_at(text, open) == '(') open++;
    size_t per = skip_gaps(text, number(reader, open));
    size_t period = word(reader, per, c == U'每' ? DOSE_BODY : DOSE_PERIOD | DOSE_SPAN);
    size_t volume = c == '/' ? word(reader, per, DOSE_VOLUME) : per;
    *concentration = volume > period;
    size_t end = largest(volume, period);
    return end > per ? end : at;
}

/* "mg", "片"; not "片状". Behind it "/kg", "/次". *concentration: "/L" is. */
static size_t unit(const struct reader *reader, size_t at, bool *drug_unit, bool *concentration) {
    uint32_t classes;
    size_t start = skip_before_unit(reader, at), end, per;
    end = dose_word(reader->words, reader->text, start, DOSE_UNIT | DOSE_LOOSE_UNIT | DOSE_NO_UNIT, &classes);
    if (end == start || classes & DOSE_NO_UNIT) return at;
    *drug_unit = (classes & DOSE_UNIT) != 0;
    while (!*concentration && (per = skip_per(reader, end, concentration)) > end) end = per;
    return end;
}

/* ---- frequencies */

/* "三次", "各一次", "3回". */
static size_t count_of_times(const struct reader *reader, size_t at) {
    size_t start = skip_fillers(reader, at), end = number(reader, start);
    size_t times = end > start ? next_word(reader, end, DOSE_TIMES) : end;
    return times > end ? times : at;
}

/* "每日三次", "日服2次", "每周1回", "2日3次", "twice a day"; "每日1剂" too. */
static size_t times_a_day(const struct reader *reader, size_t at) {
    size_t day = word(reader, at, DOSE_DAY);
    if (day == at) {
        size_t days = number(reader, at);
        day = days > at ? next_word(reader, days, DOSE_SPAN) : days;
        if (day == days) return at;
    }
    size_t part = next_word(reader, day, DOSE_TIMING); /* "每日早晚各一次" */
    size_t end = count_of_times(reader, part);
    return end > part ? end : at;
}

/* "3次/日", "3次每天", "3 times a day", "分3次". */
static size_t times_per_day(const struct reader *reader, size_t at) {
    struct dose_text *text = reader->text;
    bool divided = dose_text_at(text, at) == U'分';
    size_t start = divided ? skip_gaps(text, at + 1) : at, end = number(reader, start);
    size_t times = end > start ? next_word(reader, end, DOSE_TIMES) : end;
    if (times == end) return at;
    if (divided) return times;
    size_t slash = skip_gaps(text, times);
    uint32_t c = dose_text_at(text, slash);
    if (c == '/' || c == U'每') {
        size_t days = number(reader, skip_gaps(text, slash + 1));
        size_t period = next_word(reader, days, DOSE_PERIOD);
        if (period > days) return period;
    }
    size_t day = next_word(reader, times, DOSE_DAY | DOSE_RATE);
    return day > times ? day : at;
}

/* "每8小时一次", "每隔6-8小时", "every 6 hours", "隔日一次"; "每天" alone is none. */
static size_t every_span(const struct reader *reader, size_t at) {
    size_t every = word(reader, at, DOSE_EVERY);
    if (every == at) return at;
    size_t start = skip_gaps(reader->text, every), end = number(reader, start);
    size_t span = next_word(reader, end, DOSE_SPAN);
    if (span == end) return at;
    size_t times = count_of_times(reader, span);
    if (times > span) return times;
    return end == start && dose_text_at(reader->text, at) == U'每' ? at : span;
}

/* "q8h". */
static size_t q_span(const struct reader *reader, size_t at) {
    struct dose_text *text = reader->text;
    if (dose_text_at(text, at) != 'q' || is_latin_letter(dose_text_before(text, at))) return at;
    size_t start = skip_gaps(text, at + 1), end = number(reader, start);
    size_t span = end > start ? next_word(reader, end, DOSE_SPAN) : end;
    return span > end ? span : at;
}

/* "睡前服", "饭后口服", "早晚各一次". */
static size_t timed(const struct reader *reader, size_t at) {
    size_t timing = word(reader, at, DOSE_TIMING);
    if (timing == at) return at;
    size_t more;
    while ((more = next_word(reader, timing, DOSE_TIMING)) > timing) timing = more;
    size_t times = count_of_times(reader, timing);
    if (times > timing) return times;
    size_t each = next_word(reader, timing, DOSE_EACH), count_at = skip_gaps(reader->text, each);
    size_t count = each > timing ? number(reader, count_at) : count_at; /* "早晚各一" */
    if (count > count_at) return count;
    size_t serve = next_word(reader, timing, DOSE_SERVE);
    return serve > timing ? serve : at;
}

static bool frequency(const struct reader *reader, size_t at, struct dose_expression *expression) {
    size_t certain_end = largest(word(reader, at, DOSE_ABBREVIATION), q_span(reader, at));
    size_t end = largest(times_a_day(reader, at), times_per_day(reader, at));
    end = largest(end, largest(timed(reader, at), every_span(reader, at)));
    end = largest(end, largest(certain_end, word(reader, at, DOSE_RATE)));
    if (end == at) return false;
    *expression = (struct dose_expression){end, EXPRESSION_FREQUENCY, .certain = end == certain_end};
    return true;
}

/* ---- amounts without a unit */

enum bareness { BARE_NOTHING, BARE_AMOUNT, BARE_BESIDE_DRUG };

/* What a number that ends at `end` and has no unit can be: "剂量:500", "0.5 tid", "0.5/次" are amounts, "0.5,一天三次" is
 * one beside a drug. */
static enum bareness bare_amount(const struct reader *reader, size_t end, bool is_labelled) {
    struct dose_text *text = reader->text;
    size_t next = skip_gaps(text, end);
    uint32_t c = dose_text_at(text, next);
    if (word(reader, next, DOSE_ABBREVIATION | DOSE_MOMENT) > next) return BARE_AMOUNT;
    if (c == '/' && next_word(reader, next + 1, DOSE_PERIOD) > next + 1) return BARE_AMOUNT;
    if (is_labelled) {
        bool counts_else = word(reader, next, DOSE_SPAN | DOSE_TIMES | DOSE_NO_UNIT) > next;
        return counts_else || c == '%' ? BARE_NOTHING : BARE_AMOUNT;
    }
    size_t rate_at = skip_gaps(text, c == ',' ? next + 1 : next);
    struct dose_expression rate;
    return frequency(reader, rate_at, &rate) ? BARE_BESIDE_DRUG : BARE_NOTHING;
}

static bool amount(const struct reader *reader, size_t at, struct dose_expression *expression) {
    size_t each = word(reader, at, DOSE_EACH | DOSE_DAY | DOSE_TIMING), label = word(reader, at, DOSE_LABEL);
    bool is_labelled = label > at;
    size_t lead = label > each ? label : each;
    size_t start = lead > at ? skip_fillers(reader, lead) : at;
    size_t end = number(reader, start);
    if (end == start) return false;
    struct dose_expression found = {.kind = EXPRESSION_AMOUNT};
    found.end = unit(reader, end, &found.drug_unit, &found.concentration);
    bool has_unit = found.end > end;
    enum bareness bareness = has_unit ? BARE_AMOUNT : bare_amount(reader, end, is_labelled);
    if (bareness == BARE_NOTHING) return false;
    found.beside = bareness == BARE_BESIDE_DRUG;
    found.certain = has_unit ? !found.concentration && (found.drug_unit || lead > at) : is_labelled;
    return *expression = found, true;
}

/* ---- courses */

/* "为一疗程" behind "5天". */
static size_t term(const struct reader *reader, size_t at) {
    size_t count_at = skip_fillers(reader, at), count = number(reader, count_at);
    size_t end = count > count_at ? next_word(reader, count, DOSE_SPAN) : count;
    return end > count && reader->text->characters[end - 1].code == U'程' ? end : at;
}

/* "连用5天", "疗程:2周", "tid x 7d", "5天为一疗程", "for 7 days"; not "服药3天后". "7天" alone: beside a dose. */
static bool course(const struct reader *reader, size_t at, struct dose_expression *expression) {
    uint32_t classes;
    size_t lead = dose_word(reader->words, reader->text, at, DOSE_COURSE, &classes);
    size_t start = lead > at ? skip_fillers(reader, lead) : at;
    size_t end = number(reader, start), span = end > start ? next_word(reader, end, DOSE_SPAN) : end;
    if (span == end) return false;
    if (next_word(reader, span, DOSE_PAST) > span) return false;
    size_t term_end = lead == at ? term(reader, span) : span;
    bool sure = lead > at && classes & DOSE_SURE;
    *expression = (struct dose_expression){.end = term_end,
                                           .kind = EXPRESSION_COURSE,
                                           .certain = sure || term_end > span,
                                           .beside = lead == at && term_end == span};
    return true;
}

/* "睡前", "饭前15分钟". */
static bool moment(const struct reader *reader, size_t at, struct dose_expression *expression) {
    size_t end = word(reader, at, DOSE_MOMENT), more;
    if (end == at) return false;
    while ((more = next_word(reader, end, DOSE_MOMENT)) > end) end = more;
    size_t start = skip_gaps(reader->text, end), count = number(reader, start);
    size_t span = count > start ? next_word(reader, count, DOSE_SPAN) : count;
    *expression = (struct dose_expression){
        .end = span > count ? span : end, .kind = EXPRESSION_FREQUENCY, .beside = true};
    return true;
}

bool dose_expression_read(const struct dose_words *words, struct dose_text *text, size_t at,
                          struct dose_expression *expression) {
    const struct reader reader = {words, text};
    struct dose_expression found;
    expression->end = at;
    if (amount(&reader, at, &found)) *expression = found;
    if (frequency(&reader, at, &found) && found.end > expression->end) *expression = found;
    if (course(&reader, at, &found) && found.end > expression->end &&
        (!found.beside || expression->end == at))
        *expression = found;
    if (expression->end == at && moment(&reader, at, &found)) *expression = found;
    return expression->end > at;
}
