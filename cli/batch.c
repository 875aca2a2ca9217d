/* Many reports: one request a line in, one report a line out, in order.
 *
 * With the model several answers are made at a time (--parallel). Records wait in a queue in the order of their
 * lines: the next are prepared by the rules while others are answered, and one that is done waits for those before
 * it. A line that cannot be answered is answered by {"error": {...}} and ends nothing. With --output the lines are
 * appended as they come, so that a killed run can go on where its file ends (--resume): output line n answers
 * request n, blank input lines aside. Ctrl-C takes no more lines and finishes those that were taken. */
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/reporting.h"
#include "cli/request.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE = 2 * MOST_ANSWERS, READ_BYTES = 65536 };

/* A longer line is refused: the longest text, every byte of it escaped, and the other fields. */
#define LINE_LIMIT_BYTES (6 * TEXT_LIMIT_BYTES + 65536)

enum record_state { RECORD_WAITING, RECORD_RUNNING, RECORD_DONE };

/* A request on its way. */
struct batch_record {
    size_t n; /* which request */
    enum record_state state;
    struct arena arena; /* the request's texts */
    struct request request;
    struct report_job job;
    struct buffer line; /* when done: what answers it */
};

struct batch {
    const struct options *options;
    struct desk desk;
    int output;           /* descriptor */
    const char *out_name; /* for messages */
    size_t n_answered;    /* requests that the output answers already, when the run begins */
    size_t n_taken;       /* requests taken from the input so far */
    size_t n_written;
    struct batch_record *queue; /* [QUEUE] a ring: `n_queued` from `first` on */
    size_t first, n_queued, most_queued;
    struct buffer typed; /* of the input: not taken yet */
    size_t typed_from, typed_searched;
    bool input_over, line_too_long;
    struct progress progress;
    struct timespec begun;
    uint64_t bytes_read, bytes_total; /* of the input; total 0 when it is no file */
};

/* ---- the output */

/* Counts the whole lines of the file and cuts what a killed run left of the last one. */
static bool find_end(struct batch *batch, struct failure *failure) {
    char block[65536];
    off_t at = 0, end = 0;
    for (;;) {
        ssize_t got = pread(batch->output, block, sizeof block, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(failure, STATUS_INPUT, "%s:不能读:%s", batch->out_name, strerror(errno));
        if (got == 0) break;
        for (ssize_t i = 0; i < got; i++)
            if (block[i] == '\n') {
                batch->n_answered++;
                end = at + i + 1;
            }
        at += got;
    }
    if (ftruncate(batch->output, end) == 0 && lseek(batch->output, end, SEEK_SET) == end) return true;
    return fail(failure, STATUS_INTERNAL, "%s:不能接着写:%s", batch->out_name, strerror(errno));
}

static bool open_output(struct batch *batch, struct failure *failure) {
    const char *path = batch->options->output;
    batch->output = STDOUT_FILENO;
    batch->out_name = "标准输出";
    if (!path) return true;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (batch->options->resume ? 0 : O_TRUNC), 0666);
    if (descriptor < 0) return fail(failure, STATUS_INTERNAL, "%s:不能打开:%s", path, strerror(errno));
    batch->output = descriptor;
    batch->out_name = path;
    return !batch->options->resume || find_end(batch, failure);
}

/* What a format wrote over several lines, as one line of JSON. */
static bool put_line(const struct report_format *format, const char *id, struct span text,
                     struct buffer *out) {
    json_t *whole = strcmp(format->name, "json") == 0 ? json_loadb(text.data, text.length, 0, NULL)
                                                      : json_pack("{s:s%}", "result", text.data, text.length);
    if (whole && id && json_object_set_new(whole, "request_id", json_string(id)) != 0) {
        json_decref(whole);
        return false;
    }
    char *line = whole ? json_dumps(whole, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(whole);
    if (!line) return false;
    buffer_put(out, line);
    buffer_put(out, "\n");
    free(line);
    return !out->failed;
}

static bool put_error(size_t n, const char *id, const struct failure *error, struct buffer *out) {
    json_t *object = json_pack("{s:{s:I,s:i,s:s}}", "error", "request", (json_int_t)n, "status",
                               (int)error->status, "message", error->message);
    if (object && id && json_object_set_new(object, "request_id", json_string(id)) != 0) {
        json_decref(object);
        return false;
    }
    char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!line) return false;
    buffer_put(out, line);
    buffer_put(out, "\n");
    free(line);
    return !out->failed;
}

/* The line that answers whatever cannot be answered otherwise. */
static void put_memory_error(size_t n, struct buffer *out) {
    buffer_format(out, "{\"error\":{\"request\":%zu,\"status\":%d,\"message\":\"内存不足\"}}\n", n,
                  (int)STATUS_RESOURCE);
}

/* Whole or, into a file, not at all. */
static bool write_line(struct batch *batch, struct span line, struct failure *failure) {
    off_t start = batch->options->output ? lseek(batch->output, 0, SEEK_CUR) : -1;
    if (descriptor_write(batch->output, line, batch->out_name, failure)) return true;
    if (start >= 0 && ftruncate(batch->output, start) != 0)
        return fail(failure, STATUS_INTERNAL, "%s:不能写入,最后一行不完整(--resume 会去掉它)",
                    batch->out_name);
    return false;
}

