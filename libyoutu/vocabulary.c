#include "vocabulary.h"

#include <string.h>

#include "array.h"
#include "byte_level.h"
#include "error.h"

static uint64_t mix(uint64_t a, uint64_t b) {
    a = (a ^ b) * 0x9E3779B97F4A7C15u;
    return a ^ a >> 32;
}

/* Eight bytes at a time: it stands before every word that is encoded. */
static uint64_t hash_bytes(const char *bytes, size_t length) {
    uint64_t hash = length, word = 0;
    for (; length >= 8; bytes += 8, length -= 8) {
        memcpy(&word, bytes, 8);
        hash = mix(hash, word);
    }
    if (length >= 4) {
        uint32_t first, last; /* overlapping */
        memcpy(&first, bytes, 4);
        memcpy(&last, bytes + length - 4, 4);
        return mix(hash, (uint64_t)first << 32 | last);
    }
    if (length > 0) {
        const unsigned char *b = (const unsigned char *)bytes;
        hash = mix(hash, (uint64_t)b[0] << 16 | (uint64_t)b[length / 2] << 8 | b[length - 1]);
    }
    return hash;
}

/* The slot that holds these bytes, or the empty one where they would go. */
static word_slot *find_slot(const vocabulary *vocab, token_spelling kind, const char *bytes, size_t length) {
    uint64_t hash = hash_bytes(bytes, length);
    uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t i = hash & vocab->mask;; i = (i + 1) & vocab->mask) {
        word_slot *slot = &vocab->slots[i];
        if (slot->id < 0) return slot;
        if (slot->tag != tag || slot->spelling != kind) continue;
        token_span span = vocab->spans[slot->id];
        if (span.length == length && memcmp(vocab->bytes + span.start, bytes, length) == 0) return slot;
    }
}

int32_t vocabulary_find(const vocabulary *vocab, token_spelling kind, const char *bytes, size_t length) {
    return find_slot(vocab, kind, bytes, length)->id;
}

word_slot *vocabulary_slot(const vocabulary *vocab, const char *bytes, size_t length) {
    word_slot *slot = find_slot(vocab, SPELLING_BYTES, bytes, length);
    return slot->id < 0 ? NULL : slot;
}

/* Room for ids below n_ids, new ones without a token. */
static youtu_status grow_ids(vocabulary *vocab, int32_t n_ids, youtu_error *error) {
    if (n_ids <= vocab->n_ids) return YOUTU_OK;
    token_span *grown = realloc(vocab->spans, (size_t)n_ids * sizeof *grown);
    if (!grown) return youtu_fail_memory(error, "the vocabulary", (size_t)n_ids * sizeof *grown);
    memset(grown + vocab->n_ids, 0, (size_t)(n_ids - vocab->n_ids) * sizeof *grown);
    vocab->spans = grown;
    vocab->n_ids = n_ids;
    return YOUTU_OK;
}

youtu_status vocabulary_set(vocabulary *vocab, int32_t id, const char *bytes, size_t length,
                            youtu_error *error) {
    youtu_status status = grow_ids(vocab, id + 1, error);
    if (status != YOUTU_OK) return status;
    if (vocab->n_bytes + length > UINT32_MAX ||
        !array_reserve((void **)&vocab->bytes, &vocab->bytes_capacity, vocab->n_bytes + length, 1))
        return youtu_fail_memory(error, "the vocabulary", vocab->n_bytes + length);
    memcpy(vocab->bytes + vocab->n_bytes, bytes, length);
    vocab->spans[id] = (token_span){(uint32_t)vocab->n_bytes, (uint32_t)length};
    vocab->n_bytes += length;
    return YOUTU_OK;
}

/* Appends an entry's bytes: of the alphabet, or literally when it has a character that is not of it. */
static token_spelling read_entry(const json *document, json_node key, vocabulary *vocab) {
    for (token_spelling kind = SPELLING_BYTES;; kind = SPELLING_LITERAL) {
        char *end = vocab->bytes + vocab->n_bytes, character[4];
        bool in_alphabet = true;
        json_reader reader = json_read_string(document, key);
        for (size_t n; in_alphabet && (n = json_read_character(&reader, character)) > 0;) {
            int byte = byte_level_byte(character, n);
            in_alphabet = byte >= 0 || kind == SPELLING_LITERAL;
            if (kind == SPELLING_BYTES) {
                character[0] = (char)byte;
                n = 1;
            }
            memcpy(end, character, n);
            end += n;
        }
        if (!in_alphabet) continue;
        vocab->n_bytes = (size_t)(end - vocab->bytes);
        return kind;
    }
}

