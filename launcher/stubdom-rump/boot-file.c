/*
 * The guest's boot files (platform.h), as files of the rump kernel's host: "boot/0" and so on. They are in address
 * space of their own, not in the rump kernel's memory file system: that may take only a part of the memory, and a
 * mapped file of it is in memory twice. Whoever maps a whole boot file gets the file's own pages (host.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host.h"

struct boot_file {
    struct archive_file file; /* data NULL: there is none */
    size_t room;              /* pages */
};
static struct boot_file files[BOOT_FILES];

static size_t pages_of(uint64_t size)
{
    return (size_t)(size / PV_PAGE + (size % PV_PAGE != 0));
}

static void drop(struct boot_file *boot)
{
    if (boot->file.data)
        PV_ASSERT(space_unmap((uintptr_t)boot->file.data, boot->room) == 0);
    *boot = (struct boot_file){ .file.data = NULL };
}

int host_boot_create(unsigned int n, uint64_t bytes)
{
    uintptr_t first;

    if (n >= BOOT_FILES)
        return -PV_EINVAL;
    drop(&files[n]);
    /* An empty file needs an address, too. */
    files[n].room = bytes ? pages_of(bytes) : 1;
    first = space_map(files[n].room, SPACE_LAZY);
    if (!first)
        return -PV_ENOMEM;
    files[n].file = (struct archive_file){ .name = "boot", .data = (const uint8_t *)first };
    return 0;
}

int host_boot_append(unsigned int n, const void *bytes, size_t size)
{
    struct archive_file *file = n < BOOT_FILES ? &files[n].file : NULL;
    uintptr_t to;
    int rc;

    if (!file || !file->data || size > files[n].room * PV_PAGE - file->size)
        return -PV_EINVAL;
    if (!size)
        return 0;
    /* Allocates the pages now. If there were none when they are touched, the domain would crash. */
    to = (uintptr_t)file->data + file->size;
    rc = space_back(to, pages_of(to % PV_PAGE + size));
    if (rc)
        return rc;
    pv_copy((void *)to, bytes, size);
    file->size += size;
    return 0;
}

void host_boot_drop(void)
{
    for (unsigned int n = 0; n < BOOT_FILES; n++)
        drop(&files[n]);
}

const struct archive_file *host_boot_find(const char *name)
{
    unsigned int n = (unsigned char)name[0] - '0';

    return n < BOOT_FILES && !name[1] && files[n].file.data ? &files[n].file : NULL;
}

void *host_boot_take(const struct archive_file *file, size_t size)
{
    for (struct boot_file *boot = files; boot < files + BOOT_FILES; boot++)
        if (file == &boot->file && boot->file.data && size == boot->file.size && pages_of(size) == boot->room) {
            void *data = (void *)(uintptr_t)boot->file.data;

            *boot = (struct boot_file){ .file.data = NULL };
            return data;
        }
    return NULL;
}
