/* How a word is encoded:
 *   a word of the vocabulary   one look into a hash table; in English prose, most of them
 *   up to SHORT_SYMBOLS        symbols in an array, the least rank found by looking at all of them
 *   more                       symbols in a linked list, ranks in a heap: O(n log n)
 * with two short cuts, each of which is checked afterwards:
 *   merging begins with whole characters (in Chinese a third of the bytes) instead of bytes;
 *   a long word goes in windows that stay in the cache.
 *
 * Why the check is enough. A run of tokens is what merging makes of its bytes if each of them is what merging
 * makes of its own bytes and every two neighbours are what it makes of theirs: inside a token, merging sees
 * nothing of what is outside, so the first merge across a boundary would happen in the same way in the pair
 * alone. So only the joints between two tokens need a look (joint_holds), and where one does not hold, the
 * word is encoded from its bytes as one piece. */
#include "bpe.h"

#include <string.h>

#include "array.h"
#include "byte_level.h"
#include "error.h"
#include "utf8.h"

#define SHORT_SYMBOLS 32
#define WINDOW_BYTES 2048
#define NO_RANK UINT32_MAX /* of two symbols that do not merge */
#define BMP_SIZE 0x10000
#define FILTER_BITS \
    8 /* a slot: with slots at most half full, one in 16 of the pairs that do not merge passes */

struct symbol {
    int32_t token;
    uint32_t rank;     /* of the merge with the next symbol, or NO_RANK; of a symbol merged away: NO_RANK */
    uint32_t previous; /* NO_SYMBOL at the beginning */
    uint32_t next;     /* NO_SYMBOL at the end */
};
#define NO_SYMBOL UINT32_MAX

static size_t hash_pair(int32_t left, int32_t right) {
    uint64_t key = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    return key >> 32 ^ key >> 15;
}

/* The slot that holds this pair, or the empty one where it would go. */
static merge_slot *find_place(const bpe *model, size_t hash, int32_t left, int32_t right) {
    for (size_t i = hash & model->mask;; i = (i + 1) & model->mask) {
        merge_slot *slot = &model->slots[i];
        if ((slot->left == left && slot->right == right) || slot->left < 0) return slot;
    }
}

/* The filter's bit of a hash, as the number of a word and a bit in it. */
static uint64_t *filter_word(const bpe *model, size_t hash, uint64_t *bit) {
    size_t place = hash >> 7 & (FILTER_BITS * (model->mask + 1) - 1);
    *bit = (uint64_t)1 << place % 64;
    return &model->filter[place / 64];
}

/* The merge of two tokens; its rank is NO_RANK when there is none. */
static const merge_slot *find_merge(const bpe *model, int32_t left, int32_t right) {
    static const merge_slot none = {.left = -1, .rank = NO_RANK};
    size_t hash = hash_pair(left, right);
    uint64_t bit;
    const uint64_t *word = filter_word(model, hash, &bit);
    return *word & bit ? find_place(model, hash, left, right) : &none;
}

/* Whether merging leaves the boundary between two tokens alone: follows the symbols on both sides of it
 * backwards in time, taking apart the one made last, and looks for a merge of the two that would have come
 * before those that took them away. Of equal ranks the leftmost pair goes first: the one to the left of the
 * boundary before that across it, the one to the right after it. but_for_them: up to a merge of these two. */
static bool joint_holds(const bpe *model, int32_t left, int32_t right, bool but_for_them) {
    uint32_t left_ends = NO_RANK, right_ends = NO_RANK; /* ranks of the merges that take the symbols away */
    for (bool look = !but_for_them;; look = true) {
        uint32_t rank = look ? find_merge(model, left, right)->rank : NO_RANK;
        if (rank < left_ends && rank <= right_ends) return false;
        const token_origin *l = &model->origins[left], *r = &model->origins[right];
        if (l->made == 0 && r->made == 0) return true;
        if (l->made > r->made) {
            left_ends = l->made - 1;
            left = l->right;
        } else {
            right_ends = r->made - 1;
            right = r->left;
        }
    }
}

/* ---- encoding ---- */

