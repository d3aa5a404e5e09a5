/*
 * guest-files: the files of a direct kernel boot. See guest-files.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest-files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot-file-wire.h"
#include "cleanup.h"

static int measure(const struct config *config, const char *key, const char *path, long long *size,
                   struct fault *fault)
{
    cleanup_close int fd = -1;
    struct stat st;

    *size = 0;
    if (!path)
        return 0;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st))
        return fault_set(fault, -errno, "%s: %s = \"%s\": %s", config->source, key, path,
                         strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fault_set(fault, -EINVAL, "%s: %s = \"%s\": not a plain file", config->source, key,
                         path);
    if (st.st_size > BOOT_FILE_MAX)
        return fault_set(fault, -EFBIG, "%s: %s = \"%s\": more than %u MiB", config->source, key,
                         path, BOOT_FILE_MAX >> 20);
    *size = st.st_size;
    return 0;
}

int guest_files_measure(const struct config *config, long *mib, struct fault *fault)
{
    long long kernel, ramdisk, bytes;
    int rc = measure(config, "kernel", config->guest_kernel, &kernel, fault);

    if (!rc)
        rc = measure(config, "ramdisk", config->guest_ramdisk, &ramdisk, fault);
    if (rc)
        return rc;
    /* QEMU copies the kernel while the file is there, and maps the ramdisk. */
    bytes = 2 * kernel + ramdisk;
    bytes += bytes / 50; /* Linux's own account of each page */
    *mib = (bytes + (1 << 20) - 1) >> 20;
    return 0;
}
