/* Safetensors files and their index: what a view says, and every way in which a header can lie. */
#include "libyoutu/safetensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

#define SINGLE "model.safetensors"
#define INDEX "model.safetensors.index.json"

/* A header entry. */
#define T(name, dtype, shape, begin, end) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

static void test_gives_views(void **state) {
    const fixture *f = *state;
    fixture_write_safetensors(f, SINGLE,
                              "{\"__metadata__\":{\"format\":\"pt\"}," T("c", "F32", "[2,3]", 8, 32) "," T(
                                  "a", "BF16", "[4]", 0, 8) "," T("b", "F16", "[1,1,1,2]", 32, 36) "}   ",
                              36);
    checkpoint *files = NULL;
    youtu_error error;
    expect_success(checkpoint_open(f->directory, &files, &error), &error);
    assert_string_equal(checkpoint_name(files), SINGLE);

    size_t count;
    const tensor_view *all = checkpoint_tensors(files, &count);
    assert_int_equal(count, 3);
    static const char *const names[] = {"a", "b", "c"};
    static const dtype types[] = {DTYPE_BF16, DTYPE_F16, DTYPE_F32};
    static const int32_t dims[] = {1, 4, 2};
    static const size_t bytes[] = {8, 4, 24};
    static const unsigned char first[] = {0, 32, 8};
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(all[i].name, names[i]);
        assert_string_equal(all[i].file, SINGLE);
        assert_int_equal(all[i].type, types[i]);
        assert_int_equal(all[i].n_dims, dims[i]);
        assert_int_equal(all[i].bytes, bytes[i]);
        assert_int_equal(*(const unsigned char *)all[i].data, first[i]);
        assert_ptr_equal(checkpoint_find(files, names[i]), &all[i]);
    }
    assert_int_equal(all[2].shape[0], 2);
    assert_int_equal(all[2].shape[1], 3);
    assert_null(checkpoint_find(files, "aa"));
    assert_null(checkpoint_find(files, ""));
    assert_null(checkpoint_find(files, "d"));
    checkpoint_close(files);
    checkpoint_close(NULL);
}

static void test_takes_scalars_and_empty_tensors(void **state) {
    const fixture *f = *state;
    fixture_write_safetensors(f, SINGLE,
                              "{" T("scalar", "F32", "[]", 0, 4) "," T("none", "F32", "[0,7]", 4, 4) "," T(
                                  "first", "BF16", "[0]", 0, 0) "," T("last", "F16", "[0]", 4, 4) "}",
                              4);
    checkpoint *files = NULL;
    youtu_error error;
    expect_success(checkpoint_open(f->directory, &files, &error), &error);
    assert_int_equal(checkpoint_find(files, "scalar")->n_dims, 0);
    assert_int_equal(checkpoint_find(files, "scalar")->bytes, 4);
    assert_int_equal(checkpoint_find(files, "none")->bytes, 0);
    checkpoint_close(files);
}

static void test_takes_a_file_without_tensors(void **state) {
    const fixture *f = *state;
    fixture_write_safetensors(f, SINGLE, "{}", 0);
    checkpoint *files = NULL;
    youtu_error error;
    expect_success(checkpoint_open(f->directory, &files, &error), &error);
    size_t count = 9;
    checkpoint_tensors(files, &count);
    assert_int_equal(count, 0);
    assert_null(checkpoint_find(files, "a"));
    checkpoint_close(files);
}

static void expect_refusal(const fixture *f, youtu_status expected, const char *message) {
    checkpoint *files = NULL;
    youtu_error error;
    expect_failure(f, checkpoint_open(f->directory, &files, &error), &error, expected, message);
    assert_int_equal(checkpoint_open(f->directory, &files, NULL), expected);
    assert_null(files);
}

