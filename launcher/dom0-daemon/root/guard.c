/*
 * The guest does not outlive its device model (see guard.h).
 *
 * A handle on the hypervisor is held only while looking: it may do anything.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guard.h"

#include "clock.h"
#include "log.h"
#include "signals.h"
#include "util.h"
#include "xen-control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* How long a stub domain that is being destroyed may take; its disks may be slow to go. */
#define STUB_GOES_MS 30000
/* How long its guest may run on: libxl pauses it as soon as the stub domain is gone. */
#define GUEST_GOES_MS 10000
#define STEP_MS 100
#define PAUSED_STEP_MS 1000

enum sight {
    UNKNOWN, /* the hypervisor did not say */
    RUNS,
    PAUSED,
    SUSPENDED, /* is being saved, and may run on when that fails */
    ENDED, /* has shut down otherwise, and is kept */
    GONE,  /* or on its way */
};

/* *RAN: for how long it has run, on all its processors, ns. */
static enum sight look_longer_at(xc_interface *xc, int domid, const xen_domain_handle_t uuid,
                                 unsigned int *reason, uint64_t *ran)
{
    xc_domaininfo_t info;

    if (xc_domain_getinfo_single(xc, domid, &info))
        return errno == ESRCH ? GONE : UNKNOWN;
    if (memcmp(info.handle, uuid, sizeof(info.handle)) || (info.flags & XEN_DOMINF_dying))
        return GONE;
    *ran = info.cpu_time;
    *reason = info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
    if (info.flags & XEN_DOMINF_shutdown)
        return *reason == SHUTDOWN_suspend ? SUSPENDED : ENDED;
    return info.flags & XEN_DOMINF_paused ? PAUSED : RUNS;
}

static enum sight look_at(xc_interface *xc, int domid, const xen_domain_handle_t uuid,
                          unsigned int *reason)
{
    uint64_t ran;

    return look_longer_at(xc, domid, uuid, reason, &ran);
}

static xc_interface *open_xen(void)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);

    if (!xc)
        log_error("cannot ask the hypervisor: %s", strerror(errno));
    return xc;
}

static int remember(xc_interface *xc, int domid, xen_domain_handle_t uuid)
{
    xc_domaininfo_t info;

    if (xc_domain_getinfo_single(xc, domid, &info))
        return -errno;
    memcpy(uuid, info.handle, sizeof(info.handle));
    return 0;
}

void guard_init(struct guard *guard, int stub, int guest)
{
    xc_interface *xc = guest < 0 ? NULL : open_xen();
    int rc;

    *guard = (struct guard){ .stub = stub, .guest = -1 };
    if (!xc)
        return;
    rc = remember(xc, stub, guard->stub_uuid) ?: remember(xc, guest, guard->guest_uuid);
    if (rc)
        log_error("guest %d: not found: %s", guest, strerror(-rc));
    else
        guard->guest = guest;
    xc_interface_close(xc);
}

/* Returns what the guest was: one that is suspended can only be crashed when it runs on. */
static enum sight crash(xc_interface *xc, const struct guard *guard, const char *why)
{
    unsigned int reason;
    enum sight guest = look_at(xc, guard->guest, guard->guest_uuid, &reason);

    if (guest != RUNS && guest != PAUSED)
        return guest;
    if (xc_domain_shutdown(xc, guard->guest, SHUTDOWN_crash))
        log_error("%s; guest %d cannot be shut down: %s", why, guard->guest, strerror(errno));
    else
        log_error("%s; guest %d was shut down, reason crash", why, guard->guest);
    return guest;
}

static void say_suspended(const struct guard *guard, const char *why)
{
    log_error("%s; guest %d is suspended, and is shut down, reason crash, if it runs on", why,
              guard->guest);
}

static const char *reason_text(unsigned int reason)
{
    static const char *const text[] = {
        [SHUTDOWN_poweroff] = "the stub domain has powered off",
        [SHUTDOWN_reboot] = "the stub domain has rebooted",
        [SHUTDOWN_suspend] = "the stub domain has suspended itself",
        [SHUTDOWN_crash] = "the stub domain has crashed",
    };

    return reason < ARRAY_SIZE(text) ? text[reason] : "the stub domain has ended";
}

struct guard_sight guard_look(struct guard *guard)
{
    struct guard_sight sight = { .look_again = guard->guest >= 0 };
    xc_interface *xc = guard->guest < 0 ? NULL : open_xen();
    enum sight stub, guest = GONE;
    unsigned int reason;

