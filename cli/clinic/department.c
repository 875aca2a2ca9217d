#include "cli/clinic/department.h"

static bool load_department(const struct record *root, size_t index, struct arena *arena,
                            struct departments *departments, struct failure *failure) {
    static const char *const FIELDS[] = {"name", "aliases", NULL};
    struct record entry;
    struct department department;
    if (!record_element(root, "departments", index, FIELDS, &entry, failure) ||
        !record_string(&entry, "name", arena, &department.name, failure) ||
        !record_strings(&entry, "aliases", arena, &department.aliases, failure))
        return false;
    if (department_find(departments, span_of(department.name)))
        return record_refuse(&entry, "name", "尚未出现的名称", failure);
    for (size_t i = 0; i < department.aliases.count; i++)
        if (department_find(departments, span_of(department.aliases.items[i])))
            return fail(failure, STATUS_INPUT, "%s:别名“%s”已属于另一个科室", entry.place,
                        department.aliases.items[i]);
    struct department *items = arena_grow(arena, departments->items, departments->count, sizeof *items);
    if (!items) return fail_memory(failure);
    items[departments->count++] = department;
    departments->items = items;
    return true;
}

bool departments_load(struct departments *departments, struct arena *arena, struct span text,
                      const char *source, struct failure *failure) {
    static const char *const FIELDS[] = {"schema", "note", "departments", NULL};
    *departments = (struct departments){0};
    struct document document;
    struct record root;
    if (!document_open(&document, text, source, "youtu.departments/1", &root, failure)) return false;
    size_t count = 0;
    bool loaded = record_allow(&root, FIELDS, failure) &&
                  record_count(&root, "departments", &count, failure) &&
                  (count || record_refuse(&root, "departments", "至少一个科室", failure));
    for (size_t i = 0; loaded && i < count; i++)
        loaded = load_department(&root, i, arena, departments, failure);
    return document_close(&document, loaded, failure);
}

const struct department *department_find(const struct departments *departments, struct span name) {
    for (size_t i = 0; i < departments->count; i++) {
        const struct department *department = &departments->items[i];
        if (span_is(name, department->name)) return department;
        for (size_t j = 0; j < department->aliases.count; j++)
            if (span_is(name, department->aliases.items[j])) return department;
    }
    return NULL;
}

const struct department *department_nearest(const struct departments *departments, struct span name) {
    const struct department *nearest = department_find(departments, name);
    size_t longest = 0;
    if (nearest) return nearest;
    for (size_t i = 0; i < departments->count; i++) {
        const struct department *department = &departments->items[i];
        for (size_t j = 0; j <= department->aliases.count; j++) {
            struct span known = span_of(j ? department->aliases.items[j - 1] : department->name);
            if (known.length <= longest || !span_ends(name, known)) continue;
            longest = known.length;
            nearest = department;
        }
    }
    return nearest;
}

/* Of the most probable disease; a clinic's own knowledge base may name departments that are not known here.
 */
static const char *of_disease(const struct departments *departments,
                              const struct differential *differential) {
    const struct disease *disease = differential->count ? differential->items[0].disease : NULL;
    for (size_t i = 0; disease && i < disease->departments.count; i++) {
        const struct department *found = department_find(departments, span_of(disease->departments.items[i]));
        if (found) return found->name;
    }
    return DEPARTMENT_GENERAL;
}

const char *department_propose(const struct departments *departments, const struct patient *patient,
                               enum urgency urgency, const struct differential *differential) {
    double years = patient_years(patient);
    if (years < ADULT_YEARS) return "儿科";
    if (patient->pregnancy == PREGNANCY_YES) return "妇产科";
    if (urgency == URGENCY_EMERGENCY) return "急诊";
    const char *name = of_disease(departments, differential);
    bool internal = strcmp(name, "内科") == 0 || strcmp(name, DEPARTMENT_GENERAL) == 0;
    return internal && years >= OLD_YEARS ? "老年科" : name;
}
