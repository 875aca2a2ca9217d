#include "cli/clinic/format.h"

const struct report_format *format_find(const char *name) {
#define FORMAT_ENTRY(name) {FORMAT_NAME(name), format_##name},
    static const struct report_format FORMATS[] = {REPORT_FORMATS(FORMAT_ENTRY, )};
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++)
        if (strcmp(FORMATS[i].name, name) == 0) return &FORMATS[i];
    return NULL;
}
