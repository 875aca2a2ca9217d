/* The knowledge base, red flags and lexicon that are compiled in, opened once for all tests of a group. */
#ifndef CLINIC_FIXTURE_H
#define CLINIC_FIXTURE_H

#include "cli/clinic/clinic.h"

extern struct clinic clinic;

/* For cmocka's group setup and teardown. */
int open_clinic(void **state);
int close_clinic(void **state);

#endif
