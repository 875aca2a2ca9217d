#include "cli/clinic/ages.h"
#include "cli/clinic/extraction.h"

/* 男 or 女 as a statement on the patient, not in 男朋友 or 女儿. */
static enum sex find_sex(const struct passage *passage) {
    static const char *const OTHERS[] = {"朋友", "儿", "友", "婿", "同学", "同事", "生", "人", "的", NULL};
    static const char *const PEOPLE[] = {"性", "孩", "童", "婴", "士", "患", NULL};
    static const char *const BEFORE[] = {"患者", "性别", "岁", "月", "月龄", "天", "大",
                                         "患儿", "本人", "我", "是", "者",   NULL};
    if (passage->patient_sex) return passage->patient_sex == 'm' ? SEX_MALE : SEX_FEMALE;
    struct span text = plain_span(&passage->plain);
    for (size_t at = 0; at < text.length; at++) {
        struct span rest = span_between(text, at, text.length);
        enum sex sex = span_starts(rest, span_of("男"))   ? SEX_MALE
                       : span_starts(rest, span_of("女")) ? SEX_FEMALE
                                                          : SEX_UNKNOWN;
        if (sex == SEX_UNKNOWN) continue;
        struct span after = span_between(rest, strlen("男"), rest.length), before = span_between(text, 0, at);
        bool pupil = span_ends(before, span_of("岁")) && span_starts(after, span_of("生"));
        if (starts_with_any(after, OTHERS) && !pupil) continue;
        bool starts_clause =
            at == 0 || (unsigned char)text.data[at - 1] < 0x80 || span_ends(before, span_of("。"));
        if (starts_with_any(after, PEOPLE) || starts_clause || ends_with_any(before, BEFORE)) return sex;
    }
    return SEX_UNKNOWN;
}

/* The first present age that is not told of another person. */
static void find_age(const struct passage *passage, struct patient *patient) {
    struct span text = plain_span(&passage->plain);
    for (size_t i = 0; i < passage->n_clauses; i++)
        for (size_t start = passage->clauses[i].start, at = start; at < passage->clauses[i].end;) {
            struct age age;
            struct quantity number;
            if (!age_read(passage, at, &age)) {
                at = quantity_read(text, at, &number) ? number.end : at + 1;
                continue;
            }
            const struct person_mention *person = passage_person(passage, start, at);
            at = age.end;
            if (age.past || (person && person->person != passage->patient)) continue;
            patient->has_age = true;
            patient->age = age.value;
            patient->age_unit = age.unit;
            return;
        }
}

static enum pregnancy find_pregnancy(const struct passage *passage) {
    static const char *const DENIED[] = {"未怀孕",   "没怀孕",   "没有怀孕", "未孕",
                                         "否认怀孕", "排除怀孕", NULL};
    static const char *const EXPECTING[] = {"怀孕", "妊娠", "孕妇", NULL};
    static const char *const UNSURE[] = {"怀疑怀孕", "是不是怀孕", "会不会怀孕", "备孕",
                                         "避孕",     "可能怀孕",   "曾怀孕",     NULL};
    struct span text = plain_span(&passage->plain);
    if (contains_any(text, UNSURE)) return PREGNANCY_UNKNOWN;
    if (contains_any(text, DENIED)) return PREGNANCY_NO;
    if (contains_any(text, EXPECTING)) return PREGNANCY_YES;
    for (size_t at = 0; (at = span_find(text, span_of("孕"), at)) != SIZE_MAX; at += strlen("孕")) {
        struct quantity weeks;
        if (quantity_read(text, at + strlen("孕"), &weeks) &&
            starts_with_any(span_between(text, weeks.end, text.length),
                            (const char *const[]){"周", "个月", "月", "+", NULL}))
            return PREGNANCY_YES;
    }
    return PREGNANCY_UNKNOWN;
}

void complete_patient(const struct passage *passage, struct patient *patient) {
    if (!patient->has_age) find_age(passage, patient);
    if (patient->pregnancy == PREGNANCY_UNKNOWN && patient->sex != SEX_MALE)
        patient->pregnancy = find_pregnancy(passage);
    if (patient->sex == SEX_UNKNOWN)
        patient->sex = patient->pregnancy == PREGNANCY_YES ? SEX_FEMALE : find_sex(passage);
}

bool passage_open_for(struct passage *passage, struct arena *arena, struct span source,
                      const struct lexicon *lexicon, const struct patient *patient) {
    if (!passage_open(passage, arena, source, lexicon)) return false;
    enum sex told = passage->patient_sex == 'm'   ? SEX_MALE
                    : passage->patient_sex == 'f' ? SEX_FEMALE
                                                  : SEX_UNKNOWN;
    if (told != SEX_UNKNOWN && patient->sex != SEX_UNKNOWN && told != patient->sex)
        passage_speak_for_self(passage);
    if (patient_years(patient) < ADULT_YEARS) passage_speak_for_child(passage);
    return true;
}
