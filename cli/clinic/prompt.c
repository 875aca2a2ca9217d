#include "cli/clinic/prompt.h"

#include "cli/clinic/embedded.h"
#include "cli/clinic/file.h"

#include <stdio.h>
#include <unistd.h>

static const size_t TEMPLATE_LIMIT_BYTES = 64 * 1024;

static const char SYSTEM_LINE[] = "[system]\n", USER_LINE[] = "[user]\n";

static struct span without_line_ends(struct span text) {
    while (text.length && text.data[text.length - 1] == '\n') text.length--;
    return text;
}

/* Where a line that equals `line` starts, or SIZE_MAX. */
static size_t find_line(struct span text, const char *line) {
    size_t at = 0;
    while ((at = span_find(text, span_of(line), at)) != SIZE_MAX && at > 0 && text.data[at - 1] != '\n') at++;
    return at;
}

bool template_parse(struct span text, const char *source, struct prompt_template *out,
                    struct failure *failure) {
    size_t user = find_line(text, USER_LINE);
    if (!span_starts(text, span_of(SYSTEM_LINE)) || user == SIZE_MAX)
        return fail(failure, STATUS_INPUT, "%s:模板应以 [system] 行开始,并有 [user] 行", source);
    out->system = without_line_ends(span_between(text, strlen(SYSTEM_LINE), user));
    out->user = without_line_ends(span_between(text, user + strlen(USER_LINE), text.length));
    if (span_find(out->user, span_of("{complaint}"), 0) == SIZE_MAX)
        return fail(failure, STATUS_INPUT, "%s:[user] 部分缺少 {complaint}", source);
    return true;
}

static bool refuse_department(const char *department, const char *directory, struct failure *failure) {
    char known[512];
    size_t length = 0;
    for (size_t i = 0; i < N_EMBEDDED_TEMPLATES && length < sizeof known; i++) {
        int written = snprintf(known + length, sizeof known - length, "%s%s", i ? "、" : "",
                               EMBEDDED_TEMPLATES[i].name);
        length += written > 0 ? (size_t)written : 0;
    }
    return fail(failure, STATUS_USAGE, "--department:没有科室“%s”的模板(内置:%s;--templates %s)", department,
                known, directory ? directory : "未给出");
}

bool template_open(const char *department, const char *directory, struct arena *arena,
                   struct prompt_template *out, struct failure *failure) {
    out->department = department;
    if (strchr(department, '/') || department[0] == '.')
        return refuse_department(department, directory, failure);
    if (directory) {
        const char *path = arena_format(arena, "%s/%s.txt", directory, department);
        struct span text;
        if (!path) return fail_memory(failure);
        if (access(path, F_OK) == 0)
            return file_read(path, TEMPLATE_LIMIT_BYTES, STATUS_INPUT, arena, &text, failure) &&
                   text_check(text, path, failure) && template_parse(text, path, out, failure);
    }
    for (size_t i = 0; i < N_EMBEDDED_TEMPLATES; i++)
        if (strcmp(EMBEDDED_TEMPLATES[i].name, department) == 0)
            return template_parse(embedded_span(&EMBEDDED_TEMPLATES[i]), EMBEDDED_TEMPLATES[i].name, out,
                                  failure);
    return refuse_department(department, directory, failure);
}

void patient_render(const struct patient *patient, struct buffer *out) {
    const char *sex = sex_name(patient->sex);
    if (!sex && !patient->has_age) return;
    buffer_put(out, "患者:");
    if (sex) buffer_put(out, sex);
    if (sex && patient->has_age) buffer_put(out, ",");
    if (patient->has_age) buffer_format(out, "%d%s", patient->age, patient->age_unit);
    buffer_put(out, "。");
}

void template_render(const struct prompt_template *template, const struct patient *patient,
                     struct span complaint, struct buffer *out) {
    const struct span patient_mark = span_of("{patient}"), complaint_mark = span_of("{complaint}");
    for (size_t at = 0; at < template->user.length;) {
        struct span rest = span_between(template->user, at, template->user.length);
        if (span_starts(rest, patient_mark)) {
            patient_render(patient, out);
            at += patient_mark.length;
        } else if (span_starts(rest, complaint_mark)) {
            buffer_append(out, complaint.data, complaint.length);
            at += complaint_mark.length;
        } else {
            buffer_append(out, rest.data, 1);
            at++;
        }
    }
}
