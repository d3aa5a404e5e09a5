/*
 * log-tail: the end of a log, if it was written since a mark was taken. See log-tail.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "log-tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "fault.h"

/* Read at most this much of the end, however long the lines are. */
#define TAIL_BYTES 8192

int log_tail_init(struct log_tail *log, const char *path)
{
    struct stat st;

    memset(log, 0, sizeof(*log));
    log->path = strdup(path);
    if (!log->path)
        return -ENOMEM;
    if (!stat(path, &st)) {
        log->existed = true;
        log->dev = st.st_dev;
        log->ino = st.st_ino;
        log->size = st.st_size;
    }
    return 0;
}

void log_tail_dispose(struct log_tail *log)
{
    free(log->path);
    log->path = NULL;
}

/* Reads what came since the mark, at most the last TAIL_BYTES of it. */
static size_t read_new(const struct log_tail *log, char *buffer)
{
    cleanup_close int fd = open(log->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    struct stat st;
    off_t from = 0;
    ssize_t got;

    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
        return 0;
    /* A file of the same identity grew; any other is libxl's new one, the old was rotated away. */
    if (log->existed && st.st_dev == log->dev && st.st_ino == log->ino && st.st_size >= log->size)
        from = log->size;
    if (st.st_size - from > TAIL_BYTES)
        from = st.st_size - TAIL_BYTES;
    got = pread(fd, buffer, TAIL_BYTES, from);
    return got > 0 ? got : 0;
}

/* The start of the last LOG_TAIL_LINES lines of buffer[0…len). */
static size_t tail_start(const char *buffer, size_t len)
{
    int lines = 0;

    while (len > 0) {
        if (buffer[len - 1] == '\n' && ++lines == LOG_TAIL_LINES)
            return len;
        len--;
    }
    return 0;
}

static void print_line(const char *line, size_t len, FILE *out)
{
    size_t shown = len > LOG_TAIL_COLUMNS ? LOG_TAIL_COLUMNS : len;

    fputs("  | ", out);
    text_print_escaped(line, shown, out);
    fputs(shown < len ? " ...\n" : "\n", out);
}

bool log_tail_print(const struct log_tail *log, const char *headline, FILE *out)
{
    char buffer[TAIL_BYTES];
    size_t len = read_new(log, buffer), at;

    while (len > 0 && (buffer[len - 1] == '\n' || buffer[len - 1] == '\r'))
        len--;
    if (!len)
        return false;
    fprintf(out, "xl-stubdom: %s (", headline);
    text_print_escaped(log->path, strlen(log->path), out);
    fputs("):\n", out);
    for (at = tail_start(buffer, len); at < len;) {
        const char *end = memchr(buffer + at, '\n', len - at);
        size_t line = end ? (size_t)(end - (buffer + at)) : len - at;
        size_t text = line;

        while (text > 0 && buffer[at + text - 1] == '\r')
            text--;
        print_line(buffer + at, text, out);
        at += line + 1;
    }
    return true;
}
