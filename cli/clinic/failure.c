#include "cli/clinic/failure.h"

#include "cli/clinic/text.h"

#include <stdarg.h>
#include <stdio.h>

/* One line of whole characters: control characters and bytes of no character (of a value cut short, or of the
 * cut at the end) become '?'. */
static void make_presentable(char *message) {
    for (struct span rest = span_of(message); rest.length;) {
        uint32_t character;
        size_t bytes = utf8_read(rest, &character);
        bool shown = bytes > 0 && character >= 0x20 && character != 0x7F;
        if (!shown) message[rest.data - message] = '?';
        rest = span_between(rest, shown ? bytes : 1, rest.length);
    }
}

bool fail(struct failure *failure, enum exit_status status, const char *format, ...) {
    failure->status = status;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(failure->message, sizeof failure->message, format, arguments) < 0)
        failure->message[0] = '\0';
    va_end(arguments);
    make_presentable(failure->message);
    return false;
}

bool fail_memory(struct failure *failure) {
    return fail(failure, STATUS_RESOURCE, "内存不足");
}
