/*
 * The rump stub domain's launcher: prepares the platform, then hands over to the device model
 * core. It never ends by itself: the last thing it does is to power the domain off.
 *
 * Output: lines with the seconds since the start on console 0.
 * Kernel command line: "stubdom.debug" adds debug lines, "stubdom.firewall=0" lets the guest's
 * NICs send what they like.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "log.h"
#include "rump.h"
#include "store-proxy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xenstore.h>

static bool debug, firewall = true;

static int64_t now_ms(void)
{
    return (int64_t)(pv_clock() / PV_MS);
}

static void print_line(void *data, enum log_level level, const char *line)
{
    static const char *const words[] = { "ERROR: ", "warning: ", "", "" };

    if (level != LOG_DEBUG || debug)
        pv_log("stubdom: %s%s", words[level], line);
}

static void read_command_line(void)
{
    char text[MAX_GUEST_CMDLINE + 1], *rest = text;

    snprintf(text, sizeof(text), "%s", pv_command_line());
    for (char *word; (word = strsep(&rest, " \n"));) {
        if (!strcmp(word, "stubdom.debug"))
            debug = true;
        if (!strcmp(word, "stubdom.firewall=0"))
            firewall = false;
    }
}

static struct xs_handle *open_store(void)
{
    int rc = store_proxy_init();
    struct xs_handle *xs = rc ? NULL : xs_open(0);

    if (!xs)
        log_error("cannot open xenstore: %s", strerror(rc ? -rc : errno));
    return xs;
}

int main(int argc, char **argv)
{
    static struct device_model model;
    static struct rump_platform platform;
    static struct loop loop;
    struct xs_handle *xs;

    log_set_sink(print_line, NULL);
    read_command_line();
    log_info("kernel up, launcher started, %zu KiB free", pv_pages_free() * PV_PAGE / 1024);
    loop_init(&loop, now_ms);
    if (rump_platform_init(&platform, &loop))
        pv_power_off();
    platform.base.firewall = firewall;
    xs = open_store();
    if (!xs)
        pv_power_off();
    if (!device_model_init(&model, &loop, &platform.base, xs)) {
        device_model_start(&model);
        log_error("the loop ended: %s", strerror(-loop_run(&loop)));
    }
    platform.base.ops->power_off(&platform.base);
    return 1;
}
