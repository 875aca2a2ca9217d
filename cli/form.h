/* The form of an answer that cannot go wrong: a guide (youtu.h) for the four sections that the prompt asks for.
 *
 *   1. 可能诊断          headings, numbers, bullets and the names that open the lines of section 2 are fed,
 *   (1) 偏头痛           not drawn. Names follow a trie of the knowledge base's names and aliases: three different
 *   (2) 未收录:某病      diseases. From the second on, and once, a name that the base does not have may come
 *   (3) 紧张型头痛       behind the mark 未收录: (ANSWER_UNLISTED).
 *   2. 鉴别依据
 *   偏头痛:...           One line for each name; lines are the model's own words. A line opens with an ideograph
 *   ...                  or a Latin letter, holds no line end, and never begins with a section's title, so that no
 *   3. 建议检查          words of the model can be read as a heading, a number or a bullet.
 *   - ...                One to five lines; the model chooses after each whether another follows.
 *   4. 风险提示
 *   ...                  One to four lines; the model ends the answer.
 *
 * In the place of the first name the model may say ANSWER_UNDECIDED: then there are no further names, and section 2
 * is one line without a name.
 *
 * The budget (max_tokens and the context's room) is planned so that no section ends cut off. Every line has a share
 * of what is left when the least that the following sections need is put aside. A line that has used up its share
 * ends at its next sentence's end, and where none comes within another quarter, where it stands, with 。 added.
 * Lines of sections 2 and 4 end only behind a sentence. A line without a share reads FORM_FILLER. Names for which the
 * budget has no room are not written. A budget that does not hold one name and the sections (form_least) is not
 * planned: the answer is cut where it ends, and the generation's finish says so. */
#ifndef CLI_FORM_H
#define CLI_FORM_H

#include "cli/clinic/buffer.h"
#include "cli/name_trie.h"
#include "cli/token_classes.h"

#define FORM_FILLER "不确定,请医生补充。"

enum form_phase {
    FORM_REASONING_START,
    FORM_REASONING,
    FORM_FIRST_NAME, /* the heading is to come */
    FORM_NAME,
    FORM_LINE,
    FORM_TEST_OR_RISK, /* another line of section 3 or the next section */
    FORM_DONE
};

enum form_line { LINE_UNLISTED, LINE_BASIS, LINE_TEST, LINE_RISK };

enum { FORM_NAMES = 3, FORM_TESTS = 5, FORM_RISKS = 4, UNLISTED_TOKENS = 16 };

/* Texts that are fed. */
enum form_text {
    TEXT_DIAGNOSES,
    TEXT_SECOND,
    TEXT_THIRD,
    TEXT_UNLISTED, /* (measured only: the trie has it) */
    TEXT_BASIS,
    TEXT_TESTS,
    TEXT_TEST,
    TEXT_RISK,
    TEXT_FILLER,
    TEXT_STOP,
    TEXT_COLON,
    TEXT_LINE_END,
    TEXT_BLANK_LINE,
    FORM_TEXTS
};

/* Zero-initialise; one answer at a time. */
struct form {
    const youtu_tokenizer *tokenizer;
    struct token_classes classes;
    struct name_trie trie;
    youtu_tokens texts[FORM_TEXTS];
    int32_t line_end;                       /* the token "\n" */
    int32_t reasoning_start, reasoning_end; /* -1 when the model is not asked to reason */
    int32_t *ids;                           /* the step's tokens: room for the vocabulary and the trie */

    /* Of one answer. */
    enum form_phase phase;
    bool drew;          /* the last step left the choice to the model */
    bool failed;        /* memory was refused: the answer ended */
    youtu_tokens queue; /* to be fed before anything is drawn */
    size_t n_tokens;    /* of the answer, at the last question */
    int32_t n_left;     /* tokens that it may still have then */
    int32_t unplanned;  /* of them beyond the budget: it does not hold the form */
    size_t before_name; /* tokens of the answer before the first name */
    struct name_walk walk;
    int32_t name_room; /* tokens when the name began */
    const struct disease *used_diseases[FORM_NAMES];
    const struct name_entry *names[FORM_NAMES];
    int32_t n_names;
    youtu_tokens unlisted; /* the name behind ANSWER_UNLISTED */
    enum form_line line_kind;
    struct buffer line;       /* the bytes of the line that the model writes */
    int32_t used, soft, hard; /* tokens of the line: drawn; where it should, and must end */
    int32_t n_lines;          /* finished ones of the section */
};

/* Free with form_free, also after a failure. Errors: a tokenizer to which a line end is no token. */
bool form_open(struct form *form, const youtu_model *model, const struct kb *kb, bool reasoning,
               struct failure *failure);
void form_free(struct form *form);

/* To be called before each answer. */
void form_begin(struct form *form);

/* The guide: youtu_generate_options.guide with the form as guide_user. When form->failed is set afterwards, memory
 * was refused. */
void form_guide(void *form, const youtu_guide_state *state, youtu_guide_step *step);

/* The tokens of the shortest form: one name, and FORM_FILLER in each section. */
int32_t form_least(const struct form *form);

/* The last token before the first name. */
int32_t form_opening_end(const struct form *form);

#endif
