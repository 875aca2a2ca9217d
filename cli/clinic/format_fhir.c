#include "cli/clinic/fhir_resources.h"
#include "cli/clinic/format.h"
#include "cli/clinic/wording.h"

/* A section's text is a buffer of lines that one function fills; its entries are the resources that another adds. */
typedef void (*text_writer)(const struct report *report, struct buffer *text);
typedef void (*resource_adder)(struct fhir_bundle *bundle, const struct report *report);

/* ---- texts */

static void put_list(struct buffer *text, const char *label, const struct strings *list) {
    if (list->count == 0) return;
    if (*label) buffer_format(text, "%s：", label);
    for (size_t i = 0; i < list->count; i++) buffer_format(text, "%s%s", i ? "、" : "", list->items[i]);
    buffer_put(text, "\n");
}

static void put_symptoms(struct buffer *text, const char *label, const struct finding_list *list) {
    if (list->count == 0) return;
    buffer_format(text, "%s：", label);
    for (size_t i = 0; i < list->count; i++) buffer_format(text, "%s%s", i ? "、" : "", list->items[i].name);
    buffer_put(text, "\n");
}

static void warning_lines(const struct report *report, struct buffer *text) {
    if (report->warnings.count == 0) buffer_put(text, WORDING_NO_WARNING);
    for (size_t i = 0; i < report->warnings.count; i++) {
        const struct warning *warning = &report->warnings.items[i];
        buffer_format(text, "[%s] %s（%s）\n", warning_level_title(warning->level), warning->message,
                      warning->rule);
    }
}

static void danger_lines(const struct report *report, struct buffer *text) {
    for (size_t i = 0; i < report->must_not_miss.count; i++) {
        const struct danger *danger = &report->must_not_miss.items[i];
        buffer_format(text, "%s（%s）\n", danger->disease->name, danger->disease->icd10);
        put_list(text, "支持", &danger->evidence);
    }
}

static void complaint_lines(const struct report *report, struct buffer *text) {
    const char *complaint = report->findings.chief_complaint;
    buffer_put(text, complaint ? complaint : "没有识别出症状");
}

static void illness_lines(const struct report *report, struct buffer *text) {
    const struct findings *findings = &report->findings;
    buffer_append(text, report->input.data, report->input.length);
    buffer_put(text, "\n");
    for (size_t i = 0; i < findings->n_durations; i++)
        buffer_format(text, "%s%s", i ? "、" : "时间：", findings->durations[i].text);
    buffer_put(text, "\n");
    put_list(text, "部位", &findings->sites);
    put_list(text, "性质", &findings->qualities);
    if (findings->severity) buffer_format(text, "程度：%s\n", findings->severity);
    if (findings->trend) buffer_format(text, "变化：%s\n", findings->trend);
    put_list(text, "加重", &findings->aggravating);
    put_list(text, "缓解", &findings->relieving);
    put_list(text, "月经", &findings->menstrual);
}

static void symptom_lines(const struct report *report, struct buffer *text) {
    put_symptoms(text, "有", &report->findings.positive);
    put_symptoms(text, "否认", &report->findings.negative);
}

static void history_lines(const struct report *report, struct buffer *text) {
    put_list(text, "", &report->findings.history);
}

static void allergy_lines(const struct report *report, struct buffer *text) {
    put_list(text, "", &report->findings.allergies);
}

static void medication_lines(const struct report *report, struct buffer *text) {
    put_list(text, "", &report->findings.medications);
}

static void diagnosis_lines(const struct report *report, struct buffer *text) {
    const struct differential *differential = &report->differential;
    if (differential->count == 0) buffer_put(text, WORDING_NO_DIAGNOSIS);
    for (size_t i = 0; i < differential->count; i++) {
        const struct diagnosis *diagnosis = &differential->items[i];
        buffer_format(text, "%zu. %s%s%s%s 置信度 %.2f %s\n", i + 1, diagnosis->name,
                      diagnosis->icd10 ? "（" : "", diagnosis->icd10 ? diagnosis->icd10 : "",
                      diagnosis->icd10 ? "）" : "", diagnosis->confidence,
                      diagnosis_status_title(diagnosis->status));
        put_list(text, "支持", &diagnosis->evidence);
        put_list(text, "不支持", &diagnosis->against);
    }
}

static void question_lines(const struct report *report, struct buffer *text) {
    for (size_t i = 0; i < report->questions.count; i++) {
        const struct question *question = &report->questions.items[i];
        buffer_format(text, "%zu. %s%s%s\n", i + 1, question->text, *question->reason ? " —— " : "",
                      question->reason);
    }
}