static youtu_status load_entry(const json *document, json_node key, vocabulary *vocab, youtu_error *error) {
    int64_t id;
    json_node value = json_value(document, key);
    youtu_status status = json_to_int(document, value, NULL, 0, VOCABULARY_MAX_ID, &id, error);
    if (status == YOUTU_OK && id >= vocab->n_ids) /* by doubling: ids mostly come in order */
        status = grow_ids(vocab, (int32_t)(2 * id + 1), error);
    if (status != YOUTU_OK) return status;
    size_t start = vocab->n_bytes;
    token_spelling kind = read_entry(document, key, vocab);
    size_t length = vocab->n_bytes - start;
    if (length == 0)
        return youtu_fail(error, YOUTU_E_FORMAT,
                          "%s: model.vocab has an empty key, expected the spelling of a token",
                          document->name);
    if (vocab->spans[id].length > 0)
        return json_refuse(document, value, YOUTU_E_FORMAT, "an id that no other token has", error);
    word_slot *slot = find_slot(vocab, kind, vocab->bytes + start, length);
    *slot = (word_slot){.tag = (uint32_t)(hash_bytes(vocab->bytes + start, length) >> 32),
                        .id = (int32_t)id,
                        .spelling = (uint8_t)kind};
    vocab->spans[id] = (token_span){(uint32_t)start, (uint32_t)length};
    return YOUTU_OK;
}

/* Tables for as many entries as the object has; unescaped, no entry is longer than its JSON. */
static bool reserve(const json *document, json_node object, vocabulary *vocab) {
    size_t n_slots = 16;
    while (n_slots < 2 * (size_t)json_count(document, object)) n_slots *= 2;
    vocab->mask = n_slots - 1;
    vocab->slots = array_new(n_slots, sizeof *vocab->slots);
    vocab->bytes_capacity = document->length; /* below INT32_MAX: spans hold 32 bits */
    vocab->bytes = malloc(vocab->bytes_capacity);
    if (!vocab->slots || !vocab->bytes) return false;
    for (size_t i = 0; i < n_slots; i++) vocab->slots[i].id = -1;
    return true;
}

/* Gives back what the estimates took too much. */
static void trim(vocabulary *vocab) {
    while (vocab->n_ids > 0 && vocab->spans[vocab->n_ids - 1].length == 0) vocab->n_ids--;
    token_span *spans = realloc(vocab->spans, ((size_t)vocab->n_ids + 1) * sizeof *spans);
    if (spans) vocab->spans = spans;
    char *bytes = realloc(vocab->bytes, vocab->n_bytes + 1);
    if (!bytes) return;
    vocab->bytes = bytes;
    vocab->bytes_capacity = vocab->n_bytes + 1;
}

youtu_status vocabulary_load(const json *document, json_node vocab, vocabulary *out, youtu_error *error) {
    vocabulary loaded = {0};
    if (json_kind_of(document, vocab) != JSON_OBJECT)
        return json_refuse(document, vocab, YOUTU_E_FORMAT, "an object of tokens", error);
    if (!reserve(document, vocab, &loaded)) {
        vocabulary_free(&loaded);
        return youtu_fail_memory(error, "the vocabulary", document->length);
    }
    youtu_status status = YOUTU_OK;
    for (json_node key = json_first(document, vocab); status == YOUTU_OK && key != JSON_NONE;
         key = json_next(document, vocab, key))
        status = load_entry(document, key, &loaded, error);
    if (status != YOUTU_OK) {
        vocabulary_free(&loaded);
        return status;
    }
    trim(&loaded);
    *out = loaded;
    return YOUTU_OK;
}

void vocabulary_free(vocabulary *vocab) {
    free(vocab->bytes);
    free(vocab->spans);
    free(vocab->slots);
    *vocab = (vocabulary){0};
}
