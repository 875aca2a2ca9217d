/* A directory of small files for one test, gone when the test ends; and the check of an error's every word.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "libyoutu/youtu.h"

typedef struct fixture {
    char directory[64];
} fixture;

/* For cmocka's setup and teardown: *state is a fixture *. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Writes a file anew. */
void fixture_write(const fixture *f, const char *name, const void *bytes, size_t length);
void fixture_write_text(const fixture *f, const char *name, const char *text);

/* A safetensors file: the length of `header`, `header`, then data_bytes bytes, byte i being i % 251. */
void fixture_write_safetensors(const fixture *f, const char *name, const char *header, size_t data_bytes);

/* Empties the directory. */
void fixture_clear(const fixture *f);

/* The path of a file in it, valid until the next call. */
const char *fixture_path(const fixture *f, const char *name);

/* Fails the test unless status is `expected` and the message is `message`, in which a leading '@' stands for
 * the fixture's directory (f may be NULL where there is none). */
void expect_failure(const fixture *f, youtu_status status, const youtu_error *error, youtu_status expected,
                    const char *message);

/* The same for success: shows the message otherwise. */
void expect_success(youtu_status status, const youtu_error *error);

#endif
