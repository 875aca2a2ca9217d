#include "cli/clinic/codes.h"
#include "cli/clinic/format.h"
#include "cli/clinic/wording.h"

/* ORU^R01: MSH, PID, PV1, OBR, what concerns the whole report as NTE, then an OBX for each fact. Segments end
 * with CR alone; OBX-4 tells lines of one kind apart, and groups the lines of one diagnosis. */
struct message {
    struct buffer *out;
    const struct report *report;
    char key[21];  /* of the message, its order and its patient: as long as MSH-10 may be */
    char time[20]; /* YYYYMMDDHHMMSS+ZZZZ */
    size_t notes, observations;
};

/* ---- fields */

static const char *escape_of(uint32_t c) {
    return c == '|'    ? "\\F\\"
           : c == '^'  ? "\\S\\"
           : c == '&'  ? "\\T\\"
           : c == '~'  ? "\\R\\"
           : c == '\\' ? "\\E\\"
                       : NULL;
}

/* Control characters, line ends among them, end segments or messages and never appear. */
static bool is_control(uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029;
}

/* A text as it may stand in a field: a control character is a space. */
static void put_text(struct message *message, struct span text) {
    for (size_t at = 0, bytes; at < text.length; at += bytes) {
        uint32_t c = 0;
        bytes = utf8_read(span_between(text, at, text.length), &c);
        if (bytes == 0) bytes = 1; /* no UTF-8: as a control character */
        const char *escape = escape_of(c);
        if (escape)
            buffer_put(message->out, escape);
        else if (is_control(c))
            buffer_put(message->out, " ");
        else
            buffer_append(message->out, text.data + at, bytes);
    }
}

/* Receivers take 199 characters in a value, escapes included, and four digits in OBX-1. */
enum { MOST_CHARACTERS = 199, MOST_LINES = 4000 };

/* Takes the next line off the text that is not blank, or as much of it as fits a value; empty at the end. */
static struct span next_piece(struct span *text) {
    for (;;) {
        size_t at = 0, characters = 0, bytes;
        for (; at < text->length && text->data[at] != '\n'; at += bytes) {
            uint32_t c = 0;
            bytes = utf8_read(span_between(*text, at, text->length), &c);
            if (bytes == 0) bytes = 1;
            characters += escape_of(c) ? strlen("\\F\\") : 1;
            if (characters > MOST_CHARACTERS) break;
        }
        struct span piece = span_between(*text, 0, at);
        bool at_line_end = at < text->length && text->data[at] == '\n';
        *text = span_between(*text, at + (at_line_end ? 1 : 0), text->length);
        if (span_trim(piece).length || text->length == 0) return piece;
    }
}

/* As many pieces of the text as one field may repeat. */
static void put_pieces(struct message *message, struct span *text, size_t most) {
    for (size_t i = 0; i < most; i++) {
        struct span piece = next_piece(text);
        if (span_trim(piece).length == 0) return;
        if (i) buffer_put(message->out, "~");
        put_text(message, piece);
    }
}

/* code^text^system; "" stands for what is not known. Of an overlong text the first piece. */
static void put_coded(struct message *message, const char *code, const char *text, const char *system) {
    put_text(message, span_of(code));
    buffer_put(message->out, "^");
    put_pieces(message, &(struct span){text, strlen(text)}, 1);
    buffer_format(message->out, "^%s", system);
}

/* ---- observations */

/* What OBX-3 names. */
struct observable {
    const char *code, *name, *system;
};

static struct observable in_loinc(const struct loinc *loinc) {
    return (struct observable){loinc->code, loinc->name, "LN"};
}

#define LOCAL(code, name) ((struct observable){"YT." code, name, "L"})

static void open_observation(struct message *message, const char *type, struct observable what, size_t sub) {
    buffer_format(message->out, "OBX|%zu|%s|", ++message->observations, type);
    put_coded(message, what.code, what.name, what.system);
    buffer_put(message->out, "|");
    if (sub) buffer_format(message->out, "%zu", sub);
    buffer_put(message->out, "|");
}

/* units: of OBX-6, or ""; flag: of OBX-8, or "". */
static void close_observation(struct message *message, const char *units, const char *flag) {
    buffer_format(message->out, "|%s||%s|||P\r", units, flag);
}

