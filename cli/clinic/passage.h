/* A patient's text made ready for rules: its plain form, divided into clauses, and who the patient is. */
#ifndef CLINIC_PASSAGE_H
#define CLINIC_PASSAGE_H

#include "cli/clinic/wordlist.h"

/* [start, end) of the plain text, its separator left out. */
struct clause {
    size_t start, end;
};

/* Whom a text may speak of besides the person who speaks. */
enum person {
    PERSON_SELF,
    PERSON_CHILD,
    PERSON_MOTHER,
    PERSON_FATHER,
    PERSON_SPOUSE,
    PERSON_ELDER,
    PERSON_SIBLING,
    PERSON_OTHERS
};

/* A word for a person, in the order of the text. */
struct person_mention {
    size_t start, end;
    enum person person;
    char sex; /* 'm', 'f' when the word tells ("女儿"), else 0 */
};

struct passage {
    struct span source;
    struct plain_text plain;
    struct clause *clauses;
    size_t n_clauses;
    struct person_mention *persons;
    size_t n_persons;
    enum person patient; /* the one that the text speaks for */
    char patient_sex;    /* as of the word for the patient */
};

/* source: checked text that outlives the passage. false: memory refused. */
bool passage_open(struct passage *passage, struct arena *arena, struct span source,
                  const struct wordlist *symptoms);

/* A part of the plain text in the patient's own writing. */
struct span passage_source(const struct passage *passage, size_t start, size_t end);

/* The last person named in plain[start, end): PERSON_SELF for 我, NULL when none is. */
const struct person_mention *passage_person(const struct passage *passage, size_t start, size_t end);

#endif
