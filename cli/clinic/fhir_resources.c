#include "cli/clinic/fhir_resources.h"
#include "cli/clinic/wording.h"

/* ---- what all have */

static void put(struct fhir_bundle *bundle, json_t *object, const char *key, json_t *value) {
    put_value(&bundle->out, object, key, value);
}

static json_t *about_patient(struct fhir_bundle *bundle, const char *type) {
    json_t *resource = fhir_resource(bundle, type);
    put(bundle, resource, "subject", fhir_reference(bundle, RESOURCE_PATIENT));
    return resource;
}

static json_t *with_status(struct fhir_bundle *bundle, const char *type, const char *status) {
    json_t *resource = about_patient(bundle, type);
    put(bundle, resource, "status", text_value(status));
    return resource;
}

/* A status that is a concept of a code system of HL7. */
static json_t *status_concept(struct fhir_bundle *bundle, const char *system, const char *code) {
    return fhir_concept(bundle, system, code, NULL);
}

static json_t *verification(struct fhir_bundle *bundle, const char *code) {
    return status_concept(bundle, SYSTEM_HL7 "condition-ver-status", code);
}

/* "支持：头痛、恶心" behind what the text holds, after a "；"; nothing for an empty list. */
static void append_list(struct buffer *text, const char *label, const struct strings *list) {
    if (list->count == 0) return;
    buffer_format(text, "%s%s：", text->length ? "；" : "", label);
    for (size_t i = 0; i < list->count; i++) buffer_format(text, "%s%s", i ? "、" : "", list->items[i]);
}

/* The buffer's text as a string for one call. */
static const char *as_text(struct fhir_bundle *bundle, struct buffer *text) {
    buffer_append(text, "", 1);
    if (text->failed) bundle->out.failed = true;
    return text->failed ? "" : text->data;
}

/* ---- the patient, the program */

void fhir_add_patient(struct fhir_bundle *bundle, const struct report *report) {
    static const char *const GENDERS[] = {
        [SEX_UNKNOWN] = "unknown", [SEX_MALE] = "male", [SEX_FEMALE] = "female"};
    json_t *patient = fhir_resource(bundle, "Patient");
    put(bundle, patient, "gender", text_value(GENDERS[report->patient.sex]));
    fhir_add(bundle, patient);
}

void fhir_add_device(struct fhir_bundle *bundle, const struct report *report) {
    json_t *device = fhir_resource(bundle, "Device"), *name = json_object();
    put(bundle, name, "name", text_value("youtu-diagnose"));
    put(bundle, name, "type", text_value("model-name"));
    put(bundle, device, "deviceName", fhir_only(bundle, name));
    fhir_put_text(bundle, device, "modelNumber", report->model.name);
    if (report->model.adapter) {
        json_t *version = json_object();
        put(bundle, version, "type", fhir_concept(bundle, NULL, NULL, "LoRA"));
        put(bundle, version, "value", text_value(report->model.adapter));
        put(bundle, device, "version", fhir_only(bundle, version));
    }
    fhir_put_note(bundle, device, report->model.notice);
    fhir_add(bundle, device);
}

/* ---- observations */

/* What the patient tells now. */
static json_t *told(struct fhir_bundle *bundle, const struct report *report, json_t *code) {
    json_t *observation = with_status(bundle, "Observation", "preliminary");
    put(bundle, observation, "code", code);
    put(bundle, observation, "effectiveDateTime", text_value(report->created));
    put(bundle, observation, "performer", fhir_only(bundle, fhir_reference(bundle, RESOURCE_PATIENT)));
    return observation;
}

static json_t *quantity(struct fhir_bundle *bundle, double value, const char *ucum, const char *unit) {
    json_t *quantity = json_object();
    /* Decimals tell a precision: none for a whole number. */
    put(bundle, quantity, "value",
        value == floor(value) ? json_integer((json_int_t)value) : rounded_value(value, 10));
    put(bundle, quantity, "unit", text_value(unit));
    put(bundle, quantity, "system", text_value("http://unitsofmeasure.org"));
    put(bundle, quantity, "code", text_value(ucum));
    return quantity;
}

