#include "cli/clinic/columns.h"

struct range {
    uint32_t first, last;
};

/* Combining marks, joiners, direction marks, variation selectors. */
static const struct range NONE[] = {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x202A, 0x202E},  {0x2060, 0x2069},
                                    {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF}};

/* East Asian Width W and F (UAX #11), blocks taken whole. */
static const struct range WIDE[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},  {0x3041, 0xA4CF},
                                    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},  {0xFE30, 0xFE6F},
                                    {0xFF01, 0xFF60},   {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F},
                                    {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

static bool is_in(const struct range *ranges, size_t n, uint32_t c) {
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    return false;
}

#define IS_IN(ranges, c) is_in(ranges, sizeof(ranges) / sizeof *(ranges), c)

int text_columns(struct span text) {
    int columns = 0;
    uint32_t c;
    for (size_t bytes; (bytes = utf8_read(text, &c)); text = span_between(text, bytes, text.length))
        columns += c < 0x20 || IS_IN(NONE, c) ? 0 : IS_IN(WIDE, c) ? 2 : 1;
    return columns;
}
