// sources: launcher/xl-stubdom/log-tail.c launcher/xl-stubdom/fault.c
/*
 * A log that the stub domain wrote is shown on a terminal. The output must be short, and have only printable bytes,
 * tabs and line ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "log-tail.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void check(const char *text, size_t len)
{
    size_t lines = 0, column = 0;

    for (size_t i = 0; i < len; i++) {
        MUST(text[i] == '\n' || text[i] == '\t' || (text[i] >= ' ' && text[i] <= '~'));
        lines += text[i] == '\n';
        column = text[i] == '\n' ? 0 : column + 1;
        /* A byte becomes four characters at most: \xNN. */
        MUST(column <= 8 + 4 * LOG_TAIL_COLUMNS);
    }
    MUST(lines <= LOG_TAIL_LINES + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64] = "/tmp/fuzz-log-XXXXXX", *text = NULL;
    int fd = mkstemp(path);
    struct log_tail log;
    size_t len = 0;
    FILE *out;

    MUST(fd >= 0 && log_tail_init(&log, path) == 0);
    MUST(write(fd, data, size) == (ssize_t)size);
    out = open_memstream(&text, &len);
    log_tail_print(&log, "the end", out);
    fclose(out);
    check(text, len);
    free(text);
    log_tail_dispose(&log);
    close(fd);
    unlink(path);
    return 0;
}