    guard->saved = false;
    if (!xc)
        return sight;
    stub = look_at(xc, guard->stub, guard->stub_uuid, &reason);
    sight.stub_ended = stub == ENDED || stub == SUSPENDED;
    if (sight.stub_ended)
        guest = crash(xc, guard, reason_text(reason));
    sight.silently = sight.stub_ended && reason == SHUTDOWN_crash && !guard->said_suspended &&
        (guest == RUNS || guest == PAUSED || guest == SUSPENDED);
    if (guest == SUSPENDED && !guard->said_suspended)
        say_suspended(guard, reason_text(reason));
    guard->said_suspended |= guest == SUSPENDED;
    sight.look_again = stub == UNKNOWN || guest == UNKNOWN || guest == SUSPENDED;
    xc_interface_close(xc);
    return sight;
}

int guard_allow_save(struct guard *guard, bool *last)
{
    xc_interface *xc = guard->guest < 0 ? NULL : open_xen();
    uint64_t ran = 0;
    unsigned int reason;
    enum sight guest;

    if (!xc)
        return guard->guest < 0 ? -EPERM : -EIO;
    guest = look_longer_at(xc, guard->guest, guard->guest_uuid, &reason, &ran);
    xc_interface_close(xc);
    if (guest == UNKNOWN)
        return -EIO;
    *last = guest == ENDED && reason == SHUTDOWN_soft_reset;
    if (guest != SUSPENDED && !*last)
        return -EPERM;
    if (guard->saved && ran == guard->saved_at_cpu_ns)
        return -EALREADY;
    guard->saved = true;
    guard->saved_at_cpu_ns = ran;
    return 0;
}

static enum sight look_at_stub(const struct guard *guard)
{
    xc_interface *xc = guard->guest < 0 ? NULL : open_xen();
    unsigned int reason;
    enum sight stub = UNKNOWN;

    if (xc) {
        stub = look_at(xc, guard->stub, guard->stub_uuid, &reason);
        xc_interface_close(xc);
    }
    return stub;
}

bool guard_stub_runs(const struct guard *guard)
{
    return look_at_stub(guard) == RUNS;
}

bool guard_stub_exists(const struct guard *guard)
{
    return look_at_stub(guard) != GONE;
}

static void pass(int stop, int ms)
{
    struct pollfd p = { .fd = stop, .events = POLLIN };

    poll(&p, 1, ms);
}

/* libxl has told us to end: whether somebody else says so, too. */
static bool pass_away(int stop, int ms)
{
    pass(stop, ms);
    return signals_told_by_hand(stop);
}

void guard_crash(const struct guard *guard, const char *why, int stop)
{
    xc_interface *xc = guard->guest < 0 ? NULL : open_xen();
    bool said = false;

    if (!xc)
        return;
    while (crash(xc, guard, why) == SUSPENDED) {
        if (!said)
            say_suspended(guard, why);
        said = true;
        pass(stop, PAUSED_STEP_MS);
        if (signals_told(stop))
            break;
    }
    xc_interface_close(xc);
}

static bool wait_for_stub(xc_interface *xc, const struct guard *guard, int stop)
{
    int64_t until = clock_now_ms() + STUB_GOES_MS;
    unsigned int reason;

    while (look_at(xc, guard->stub, guard->stub_uuid, &reason) != GONE)
        if (clock_now_ms() >= until || pass_away(stop, STEP_MS))
            return false;
    return true;
}

/* A guest that is paused or suspended hangs in nothing, and may be about to be destroyed. */
static void wait_for_guest(xc_interface *xc, const struct guard *guard, int stop)
{
    unsigned int reason;

    for (int ran = 0; ran < GUEST_GOES_MS;) {
        enum sight guest = look_at(xc, guard->guest, guard->guest_uuid, &reason);
        bool waits = guest == PAUSED || guest == SUSPENDED;

        if (guest == GONE || guest == ENDED || pass_away(stop, waits ? PAUSED_STEP_MS : STEP_MS))
            return;
        ran += waits ? 0 : STEP_MS;
    }
    crash(xc, guard, "the stub domain was destroyed and its guest was not");
}

bool guard_see_off(const struct guard *guard, int stop)
{
    xc_interface *xc = guard->guest < 0 ? NULL : open_xen();
    bool gone;

    if (!xc)
        return false;
    gone = wait_for_stub(xc, guard, stop);
    if (gone)
        wait_for_guest(xc, guard, stop);
    else
        log_error("told to end, and the stub domain is still there: nobody serves it any more");
    xc_interface_close(xc);
    return gone;
}
