/* The terminal: colours, a progress line, Ctrl-C. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/* Whether to colour what goes to this descriptor: a terminal that can, and NO_COLOR (no-color.org) unset. */
bool terminal_has_colour(int descriptor);

/* From now on a first Ctrl-C only sets a mark; a second one ends the program. */
void terminal_catch_interrupt(void);
/* Ctrl-C ends the program again. */
void terminal_release_interrupt(void);
bool terminal_interrupted(void);

/* One line on standard error that is rewritten in place; silent unless that is a terminal. */
struct progress {
    bool visible;
    int shown_percent; /* -1: nothing shown */
};

/* quiet: never show anything. */
struct progress progress_new(bool quiet);
void progress_show(struct progress *progress, const char *what, uint64_t done, uint64_t total);
/* Takes the line away. */
void progress_clear(struct progress *progress);

#endif
