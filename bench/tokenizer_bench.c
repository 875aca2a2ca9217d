/* Speed of a tokenizer on one core.
 *
 *   make bench
 *   build/tokenizer-bench DIRECTORY [FILE...]
 *
 * Opens DIRECTORY/tokenizer.json; encodes each FILE (UTF-8) whole, and runs of one character that are 10 MB
 * long, of which any must take less than 2 s. A figure is the best of the repetitions, in processor time:
 * other programs on the machine disturb it less. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "youtu.h"

#define REPETITIONS 5
#define RUN_BYTES 10000000

static double processor_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool measure(const youtu_tokenizer *tokenizer, const char *name, const char *text, size_t length,
                    int repetitions) {
    youtu_tokens tokens = {0};
    youtu_error error;
    youtu_status status = YOUTU_OK;
    double best = 0;
    for (int i = 0; i < repetitions && status == YOUTU_OK; i++) {
        tokens.count = 0;
        double start = processor_seconds();
        status = youtu_encode(tokenizer, text, length, YOUTU_TEXT_PLAIN, &tokens, &error);
        double seconds = processor_seconds() - start;
        if (i == 0 || seconds < best) best = seconds;
    }
    if (status == YOUTU_OK)
        printf("%-28s %8.2f MB %10zu tokens %8.3f s %8.1f MB/s\n", name, (double)length * 1e-6, tokens.count,
               best, (double)length * 1e-6 / best);
    else
        fprintf(stderr, "%s: %s\n", name, error.message);
    youtu_tokens_free(&tokens);
    return status == YOUTU_OK;
}

static bool measure_file(const youtu_tokenizer *tokenizer, const char *path) {
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0) size = ftell(file);
    if (size >= 0) text = malloc((size_t)size + 1);
    bool is_read =
        text && fseek(file, 0, SEEK_SET) == 0 && fread(text, 1, (size_t)size, file) == (size_t)size;
    if (!is_read) fprintf(stderr, "%s: cannot be read\n", path);
    bool is_done = is_read && measure(tokenizer, path, text, (size_t)size, REPETITIONS);
    free(text);
    if (file) fclose(file);
    return is_done;
}

/* RUN_BYTES of one text over and over. */
static bool measure_run(const youtu_tokenizer *tokenizer, const char *name, const char *unit) {
    size_t length = strlen(unit), count = RUN_BYTES / length;
    char *text = malloc(count * length);
    if (!text) return false;
    for (size_t i = 0; i < count; i++) memcpy(text + i * length, unit, length);
    bool is_done = measure(tokenizer, name, text, count * length, 1);
    free(text);
    return is_done;
}

static bool measure_runs(const youtu_tokenizer *tokenizer) {
    static const struct {
        const char *name, *unit;
    } runs[] = {{"a", "a"},
                {"A", "A"},
                {"aA", "aA"},
                {"Aa", "Aa"},
                {"space", " "},
                {"tab", "\t"},
                {"line feed", "\n"},
                {"carriage return, line feed", "\r\n"},
                {"space, line feed", " \n"},
                {"a, space", "a "},
                {"ideographic space", "\xE3\x80\x80"},
                {"digit", "7"},
                {"full-width digit", "\xEF\xBC\x97"},
                {"full stop", "."},
                {"slash", "/"},
                {"apostrophe", "'"},
                {"a, apostrophe, s", "a's"},
                {"ideographic full stop", "\xE3\x80\x82"},
                {"full-width comma", "\xEF\xBC\x8C"},
                {"Han U+6C49", "\xE6\xB1\x89"},
                {"Han U+5934 U+75DB", "\xE5\xA4\xB4\xE7\x97\x9B"},
                {"Han, extension B", "\xF0\xA0\x80\x80"},
                {"kana", "\xE3\x81\x82"},
                {"Hangul", "\xED\x95\x9C"},
                {"Hangul jamo", "\xE1\x84\x80"},
                {"Bopomofo", "\xE3\x84\x85"},
                {"Cyrillic, small", "\xD0\xB6"},
                {"Cyrillic, capital", "\xD0\x96"},
                {"Arabic", "\xD8\xA8"},
                {"Thai", "\xE0\xB8\x81"},
                {"Devanagari with vowel sign", "\xE0\xA4\x95\xE0\xA4\xBF"},
                {"combining acute", "\xCC\x81"},
                {"e with combining acute", "e\xCC\x81"},
                {"combining, above and below", "\xCC\x81\xCC\x96"},
                {"emoji", "\xF0\x9F\x98\x80"},
                {"emoji, joiner", "\xF0\x9F\x91\xA9\xE2\x80\x8D"},
                {"control U+0001", "\x01"},
                {"unassigned U+0378", "\xCD\xB8"},
                {"private use U+E000", "\xEE\x80\x80"}};
    bool is_done = true;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        is_done = measure_run(tokenizer, runs[i].name, runs[i].unit) && is_done;
    return is_done;
}

int main(int argc, char **argv) {
    youtu_tokenizer *tokenizer;
    youtu_error error;
    if (argc < 2) {
        fprintf(stderr, "usage: %s DIRECTORY [FILE...]\n", argv[0]);
        return 1;
    }
    double start = processor_seconds();
    if (youtu_tokenizer_open(argv[1], &tokenizer, &error) != YOUTU_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    printf("opened in %.0f ms: %d ids\n", (processor_seconds() - start) * 1e3,
           youtu_tokenizer_vocab_size(tokenizer));
    bool is_done = true;
    for (int i = 2; i < argc; i++) is_done = measure_file(tokenizer, argv[i]) && is_done;
    is_done = measure_runs(tokenizer) && is_done;
    youtu_tokenizer_close(tokenizer);
    return is_done ? 0 : 1;
}
