/*
 * /dev/xen/evtchn: event channels of programs. A port that has had an event is masked and
 * stands in its file's queue, once, until a program has read it and written it back. The queue is linked through the
 * ports, so it cannot overflow.
 *
 * Source: Linux's xen/evtchn.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dev-xen.h"

#include <linux/errno.h>
#include <linux/ioctl.h>
#include <xen/event_channel.h>
#include <xen/evtchn.h>

/* Ports of all programs together: a guest with 128 CPUs needs 129. The other ports are left to the kernel. */
#define BINDINGS_MAX 1024
#define BUCKETS 64

struct evtchn;

struct binding {
    struct binding *next;      /* in its bucket */
    struct binding *next_due;  /* in its owner's queue */
    struct evtchn *owner;      /* NULL: its file has unbound it, but somebody holds it (evtchn_hold()) */
    uint32_t port;
    unsigned int holders;
    bool due;
};

/* An open file. */
struct evtchn {
    struct file *file;
    struct binding *due, **due_end;
    uint16_t restricted; /* DOMID_INVALID: not restricted */
};

static struct binding *buckets[BUCKETS];
static unsigned int bindings;

static struct binding **bucket_of(uint32_t port)
{
    return &buckets[port % BUCKETS];
}

static struct binding *binding_find(uint32_t port)
{
    struct binding *binding = *bucket_of(port);

    while (binding && binding->port != port)
        binding = binding->next;
    return binding;
}

/* The binding of this port, if it is this file's. */
static struct binding *binding_of(struct evtchn *evtchn, uint32_t port)
{
    struct binding *binding = binding_find(port);

    return binding && binding->owner == evtchn ? binding : NULL;
}

static void binding_fired(void *arg, uint32_t port)
{
    struct binding *binding = arg;
    struct evtchn *evtchn = binding->owner;
    bool was_empty;

    pv_event_mask(port);
    if (!evtchn || binding->due)
        return;
    was_empty = !evtchn->due;
    binding->due = true;
    binding->next_due = NULL;
    *evtchn->due_end = binding;
    evtchn->due_end = &binding->next_due;
    if (was_empty)
        file_changed(evtchn->file);
}

static void binding_forget_due(struct binding *binding)
{
    struct evtchn *evtchn = binding->owner;
    struct binding **at = &evtchn->due;

    if (!binding->due)
        return;
    while (*at != binding)
        at = &(*at)->next_due;
    *at = binding->next_due;
    if (!*at)
        evtchn->due_end = at;
    binding->due = false;
}

static void binding_free(struct binding *binding)
{
    struct binding **at = bucket_of(binding->port);

    while (*at != binding)
        at = &(*at)->next;
    *at = binding->next;
    pv_event_close(binding->port);
    pv_free(binding);
    bindings--;
}

static void binding_unbind(struct binding *binding)
{
    binding_forget_due(binding);
    binding->owner = NULL;
    if (!binding->holders)
        binding_free(binding);
}

int evtchn_hold(uint32_t port)
{
    struct binding *binding = binding_find(port);

    if (!binding || !binding->owner)
        return -PV_EINVAL;
    binding->holders++;
    return 0;
}

void evtchn_release(uint32_t port)
{
    struct binding *binding = binding_find(port);

    PV_ASSERT(binding && binding->holders);
    if (!--binding->holders && !binding->owner)
        binding_free(binding);
}

/* ---- ioctl ---- */

static struct binding *binding_new(struct evtchn *evtchn, int *rc)
{
    struct binding *binding = NULL;

    *rc = -PV_ENOSPC;
    if (bindings < BINDINGS_MAX) {
        binding = pv_alloc(sizeof(*binding));
        *rc = -PV_ENOMEM;
    }
    if (!binding)
        return NULL;
    binding->owner = evtchn;
    *rc = 0;
    return binding;
}

/* Finishes a new binding. rc: what the layer returned for binding->port. The port, or the error. */
static long binding_made(struct binding *binding, int rc)
{
    if (rc) {
        pv_free(binding);
        return rc;
    }
    binding->next = *bucket_of(binding->port);
    *bucket_of(binding->port) = binding;
    bindings++;
    return binding->port;
}

static long bind_virq(struct evtchn *evtchn, uintptr_t arg)
{
    struct ioctl_evtchn_bind_virq bind;
    struct binding *binding;
    int rc;

    if (evtchn->restricted != DOMID_INVALID)
        return -PV_EACCES;
    if (user_read(&bind, arg, sizeof(bind)))
        return -PV_EFAULT;
    if (bind.virq >= NR_VIRQS)
        return -PV_EINVAL;
    binding = binding_new(evtchn, &rc);
    if (!binding)
        return rc;
    return binding_made(binding, pv_event_virq(bind.virq, binding_fired, binding, &binding->port));
}

static long bind_interdomain(struct evtchn *evtchn, uintptr_t arg)
{
    struct ioctl_evtchn_bind_interdomain bind;
    struct binding *binding;
    int rc;

    if (user_read(&bind, arg, sizeof(bind)))
        return -PV_EFAULT;
    if (evtchn->restricted != DOMID_INVALID && evtchn->restricted != bind.remote_domain)
        return -PV_EACCES;
    if (!domain_is_other(bind.remote_domain))
        return -PV_EINVAL;
    binding = binding_new(evtchn, &rc);
    if (!binding)
        return rc;
    rc = pv_event_connect((uint16_t)bind.remote_domain, bind.remote_port, binding_fired, binding,
                          &binding->port);
    return binding_made(binding, rc);
}

