/* What each kernel of a device takes in one step, beside what the device can do. */
#ifndef BENCH_KERNEL_TABLE_H
#define BENCH_KERNEL_TABLE_H

#include "youtu.h"

/* Times a batch of n_tokens appended to sequence 0, which is truncated again, `repetitions` times after one to
 * warm up; prints the medians. Errors: as youtu_profile. */
youtu_status kernel_table_print(youtu_context *context, const youtu_model_info *info, int32_t n_tokens,
                                int32_t repetitions, youtu_error *error);

#endif
