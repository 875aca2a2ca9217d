/* tokenizer.json and tokenizer_config.json. Whatever the family of byte-level BPE tokenizers does not have is
 * refused by its name, never passed over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "byte_level.h"
#include "error.h"
#include "file.h"
#include "tokenizer.h"
#include "unicode.h"

#define TOKENIZER_NAME "tokenizer.json"
#define CONFIG_NAME "tokenizer_config.json"
#define TOKENIZER_LIMIT_BYTES ((size_t)256 << 20)
#define CONFIG_LIMIT_BYTES ((size_t)16 << 20)

/* Where a dialogue begins when tokenizer_config.json names no bos_token: as the published chat template. */
#define DEFAULT_BOS "<|begin_of_text|>"

/* The object's "type", or an error. */
static youtu_status get_type(const json *document, json_node object, const char *expected, json_node *type,
                             youtu_error *error) {
    *type = json_get(document, object, "type");
    return *type == JSON_NONE ? json_missing(document, object, "type", expected, error) : YOUTU_OK;
}

/* The array `key` of an object, or an error. */
static youtu_status get_array(const json *document, json_node object, const char *key, json_node *array,
                              youtu_error *error) {
    *array = json_get(document, object, key);
    if (*array == JSON_NONE) return json_missing(document, object, key, "an array", error);
    if (json_kind_of(document, *array) != JSON_ARRAY)
        return json_refuse(document, *array, YOUTU_E_FORMAT, "an array", error);
    return YOUTU_OK;
}

/* ---- normalizer ---- */

static youtu_status load_normalizer(const json *document, json_node node, youtu_tokenizer *t,
                                    youtu_error *error) {
    static const char expected[] = "NFC or a Sequence of it";
    if (node == JSON_NONE) return YOUTU_OK;
    json_node type, steps;
    youtu_status status = get_type(document, node, expected, &type, error);
    if (status != YOUTU_OK) return status;
    if (json_equals(document, type, "NFC")) {
        t->is_nfc = true;
        return YOUTU_OK;
    }
    if (!json_equals(document, type, "Sequence"))
        return json_refuse(document, type, YOUTU_E_UNSUPPORTED, expected, error);
    status = get_array(document, node, "normalizers", &steps, error);
    if (status != YOUTU_OK) return status;
    for (json_node s = json_first(document, steps); s != JSON_NONE && status == YOUTU_OK;
         s = json_next(document, steps, s))
        status = load_normalizer(document, s, t, error);
    return status;
}

/* ---- model ---- */

/* Refuses what changes how BPE works. */
static youtu_status check_model(const json *document, json_node model, youtu_error *error) {
    json_node type;
    youtu_status status = get_type(document, model, "BPE", &type, error);
    if (status != YOUTU_OK) return status;
    if (!json_equals(document, type, "BPE"))
        return json_refuse(document, type, YOUTU_E_UNSUPPORTED, "BPE", error);
    double dropout = 0;
    bool has_fallback = false;
    status = json_opt_double(document, model, "dropout", 0, 1, &dropout, error);
    if (status == YOUTU_OK) status = json_opt_bool(document, model, "byte_fallback", &has_fallback, error);
    if (status != YOUTU_OK) return status;
    if (dropout != 0)
        return json_refuse(document, json_get(document, model, "dropout"), YOUTU_E_UNSUPPORTED, "null",
                           error);
    if (has_fallback)
        return json_refuse(document, json_get(document, model, "byte_fallback"), YOUTU_E_UNSUPPORTED, "false",
                           error);
    static const char *const strings[] = {"unk_token", "continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        json_node value = json_get(document, model, strings[i]);
        if (value != JSON_NONE && !json_equals(document, value, ""))
            return json_refuse(document, value, YOUTU_E_UNSUPPORTED, "null", error);
    }
    return YOUTU_OK;
}

/* ---- added tokens ---- */

/* The id that model.vocab gives to an added token's content, or -1. *is_byte: the entry is a single byte's.
 */
static int32_t find_in_vocab(const vocabulary *vocab, const added_token *token, bool *is_byte) {
    char bytes[ADDED_TOKEN_MAX_BYTES];
    size_t n = 0, character = 1;
    *is_byte = false;
    for (size_t at = 0; at < token->length; at += character) {
        unicode_point(token->content + at, &character);
        int byte = byte_level_byte(token->content + at, character);
        if (byte < 0) return vocabulary_find(vocab, SPELLING_LITERAL, token->content, token->length);
        bytes[n++] = (char)byte;
    }
    *is_byte = n == 1;
    return vocabulary_find(vocab, SPELLING_BYTES, bytes, n);
}

