#include "cli/clinic/wording.h"

const char *diagnosis_status_title(enum diagnosis_status status) {
    static const char *const TITLES[] = {
        [DIAGNOSIS_SUPPORTED] = "与所述相符",
        [DIAGNOSIS_NEEDS_CONFIRMATION] = "建议进一步确认",
        [DIAGNOSIS_UNSUPPORTED] = "知识库未收录，建议进一步确认",
    };
    return TITLES[status];
}

const char *warning_level_title(char level) {
    return level == 'E' ? "急诊" : level == 'U' ? "尽快" : "注意";
}

const char *urgency_title(enum urgency urgency) {
    static const char *const TITLES[] = {
        [URGENCY_ROUTINE] = "常规就诊", [URGENCY_URGENT] = "尽快就诊", [URGENCY_EMERGENCY] = "急诊"};
    return TITLES[urgency];
}

const char *finish_remark(enum report_finish finish) {
    static const char *const REMARKS[] = {
        [FINISH_LENGTH] = "模型的回答达到长度上限（--max-tokens），在此截断",
        [FINISH_FULL] = "上下文已满（--ctx），模型的回答在此截断",
        [FINISH_INTERRUPTED] = "已按用户要求中断，模型的回答不完整",
    };
    return finish >= FINISH_LENGTH ? REMARKS[finish] : NULL;
}

void put_decimal(struct buffer *out, double value, int decimals) {
    size_t start = out->length;
    buffer_format(out, "%.*f", decimals, value);
    if (out->failed || !memchr(out->data + start, '.', out->length - start)) return;
    while (out->data[out->length - 1] == '0') out->length--;
    if (out->data[out->length - 1] == '.') out->length--;
}
