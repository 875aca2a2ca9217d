#include "cli/clinic/format.h"

const struct report_format *format_find(const char *name) {
    static const struct report_format FORMATS[] = {{"text", format_text}, {"json", format_json}};
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++)
        if (strcmp(FORMATS[i].name, name) == 0) return &FORMATS[i];
    return NULL;
}