void fhir_add_patient_facts(struct fhir_bundle *bundle, const struct report *report) {
    const struct patient *patient = &report->patient;
    if (patient->has_age) {
        json_t *age = told(bundle, report, fhir_loinc(bundle, &LOINC_AGE));
        put(bundle, age, "valueQuantity",
            quantity(bundle, patient->age, ucum_of_age_unit(patient->age_unit), patient->age_unit));
        fhir_add(bundle, age);
    }
    if (patient->pregnancy != PREGNANCY_UNKNOWN) {
        json_t *pregnant = told(bundle, report, fhir_concept(bundle, NULL, NULL, "妊娠"));
        put(bundle, pregnant, "valueBoolean", json_boolean(patient->pregnancy == PREGNANCY_YES));
        fhir_add(bundle, pregnant);
    }
}

/* With the patient's own words as a note where they differ from the term. */
static void add_findings(struct fhir_bundle *bundle, const struct report *report,
                         const struct finding_list *list, bool present) {
    for (size_t i = 0; i < list->count; i++) {
        json_t *symptom = told(bundle, report, fhir_concept(bundle, NULL, NULL, list->items[i].name));
        put(bundle, symptom, "valueBoolean", json_boolean(present));
        if (strcmp(list->items[i].name, list->items[i].text) != 0)
            fhir_put_note(bundle, symptom, list->items[i].text);
        fhir_add(bundle, symptom);
    }
}

void fhir_add_symptoms(struct fhir_bundle *bundle, const struct report *report) {
    add_findings(bundle, report, &report->findings.positive, true);
    add_findings(bundle, report, &report->findings.negative, false);
}

static json_t *vital_sign(struct fhir_bundle *bundle, const struct report *report,
                          const struct loinc *loinc) {
    json_t *observation = told(bundle, report, fhir_loinc(bundle, loinc));
    json_t *category = fhir_concept(bundle, SYSTEM_HL7 "observation-category", "vital-signs", NULL);
    put(bundle, observation, "category", fhir_only(bundle, category));
    return observation;
}

static json_t *vital_quantity(struct fhir_bundle *bundle, const struct vital_code *code, double value) {
    return quantity(bundle, value, code->ucum, code->unit);
}

static void add_blood_pressure(struct fhir_bundle *bundle, const struct report *report) {
    json_t *components = json_array();
    for (size_t i = VITAL_SYSTOLIC; i <= VITAL_DIASTOLIC; i++) {
        double value = vital_value(&report->findings.vitals, &VITALS[i]);
        if (isnan(value)) continue;
        json_t *component = json_object();
        put(bundle, component, "code", fhir_loinc(bundle, &VITALS[i].loinc));
        put(bundle, component, "valueQuantity", vital_quantity(bundle, &VITALS[i], value));
        push_value(&bundle->out, components, component);
    }
    if (components && json_array_size(components) == 0) {
        json_decref(components);
        return;
    }
    json_t *pressure = vital_sign(bundle, report, &LOINC_BLOOD_PRESSURE);
    put(bundle, pressure, "component", components);
    fhir_add(bundle, pressure);
}

void fhir_add_vitals(struct fhir_bundle *bundle, const struct report *report) {
    for (size_t i = 0; i < N_VITALS; i++) {
        double value = vital_value(&report->findings.vitals, &VITALS[i]);
        if (i == VITAL_SYSTOLIC) add_blood_pressure(bundle, report);
        if (isnan(value) || i == VITAL_SYSTOLIC || i == VITAL_DIASTOLIC) continue;
        json_t *observation = vital_sign(bundle, report, &VITALS[i].loinc);
        put(bundle, observation, "valueQuantity", vital_quantity(bundle, &VITALS[i], value));
        fhir_add(bundle, observation);
    }
}

/* ---- background */

void fhir_add_history(struct fhir_bundle *bundle, const struct report *report) {
    const struct strings *history = &report->findings.history;
    for (size_t i = 0; i < history->count; i++) {
        json_t *condition = about_patient(bundle, "Condition");
        put(bundle, condition, "verificationStatus", verification(bundle, "unconfirmed"));
        put(bundle, condition, "code", fhir_concept(bundle, NULL, NULL, history->items[i]));
        put(bundle, condition, "asserter", fhir_reference(bundle, RESOURCE_PATIENT));
        fhir_put_note(bundle, condition, "患者自述的既往史");
        fhir_add(bundle, condition);
    }
}

