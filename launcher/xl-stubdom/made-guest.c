/*
 * made-guest: the guest that a command is making. See made-guest.h.
 *
 * Nodes read here are libxl's or stubdom-dm's, except the device model's state, which the stub domain writes: it is
 * only compared.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "made-guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenstore.h>

#include "cleanup.h"
#include "xen-control.h"
#include "xs-get.h"

#define DOMID_MAX 0x7fef /* below DOMID_FIRST_RESERVED */
#define PAGE_KIB (XC_PAGE_SIZE / 1024)

int64_t clock_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1 + now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int made_guest_init(struct made_guest *made, const char *name, const char *uuid, struct fault *fault)
{
    memset(made, 0, sizeof(*made));
    made->name = strdup(name);
    made->uuid = strdup(uuid);
    made->xs = xs_open(0);
    made->xc = xc_interface_open(NULL, NULL, 0);
    if (!made->name || !made->uuid)
        return fault_set(fault, -ENOMEM, "out of memory");
    if (!made->xs || !made->xc)
        return fault_set(fault, -EIO, "no Xen here, or not root");
    if (!xs_watch(made->xs, "@introduceDomain", "") || !xs_watch(made->xs, "@releaseDomain", ""))
        return fault_set(fault, -errno, "xenstore: no watch: %s", strerror(errno));
    return 0;
}

void made_guest_dispose(struct made_guest *made)
{
    if (made->xc)
        xc_interface_close(made->xc);
    if (made->xs)
        xs_close(made->xs);
    free(made->name);
    free(made->uuid);
    free(made->guest.vm);
    free(made->stub.vm);
    free(made->tty);
    memset(made, 0, sizeof(*made));
}

int made_guest_fd(const struct made_guest *made)
{
    return xs_fileno(made->xs);
}

static int32_t parse_domid(const char *text)
{
    unsigned int domid;

    return text && !parse_uint(text, DOMID_MAX, &domid) ? (int32_t)domid : 0;
}

/* One more thing to be told of. A watch that fails only makes a figure missing. */
__attribute__((format(printf, 2, 3)))
static void watch(struct made_guest *made, const char *format, ...)
{
    char path[128];
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    xs_watch(made->xs, path, "");
}

/* The first domain of that uuid, and of NAME unless it is NULL; *VM is its /vm/UUID. 0: none. */
static int32_t find_domain(const struct made_guest *made, const char *name, char **vm)
{
    unsigned int count = 0;
    cleanup_free char **domains = xs_directory(made->xs, XBT_NULL, "/local/domain", &count);

    for (unsigned int i = 0; domains && i < count; i++) {
        int32_t domid = parse_domid(domains[i]);
        cleanup_free char *path = domid ? xs_get(made->xs, "/local/domain/%d/vm", domid) : NULL;
        cleanup_free char *has = name && path ? xs_get(made->xs, "/local/domain/%d/name", domid) : NULL;

        if (!path || strncmp(path, "/vm/", 4) || strcasecmp(path + 4, made->uuid) ||
            (name && (!has || strcmp(has, name))))
            continue;
        *vm = steal(path);
        return domid;
    }
    return 0;
}

int32_t made_guest_of_uuid(const struct made_guest *made)
{
    cleanup_free char *vm = NULL;

    return find_domain(made, NULL, &vm) ?: -1;
}

static void find_guest(struct made_guest *made)
{
    int32_t domid = find_domain(made, made->name, &made->guest.vm);

    if (!domid)
        return;
    made->guest.domid = domid;
    watch(made, "/local/domain/%d/image/device-model-domid", domid);
    watch(made, "/local/domain/%d/serial/0/tty", domid);
    watch(made, "/local/domain/%d/console/vnc-port", domid);
    watch(made, "/local/domain/0/device-model/%d/state", domid);
}

void made_guest_disown(struct made_guest *made)
{
    free(made->guest.vm);
    free(made->stub.vm);
    memset(&made->guest, 0, sizeof(made->guest));
    memset(&made->stub, 0, sizeof(made->stub));
}

static void find_stub(struct made_guest *made)
{
    int32_t guest = made->guest.domid;
    cleanup_free char *text = xs_get(made->xs, "/local/domain/%d/image/device-model-domid", guest);
    int32_t stub = parse_domid(text);
    cleanup_free char *vm = stub ? xs_get(made->xs, "/local/domain/%d/vm", stub) : NULL;

    if (!vm)
        return;
    made->stub.domid = stub;
    made->stub.vm = steal(vm);
    watch(made, "/local/domain/%d/device-model/%d/state", stub, guest);
}

static void look_at_state(struct made_guest *made)
{
    cleanup_free char *state =
        xs_get(made->xs, "/local/domain/%d/device-model/%d/state", made->stub.domid, made->guest.domid);

    if (state && !strcmp(state, "running"))
        made->ready_ns = clock_now_ns();
}

void made_guest_look_again(struct made_guest *made)
{
    xc_domaininfo_t info;

    if (made_guest_starting(made) && !xc_domain_getinfo_single(made->xc, made->stub.domid, &info) &&
        (!(info.flags & XEN_DOMINF_paused) || info.cpu_time))
        made->started_ns = clock_now_ns();
}

void made_guest_look(struct made_guest *made)
{
    char **event;

    while ((event = xs_check_watch(made->xs)))
        free(event);
    if (!made->guest.domid)
        find_guest(made);
    if (!made->guest.domid)
        return;
    if (!made->stub.domid)
        find_stub(made);
    made_guest_look_again(made);
    if (!made->ready_ns)
        look_at_state(made);
    if (!made->tty)
        made->tty = xs_get_own(made->xs, "/local/domain/%d/serial/0/tty", made->guest.domid);
}

bool made_guest_starting(const struct made_guest *made)
{
    return made->stub.domid && !made->started_ns;
}

bool made_guest_exists(const struct made_guest *made, const struct made_domain *domain)
{
    cleanup_free char *vm = domain->domid ? xs_get(made->xs, "/local/domain/%d/vm", domain->domid) : NULL;

    return vm && !strcmp(vm, domain->vm);
}

bool made_guest_gone(const struct made_guest *made)
{
    xc_domaininfo_t info;

    return !made_guest_exists(made, &made->guest) ||
           xc_domain_getinfo_single(made->xc, made->guest.domid, &info) ||
           (info.flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown));
}

bool made_guest_usage(const struct made_guest *made, int32_t domid, uint64_t *cpu_ns, uint64_t *kib)
{
    xc_domaininfo_t info;

    if (xc_domain_getinfo_single(made->xc, domid, &info))
        return false;
    *cpu_ns = info.cpu_time;
    *kib = info.tot_pages * PAGE_KIB;
    return true;
}

int32_t domain_of_name(struct xs_handle *xs, const char *name)
{
    unsigned int count = 0;
    cleanup_free char **domains = xs_directory(xs, XBT_NULL, "/local/domain", &count);

    for (unsigned int i = 0; domains && i < count; i++) {
        cleanup_free char *has = xs_get(xs, "/local/domain/%d/name", parse_domid(domains[i]));
        size_t len = strlen(name);

        if (has && !strncmp(has, name, len) && (!has[len] || !strcmp(has + len, "-dm")))
            return parse_domid(domains[i]);
    }
    return -1;
}
