// sources: launcher/stubdom-micro/dev-evtchn.c launcher/xen-layer/text.c tests/unit/fake-pv.c tests/unit/fake-micro.c
// cflags: -D__XEN_INTERFACE_VERSION__=0x00040e00
// wrap: pv_event_alloc pv_event_close
/*
 * /dev/xen/evtchn: ports that are bound, fire, are read and written back; and which file may do what with a port.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "tests/unit/fake-micro.h"
#include "launcher/stubdom-micro/dev-xen.h"

#include <linux/ioctl.h>
#include <xen/evtchn.h>

#define US 7
#define GUEST 12

static unsigned int changes;

void file_changed(struct file *file)
{
    assert_true(file->refs > 0);
    changes++;
}

/* Makes more ports than the fake has, to test the limit. */
static bool many;
static uint32_t next_port;

int __real_pv_event_alloc(uint16_t remote, pv_event_fn *fn, void *arg, uint32_t *port);
int __wrap_pv_event_alloc(uint16_t remote, pv_event_fn *fn, void *arg, uint32_t *port);
int __wrap_pv_event_alloc(uint16_t remote, pv_event_fn *fn, void *arg, uint32_t *port)
{
    if (!many)
        return __real_pv_event_alloc(remote, fn, arg, port);
    *port = next_port++;
    return 0;
}

void __real_pv_event_close(uint32_t port);
void __wrap_pv_event_close(uint32_t port);
void __wrap_pv_event_close(uint32_t port)
{
    if (!many)
        __real_pv_event_close(port);
}

static struct file *open_it(void)
{
    struct file *file;

    assert_int_equal(fake_device_open("/dev/xen/evtchn", O_RDWR, &file), 0);
    return file;
}

static long control(struct file *file, unsigned int command, const void *arg)
{
    return file->ops->ioctl(file, command, (uintptr_t)arg);
}

