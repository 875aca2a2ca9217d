/* How the program reports failure: one sentence for a person and the exit status it leads to. */
#ifndef CLINIC_FAILURE_H
#define CLINIC_FAILURE_H

#include <stdbool.h>

/* The program's exit status: a contract with scripts. */
enum exit_status {
    STATUS_DONE = 0,
    STATUS_USAGE = 1,
    STATUS_INPUT = 2,    /* the patient's text, or a data file named on the command line, is refused */
    STATUS_MODEL = 3,    /* the model cannot be loaded */
    STATUS_RESOURCE = 4, /* memory refused, or a device error */
    STATUS_INTERNAL = 5  /* anything else, an output that cannot be written included */
};

struct failure {
    enum exit_status status;
    char message[1024]; /* UTF-8, one line */
};

/* Fills *failure and returns false. Overlong sentences are cut; what is no printable character becomes '?',
 * so that a message is one line of UTF-8 whatever value it quotes. */
bool fail(struct failure *failure, enum exit_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Memory was refused. Returns false. */
bool fail_memory(struct failure *failure);

#endif
