#include "cli/token_classes.h"

#include "cli/clinic/answer.h"

enum token_class {
    CLASS_CONTROL,      /* special, or without bytes */
    CLASS_FRAGMENT,     /* begins within a character */
    CLASS_HARMFUL,      /* see token_classes.h */
    CLASS_LINE_END,     /* "\n" */
    CLASS_SENTENCE_END, /* "。\n" */
    CLASS_OPENING,      /* may open a line */
    CLASS_TEXT
};

/* The bytes that a character takes which begins with this byte; 0: none does. */
static size_t character_bytes(char first) {
    unsigned char byte = (unsigned char)first;
    return byte < 0x80 ? 1 : byte < 0xC2 ? 0 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : byte < 0xF5 ? 4 : 0;
}

size_t unfinished_bytes(struct span text) {
    for (size_t n = 1; n <= 3 && n <= text.length; n++) {
        char byte = text.data[text.length - n];
        if (!utf8_continues(byte)) return character_bytes(byte) > n ? n : 0;
    }
    return 0;
}

static bool is_visible(uint32_t c) {
    if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return false;
    static const struct {
        uint32_t first, last;
    } UNSEEN[] = {{0xAD, 0xAD},     {0x34F, 0x34F},   {0x61C, 0x61C},   {0x115F, 0x1160},
                  {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x200B, 0x200F}, {0x2028, 0x202E},
                  {0x2060, 0x206F}, {0x3164, 0x3164}, {0xE000, 0xF8FF}, {0xFE00, 0xFE0F},
                  {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFF}, {0x40000, 0x10FFFF}};
    for (size_t i = 0; i < sizeof UNSEEN / sizeof *UNSEEN; i++)
        if (c >= UNSEEN[i].first && c <= UNSEEN[i].last) return false;
    return true;
}

static bool opens_line(uint32_t c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= 0x4E00 && c <= 0x9FFF);
}

/* Whether the bytes (fewer than its first asks for) begin visible characters: no overlong form, surrogate,
 * private use, unassigned plane. */
static bool may_become_visible(struct span bytes) {
    unsigned char first = (unsigned char)bytes.data[0];
    unsigned char second = bytes.length > 1 ? (unsigned char)bytes.data[1] : 0;
    if (first == 0xEE || first >= 0xF1) return false;
    if (second == 0) return true;
    return !(first == 0xE0 && second < 0xA0) && !(first == 0xEF && second < 0xA4) &&
           !(first == 0xED && second > 0x9F) && !(first == 0xF0 && second < 0x90);
}

/* Whether the text is visible characters, but for the last one's rest; *first: the first character, 0 when it is not
 * whole. */
static bool is_clean(struct span text, uint32_t *first) {
    size_t tail = unfinished_bytes(text);
    *first = 0;
    if (tail && !may_become_visible(span_between(text, text.length - tail, text.length))) return false;
    for (size_t at = 0, length; at + tail < text.length; at += length) {
        uint32_t c;
        length = utf8_read(span_between(text, at, text.length), &c);
        if (length == 0 || !is_visible(c)) return false;
        if (at == 0) *first = c;
    }
    return true;
}

/* Whether bytes that are no whole character can become U+4E00 to U+9FFF alone. */
static bool begins_ideograph(struct span text) {
    unsigned char first = text.length ? (unsigned char)text.data[0] : 0;
    if (first == 0xE4) return text.length > 1 && (unsigned char)text.data[1] >= 0xB8;
    return first >= 0xE5 && first <= 0xE9;
}

static struct span bytes_of(const struct token_classes *classes, int32_t token) {
    size_t length = 0;
    const char *bytes = token < youtu_tokenizer_vocab_size(classes->tokenizer)
                            ? youtu_token_bytes(classes->tokenizer, token, &length)
                            : NULL;
    return bytes ? (struct span){bytes, length} : (struct span){"", 0};
}

bool ends_sentence(struct span line) {
    static const char *const ENDS[] = {"。", "!", "?", "\xEF\xBC\x81", "\xEF\xBC\x9F", "…", NULL};
    return ends_with_any(line, ENDS) > 0;
}

