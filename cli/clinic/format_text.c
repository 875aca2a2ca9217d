#include "cli/clinic/columns.h"
#include "cli/clinic/format.h"
#include "cli/clinic/wording.h"

/* Terminal colours (ECMA-48), or nothing. */
struct colours {
    const char *emergency, *urgent, *attention, *title, *faint, *end;
};

static const struct colours *colours_for(bool colour) {
    static const struct colours PLAIN = {"", "", "", "", "", ""};
    static const struct colours COLOURED = {"\033[1;31m", "\033[33m", "\033[36m",
                                            "\033[1m",    "\033[2m",  "\033[0m"};
    return colour ? &COLOURED : &PLAIN;
}

static void put_title(const struct colours *colours, const char *title, struct buffer *out) {
    buffer_format(out, "\n%s%s%s\n", colours->title, title, colours->end);
}

/* ---- items one behind the other, with a hanging indent where a line is full */

enum { LINE_COLUMNS = 80 };

struct items {
    struct buffer *out;
    int indent, column;
    bool any;
};

static struct items begin_items(const char *label, struct buffer *out) {
    int columns = text_columns(span_of(label));
    buffer_put(out, label);
    return (struct items){out, columns, columns, false};
}

static void put_item(struct items *items, const char *text) {
    int columns = text_columns(span_of(text));
    if (items->any) {
        buffer_put(items->out, "、");
        items->column += 2;
    }
    /* The "、" behind it needs its place too. */
    if (items->any && items->column + columns + 2 > LINE_COLUMNS) {
        buffer_format(items->out, "\n%*s", items->indent, "");
        items->column = items->indent;
    }
    buffer_put(items->out, text);
    items->column += columns;
    items->any = true;
}

static void put_item_of(struct items *items, const struct buffer *text) {
    if (text->failed) items->out->failed = true;
    if (!text->failed) put_item(items, text->data);
}

/* "  部位：太阳穴"; nothing for an empty list. */
static void put_list(const char *label, const struct strings *strings, struct buffer *out) {
    if (strings->count == 0) return;
    struct items items = begin_items(label, out);
    for (size_t i = 0; i < strings->count; i++) put_item(&items, strings->items[i]);
    buffer_put(out, "\n");
}

/* What the patient said in these words is quoted: 支持：“一直头痛”. */
static void put_evidence(const char *label, const struct strings *evidence, struct span said,
                         struct buffer *out) {
    if (evidence->count == 0) return;
    struct items items = begin_items(label, out);
    for (size_t i = 0; i < evidence->count; i++) {
        struct buffer item = {0};
        bool quoted = span_find(said, span_of(evidence->items[i]), 0) != SIZE_MAX;
        buffer_format(&item, quoted ? "“%s”" : "%s", evidence->items[i]);
        put_item_of(&items, &item);
        buffer_free(&item);
    }
    buffer_put(out, "\n");
}

/* "恶心（“伴有恶心”）": the patient's words where they differ from the term. */
static void put_findings(const char *label, const struct finding_list *list, struct buffer *out) {
    if (list->count == 0) return;
    struct items items = begin_items(label, out);
    for (size_t i = 0; i < list->count; i++) {
        struct buffer item = {0};
        const struct finding *finding = &list->items[i];
        bool same = strcmp(finding->name, finding->text) == 0;
        buffer_format(&item, same ? "%s" : "%s（“%s”）", finding->name, finding->text);
        put_item_of(&items, &item);
        buffer_free(&item);
    }
    buffer_put(out, "\n");
}

/* ---- before the model's answer */

static void put_vital(const char *label, double value, const char *unit, bool *any, struct buffer *out) {
    if (isnan(value)) return;
    buffer_format(out, "%s%s %g%s", *any ? "，" : "  体征：", label, value, unit);
    *any = true;
}

static void put_vitals(const struct vitals *vitals, struct buffer *out) {
    bool any = false;
    put_vital("体温", vitals->temperature_c, "℃", &any, out);
    if (!isnan(vitals->systolic)) {
        buffer_format(out, "%s血压 %g/%g mmHg", any ? "，" : "  体征：", vitals->systolic, vitals->diastolic);
        any = true;
    }
    put_vital("心率", vitals->heart_rate, " 次/分", &any, out);
    put_vital("呼吸", vitals->respiratory_rate, " 次/分", &any, out);
    put_vital("血氧", vitals->spo2, "%", &any, out);
    if (any) buffer_put(out, "\n");
}

void text_warnings(const struct warnings *warnings, bool colour_allowed, struct buffer *out) {
    const struct colours *colours = colours_for(colour_allowed);
    put_title(colours, "警示", out);
    for (size_t i = 0; i < warnings->count; i++) {
        const struct warning *warning = &warnings->items[i];
        const char *colour = warning->level == 'E'   ? colours->emergency
                             : warning->level == 'U' ? colours->urgent
                                                     : colours->attention;
        buffer_format(out, "  %s[%s] %s%s（%s）\n", colour, warning_level_title(warning->level),
                      warning->message, colours->end, warning->rule);
    }
}

