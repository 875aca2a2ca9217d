/* The report: what every output format writes. */
#ifndef CLINIC_REPORT_H
#define CLINIC_REPORT_H

#include "cli/clinic/checks.h"
#include "cli/clinic/clinic.h"
#include "cli/clinic/doses.h"
#include "cli/clinic/must_not_miss.h"
#include "cli/clinic/questions.h"
#include "cli/clinic/chart.h"

#define REPORT_DISCLAIMER "本系统为辅助工具,不替代医生诊断,所有输出须由医生复核。"

/* Stands behind every answer of the model. */
#define REPORT_MODEL_REMARK "以上为模型生成，其中的表现未必是患者所述，以“问诊要点”为准。"

/* Why the model's answer ended. */
enum report_finish {
    FINISH_NONE,       /* the model was not asked */
    FINISH_END,        /* the model ended it */
    FINISH_LENGTH,     /* --max-tokens */
    FINISH_FULL,       /* the context has no more room */
    FINISH_INTERRUPTED /* the user stopped it */
};

/* "end", "length", "context_full", "interrupted"; NULL when the model was not asked. */
const char *finish_name(enum report_finish finish);

/* Which model answered; all NULL when none did. */
struct report_model {
    const char *name, *dtype, *device;
    const char *notice;  /* to be shown with every answer; NULL when there is none */
    const char *adapter; /* LoRA, and its scale; NULL without one */
    double adapter_scale;
};

struct report_usage {
    int prompt_tokens, cached_tokens, completion_tokens;
    double prefill_ms, decode_ms;
};

/* Texts are owned by the arena, or live longer. */
struct report {
    struct arena arena;
    const char *id;      /* UUID */
    const char *created; /* RFC 3339 with zone */
    struct report_model model;
    const char *department; /* the user's choice, or proposed by the findings */
    bool department_proposed;
    struct patient patient;
    struct span input;
    struct chart chart;         /* what of the input the prompt holds */
    struct strings prompt_cuts; /* what else the prompt had no room for: sentences for a person */
    struct findings findings;
    struct warnings warnings;
    struct candidates candidates; /* as the findings rank them */
    struct dangers must_not_miss;
    struct differential differential;
    struct questions questions;
    struct suggested_test *tests;
    size_t n_tests;
    const char *narrative; /* the model's answer after the filters; "" without one */
    const char *reasoning; /* what it thought before, filtered too; NULL when it was not asked to */
    struct removals removed;
    enum report_finish finish;
    uint64_t seed; /* of the sampling, when the model was asked */
    struct report_usage usage;
};

/* Fills everything that rules tell: identity, findings, warnings, and the differential of the knowledge base
 * alone. patient: what is known besides the text; department: NULL to propose one. input must outlive the report. Free with report_free, also
 * after a failure. */
bool report_begin(struct report *report, const struct clinic *clinic, const struct patient *patient,
                  const char *department, struct span input, double threshold, struct failure *failure);

/* What the model gave. */
struct model_output {
    struct span answer;             /* as the model wrote it */
    const struct token_mark *marks; /* its tokens */
    size_t n_marks;
    struct span narrative; /* the answer after the filters */
    struct span reasoning; /* data NULL when it was not asked to reason */
    const struct removals *removed;
    const struct name_score *scores; /* [n_scores] */
    size_t n_scores;
};

/* Takes the model's answer into the differential and the tests. */
bool report_complete(struct report *report, const struct clinic *clinic, const struct model_output *output,
                     double threshold, struct failure *failure);

void report_free(struct report *report);

#endif
