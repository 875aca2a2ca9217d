#include "unicode.h"

#include "array.h"

typedef struct class_run {
    uint32_t first;
    uint16_t count, step;
} class_run;

#include "unicode_runs.inc"

#define RUNS(array) (array), sizeof(array) / sizeof *(array)

static const struct {
    char_class class;
    const class_run *runs;
    size_t n_runs;
} all_runs[] = {{CLASS_SPACE, RUNS(runs_space)},        {CLASS_UPPER, RUNS(runs_upper)},
                {CLASS_TITLE, RUNS(runs_title)},        {CLASS_LOWER, RUNS(runs_lower)},
                {CLASS_MODIFIER, RUNS(runs_modifier)},  {CLASS_LETTER, RUNS(runs_letter)},
                {CLASS_MARK, RUNS(runs_mark)},          {CLASS_DIGIT, RUNS(runs_digit)},
                {CLASS_NUMERAL, RUNS(runs_numeral)},    {CLASS_NUMBER, RUNS(runs_number)},
                {CLASS_CONNECTOR, RUNS(runs_connector)}};

uint8_t *unicode_classes_new(void) {
    uint8_t *classes = array_new(UNICODE_POINTS, 1);
    for (size_t i = 0; classes && i < sizeof all_runs / sizeof *all_runs; i++)
        for (size_t r = 0; r < all_runs[i].n_runs; r++) {
            const class_run *run = &all_runs[i].runs[r];
            for (uint32_t k = 0; k < run->count; k++)
                classes[run->first + k * run->step] = (uint8_t)all_runs[i].class;
        }
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
