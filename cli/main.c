/* youtu-diagnose: turns what a patient says into a report that a doctor reads before the consultation. */
#include "cli/commands.h"
#include "cli/output.h"

#include "youtu.h"

#include <signal.h>

static bool print(struct buffer *text, struct failure *failure) {
    struct output output;
    output_open(&output, NULL);
    bool printed = !text->failed ? output_write(&output, buffer_span(text), failure) : fail_memory(failure);
    buffer_free(text);
    output_free(&output);
    return printed;
}

static bool run(const struct options *options, struct failure *failure) {
    struct buffer text = {0};
    switch (options->command) {
    case COMMAND_DIAGNOSE: return command_diagnose(options, failure);
    case COMMAND_CHAT: return command_chat(options, failure);
    case COMMAND_BATCH: return command_batch(options, failure);
    case COMMAND_INFO: return command_info(options, failure);
    case COMMAND_HELP: options_help(&text); break;
    case COMMAND_VERSION: buffer_format(&text, "youtu-diagnose %s\n", youtu_version()); break;
    }
    return print(&text, failure);
}

int main(int argc, char **argv) {
    struct options options;
    struct failure failure;
    /* A reader that went away is an error of write(), with a message, not a death by signal. */
    signal(SIGPIPE, SIG_IGN);
    if (options_parse(argc, argv, &options, &failure) && run(&options, &failure)) return STATUS_DONE;
    fprintf(stderr, "youtu-diagnose:%s\n", failure.message);
    return (int)failure.status;
}
