/*
 * stub-test: process 1 of a stub domain that is none, or one that runs beside ours, for
 * scenarios that show what dom0 makes of it. What it does is named on the stub domain's kernel
 * command line, stub_test=NAME, which the kernel hands to process 1 as an environment variable:
 *   sleep   says hello and never becomes ready
 *   flood   writes to the log console without end
 *   clock   says what stub-clock.c sees of the clock
 *   exit    ends at once, which is a kernel panic
 *   alone:VERB,ARGUMENT:...  does these of stub-hostile.c, then ends
 *   beside  runs our /init as process 1, and beside it, as root, what stub-hostile.c is told
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "stub-clock.h"
#include "stub-hostile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_LEN 76

/* Linux gives process 1 the console, and the micro kernel /dev. */
static void have_console(void)
{
    int fd = fcntl(STDOUT_FILENO, F_GETFD) < 0 ? open("/dev/hvc0", O_RDWR) : STDOUT_FILENO;

    for (int to = 0; fd >= 0 && fd != STDOUT_FILENO && to < 3; to++)
        dup2(fd, to);
}

static void flood(void)
{
    char line[LINE_LEN + 1];

    memset(line, 'x', LINE_LEN);
    line[LINE_LEN] = '\n';
    for (;;) {
        if (write(STDOUT_FILENO, line, sizeof(line)) < 0)
            sleep(1);
    }
}

static int beside(void)
{
    char *init[] = { "/init", NULL };

    if (fork() == 0)
        return stub_hostile();
    execv(init[0], init);
    return 3;
}

int main(void)
{
    char *what = getenv("stub_test");

    if (!what)
        what = "sleep";
    have_console();
    printf("stub-test: %s\n", what);
    fflush(stdout);
    if (!strcmp(what, "flood"))
        flood();
    if (!strcmp(what, "clock"))
        stub_clock();
    if (!strcmp(what, "exit"))
        return 3;
    if (!strncmp(what, "alone:", 6))
        return stub_alone(what + 6);
    if (!strcmp(what, "beside"))
        return beside();
    for (;;)
        pause();
}