/* A text of any length: pieces that do not fit a line repeat OBX-5. Nothing for a blank text. */
static void put_line(struct message *message, struct observable what, size_t sub, struct span text) {
    struct span rest = text;
    if (next_piece(&rest).length == 0) return;
    open_observation(message, "TX", what, sub);
    put_pieces(message, &text, SIZE_MAX);
    close_observation(message, "", "");
}

static void put_code(struct message *message, struct observable what, size_t sub, const char *code,
                     const char *text, const char *system) {
    open_observation(message, "CE", what, sub);
    put_coded(message, code, text, system);
    close_observation(message, "", "");
}

/* unit: "" or a code of UCUM. */
static void put_number(struct message *message, struct observable what, size_t sub, double value,
                       const char *unit, const char *unit_name) {
    char units[64] = "";
    open_observation(message, "NM", what, sub);
    put_decimal(message->out, value, 3);
    if (*unit) snprintf(units, sizeof units, "%s^%s^UCUM", unit, unit_name);
    close_observation(message, units, "");
}

/* A line an OBX; of a text of very many lines each OBX takes several. */
static void put_lines(struct message *message, struct observable what, struct span text) {
    size_t pieces = 0, sub = 0;
    for (struct span rest = text; next_piece(&rest).length; pieces++) {
    }
    for (size_t left = pieces, most = 1 + pieces / MOST_LINES; left; left -= most < left ? most : left) {
        open_observation(message, "TX", what, ++sub);
        put_pieces(message, &text, most);
        close_observation(message, "", "");
    }
}

static void put_terms(struct message *message, struct observable what, const struct strings *terms) {
    for (size_t i = 0; i < terms->count; i++) put_line(message, what, i + 1, span_of(terms->items[i]));
}

/* Several terms on one line; nothing for none. */
static void put_joined(struct message *message, struct observable what, size_t sub,
                       const struct strings *terms) {
    struct buffer line = {0};
    for (size_t i = 0; i < terms->count; i++) buffer_format(&line, "%s%s", i ? "、" : "", terms->items[i]);
    if (line.failed) message->out->failed = true;
    put_line(message, what, sub, buffer_span(&line));
    buffer_free(&line);
}

/* ---- the parts of a report */

static void put_warnings(struct message *message, const struct warnings *warnings) {
    put_code(message, LOCAL("URGENCY", "紧急程度"), 0, urgency_name(warnings->urgency),
             urgency_title(warnings->urgency), "L");
    for (size_t i = 0; i < warnings->count; i++) {
        const struct warning *warning = &warnings->items[i];
        open_observation(message, "CE", LOCAL("WARNING", "警示"), i + 1);
        put_coded(message, warning->rule, warning->message, "L");
        /* HL7 table 0078: very abnormal, abnormal. */
        close_observation(message, "", warning->level == 'E' ? "AA" : warning->level == 'U' ? "A" : "");
    }
}

static void put_must_not_miss(struct message *message, const struct dangers *dangers) {
    for (size_t i = 0; i < dangers->count; i++) {
        const struct danger *danger = &dangers->items[i];
        put_code(message, LOCAL("MUSTNOTMISS", "不可漏诊"), i + 1, danger->disease->icd10,
                 danger->disease->name, "I10");
        put_joined(message, LOCAL("MUSTNOTMISS.BASIS", "不可漏诊依据"), i + 1, &danger->evidence);
    }
}

/* Each with the patient's own words. */
static void put_symptoms(struct message *message, struct observable what, const struct finding_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        const struct finding *finding = &list->items[i];
        struct buffer line = {0};
        buffer_put(&line, finding->name);
        if (strcmp(finding->name, finding->text) != 0) buffer_format(&line, "（%s）", finding->text);
        if (line.failed) message->out->failed = true;
        put_line(message, what, i + 1, buffer_span(&line));
        buffer_free(&line);
    }
}

/* Each with its days; in a record so long that it tells of very many, all on one line. */
static void put_durations(struct message *message, const struct findings *findings) {
    enum { MOST_APART = 500 };
    struct buffer line = {0};
    for (size_t i = 0; i < findings->n_durations; i++) {
        const struct duration *duration = &findings->durations[i];
        buffer_format(&line, "%s%s", i ? "、" : "", duration->text);
        if (findings->n_durations > MOST_APART) continue;
        put_line(message, LOCAL("DURATION", "时间"), i + 1, span_of(duration->text));
        if (!isnan(duration->days))
            put_number(message, LOCAL("DURATION.DAYS", "天数"), i + 1, duration->days, "d", "天");
    }
    if (line.failed) message->out->failed = true;
    if (findings->n_durations > MOST_APART)
        put_line(message, LOCAL("DURATION", "时间"), 0, buffer_span(&line));
    buffer_free(&line);
}

