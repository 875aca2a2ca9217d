#include "cli/clinic/extraction.h"

bool add_entity(const struct extraction *in, enum entity_kind kind, enum polarity polarity, const char *name,
                size_t start, size_t end) {
    struct findings *findings = in->findings;
    struct entity *entities =
        arena_grow(in->arena, findings->entities, findings->n_entities, sizeof *entities);
    if (!entities) return false;
    findings->entities = entities;
    struct span text = passage_source(in->passage, start, end);
    size_t at = (size_t)(text.data - in->passage->source.data);
    entities[findings->n_entities++] =
        (struct entity){kind, polarity, name, arena_copy(in->arena, text), at, at + text.length};
    return entities[findings->n_entities - 1].text != NULL;
}
