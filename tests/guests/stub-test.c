/*
 * stub-test: process 1 of a stub domain without a device model, or a process beside our own process 1. Scenarios show
 * what dom0 does then. The stub domain's kernel command line says what to do, by stub_test=NAME, which the kernel
 * passes to process 1 as an environment variable:
 *   sleep   says hello and never becomes ready
 *   flood   writes to the log console without end
 *   clock   prints the results of stub-clock.c
 *   exit    ends at once: the kernel panics
 *   alone:VERB,ARGUMENT:...  performs these verbs of stub-hostile.c, then ends
 *   beside  runs our /init as process 1, and as root beside it the verbs of stub-hostile.c that dom0 orders
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

/* Opens the console: Linux gives process 1 the console already open, and the micro kernel only /dev. */
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
