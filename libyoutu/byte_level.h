/* The alphabet in which byte-level vocabularies spell bytes: a printable character for each of the 256. Bytes
 * that are printable in Latin-1 stand for themselves, the other 68 are U+0100 onwards in their order. */
#ifndef YOUTU_BYTE_LEVEL_H
#define YOUTU_BYTE_LEVEL_H

#include <stddef.h>

/* The byte that a UTF-8 character (of 1 to 4 bytes, valid) spells, or -1 when it is not of the alphabet. */
static inline int byte_level_byte(const char *character, size_t bytes) {
    if (bytes > 2) return -1;
    int lead = (unsigned char)character[0];
    int point = bytes == 1 ? lead : (lead & 0x1F) << 6 | ((unsigned char)character[1] & 0x3F);
    if (point < 256) return (point > 0x20 && point < 0x7F) || (point > 0xA0 && point != 0xAD) ? point : -1;
    int nth = point - 256; /* of 0x00..0x20, 0x7F..0xA0, 0xAD */
    if (nth < 0x21) return nth;
    if (nth < 0x21 + 0x22) return 0x7F + nth - 0x21;
    return nth == 0x21 + 0x22 ? 0xAD : -1;
}

#endif