void fhir_add_allergies(struct fhir_bundle *bundle, const struct report *report) {
    const struct strings *allergies = &report->findings.allergies;
    for (size_t i = 0; i < allergies->count; i++) {
        json_t *allergy = fhir_resource(bundle, "AllergyIntolerance");
        put(bundle, allergy, "clinicalStatus",
            status_concept(bundle, SYSTEM_HL7 "allergyintolerance-clinical", "active"));
        put(bundle, allergy, "verificationStatus",
            status_concept(bundle, SYSTEM_HL7 "allergyintolerance-verification", "unconfirmed"));
        put(bundle, allergy, "code", fhir_concept(bundle, NULL, NULL, allergies->items[i]));
        put(bundle, allergy, "patient", fhir_reference(bundle, RESOURCE_PATIENT));
        put(bundle, allergy, "asserter", fhir_reference(bundle, RESOURCE_PATIENT));
        fhir_add(bundle, allergy);
    }
}

/* Whether it is still taken is not told. */
void fhir_add_medications(struct fhir_bundle *bundle, const struct report *report) {
    const struct strings *medications = &report->findings.medications;
    for (size_t i = 0; i < medications->count; i++) {
        json_t *statement = with_status(bundle, "MedicationStatement", "unknown");
        put(bundle, statement, "medicationCodeableConcept",
            fhir_concept(bundle, NULL, NULL, medications->items[i]));
        put(bundle, statement, "dateAsserted", text_value(report->created));
        put(bundle, statement, "informationSource", fhir_reference(bundle, RESOURCE_PATIENT));
        fhir_add(bundle, statement);
    }
}

/* ---- the differential */

static json_t *disease_concept(struct fhir_bundle *bundle, const char *icd10, const char *name) {
    return fhir_concept(bundle, SYSTEM_ICD10, icd10, name);
}

static json_t *confidence_extension(struct fhir_bundle *bundle, double confidence) {
    json_t *extension = json_object();
    put(bundle, extension, "url", text_value(SYSTEM_OWN "confidence"));
    put(bundle, extension, "valueDecimal", rounded_value(confidence, 1000));
    return fhir_only(bundle, extension);
}

static json_t *evidence(struct fhir_bundle *bundle, const struct strings *findings) {
    json_t *array = json_array();
    for (size_t i = 0; i < findings->count; i++) {
        json_t *item = json_object(), *code = fhir_concept(bundle, NULL, NULL, findings->items[i]);
        put(bundle, item, "code", fhir_only(bundle, code));
        push_value(&bundle->out, array, item);
    }
    return array;
}

static void add_diagnosis(struct fhir_bundle *bundle, const struct diagnosis *diagnosis) {
    json_t *condition = about_patient(bundle, "Condition");
    bool known = diagnosis->status != DIAGNOSIS_UNSUPPORTED;
    put(bundle, condition, "extension", confidence_extension(bundle, diagnosis->confidence));
    put(bundle, condition, "verificationStatus",
        verification(bundle, known ? "differential" : "unconfirmed"));
    put(bundle, condition, "code", disease_concept(bundle, diagnosis->icd10, diagnosis->name));
    if (diagnosis->evidence.count) put(bundle, condition, "evidence", evidence(bundle, &diagnosis->evidence));
    struct buffer text = {0};
    append_list(&text, "不支持", &diagnosis->against);
    fhir_put_note(bundle, condition, as_text(bundle, &text));
    buffer_free(&text);
    fhir_add(bundle, condition);
}

static json_t *impression_finding(struct fhir_bundle *bundle, const struct diagnosis *diagnosis, int number) {
    json_t *finding = json_object();
    struct buffer text = {0};
    buffer_format(&text, "置信度 %.2f；%s", diagnosis->confidence, diagnosis_status_title(diagnosis->status));
    append_list(&text, "支持", &diagnosis->evidence);
    append_list(&text, "不支持", &diagnosis->against);
    put(bundle, finding, "itemReference", fhir_reference(bundle, number));
    fhir_put_text(bundle, finding, "basis", as_text(bundle, &text));
    buffer_free(&text);
    return finding;
}

