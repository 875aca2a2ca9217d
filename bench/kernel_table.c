#include "kernel_table.h"

#include "measure.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_ROWS = 64 };

/* Each kernel's times over the repetitions. */
typedef struct kernel_row {
    youtu_kernel_time kernel;
    double ms[MEASURE_MAX_REPETITIONS];
} kernel_row;

typedef struct kernel_table {
    kernel_row *rows; /* [MAX_ROWS] */
    int32_t n_rows, row;
    int32_t repetition; /* the first repetition makes the rows; every step has the same */
} kernel_table;

static void add_kernel(void *user, const youtu_kernel_time *kernel) {
    kernel_table *t = user;
    if (t->row == MAX_ROWS) return;
    kernel_row *r = &t->rows[t->row++];
    r->kernel = *kernel;
    r->ms[t->repetition] = kernel->ms;
    if (t->row > t->n_rows) t->n_rows = t->row;
}

static void print_line(const char *name, int32_t launches, double ms, double bytes, double flops,
                       const youtu_model_info *info) {
    double seconds = ms * 1e-3;
    printf("%-24s %8d %10.1f %8.1f %4.0f%% %9.2f %4.0f%%\n", name, (int)launches, 1e3 * ms,
           bytes / seconds / 1e9, 100 * bytes / seconds / info->device_bandwidth, flops / seconds / 1e12,
           100 * flops / seconds / info->device_flops);
}

static void print_table(const youtu_model_info *info, kernel_table *t, int32_t depth, int32_t n_tokens,
                        int32_t repetitions) {
    youtu_kernel_time sum = {0};
    double limit_s = 0; /* a kernel after the other, each at its limit */
    printf("\none step of %d tokens after %d, %d repetitions, medians; without a graph\n"
           "kernel                   launches         us     GB/s  peak   TFLOP/s  peak\n",
           (int)n_tokens, (int)depth, (int)repetitions);
    for (int32_t i = 0; i < t->n_rows; i++) {
        const youtu_kernel_time *k = &t->rows[i].kernel;
        double ms = measure_median(t->rows[i].ms, repetitions);
        print_line(k->name, k->launches, ms, k->bytes, k->flops, info);
        double memory_s = k->bytes / info->device_bandwidth, products_s = k->flops / info->device_flops;
        limit_s += memory_s > products_s ? memory_s : products_s;
        sum.launches += k->launches, sum.ms += ms, sum.bytes += k->bytes, sum.flops += k->flops;
    }
    print_line("sum", sum.launches, sum.ms, sum.bytes, sum.flops, info);
    printf("%.1f tokens/s; the device's limits allow %.1f\n", n_tokens / sum.ms * 1e3, n_tokens / limit_s);
}

youtu_status kernel_table_print(youtu_context *context, const youtu_model_info *info, int32_t n_tokens,
                                int32_t repetitions, youtu_error *error) {
    int32_t depth = youtu_sequence_length(context, 0);
    kernel_table t = {.rows = calloc(MAX_ROWS, sizeof *t.rows)};
    int32_t *tokens = calloc((size_t)n_tokens, sizeof *tokens);
    youtu_status status = YOUTU_OK;
    if (!t.rows || !tokens) {
        error->status = status = YOUTU_E_MEMORY;
        snprintf(error->message, sizeof error->message, "out of memory: the table of kernels");
    }
    for (int32_t r = -1; r < repetitions && status == YOUTU_OK; r++) { /* -1 warms up */
        t.row = 0;
        t.repetition = r > 0 ? r : 0;
        const youtu_batch batch = {.token = tokens, .count = (size_t)n_tokens};
        status = youtu_profile(context, &batch, add_kernel, &t, error);
        if (status == YOUTU_OK) status = youtu_sequence_truncate(context, 0, depth, error);
    }
    if (status == YOUTU_OK) print_table(info, &t, depth, n_tokens, repetitions);
    free(tokens);
    free(t.rows);
    return status;
}
