#include "cli/clinic/extraction.h"

#include <stdlib.h>

const struct entity *add_entity(const struct extraction *in, enum entity_kind kind, enum polarity polarity,
                                const char *name, size_t start, size_t end) {
    struct findings *findings = in->findings;
    struct entity *entities =
        arena_grow(in->arena, findings->entities, findings->n_entities, sizeof *entities);
    if (!entities) return NULL;
    findings->entities = entities;
    struct span text = passage_source(in->passage, start, end);
    size_t at = (size_t)(text.data - in->passage->source.data);
    const char *words = arena_copy(in->arena, text);
    if (!words) return NULL;
    entities[findings->n_entities] =
        (struct entity){kind, polarity, name ? name : words, words, at, at + text.length};
    return &entities[findings->n_entities++];
}

static int compare_entities(const void *left, const void *right) {
    const struct entity *a = left, *b = right;
    if (a->start != b->start) return a->start < b->start ? -1 : 1;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    return a->kind < b->kind ? -1 : a->kind > b->kind;
}

void sort_entities(struct findings *findings) {
    if (findings->n_entities)
        qsort(findings->entities, findings->n_entities, sizeof *findings->entities, compare_entities);
}