void fhir_add_differential(struct fhir_bundle *bundle, const struct report *report) {
    const struct differential *differential = &report->differential;
    json_t *impression = with_status(bundle, "ClinicalImpression", "in-progress"), *findings = json_array();
    int first = bundle->resources + 2; /* behind the impression itself */
    struct buffer summary = {0};
    for (size_t i = 0; i < differential->count; i++) {
        push_value(&bundle->out, findings,
                   impression_finding(bundle, &differential->items[i], first + (int)i));
        buffer_format(&summary, "%s%zu. %s", i ? "；" : "", i + 1, differential->items[i].name);
    }
    if (differential->count == 0) buffer_put(&summary, WORDING_NO_DIAGNOSIS);
    put(bundle, impression, "date", text_value(report->created));
    fhir_put_text(bundle, impression, "summary", as_text(bundle, &summary));
    if (differential->count)
        put(bundle, impression, "finding", findings);
    else
        json_decref(findings);
    fhir_put_note(bundle, impression, REPORT_DISCLAIMER);
    buffer_free(&summary);
    fhir_add(bundle, impression);
    for (size_t i = 0; i < differential->count; i++) add_diagnosis(bundle, &differential->items[i]);
}

/* ---- risks and tests */

/* One prediction, made by the program. */
static json_t *risk(struct fhir_bundle *bundle, const struct report *report, json_t *outcome,
                    const char *rationale) {
    json_t *risk = with_status(bundle, "RiskAssessment", "preliminary"), *prediction = json_object();
    put(bundle, prediction, "outcome", outcome);
    fhir_put_text(bundle, prediction, "rationale", rationale);
    put(bundle, risk, "prediction", fhir_only(bundle, prediction));
    put(bundle, risk, "occurrenceDateTime", text_value(report->created));
    put(bundle, risk, "performer", fhir_reference(bundle, RESOURCE_DEVICE));
    return risk;
}

/* The rule that fired is the method, its level the code. */
void fhir_add_warnings(struct fhir_bundle *bundle, const struct report *report) {
    for (size_t i = 0; i < report->warnings.count; i++) {
        const struct warning *warning = &report->warnings.items[i];
        json_t *assessment = risk(bundle, report, fhir_concept(bundle, NULL, NULL, warning->message), NULL);
        put(bundle, assessment, "code",
            fhir_concept(bundle, SYSTEM_OWN "warning-level", warning_level_name(warning->level),
                         warning_level_title(warning->level)));
        put(bundle, assessment, "method",
            fhir_concept(bundle, SYSTEM_OWN "red-flag-rule", warning->rule, "红旗规则"));
        fhir_add(bundle, assessment);
    }
}

void fhir_add_must_not_miss(struct fhir_bundle *bundle, const struct report *report) {
    for (size_t i = 0; i < report->must_not_miss.count; i++) {
        const struct danger *danger = &report->must_not_miss.items[i];
        struct buffer basis = {0};
        append_list(&basis, "支持", &danger->evidence);
        json_t *assessment =
            risk(bundle, report, disease_concept(bundle, danger->disease->icd10, danger->disease->name),
                 as_text(bundle, &basis));
        put(bundle, assessment, "code",
            fhir_concept(bundle, SYSTEM_OWN "section", "must-not-miss", "不可漏诊"));
        buffer_free(&basis);
        fhir_add(bundle, assessment);
    }
}

void fhir_add_tests(struct fhir_bundle *bundle, const struct report *report) {
    for (size_t i = 0; i < report->n_tests; i++) {
        const struct suggested_test *test = &report->tests[i];
        json_t *request = with_status(bundle, "ServiceRequest", "draft"), *reason = json_object();
        put(bundle, request, "intent", text_value("proposal"));
        put(bundle, request, "code", fhir_concept(bundle, NULL, NULL, test->name));
        put(bundle, request, "authoredOn", text_value(report->created));
        put(bundle, request, "requester", fhir_reference(bundle, RESOURCE_DEVICE));
        fhir_put_text(bundle, reason, "text", test->reason);
        if (!reason || json_object_size(reason))
            put(bundle, request, "reasonCode", fhir_only(bundle, reason));
        else
            json_decref(reason);
        fhir_add(bundle, request);
    }
}
