/* Many reports: one request a line in, one report a line out, in order.
 *
 * A line that cannot be answered is answered by {"error": {...}} and ends nothing. With --output the lines are
 * appended as they come, so that a killed run can go on where its file ends (--resume): output line n answers
 * request n, blank input lines aside. */
#include "cli/clinic/report.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/request.h"
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct batch {
    const struct options *options;
    struct clinic clinic;
    int output;           /* descriptor */
    const char *out_name; /* for messages */
    size_t n_done;        /* requests that the output answers already */
    char *line;           /* getline's */
    size_t line_capacity;
    struct progress progress;
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
                batch->n_done++;
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

/* ---- one request */

static bool make_report(struct batch *batch, const struct request *request, struct buffer *out,
                        struct failure *failure) {
    const struct options *options = &request->options;
    struct report report;
    struct buffer text = {0};
    bool made = report_begin(&report, &batch->clinic, &options->patient, options->department,
                             span_trim(request->symptoms), options->confidence, failure) &&
                ((options->format->write(&report, false, &text) &&
                  put_line(options->format, request->id, buffer_span(&text), out)) ||
                 fail_memory(failure));
    buffer_free(&text);
    report_free(&report);
    return made;
}

/* Answers request n, by an error line when it cannot be. */
static bool answer(struct batch *batch, struct span line, size_t n, struct failure *failure) {
    struct arena arena = {0};
    struct request request = {0};
    struct failure error;
    struct buffer out = {0};
    bool done = (request_parse(line, batch->options, &arena, &request, &error) &&
                 make_report(batch, &request, &out, &error)) ||
                (error.status != STATUS_RESOURCE && put_error(n, request.id, &error, &out)) ||
                fail_memory(failure);
    if (done) done = descriptor_write(batch->output, buffer_span(&out), batch->out_name, failure);
    buffer_free(&out);
    arena_free(&arena);
    return done;
}

/* ---- the input */

/* The next line without its end; *line's data NULL at the end of the input. */
static bool read_line(struct batch *batch, struct span *line, struct failure *failure) {
    errno = 0;
    ssize_t length = getline(&batch->line, &batch->line_capacity, stdin);
    *line = (struct span){NULL, 0};
    if (length < 0 && errno == ENOMEM) return fail_memory(failure);
    if (length < 0 && ferror(stdin)) return fail(failure, STATUS_INPUT, "标准输入:%s", strerror(errno));
    if (length < 0) return true;
    batch->bytes_read += (uint64_t)length;
    *line = span_trim((struct span){batch->line, (size_t)length});
    return true;
}

static bool answer_all(struct batch *batch, struct failure *failure) {
    struct span line;
    size_t n = 0;
    while (read_line(batch, &line, failure)) {
        if (!line.data) return true;
        if (batch->bytes_total)
            progress_show(&batch->progress, "批处理", batch->bytes_read, batch->bytes_total);
        if (line.length == 0 || ++n <= batch->n_done) continue;
        if (!answer(batch, line, n, failure)) return false;
        if (terminal_interrupted()) return true;
    }
    return false;
}

bool command_batch(const struct options *options, struct failure *failure) {
    struct batch batch = {
        .options = options, .output = STDOUT_FILENO, .progress = progress_new(options->quiet)};
    struct stat input;
    if (fstat(STDIN_FILENO, &input) == 0 && S_ISREG(input.st_mode))
        batch.bytes_total = (uint64_t)input.st_size;
    bool done = clinic_open(&batch.clinic, options->kb, failure) && open_output(&batch, failure);
    terminal_catch_interrupt();
    if (done) done = answer_all(&batch, failure);
    terminal_release_interrupt();
    progress_clear(&batch.progress);
    if (batch.output != STDOUT_FILENO && close(batch.output) != 0 && done)
        done = fail(failure, STATUS_INTERNAL, "%s:不能写入:%s", batch.out_name, strerror(errno));
    free(batch.line);
    clinic_close(&batch.clinic);
    return done;
}
