/*
 * The daemon's own log: bounded, and rate limited where a peer can cause a line
 * (see stderr-sink.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "stderr-sink.h"

#include "budget.h"
#include "clock.h"
#include "log.h"
#include "log-rotation.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OWN_LOG "/proc/self/fd/2"

static struct {
    char prefix[48];
    char path[300]; /* empty: not a file */
    int fd;
    size_t used;
    struct tokens warnings, errors;
    unsigned int suppressed;
} sink = { .fd = STDERR_FILENO };

static void put(const char *line, size_t max)
{
    char text[LOG_LINE_MAX + sizeof(sink.prefix) + 2];
    int len;

    if (sink.used >= max)
        return;
    len = snprintf(text, sizeof(text), "%s%s\n", sink.prefix, line);
    sink.used += len;
    if (sink.used >= max)
        len = snprintf(text, sizeof(text), "%stoo many messages: this is the last\n", sink.prefix);
    /* There is nowhere to say that it could not be written. */
    (void)!write(sink.fd, text, len);
}

static void sink_line(void *data, enum log_level level, const char *line)
{
    size_t max = STDERR_SINK_MAX + (level == LOG_ERROR ? STDERR_SINK_ERRORS : 0);
    char note[64];

    if ((level == LOG_WARNING && !tokens_take(&sink.warnings, clock_now_ms())) ||
        (level == LOG_ERROR && !tokens_take(&sink.errors, clock_now_ms()))) {
        sink.suppressed++;
        return;
    }
    if (sink.suppressed) {
        snprintf(note, sizeof(note), "%u messages were left out", sink.suppressed);
        sink.suppressed = 0;
        put(note, max);
    }
    put(line, max);
}

static int open_log(const char *path, int flags)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC | flags, 0640);

    return fd < 0 ? -errno : fd;
}

static void note_path(void)
{
    struct stat st;
    ssize_t n = readlink(OWN_LOG, sink.path, sizeof(sink.path) - 1);

    sink.path[n > 0 && fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink ? n : 0] = '\0';
}

bool stderr_sink_follow(void)
{
    int fd;

    if (!sink.path[0] || !log_is_renamed(sink.path, STDERR_FILENO))
        return false;
    fd = open_log(sink.path, O_CREAT);
    if (fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0) {
        close(fd);
        return true;
    }
    log_error("cannot open %s anew: %s", sink.path, strerror(fd < 0 ? -fd : errno));
    cleanup_closep(&fd);
    return false;
}

int stderr_sink_open_for_child(void)
{
    return open_log(OWN_LOG, 0);
}

void stderr_sink_take(int fd)
{
    if (sink.fd != STDERR_FILENO)
        close(sink.fd);
    sink.fd = fd;
}

int stderr_sink_open_anew(void)
{
    cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    cleanup_close int log = open_log(OWN_LOG, 0);

    if (null < 0)
        return -errno;
    /* A socket, say: libxl gives a file. */
    if (log < 0)
        log = dup(null);
    if (log < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0)
        return -errno;
    return 0;
}

void stderr_sink_init(const char *role, int domid)
{
    char number[16] = "";

    if (!role)
        note_path();

    if (domid >= 0)
        snprintf(number, sizeof(number), " d%d", domid);
    snprintf(sink.prefix, sizeof(sink.prefix), "stubdom-dm%s%s%s: ", role ? " " : "",
             role ? role : "", number);
    tokens_init(&sink.warnings, STDERR_SINK_BURST, 1, clock_now_ms());
    tokens_init(&sink.errors, STDERR_SINK_ERROR_BURST, 1, clock_now_ms());
    log_set_sink(sink_line, NULL);
}