/* ---- one record */

static struct batch_record *record_at(const struct batch *batch, size_t i) {
    return &batch->queue[(batch->first + i) % QUEUE];
}

static void finish_with_error(struct batch_record *record, const struct failure *error) {
    record->state = RECORD_DONE;
    buffer_free(&record->line);
    record->line = (struct buffer){0};
    if (put_error(record->n, record->request.id, error, &record->line)) return;
    buffer_free(&record->line);
    record->line = (struct buffer){0};
    put_memory_error(record->n, &record->line);
}

static void finish_with_report(struct batch_record *record) {
    const struct report_format *format = record->request.options.format;
    struct buffer text = {0};
    struct failure error;
    record->state = RECORD_DONE;
    if (!format->write(&record->job.report, false, &text) || text.failed ||
        !put_line(format, record->request.id, buffer_span(&text), &record->line)) {
        fail_memory(&error);
        finish_with_error(record, &error);
    }
    buffer_free(&text);
}

/* Reads the request and takes it through the rules. */
static void prepare_record(struct batch *batch, struct batch_record *record, struct span line) {
    struct failure error;
    if (!request_parse(line, batch->options, &record->arena, &record->request, &error)) {
        finish_with_error(record, &error);
        return;
    }
    record->job.options = &record->request.options;
    if (!job_prepare(&record->job, &batch->desk, span_trim(record->request.symptoms), &error)) {
        /* What would be wrong use on a command line is, in a request, wrong input. */
        if (error.status == STATUS_USAGE) error.status = STATUS_INPUT;
        finish_with_error(record, &error);
    } else if (batch->options->rules_only) {
        finish_with_report(record);
    }
}

static void finish_record(struct batch *batch, struct batch_record *record) {
    struct failure error;
    if (job_finish(&record->job, &batch->desk, &error))
        finish_with_report(record);
    else
        finish_with_error(record, &error);
}

static void free_record(struct batch *batch, struct batch_record *record) {
    job_free(&record->job, &batch->desk);
    arena_free(&record->arena);
    buffer_free(&record->line);
    *record = (struct batch_record){0};
}

/* ---- the input */

/* Reads what there is; waits for it only when nothing else is to be done. */
static bool read_more(struct batch *batch, bool waits, struct failure *failure) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    int ready = poll(&input, 1, waits ? -1 : 0);
    if (ready < 0 && errno != EINTR) return fail(failure, STATUS_INPUT, "标准输入:%s", strerror(errno));
    if (ready <= 0) return true;
    char block[READ_BYTES];
    ssize_t got = read(STDIN_FILENO, block, sizeof block);
    if (got < 0 && errno != EINTR) return fail(failure, STATUS_INPUT, "标准输入:%s", strerror(errno));
    if (got == 0) batch->input_over = true;
    if (got <= 0) return true;
    struct buffer *typed = &batch->typed;
    if (batch->typed_from > 0) {
        typed->length -= batch->typed_from;
        batch->typed_searched -= batch->typed_from;
        memmove(typed->data, typed->data + batch->typed_from, typed->length);
        batch->typed_from = 0;
    }
    batch->bytes_read += (uint64_t)got;
    buffer_append(typed, block, (size_t)got);
    return !typed->failed || fail_memory(failure);
}

/* The next whole line, or the last one; false when there is none yet. */
static bool next_line(struct batch *batch, struct span *line) {
    struct buffer *typed = &batch->typed;
    const char *from = typed->data + batch->typed_searched;
    const char *end = typed->length > batch->typed_searched
                          ? memchr(from, '\n', typed->length - batch->typed_searched)
                          : NULL;
    size_t stop = end ? (size_t)(end - typed->data) : typed->length;
    batch->typed_searched = end ? stop + 1 : stop;
    if (!end && stop - batch->typed_from > LINE_LIMIT_BYTES) {
        batch->line_too_long = true;
        typed->length = batch->typed_searched = batch->typed_from; /* its rest is passed over */
        return false;
    }
    if (!end && !(batch->input_over && (stop > batch->typed_from || batch->line_too_long))) return false;
    *line = span_trim(span_between(buffer_span(typed), batch->typed_from, stop));
    batch->typed_from = batch->typed_searched;
    return true;
}

static void take_line(struct batch *batch, struct span line) {
    bool too_long = batch->line_too_long;
    batch->line_too_long = false;
    if ((line.length == 0 && !too_long) || ++batch->n_taken <= batch->n_answered) return;
    struct batch_record *record = record_at(batch, batch->n_queued++);
    *record = (struct batch_record){.n = batch->n_taken};
    struct failure error;
    if (too_long) {
        fail(&error, STATUS_INPUT, "请求:一行超过 %zu 字节", LINE_LIMIT_BYTES);
        finish_with_error(record, &error);
    } else {
        prepare_record(batch, record, line);
    }
}

