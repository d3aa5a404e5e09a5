/*
 * PID 1 of the stub domain, on Linux and on the micro kernel: prepares what the kernel leaves to
 * user space, then hands over to the device model core. It never ends by itself: the last thing
 * it does is to power the domain off, and if it crashes the kernel panics, which Xen sees as the
 * domain's crash.
 *
 * Output: lines with the seconds since boot on console 0 (/dev/hvc0).
 * Kernel command line: "stubdom.debug" adds debug lines, "stubdom.firewall=0" lets the
 * guest's NICs send what they like.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <xenstore.h>

static int console = -1;
static bool debug, firewall = true;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void print_line(void *data, enum log_level level, const char *line)
{
    static const char *const words[] = { "ERROR: ", "warning: ", "", "" };
    char text[LOG_LINE_MAX + 64];
    int64_t now = now_ms();
    int len;

    if (level == LOG_DEBUG && !debug)
        return;
    len = snprintf(text, sizeof(text), "[%5d.%03d] stubdom: %s%s\n", (int)(now / 1000),
                   (int)(now % 1000), words[level], line);
    /* Errors are ignored: there is nobody to tell. */
    if (console >= 0 && write(console, text, len) < 0)
        return;
}

static void read_command_line(void)
{
    char text[2048] = "", *rest = text;
    cleanup_close int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
        return;
    for (char *word; (word = strsep(&rest, " \n"));) {
        if (!strcmp(word, "stubdom.debug"))
            debug = true;
        if (!strcmp(word, "stubdom.firewall=0"))
            firewall = false;
    }
}

static void power_off(void)
{
    reboot(RB_HALT_SYSTEM); /* to Xen this is a power-off */
    for (;;)
        pause();
}

int main(void)
{
    static struct device_model model;
    static struct linux_platform platform;
    static struct loop loop;
    struct xs_handle *xs;

    log_set_sink(print_line, NULL);
    linux_prepare(&console);
    read_command_line();
    log_info("kernel up, init started");
    loop_init(&loop, now_ms);
    if (linux_platform_init(&platform, &loop, console))
        power_off();
    platform.base.firewall = firewall;
    xs = xs_open(0);
    if (!xs) {
        log_error("cannot open xenstore: %s", strerror(errno));
        power_off();
    }
    if (!device_model_init(&model, &loop, &platform.base, xs)) {
        device_model_start(&model);
        log_error("the loop ended: %s", strerror(-loop_run(&loop)));
    }
    power_off();
}
