#include "cli/clinic/codes.h"

const struct loinc LOINC_DOCUMENT = {"34117-2", "History and physical note", "门诊预问诊摘要"};
const struct loinc LOINC_COMPLAINT = {"10154-3", "Chief complaint", "主诉"};
const struct loinc LOINC_PRESENT_ILLNESS = {"10164-2", "History of present illness", "现病史"};
const struct loinc LOINC_REVIEW = {"10187-3", "Review of systems", "症状回顾"};
const struct loinc LOINC_PAST = {"11348-0", "History of past illness", "既往史"};
const struct loinc LOINC_ALLERGIES = {"48765-2", "Allergies", "过敏史"};
const struct loinc LOINC_MEDICATIONS = {"10160-0", "History of medication use", "用药史"};
const struct loinc LOINC_ASSESSMENT = {"51848-0", "Assessment", "可能诊断"};
const struct loinc LOINC_DIAGNOSIS = {"29308-4", "Diagnosis", "诊断"};
const struct loinc LOINC_PLAN = {"18776-5", "Plan of care", "建议检查"};
const struct loinc LOINC_AGE = {"30525-0", "Age", "年龄"};
const struct loinc LOINC_BLOOD_PRESSURE = {"85354-9", "Blood pressure panel", "血压"};

#define FIELD(name) offsetof(struct vitals, name), #name

const struct vital_code VITALS[N_VITALS] = {
    {FIELD(temperature_c), {"8310-5", "Body temperature", "体温"}, "Cel", "℃"},
    {FIELD(systolic), {"8480-6", "Systolic blood pressure", "收缩压"}, "mm[Hg]", "mmHg"},
    {FIELD(diastolic), {"8462-4", "Diastolic blood pressure", "舒张压"}, "mm[Hg]", "mmHg"},
    {FIELD(heart_rate), {"8867-4", "Heart rate", "心率"}, "/min", "次/分"},
    {FIELD(respiratory_rate), {"9279-1", "Respiratory rate", "呼吸"}, "/min", "次/分"},
    {FIELD(spo2), {"2708-6", "Oxygen saturation in Arterial blood", "血氧"}, "%", "%"},
};

double vital_value(const struct vitals *vitals, const struct vital_code *code) {
    double value;
    memcpy(&value, (const char *)vitals + code->field, sizeof value);
    return value;
}

const char *ucum_of_age_unit(const char *unit) {
    return strcmp(unit, "岁") == 0 ? "a" : strcmp(unit, "月") == 0 ? "mo" : "d";
}
