/* The program's commands. Each returns false with *failure filled. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"

/* One report. */
bool command_diagnose(const struct options *options, struct failure *failure);
/* A dialogue in the terminal. */
bool command_chat(const struct options *options, struct failure *failure);
/* One request a line in, one report a line out. */
bool command_batch(const struct options *options, struct failure *failure);
/* Model, device, memory, knowledge base. */
bool command_info(const struct options *options, struct failure *failure);

#endif
