/* One request as JSON: a line of a batch, the body of an HTTP call. */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include "cli/options.h"

struct request {
    struct options options; /* the program's, with what the request changes; text points to `symptoms` */
    struct span symptoms;   /* checked (text_check), not trimmed */
    const char *id;         /* the sender's own, given back with the report; NULL without one */
};

/* Reads {"symptoms": TEXT, "department"?, "age"?, "age_unit"?, "sex"?, "id"?, "stream"?, ...}: every other field is an
 * option of the command line that concerns a single report, with '_' for '-' ("max_tokens", "seed", "greedy").
 * null is as good as absent. An unknown field, or a value that the option would refuse, is refused by name.
 * base: what holds where the request is silent. Strings are the arena's. Not to be called by two threads at
 * once (document parsing notes refused memory). */
bool request_parse(struct span line, const struct options *base, struct arena *arena, struct request *request,
                   struct failure *failure);

#endif
