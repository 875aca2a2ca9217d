#include "cli/terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_has_colour(int descriptor) {
    const char *refused = getenv("NO_COLOR"), *kind = getenv("TERM");
    return isatty(descriptor) && !(refused && *refused) && kind && strcmp(kind, "dumb") != 0;
}

static volatile sig_atomic_t interrupted;

static void mark_interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

void terminal_catch_interrupt(void) {
    struct sigaction action = {.sa_handler = mark_interrupt, .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
    sigemptyset(&action.sa_mask);
    interrupted = 0;
    sigaction(SIGINT, &action, NULL);
}

void terminal_release_interrupt(void) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

bool terminal_interrupted(void) {
    return interrupted;
}

struct progress progress_new(bool quiet) {
    return (struct progress){.visible = !quiet && isatty(STDERR_FILENO), .shown_percent = -1};
}

void progress_show(struct progress *progress, const char *what, uint64_t done, uint64_t total) {
    int percent = total ? (int)((double)done / (double)total * 100) : 100;
    if (!progress->visible || percent == progress->shown_percent) return;
    fprintf(stderr, "\r%s %3d%%", what, percent);
    fflush(stderr);
    progress->shown_percent = percent;
}

void progress_clear(struct progress *progress) {
    if (progress->shown_percent < 0) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress->shown_percent = -1;
}