static youtu_status append(youtu_tokens *tokens, const int32_t *ids, size_t count, youtu_error *error) {
    if (!array_reserve((void **)&tokens->ids, &tokens->capacity, tokens->count + count, sizeof *ids))
        return youtu_fail_memory(error, "a list of tokens", (tokens->count + count) * sizeof *ids);
    memcpy(tokens->ids + tokens->count, ids, count * sizeof *ids);
    tokens->count += count;
    return YOUTU_OK;
}

/* The first symbol of bytes that are, but for a cut at either end, valid UTF-8; returns its bytes. *token is
 * -1 when the vocabulary lacks the byte. */
static size_t first_symbol(const bpe *model, const char *bytes, size_t length, bool whole_characters,
                           int32_t *token) {
    const unsigned char *b = (const unsigned char *)bytes;
    if (whole_characters && b[0] >= 0xE0 && b[0] < 0xF0 && length >= 3) {
        *token = model->characters[(b[0] & 0x0F) << 12 | (b[1] & 0x3F) << 6 | (b[2] & 0x3F)];
        if (*token >= 0) return 3;
    }
    if (whole_characters && b[0] >= 0xC0 && b[0] < 0xE0 && length >= 2) {
        *token = model->characters[(b[0] & 0x1F) << 6 | (b[1] & 0x3F)];
        if (*token >= 0) return 2;
    }
    *token = model->byte_tokens[b[0]];
    return 1;
}

static youtu_status fail_byte(char byte, youtu_error *error) {
    return youtu_fail(error, YOUTU_E_TEXT, "the text has byte 0x%02X, for which the vocabulary has no token",
                      (unsigned char)byte);
}

/* Merges ids [n], n from 1 to SHORT_SYMBOLS, in place; returns how many remain. */
static size_t merge_short(const bpe *model, int32_t *ids, size_t n) {
    uint32_t ranks[SHORT_SYMBOLS]; /* of each symbol with the next */
    int32_t merged[SHORT_SYMBOLS];
    for (size_t i = 0; i + 1 < n; i++) {
        const merge_slot *slot = find_merge(model, ids[i], ids[i + 1]);
        ranks[i] = slot->rank;
        merged[i] = slot->merged;
    }
    while (n > 1) {
        size_t least = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (ranks[i] < ranks[least]) least = i;
        if (ranks[least] == NO_RANK) break;
        ids[least] = merged[least];
        n--;
        size_t moved = n - least - 1; /* symbols after the pair; their ranks begin one further left */
        memmove(ids + least + 1, ids + least + 2, moved * sizeof *ids);
        memmove(ranks + least, ranks + least + 1, moved * sizeof *ranks);
        memmove(merged + least, merged + least + 1, moved * sizeof *merged);
        for (size_t i = least - (least > 0); i <= least && i + 1 < n; i++) {
            const merge_slot *slot = find_merge(model, ids[i], ids[i + 1]);
            ranks[i] = slot->rank;
            merged[i] = slot->merged;
        }
    }
    return n;
}