static void test_refuses_header_lengths(void **state) {
    const fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *message;
    } cases[] = {
        {"", 0, "@/model.safetensors: is 0 bytes, expected a safetensors header"},
        {"\2\0\0\0\0\0\0\0{", 9, "@/model.safetensors: is 9 bytes, expected a safetensors header"},
        {"\0\0\0\0\0\0\0\0{}", 10,
         "model.safetensors: header length is 0 bytes, expected 2 to 2 in a file of 10 bytes"},
        {"\1\0\0\0\0\0\0\0{}", 10,
         "model.safetensors: header length is 1 bytes, expected 2 to 2 in a file of 10 bytes"},
        {"\3\0\0\0\0\0\0\0{}", 10,
         "model.safetensors: header length is 3 bytes, expected 2 to 2 in a file of 10 bytes"},
        {"\0\0\0\0\0\0\0\x80{}", 10,
         "model.safetensors: header length is 9223372036854775808 bytes, expected 2 to 2 in a file of 10 bytes"},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}", 10,
         "model.safetensors: header length is 18446744073709551615 bytes, expected 2 to 2 in a file of 10 bytes"},
        {"\2\0\0\0\0\0\0\0[]", 10, "model.safetensors: header begins with byte 0x5B, expected '{'"},
        {"\2\0\0\0\0\0\0\0{\xFF", 10, "model.safetensors: byte 1: found byte 0xFF, expected UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_write(f, SINGLE, cases[i].bytes, cases[i].length);
        expect_refusal(f, YOUTU_E_FORMAT, cases[i].message);
    }
}

/* The format's own bound, in a sparse file that is larger. */
static void test_refuses_a_header_past_the_formats_bound(void **state) {
    const fixture *f = *state;
    fixture_write(f, SINGLE, "\1\xE1\xF5\5\0\0\0\0{}", 10);
    assert_int_equal(truncate(fixture_path(f, SINGLE), 200000000), 0);
    expect_refusal(
        f, YOUTU_E_FORMAT,
        "model.safetensors: header length is 100000001 bytes, expected 2 to 100000000 in a file of "
        "200000000 bytes");
}

