/* How wide a text is on a terminal. */
#ifndef CLINIC_COLUMNS_H
#define CLINIC_COLUMNS_H

#include "cli/clinic/text.h"

/* Columns of one line: Chinese characters, full-width forms and emoji take two, marks that join or show nothing
 * none. */
int text_columns(struct span text);

#endif
