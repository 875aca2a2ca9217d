#include "cli/clinic/markup.h"

/* https://www.w3.org/TR/xml/#charsets; valid UTF-8 holds no surrogates. */
static bool is_xml(uint32_t c) {
    return c >= 0x20 ? c != 0xFFFE && c != 0xFFFF : c == '\t' || c == '\n' || c == '\r';
}

static const char *escape_of(uint32_t c) {
    return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : NULL;
}

static void append(struct buffer *out, struct span text, bool escapes) {
    for (size_t at = 0, bytes; at < text.length; at += bytes) {
        uint32_t c = 0xFFFF;
        bytes = utf8_read(span_between(text, at, text.length), &c);
        if (bytes == 0) bytes = 1; /* no UTF-8: dropped */
        const char *escape = escapes ? escape_of(c) : NULL;
        if (escape)
            buffer_put(out, escape);
        else if (is_xml(c))
            buffer_append(out, text.data + at, bytes);
    }
}

void markup_keep(struct buffer *out, struct span text) {
    append(out, text, false);
}

void markup_escape(struct buffer *out, struct span text) {
    append(out, text, true);
}
