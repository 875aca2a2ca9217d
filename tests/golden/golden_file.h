/* Reads what the reference computed: tensors of a safetensors file, of the two types that fixtures use. What
 * is not as expected fails the cmocka test that asks. */
#ifndef GOLDEN_FILE_H
#define GOLDEN_FILE_H

#include <stdint.h>

typedef struct golden_file golden_file;

golden_file *golden_open(const char *path);
void golden_close(golden_file *golden);

/* A tensor by name, row-major, valid until golden_close. shape: [rows, columns]; a vector has one column. */
const int32_t *golden_i32(const golden_file *golden, const char *name, int64_t shape[2]);
const float *golden_f32(const golden_file *golden, const char *name, int64_t shape[2]);

#endif
