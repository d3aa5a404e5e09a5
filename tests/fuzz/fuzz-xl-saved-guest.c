// sources: launcher/xl-stubdom/saved-guest.c
// libs: json-c
/*
 * A guest is to be restored from a file of any content. A file that is accepted has the magic number and a guest's
 * name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "saved-guest.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void check_text(const char *text, size_t size)
{
    MUST(!text || strlen(text) < size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int file = memfd_create("saved", MFD_CLOEXEC), rc;
    struct saved_guest guest;
    char path[32];

    MUST(write(file, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    rc = saved_guest_read(&guest, path);
    MUST(rc <= 0);
    if (rc == 0)
        MUST(guest.name && size > 52 && !memcmp(data, "Xen saved domain, xl format\n \0 \r", 32));
    check_text(guest.name, size);
    check_text(guest.kernel, size);
    check_text(guest.ramdisk, size);
    saved_guest_dispose(&guest);
    close(file);
    return 0;
}