static void test_refuses_headers(void **state) {
    const fixture *f = *state;
    static const struct {
        const char *header;
        size_t data_bytes;
        youtu_status status;
        const char *message;
    } cases[] = {
        {"{\"a\":", 0, YOUTU_E_FORMAT,
         "model.safetensors: byte 5: the text ends, expected the rest of a value"},
        {"{\"a\":7}", 0, YOUTU_E_FORMAT, "model.safetensors: field \"a\" is 7, expected an object"},
        {"{" T("a", "F32", "[1]", 0, 4) "," T("a", "F32", "[1]", 4, 8) "}", 8, YOUTU_E_FORMAT,
         "model.safetensors: byte 54: key \"a\" stands twice in one object"},
        {"{\"__metadata__\":[]}", 0, YOUTU_E_FORMAT,
         "model.safetensors: field \"__metadata__\" is [], expected an object of strings"},
        {"{\"__metadata__\":{\"n\":1}}", 0, YOUTU_E_FORMAT,
         "model.safetensors: field \"__metadata__.n\" is 1, expected a string"},
        {"{\"a\\u0000b\":{}}", 0, YOUTU_E_FORMAT,
         "model.safetensors: tensor \"a\\u0000b\" has a NUL in its name"},
        {"{\"\\ud800\":{}}", 0, YOUTU_E_FORMAT,
         "model.safetensors: field \"\\ud800\" is \"\\ud800\", expected no lone surrogate"},
        /* dtype */
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.dtype\" is missing, expected \"BF16\", \"F16\" or \"F32\""},
        {"{" T("a", "F8_E4M3", "[4]", 0, 4) "}", 4, YOUTU_E_UNSUPPORTED,
         "model.safetensors: field \"a.dtype\" is \"F8_E4M3\", expected \"BF16\", \"F16\" or \"F32\""},
        {"{" T("a", "I64", "[1]", 0, 8) "}", 8, YOUTU_E_UNSUPPORTED,
         "model.safetensors: field \"a.dtype\" is \"I64\", expected \"BF16\", \"F16\" or \"F32\""},
        {"{" T("a", "bf16", "[1]", 0, 2) "}", 2, YOUTU_E_UNSUPPORTED,
         "model.safetensors: field \"a.dtype\" is \"bf16\", expected \"BF16\", \"F16\" or \"F32\""},
        /* shape */
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.shape\" is missing, expected an array of at most 4 sizes"},
        {"{" T("a", "F32", "1", 0, 4) "}", 4, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.shape\" is 1, expected an array of at most 4 sizes"},
        {"{" T("a", "F32", "[1,1,1,1,1]", 0, 4) "}", 4, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.shape\" is [1,1,1,1,1], expected an array of at most 4 sizes"},
        {"{" T("a", "F32", "[1,-1]", 0, 4) "}", 4, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.shape[1]\" is -1, expected an integer from 0 to 9223372036854775807"},
        {"{" T("a", "F32", "[1.0]", 0, 4) "}", 4, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.shape[0]\" is 1.0, expected an integer from 0 to 9223372036854775807"},
        {"{" T("a", "F32", "[4611686018427387904,1]", 0, 0) "}", 0, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.shape\" is [4611686018427387904,1], expected sizes whose product fits 64 "
         "bits"},
        {"{" T("a", "BF16", "[4294967296,4294967296]", 0, 0) "}", 0, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.shape\" is [4294967296,4294967296], expected sizes whose product fits 64 "
         "bits"},
        {"{" T("a", "BF16", "[4294967296,2147483648,0]", 0, 0) "}", 0, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.shape\" is [4294967296,2147483648,0], expected sizes whose product fits 64 "
         "bits"},
        /* offsets */
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.data_offsets\" is missing, expected [begin, end]"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.data_offsets\" is [0], expected [begin, end]"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{\"x\":0,\"y\":4}}}", 4, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.data_offsets\" is {\"x\":0,\"y\":4}, expected [begin, end]"},
        {"{" T("a", "F32", "[1]", -4, 0) "}", 0, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.data_offsets[0]\" is -4, expected an integer from 0 to "
         "9223372036854775807"},
        {"{" T("a", "F32", "[1]", 4, 0) "}", 4, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.data_offsets[1]\" is 0, expected an integer from 4 to "
         "9223372036854775807"},
        {"{" T("a", "F32", "[1]", 0, 18446744073709551616) "}", 4, YOUTU_E_FORMAT,
         "model.safetensors: field \"a.data_offsets[1]\" is 18446744073709551616, expected an integer from 0 to "
         "9223372036854775807"},
        {"{" T("a", "F32", "[2]", 0, 8) "}", 7, YOUTU_E_FORMAT,
         "model.safetensors: tensor \"a\" ends at byte 8 of the data, the file has 7: truncated"},
        {"{" T("a", "F32", "[1]", 9223372036854775803, 9223372036854775807) "}", 4, YOUTU_E_FORMAT,
         "model.safetensors: tensor \"a\" ends at byte 9223372036854775807 of the data, the file has 4: "
         "truncated"},
        {"{" T("a", "BF16", "[2]", 0, 8) "}", 8, YOUTU_E_FORMAT,
         "model.safetensors: tensor \"a\" has 8 bytes of data, expected 4 for its dtype and shape"},
        {"{" T("a", "F32", "[2,3]", 0, 20) "}", 20, YOUTU_E_FORMAT,
         "model.safetensors: tensor \"a\" has 20 bytes of data, expected 24 for its dtype and shape"},
        /* layout */
        {"{" T("a", "F32", "[2]", 0, 8) "," T("b", "F32", "[2]", 4, 12) "}", 12, YOUTU_E_FORMAT,
         "model.safetensors: tensor \"b\" begins at byte 4 of the data and overlaps \"a\", which ends at byte 8"},
        {"{" T("a", "F32", "[2]", 0, 8) "," T("b", "F32", "[2]", 0, 8) "," T("c", "F32", "[1]", 8, 12) "}",
         12, YOUTU_E_FORMAT, NULL},
        {"{" T("a", "F32", "[2]", 0, 8) "," T("b", "F32", "[0]", 4, 4) "}", 8, YOUTU_E_FORMAT,
         "model.safetensors: tensor \"b\" begins at byte 4 of the data and overlaps \"a\", which ends at byte 8"},
        {"{" T("a", "F32", "[1]", 0, 4) "," T("b", "F32", "[1]", 8, 12) "}", 12, YOUTU_E_FORMAT,
         "model.safetensors: tensor \"b\" begins at byte 8 of the data, expected 4: no tensor holds the bytes "
         "between"},
        {"{" T("a", "F32", "[1]", 4, 8) "}", 8, YOUTU_E_FORMAT,
         "model.safetensors: tensor \"a\" begins at byte 4 of the data, expected 0: no tensor holds the bytes "
         "between"},
        {"{" T("a", "F32", "[1]", 0, 4) "}", 9, YOUTU_E_FORMAT,
         "model.safetensors: has 9 bytes of data, expected 4, where the tensors end"},
        {"{}", 1, YOUTU_E_FORMAT,
         "model.safetensors: has 1 bytes of data, expected 0, where the tensors end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_write_safetensors(f, SINGLE, cases[i].header, cases[i].data_bytes);
        if (cases[i].message) {
            expect_refusal(f, cases[i].status, cases[i].message);
            continue;
        }
        checkpoint *files = NULL; /* which of two equal places comes first is not laid down */
        assert_int_equal(checkpoint_open(f->directory, &files, NULL), cases[i].status);
    }
}

