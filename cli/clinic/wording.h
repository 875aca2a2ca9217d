/* What a report's codes read as to a person, the same in every format. */
#ifndef CLINIC_WORDING_H
#define CLINIC_WORDING_H

#include "cli/clinic/report.h"

#define WORDING_NO_DIAGNOSIS "信息不足，不能列出诊断；请补充症状、部位和时间"

/* A reader must not take silence for safety. */
#define WORDING_NO_WARNING "规则没有发现警示；这不表示没有危险，须由医生判断"

/* "与所述相符", ... */
const char *diagnosis_status_title(enum diagnosis_status status);

/* "急诊", "尽快", "注意". */
const char *warning_level_title(char level);

/* "急诊", "尽快就诊", "常规就诊". */
const char *urgency_title(enum urgency urgency);

/* Why the model's answer is not whole; NULL when it is. */
const char *finish_remark(enum report_finish finish);

/* Appends a number with at most this many decimals, without trailing zeros or an exponent. */
void put_decimal(struct buffer *out, double value, int decimals);

#endif
