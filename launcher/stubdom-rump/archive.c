/*
 * The files that came with the image: a cpio archive (newc), read where it lies (host.h).
 *
 * Source of the format: cpio(5).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host.h"

#define HEADER 110
#define MODE_FOLDER 040000
#define MODE_TYPE 0170000

static struct archive_file *files;
static size_t file_count;

struct entry { const char *name; size_t name_size, mode, size; const uint8_t *data, *end; };

/* Reads 8 hexadecimal digits. False: they are not. */
static bool get_hex(const uint8_t *digits, size_t *value)
{
    *value = 0;
    for (unsigned int i = 0; i < 8; i++) {
        unsigned int c = digits[i] | 0x20U, digit = 16;

        if (c - '0' < 10)
            digit = c - '0';
        else if (c - 'a' < 6)
            digit = c - 'a' + 10;
        if (digit == 16)
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

static size_t aligned(size_t n)
{
    return (n + 3) & ~3UL;
}

/*
 * Reads the entry at offset `at`. Of the header's fields only 1 (mode), 6 (size) and 11 (length of the name) matter
 * here.
 */
static bool get_entry(const uint8_t *archive, size_t size, size_t at, struct entry *entry)
{
    const uint8_t *p = archive + at;
    size_t left = size - at;

    if (left < HEADER || pv_compare(p, "070701", 6) || !get_hex(p + 6 + 8, &entry->mode) ||
        !get_hex(p + 6 + 48, &entry->size) || !get_hex(p + 6 + 88, &entry->name_size))
        return false;
    if (entry->name_size == 0 || entry->name_size > left - HEADER || p[HEADER + entry->name_size - 1])
        return false;
    entry->name = (const char *)p + HEADER;
    if (aligned(HEADER + entry->name_size) > left || entry->size > left - aligned(HEADER + entry->name_size))
        return false;
    entry->data = p + aligned(HEADER + entry->name_size);
    entry->end = entry->data + entry->size;
    return true;
}

/* Calls fn for each entry. How many there are, or -PV_EINVAL. */
static int walk(const uint8_t *archive, size_t size, void (*fn)(const struct entry *entry, size_t n))
{
    struct entry entry;
    size_t at = 0, n = 0;

    while (at < size && get_entry(archive, size, at, &entry)) {
        if (pv_streq(entry.name, "TRAILER!!!"))
            return (int)n;
        if (fn)
            fn(&entry, n);
        n++;
        at = aligned((size_t)(entry.end - archive));
    }
    return -PV_EINVAL;
}

static void note(const struct entry *entry, size_t n)
{
    files[n] = (struct archive_file){ .name = entry->name, .data = entry->data, .size = entry->size,
                                      .folder = (entry->mode & MODE_TYPE) == MODE_FOLDER };
}

int archive_init(const void *archive, size_t size)
{
    int count = walk(archive, size, NULL);

    if (count <= 0)
        return count;
    files = pv_alloc((size_t)count * sizeof(*files));
    if (!files)
        return -PV_ENOMEM;
    file_count = (size_t)walk(archive, size, note);
    return count;
}

const struct archive_file *archive_find(const char *name)
{
    for (size_t i = 0; i < file_count; i++)
        if (pv_streq(files[i].name, name))
            return &files[i];
    return NULL;
}
