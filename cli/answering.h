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

/* What is asked of the model, and how its answer is taken. All of it lives until answering_end. */
struct answer_request {
    struct engine *engine;
    int32_t sequence; /* of the engine's context */
    const youtu_tokens *prompt;
    const struct options *options;
    youtu_sampler *sampler; /* begun */
    struct form *form;      /* of the answer; NULL: it is free */
    const struct wordlist *drugs;
    struct progress *progress; /* shows how far the prompt is computed; NULL: nobody waits for it */
    text_taker take_text;      /* NULL, or called with `user` for the text as it comes */
    void *user;
    bool ends_on_interrupt; /* Ctrl-C ends the answer */
};

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
    struct answer_stream *stream; /* while the model writes */
};

/* Begins an answer; *generator is to be stepped (youtu_generator_step) until it is finished, then answering_end
 * called. Free with answering_free, at any time, also after a failure. */
bool answering_begin(struct answering *answering, const struct answer_request *request,
                     youtu_generator **generator, struct failure *failure);
bool answering_end(struct answering *answering, struct failure *failure);

/* All three: the model's answer from begin to end. */
bool answering_run(struct answering *answering, const struct answer_request *request,
                   struct failure *failure);

void answering_free(struct answering *answering);

#endif
