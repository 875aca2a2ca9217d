/* jsmn as every reader of JSON here has it: strict, its own to each file that includes it, and with parent links:
 * without them it searches backwards for the container at every comma. */
#ifndef JSMN_STRICT_H
#define JSMN_STRICT_H

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <jsmn.h>
#pragma GCC diagnostic pop

#endif