/* A long record may tell of thousands. */
static void put_durations(const struct findings *findings, struct buffer *out) {
    enum { MOST_SHOWN = 12 };
    if (findings->n_durations == 0) return;
    struct items items = begin_items("  时间：", out);
    for (size_t i = 0; i < findings->n_durations && i < MOST_SHOWN; i++)
        put_item(&items, findings->durations[i].text);
    if (findings->n_durations > MOST_SHOWN) buffer_format(out, " 等 %zu 处", findings->n_durations);
    buffer_put(out, "\n");
}

static void put_key_points(const struct findings *findings, struct buffer *out) {
    if (findings->chief_complaint)
        buffer_format(out, "  主诉：%s\n", findings->chief_complaint);
    else
        buffer_put(out, "  没有识别出症状\n");
    put_findings("  阳性：", &findings->positive, out);
    put_findings("  阴性：", &findings->negative, out);
    put_durations(findings, out);
    put_list("  部位：", &findings->sites, out);
    put_list("  性质：", &findings->qualities, out);
    if (findings->severity) buffer_format(out, "  程度：%s\n", findings->severity);
    if (findings->trend) buffer_format(out, "  变化：%s\n", findings->trend);
    put_list("  加重：", &findings->aggravating, out);
    put_list("  缓解：", &findings->relieving, out);
    put_list("  既往：", &findings->history, out);
    put_list("  月经：", &findings->menstrual, out);
    put_list("  用药：", &findings->medications, out);
    put_list("  过敏：", &findings->allergies, out);
    put_vitals(&findings->vitals, out);
}

/* "  患者：女，35岁" behind the department; nothing of an unknown patient. */
static void put_patient(const struct patient *patient, struct buffer *out) {
    const char *sex = sex_name(patient->sex);
    if (!sex && !patient->has_age) return;
    buffer_format(out, "  患者：%s%s", sex ? sex : "", sex && patient->has_age ? "，" : "");
    if (patient->has_age) buffer_format(out, "%d%s", patient->age, patient->age_unit);
}

static void put_must_not_miss(const struct report *report, const struct colours *colours,
                              struct buffer *out) {
    const struct dangers *dangers = &report->must_not_miss;
    if (dangers->count == 0) return;
    put_title(colours, "不可漏诊", out);
    for (size_t i = 0; i < dangers->count; i++) {
        const struct danger *danger = &dangers->items[i];
        buffer_format(out, "  - %s（%s）\n", danger->disease->name, danger->disease->icd10);
        put_evidence("    依据：", &danger->evidence, report->input, out);
    }
}

static void put_warnings(const struct report *report, bool colour, struct buffer *out) {
    if (report->warnings.count) {
        text_warnings(&report->warnings, colour, out);
        return;
    }
    put_title(colours_for(colour), "警示", out);
    buffer_put(out, "  " WORDING_NO_WARNING "\n");
}

void text_left_out(const struct report *report, struct buffer *out) {
    const struct chart *chart = &report->chart;
    size_t kept = chart_count(chart, FATE_KEPT);
    if (kept < chart->n_sentences)
        buffer_format(
            out,
            "文本较长（%zu 段 %zu 句），模型读到原文 %zu 句，%zu 句以段落摘要代替，%zu 句只列入问诊要点，"
            "%zu 句未列入。\n",
            chart->n_segments, chart->n_sentences, kept, chart_count(chart, FATE_SUMMARISED),
            chart_count(chart, FATE_LISTED), chart_count(chart, FATE_LEFT_OUT));
    for (size_t i = 0; i < report->prompt_cuts.count; i++)
        buffer_format(out, "提示词：%s。\n", report->prompt_cuts.items[i]);
}

void text_head(const struct report *report, bool colour, struct buffer *out) {
    const struct colours *colours = colours_for(colour);
    buffer_format(out, "%s门诊预问诊报告%s  科室：%s", colours->title, colours->end, report->department);
    if (report->department_proposed) buffer_put(out, "（按患者情况建议）");
    put_patient(&report->patient, out);
    /* RFC 3339 begins with the date and the time of day, local here. */
    buffer_format(out, "\n%s%.10s %.5s%s\n", colours->faint, report->created,
                  report->created + strlen("2026-01-01T"), colours->end);
    if (report->model.notice)
        buffer_format(out, "%s%s%s\n", colours->urgent, report->model.notice, colours->end);
    text_left_out(report, out);
    put_warnings(report, colour, out);
    put_must_not_miss(report, colours, out);
    put_title(colours, "问诊要点", out);
    put_key_points(&report->findings, out);
}

void text_reasoning_title(bool colour, struct buffer *out) {
    put_title(colours_for(colour), "模型的思考过程", out);
}

void text_answer_title(bool colour, struct buffer *out) {
    put_title(colours_for(colour), "模型分析", out);
}

