/* A FHIR R4 document Bundle as it grows: its resources, how they refer to each other, and the sections of its
 * Composition. What FHIR forbids cannot be written: no null, no empty text, object or array. */
#ifndef CLINIC_FHIR_BUNDLE_H
#define CLINIC_FHIR_BUNDLE_H

#include "cli/clinic/codes.h"
#include "cli/clinic/json_writing.h"

#define SYSTEM_LOINC "http://loinc.org"
#define SYSTEM_ICD10 "http://hl7.org/fhir/sid/icd-10"
#define SYSTEM_HL7 "http://terminology.hl7.org/CodeSystem/"
#define SYSTEM_OWN "urn:youtu-diagnose:"

/* Resources are numbered in the order in which they are added; these come first. */
enum { RESOURCE_COMPOSITION = 1, RESOURCE_PATIENT, RESOURCE_DEVICE };

struct fhir_bundle {
    struct json_writing out;
    const char *id; /* UUID of the report */
    json_t *entries, *sections;
    int resources;      /* the number of the last */
    struct buffer text; /* what is written next */
};

/* Free with fhir_free, also after a failure. */
void fhir_begin(struct fhir_bundle *bundle, const char *report_id);
void fhir_free(struct fhir_bundle *bundle);

/* The whole Bundle: the Composition, which takes over the sections, ahead of what was added. */
json_t *fhir_document(struct fhir_bundle *bundle, json_t *composition, const char *timestamp);

/* A new resource of this type, still outside the bundle. */
json_t *fhir_resource(struct fhir_bundle *bundle, const char *type);

/* Takes the resource into the bundle; its number is bundle->resources then. */
void fhir_add(struct fhir_bundle *bundle, json_t *resource);

/* The report's own UUID as an Identifier. */
json_t *fhir_identifier(struct fhir_bundle *bundle);
json_t *fhir_reference(struct fhir_bundle *bundle, int number);

/* Puts a text without what FHIR cannot hold, unless it is NULL or blank. */
void fhir_put_text(struct fhir_bundle *bundle, json_t *object, const char *key, const char *text);

/* A CodeableConcept. code: with its system, or NULL. text: not blank, else it reads 不详. */
json_t *fhir_concept(struct fhir_bundle *bundle, const char *system, const char *code, const char *text);
json_t *fhir_loinc(struct fhir_bundle *bundle, const struct loinc *loinc);

/* An array of this one value. */
json_t *fhir_only(struct fhir_bundle *bundle, json_t *value);

/* Puts a text as an Annotation, unless it is NULL or blank. */
void fhir_put_note(struct fhir_bundle *bundle, json_t *object, const char *text);

/* Adds a section with the text's lines as paragraphs and the resources added since the one numbered `before`;
 * nothing when it has neither. code: takes the place of a LOINC code for what LOINC does not know. */
void fhir_section(struct fhir_bundle *bundle, const struct loinc *loinc, struct span text, int before);
void fhir_own_section(struct fhir_bundle *bundle, const char *code, const char *title, struct span text,
                      int before);

#endif
