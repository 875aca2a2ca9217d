#include "unicode.h"

#include "array.h"

typedef struct class_run {
    uint32_t first;
    uint16_t count, step;
} class_run;

#include "unicode_runs.inc"

static void mark(uint8_t *classes, char_class class, const class_run *runs, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < runs[i].count; k++)
            classes[runs[i].first + k * runs[i].step] = (uint8_t) class;
}

uint8_t *unicode_classes_new(void) {
    uint8_t *classes = array_new(UNICODE_POINTS, 1);
    if (!classes) return NULL;
#define MARK(class, runs) mark(classes, class, runs, sizeof runs / sizeof *runs)
    MARK(CLASS_SPACE, runs_space);
    MARK(CLASS_UPPER, runs_upper);
    MARK(CLASS_TITLE, runs_title);
    MARK(CLASS_LOWER, runs_lower);
    MARK(CLASS_MODIFIER, runs_modifier);
    MARK(CLASS_LETTER, runs_letter);
    MARK(CLASS_MARK, runs_mark);
    MARK(CLASS_DIGIT, runs_digit);
    MARK(CLASS_NUMERAL, runs_numeral);
    MARK(CLASS_NUMBER, runs_number);
    MARK(CLASS_CONNECTOR, runs_connector);
#undef MARK
    return classes;
}

bool unicode_is_word(const uint8_t *classes, uint32_t point) {
    static const unsigned words = CLASSES_LETTERS | CLASS_BIT(CLASS_MARK) | CLASS_BIT(CLASS_DIGIT) |
                                  CLASS_BIT(CLASS_NUMERAL) | CLASS_BIT(CLASS_CONNECTOR);
    if (words >> classes[point] & 1) return true;
    bool is_joiner = point == 0x200C || point == 0x200D;
    /* Letters in circles and squares: symbols that have the property Alphabetic. */
    return is_joiner || (point >= 0x24B6 && point <= 0x24E9) || (point >= 0x1F130 && point <= 0x1F149) ||
           (point >= 0x1F150 && point <= 0x1F169) || (point >= 0x1F170 && point <= 0x1F189);
}