/* A min-heap of (rank, position of the left symbol), packed so that one comparison orders both. */
static void heap_push(uint64_t *heap, size_t *count, uint64_t entry) {
    size_t i = (*count)++;
    for (; i > 0 && heap[(i - 1) / 2] > entry; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = entry;
}

static uint64_t heap_pop(uint64_t *heap, size_t *count) {
    uint64_t top = heap[0], last = heap[--*count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < *count; i = child) {
        child += child + 1 < *count && heap[child + 1] < heap[child];
        if (heap[child] >= last) break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

/* Looks up the merge of symbol i with the next one and queues it. */
static void queue_merge(const bpe *model, bpe_scratch *scratch, size_t *count, uint32_t i) {
    struct symbol *s = &scratch->symbols[i];
    s->rank =
        s->next == NO_SYMBOL ? NO_RANK : find_merge(model, s->token, scratch->symbols[s->next].token)->rank;
    if (s->rank != NO_RANK) heap_push(scratch->heap, count, (uint64_t)s->rank << 32 | i);
}

/* Merges the linked symbols [n]. The heap never holds more than 2 n entries: n at first, and each merge takes
 * one and adds at most two. */
static void merge_long(const bpe *model, bpe_scratch *scratch, size_t n) {
    struct symbol *symbols = scratch->symbols;
    size_t count = 0;
    for (uint32_t i = 0; i < n; i++) queue_merge(model, scratch, &count, i);
    while (count > 0) {
        uint64_t entry = heap_pop(scratch->heap, &count);
        uint32_t i = (uint32_t)entry;
        struct symbol *left = &symbols[i];
        if (left->rank != entry >> 32) continue; /* the pair that was queued is gone */
        struct symbol *right = &symbols[left->next];
        left->token = find_merge(model, left->token, right->token)->merged;
        left->next = right->next;
        right->rank = NO_RANK;
        if (right->next != NO_SYMBOL) symbols[right->next].previous = i;
        if (left->previous != NO_SYMBOL) queue_merge(model, scratch, &count, left->previous);
        queue_merge(model, scratch, &count, i);
    }
}

static bool reserve_scratch(bpe_scratch *scratch, size_t n) {
    if (n <= scratch->capacity) return true;
    size_t symbols_bytes, heap_bytes;
    if (n >= NO_SYMBOL || !size_multiply(n, sizeof *scratch->symbols, &symbols_bytes) ||
        !size_multiply(n, 2 * sizeof *scratch->heap, &heap_bytes))
        return false;
    bpe_scratch_free(scratch);
    scratch->symbols = malloc(symbols_bytes);
    scratch->heap = malloc(heap_bytes);
    if (!scratch->symbols || !scratch->heap) return false;
    scratch->capacity = n;
    return true;
}

static youtu_status encode_long(const bpe *model, bpe_scratch *scratch, const char *word, size_t length,
                                bool whole_characters, youtu_tokens *tokens, youtu_error *error) {
    if (!reserve_scratch(scratch, length))
        return youtu_fail_memory(error, "encoding a word",
                                 length * (sizeof *scratch->symbols + 2 * sizeof *scratch->heap));
    struct symbol *symbols = scratch->symbols;
    uint32_t n = 0;
    for (size_t at = 0; at < length; n++) {
        int32_t token;
        size_t bytes = first_symbol(model, word + at, length - at, whole_characters, &token);
        if (token < 0) return fail_byte(word[at], error);
        symbols[n] = (struct symbol){.token = token, .previous = n - 1, .next = n + 1};
        at += bytes;
    }
    symbols[0].previous = symbols[n - 1].next = NO_SYMBOL;
    merge_long(model, scratch, n);
    youtu_status status = YOUTU_OK;
    for (uint32_t i = 0; i != NO_SYMBOL && status == YOUTU_OK; i = symbols[i].next)
        status = append(tokens, &symbols[i].token, 1, error);
    return status;
}

static youtu_status encode_from(const bpe *model, bpe_scratch *scratch, const char *word, size_t length,
                                bool whole_characters, youtu_tokens *tokens, youtu_error *error) {
    int32_t ids[SHORT_SYMBOLS];
    size_t n = 0, at = 0;
    while (n < SHORT_SYMBOLS && at < length) {
        size_t bytes = first_symbol(model, word + at, length - at, whole_characters, &ids[n]);
        if (ids[n] < 0) return fail_byte(word[at], error);
        at += bytes;
        n++;
    }
    if (at < length) return encode_long(model, scratch, word, length, whole_characters, tokens, error);
    return append(tokens, ids, merge_short(model, ids, n), error);
}

static bool has_wide_characters(const char *word, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)word[i] >= 0x80) return true;
    return false;
}

/* A word, or a window of a longer one, from its characters if the result stands, else from its bytes. */
static youtu_status encode_part(const bpe *model, bpe_scratch *scratch, const char *word, size_t length,
                                youtu_tokens *tokens, youtu_error *error) {
    if (!model->is_ordered || !has_wide_characters(word, length))
        return encode_from(model, scratch, word, length, false, tokens, error);
    size_t before = tokens->count;
    youtu_status status = encode_from(model, scratch, word, length, true, tokens, error);
    bool holds = status == YOUTU_OK;
    for (size_t i = before + 1; i < tokens->count && holds; i++)
        holds = joint_holds(model, tokens->ids[i - 1], tokens->ids[i], false);
    if (holds || status != YOUTU_OK) return status;
    tokens->count = before;
    return encode_from(model, scratch, word, length, false, tokens, error);
}

/* Takes tokens off the end until at most `most` of `bytes` are left; returns how many. */
static size_t cut_tail(const vocabulary *vocab, youtu_tokens *tokens, size_t bytes, size_t most) {
    while (bytes > most) {
        size_t length;
        vocabulary_bytes(vocab, tokens->ids[--tokens->count], &length);
        bytes -= length;
    }
    return bytes;
}

/* Needs is_ordered. */
static youtu_status encode_windows(const bpe *model, bpe_scratch *scratch, const char *word, size_t length,
                                   youtu_tokens *tokens, youtu_error *error) {
    size_t first = tokens->count;
    for (size_t start = 0;;) {
        size_t before = tokens->count, n = length - start < WINDOW_BYTES ? length - start : WINDOW_BYTES;
        youtu_status status = encode_part(model, scratch, word + start, n, tokens, error);
        if (status != YOUTU_OK) return status;
        bool holds = start == 0 || joint_holds(model, tokens->ids[before - 1], tokens->ids[before], false);
        if (holds && start + n == length) return YOUTU_OK;
        /* What stands close to the end may be otherwise where the word goes on. */
        n = cut_tail(model->vocab, tokens, n, WINDOW_BYTES - WINDOW_BYTES / 8);
        if (!holds || n == 0) break;
        start += n;
    }
    tokens->count = first;
    return encode_from(model, scratch, word, length, false, tokens, error);
}

youtu_status bpe_encode(const bpe *model, bpe_scratch *scratch, const char *word, size_t length,
                        youtu_tokens *tokens, youtu_error *error) {
    const word_slot *slot = vocabulary_slot(model->vocab, word, length);
    if (slot && slot->is_word) return append(tokens, &slot->id, 1, error);
    if (length <= WINDOW_BYTES || !model->is_ordered)
        return encode_part(model, scratch, word, length, tokens, error);
    return encode_windows(model, scratch, word, length, tokens, error);
}

void bpe_scratch_free(bpe_scratch *scratch) {
    free(scratch->symbols);
    free(scratch->heap);
    *scratch = (bpe_scratch){0};
}

/* ---- loading ---- */

/* The two sides of a merge as bytes, one after the other. */
typedef struct merge_text {
    char *bytes;
    size_t capacity, left_length, length; /* in bytes; length of both */
} merge_text;

/* Appends the bytes that a string spells, up to a space or its end; false when it has a character outside the
 * byte-level alphabet. */
static bool read_side(json_reader *reader, merge_text *text) {
    char character[4];
    for (size_t n; (n = json_read_character(reader, character)) > 0 && character[0] != ' ';) {
        int byte = byte_level_byte(character, n);
        if (byte < 0) return false;
        text->bytes[text->length++] = (char)byte;
    }
    return true;
}

/* Reads "a b" or ["a", "b"]. */
static youtu_status read_merge(const json *document, json_node merge, merge_text *text, youtu_error *error) {
    const json_token *token = &document->tokens[merge];
    size_t most = (size_t)(token->end - token->start) + 1;
    bool is_pair = token->kind == JSON_ARRAY && token->count == 2;
    json_node left = is_pair ? json_first(document, merge) : merge;
    json_node right = is_pair ? json_next(document, merge, left) : merge;
    if (json_kind_of(document, left) != JSON_STRING || json_kind_of(document, right) != JSON_STRING)
        return json_refuse(document, merge, YOUTU_E_FORMAT, "\"a b\" or [\"a\", \"b\"]", error);
    if (!array_reserve((void **)&text->bytes, &text->capacity, most, 1))
        return youtu_fail_memory(error, "the merges", most);
    text->length = 0;
    json_reader reader = json_read_string(document, left);
    bool is_spelled = read_side(&reader, text);
    text->left_length = text->length;
    if (is_pair) {
        is_spelled = is_spelled && reader.at == reader.end;
        reader = json_read_string(document, right);
    }
    is_spelled = is_spelled && read_side(&reader, text) && reader.at == reader.end;
    if (!is_spelled || text->left_length == 0 || text->length == text->left_length)
        return json_refuse(document, merge, YOUTU_E_FORMAT, "two tokens in the byte-level alphabet", error);
    return YOUTU_OK;
}

/* A merge by the slot that holds it, [n] in the order of the list. */
typedef struct merge_list {
    merge_slot **slots;
    uint32_t n;
} merge_list;

static youtu_status add_merge(const json *document, json_node merge, const merge_text *text,
                              const bool *forbidden, bpe *model, merge_list *list, youtu_error *error) {
    const vocabulary *v = model->vocab;
    const char *bytes = text->bytes;
    int32_t left = vocabulary_find(v, SPELLING_BYTES, bytes, text->left_length);
    int32_t right =
        vocabulary_find(v, SPELLING_BYTES, bytes + text->left_length, text->length - text->left_length);
    int32_t merged = vocabulary_find(v, SPELLING_BYTES, bytes, text->length);
    if (left < 0 || right < 0)
        return json_refuse(document, merge, YOUTU_E_FORMAT, "two tokens of model.vocab", error);
    if (merged < 0)
        return json_refuse(document, merge, YOUTU_E_FORMAT, "two tokens that make one of model.vocab", error);
    if (forbidden[merged]) return YOUTU_OK;
    uint64_t bit;
    size_t hash = hash_pair(left, right);
    uint64_t *word = filter_word(model, hash, &bit);
    *word |= bit;
    merge_slot *slot = find_place(model, hash, left, right);
    *slot = (merge_slot){.left = left, .right = right, .rank = list->n, .merged = merged};
    list->slots[list->n++] = slot;
    return YOUTU_OK;
}

/* Files of the older form may begin with a line "#version: 0.2", which is no merge. */
static bool is_version_line(const json *document, json_node merge) {
    static const char mark[] = "#version";
    const json_token *token = &document->tokens[merge];
    return token->kind == JSON_STRING && token->end - token->start >= (int32_t)strlen(mark) &&
           memcmp(document->text + token->start, mark, strlen(mark)) == 0;
}

static youtu_status load_merges(const json *document, json_node merges, const bool *forbidden, bpe *model,
                                merge_list *list, youtu_error *error) {
    merge_text text = {0};
    youtu_status status = YOUTU_OK;
    for (json_node m = json_first(document, merges); status == YOUTU_OK && m != JSON_NONE;
         m = json_next(document, merges, m)) {
        if (is_version_line(document, m)) continue;
        status = read_merge(document, m, &text, error);
        if (status == YOUTU_OK) status = add_merge(document, m, &text, forbidden, model, list, error);
    }
    free(text.bytes);
    return status;
}

/* Whether a merge is the last that its two sides' bytes see, if none comes that this does not know of. */
static bool can_happen(const bpe *model, const merge_slot *slot) {
    return model->origins[slot->left].made != NOT_MADE && model->origins[slot->right].made != NOT_MADE &&
           joint_holds(model, slot->left, slot->right, true);
}

/* Finds each token's origin, in the order of the list: the merge of two sides made before that meet whole.
 * What merging makes of some bytes is one run of events, so no other merge into a token that has an origin
 * ever happens, wherever it stands in the list (vocabularies made from ranks list every pair that spells a
 * token). One into a token without, whose sides come to be made further down, may: then nothing here is sure. */
static void find_origins(bpe *model, const merge_list *list) {
    for (int32_t id = 0; id < model->vocab->n_ids; id++) model->origins[id].made = NOT_MADE;
    for (int b = 0; b < 256; b++)
        if (model->byte_tokens[b] >= 0) model->origins[model->byte_tokens[b]].made = 0;
    for (uint32_t rank = 0; rank < list->n; rank++) {
        const merge_slot *slot = list->slots[rank];
        if (slot->rank != rank) continue; /* stands again further down */
        token_origin *origin = &model->origins[slot->merged];
        if (origin->made == NOT_MADE && can_happen(model, slot))
            *origin = (token_origin){.left = slot->left, .right = slot->right, .made = rank + 1};
    }
    model->is_ordered = true;
    for (uint32_t rank = 0; rank < list->n && model->is_ordered; rank++) {
        const merge_slot *slot = list->slots[rank];
        bool has_origin = slot->rank != rank || model->origins[slot->merged].made != NOT_MADE;
        model->is_ordered = has_origin || !can_happen(model, slot);
    }
}

/* The tokens that are one character of 2 or 3 bytes, by code point. */
static void find_characters(bpe *model) {
    for (size_t i = 0; i < BMP_SIZE; i++) model->characters[i] = -1;
    for (int32_t id = 0; id < model->vocab->n_ids; id++) {
        if (model->origins[id].made == NOT_MADE) continue;
        size_t length;
        const char *bytes = vocabulary_bytes(model->vocab, id, &length);
        const unsigned char *b = (const unsigned char *)bytes;
        if ((length != 2 && length != 3) || utf8_character_bytes(bytes, length) != length) continue;
        int point = length == 2 ? (b[0] & 0x1F) << 6 | (b[1] & 0x3F)
                                : (b[0] & 0x0F) << 12 | (b[1] & 0x3F) << 6 | (b[2] & 0x3F);
        model->characters[point] = id;
    }
}

/* Whether merging gives a token back whole, for lists that are not in order. */
static youtu_status try_word(const bpe *model, bpe_scratch *scratch, const word_slot *slot,
                             youtu_tokens *tokens, bool *is_word, youtu_error *error) {
    size_t length;
    const char *bytes = vocabulary_bytes(model->vocab, slot->id, &length);
    tokens->count = 0;
    youtu_status status = encode_part(model, scratch, bytes, length, tokens, error);
    *is_word = status == YOUTU_OK && tokens->count == 1 && tokens->ids[0] == slot->id;
    return status == YOUTU_E_TEXT ? YOUTU_OK : status; /* TEXT: it has a byte that is no token itself */
}

static youtu_status find_words(const bpe *model, vocabulary *vocab, const bool *forbidden, bool ignore_merges,
                               youtu_error *error) {
    bpe_scratch scratch = {0};
    youtu_tokens tokens = {0};
    youtu_status status = YOUTU_OK;
    for (size_t i = 0; i <= vocab->mask && status == YOUTU_OK; i++) {
        word_slot *slot = &vocab->slots[i];
        if (slot->id < 0 || slot->spelling != SPELLING_BYTES || forbidden[slot->id]) continue;
        if (ignore_merges)
            slot->is_word = true;
        else if (model->is_ordered)
            slot->is_word = model->origins[slot->id].made != NOT_MADE;
        else
            status = try_word(model, &scratch, slot, &tokens, &slot->is_word, error);
    }
    bpe_scratch_free(&scratch);
    free(tokens.ids);
    return status;
}

static youtu_status reserve_tables(bpe *model, size_t n_merges, merge_list *list, youtu_error *error) {
    size_t n_slots = 16, n_ids = (size_t)model->vocab->n_ids;
    while (n_slots < 2 * n_merges) n_slots *= 2;
    model->mask = n_slots - 1;
    model->slots = array_new(n_slots, sizeof *model->slots);
    model->origins = array_new(n_ids, sizeof *model->origins);
    model->characters = array_new(BMP_SIZE, sizeof *model->characters);
    model->filter = array_new(n_slots * FILTER_BITS / 64, sizeof *model->filter);
    list->slots = array_new(n_merges, sizeof *list->slots);
    if (!model->slots || !model->filter || !model->origins || !model->characters || !list->slots)
        return youtu_fail_memory(error, "the merges",
                                 n_slots * sizeof *model->slots + n_ids * sizeof *model->origins);
    for (size_t i = 0; i < n_slots; i++) model->slots[i] = (merge_slot){.left = -1, .rank = NO_RANK};
    for (int b = 0; b < 256; b++) {
        char byte = (char)b;
        model->byte_tokens[b] = vocabulary_find(model->vocab, SPELLING_BYTES, &byte, 1);
    }
    return YOUTU_OK;
}

youtu_status bpe_load(const json *document, json_node merges, vocabulary *vocab, const bool *forbidden,
                      bool ignore_merges, bpe *out, youtu_error *error) {
    if (json_kind_of(document, merges) != JSON_ARRAY)
        return json_refuse(document, merges, YOUTU_E_FORMAT, "an array of merges", error);
    bpe model = {.vocab = vocab};
    merge_list list = {0};
    youtu_status status = reserve_tables(&model, (size_t)json_count(document, merges), &list, error);
    if (status == YOUTU_OK) status = load_merges(document, merges, forbidden, &model, &list, error);
    if (status == YOUTU_OK) {
        find_origins(&model, &list);
        find_characters(&model);
        status = find_words(&model, vocab, forbidden, ignore_merges, error);
    }
    free(list.slots);
    if (status != YOUTU_OK)
        bpe_free(&model);
    else
        *out = model;
    return status;
}

void bpe_free(bpe *model) {
    free(model->slots);
    free(model->filter);
    free(model->origins);
    free(model->characters);
    *model = (bpe){0};
}
