/* Classes of interchangeable words, so that one line of a data file says what patients say in many ways.
 *
 * A pattern is a phrase in which {NAME} stands for any word of a class, (A|B) for A or B,
 * and [A|B] for A, B or nothing; A and B may be patterns themselves: "{肚子}[里]{疼}" is 肚子疼, 肚子里疼, 肚子痛, ... So may the words
 * of a class, with the classes before it. */
#ifndef CLINIC_CLASSES_H
#define CLINIC_CLASSES_H

#include "cli/clinic/json_record.h"

/* Zero-initialise; owned by the arena it was loaded into. */
struct classes {
    struct word_class *items;
    size_t count;
};

/* Reads the object `field` of a data file: {"NAME": [pattern, ...], ...}, in the file's order. */
bool classes_load(struct classes *classes, const struct record *root, const char *field, struct arena *arena,
                  struct failure *failure);

/* All phrases of a pattern, in plain form (text.h). place: the pattern's, for messages. */
bool classes_expand(const struct classes *classes, const char *pattern, const char *place,
                    struct arena *arena, struct strings *phrases, struct failure *failure);

#endif