static void test_lines(const struct report *report, struct buffer *text) {
    for (size_t i = 0; i < report->n_tests; i++) {
        const struct suggested_test *test = &report->tests[i];
        buffer_format(text, "%s%s%s\n", test->name, test->reason ? "：" : "",
                      test->reason ? test->reason : "");
    }
}

static void narrative_lines(const struct report *report, struct buffer *text) {
    const char *remark = finish_remark(report->finish);
    if (*report->narrative) buffer_format(text, "%s\n" REPORT_MODEL_REMARK "\n", report->narrative);
    if (remark) buffer_format(text, "%s\n", remark);
    text_left_out(report, text);
    if (report->removed.count) buffer_format(text, "已删去 %zu 处剂量或用法\n", report->removed.count);
}

static void notice_lines(const struct report *report, struct buffer *text) {
    buffer_put(text, REPORT_DISCLAIMER "\n");
    if (report->model.notice) buffer_put(text, report->model.notice);
}

/* ---- the Composition */

static void add_illness_facts(struct fhir_bundle *bundle, const struct report *report) {
    fhir_add_patient_facts(bundle, report);
    fhir_add_vitals(bundle, report);
}

/* In the order in which a doctor reads; one that has nothing to tell is left out. */
static const struct section {
    const struct loinc *loinc;
    const char *code, *title; /* where LOINC has no code for it */
    text_writer lines;
    resource_adder resources; /* NULL without */
} SECTIONS[] = {
    {NULL, "warnings", "警示", warning_lines, fhir_add_warnings},
    {NULL, "must-not-miss", "不可漏诊", danger_lines, fhir_add_must_not_miss},
    {&LOINC_COMPLAINT, NULL, NULL, complaint_lines, NULL},
    {&LOINC_PRESENT_ILLNESS, NULL, NULL, illness_lines, add_illness_facts},
    {&LOINC_REVIEW, NULL, NULL, symptom_lines, fhir_add_symptoms},
    {&LOINC_PAST, NULL, NULL, history_lines, fhir_add_history},
    {&LOINC_ALLERGIES, NULL, NULL, allergy_lines, fhir_add_allergies},
    {&LOINC_MEDICATIONS, NULL, NULL, medication_lines, fhir_add_medications},
    {&LOINC_ASSESSMENT, NULL, NULL, diagnosis_lines, fhir_add_differential},
    {NULL, "narrative", "模型分析", narrative_lines, NULL},
    {NULL, "next-questions", "建议追问", question_lines, NULL},
    {&LOINC_PLAN, NULL, NULL, test_lines, fhir_add_tests},
    {NULL, "notice", "声明", notice_lines, NULL},
};

static void add_section(struct fhir_bundle *bundle, const struct report *report,
                        const struct section *section) {
    struct buffer text = {0};
    int before = bundle->resources;
    section->lines(report, &text);
    if (section->resources) section->resources(bundle, report);
    if (text.failed) bundle->out.failed = true;
    if (section->loinc)
        fhir_section(bundle, section->loinc, buffer_span(&text), before);
    else
        fhir_own_section(bundle, section->code, section->title, buffer_span(&text), before);
    buffer_free(&text);
}

static json_t *composition(struct fhir_bundle *bundle, const struct report *report) {
    json_t *composition = fhir_resource(bundle, "Composition");
    put_value(&bundle->out, composition, "language", text_value("zh-CN"));
    put_value(&bundle->out, composition, "identifier", fhir_identifier(bundle));
    put_value(&bundle->out, composition, "status", text_value("preliminary"));
    put_value(&bundle->out, composition, "type", fhir_loinc(bundle, &LOINC_DOCUMENT));
    put_value(&bundle->out, composition, "subject", fhir_reference(bundle, RESOURCE_PATIENT));
    put_value(&bundle->out, composition, "date", text_value(report->created));
    put_value(&bundle->out, composition, "author",
              fhir_only(bundle, fhir_reference(bundle, RESOURCE_DEVICE)));
    put_value(&bundle->out, composition, "title", text_value(LOINC_DOCUMENT.title));
    return composition;
}

bool format_fhir(const struct report *report, bool colour, struct buffer *out) {
    (void)colour;
    struct fhir_bundle bundle;
    fhir_begin(&bundle, report->id);
    fhir_add_patient(&bundle, report);
    fhir_add_device(&bundle, report);
    for (size_t i = 0; i < sizeof SECTIONS / sizeof *SECTIONS; i++)
        add_section(&bundle, report, &SECTIONS[i]);
    json_t *document = fhir_document(&bundle, composition(&bundle, report), report->created);
    bool written = json_write(&bundle.out, document, out);
    fhir_free(&bundle);
    return written;
}
