/*
 * serial-line: waits for a line on a guest's serial console.
 *
 * What is read is the guest's: lines are cut at a limit, and only matched.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_SERIAL_LINE_H
#define XL_STUBDOM_SERIAL_LINE_H

#include <regex.h>
#include <stdbool.h>

#include "fault.h"

#define SERIAL_LINE_MAX 1024

struct serial_line {
    int fd; /* readable: call serial_line_read(); -1: not open */
    regex_t regex;
    bool compiled;
    char text[SERIAL_LINE_MAX]; /* what has come of the line */
    size_t len;
};

/* PATTERN: an extended regular expression. 0, or -EINVAL with the fault described. Dispose in either case. */
int serial_line_init(struct serial_line *line, const char *pattern, struct fault *fault);
void serial_line_dispose(struct serial_line *line);

/* TTY: of xenstore, dom0's words. 0, or a negative errno. */
int serial_line_open(struct serial_line *line, const char *tty);

/*
 * Takes what is there, and does not block. True: a line, perhaps not ended yet (a prompt is not), matches. Closes
 * the descriptor when the other side has gone.
 */
bool serial_line_read(struct serial_line *line);

#endif
