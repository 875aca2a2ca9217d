/* How old the people of a passage are, in the ways that patients say it. */
#ifndef CLINIC_AGES_H
#define CLINIC_AGES_H

#include "cli/clinic/passage.h"

struct age {
    size_t end; /* behind it, in the plain text */
    int value;
    const char *unit; /* "岁", "月", "天" */
    bool past;        /* of an earlier time: "3岁时得过肺炎" */
};

/* Reads an age at plain[at]. "3岁", "8个月大" and "20日龄" are ages wherever they stand. "8个月" and "20天" are
 * only where the text beside them says so ("孩子8个月", "出生20天", "8个月的宝宝"), else they tell how long
 * something lasted. Without a unit it needs its word: "今年六十二". */
bool age_read(const struct passage *passage, size_t at, struct age *age);

#endif
