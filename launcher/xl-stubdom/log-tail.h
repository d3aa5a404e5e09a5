/*
 * log-tail: the end of a log, if it was written since a mark was taken.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_LOG_TAIL_H
#define XL_STUBDOM_LOG_TAIL_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define LOG_TAIL_LINES 20
#define LOG_TAIL_COLUMNS 200 /* a longer line is cut */

/* What was known of the file when the mark was taken. */
struct log_tail {
    char *path;
    bool existed;
    dev_t dev;
    ino_t ino;
    off_t size;
};

/* Takes the mark. Owns a copy of `path`. Returns 0 or -ENOMEM. */
int log_tail_init(struct log_tail *log, const char *path);
void log_tail_dispose(struct log_tail *log);

/*
 * Prints `headline`, the path and the last lines that came since the mark, escaped: what a stub
 * domain wrote must not reach a terminal as it is. Prints nothing and returns false when nothing
 * came.
 */
bool log_tail_print(const struct log_tail *log, const char *headline, FILE *out);

#endif
