/* The command line: options, typed and checked. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/clinic/findings.h"
#include "cli/clinic/format.h"

#include "youtu.h"

enum command { COMMAND_DIAGNOSE, COMMAND_CHAT, COMMAND_BATCH, COMMAND_INFO, COMMAND_HELP, COMMAND_VERSION };

/* Numbers that were not given are NAN or NOT_GIVEN: the model's own settings or the product's then hold. */
#define NOT_GIVEN (-1)

struct options {
    enum command command;
    const char *text; /* the patient's, or NULL: standard input */
    const char *model, *device, *department, *output, *kb, *rules, *templates;
    int threads, ctx, max_tokens, top_k, parallel;
    double temperature, top_p, min_p, repetition_penalty, confidence;
    int64_t seed;
    struct patient patient; /* --age, --sex */
    youtu_weights weights;  /* --dtype */
    struct span lora;       /* --lora: the adapter's directory; empty without one */
    double lora_scale;
    const struct report_format *format;
    bool greedy, think, rules_only, no_stream, quiet, resume;
};

/* Reads the command line; strings stay argv's. */
bool options_parse(int argc, char **argv, struct options *options, struct failure *failure);

/* Sets one option of a single report (--department, --seed, ...) from elsewhere than the command line. name:
 * without the dashes; value: as it would be typed, and as long-lived as the options. */
bool options_set(struct options *options, const char *name, const char *value, struct failure *failure);
bool options_set_flag(struct options *options, const char *name, bool value, struct failure *failure);

/* Writes the help text, made from the same table that the parser reads. */
void options_help(struct buffer *out);

#endif