static bool take_lines(struct batch *batch, struct failure *failure) {
    struct span line;
    while (batch->n_queued < batch->most_queued && !terminal_interrupted()) {
        if (next_line(batch, &line)) {
            take_line(batch, line);
            continue;
        }
        if (batch->input_over) return true;
        size_t before = batch->typed.length - batch->typed_from;
        if (!read_more(batch, batch->n_queued == 0, failure)) return false;
        if (!batch->input_over && batch->typed.length - batch->typed_from == before) return true;
    }
    return true;
}

/* ---- the run */

static void show_progress(struct batch *batch) {
    if (batch->bytes_total == 0 || !batch->progress.visible) return;
    struct timespec now;
    char what[96];
    clock_gettime(CLOCK_MONOTONIC, &now);
    double minutes =
        ((double)(now.tv_sec - batch->begun.tv_sec) + (double)(now.tv_nsec - batch->begun.tv_nsec) * 1e-9) /
        60;
    snprintf(what, sizeof what, "批处理 已完成 %zu 份,每分钟 %.1f 份", batch->n_answered + batch->n_written,
             minutes > 0 ? (double)batch->n_written / minutes : 0);
    batch->progress.shown_percent = -2; /* the counts have changed, if not the share */
    uint64_t left = batch->typed.length - batch->typed_from;
    progress_show(&batch->progress, what, batch->bytes_read - left, batch->bytes_total);
}

/* Writes what is done, as far as nothing before it is still being made. */
static bool write_done(struct batch *batch, struct failure *failure) {
    while (batch->n_queued > 0 && record_at(batch, 0)->state == RECORD_DONE) {
        struct batch_record *record = record_at(batch, 0);
        if (record->line.failed) return fail_memory(failure);
        if (!write_line(batch, buffer_span(&record->line), failure)) return false;
        free_record(batch, record);
        batch->first = (batch->first + 1) % QUEUE;
        batch->n_queued--;
        batch->n_written++;
        show_progress(batch);
    }
    return true;
}

/* Begins waiting records, in order, while there is room. */
static void start_waiting(struct batch *batch) {
    for (size_t i = 0; i < batch->n_queued; i++) {
        struct batch_record *record = record_at(batch, i);
        struct failure error;
        if (record->state != RECORD_WAITING) continue;
        if (!desk_has_room(&batch->desk, &record->job)) return;
        record->state = RECORD_RUNNING;
        if (!job_start(&record->job, &batch->desk, &error)) finish_with_error(record, &error);
    }
}

static bool step_running(struct batch *batch, struct failure *failure) {
    if (!desk_step(&batch->desk, failure)) return false;
    for (size_t i = 0; i < batch->n_queued; i++) {
        struct batch_record *record = record_at(batch, i);
        if (record->state != RECORD_RUNNING || !job_answered(&record->job)) continue;
        finish_record(batch, record);
        if (batch->desk.device_failed)
            return fail(failure, STATUS_RESOURCE, "设备出错,运行终止;--resume 可接着做");
    }
    return true;
}

static bool answer_all(struct batch *batch, struct failure *failure) {
    for (;;) {
        if (!take_lines(batch, failure)) return false;
        start_waiting(batch);
        if (!batch->options->rules_only && !step_running(batch, failure)) return false;
        if (!write_done(batch, failure)) return false;
        bool over = batch->input_over && batch->typed.length == batch->typed_from && !batch->line_too_long;
        if (batch->n_queued == 0 && (over || terminal_interrupted())) return true;
    }
}

static bool prepare(struct batch *batch, struct failure *failure) {
    const struct options *options = batch->options;
    size_t n = (size_t)options->parallel;
    batch->most_queued = 2 * n;
    batch->queue = calloc(QUEUE, sizeof *batch->queue);
    if (!batch->queue) return fail_memory(failure);
    return desk_open(&batch->desk, options, &batch->progress, failure) &&
           (options->rules_only || desk_prepare(&batch->desk, n, desk_tokens(&batch->desk, n), failure)) &&
           open_output(batch, failure);
}

bool command_batch(const struct options *options, struct failure *failure) {
    struct batch batch = {
        .options = options, .output = STDOUT_FILENO, .progress = progress_new(options->quiet)};
    struct stat input;
    if (fstat(STDIN_FILENO, &input) == 0 && S_ISREG(input.st_mode))
        batch.bytes_total = (uint64_t)input.st_size;
    bool done = prepare(&batch, failure);
    clock_gettime(CLOCK_MONOTONIC, &batch.begun);
    terminal_catch_interrupt();
    if (done) done = answer_all(&batch, failure);
    terminal_release_interrupt();
    progress_clear(&batch.progress);
    if (batch.output != STDOUT_FILENO && close(batch.output) != 0 && done)
        done = fail(failure, STATUS_INTERNAL, "%s:不能写入:%s", batch.out_name, strerror(errno));
    for (size_t i = 0; i < batch.n_queued; i++) free_record(&batch, record_at(&batch, i));
    free(batch.queue);
    buffer_free(&batch.typed);
    desk_close(&batch.desk);
    return done;
}
