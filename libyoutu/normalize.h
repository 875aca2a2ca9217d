/* Unicode normalisation of text before it is tokenized. */
#ifndef YOUTU_NORMALIZE_H
#define YOUTU_NORMALIZE_H

#include "youtu.h"

/* Normalisation form C of valid UTF-8. *out is allocated, free() it; NULL when the text is seen to be in that
 * form already. Linear time, whatever the marks. Errors: MEMORY. */
youtu_status normalize_nfc(const char *text, size_t length, char **out, size_t *out_length,
                           youtu_error *error);

#endif