static void test_refuses_what_is_no_file(void **state) {
    const fixture *f = *state;
    const char *path = fixture_path(f, SINGLE);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refusal(f, YOUTU_E_IO, "@/model.safetensors: is a directory, expected a file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refusal(f, YOUTU_E_IO, "@/model.safetensors: is a pipe, expected a file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("gone", path), 0);
    expect_refusal(f, YOUTU_E_IO, "@/model.safetensors: cannot be opened: No such file or directory");
    assert_int_equal(unlink(path), 0);
    if (geteuid() != 0) { /* root reads everything */
        fixture_write_safetensors(f, SINGLE, "{}", 0);
        assert_int_equal(chmod(path, 0), 0);
        expect_refusal(f, YOUTU_E_IO, "@/model.safetensors: cannot be opened: Permission denied");
    }
}

static void test_says_what_it_looked_for(void **state) {
    const fixture *f = *state;
    expect_refusal(f, YOUTU_E_IO,
                   "@: no weights: neither model.safetensors nor model.safetensors.index.json");
    static const char *const others[] = {"pytorch_model.bin", "model-q4.gguf", "model.pt", "model.pth"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char message[160];
        snprintf(message, sizeof message,
                 "@: no weights: neither model.safetensors nor model.safetensors.index.json (%s is not read)",
                 others[i]);
        fixture_write_text(f, others[i], "");
        expect_refusal(f, YOUTU_E_IO, message);
        fixture_clear(f);
    }
    checkpoint *files = NULL;
    youtu_error error;
    youtu_status status = checkpoint_open(fixture_path(f, "none"), &files, &error);
    expect_failure(f, status, &error, YOUTU_E_IO, "@/none: cannot be opened: No such file or directory");
}

/* ---- shards */

#define SHARD_1 "model-00001-of-00002.safetensors"
#define SHARD_2 "model-00002-of-00002.safetensors"
#define WHOLE_INDEX                                                                            \
    "{\"metadata\":{\"total_size\":16},\"weight_map\":{\"a\":\"" SHARD_1 "\",\"c\":\"" SHARD_2 \
    "\",\"b\":\"" SHARD_1 "\"}}"

static void write_shards(const fixture *f) {
    fixture_write_safetensors(f, SHARD_1, "{" T("a", "F32", "[1]", 0, 4) "," T("b", "F32", "[2]", 4, 12) "}",
                              12);
    fixture_write_safetensors(f, SHARD_2, "{" T("c", "F32", "[1]", 0, 4) "}", 4);
}

static void test_joins_shards(void **state) {
    const fixture *f = *state;
    write_shards(f);
    fixture_write_text(f, INDEX, WHOLE_INDEX);
    checkpoint *files = NULL;
    youtu_error error;
    expect_success(checkpoint_open(f->directory, &files, &error), &error);
    size_t count;
    checkpoint_tensors(files, &count);
    assert_int_equal(count, 3);
    assert_string_equal(checkpoint_name(files), INDEX);
    assert_string_equal(checkpoint_find(files, "b")->file, SHARD_1);
    assert_string_equal(checkpoint_find(files, "c")->file, SHARD_2);
    checkpoint_close(files);
}

static void test_prefers_the_single_file(void **state) {
    const fixture *f = *state;
    fixture_write_safetensors(f, SINGLE, "{}", 0);
    fixture_write_text(f, INDEX, "not looked at");
    checkpoint *files = NULL;
    youtu_error error;
    expect_success(checkpoint_open(f->directory, &files, &error), &error);
    assert_string_equal(checkpoint_name(files), SINGLE);
    checkpoint_close(files);
}