/* ---- after the model's answer */

/* "偏头痛（G43.9）", then blanks up to `columns`. */
static void put_padded_name(const struct diagnosis *diagnosis, int columns, struct buffer *out) {
    size_t start = out->length;
    buffer_put(out, diagnosis->name);
    if (diagnosis->icd10) buffer_format(out, "（%s）", diagnosis->icd10);
    if (out->failed) return;
    int taken = text_columns(span_between(buffer_span(out), start, out->length));
    buffer_format(out, "%*s", taken < columns ? columns - taken : 0, "");
}

/* The columns of the longest name with its code, within reason. */
static int name_columns(const struct differential *differential) {
    enum { MOST_COLUMNS = 40 };
    int longest = 0;
    for (size_t i = 0; i < differential->count; i++) {
        const struct diagnosis *diagnosis = &differential->items[i];
        int columns = text_columns(span_of(diagnosis->name));
        if (diagnosis->icd10)
            columns += text_columns(span_of(diagnosis->icd10)) + text_columns(span_of("（）"));
        if (columns > longest) longest = columns;
    }
    return longest < MOST_COLUMNS ? longest : MOST_COLUMNS;
}

static void put_diagnosis(const struct report *report, size_t index, const struct colours *colours,
                          struct buffer *out) {
    const struct diagnosis *diagnosis = &report->differential.items[index];
    bool supported = diagnosis->status == DIAGNOSIS_SUPPORTED;
    buffer_format(out, "  %zu. ", index + 1);
    put_padded_name(diagnosis, name_columns(&report->differential), out);
    buffer_format(out, "  置信度 %.2f  %s%s%s\n", diagnosis->confidence, supported ? "" : colours->urgent,
                  diagnosis_status_title(diagnosis->status), supported ? "" : colours->end);
    put_evidence("     支持：", &diagnosis->evidence, report->input, out);
    put_evidence("     不支持：", &diagnosis->against, report->input, out);
    if (diagnosis->evidence.count == 0 && diagnosis->against.count == 0)
        buffer_put(out, "     所述中无支持依据\n");
}

static void put_differential(const struct report *report, const struct colours *colours, struct buffer *out) {
    put_title(colours, "核对后的鉴别诊断", out);
    if (report->differential.count == 0) buffer_put(out, "  " WORDING_NO_DIAGNOSIS "\n");
    for (size_t i = 0; i < report->differential.count; i++) put_diagnosis(report, i, colours, out);
}

static void put_questions(const struct questions *questions, const struct colours *colours,
                          struct buffer *out) {
    if (questions->count == 0) return;
    put_title(colours, "建议追问", out);
    for (size_t i = 0; i < questions->count; i++) {
        const struct question *question = &questions->items[i];
        buffer_format(out, "  %zu. %s%s%s%s%s\n", i + 1, question->text, colours->faint,
                      question->reason[0] ? "  " : "", question->reason, colours->end);
    }
}

static void put_tests(const struct report *report, const struct colours *colours, struct buffer *out) {
    if (report->n_tests == 0) return;
    put_title(colours, "建议检查", out);
    for (size_t i = 0; i < report->n_tests; i++) {
        const struct suggested_test *test = &report->tests[i];
        buffer_format(out, "  - %s%s%s\n", test->name, test->reason ? "：" : "",
                      test->reason ? test->reason : "");
    }
}

static void put_remarks(const struct report *report, const struct colours *colours, struct buffer *out) {
    const char *cut = finish_remark(report->finish);
    bool answered = report->narrative[0] != '\0';
    if (answered || cut || report->removed.count) buffer_put(out, "\n");
    if (answered) buffer_format(out, "%s%s%s\n", colours->faint, REPORT_MODEL_REMARK, colours->end);
    if (cut) buffer_format(out, "%s注意：%s%s\n", colours->urgent, cut, colours->end);
    if (report->removed.count)
        buffer_format(out, "%s注意：已删去 %zu 处剂量或用法%s\n", colours->urgent, report->removed.count,
                      colours->end);
}

void text_tail(const struct report *report, bool colour, struct buffer *out) {
    const struct colours *colours = colours_for(colour);
    put_remarks(report, colours, out);
    put_differential(report, colours, out);
    put_questions(&report->questions, colours, out);
    /* The model's answer shows its tests itself. */
    if (!report->model.name) put_tests(report, colours, out);
    buffer_format(out, "\n%s%s%s\n", colours->title, REPORT_DISCLAIMER, colours->end);
}

bool format_text(const struct report *report, bool colour, struct buffer *out) {
    text_head(report, colour, out);
    if (report->reasoning) {
        text_reasoning_title(colour, out);
        buffer_format(out, "%s\n", report->reasoning);
    }
    if (report->model.name) {
        text_answer_title(colour, out);
        buffer_format(out, "%s\n", report->narrative);
    }
    text_tail(report, colour, out);
    return !out->failed;
}