/* An added token and model.vocab agree: its id is there for its content, or neither of the two is. */
static youtu_status check_added(const json *document, const vocabulary *vocab, const added_token *token,
                                youtu_error *error) {
    bool is_byte;
    int32_t id = find_in_vocab(vocab, token, &is_byte);
    if (id >= 0 && id != token->id)
        return youtu_fail(error, YOUTU_E_FORMAT, "%s: added token \"%s\" has id %d, but in model.vocab id %d",
                          document->name, token->content, token->id, id);
    if (id >= 0 && is_byte)
        return youtu_fail(error, YOUTU_E_UNSUPPORTED,
                          "%s: added token \"%s\" is the entry of a byte in model.vocab", document->name,
                          token->content);
    if (id < 0 && token->id < vocab->n_ids && vocab->spans[token->id].length > 0)
        return youtu_fail(error, YOUTU_E_FORMAT,
                          "%s: added token \"%s\" has id %d, which is that of another token in model.vocab",
                          document->name, token->content, token->id);
    return YOUTU_OK;
}

/* forbidden [n_ids]: receives which ids are those of added tokens. */
static youtu_status check_all_added(const json *document, const youtu_tokenizer *t, bool *forbidden,
                                    youtu_error *error) {
    for (size_t i = 0; i < t->added.count; i++) {
        const added_token *token = &t->added.tokens[i];
        youtu_status status = check_added(document, &t->vocab, token, error);
        if (status != YOUTU_OK) return status;
        if (forbidden[token->id])
            return youtu_fail(error, YOUTU_E_FORMAT,
                              "%s: added token \"%s\" has id %d, which another one has too", document->name,
                              token->content, token->id);
        forbidden[token->id] = true;
    }
    return YOUTU_OK;
}

static size_t count_ids(const youtu_tokenizer *t) {
    int32_t n = t->vocab.n_ids;
    for (size_t i = 0; i < t->added.count; i++)
        if (t->added.tokens[i].id >= n) n = t->added.tokens[i].id + 1;
    return (size_t)n;
}

/* Gives added tokens their bytes and marks the special ones. */
static youtu_status place_added(youtu_tokenizer *t, youtu_error *error) {
    for (size_t i = 0; i < t->added.count; i++) {
        const added_token *token = &t->added.tokens[i];
        youtu_status status = vocabulary_set(&t->vocab, token->id, token->content, token->length, error);
        if (status != YOUTU_OK) return status;
        t->is_special[token->id] = token->is_special;
    }
    return YOUTU_OK;
}

static youtu_status load_tokens(const json *document, youtu_tokenizer *t, youtu_error *error) {
    json_node model = json_get(document, 0, "model");
    if (model == JSON_NONE) return json_missing(document, 0, "model", "a BPE model", error);
    youtu_status status = check_model(document, model, error);
    json_node vocab = json_get(document, model, "vocab"), merges = json_get(document, model, "merges");
    bool ignore_merges = false;
    if (status == YOUTU_OK && vocab == JSON_NONE)
        status = json_missing(document, model, "vocab", "an object of tokens", error);
    if (status == YOUTU_OK && merges == JSON_NONE)
        status = json_missing(document, model, "merges", "an array of merges", error);
    if (status == YOUTU_OK) status = json_opt_bool(document, model, "ignore_merges", &ignore_merges, error);
    if (status == YOUTU_OK) status = vocabulary_load(document, vocab, &t->vocab, error);
    if (status == YOUTU_OK)
        status =
            added_tokens_load(document, json_get(document, 0, "added_tokens"), t->is_nfc, &t->added, error);
    if (status != YOUTU_OK) return status;
    size_t n_ids = count_ids(t);
    bool *forbidden = array_new(n_ids, sizeof *forbidden);
    t->is_special = array_new(n_ids, sizeof *t->is_special);
    status = forbidden && t->is_special ? check_all_added(document, t, forbidden, error)
                                        : youtu_fail_memory(error, "the added tokens", n_ids);
    if (status == YOUTU_OK)
        status = bpe_load(document, merges, &t->vocab, forbidden, ignore_merges, &t->model, error);
    free(forbidden);
    return status == YOUTU_OK ? place_added(t, error) : status;
}

