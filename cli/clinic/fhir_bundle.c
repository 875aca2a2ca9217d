#include "cli/clinic/fhir_bundle.h"

#include "cli/clinic/markup.h"

#include <stdio.h>
#include <stdlib.h>

void fhir_begin(struct fhir_bundle *bundle, const char *report_id) {
    *bundle = (struct fhir_bundle){.id = report_id,
                                   .entries = json_array(),
                                   .sections = json_array(),
                                   .resources = RESOURCE_COMPOSITION};
}

void fhir_free(struct fhir_bundle *bundle) {
    json_decref(bundle->entries);
    json_decref(bundle->sections);
    buffer_free(&bundle->text);
}

/* ---- identity */

/* "urn:uuid:..." of a resource by its number, of the report by 0: the report's UUID with the number added to its
 * last group, so that a report's resources keep their names. */
static json_t *uuid(const struct fhir_bundle *bundle, int number) {
    enum { LAST_GROUP = 24 };
    unsigned long long last = strtoull(bundle->id + LAST_GROUP, NULL, 16) + (unsigned)number;
    return json_sprintf("urn:uuid:%.24s%012llx", bundle->id, last & 0xFFFFFFFFFFFF);
}

json_t *fhir_reference(struct fhir_bundle *bundle, int number) {
    json_t *reference = json_object();
    put_value(&bundle->out, reference, "reference", uuid(bundle, number));
    return reference;
}

json_t *fhir_resource(struct fhir_bundle *bundle, const char *type) {
    json_t *resource = json_object();
    put_value(&bundle->out, resource, "resourceType", text_value(type));
    return resource;
}

static json_t *entry_of(struct fhir_bundle *bundle, int number, json_t *resource) {
    json_t *entry = json_object();
    put_value(&bundle->out, entry, "fullUrl", uuid(bundle, number));
    put_value(&bundle->out, entry, "resource", resource);
    return entry;
}

void fhir_add(struct fhir_bundle *bundle, json_t *resource) {
    push_value(&bundle->out, bundle->entries, entry_of(bundle, ++bundle->resources, resource));
}

json_t *fhir_identifier(struct fhir_bundle *bundle) {
    json_t *identifier = json_object();
    put_value(&bundle->out, identifier, "system", text_value("urn:ietf:rfc:3986"));
    put_value(&bundle->out, identifier, "value", uuid(bundle, 0));
    return identifier;
}

json_t *fhir_document(struct fhir_bundle *bundle, json_t *composition, const char *timestamp) {
    put_value(&bundle->out, composition, "section", json_incref(bundle->sections));
    json_t *first = entry_of(bundle, RESOURCE_COMPOSITION, composition);
    if (!first || json_array_insert_new(bundle->entries, 0, first) != 0) bundle->out.failed = true;
    json_t *document = fhir_resource(bundle, "Bundle");
    put_value(&bundle->out, document, "type", text_value("document"));
    put_value(&bundle->out, document, "identifier", fhir_identifier(bundle));
    put_value(&bundle->out, document, "timestamp", text_value(timestamp));
    put_value(&bundle->out, document, "entry", json_incref(bundle->entries));
    return document;
}

/* ---- texts and codes */

void fhir_put_text(struct fhir_bundle *bundle, json_t *object, const char *key, const char *text) {
    if (!text) return;
    bundle->text.length = 0;
    markup_keep(&bundle->text, span_of(text));
    if (bundle->text.failed) bundle->out.failed = true;
    struct span kept = span_trim(buffer_span(&bundle->text));
    if (kept.length) put_value(&bundle->out, object, key, span_value(kept));
}

json_t *fhir_only(struct fhir_bundle *bundle, json_t *value) {
    json_t *array = json_array();
    push_value(&bundle->out, array, value);
    return array;
}

static json_t *concept(struct fhir_bundle *bundle, const char *system, const char *code, const char *display,
                       const char *text) {
    json_t *concept = json_object();
    if (code) {
        json_t *coding = json_object();
        put_value(&bundle->out, coding, "system", text_value(system));
        put_value(&bundle->out, coding, "code", text_value(code));
        fhir_put_text(bundle, coding, "display", display);
        put_value(&bundle->out, concept, "coding", fhir_only(bundle, coding));
    }
    fhir_put_text(bundle, concept, "text", text);
    if (concept && json_object_size(concept) == 0)
        put_value(&bundle->out, concept, "text", text_value("不详"));
    return concept;
}

json_t *fhir_concept(struct fhir_bundle *bundle, const char *system, const char *code, const char *text) {
    return concept(bundle, system, code, NULL, text);
}

json_t *fhir_loinc(struct fhir_bundle *bundle, const struct loinc *loinc) {
    return concept(bundle, SYSTEM_LOINC, loinc->code, loinc->name, loinc->title);
}

void fhir_put_note(struct fhir_bundle *bundle, json_t *object, const char *text) {
    json_t *note = json_object();
    fhir_put_text(bundle, note, "text", text);
    if (note && json_object_size(note) == 0)
        json_decref(note);
    else
        put_value(&bundle->out, object, "note", fhir_only(bundle, note));
}

/* ---- sections */

/* The text's lines as paragraphs of XHTML; false when all are blank. */
static bool write_paragraphs(struct buffer *html, struct span text) {
    bool any = false;
    buffer_put(html, "<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    while (text.length) {
        const char *line_end = memchr(text.data, '\n', text.length);
        size_t length = line_end ? (size_t)(line_end - text.data) : text.length;
        struct span line = span_trim(span_between(text, 0, length));
        if (line.length) {
            buffer_put(html, "<p>");
            size_t start = html->length;
            markup_escape(html, line);
            any = any || span_trim(span_between(buffer_span(html), start, html->length)).length > 0;
            buffer_put(html, "</p>");
        }
        text = span_between(text, length + (line_end ? 1 : 0), text.length);
    }
    buffer_put(html, "</div>");
    return any;
}

static void add_section(struct fhir_bundle *bundle, const char *title, json_t *code, struct span text,
                        int before) {
    json_t *section = json_object();
    put_value(&bundle->out, section, "title", text_value(title));
    put_value(&bundle->out, section, "code", code);
    bundle->text.length = 0;
    bool has_text = write_paragraphs(&bundle->text, text), has_entries = before < bundle->resources;
    if (bundle->text.failed) bundle->out.failed = true;
    if (has_text) {
        json_t *narrative = json_object();
        put_value(&bundle->out, narrative, "status", text_value("generated"));
        put_value(&bundle->out, narrative, "div", span_value(buffer_span(&bundle->text)));
        put_value(&bundle->out, section, "text", narrative);
    }
    if (has_entries) {
        json_t *entries = json_array();
        for (int i = before + 1; i <= bundle->resources; i++)
            push_value(&bundle->out, entries, fhir_reference(bundle, i));
        put_value(&bundle->out, section, "entry", entries);
    }
    if (has_text || has_entries)
        push_value(&bundle->out, bundle->sections, section);
    else
        json_decref(section);
}

void fhir_section(struct fhir_bundle *bundle, const struct loinc *loinc, struct span text, int before) {
    add_section(bundle, loinc->title, fhir_loinc(bundle, loinc), text, before);
}

void fhir_own_section(struct fhir_bundle *bundle, const char *code, const char *title, struct span text,
                      int before) {
    add_section(bundle, title, fhir_concept(bundle, SYSTEM_OWN "section", code, title), text, before);
}
