/* The words that doses and prescriptions are made of, and those by which something else is told from a dose. */
#ifndef CLINIC_DOSE_WORDS_H
#define CLINIC_DOSE_WORDS_H

#include "cli/clinic/dose_text.h"
#include "cli/clinic/wordlist.h"

/* What a word can be; a word may be several. */
enum dose_class {
    /* What is taken, and that it is. */
    DOSE_DRUG = 1 << 0,   /* a drug's name, or a form that only drugs have */
    DOSE_TAKING = 1 << 1, /* taking, giving, a route */
    /* What else numbers are of. */
    DOSE_MEASURED = 1 << 2,  /* laboratory values, diet: may be told in mg */
    DOSE_SUBSTANCE = 1 << 3, /* urine, tobacco, a rash: counted in ml, 支, 片 */
    DOSE_SYMPTOM = 1 << 4,   /* happens so many times a day */
    DOSE_TAKEN_TOO = 1 << 5, /* taken, but no drug: food, the sugar of a test */
    DOSE_AFTER = 1 << 6,     /* behind a drug: its effect may follow, "服药后腹泻3次/日" */
    DOSE_CONDITION = 1 << 7, /* behind what is counted: when to take a drug, "头痛时2片" */
    /* How much. */
    DOSE_UNIT = 1 << 8,       /* mg: hardly of anything but drugs */
    DOSE_LOOSE_UNIT = 1 << 9, /* 片: needs a drug near it */
    DOSE_NO_UNIT = 1 << 10,   /* begins like a unit and is none: 片状 */
    DOSE_MARKUP = 1 << 11,    /* HTML, TeX: may stand before a unit */
    DOSE_EACH = 1 << 12,      /* 每次: an amount follows */
    DOSE_LABEL = 1 << 13,     /* 剂量: a number without a unit may follow */
    DOSE_NUMBER = 1 << 14,    /* a number in English */
    DOSE_PERIOD = 1 << 15,    /* behind /: a day, a dose, a kilogram */
    DOSE_BODY = 1 << 16,      /* behind 每 too: a kilogram of the patient */
    DOSE_VOLUME = 1 << 17,    /* behind /: of a concentration */
    /* How often, how long. */
    DOSE_DAY = 1 << 18,          /* 每日: a count or an amount follows */
    DOSE_TIMING = 1 << 19,       /* 睡前, 早晚: a count, an amount or a verb follows */
    DOSE_MOMENT = 1 << 20,       /* 睡前: beside a dose or a drug it belongs to it */
    DOSE_SERVE = 1 << 21,        /* behind a time of day: "睡前服" */
    DOSE_TIMES = 1 << 22,        /* 次 */
    DOSE_EVERY = 1 << 23,        /* 每, 每隔: a span follows */
    DOSE_SPAN = 1 << 24,         /* 天, 小时 */
    DOSE_ABBREVIATION = 1 << 25, /* bid: of prescriptions alone */
    DOSE_RATE = 1 << 26,         /* "twice daily" */
    DOSE_COURSE = 1 << 27,       /* 用, 连用: a span follows */
    DOSE_SURE = 1 << 28,         /* such a word of prescriptions alone: 连用, 疗程 */
    DOSE_PAST = 1 << 29,         /* behind a span: it is over, "服药3天后" */
    DOSE_FILLER = 1 << 30,       /* may stand inside: 约, 服 */
};

/* What a number can be of that is no drug. */
#define DOSE_COUNTED (DOSE_MEASURED | DOSE_SUBSTANCE | DOSE_SYMPTOM)

struct dose_word {
    const uint32_t *codes;
    size_t length;
    uint32_t classes;
    bool starts_inside, ends_inside; /* part of a longer Latin word: "-cillin", "cef-" */
};

/* Owned by an arena. */
struct dose_words {
    struct dose_word *items; /* by their first character */
    size_t count;
};

/* The compiled-in words, and the names of `drugs`. false: memory refused. */
bool dose_words_open(struct dose_words *words, struct arena *arena, const struct wordlist *drugs);

/* The position behind the longest word of one of the classes at `at`, its classes in *found (unless NULL); `at`
 * when there is none. Gaps may stand between a word's characters, not between an English word's letters. */
size_t dose_word(const struct dose_words *words, struct dose_text *text, size_t at, uint32_t classes,
                 uint32_t *found);

#endif