static void put_findings(struct message *message, const struct findings *findings) {
    put_symptoms(message, LOCAL("PRESENT", "现有症状"), &findings->positive);
    put_symptoms(message, LOCAL("DENIED", "否认症状"), &findings->negative);
    put_durations(message, findings);
    put_terms(message, LOCAL("SITE", "部位"), &findings->sites);
    put_terms(message, LOCAL("QUALITY", "性质"), &findings->qualities);
    if (findings->severity) put_line(message, LOCAL("SEVERITY", "程度"), 0, span_of(findings->severity));
    if (findings->trend) put_line(message, LOCAL("TREND", "变化"), 0, span_of(findings->trend));
    put_terms(message, LOCAL("AGGRAVATING", "加重因素"), &findings->aggravating);
    put_terms(message, LOCAL("RELIEVING", "缓解因素"), &findings->relieving);
    put_terms(message, in_loinc(&LOINC_PAST), &findings->history);
    put_terms(message, LOCAL("MENSTRUAL", "月经"), &findings->menstrual);
    put_terms(message, in_loinc(&LOINC_MEDICATIONS), &findings->medications);
    put_terms(message, in_loinc(&LOINC_ALLERGIES), &findings->allergies);
    for (size_t i = 0; i < N_VITALS; i++) {
        double value = vital_value(&findings->vitals, &VITALS[i]);
        if (!isnan(value))
            put_number(message, in_loinc(&VITALS[i].loinc), 0, value, VITALS[i].ucum, VITALS[i].unit);
    }
}

static void put_differential(struct message *message, const struct differential *differential) {
    for (size_t i = 0; i < differential->count; i++) {
        const struct diagnosis *diagnosis = &differential->items[i];
        size_t rank = i + 1;
        put_code(message, in_loinc(&LOINC_DIAGNOSIS), rank, diagnosis->icd10 ? diagnosis->icd10 : "",
                 diagnosis->name, diagnosis->icd10 ? "I10" : "");
        put_number(message, LOCAL("CONF", "置信度"), rank, diagnosis->confidence, "", "");
        put_code(message, LOCAL("STATUS", "核对结果"), rank, diagnosis_status_name(diagnosis->status),
                 diagnosis_status_title(diagnosis->status), "L");
        put_joined(message, LOCAL("BASIS", "支持"), rank, &diagnosis->evidence);
        put_joined(message, LOCAL("AGAINST", "不支持"), rank, &diagnosis->against);
    }
}

static void put_questions(struct message *message, const struct questions *questions) {
    for (size_t i = 0; i < questions->count; i++) {
        put_line(message, LOCAL("QUESTION", "建议追问"), i + 1, span_of(questions->items[i].text));
        put_line(message, LOCAL("QUESTION.REASON", "追问理由"), i + 1, span_of(questions->items[i].reason));
    }
}

static void put_tests(struct message *message, const struct report *report) {
    for (size_t i = 0; i < report->n_tests; i++) {
        const struct suggested_test *test = &report->tests[i];
        put_line(message, in_loinc(&LOINC_PLAN), i + 1, span_of(test->name));
        if (test->reason) put_line(message, LOCAL("TEST.REASON", "检查理由"), i + 1, span_of(test->reason));
    }
}

static void put_patient_facts(struct message *message, const struct patient *patient) {
    if (patient->has_age)
        put_number(message, in_loinc(&LOINC_AGE), 0, patient->age, ucum_of_age_unit(patient->age_unit),
                   patient->age_unit);
    if (patient->pregnancy != PREGNANCY_UNKNOWN)
        put_code(message, LOCAL("PREGNANT", "妊娠"), 0, patient->pregnancy == PREGNANCY_YES ? "Y" : "N",
                 patient->pregnancy == PREGNANCY_YES ? "是" : "否", "HL70136");
}

