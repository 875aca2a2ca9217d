#include "cli/clinic/classes.h"

struct word_class {
    const char *name;
    struct strings words;
};

/* No phrase is longer, and no pattern means more of them: beyond lies a mistake in a data file. */
enum { LONGEST_PHRASE_BYTES = 96, MOST_PHRASES = 20000 };

struct expansion {
    const struct classes *classes;
    const char *pattern, *place; /* for messages */
    struct arena *arena;
    struct strings *phrases;
    struct failure *failure;
    char phrase[LONGEST_PHRASE_BYTES]; /* so far */
};

static bool refuse(const struct expansion *in, const char *why) {
    return fail(in->failure, STATUS_INPUT, "%s:“%s”%s", in->place, in->pattern, why);
}

static const struct word_class *find_class(const struct classes *classes, struct span name) {
    for (size_t i = 0; i < classes->count; i++)
        if (span_is(name, classes->items[i].name)) return &classes->items[i];
    return NULL;
}

static bool add_phrase(const struct expansion *in, size_t length) {
    struct strings *phrases = in->phrases;
    if (length == 0) return refuse(in, "可以一字不剩");
    if (phrases->count >= MOST_PHRASES) return refuse(in, "展开得太多");
    const char **items = arena_grow(in->arena, phrases->items, phrases->count, sizeof *items);
    const char *copy = arena_copy(in->arena, (struct span){in->phrase, length});
    if (!items || !copy) return fail_memory(in->failure);
    items[phrases->count++] = copy;
    phrases->items = items;
    return true;
}

static bool expand(struct expansion *in, size_t length, struct span rest);

/* Goes on with a piece of text behind the phrase so far. */
static bool expand_with(struct expansion *in, size_t length, struct span piece, struct span rest) {
    if (length + piece.length > sizeof in->phrase) return refuse(in, "展开得太长");
    memcpy(in->phrase + length, piece.data, piece.length);
    return expand(in, length + piece.length, rest);
}

static bool expand_class(struct expansion *in, size_t length, struct span name, struct span rest) {
    const struct word_class *class = find_class(in->classes, name);
    if (!class)
        return fail(in->failure, STATUS_INPUT, "%s:“%s”中的 {%.*s} 不是 classes 中的名称", in->place,
                    in->pattern, (int)name.length, name.data);
    for (size_t i = 0; i < class->words.count; i++)
        if (!expand_with(in, length, span_of(class->words.items[i]), rest)) return false;
    return true;
}

static bool is_opening(char c) {
    return c == '{' || c == '[' || c == '(';
}

static bool is_closing(char c) {
    return c == '}' || c == ']' || c == ')';
}

/* Where `mark`, or the bracket that closes what is open at the start, stands outside further brackets;
 * SIZE_MAX without one. */
static size_t find_outside(struct span text, size_t from, char mark) {
    for (size_t i = from, depth = 0; i < text.length; i++) {
        if (depth == 0 && text.data[i] == mark) return i;
        if (is_opening(text.data[i])) depth++;
        if (is_closing(text.data[i]) && depth-- == 0) return SIZE_MAX;
    }
    return SIZE_MAX;
}

/* Goes on with one choice, a pattern itself, and what stands behind the brackets. */
static bool expand_choice(struct expansion *in, size_t length, struct span choice, struct span rest) {
    size_t plain = 0;
    while (plain < choice.length && !is_opening(choice.data[plain])) plain++;
    if (plain == choice.length) return expand_with(in, length, choice, rest);
    char *both = arena_new(in->arena, choice.length + rest.length);
    if (!both) return fail_memory(in->failure);
    memcpy(both, choice.data, choice.length);
    memcpy(both + choice.length, rest.data, rest.length);
    return expand(in, length, (struct span){both, choice.length + rest.length});
}

/* With each of the choices "A|B". */
static bool expand_choices(struct expansion *in, size_t length, struct span choices, struct span rest) {
    for (;;) {
        size_t end = find_outside(choices, 0, '|');
        struct span choice = span_between(choices, 0, end == SIZE_MAX ? choices.length : end);
        if (!expand_choice(in, length, choice, rest)) return false;
        if (end == SIZE_MAX) return true;
        choices = span_between(choices, end + 1, choices.length);
    }
}

/* All ways to go on from phrase[0, length) with the rest of the pattern. */
static bool expand(struct expansion *in, size_t length, struct span rest) {
    static const char OPENING[] = "{[(", CLOSING[] = "}])";
    size_t plain = 0;
    while (plain < rest.length && !strchr("{}[]()", rest.data[plain])) plain++;
    if (plain)
        return expand_with(in, length, span_between(rest, 0, plain), span_between(rest, plain, rest.length));
    if (rest.length == 0) return add_phrase(in, length);
    const char *kind = strchr(OPENING, rest.data[0]);
    size_t inner_end = kind ? find_outside(rest, 1, CLOSING[kind - OPENING]) : SIZE_MAX;
    if (inner_end == SIZE_MAX) return refuse(in, "的括号不成对");
    struct span inner = span_between(rest, 1, inner_end),
                after = span_between(rest, inner_end + 1, rest.length);
    if (*kind == '{') return expand_class(in, length, inner, after);
    if (*kind == '[' && !expand(in, length, after)) return false;
    return expand_choices(in, length, inner, after);
}

bool classes_expand(const struct classes *classes, const char *pattern, const char *place,
                    struct arena *arena, struct strings *phrases, struct failure *failure) {
    struct expansion in = {classes, pattern, place, arena, phrases, failure, {0}};
    struct plain_text plain;
    *phrases = (struct strings){0};
    return text_plain(arena, span_of(pattern), &plain) ? expand(&in, 0, plain_span(&plain))
                                                       : fail_memory(failure);
}

static bool load_class(struct classes *classes, const struct record *object, const char *name,
                       struct arena *arena, struct failure *failure) {
    struct strings patterns, phrases = {0};
    struct word_class *items = arena_grow(arena, classes->items, classes->count, sizeof *items);
    if (!items) return fail_memory(failure);
    classes->items = items;
    struct word_class class = {.name = arena_copy(arena, span_of(name))};
    if (!class.name) return fail_memory(failure);
    if (!record_strings(object, name, arena, &patterns, failure)) return false;
    for (size_t i = 0; i < patterns.count; i++) {
        if (!classes_expand(classes, patterns.items[i], object->place, arena, &phrases, failure))
            return false;
        for (size_t j = 0; j < phrases.count; j++)
            if (!strings_add(&class.words, arena, phrases.items[j])) return fail_memory(failure);
    }
    items[classes->count++] = class;
    return true;
}

bool classes_load(struct classes *classes, const struct record *root, const char *field, struct arena *arena,
                  struct failure *failure) {
    struct record object;
    if (!record_open(root, field, &object, failure)) return false;
    const char *name;
    json_t *words;
    json_object_foreach((json_t *)object.object, name, words) {
        if (!load_class(classes, &object, name, arena, failure)) return false;
    }
    return true;
}
