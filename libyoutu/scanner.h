/* The two patterns by which Youtu's tokenizer cuts text into words, as code: what their regular expressions
 * match, found in one pass. Chosen where a tokenizer.json holds just these patterns (pretokenize.c). */
#ifndef YOUTU_SCANNER_H
#define YOUTU_SCANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs of Hangul, of East Asian punctuation, of Bopomofo, of Han and kana. */
extern const char scanner_script_pattern[];

/* Words with one character before them and an English ending after them, single digits, punctuation, line
 * ends, white space but for the last before a word. */
extern const char scanner_word_pattern[];

/* The first match at or after `from` in valid UTF-8; false when there is none. */
bool scan_scripts(const char *text, size_t length, size_t from, size_t *start, size_t *end);

/* The end of the match that begins at `from`, a character's first byte: one begins at every character.
 * classes: of unicode_classes_new. */
size_t scan_word(const uint8_t *classes, const char *text, size_t length, size_t from);

#endif
