#include "cli/clinic/template.h"

#include "cli/clinic/embedded.h"
#include "cli/clinic/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const size_t TEMPLATE_LIMIT_BYTES = 64 * 1024;

const char TEMPLATE_RULES[] =
    "只根据患者的话和问诊要点回答,语言专业而通俗;不臆测,未提及的不当作没有,不确定时直接说明;"
    "不开药,不写剂量。";

const char TEMPLATE_FORM[] = "请按以下四部分回答:\n"
                             "1. 可能诊断\n"
                             "2. 鉴别依据\n"
                             "3. 建议检查\n"
                             "4. 风险提示\n"
                             "可能诊断按可能性从高到低列出三个,鉴别依据只用问诊要点里的表现。";

const char TEMPLATE_LAYOUT[] = "{form}\n"
                               "患者:{patient}\n"
                               "【患者主诉】{complaint}\n"
                               "【问诊要点】\n"
                               "{findings}\n"
                               "【候选疾病】\n"
                               "{candidates}";

static const char *const SLOT_NAMES[N_SLOTS] = {"{rules}",     "{form}",     "{patient}",
                                                "{complaint}", "{findings}", "{candidates}"};

/* The first slot that speaks of the patient. */
static const enum slot FIRST_OF_PATIENT = SLOT_PATIENT;

static enum slot slot_at(struct span text, size_t at) {
    for (enum slot slot = 0; slot < N_SLOTS; slot++)
        if (span_starts(span_between(text, at, text.length), span_of(SLOT_NAMES[slot]))) return slot;
    return N_SLOTS;
}

bool template_next(struct span part, size_t *at, struct template_piece *piece) {
    if (*at >= part.length) return false;
    size_t open = span_find(part, span_of("{"), *at);
    if (open == SIZE_MAX) open = part.length;
    *piece = (struct template_piece){span_between(part, *at, open), N_SLOTS};
    if (open < part.length) piece->slot = slot_at(part, open);
    *at = open + (piece->slot < N_SLOTS ? strlen(SLOT_NAMES[piece->slot]) : 0);
    return true;
}

/* ---- reading */

struct reading {
    struct span text;
    const char *source;
    struct failure *failure;
};

static size_t line_of(const struct reading *in, size_t at) {
    size_t line = 1;
    for (size_t i = 0; i < at; i++) line += in->text.data[i] == '\n';
    return line;
}

static bool refuse(const struct reading *in, size_t at, const char *what, struct span value) {
    return fail(in->failure, STATUS_INPUT, "%s:第 %zu 行:%s“%.*s”", in->source, line_of(in, at), what,
                (int)value.length, value.data);
}

/* Every brace of the part opens a placeholder that belongs there. */
static bool check_slots(const struct reading *in, struct span part, bool of_user) {
    bool seen[N_SLOTS] = {false};
    size_t start = (size_t)(part.data - in->text.data);
    for (size_t at = 0; (at = span_find(part, span_of("{"), at)) != SIZE_MAX; at++) {
        enum slot slot = slot_at(part, at);
        size_t end = span_find(part, span_of("}"), at), line_end = span_find(part, span_of("\n"), at);
        if (line_end == SIZE_MAX) line_end = part.length;
        struct span shown = span_between(part, at, end < line_end ? end + 1 : line_end);
        if (slot == N_SLOTS) return refuse(in, start + at, "不认识的占位符", shown);
        if (!of_user && slot >= FIRST_OF_PATIENT)
            return refuse(in, start + at, "[system] 对每个患者都一样,不能有占位符", shown);
        if (seen[slot]) return refuse(in, start + at, "重复的占位符", shown);
        seen[slot] = true;
    }
    for (enum slot needed = SLOT_COMPLAINT; of_user && needed <= SLOT_FINDINGS; needed++)
        if (!seen[needed])
            return fail(in->failure, STATUS_INPUT, "%s:第 %zu 行:[user] 部分缺少占位符“%s”", in->source,
                        line_of(in, start) - 1, SLOT_NAMES[needed]);
    return true;
}

/* A line that is a word in brackets: "[system]". */
static bool is_part_line(struct span line) {
    return line.length > 2 && line.data[0] == '[' && line.data[line.length - 1] == ']';
}

/* Ends the part that began at `start`; start SIZE_MAX: none did. */
static bool end_part(const struct reading *in, struct span *part, size_t start, size_t end) {
    if (!part) return true;
    *part = span_trim(span_between(in->text, start, end));
    if (part->length) return true;
    return fail(in->failure, STATUS_INPUT, "%s:第 %zu 行:部分是空的", in->source, line_of(in, start) - 1);
}

