/*
 * serial-line: waits for a line on a guest's serial console. See serial-line.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "serial-line.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define TERMINALS "/dev/pts/"

int serial_line_init(struct serial_line *line, const char *pattern, struct fault *fault)
{
    char text[200];
    int e;

    memset(line, 0, sizeof(*line));
    line->fd = -1;
    e = regcomp(&line->regex, pattern, REG_EXTENDED | REG_NOSUB);
    if (e) {
        regerror(e, &line->regex, text, sizeof(text));
        return fault_set(fault, -EINVAL, "--until=%s: %s", pattern, text);
    }
    line->compiled = true;
    return 0;
}

static void hang_up(struct serial_line *line)
{
    if (line->fd >= 0)
        close(line->fd);
    line->fd = -1;
}

void serial_line_dispose(struct serial_line *line)
{
    if (line->compiled)
        regfree(&line->regex);
    line->compiled = false;
    hang_up(line);
}

int serial_line_open(struct serial_line *line, const char *tty)
{
    struct termios mode;
    int fd;

    if (strncmp(tty, TERMINALS, strlen(TERMINALS)) || strstr(tty, ".."))
        return -EINVAL;
    fd = open(tty, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    /* Without this the terminal sends the guest back whatever it says. */
    if (tcgetattr(fd, &mode)) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    cfmakeraw(&mode);
    tcsetattr(fd, TCSANOW, &mode);
    hang_up(line);
    line->fd = fd;
    line->len = 0;
    return 0;
}

static bool matches(struct serial_line *line)
{
    line->text[line->len] = '\0';
    return line->len && !regexec(&line->regex, line->text, 0, NULL, 0);
}

/* True: the line that ends here matches. */
static bool take(struct serial_line *line, char c)
{
    bool ended = c == '\n' && matches(line);

    if (c == '\n')
        line->len = 0;
    else if (c && c != '\r' && line->len < sizeof(line->text) - 1)
        line->text[line->len++] = c;
    return ended;
}

bool serial_line_read(struct serial_line *line)
{
    char bytes[512];
    ssize_t n = read(line->fd, bytes, sizeof(bytes));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        hang_up(line);
        return false;
    }
    for (ssize_t i = 0; i < n; i++)
        if (take(line, bytes[i]))
            return true;
    return matches(line);
}
