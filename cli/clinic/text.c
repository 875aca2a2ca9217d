#include "cli/clinic/text.h"

#include "cli/clinic/arena.h"

#include <inttypes.h>

size_t span_find(struct span span, struct span part, size_t from) {
    if (part.length == 0 || from > span.length) return SIZE_MAX;
    const char *found = memmem(span.data + from, span.length - from, part.data, part.length);
    return found ? (size_t)(found - span.data) : SIZE_MAX;
}

size_t starts_with_any(struct span span, const char *const *words) {
    size_t longest = 0;
    if (span.length == 0 || utf8_continues(span.data[0])) return 0;
    for (; *words; words++) {
        size_t length = span_word(span, *words);
        if (length > longest) longest = length;
    }
    return longest;
}

size_t ends_with_any(struct span span, const char *const *words) {
    size_t longest = 0;
    for (; *words; words++) {
        struct span word = span_of(*words);
        if (word.length > longest && span_ends(span, word)) longest = word.length;
    }
    return longest;
}

size_t skip_any(struct span text, size_t at, const char *const *words) {
    return at < text.length ? at + starts_with_any(span_between(text, at, text.length), words) : at;
}

bool contains_any(struct span span, const char *const *words) {
    for (; *words; words++)
        if (span_find(span, span_of(*words), 0) != SIZE_MAX) return true;
    return false;
}

size_t utf8_read(struct span span, uint32_t *character) {
    const unsigned char *byte = (const unsigned char *)span.data;
    if (span.length == 0) return 0;
    if (byte[0] < 0x80) return *character = byte[0], 1;
    size_t length = byte[0] >= 0xF0 ? 4 : byte[0] >= 0xE0 ? 3 : 2;
    if (byte[0] < 0xC2 || byte[0] > 0xF4 || span.length < length) return 0;
    uint32_t value = byte[0] & (0xFFU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (!utf8_continues(span.data[i])) return 0;
        value = value << 6 | (byte[i] & 0x3FU);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool surrogate = value >= 0xD800 && value < 0xE000;
    if (value < least[length] || value > 0x10FFFF || surrogate) return 0;
    *character = value;
    return length;
}

size_t utf8_write(uint32_t character, char out[4]) {
    if (character < 0x80) return out[0] = (char)character, 1;
    size_t length = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1; character >>= 6) out[i] = (char)(0x80 | (character & 0x3F));
    out[0] = (char)((0xF00U >> length & 0xFFU) | character);
    return length;
}

static bool is_blank(uint32_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
           c == 0x3000;
}

/* Characters that show nothing: zero-width spaces and joiners, soft hyphen, byte order mark. */
static bool is_invisible(uint32_t c) {
    return (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x2064) ||
           c == 0xAD || c == 0xFEFF;
}

struct span span_trim(struct span span) {
    uint32_t c;
    size_t bytes;
    while ((bytes = utf8_read(span, &c)) && is_blank(c)) span = span_between(span, bytes, span.length);
    while (span.length) {
        size_t start = span.length - 1;
        while (start > 0 && utf8_continues(span.data[start])) start--;
        if (!utf8_read(span_between(span, start, span.length), &c) || !is_blank(c)) break;
        span.length = start;
    }
    return span;
}

bool text_check_encoding(struct span text, const char *where, struct failure *failure) {
    for (size_t at = 0; at < text.length;) {
        uint32_t c;
        size_t bytes = utf8_read(span_between(text, at, text.length), &c);
        if (bytes == 0)
            return fail(failure, STATUS_INPUT,
                        "%s:第 %zu 字节(0x%02X)处不是有效的 UTF-8;请把文本转换为 UTF-8", where, at,
                        (unsigned char)text.data[at]);
        if (c == 0) return fail(failure, STATUS_INPUT, "%s:第 %zu 字节处是 NUL,不是文本", where, at);
        at += bytes;
    }
    return true;
}

bool text_check(struct span text, const char *where, struct failure *failure) {
    if (text.length > TEXT_LIMIT_BYTES)
        return fail(failure, STATUS_INPUT, "%s:%zu 字节,超过上限 %zu 字节;请缩短文本", where, text.length,
                    TEXT_LIMIT_BYTES);
    if (!text_check_encoding(text, where, failure)) return false;
    uint32_t c;
    for (size_t at = 0; at < text.length;) {
        at += utf8_read(span_between(text, at, text.length), &c);
        if (!is_blank(c) && !is_invisible(c)) return true;
    }
    return fail(failure, STATUS_INPUT, "%s:没有内容;请写出患者的不适", where);
}

uint32_t simplified(uint32_t c) {
    if (c < 0x3400 || c > 0x9FFF) return c;
    static const struct {
        uint16_t traditional, simplified;
    } FORMS[] = {
#include "cli/clinic/traditional.inc"
    };
    size_t low = 0, high = sizeof FORMS / sizeof *FORMS;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (FORMS[middle].traditional == c) return FORMS[middle].simplified;
        if (FORMS[middle].traditional < c)
            low = middle + 1;
        else
            high = middle;
    }
    return c;
}

/* The plain form of a character; 0 when it is dropped. */
static uint32_t plain_character(uint32_t c) {
    if (is_invisible(c)) return 0;
    if (c != '\n' && is_blank(c)) return ' ';
    if (c == 0x301C || c == 0x2013 || c == 0x2014) return '-'; /* wave dash, en dash, em dash */
    if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : simplified(c);
}

bool text_plain(struct arena *arena, struct span source, struct plain_text *plain) {
    char *data = arena_new(arena, source.length + 1);
    uint32_t *origin = arena_new(arena, (source.length + 1) * sizeof *origin);
    if (!data || !origin) return false;
    size_t length = 0;
    for (size_t at = 0; at < source.length;) {
        uint32_t c = 0;
        size_t bytes = utf8_read(span_between(source, at, source.length), &c);
        uint32_t mapped = plain_character(c);
        /* A form is never longer than its source, so the copy fits. */
        size_t written = mapped ? utf8_write(mapped, data + length) : 0;
        for (size_t i = 0; i < written; i++) origin[length + i] = (uint32_t)at;
        length += written;
        at += bytes;
    }
    origin[length] = (uint32_t)source.length;
    *plain = (struct plain_text){data, origin, length};
    return true;
}
