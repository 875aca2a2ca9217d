#include "cli/clinic/clinic.h"

#include "cli/clinic/embedded.h"
#include "cli/clinic/file.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

/* A knowledge base a hundred times the compiled-in one. */
static const size_t DATA_LIMIT_BYTES = 32 * 1024 * 1024;

#define LEXICON "lexicon.json"
#define SCOPE "scope.json"
#define REDFLAGS "redflags.json"
#define DEPARTMENTS "departments.json"
#define RULE_FILES_NAMED LEXICON "、" SCOPE "、" REDFLAGS " 或 " DEPARTMENTS

static const char *const RULE_FILES[] = {LEXICON, SCOPE, REDFLAGS, DEPARTMENTS, NULL};

/* A file of a clinic's own rules, or the compiled-in one when the directory has none of this name. */
static bool read_rules(struct clinic *clinic, const char *directory, const char *name,
                       const struct embedded_file *embedded, struct span *text, const char **source,
                       struct failure *failure) {
    *text = embedded_span(embedded);
    *source = embedded->name;
    if (!directory) return true;
    const char *path = arena_format(&clinic->arena, "%s/%s", directory, name);
    if (!path) return fail_memory(failure);
    struct stat status;
    if (lstat(path, &status) != 0 && errno == ENOENT) return true;
    *source = path;
    return file_read(path, DATA_LIMIT_BYTES, STATUS_INPUT, &clinic->arena, text, failure);
}

/* What may lie beside the rules: where they are installed, the knowledge base does, and a source tree has schemas. */
static bool may_be_beside(const char *name) {
    return !span_ends(span_of(name), span_of(".json")) || span_ends(span_of(name), span_of(".schema.json")) ||
           strcmp(name, "knowledge.json") == 0;
}

/* Refuses a directory that holds no rules, or a JSON file that would never be read. */
static bool check_rules(DIR *folder, const char *directory, struct failure *failure) {
    size_t found = 0;
    /* cppcheck-suppress readdirCalled ; the stream is this thread's own */
    for (const struct dirent *entry; (entry = readdir(folder));) {
        const char *const *known = RULE_FILES;
        while (*known && strcmp(*known, entry->d_name) != 0) known++;
        if (*known)
            found++;
        else if (!may_be_beside(entry->d_name))
            return fail(failure, STATUS_USAGE, "--rules:%s 中的 %s 不是规则文件(应为 " RULE_FILES_NAMED ")",
                        directory, entry->d_name);
    }
    return found || fail(failure, STATUS_USAGE, "--rules:%s 中没有 " RULE_FILES_NAMED, directory);
}

static bool open_rules(const char *directory, struct failure *failure) {
    if (!directory) return true;
    DIR *folder = opendir(directory);
    if (!folder) return fail(failure, STATUS_USAGE, "--rules:不能读取目录 %s:%s", directory, strerror(errno));
    bool right = check_rules(folder, directory, failure);
    closedir(folder);
    return right;
}

static bool load_rules(struct clinic *clinic, const char *directory, struct failure *failure) {
    struct arena *arena = &clinic->arena;
    struct span text;
    const char *source;
    return read_rules(clinic, directory, LEXICON, &EMBEDDED_LEXICON, &text, &source, failure) &&
           lexicon_load(&clinic->lexicon, arena, text, source, failure) &&
           read_rules(clinic, directory, SCOPE, &EMBEDDED_SCOPE, &text, &source, failure) &&
           scope_load(&clinic->lexicon.scope, arena, text, source, failure) &&
           read_rules(clinic, directory, REDFLAGS, &EMBEDDED_REDFLAGS, &text, &source, failure) &&
           redflags_load(&clinic->redflags, arena, text, source, &clinic->lexicon, failure) &&
           read_rules(clinic, directory, DEPARTMENTS, &EMBEDDED_DEPARTMENTS, &text, &source, failure) &&
           departments_load(&clinic->departments, arena, text, source, failure);
}

static bool load_knowledge(struct clinic *clinic, const char *path, struct failure *failure) {
    struct span text = embedded_span(&EMBEDDED_KNOWLEDGE);
    if (path && !file_read(path, DATA_LIMIT_BYTES, STATUS_INPUT, &clinic->arena, &text, failure))
        return false;
    return kb_load(&clinic->kb, &clinic->arena, text, path ? path : EMBEDDED_KNOWLEDGE.name, &clinic->lexicon,
                   failure);
}

/* Fitted, not written: a clinic has none of its own. */
static bool load_impression(struct clinic *clinic, struct failure *failure) {
    return impression_load(&clinic->impression, &clinic->arena, embedded_span(&EMBEDDED_IMPRESSION),
                           EMBEDDED_IMPRESSION.name, failure);
}

bool clinic_open(struct clinic *clinic, const char *kb_path, const char *rules, struct failure *failure) {
    *clinic = (struct clinic){.rules = rules};
    return open_rules(rules, failure) && load_rules(clinic, rules, failure) &&
           load_impression(clinic, failure) && load_knowledge(clinic, kb_path, failure);
}

void clinic_close(struct clinic *clinic) {
    arena_free(&clinic->arena);
    *clinic = (struct clinic){0};
}
