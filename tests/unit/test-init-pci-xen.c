// sources: launcher/stubdom-init/pci-xen.c
// libs: xencall
// wrap: xencall_open xencall_close xencall1 xencall2 xencall_alloc_buffer xencall_free_buffer
/*
 * The hypercalls for a guest's PCI devices: the domctl version of every Xen that the image supports is found, and a
 * mapping that Xen makes in parts is completed or undone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define __XEN_TOOLS__
#include "unit.h"

#include <errno.h>
#include <xen/domctl.h>
#include <xen/physdev.h>
#include <xencall.h>

#include "pci-xen.h"

#define GUEST 7

#define GFN 0x1100
#define MFN 0x100
#define FRAMES 1000
#define AT_ONCE 64

/* The hypervisor: its version, the frames that are mapped, and frames that it refuses. */
static struct {
    uint32_t version;
    bool mapped[FRAMES];
    uint64_t bad;
    int handles, buffers, refused;
} world;

static struct pci_xen xen;

xencall_handle *__wrap_xencall_open(struct xentoollog_logger *logger, unsigned int flags)
{
    world.handles++;
    return (xencall_handle *)&world;
}

int __wrap_xencall_close(xencall_handle *handle)
{
    world.handles--;
    return 0;
}

void *__wrap_xencall_alloc_buffer(xencall_handle *handle, size_t size)
{
    world.buffers++;
    return malloc(size);
}

void __wrap_xencall_free_buffer(xencall_handle *handle, void *buffer)
{
    world.buffers--;
    free(buffer);
}

static int error(int number)
{
    errno = number;
    return -1;
}

/* As Xen does: maps a part and returns how many; 0: all are mapped. */
static int map(const struct xen_domctl_memory_mapping *mapping)
{
    uint64_t first = mapping->first_gfn - GFN;

    assert_int_equal(mapping->first_mfn - MFN, first);
    for (uint64_t i = 0; i < mapping->nr_mfns; i++) {
        if (i == AT_ONCE)
            return AT_ONCE;
        assert_true(first + i < FRAMES);
        if (mapping->add_mapping && first + i == world.bad)
            return error(ENOMEM);
        world.mapped[first + i] = mapping->add_mapping;
    }
    return 0;
}

static int count_mapped(void)
{
    int n = 0;

    for (size_t i = 0; i < FRAMES; i++)
        n += world.mapped[i];
    return n;
}

int __wrap_xencall1(xencall_handle *handle, unsigned int op, uint64_t arg)
{
    struct xen_domctl *domctl = (struct xen_domctl *)(uintptr_t)arg;

    assert_int_equal(op, __HYPERVISOR_domctl);
    assert_int_equal(domctl->domain, GUEST);
    if (domctl->interface_version != world.version) {
        world.refused++;
        return error(EACCES);
    }
    switch (domctl->cmd) {
    case XEN_DOMCTL_unbind_pt_irq:
        assert_int_equal(domctl->u.bind_pt_irq.machine_irq, UINT32_MAX);
        return error(EINVAL);
    case XEN_DOMCTL_memory_mapping:
        return map(&domctl->u.memory_mapping);
    default:
        fail_msg("domctl %u", domctl->cmd);
    }
}

int __wrap_xencall2(xencall_handle *handle, unsigned int op, uint64_t command, uint64_t arg)
{
    struct physdev_map_pirq *pirq = (struct physdev_map_pirq *)(uintptr_t)arg;

    assert_int_equal(op, __HYPERVISOR_physdev_op);
    assert_int_equal(command, PHYSDEVOP_map_pirq);
    assert_int_equal(pirq->domid, GUEST);
    pirq->pirq = 55;
    return 0;
}

static int start(uint32_t version)
{
    memset(&world, 0, sizeof(world));
    world.version = version;
    world.bad = FRAMES;
    return pci_xen_init(&xen, GUEST);
}

static int stop(void **state)
{
    pci_xen_dispose(&xen);
    pci_xen_dispose(&xen);
    return world.handles + world.buffers;
}

/* Xen 4.17, 4.18, 4.19 to 4.21, 4.22. Other versions are refused. */
static void test_releases(void **state)
{
    for (uint32_t version = 0x15; version <= 0x18; version++) {
        int pirq = -1;

        assert_int_equal(start(version), 0);
        assert_int_equal(world.refused, version - 0x15);
        assert_int_equal(pci_xen_map_frames(&xen, GUEST, GFN, MFN, AT_ONCE, true), 0);
        assert_int_equal(count_mapped(), AT_ONCE);
        assert_int_equal(pci_xen_map_intx(&xen, GUEST, 11, &pirq), 0);
        assert_int_equal(pirq, 55);
        assert_int_equal(stop(NULL), 0);
    }
    assert_int_equal(start(0x14), -ENOTSUP);
    assert_int_equal(stop(NULL), 0);
    assert_int_equal(start(0x19), -ENOTSUP);
}

static void test_parts(void **state)
{
    assert_int_equal(start(0x17), 0);
    assert_int_equal(pci_xen_map_frames(&xen, GUEST, GFN, MFN, FRAMES, true), 0);
    assert_int_equal(count_mapped(), FRAMES);
    assert_int_equal(pci_xen_map_frames(&xen, GUEST, GFN, MFN, FRAMES, false), 0);
    assert_int_equal(count_mapped(), 0);
}

static void test_no_part_stays(void **state)
{
    assert_int_equal(start(0x17), 0);
    world.bad = 200;
    assert_int_equal(pci_xen_map_frames(&xen, GUEST, GFN, MFN, FRAMES, true), -ENOMEM);
    assert_int_equal(count_mapped(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_releases, stop),
        cmocka_unit_test_teardown(test_parts, stop),
        cmocka_unit_test_teardown(test_no_part_stays, stop),
    };

    return cmocka_run_group_tests_name("init-pci-xen", tests, NULL, NULL);
}