static bool open_part(const struct reading *in, size_t at, struct span line, struct prompt_template *out,
                      struct span **part) {
    *part = span_is(line, "[system]") ? &out->system : span_is(line, "[user]") ? &out->user : NULL;
    if (!*part) return refuse(in, at, "不认识的部分(应为 [system] 或 [user])", line);
    if ((*part)->data) return refuse(in, at, "重复的部分", line);
    return true;
}

static bool read_parts(const struct reading *in, struct prompt_template *out) {
    struct span *part = NULL;
    size_t start = 0;
    for (size_t at = 0; at < in->text.length;) {
        size_t end = span_find(in->text, span_of("\n"), at);
        if (end == SIZE_MAX) end = in->text.length;
        struct span line = span_trim(span_between(in->text, at, end));
        size_t next = end < in->text.length ? end + 1 : end;
        if (is_part_line(line)) {
            if (!end_part(in, part, start, at) || !open_part(in, at, line, out, &part) || !part) return false;
            start = next;
            *part = span_between(in->text, next, next);
        } else if (!part && line.length) {
            return refuse(in, at, "应先有 [system] 行,却是", line);
        }
        at = next;
    }
    return end_part(in, part, start, in->text.length);
}

bool template_parse(struct span text, const char *source, struct prompt_template *out,
                    struct failure *failure) {
    struct reading in = {text, source, failure};
    out->system = out->user = (struct span){0};
    if (!read_parts(&in, out)) return false;
    if (!out->system.data) return fail(failure, STATUS_INPUT, "%s:缺少 [system] 部分", source);
    if (!check_slots(&in, out->system, false)) return false;
    if (out->user.data) return check_slots(&in, out->user, true);
    out->user = span_of(TEMPLATE_LAYOUT);
    return true;
}

/* ---- finding */

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

static bool read_file(const char *path, struct arena *arena, struct prompt_template *out,
                      struct failure *failure) {
    struct span text;
    return file_read(path, TEMPLATE_LIMIT_BYTES, STATUS_INPUT, arena, &text, failure) &&
           text_check_encoding(text, path, failure) && template_parse(text, path, out, failure);
}

/* *found: whether there is a template of just this name. */
static bool open_named(const char *name, const char *directory, struct arena *arena, bool *found,
                       struct prompt_template *out, struct failure *failure) {
    *found = true;
    if (directory) {
        const char *path = arena_format(arena, "%s/%s.txt", directory, name);
        if (!path) return fail_memory(failure);
        if (access(path, F_OK) == 0) return read_file(path, arena, out, failure);
    }
    for (size_t i = 0; i < N_EMBEDDED_TEMPLATES; i++)
        if (strcmp(EMBEDDED_TEMPLATES[i].name, name) == 0)
            return template_parse(embedded_span(&EMBEDDED_TEMPLATES[i]), EMBEDDED_TEMPLATES[i].name, out,
                                  failure);
    *found = false;
    return true;
}

bool template_open(const char *department, const char *directory, const struct departments *departments,
                   struct arena *arena, struct prompt_template *out, struct failure *failure) {
    bool found;
    out->department = department;
    if (strchr(department, '/') || department[0] == '.')
        return refuse_department(department, directory, failure);
    if (!open_named(department, directory, arena, &found, out, failure)) return false;
    if (found) return true;
    const struct department *known = department_nearest(departments, span_of(department));
    if (!known) return refuse_department(department, directory, failure);
    return open_named(known->name, directory, arena, &found, out, failure) &&
           (found || refuse_department(department, directory, failure));
}

static bool check_directory(DIR *folder, const char *directory, struct arena *arena,
                            struct failure *failure) {
    /* cppcheck-suppress readdirCalled ; the stream is this thread's own */
    for (const struct dirent *entry; (entry = readdir(folder));) {
        struct prompt_template template;
        if (!span_ends(span_of(entry->d_name), span_of(".txt"))) continue;
        const char *path = arena_format(arena, "%s/%s", directory, entry->d_name);
        if (!path) return fail_memory(failure);
        if (!read_file(path, arena, &template, failure)) return false;
    }
    return true;
}

bool template_check_all(const char *directory, struct failure *failure) {
    DIR *folder = opendir(directory);
    if (!folder)
        return fail(failure, STATUS_USAGE, "--templates:不能读取目录 %s:%s", directory, strerror(errno));
    struct arena arena = {0};
    bool right = check_directory(folder, directory, &arena, failure);
    arena_free(&arena);
    closedir(folder);
    return right;
}