/* ---- decoder and post-processor ---- */

static youtu_status check_decoder(const json *document, json_node node, youtu_error *error) {
    static const char expected[] = "ByteLevel or a Sequence of just it";
    if (node == JSON_NONE) return json_missing(document, 0, "decoder", expected, error);
    json_node type, steps;
    youtu_status status = get_type(document, node, expected, &type, error);
    if (status != YOUTU_OK || json_equals(document, type, "ByteLevel")) return status;
    if (!json_equals(document, type, "Sequence"))
        return json_refuse(document, type, YOUTU_E_UNSUPPORTED, expected, error);
    status = get_array(document, node, "decoders", &steps, error);
    if (status != YOUTU_OK) return status;
    if (json_count(document, steps) != 1)
        return json_refuse(document, steps, YOUTU_E_UNSUPPORTED, expected, error);
    return check_decoder(document, json_first(document, steps), error);
}

/* The id that special_tokens of a TemplateProcessing gives for a name. */
static youtu_status template_id(const json *document, json_node template, json_node name, youtu_tokenizer *t,
                                youtu_error *error) {
    char *key = NULL;
    youtu_status status = json_unescape(document, name, &key, NULL, error);
    if (status != YOUTU_OK) return status;
    json_node known = json_get(document, template, "special_tokens");
    json_node entry = known == JSON_NONE ? JSON_NONE : json_get(document, known, key);
    free(key);
    if (entry == JSON_NONE)
        return json_refuse(document, name, YOUTU_E_FORMAT, "a name that special_tokens has", error);
    json_node ids;
    status = get_array(document, entry, "ids", &ids, error);
    if (status != YOUTU_OK) return status;
    if (json_count(document, ids) != 1 || t->begin >= 0)
        return json_refuse(document, entry, YOUTU_E_UNSUPPORTED, "one token before the text", error);
    int64_t id;
    status = json_to_int(document, json_first(document, ids), NULL, 0, t->vocab.n_ids - 1, &id, error);
    if (status == YOUTU_OK) t->begin = (int32_t)id;
    return status;
}

/* {"SpecialToken": {"id": name}} or {"Sequence": {"id": "A"}}: at most one token, and that before the text.
 */
static youtu_status load_template(const json *document, json_node template, youtu_tokenizer *t,
                                  youtu_error *error) {
    json_node pieces;
    youtu_status status = get_array(document, template, "single", &pieces, error);
    bool has_text = false;
    if (status != YOUTU_OK) return status;
    for (json_node p = json_first(document, pieces); p != JSON_NONE; p = json_next(document, pieces, p)) {
        json_node token = json_get(document, p, "SpecialToken"), text = json_get(document, p, "Sequence");
        json_node id = json_get(document, token != JSON_NONE ? token : text != JSON_NONE ? text : p, "id");
        bool is_text = text != JSON_NONE && id != JSON_NONE && json_equals(document, id, "A");
        if (has_text || (!is_text && token == JSON_NONE) || id == JSON_NONE)
            return json_refuse(document, p, YOUTU_E_UNSUPPORTED,
                               "one token, then the sequence A and nothing more", error);
        if (!is_text) status = template_id(document, template, id, t, error);
        if (status != YOUTU_OK) return status;
        has_text = is_text;
    }
    return has_text ? YOUTU_OK : json_refuse(document, pieces, YOUTU_E_UNSUPPORTED, "the sequence A", error);
}

/* ByteLevel here only moves offsets, which nobody asks for. */
static youtu_status load_post_processor(const json *document, json_node node, youtu_tokenizer *t,
                                        youtu_error *error) {
    static const char expected[] = "ByteLevel, TemplateProcessing or a Sequence of them";
    if (node == JSON_NONE) return YOUTU_OK;
    json_node type, steps;
    youtu_status status = get_type(document, node, expected, &type, error);
    if (status != YOUTU_OK || json_equals(document, type, "ByteLevel")) return status;
    if (json_equals(document, type, "TemplateProcessing")) return load_template(document, node, t, error);
    if (!json_equals(document, type, "Sequence"))
        return json_refuse(document, type, YOUTU_E_UNSUPPORTED, expected, error);
    status = get_array(document, node, "processors", &steps, error);
    if (status != YOUTU_OK) return status;
    for (json_node s = json_first(document, steps); s != JSON_NONE && status == YOUTU_OK;
         s = json_next(document, steps, s))
        status = load_post_processor(document, s, t, error);
    return status;
}