static void test_refuses_indices(void **state) {
    const fixture *f = *state;
    static const struct {
        const char *index;
        youtu_status status;
        const char *message;
    } cases[] = {
        {"{", YOUTU_E_FORMAT,
         "model.safetensors.index.json: byte 1: the text ends, expected the rest of a value"},
        {"{}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map\" is missing, expected an object of tensor and file "
         "names"},
        {"[]", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map\" is missing, expected an object of tensor and file "
         "names"},
        {"{\"weight_map\":[]}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map\" is [], expected an object of tensor and file names"},
        {"{\"weight_map\":{}}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map\" is {}, expected an object of tensor and file names"},
        {"{\"weight_map\":{\"a\":1}}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map.a\" is 1, expected a string"},
        /* an index opens nothing outside its directory */
        {"{\"weight_map\":{\"a\":\"../x.safetensors\"}}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map.a\" is \"../x.safetensors\", expected the name of a "
         "file in the same directory"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map.a\" is \"/etc/passwd\", expected the name of a file in "
         "the same directory"},
        {"{\"weight_map\":{\"a\":\"\\u002e\\u002e\\u002fx\"}}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map.a\" is \"\\u002e\\u002e\\u002fx\", expected the name "
         "of a file in the same directory"},
        {"{\"weight_map\":{\"a\":\"..\"}}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map.a\" is \"..\", expected the name of a file in the same "
         "directory"},
        {"{\"weight_map\":{\"a\":\".\"}}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map.a\" is \".\", expected the name of a file in the same "
         "directory"},
        {"{\"weight_map\":{\"a\":\"\"}}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map.a\" is \"\", expected the name of a file in the same "
         "directory"},
        {"{\"weight_map\":{\"a\":\"" SHARD_1 "\\u0000\"}}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: field \"weight_map.a\" is \"" SHARD_1
         "\\u0000\", expected the name of a file in the same directory"},
        /* index and shards disagree */
        {"{\"weight_map\":{\"a\":\"" SHARD_1 "\",\"c\":\"model-3.safetensors\"}}", YOUTU_E_IO,
         "@/model.safetensors.index.json: shard \"model-3.safetensors\" is missing from the directory"},
        {"{\"weight_map\":{\"a\":\"" SHARD_1 "\",\"b\":\"" SHARD_1 "\",\"d\":\"" SHARD_2 "\"}}",
         YOUTU_E_FORMAT, "model.safetensors.index.json: tensor \"d\" is missing from \"" SHARD_2 "\""},
        {"{\"weight_map\":{\"a\":\"" SHARD_1 "\",\"b\":\"" SHARD_2 "\",\"c\":\"" SHARD_2 "\"}}",
         YOUTU_E_FORMAT,
         "model.safetensors.index.json: tensor \"b\" is in " SHARD_1 ", expected in \"" SHARD_2 "\""},
        {"{\"weight_map\":{\"a\":\"" SHARD_1 "\",\"c\":\"" SHARD_2 "\"}}", YOUTU_E_FORMAT,
         "model.safetensors.index.json: tensor \"b\" of " SHARD_1 " is missing from the index"},
    };
    write_shards(f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_write_text(f, INDEX, cases[i].index);
        expect_refusal(f, cases[i].status, cases[i].message);
    }
}

static void test_refuses_shards(void **state) {
    const fixture *f = *state;
    write_shards(f);
    fixture_write_text(f, INDEX, WHOLE_INDEX);
    fixture_write_safetensors(f, SHARD_2, "{" T("b", "F32", "[2]", 0, 8) "," T("c", "F32", "[1]", 8, 12) "}",
                              12);
    expect_refusal(f, YOUTU_E_FORMAT, SHARD_1 ": tensor \"b\" is in " SHARD_2 " too, expected in one file");
    fixture_write_safetensors(f, SHARD_2, "{" T("c", "F32", "[1]", 0, 4) "}", 3);
    expect_refusal(f, YOUTU_E_FORMAT,
                   SHARD_2 ": tensor \"c\" ends at byte 4 of the data, the file has 3: truncated");
    assert_int_equal(unlink(fixture_path(f, INDEX)), 0);
    assert_int_equal(mkdir(fixture_path(f, INDEX), 0700), 0);
    expect_refusal(f, YOUTU_E_IO, "@/model.safetensors.index.json: is a directory, expected a file");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_gives_views),
        TEST(test_takes_scalars_and_empty_tensors),
        TEST(test_takes_a_file_without_tensors),
        TEST(test_refuses_header_lengths),
        TEST(test_refuses_a_header_past_the_formats_bound),
        TEST(test_refuses_headers),
        TEST(test_refuses_what_is_no_file),
        TEST(test_says_what_it_looked_for),
        TEST(test_joins_shards),
        TEST(test_prefers_the_single_file),
        TEST(test_refuses_indices),
        TEST(test_refuses_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