static long bind_unbound(struct evtchn *evtchn, uintptr_t arg)
{
    struct ioctl_evtchn_bind_unbound_port bind;
    struct binding *binding;
    int rc;

    if (evtchn->restricted != DOMID_INVALID)
        return -PV_EACCES;
    if (user_read(&bind, arg, sizeof(bind)))
        return -PV_EFAULT;
    if (!domain_is_other(bind.remote_domain))
        return -PV_EINVAL;
    binding = binding_new(evtchn, &rc);
    if (!binding)
        return rc;
    rc = pv_event_alloc((uint16_t)bind.remote_domain, binding_fired, binding, &binding->port);
    return binding_made(binding, rc);
}

static long unbind(struct evtchn *evtchn, uintptr_t arg)
{
    struct ioctl_evtchn_unbind op;
    struct binding *binding;

    if (user_read(&op, arg, sizeof(op)))
        return -PV_EFAULT;
    if (op.port >= PV_EVENT_PORTS)
        return -PV_EINVAL;
    binding = binding_of(evtchn, op.port);
    if (!binding)
        return -PV_ENOTCONN;
    binding_unbind(binding);
    return 0;
}

static long notify(struct evtchn *evtchn, uintptr_t arg)
{
    struct ioctl_evtchn_notify op;

    if (user_read(&op, arg, sizeof(op)))
        return -PV_EFAULT;
    if (!binding_of(evtchn, op.port))
        return -PV_ENOTCONN;
    pv_event_notify(op.port);
    return 0;
}

/* Forgets the unread ports. They stay masked until a program writes them back, as on Linux. */
static long reset(struct evtchn *evtchn, uintptr_t arg)
{
    while (evtchn->due)
        binding_forget_due(evtchn->due);
    return 0;
}

static long restrict_to(struct evtchn *evtchn, uintptr_t arg)
{
    struct ioctl_evtchn_restrict_domid op;

    if (evtchn->restricted != DOMID_INVALID)
        return -PV_EACCES;
    if (user_read(&op, arg, sizeof(op)))
        return -PV_EFAULT;
    if (!op.domid || op.domid >= DOMID_FIRST_RESERVED)
        return -PV_EINVAL;
    evtchn->restricted = op.domid;
    return 0;
}

/*
 * The most frequent one first. IOCTL_EVTCHN_BIND_STATIC is not among them: it takes a port
 * that exists already, and here those are the kernel's own.
 */
static const struct {
    unsigned int command;
    long (*run)(struct evtchn *evtchn, uintptr_t arg);
} commands[] = {
    { IOCTL_EVTCHN_NOTIFY, notify },
    { IOCTL_EVTCHN_BIND_INTERDOMAIN, bind_interdomain },
    { IOCTL_EVTCHN_BIND_UNBOUND_PORT, bind_unbound },
    { IOCTL_EVTCHN_BIND_VIRQ, bind_virq },
    { IOCTL_EVTCHN_UNBIND, unbind },
    { IOCTL_EVTCHN_RESET, reset },
    { IOCTL_EVTCHN_RESTRICT_DOMID, restrict_to },
};

static long evtchn_ioctl(struct file *file, unsigned int command, uintptr_t arg)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].command == command)
            return commands[i].run(file->data, arg);
    return -ENOTTY;
}

/* ---- reading and writing: whole ports ---- */

static long evtchn_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    struct evtchn *evtchn = file->data;
    long got = 0;

    if (to->left >= sizeof(uint32_t) && !evtchn->due)
        return -PV_EAGAIN;
    while (evtchn->due && to->left >= sizeof(uint32_t)) {
        if (iter_put(to, &evtchn->due->port, sizeof(uint32_t)))
            return got ? got : -PV_EFAULT;
        binding_forget_due(evtchn->due);
        got += (long)sizeof(uint32_t);
    }
    return got;
}

/*
 * At most a page of ports in one call, because nobody else runs meanwhile. Ports that are not this file's are skipped.
 */
static long evtchn_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    size_t count = (from->left < PV_PAGE ? from->left : PV_PAGE) / sizeof(uint32_t);

    for (size_t i = 0; i < count; i++) {
        uint32_t port;

        if (iter_get(from, &port, sizeof(port)))
            return i ? (long)(i * sizeof(port)) : -PV_EFAULT;
        if (binding_of(file->data, port))
            pv_event_unmask(port);
    }
    return (long)(count * sizeof(uint32_t));
}

static unsigned int evtchn_poll(struct file *file)
{
    struct evtchn *evtchn = file->data;

    return POLLOUT | (evtchn->due ? POLLIN : 0);
}

static void evtchn_close(struct file *file)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct binding *binding = buckets[i], *next; binding; binding = next) {
            next = binding->next;
            if (binding->owner == file->data)
                binding_unbind(binding);
        }
    pv_free(file->data);
}

static const struct file_ops evtchn_ops = {
    .read = evtchn_read,
    .write = evtchn_write,
    .poll = evtchn_poll,
    .ioctl = evtchn_ioctl,
    .close = evtchn_close,
};

static int evtchn_open(void *arg, int flags, struct file **file)
{
    struct evtchn *evtchn = pv_alloc(sizeof(*evtchn));

    *file = evtchn ? file_new(&evtchn_ops, flags, evtchn) : NULL;
    if (!*file) {
        pv_free(evtchn);
        return -PV_ENOMEM;
    }
    evtchn->file = *file;
    evtchn->due_end = &evtchn->due;
    evtchn->restricted = DOMID_INVALID;
    return 0;
}

int dev_evtchn_init(void)
{
    return device_add("/dev/xen/evtchn", S_IFCHR | 0600, XEN_DEVICE(0), evtchn_open, NULL);
}
