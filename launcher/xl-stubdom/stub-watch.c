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
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "cleanup.h"
#include "xen-control.h"
#include "xs-get.h"

#define DOMID_MAX (STUB_WATCH_DOMIDS - 1)
#define AT_ONCE 64
#define MAX_NAMELESS 4 /* one xl leaves one */
#ifndef GRACE_MS
#define GRACE_MS 5000
#endif

static int32_t parse_domid(const char *text)
{
    char *end;
    long domid;

    if (!text || *text < '0' || *text > '9')
        return -1;
    domid = strtol(text, &end, 10);
    return *end || domid > DOMID_MAX ? -1 : (int32_t)domid;
}

/* libxl writes this node together with the name. */
static bool has_uuid(struct stub_watch *watch, int32_t domid)
{
    cleanup_free char *vm = xs_get(watch->xs, "/local/domain/%d/vm", domid);

    return !watch->uuid || (vm && !strncmp(vm, "/vm/", 4) && !strcasecmp(vm + 4, watch->uuid));
}

/*
 * A stub domain belongs to the guest that its `target` names; libxl writes that soon after its name. If that guest is
 * gone, it belongs to nobody.
 */
static bool is_of_our_guest(struct stub_watch *watch, int32_t stub)
{
    cleanup_free char *target = xs_get(watch->xs, "/local/domain/%d/target", stub);
    cleanup_free char *name = NULL;

    if (!watch->uuid)
        return true;
    if (!target || parse_domid(target) == watch->guest_seen)
        return watch->guest_seen > 0;
    name = xs_get(watch->xs, "/local/domain/%d/name", parse_domid(target));
    return !name;
}

static void note_domid(struct stub_watch *watch, unsigned int domid)
{
    watch->before[domid / 8] |= 1u << domid % 8;
}

static bool was_before(const struct stub_watch *watch, unsigned int domid)
{
    return watch->before[domid / 8] & 1u << domid % 8;
}

/*
 * The new domain with that name that CHECK takes. Those that were before are not asked for their names: on a host with
 * many guests that would be most of what a start costs xenstored.
 */
static int32_t find_domain(struct stub_watch *watch, const char *wanted, bool (*check)(struct stub_watch *, int32_t))
{
    unsigned int count;
    cleanup_free char **domains = xs_directory(watch->xs, XBT_NULL, "/local/domain", &count);

    for (unsigned int i = 0; domains && i < count; i++) {
        int32_t domid = parse_domid(domains[i]);
        cleanup_free char *name = NULL;

        if (domid <= 0 || was_before(watch, domid))
            continue;
        name = xs_get(watch->xs, "/local/domain/%d/name", domid);
        if (name && !strcmp(name, wanted) && check(watch, domid))
            return domid;
    }
    return -1;
}

static void disconnect(struct stub_watch *watch)
{
    if (watch->xc)
        xc_interface_close(watch->xc);
    if (watch->xs)
        xs_close(watch->xs);
    watch->xc = NULL;
    watch->xs = NULL;
}

/* Calls SEE for each domain that Xen has, dom0 aside. False: Xen does not say. */
static bool each_domain(struct stub_watch *watch, void (*see)(struct stub_watch *, const xc_domaininfo_t *, void *),
                        void *data)
{
    xc_domaininfo_t infos[AT_ONCE];
    uint32_t next = 1;
    int n;

    while ((n = xc_domain_getinfolist(watch->xc, next, AT_ONCE, infos)) > 0) {
        for (int i = 0; i < n; i++)
            if (infos[i].domain < STUB_WATCH_DOMIDS)
                see(watch, &infos[i], data);
        next = infos[n - 1].domain + 1u;
    }
    return n == 0;
}

static void note_before(struct stub_watch *watch, const xc_domaininfo_t *info, void *data)
{
    (void)data;
    note_domid(watch, info->domain);
}

/* Nodes of a domain that Xen no longer has may be left in xenstore. */
static bool note_left(struct stub_watch *watch)
{
    unsigned int count;
    cleanup_free char **domains = xs_directory(watch->xs, XBT_NULL, "/local/domain", &count);

    for (unsigned int i = 0; domains && i < count; i++) {
        int32_t domid = parse_domid(domains[i]);

        if (domid > 0)
            note_domid(watch, domid);
    }
    return domains;
}

int stub_watch_init(struct stub_watch *watch, const char *guest, const char *uuid)
{
    memset(watch, 0, sizeof(*watch));
    watch->guest = strdup(guest);
    watch->uuid = uuid ? strdup(uuid) : NULL;
    if (!watch->guest || (uuid && !watch->uuid))
        return -ENOMEM;
    if (asprintf(&watch->stub, "%s-dm", guest) < 0) {
        watch->stub = NULL;
        return -ENOMEM;
    }
    watch->xs = xs_open(0);
    if (!watch->xs)
        return 0;
    watch->xc = xc_interface_open(NULL, NULL, 0);
    if (!watch->xc || !xs_watch(watch->xs, "@releaseDomain", "release") || !note_left(watch) ||
        !each_domain(watch, note_before, NULL))
        disconnect(watch);
    return 0;
}

