/* A patient's text made ready for rules: its plain form, divided into clauses, and who the patient is. */
#ifndef CLINIC_PASSAGE_H
#define CLINIC_PASSAGE_H

#include "cli/clinic/lexicon.h"

/* [start, end) of the plain text, its separator left out. */
struct clause {
    size_t start, end;
};

/* A word for a person, in the order of the text. */
struct person_mention {
    size_t start, end;
    enum person person;
    char sex; /* 'm', 'f' when the word tells ("女儿"), else 0 */
};

struct mentions;

/* The mentions of the word lists that were looked for, each found once (mentions.c). */
struct found_mentions {
    struct {
        const struct word *words; /* the list's */
        const struct mentions *mentions;
    } * items;
    size_t count;
};

struct passage {
    const struct lexicon *lexicon;
    struct span source;
    struct plain_text plain;
    struct clause *clauses;
    size_t n_clauses;
    struct person_mention *persons;
    size_t n_persons;
    enum person patient; /* the one that the text speaks for */
    char patient_sex;    /* as of the word for the patient */
    struct found_mentions *found;
};

/* source: checked text that outlives the passage. false: memory refused. */
bool passage_open(struct passage *passage, struct arena *arena, struct span source,
                  const struct lexicon *lexicon);

/* What is known of the patient besides may say that a text does not speak for whom it seems to; to be called before
 * the first mention is found. For a child: the child that it names, when it seems to speak for the speaker or for one
 * of the family. */
void passage_speak_for_child(struct passage *passage);

/* For one who cannot be the person that it names ("我老公的叔叔中风了" of a woman): the speaker, when the text names
 * itself; else as it was ("奶奶带着从床上掉下来" of a boy). */
void passage_speak_for_self(struct passage *passage);

/* Whether clause i goes on with the sentence of the clause before it. */
bool passage_goes_on(const struct passage *passage, size_t i);

/* Whether a word for one may mean the other: 老人 and 父亲. */
bool person_may_be(enum person a, enum person b);

/* A part of the plain text in the patient's own writing. */
struct span passage_source(const struct passage *passage, size_t start, size_t end);

/* The last person named in plain[start, end): PERSON_SELF for 我, NULL when none is. */
const struct person_mention *passage_person(const struct passage *passage, size_t start, size_t end);

/* The last of them that something is not only done to or with: 老婆 in "老婆跟我吵架". */
const struct person_mention *passage_subject(const struct passage *passage, size_t start, size_t end);

#endif