static enum token_class class_of(const struct token_classes *classes, int32_t token) {
    struct span text = bytes_of(classes, token);
    if (text.length == 0 || youtu_token_is_special(classes->tokenizer, token)) return CLASS_CONTROL;
    if (utf8_continues(text.data[0])) return CLASS_FRAGMENT;
    if (span_is(text, "\n")) return CLASS_LINE_END;
    bool ends_line = text.data[text.length - 1] == '\n';
    if (ends_line) text.length--;
    uint32_t first;
    if (!is_clean(text, &first)) return CLASS_HARMFUL;
    if (ends_line) return ends_sentence(text) ? CLASS_SENTENCE_END : CLASS_HARMFUL;
    bool opens = first ? opens_line(first) : begins_ideograph(text);
    return opens && !answer_begins_title(text) ? CLASS_OPENING : CLASS_TEXT;
}

/* Collects the tokens of the classes (a set of bits). except: one to be left out, or -1; keeps_ends: the model's end
 * tokens too. */
static bool collect(struct token_classes *classes, const unsigned char *class, unsigned set, int32_t except,
                    const youtu_model *keeps_ends, struct token_list *list) {
    size_t count = 0;
    for (int32_t i = 0; i < classes->vocab_size; i++) count += set >> class[i] & 1;
    list->ids = arena_new(&classes->arena, (count ? count : 1) * sizeof *list->ids);
    if (!list->ids) return false;
    for (int32_t i = 0; i < classes->vocab_size; i++)
        if ((set >> class[i] & 1) && i != except && !(keeps_ends && youtu_model_is_end(keeps_ends, i)))
            list->ids[list->count++] = i;
    return true;
}

bool token_classes_build(struct token_classes *classes, const youtu_model *model, int32_t kept) {
    youtu_model_info info = {.size = sizeof info};
    youtu_model_get_info(model, &info);
    *classes =
        (struct token_classes){.tokenizer = youtu_model_tokenizer(model), .vocab_size = info.vocab_size};
    unsigned char *class = arena_new(&classes->arena, (size_t)info.vocab_size);
    if (!class) return false;
    for (int32_t i = 0; i < info.vocab_size; i++) class[i] = (unsigned char)class_of(classes, i);
    const unsigned control = 1U << CLASS_CONTROL, fragment = 1U << CLASS_FRAGMENT;
    const unsigned anywhere = control | fragment | 1U << CLASS_HARMFUL;
    const unsigned inside = anywhere | 1U << CLASS_LINE_END;
    const unsigned opening = inside | 1U << CLASS_SENTENCE_END | 1U << CLASS_TEXT;
    return collect(classes, class, control, kept, NULL, &classes->reasoning) &&
           collect(classes, class, anywhere, -1, NULL, &classes->anywhere) &&
           collect(classes, class, anywhere, -1, model, &classes->anywhere_or_end) &&
           collect(classes, class, inside, -1, NULL, &classes->inside) &&
           collect(classes, class, opening, -1, NULL, &classes->opening) &&
           collect(classes, class, opening, -1, model, &classes->opening_or_end) &&
           collect(classes, class, fragment, -1, NULL, &classes->fragments);
}

void token_classes_free(struct token_classes *classes) {
    arena_free(&classes->arena);
    *classes = (struct token_classes){0};
}

/* Longer tokens are not looked at: they are left out. */
enum { MOST_FRAGMENT_BYTES = 64 };

size_t fragments_after(const struct token_classes *classes, struct span line, bool opens, int32_t *ids) {
    size_t tail = unfinished_bytes(line), count = 0;
    char joined[3 + MOST_FRAGMENT_BYTES];
    memcpy(joined, line.data + (line.length - tail), tail);
    for (size_t i = 0; i < classes->fragments.count; i++) {
        struct span rest = bytes_of(classes, classes->fragments.ids[i]);
        if (rest.length > MOST_FRAGMENT_BYTES || memchr(rest.data, '\n', rest.length)) continue;
        memcpy(joined + tail, rest.data, rest.length);
        struct span text = {joined, tail + rest.length};
        uint32_t first;
        if (is_clean(text, &first) && (!opens || first == 0 || opens_line(first)))
            ids[count++] = classes->fragments.ids[i];
    }
    return count;
}

size_t tokens_to_title(const struct token_classes *classes, struct span line, int32_t *ids) {
    char joined[128];
    size_t count = 0;
    if (line.length >= sizeof joined) return 0;
    memcpy(joined, line.data, line.length);
    for (int32_t i = 0; i < classes->vocab_size; i++) {
        struct span rest = bytes_of(classes, i);
        size_t taken = sizeof joined - line.length;
        if (taken > rest.length) taken = rest.length;
        memcpy(joined + line.length, rest.data, taken);
        if (answer_begins_title((struct span){joined, line.length + taken})) ids[count++] = i;
    }
    return count;
}
