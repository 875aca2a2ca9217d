#include "cli/clinic/clinic.h"

#include "cli/clinic/embedded.h"
#include "cli/clinic/file.h"

/* A knowledge base a hundred times the compiled-in one. */
static const size_t KB_LIMIT_BYTES = 32 * 1024 * 1024;

static bool load_own_kb(struct clinic *clinic, const char *path, struct failure *failure) {
    struct span text;
    return file_read(path, KB_LIMIT_BYTES, STATUS_INPUT, &clinic->arena, &text, failure) &&
           kb_load(&clinic->kb, &clinic->arena, text, path, &clinic->lexicon, failure);
}

bool clinic_open(struct clinic *clinic, const char *kb_path, struct failure *failure) {
    *clinic = (struct clinic){0};
    struct arena *arena = &clinic->arena;
    if (!lexicon_load(&clinic->lexicon, arena, embedded_span(&EMBEDDED_LEXICON), EMBEDDED_LEXICON.name,
                      failure) ||
        !scope_load(&clinic->lexicon.scope, arena, embedded_span(&EMBEDDED_SCOPE), EMBEDDED_SCOPE.name,
                    failure) ||
        !redflags_load(&clinic->redflags, arena, embedded_span(&EMBEDDED_REDFLAGS), EMBEDDED_REDFLAGS.name,
                       &clinic->lexicon, failure) ||
        !departments_load(&clinic->departments, arena, embedded_span(&EMBEDDED_DEPARTMENTS),
                          EMBEDDED_DEPARTMENTS.name, failure))
        return false;
    if (kb_path) return load_own_kb(clinic, kb_path, failure);
    return kb_load(&clinic->kb, arena, embedded_span(&EMBEDDED_KNOWLEDGE), EMBEDDED_KNOWLEDGE.name,
                   &clinic->lexicon, failure);
}

void clinic_close(struct clinic *clinic) {
    arena_free(&clinic->arena);
    *clinic = (struct clinic){0};
}
