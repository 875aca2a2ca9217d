#include "error.h"

#include <stdarg.h>
#include <stdio.h>

const char *youtu_status_name(youtu_status status) {
    switch (status) {
    case YOUTU_OK: return "ok";
    case YOUTU_E_ARGUMENT: return "argument";
    case YOUTU_E_IO: return "io";
    case YOUTU_E_FORMAT: return "format";
    case YOUTU_E_UNSUPPORTED: return "unsupported";
    case YOUTU_E_TEXT: return "text";
    case YOUTU_E_FULL: return "full";
    case YOUTU_E_MEMORY: return "memory";
    case YOUTU_E_NUMERIC: return "numeric";
    case YOUTU_E_DEVICE: return "device";
    }
    return "unknown";
}

/* Drops a character that snprintf cut in the middle: bytes 10xxxxxx belong to the lead byte before them. */
static void trim_partial_character(char *text, size_t length) {
    size_t start = length;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) start--;
    if (start == 0) return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (length - (start - 1) < need) text[start - 1] = '\0';
}

youtu_status youtu_fail(youtu_error *error, youtu_status status, const char *format, ...) {
    if (!error) return status;
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    if (written < 0) error->message[0] = '\0';
    if (written >= (int)sizeof error->message)
        trim_partial_character(error->message, sizeof error->message - 1);
    for (char *c = error->message; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = '?';
    return status;
}

youtu_status youtu_fail_memory(youtu_error *error, const char *purpose, size_t bytes) {
    return youtu_fail(error, YOUTU_E_MEMORY, "out of memory: %s needs %zu bytes", purpose, bytes);
}
