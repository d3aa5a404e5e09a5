/*
 * stub-watch: whether the stub domain of a guest in the making is still alive. See stub-watch.h.
 *
 * Xenstore nodes read here are written by libxl, except the device model's state, which the stub
 * domain writes: it is only compared.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "stub-watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>
#include <xenstore.h>

#include "cleanup.h"

#define DOMID_MAX 0x7fef /* below DOMID_FIRST_RESERVED */

__attribute__((format(printf, 2, 3)))
static char *xs_get(struct xs_handle *xs, const char *format, ...)
{
    char path[128];
    unsigned int len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(path))
        return NULL;
    return xs_read(xs, XBT_NULL, path, &len);
}

static int32_t parse_domid(const char *text)
{
    char *end;
    long domid;

    if (!text || *text < '0' || *text > '9')
        return -1;
    domid = strtol(text, &end, 10);
    return *end || domid > DOMID_MAX ? -1 : (int32_t)domid;
}

/* The domain with the guest's name, other than the one that had it before. */
static int32_t find_guest(struct stub_watch *watch)
{
    unsigned int count;
    cleanup_free char **domains = xs_directory(watch->xs, XBT_NULL, "/local/domain", &count);

    for (unsigned int i = 0; domains && i < count; i++) {
        int32_t domid = parse_domid(domains[i]);
        cleanup_free char *name = NULL;

        if (domid <= 0 || domid == watch->before)
            continue;
        name = xs_get(watch->xs, "/local/domain/%d/name", domid);
        if (name && !strcmp(name, watch->guest))
            return domid;
    }
    return -1;
}

void stub_watch_init(struct stub_watch *watch, const char *guest)
{
    memset(watch, 0, sizeof(*watch));
    watch->guest = guest;
    watch->before = -1;
    watch->xs = xs_open(0);
    if (!watch->xs)
        return;
    watch->xc = xc_interface_open(NULL, NULL, 0);
    if (!watch->xc || !xs_watch(watch->xs, "@releaseDomain", "release")) {
        stub_watch_dispose(watch);
        return;
    }
    watch->before = find_guest(watch);
}

void stub_watch_dispose(struct stub_watch *watch)
{
    if (watch->xc)
        xc_interface_close(watch->xc);
    if (watch->xs)
        xs_close(watch->xs);
    watch->xc = NULL;
    watch->xs = NULL;
}

int stub_watch_fd(const struct stub_watch *watch)
{
    return watch->xs ? xs_fileno(watch->xs) : -1;
}

void stub_watch_drain(struct stub_watch *watch)
{
    char **event;

    while ((event = xs_check_watch(watch->xs)))
        free(event);
}

static enum stub_state look_at_stub(struct stub_watch *watch, int32_t stub, int32_t guest,
                                    unsigned int *reason)
{
    cleanup_free char *state =
        xs_get(watch->xs, "/local/domain/%d/device-model/%d/state", stub, guest);
    xc_domaininfo_t info;

    if (state && !strcmp(state, "running"))
        return STUB_READY;
    if (xc_domain_getinfo_single(watch->xc, stub, &info) || (info.flags & XEN_DOMINF_dying))
        return STUB_ABSENT;
    if (!(info.flags & XEN_DOMINF_shutdown))
        return STUB_STARTING;
    *reason = (info.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;
    return STUB_ENDED;
}

struct stub_sight stub_watch_look(struct stub_watch *watch)
{
    struct stub_sight sight = {.state = STUB_ABSENT, .guest = -1};
    cleanup_free char *text = NULL;
    int32_t stub;

    if (!watch->xs)
        return sight;
    sight.guest = find_guest(watch);
    if (sight.guest < 0)
        return sight;
    text = xs_get(watch->xs, "/local/domain/%d/image/device-model-domid", sight.guest);
    stub = parse_domid(text);
    if (stub > 0)
        sight.state = look_at_stub(watch, stub, sight.guest, &sight.reason);
    return sight;
}

const char *stub_reason_text(unsigned int reason)
{
    static const char *const text[] = {
        [SHUTDOWN_poweroff] = "powered off",
        [SHUTDOWN_reboot] = "rebooted",
        [SHUTDOWN_suspend] = "suspended",
        [SHUTDOWN_crash] = "crashed",
        [SHUTDOWN_watchdog] = "was stopped by its watchdog",
    };

    return reason < sizeof(text) / sizeof(text[0]) && text[reason] ? text[reason] : "ended";
}
