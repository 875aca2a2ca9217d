/* One answer of the model: its tokens become text, its reasoning is kept apart, and it passes the filters
 * before anyone sees it. */
#ifndef CLI_ANSWERING_H
#define CLI_ANSWERING_H

#include "cli/clinic/checks.h"
#include "cli/clinic/doses.h"
#include "cli/engine.h"

enum answer_part { PART_REASONING, PART_ANSWER };

/* Takes filtered text, whole characters, as soon as it is certain; false stops the generation. A part's last
 * line ends with a line end. */
typedef bool (*text_taker)(void *user, enum answer_part part, struct span text);

struct answering {
    struct buffer answer;     /* as the model wrote it: what the conversation goes on with */
    struct buffer narrative;  /* the answer after the filters */
    struct buffer reasoning;  /* after the filters */
    struct token_mark *marks; /* of the answer's tokens */
    size_t n_marks;
    struct removals removed;
    youtu_generation generation;
    bool interrupted; /* by Ctrl-C */
    struct arena arena;
};

/* Asks the model to go on from `prompt`, in sequence 0. take_text: NULL, or called with `user` for
 * the text as it comes. progress: shows how far the prompt is computed. Free with answering_free, also after a failure. */
bool answering_run(struct answering *answering, struct engine *engine, const youtu_tokens *prompt,
                   const struct options *options, const struct wordlist *drugs, struct progress *progress,
                   text_taker take_text, void *user, struct failure *failure);

void answering_free(struct answering *answering);

#endif