/* ---- the two files ---- */

static youtu_status load_document(const json *document, youtu_tokenizer *t, youtu_error *error) {
    if (json_kind_of(document, 0) != JSON_OBJECT)
        return json_refuse(document, 0, YOUTU_E_FORMAT, "an object", error);
    json_node version = json_get(document, 0, "version");
    if (version != JSON_NONE && !json_equals(document, version, "1.0"))
        return json_refuse(document, version, YOUTU_E_UNSUPPORTED, "\"1.0\"", error);
    json_node pre = json_get(document, 0, "pre_tokenizer");
    if (pre == JSON_NONE)
        return json_missing(document, 0, "pre_tokenizer", "ByteLevel, or a Sequence that ends with it",
                            error);
    youtu_status status = load_normalizer(document, json_get(document, 0, "normalizer"), t, error);
    if (status == YOUTU_OK) status = load_tokens(document, t, error);
    if (status == YOUTU_OK) status = pretokenizer_load(document, pre, t->classes, &t->pre, error);
    if (status == YOUTU_OK) status = check_decoder(document, json_get(document, 0, "decoder"), error);
    if (status == YOUTU_OK)
        status = load_post_processor(document, json_get(document, 0, "post_processor"), t, error);
    return status;
}

/* bos_token: a string, or an added token with its content. */
static youtu_status load_bos(const json *document, youtu_tokenizer *t, youtu_error *error) {
    bool adds_bos = false;
    youtu_status status = json_opt_bool(document, 0, "add_bos_token", &adds_bos, error);
    json_node bos = json_get(document, 0, "bos_token");
    if (status != YOUTU_OK || bos == JSON_NONE) return status;
    if (json_kind_of(document, bos) == JSON_OBJECT) {
        json_node content = json_get(document, bos, "content");
        if (content == JSON_NONE) return json_missing(document, bos, "content", "a string", error);
        bos = content;
    }
    char *name;
    size_t length;
    status = json_unescape(document, bos, &name, &length, error);
    if (status != YOUTU_OK) return status;
    free(t->bos_name);
    t->bos_name = name;
    const added_token *found = added_tokens_find(&t->added, name, length);
    t->bos = found ? found->id : -1;
    if (adds_bos && !found)
        return json_refuse(document, bos, YOUTU_E_FORMAT, "one of the added_tokens of " TOKENIZER_NAME,
                           error);
    if (adds_bos && t->begin < 0) t->begin = t->bos;
    return YOUTU_OK;
}

static youtu_status read_part(const char *directory, const char *name, size_t limit_bytes, youtu_tokenizer *t,
                              youtu_status (*load)(const json *, youtu_tokenizer *, youtu_error *),
                              youtu_error *error) {
    char *path = file_join(directory, name);
    if (!path) return youtu_fail_memory(error, name, strlen(directory) + strlen(name));
    json document = {0};
    youtu_status status = json_read_file(path, limit_bytes, &document, error);
    free(path);
    if (status == YOUTU_OK) status = load(&document, t, error);
    json_free(&document);
    return status;
}

youtu_status tokenizer_load(const char *directory, youtu_tokenizer *t, youtu_error *error) {
    t->begin = -1;
    t->classes = unicode_classes_new();
    t->bos_name = strdup(DEFAULT_BOS);
    if (!t->classes || !t->bos_name) return youtu_fail_memory(error, "a tokenizer", UNICODE_POINTS);
    youtu_status status =
        read_part(directory, TOKENIZER_NAME, TOKENIZER_LIMIT_BYTES, t, load_document, error);
    bool has_config = false;
    if (status == YOUTU_OK) status = file_exists(directory, CONFIG_NAME, &has_config, error);
    if (status != YOUTU_OK) return status;
    t->bos = t->begin >= 0 ? t->begin : youtu_token_find(t, DEFAULT_BOS);
    return has_config ? read_part(directory, CONFIG_NAME, CONFIG_LIMIT_BYTES, t, load_bos, error) : YOUTU_OK;
}
