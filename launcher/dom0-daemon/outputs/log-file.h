/*
 * A log file of bounded size. When it is full, its first quarter (how it began)
 * and its last quarter (how it ended) stay, with one line between them that says
 * how much was left out, and writing goes on. Somebody else may make it shorter at any
 * time (logrotate, copytruncate).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_LOG_FILE_H
#define DM_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_file {
    int fd; /* owned; readable and writable, not O_APPEND */
    uint64_t size, max;
    uint64_t left_out; /* bytes, so far, that are not in the file */
    bool failing;      /* the last write failed (disk full): said once */
};

/* Takes over FD, a regular file of SIZE bytes so far. MAX is at least 64 KiB. */
void log_file_init(struct log_file *file, int fd, uint64_t size, uint64_t max);
void log_file_dispose(struct log_file *file); /* idempotent */

/*
 * Writes all of BUF, or loses it: a log never stops what it is about. Returns 0,
 * or -errno when bytes were lost and this is the first time since it last worked.
 */
int log_file_write(struct log_file *file, const void *buf, size_t len);

#endif
