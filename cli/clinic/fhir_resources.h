/* The parts of a report as FHIR resources, added to a bundle. All are preliminary, about the patient, and told by
 * the patient unless they are the program's own conclusions. */
#ifndef CLINIC_FHIR_RESOURCES_H
#define CLINIC_FHIR_RESOURCES_H

#include "cli/clinic/fhir_bundle.h"
#include "cli/clinic/report.h"

void fhir_add_patient(struct fhir_bundle *bundle, const struct report *report);
void fhir_add_device(struct fhir_bundle *bundle, const struct report *report);

/* Observations: age and pregnancy; symptoms present (true) and denied (false); vital signs. */
void fhir_add_patient_facts(struct fhir_bundle *bundle, const struct report *report);
void fhir_add_symptoms(struct fhir_bundle *bundle, const struct report *report);
void fhir_add_vitals(struct fhir_bundle *bundle, const struct report *report);

/* Conditions of the past, AllergyIntolerance, MedicationStatement. */
void fhir_add_history(struct fhir_bundle *bundle, const struct report *report);
void fhir_add_allergies(struct fhir_bundle *bundle, const struct report *report);
void fhir_add_medications(struct fhir_bundle *bundle, const struct report *report);

/* A ClinicalImpression, and a Condition for each diagnosis that it weighs. */
void fhir_add_differential(struct fhir_bundle *bundle, const struct report *report);

/* RiskAssessments; ServiceRequests as proposals. */
void fhir_add_warnings(struct fhir_bundle *bundle, const struct report *report);
void fhir_add_must_not_miss(struct fhir_bundle *bundle, const struct report *report);
void fhir_add_tests(struct fhir_bundle *bundle, const struct report *report);

#endif
