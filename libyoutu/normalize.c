#include "normalize.h"

#include <string.h>
#include <utf8proc.h>

#include "array.h"
#include "error.h"
#include "unicode.h"
#include "utf8.h"

#define MOST_DECOMPOSED 4 /* characters that one becomes in form D */

/* Below U+0300 there are no combining marks and nothing that composes. */
static bool is_below_marks(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((uint8_t)text[i] >= 0xCC) return false;
    return true;
}

static youtu_status decompose(const char *text, size_t length, int32_t **out, size_t *count,
                              youtu_error *error) {
    int32_t *points = NULL;
    size_t capacity = 0, n = 0, bytes;
    for (size_t at = 0; at < length; at += bytes) {
        if (!array_reserve((void **)&points, &capacity, n + MOST_DECOMPOSED, sizeof *points)) {
            free(points);
            return youtu_fail_memory(error, "normalising text", (n + MOST_DECOMPOSED) * sizeof *points);
        }
        int32_t point = (int32_t)unicode_point(text + at, &bytes);
        utf8proc_ssize_t made = utf8proc_decompose_char(point, points + n, MOST_DECOMPOSED,
                                                        UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, NULL);
        if (made < 1 || made > MOST_DECOMPOSED) { /* unknown to utf8proc: as it is */
            points[n] = point;
            made = 1;
        }
        n += (size_t)made;
    }
    *out = points;
    *count = n;
    return YOUTU_OK;
}

static int class_of(int32_t point) {
    return utf8proc_get_property(point)->combining_class;
}

/* Sorts marks [n] by combining class, equal ones in their order, by counting: a text may be one run of marks,
 * for which utf8proc's own way is quadratic. sorted [n] is scratch. */
static void sort_marks(int32_t *marks, size_t n, int32_t *sorted) {
    size_t starts[256 + 1] = {0};
    for (size_t i = 0; i < n; i++) starts[class_of(marks[i]) + 1]++;
    for (int c = 1; c < 256; c++) starts[c] += starts[c - 1];
    for (size_t i = 0; i < n; i++) sorted[starts[class_of(marks[i])]++] = marks[i];
    for (size_t i = 0; i < n; i++) marks[i] = sorted[i];
}

static youtu_status order_marks(int32_t *points, size_t count, youtu_error *error) {
    int32_t *sorted = NULL;
    size_t capacity = 0;
    for (size_t i = 0, end; i < count; i = end) {
        bool is_sorted = true;
        for (end = i; end < count && class_of(points[end]) > 0; end++)
            is_sorted = is_sorted && (end == i || class_of(points[end - 1]) <= class_of(points[end]));
        if (!is_sorted) {
            if (!array_reserve((void **)&sorted, &capacity, end - i, sizeof *sorted)) {
                free(sorted);
                return youtu_fail_memory(error, "normalising text", (end - i) * sizeof *sorted);
            }
            sort_marks(points + i, end - i, sorted);
        }
        end += end == i;
    }
    free(sorted);
    return YOUTU_OK;
}

/* Composes in place; returns how many remain. utf8proc up to 2.8 takes U+11A7, which stands before the first
 * trailing Hangul consonant, for one and loses it after a syllable: no piece holds it but at its beginning.
 */
static size_t compose(int32_t *points, size_t count) {
    size_t composed = 0;
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count && points[end] != 0x11A7;) end++;
        utf8proc_ssize_t n = utf8proc_normalize_utf32(points + start, (utf8proc_ssize_t)(end - start),
                                                      UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        memmove(points + composed, points + start, (size_t)n * sizeof *points);
        composed += (size_t)n;
    }
    return composed;
}

/* The code points [count] as UTF-8, allocated; NULL when memory is refused. */
static char *encode_points(const int32_t *points, size_t count, size_t *length) {
    char *text = array_new(count, 4);
    *length = 0;
    for (size_t i = 0; text && i < count; i++) *length += utf8_encode((uint32_t)points[i], text + *length);
    return text;
}

youtu_status normalize_nfc(const char *text, size_t length, char **out, size_t *out_length,
                           youtu_error *error) {
    *out = NULL;
    if (is_below_marks(text, length)) return YOUTU_OK;
    int32_t *points = NULL;
    size_t count = 0;
    youtu_status status = decompose(text, length, &points, &count, error);
    if (status == YOUTU_OK) status = order_marks(points, count, error);
    if (status == YOUTU_OK) {
        count = compose(points, count);
        *out = encode_points(points, count, out_length);
        if (!*out) status = youtu_fail_memory(error, "normalising text", count * 4);
    }
    free(points);
    return status;
}
