/* What XML 1.0, and so XHTML in FHIR, can hold of a text. */
#ifndef CLINIC_MARKUP_H
#define CLINIC_MARKUP_H

#include "cli/clinic/buffer.h"

/* Appends the text (valid UTF-8) without the characters that XML 1.0 cannot hold, escaped or not: control
 * characters other than tab and line ends, U+FFFE, U+FFFF. */
void markup_keep(struct buffer *out, struct span text);

/* The same with '&', '<' and '>' escaped. */
void markup_escape(struct buffer *out, struct span text);

#endif
