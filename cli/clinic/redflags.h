/* Red flags: rules over present findings that show a doctor first what may be dangerous, whatever the model
 * says. They speak of the lexicon's symptoms, whatever knowledge base a clinic has. */
#ifndef CLINIC_REDFLAGS_H
#define CLINIC_REDFLAGS_H

#include "cli/clinic/findings.h"

enum urgency { URGENCY_ROUTINE, URGENCY_URGENT, URGENCY_EMERGENCY };

/* "routine", "urgent", "emergency". */
const char *urgency_name(enum urgency urgency);

struct warning {
    char level; /* 'E' emergency, 'U' urgent, 'R' attention */
    const char *rule, *message;
};

/* "emergency", "urgent", "attention". */
const char *warning_level_name(char level);

struct warnings {
    struct warning *items; /* the most urgent first */
    size_t count;
    enum urgency urgency; /* of the most urgent */
};

struct redflag_rule;
struct redflag_term;

/* Owned by the arena it was loaded into. */
struct redflags {
    const struct lexicon *lexicon; /* whose symptoms the rules speak of */
    struct wordlist cues;          /* the rules' own terms */
    struct redflag_term *terms;    /* [cues.n_terms] */
    struct redflag_rule *rules;
    size_t n_rules;
};

/* Reads rules of schema youtu.redflags/1. A term has words of its own (patterns, classes.h) and may include symptoms and earlier
 * terms; one with "history" (cancer, an operation) holds also when the text puts it into earlier times. A
 * rule's "all" lists conditions, all of which must hold; a condition is alternatives divided by '|'; an
 * alternative is one of these, or several joined by '+':
 *   NAME            a symptom or term that is present
 *   ~NAME           the same, or it was and is over by now: for what is dangerous even after it has passed
 *   QUANTITY>=N     or QUANTITY<N; of 年龄 (years), 病程 (days; the longest named), 体温, 收缩压, 舒张压, 心率,
 *                   呼吸, 血氧; false while the quantity is unknown
 *   男, 女, 怀孕    what is known of the patient
 *   小儿, 老人      below 14 years, from 65 on; while the age is unknown, that the text speaks for such a one
 *   !...            none of it: !NAME not present, !病程>=30 shorter or unknown.
 * A term's word inside a symptom's wording is the symptom's (嗜睡 in 白天嗜睡), unless it is a word of manner as 突然.
 * What follows a name and '+' must stand near it: in its sentence, two clauses apart at most. What must not be
 * there explains the sign away wherever it stands (a fever after birth, and three sentences on the red breast).
 * Quantities and what is known of the patient hold for the whole text: "年龄<1+呼吸>=50|年龄<6+呼吸>=40" is a
 * table by age. */
bool redflags_load(struct redflags *redflags, struct arena *arena, struct span text, const char *source,
                   const struct lexicon *lexicon, struct failure *failure);

/* Runs all rules. false: memory refused. */
bool redflags_check(const struct redflags *redflags, const struct passage *passage,
                    const struct patient *patient, const struct findings *findings, struct arena *arena,
                    struct warnings *warnings);

/* A symptom that alone keeps a rule from firing. */
struct missing_sign {
    const char *symptom, *message; /* the rule's */
};

struct missing_signs {
    struct missing_sign *items;
    size_t count;
};

/* The symptoms, mentioned or not, whose presence alone would raise the urgency: that of a rule of a higher one
 * all of whose other conditions hold, one of them by the chief complaint (a symptom's name; NULL: none). In the
 * order of the rules. false: memory refused. */
bool redflags_missing(const struct redflags *redflags, const struct passage *passage,
                      const struct patient *patient, const struct findings *findings, const char *chief,
                      enum urgency urgency, struct arena *arena, struct missing_signs *missing);

#endif
