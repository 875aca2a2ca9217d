/* The words that doses and prescriptions are made of, and those by which something else is told from a dose. */
#ifndef CLINIC_DOSE_WORDS_H
#define CLINIC_DOSE_WORDS_H

#include "cli/clinic/dose_text.h"
#include "cli/clinic/wordlist.h"

/* What a word can be; a word may be several. */
enum dose_class {
    DOSE_DRUG = 1 << 0,       /* a drug's name, or a form that only drugs have */
    DOSE_TAKING = 1 << 1,     /* taking, giving, a route */
    DOSE_MEASURED = 1 << 2,   /* laboratory values, diet: may be told in a drug's units */
    DOSE_SYMPTOM = 1 << 3,    /* what else happens so many times a day */
    DOSE_AFTER = 1 << 4,      /* behind a drug: what follows may be its effect, "服药后腹泻3次/日" */
    DOSE_CONDITION = 1 << 5,  /* behind what is counted: when to take a drug, "头痛时2片" */
    DOSE_UNIT = 1 << 6,       /* mg: measures hardly anything but drugs */
    DOSE_LOOSE_UNIT = 1 << 7, /* 片: needs a drug beside it */
    DOSE_NO_UNIT = 1 << 8,    /* begins like a unit and is none: 片状 */
    DOSE_EACH = 1 << 9,       /* 每次: a dose follows */
    DOSE_DAY = 1 << 10,       /* 每日: a count or a dose follows */
    DOSE_TIMING = 1 << 11,    /* 睡前, 饭后, 早晚 */
    DOSE_TIMES = 1 << 12,     /* 次 */
    DOSE_SPAN = 1 << 13,      /* 天, 周: what a course is counted in, or the time between doses */
    DOSE_PERIOD = 1 << 14,    /* behind / or per: a day, a dose, a kilogram */
    DOSE_VOLUME = 1 << 15,    /* behind /: of a concentration */
    DOSE_COURSE = 1 << 16,    /* 连用, 疗程 */
    DOSE_FILLER = 1 << 17,    /* may stand inside an expression: 约, 服 */
    DOSE_RATE = 1 << 18,      /* tells by itself how often: "twice daily" */
    DOSE_NUMBER = 1 << 19,    /* a number in English */
    DOSE_EVERY = 1 << 20,     /* 每, 每隔, every: a span follows */
    DOSE_LABEL = 1 << 21,     /* 剂量: a number without a unit may follow */
    DOSE_SERVE = 1 << 22,     /* 服, 用: behind a timing they make it one of a drug, "睡前服" */
    DOSE_ABBREVIATION = 1 << 23, /* bid: of a prescription alone */
    DOSE_BODY = 1 << 25,         /* behind / or 每: kg of the patient */
    DOSE_MOMENT = 1 << 26,       /* 睡前: beside a dose or a drug it belongs to it */
    DOSE_PAST = 1 << 27,         /* behind a span: it is over, "服药3天后" */
    DOSE_MARKUP = 1 << 28,       /* HTML, TeX: may stand before a unit */
    DOSE_SUBSTANCE = 1 << 29,    /* urine, tobacco, a rash: counted in ml, 支, 片 */
    DOSE_TAKEN_TOO = 1 << 24,    /* taken, but no drug: food, the sugar of a test */
};

/* What a number can be of that is no drug. */
#define DOSE_COUNTED (DOSE_MEASURED | DOSE_SUBSTANCE | DOSE_SYMPTOM)

struct dose_word {
    const uint32_t *codes;
    size_t length;
    uint32_t classes;
    bool starts_inside, ends_inside; /* part of a longer Latin word: "-cillin", "sulfa-" */
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