static long bind_unbound(struct file *file, unsigned int domain)
{
    struct ioctl_evtchn_bind_unbound_port bind = { .remote_domain = domain };

    return control(file, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
}

static long bind_interdomain(struct file *file, unsigned int domain, unsigned int port)
{
    struct ioctl_evtchn_bind_interdomain bind = { .remote_domain = domain, .remote_port = port };

    return control(file, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
}

static long bind_virq(struct file *file, unsigned int virq)
{
    struct ioctl_evtchn_bind_virq bind = { .virq = virq };

    return control(file, IOCTL_EVTCHN_BIND_VIRQ, &bind);
}

static long unbind(struct file *file, uint32_t port)
{
    struct ioctl_evtchn_unbind op = { .port = port };

    return control(file, IOCTL_EVTCHN_UNBIND, &op);
}

static long notify(struct file *file, uint32_t port)
{
    struct ioctl_evtchn_notify op = { .port = port };

    return control(file, IOCTL_EVTCHN_NOTIFY, &op);
}

static long restrict_to(struct file *file, uint16_t domain)
{
    struct ioctl_evtchn_restrict_domid op = { .domid = domain };

    return control(file, IOCTL_EVTCHN_RESTRICT_DOMID, &op);
}

static uint32_t bound(struct file *file)
{
    long port = bind_interdomain(file, GUEST, 3);

    assert_true(port > 0);
    return (uint32_t)port;
}

static void assert_next(struct file *file, uint32_t expected)
{
    uint32_t port = 0;

    assert_int_equal(fake_read(file, &port, sizeof(port)), sizeof(port));
    assert_int_equal(port, expected);
}

static bool readable(struct file *file)
{
    return file->ops->poll(file) & POLLIN;
}

static int setup(void **state)
{
    fake_pv_reset();
    fake_micro_reset();
    changes = 0;
    assert_int_equal(dev_evtchn_init(), 0);
    return 0;
}

static int teardown(void **state)
{
    fake_micro_reset();
    fake_pv_reset(); /* fails if anything is left */
    return 0;
}

/* A port that was read is masked until it is written back. An event that came meanwhile is reported then. */
static void test_one_port(void **state)
{
    struct file *file = open_it();
    uint32_t port = bound(file), none;

    assert_false(readable(file));
    assert_true(file->ops->poll(file) & POLLOUT);
    assert_int_equal(fake_read(file, &none, sizeof(none)), -PV_EAGAIN);
    fake_event_fire(port);
    assert_int_equal(changes, 1);
    assert_true(readable(file));
    fake_event_fire(port);
    assert_int_equal(changes, 1);
    assert_next(file, port);
    assert_false(readable(file));
    assert_int_equal(fake_write(file, &port, sizeof(port)), sizeof(port));
    assert_true(readable(file));
    assert_next(file, port);
    assert_int_equal(fake_write(file, &port, sizeof(port)), sizeof(port));
    assert_false(readable(file));
    file_put(file);
    assert_false(fake_event_open(port));
}

static void test_order_and_sizes(void **state)
{
    struct file *file = open_it();
    uint32_t ports[3], got[4] = { 0 };
    unsigned char odd[7];

    for (size_t i = 0; i < 3; i++)
        ports[i] = bound(file);
    fake_event_fire(ports[2]);
    fake_event_fire(ports[0]);
    fake_event_fire(ports[1]);
    assert_int_equal(changes, 1); /* one wake-up is enough for all of them */
    assert_int_equal(fake_read(file, odd, 3), 0);
    assert_int_equal(fake_read(file, odd, sizeof(odd)), 4);
    assert_int_equal(fake_read(file, got, sizeof(got)), 8);
    assert_int_equal(got[0], ports[0]);
    assert_int_equal(got[1], ports[1]);
    memcpy(got, odd, 4);
    assert_int_equal(got[0], ports[2]);
    assert_int_equal(fake_write(file, ports, 3), 0);
    file_put(file);
}

static void test_bad_memory(void **state)
{
    struct file *file = open_it();
    uint32_t a = bound(file), b = bound(file), got[2];
    struct user_vec vecs[2] = { { .base = (uintptr_t)got, .size = 4 }, { .base = FAKE_USER_BAD, .size = 4 } };
    struct user_iter iter = { .vecs = vecs, .count = 2, .left = 8 };

    fake_event_fire(a);
    fake_event_fire(b);
    assert_int_equal(fake_read(file, (void *)FAKE_USER_BAD, 8), -PV_EFAULT);
    assert_int_equal(file->ops->read(file, &iter, 0), 4);
    assert_int_equal(got[0], a);
    assert_next(file, b); /* the other event was not lost */
    assert_int_equal(fake_write(file, (void *)FAKE_USER_BAD, 4), -PV_EFAULT);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(control(file, _IOC(_IOC_NONE, 'E', i, i == 5 ? 0 : i == 1 ? 8 : i == 6 ? 2 : 4),
                                 (void *)FAKE_USER_BAD), i == 5 ? 0 : -PV_EFAULT);
    file_put(file);
}

/* A write takes at most a page, and affects only the file's own ports that were masked. */
static void test_write_is_bounded(void **state)
{
    static uint32_t ports[2048];
    struct file *file = open_it(), *other = open_it();
    uint32_t mine = bound(file), theirs = bound(other);

    fake_event_fire(theirs);
    assert_next(other, theirs);
    fake_event_fire(theirs);
    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        ports[i] = i % 2 ? theirs : UINT32_MAX - (uint32_t)i;
    ports[5] = mine;
    assert_int_equal(fake_write(file, ports, sizeof(ports)), PV_PAGE);
    assert_false(readable(other));
    file_put(file);
    file_put(other);
}

static void test_foreign_ports(void **state)
{
    struct file *file = open_it(), *other = open_it();
    uint32_t port = bound(file), kernels = fake_event_port();

    assert_int_equal(notify(other, port), -PV_ENOTCONN);
    assert_int_equal(unbind(other, port), -PV_ENOTCONN);
    assert_int_equal(notify(file, kernels), -PV_ENOTCONN);
    assert_int_equal(unbind(file, kernels), -PV_ENOTCONN);
    assert_int_equal(notify(file, 0), -PV_ENOTCONN);
    assert_int_equal(notify(file, UINT32_MAX), -PV_ENOTCONN);
    assert_int_equal(unbind(file, UINT32_MAX), -PV_EINVAL);
    assert_int_equal(fake_event_notified(port), 0);
    assert_int_equal(notify(file, port), 0);
    assert_int_equal(fake_event_notified(port), 1);
    assert_int_equal(unbind(file, port), 0);
    assert_false(fake_event_open(port));
    assert_int_equal(unbind(file, port), -PV_ENOTCONN);
    assert_int_equal(notify(file, port), -PV_ENOTCONN);
    file_put(file);
    file_put(other);
    assert_true(fake_event_open(kernels));
}

static void test_domains(void **state)
{
    static const unsigned int bad[] = {
        US, DOMID_SELF, DOMID_FIRST_RESERVED, DOMID_INVALID, 0x10000, 0x10000 + GUEST, UINT32_MAX,
    };
    struct file *file = open_it();

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(bind_interdomain(file, bad[i], 1), -PV_EINVAL);
        assert_int_equal(bind_unbound(file, bad[i]), -PV_EINVAL);
    }
    assert_true(bind_unbound(file, 0) > 0);
    assert_true(bind_interdomain(file, 0, 1) > 0);
    assert_int_equal(bind_virq(file, NR_VIRQS), -PV_EINVAL);
    assert_int_equal(bind_virq(file, UINT32_MAX), -PV_EINVAL);
    assert_true(bind_virq(file, VIRQ_DEBUG) > 0);
    file_put(file);
}

static void test_restricted(void **state)
{
    struct file *file = open_it();
    uint32_t port = bound(file);

    assert_int_equal(restrict_to(file, 0), -PV_EINVAL);
    assert_int_equal(restrict_to(file, DOMID_SELF), -PV_EINVAL);
    assert_int_equal(restrict_to(file, DOMID_FIRST_RESERVED), -PV_EINVAL);
    assert_int_equal(restrict_to(file, GUEST), 0);
    assert_int_equal(restrict_to(file, GUEST), -PV_EACCES);
    assert_int_equal(restrict_to(file, GUEST + 1), -PV_EACCES);
    assert_int_equal(bind_interdomain(file, GUEST + 1, 1), -PV_EACCES);
    assert_int_equal(bind_interdomain(file, GUEST + 0x10000, 1), -PV_EACCES);
    assert_int_equal(bind_interdomain(file, 0, 1), -PV_EACCES);
    assert_int_equal(bind_unbound(file, GUEST), -PV_EACCES);
    assert_int_equal(bind_virq(file, VIRQ_DEBUG), -PV_EACCES);
    assert_true(bind_interdomain(file, GUEST, 1) > 0);
    assert_int_equal(notify(file, port), 0);
    file_put(file);
}

static void test_unknown(void **state)
{
    struct file *file = open_it();
    struct ioctl_evtchn_bind bind = { .port = fake_event_port() };

    assert_int_equal(control(file, IOCTL_EVTCHN_BIND_STATIC, &bind), -ENOTTY);
    assert_int_equal(control(file, 0, NULL), -ENOTTY);
    assert_int_equal(control(file, UINT32_MAX, NULL), -ENOTTY);
    file_put(file);
}

static void test_reset(void **state)
{
    struct file *file = open_it();
    uint32_t port = bound(file);

    fake_event_fire(port);
    assert_int_equal(control(file, IOCTL_EVTCHN_RESET, NULL), 0);
    assert_false(readable(file));
    fake_event_fire(port);
    assert_false(readable(file));
    fake_write(file, &port, sizeof(port));
    assert_next(file, port);
    file_put(file);
}

static void test_no_memory(void **state)
{
    struct file *file;

    for (long n = 0; n < 2; n++) {
        fake_alloc_fails = n;
        assert_int_equal(fake_device_open("/dev/xen/evtchn", O_RDWR, &file), -PV_ENOMEM);
    }
    file = open_it();
    fake_alloc_fails = 0;
    assert_int_equal(bind_interdomain(file, GUEST, 1), -PV_ENOMEM);
    fake_event_error = -PV_EINVAL;
    assert_int_equal(bind_interdomain(file, GUEST, 1), -PV_EINVAL);
    assert_int_equal(bind_unbound(file, GUEST), -PV_EINVAL);
    assert_int_equal(bind_virq(file, VIRQ_DEBUG), -PV_EINVAL);
    fake_event_error = 0;
    file_put(file);
}

static void test_limit(void **state)
{
    struct file *file = open_it(), *other = open_it();
    unsigned int n = 0;

    many = true;
    next_port = 100;
    while (bind_unbound(file, GUEST) > 0)
        assert_true(++n < PV_EVENT_PORTS / 2);
    assert_int_equal(n, 1024);
    assert_int_equal(bind_unbound(other, GUEST), -PV_ENOSPC);
    assert_int_equal(unbind(file, 100 + 500), 0);
    assert_true(bind_unbound(other, GUEST) > 0);
    file_put(file);
    file_put(other);
    many = false;
}

/* A held port outlives its file, for a last event to the peer. */
static void test_held(void **state)
{
    struct file *file = open_it();
    uint32_t port = bound(file), due = bound(file);

    assert_int_equal(evtchn_hold(due + 1), -PV_EINVAL);
    assert_int_equal(evtchn_hold(port), 0);
    assert_int_equal(evtchn_hold(port), 0);
    assert_int_equal(evtchn_hold(due), 0);
    fake_event_fire(due);
    file_put(file);
    assert_true(fake_event_open(port));
    fake_event_fire(port); /* it is ignored */
    evtchn_release(due);
    assert_int_equal(evtchn_hold(port), -PV_EINVAL);
    file = open_it();
    assert_int_equal(notify(file, port), -PV_ENOTCONN);
    evtchn_release(port);
    assert_true(fake_event_open(port));
    evtchn_release(port);
    assert_false(fake_event_open(port));
    port = bound(file);
    assert_int_equal(evtchn_hold(port), 0);
    evtchn_release(port);
    assert_true(fake_event_open(port));
    file_put(file);
    assert_false(fake_event_open(port));
}

/* ---- compared with a model: for each port whether it is bound, due, masked and pending; and the order ---- */

#define MODEL 6
static struct { uint32_t port; bool bound, due, masked, pending; } model[MODEL];
static unsigned int queue[MODEL], queued;

static void model_fire(unsigned int i)
{
    model[i].pending = model[i].masked;
    if (model[i].masked)
        return;
    model[i].masked = true;
    if (!model[i].due)
        queue[queued++] = i;
    model[i].due = true;
}

static void model_remove(unsigned int at)
{
    model[queue[at]].due = false;
    memmove(&queue[at], &queue[at + 1], (--queued - at) * sizeof(queue[0]));
}

static void model_unbind(unsigned int i)
{
    for (unsigned int at = 0; at < queued; at++)
        if (queue[at] == i)
            model_remove(at--);
    model[i].bound = false;
}

static void model_step(struct file *file, unsigned int i, unsigned int op)
{
    if (!model[i].bound) {
        memset(&model[i], 0, sizeof(model[i]));
        model[i].port = bound(file);
        model[i].bound = true;
    } else if (op == 0) {
        assert_int_equal(unbind(file, model[i].port), 0);
        model_unbind(i);
    } else if (op < 4) {
        model_fire(i);
        fake_event_fire(model[i].port);
    } else if (op < 7) {
        bool again = model[i].masked && model[i].pending;

        assert_int_equal(fake_write(file, &model[i].port, 4), 4);
        model[i].masked = false;
        if (again)
            model_fire(i);
    } else if (queued) {
        assert_next(file, model[queue[0]].port);
        model_remove(0);
    }
}

static void test_model(void **state)
{
    struct file *file = open_it();
    unsigned int random = 1;

    for (unsigned int n = 0; n < 20000; n++) {
        random = random * 1103515245 + 12345;
        model_step(file, (random >> 8) % MODEL, (random >> 16) % 10);
        assert_int_equal(readable(file), queued > 0);
    }
    for (; queued; model_remove(0))
        assert_next(file, model[queue[0]].port);
    file_put(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_one_port), TEST(test_order_and_sizes), TEST(test_bad_memory), TEST(test_write_is_bounded),
        TEST(test_foreign_ports), TEST(test_domains), TEST(test_restricted), TEST(test_unknown),
        TEST(test_reset), TEST(test_no_memory), TEST(test_limit), TEST(test_held), TEST(test_model),
    };

    return cmocka_run_group_tests_name("micro-evtchn", tests, NULL, NULL);
}