static void put_model_part(struct message *message, const struct report *report) {
    if (!report->model.name) return;
    put_line(message, LOCAL("MODEL", "模型"), 0, span_of(report->model.name));
    if (report->model.adapter)
        put_line(message, LOCAL("MODEL.ADAPTER", "模型适配器"), 0, span_of(report->model.adapter));
    put_lines(message, LOCAL("NARRATIVE", "模型分析"), span_of(report->narrative));
    if (*report->narrative)
        put_line(message, LOCAL("NARRATIVE.NOTICE", "模型分析说明"), 1, span_of(REPORT_MODEL_REMARK));
    const char *cut = finish_remark(report->finish);
    if (cut) put_line(message, LOCAL("NARRATIVE.NOTICE", "模型分析说明"), 2, span_of(cut));
    if (report->removed.count)
        put_number(message, LOCAL("REMOVED", "已删去的剂量或用法"), 0, (double)report->removed.count, "", "");
}

static void put_observations(struct message *message) {
    const struct report *report = message->report;
    put_warnings(message, &report->warnings);
    put_must_not_miss(message, &report->must_not_miss);
    if (report->findings.chief_complaint)
        put_line(message, in_loinc(&LOINC_COMPLAINT), 0, span_of(report->findings.chief_complaint));
    put_lines(message, in_loinc(&LOINC_PRESENT_ILLNESS), report->input);
    put_patient_facts(message, &report->patient);
    put_findings(message, &report->findings);
    put_differential(message, &report->differential);
    put_questions(message, &report->questions);
    put_tests(message, report);
    put_model_part(message, report);
}

/* ---- the message */

static void put_note(struct message *message, const char *text) {
    buffer_format(message->out, "NTE|%zu||", ++message->notes);
    put_text(message, span_trim(span_of(text)));
    buffer_put(message->out, "\r");
}

static void put_head(struct message *message) {
    const struct report *report = message->report;
    const char *sex = report->patient.sex == SEX_MALE ? "M" : report->patient.sex == SEX_FEMALE ? "F" : "U";
    buffer_format(message->out,
                  "MSH|^~\\&|YOUTU|CLINIC|HIS|HOSP|%s||ORU^R01^ORU_R01|%s|P|2.5.1||||||UNICODE UTF-8\r",
                  message->time, message->key);
    /* The patient's name and number are the hospital's to fill in: here a pseudonym (HL7 table 0200: S). */
    buffer_format(message->out, "PID|1||%s^^^YOUTU^PI||匿名患者^^^^^^S|||%s\r", message->key, sex);
    buffer_put(message->out, "PV1|1|O\r");
    buffer_format(message->out, "OBR|1||%s^YOUTU|", message->key);
    put_coded(message, LOINC_DOCUMENT.code, LOINC_DOCUMENT.name, "LN");
    buffer_format(message->out, "|||%s|||||||||||||||%s|||P\r", message->time, message->time);
}

/* What of a long text the model did not read. */
static void put_left_out(struct message *message) {
    struct buffer text = {0};
    text_left_out(message->report, &text);
    buffer_append(&text, "", 1);
    if (text.failed)
        message->out->failed = true;
    else if (*text.data)
        put_note(message, text.data);
    buffer_free(&text);
}

static void put_notes(struct message *message) {
    const struct report *report = message->report;
    put_note(message, REPORT_DISCLAIMER);
    if (report->model.notice) put_note(message, report->model.notice);
    if (report->warnings.count == 0) put_note(message, WORDING_NO_WARNING);
    put_left_out(message);
}

/* The first `room` characters of a text, those in `without` left out. */
static void copy_without(char *out, size_t room, const char *text, const char *without) {
    size_t length = 0;
    for (; *text && length + 1 < room; text++)
        if (!strchr(without, *text)) out[length++] = *text;
    out[length] = '\0';
}

bool format_hl7(const struct report *report, bool colour, struct buffer *out) {
    (void)colour;
    struct message message = {.out = out, .report = report};
    char date_time[15], zone[6];
    copy_without(message.key, sizeof message.key, report->id, "-");
    /* "2026-01-01T08:00:00+08:00" */
    copy_without(date_time, sizeof date_time, report->created, "-:T");
    copy_without(zone, sizeof zone, report->created + strlen("2026-01-01T08:00:00"), ":");
    snprintf(message.time, sizeof message.time, "%s%s", date_time, zone);
    put_head(&message);
    put_notes(&message);
    put_observations(&message);
    return !out->failed;
}
