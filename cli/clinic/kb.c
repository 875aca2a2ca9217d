#include "cli/clinic/kb.h"

/* Words that say how a disease runs or how sure the writer is, not which disease it is. */
static const char *const BEFORE_NAME[] = {"考虑", "疑似",   "可能为", "可能是", "急性",
                                          "慢性", "原发性", "特发性", NULL};
static const char *const AFTER_NAME[] = {"急性发作", "发作期", "发作", "急性期", "可能性大",
                                         "可能",     "待排",   "待查", NULL};

static struct span without_prefix(struct span name) {
    for (const char *const *word = BEFORE_NAME; *word; word++)
        if (span_starts(name, span_of(*word))) return span_between(name, strlen(*word), name.length);
    return name;
}

static struct span without_suffix(struct span name) {
    for (const char *const *word = AFTER_NAME; *word; word++)
        if (span_ends(name, span_of(*word))) return span_between(name, 0, name.length - strlen(*word));
    return name;
}

static const struct disease *disease_named(const struct kb *kb, struct span name) {
    struct word_match match = wordlist_match(&kb->disease_names, name, 0);
    return name.length && match.length == name.length ? &kb->diseases[match.term] : NULL;
}

bool kb_find_disease(const struct kb *kb, struct arena *arena, struct span name,
                     const struct disease **disease) {
    struct plain_text plain;
    if (!text_plain(arena, name, &plain)) return false;
    struct span whole = span_trim(plain_span(&plain));
    const struct span forms[] = {whole, without_suffix(whole), without_prefix(whole),
                                 without_prefix(without_suffix(whole))};
    *disease = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms && !*disease; i++)
        *disease = disease_named(kb, forms[i]);
    return true;
}

double disease_weight(const struct disease *disease, size_t sign, double absent) {
    for (size_t i = 0; i < disease->n_weights; i++)
        if (disease->weights[i].sign == sign) return disease->weights[i].weight;
    return absent;
}