void stub_watch_dispose(struct stub_watch *watch)
{
    disconnect(watch);
    free(watch->guest);
    free(watch->stub);
    free(watch->uuid);
    memset(watch, 0, sizeof(*watch));
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
    struct stub_sight sight = {.state = STUB_ABSENT, .guest = -1, .stub = -1};

    if (!watch->xs)
        return sight;
    sight.guest = find_domain(watch, watch->guest, has_uuid);
    if (sight.guest > 0)
        watch->guest_seen = sight.guest;
    sight.stub = find_domain(watch, watch->stub, is_of_our_guest);
    if (sight.guest > 0 && sight.stub > 0)
        sight.state = look_at_stub(watch, sight.stub, sight.guest, &sight.reason);
    return sight;
}

bool stub_watch_never_ran(struct stub_watch *watch, int32_t domid)
{
    xc_domaininfo_t info;

    return watch->xc && domid > 0 && !xc_domain_getinfo_single(watch->xc, domid, &info) &&
           (info.flags & XEN_DOMINF_paused) && !info.cpu_time;
}

/* New, it has not run, and libxl has not said whose it is. */
static bool is_untied(struct stub_watch *watch, int32_t stub)
{
    cleanup_free char *target = xs_get(watch->xs, "/local/domain/%d/target", stub);

    return !target && stub_watch_never_ran(watch, stub);
}

/* Not only in xenstore. */
static bool is_alive(struct stub_watch *watch, int32_t domid)
{
    xc_domaininfo_t info;

    return !xc_domain_getinfo_single(watch->xc, domid, &info) && !(info.flags & XEN_DOMINF_dying);
}

/* Our guest is gone: one of that name is another xl's, and so is the stub domain. */
static int32_t find_untied(struct stub_watch *watch)
{
    return find_domain(watch, watch->guest, is_alive) < 0 ? find_domain(watch, watch->stub, is_untied) : -1;
}

int32_t stub_watch_find_untied(struct stub_watch *watch)
{
    int32_t stub = watch->xs ? find_untied(watch) : -1;

    if (stub < 0)
        return -1;
    poll(NULL, 0, GRACE_MS);
    return find_untied(watch) == stub ? stub : -1;
}

static bool has_handle(const xc_domaininfo_t *info, const char *uuid)
{
    char text[2 * sizeof(info->handle) + 5], *at = text;

    for (size_t i = 0; i < sizeof(info->handle); i++)
        at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", info->handle[i]);
    return uuid && !strcasecmp(text, uuid);
}

/* Made since stub_watch_init(), not filled yet or ours for sure, and not in xenstore. */
static bool is_nameless(struct stub_watch *watch, const xc_domaininfo_t *info)
{
    cleanup_free char *vm = NULL;

    if (was_before(watch, info->domain) || info->cpu_time ||
        (info->flags & (XEN_DOMINF_paused | XEN_DOMINF_dying | XEN_DOMINF_shutdown)) != XEN_DOMINF_paused)
        return false;
    if (!has_handle(info, watch->uuid) && ((info->flags & XEN_DOMINF_hvm_guest) || info->tot_pages))
        return false;
    vm = xs_get(watch->xs, "/local/domain/%d/vm", info->domain);
    return !vm;
}

struct nameless {
    uint32_t domids[MAX_NAMELESS];
    unsigned int count;
};

static void note_nameless(struct stub_watch *watch, const xc_domaininfo_t *info, void *data)
{
    struct nameless *found = data;

    if (found->count < MAX_NAMELESS && is_nameless(watch, info))
        found->domids[found->count++] = info->domain;
}

int stub_watch_end_nameless(struct stub_watch *watch, struct fault *fault)
{
    struct nameless found = {.count = 0};
    xc_domaininfo_t info;
    int rc = 0;

    if (!watch->xs)
        return 0;
    each_domain(watch, note_nameless, &found);
    if (found.count)
        poll(NULL, 0, GRACE_MS);
    for (unsigned int i = 0; i < found.count; i++) {
        uint32_t domid = found.domids[i];

        if (!xc_domain_getinfo_single(watch->xc, domid, &info) && is_nameless(watch, &info) &&
            xc_domain_destroy(watch->xc, domid))
            rc = fault_set(fault, -errno, "domain %u of the failed start is left: %s", domid, strerror(errno));
    }
    return rc;
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
