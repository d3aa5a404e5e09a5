/*
 * A log file of bounded size (see log-file.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "log-file.h"

#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void log_file_init(struct log_file *file, int fd, uint64_t size, uint64_t max)
{
    *file = (struct log_file){ .fd = fd, .size = size, .max = max };
}

void log_file_dispose(struct log_file *file)
{
    fd_close(&file->fd);
}

static int log_file_append(struct log_file *file, const char *buf, size_t len)
{
    while (len) {
        ssize_t n = pwrite(file->fd, buf, len, file->size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        buf += n;
        len -= n;
        file->size += n;
    }
    return 0;
}

static int log_file_note(struct log_file *file)
{
    char note[96];
    int n = snprintf(note, sizeof(note), "\n[stubdom-dm: %" PRIu64 " bytes left out here so far]\n",
                     file->left_out);

    return log_file_append(file, note, n);
}

/* Moves the last quarter down to behind the first one; what was between is gone. */
static int log_file_compact(struct log_file *file)
{
    uint64_t quarter = file->max / 4, from = file->size - quarter, end = file->size;
    char chunk[4096];
    int rc;

    file->left_out += from - quarter;
    file->size = quarter;
    rc = log_file_note(file);
    while (!rc && from < end) {
        ssize_t n = pread(file->fd, chunk, MIN(sizeof(chunk), end - from), from);

        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        rc = log_file_append(file, chunk, n);
        from += n;
    }
    if (ftruncate(file->fd, file->size))
        return -errno;
    return rc;
}

/* logrotate's copytruncate empties it: what follows is its beginning, not behind a hole. */
static void log_file_notice_rotation(struct log_file *file)
{
    struct stat st;

    if (fstat(file->fd, &st) == 0 && (uint64_t)st.st_size < file->size) {
        file->size = st.st_size;
        file->left_out = 0;
    }
}

int log_file_write(struct log_file *file, const void *buf, size_t len)
{
    bool failed_before = file->failing;
    int rc = 0;

    log_file_notice_rotation(file);
    if (file->size + len > file->max)
        rc = log_file_compact(file);
    if (!rc && failed_before)
        rc = log_file_note(file);
    if (!rc)
        rc = log_file_append(file, buf, len);
    file->failing = rc != 0;
    if (rc)
        file->left_out += len;
    return rc && !failed_before ? rc : 0;
}
