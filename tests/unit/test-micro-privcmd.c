// sources: launcher/stubdom-micro/dev-privcmd.c launcher/xen-layer/text.c tests/unit/fake-pv.c
// sources: tests/unit/fake-micro.c
// cflags: -D__XEN_INTERFACE_VERSION__=0x00040e00
/*
 * /dev/xen/privcmd, with a Xen that records its hypercalls: what programs may ask for, and that Xen gets only copies of
 * their memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "tests/unit/fake-micro.h"

#include <linux/ioctl.h>
#include <linux/mman.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/sys/privcmd.h>

#define US 7
#define GUEST 12
#define VA 0x40000000UL
#define PAGES 1300

/* ---- Xen ---- */

static unsigned int hypercalls;
static long hypercall_result;
static struct xen_hvm_param param_seen;
static size_t extents_seen, extents_limit;
static uint16_t dm_domain;
static size_t dm_count, dm_sizes[16];
static const char *dm_user; /* the program's memory, whose address must not reach Xen */
static size_t dm_user_size;

static void not_the_programs(const void *p)
{
    assert_false((const char *)p >= dm_user && (const char *)p < dm_user + dm_user_size);
}

static long do_dm_op(unsigned long domain, unsigned long count, struct xen_dm_op_buf *buffers)
{
    dm_domain = (uint16_t)domain;
    dm_count = count;
    for (size_t i = 0; i < count; i++) {
        unsigned char *bytes = buffers[i].h.p;

        not_the_programs(bytes);
        dm_sizes[i] = buffers[i].size;
        for (size_t j = 0; j < buffers[i].size; j++) {
            assert_int_equal(bytes[j], (unsigned char)(i + 1));
            bytes[j] ^= 0x80;
        }
    }
    return hypercall_result;
}

static long do_populate(struct xen_memory_reservation *reservation)
{
    long n = (long)reservation->nr_extents;

    assert_int_equal(reservation->domid, GUEST);
    assert_true(n > 0 && n <= 512);
    if (hypercall_result)
        return hypercall_result;
    for (long i = 0; i < n; i++) {
        if (extents_seen == extents_limit)
            return i;
        assert_int_equal(reservation->extent_start.p[i], 1000 + extents_seen);
        extents_seen++;
    }
    return n;
}

long pv_hypercall(unsigned int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                  unsigned long e)
{
    hypercalls++;
    if (op == __HYPERVISOR_dm_op)
        return do_dm_op(a, b, (struct xen_dm_op_buf *)c);
    if (op == __HYPERVISOR_memory_op && a == XENMEM_populate_physmap)
        return do_populate((struct xen_memory_reservation *)b);
    assert_int_equal(op, __HYPERVISOR_hvm_op);
    param_seen = *(struct xen_hvm_param *)b;
    if (a == HVMOP_get_param)
        ((struct xen_hvm_param *)b)->value = 0x1234;
    else
        assert_int_equal(a, HVMOP_set_param);
    return hypercall_result;
}

/* ---- mappings ---- */

static struct vma vma;
static uint64_t mapped[PAGES];
static size_t mapped_count, batch_calls;
static unsigned int mapped_prot;
static int refusal; /* Xen's error for odd frames */

struct vma *vma_find(uintptr_t va)
{
    return va >= vma.start && va < vma.end ? &vma : NULL;
}

pv_root *space_root(struct space *space)
{
    assert_ptr_equal(space, vma.space);
    return (pv_root *)0x1000;
}

void pv_map_batch(pv_root *root, uintptr_t va, const uint64_t *frames, size_t n, unsigned int prot,
                  uint16_t owner, int *errors)
{
    assert_ptr_equal(root, (pv_root *)0x1000);
    assert_int_equal(owner, GUEST);
    assert_true(n && n <= 512 && va >= vma.start && va % PV_PAGE == 0);
    assert_true(va + n * PV_PAGE <= vma.end);
    batch_calls++;
    mapped_prot = prot;
    for (size_t i = 0; i < n; i++) {
        assert_true(frames[i] < 1UL << 40);
        mapped[(va - vma.start) / PV_PAGE + i] = frames[i];
        errors[i] = frames[i] % 2 ? refusal : 0;
    }
    mapped_count += n;
}

/* ---- */

static struct file *open_it(void)
{
    struct file *file;

    assert_int_equal(fake_device_open("/dev/xen/privcmd", O_RDWR, &file), 0);
    return file;
}

static long control(struct file *file, unsigned int command, const void *arg)
{
    return file->ops->ioctl(file, command, (uintptr_t)arg);
}

static long restrict_to(struct file *file, uint16_t domain)
{
    return control(file, IOCTL_PRIVCMD_RESTRICT, &domain);
}

static long hypercall(struct file *file, uint64_t op, uint64_t first, const void *arg)
{
    struct privcmd_hypercall call = { .op = op, .arg = { first, (uintptr_t)arg } };

    return control(file, IOCTL_PRIVCMD_HYPERCALL, &call);
}

static int map_it(struct file *file, size_t pages, unsigned int prot)
{
    vma = (struct vma){ .space = (struct space *)0x77, .start = VA, .end = VA + pages * PV_PAGE,
                        .prot = prot, .flags = MAP_SHARED, .file = file };
    return file->ops->mmap(file, &vma);
}

static long map_batch(struct file *file, uint16_t domain, uintptr_t va, unsigned int n, const xen_pfn_t *frames,
                      int *errors)
{
    struct privcmd_mmapbatch_v2 batch = { .num = n, .dom = domain, .addr = va, .arr = frames, .err = errors };

    return control(file, IOCTL_PRIVCMD_MMAPBATCH_V2, &batch);
}

static int setup(void **state)
{
    fake_pv_reset();
    fake_micro_reset();
    hypercalls = 0;
    hypercall_result = 0;
    extents_seen = 0;
    extents_limit = SIZE_MAX;
    batch_calls = mapped_count = 0;
    refusal = 0;
    pv_guest = 0;
    dm_user = NULL;
    dm_user_size = 0;
    memset(&vma, 0, sizeof(vma));
    assert_int_equal(dev_privcmd_init(), 0);
    return 0;
}

static int teardown(void **state)
{
    fake_micro_reset();
    fake_pv_reset();
    return 0;
}

static void test_nodes(void **state)
{
    struct file *file;

    assert_true(fake_device_exists("/dev/xen/hypercall"));
    assert_int_equal(fake_device_open("/dev/xen/hypercall", O_RDWR, &file), -PV_ENOENT);
    for (long n = 0; n < 2; n++) {
        fake_alloc_fails = n;
        assert_int_equal(fake_device_open("/dev/xen/privcmd", O_RDWR, &file), -PV_ENOMEM);
    }
    file = open_it();
    assert_int_equal(control(file, IOCTL_PRIVCMD_UNIMPLEMENTED, NULL), -ENOTTY);
    assert_int_equal(control(file, IOCTL_PRIVCMD_MMAP_RESOURCE, NULL), -ENOTTY);
    assert_int_equal(control(file, IOCTL_PRIVCMD_MMAPBATCH, NULL), -ENOTTY);
    assert_int_equal(control(file, IOCTL_PRIVCMD_MMAP, NULL), -ENOTTY);
    file_put(file);
}

static void test_params(void **state)
{
    struct file *file = open_it();
    struct xen_hvm_param param = { .domid = GUEST, .index = 9, .value = 5 };

    assert_int_equal(hypercall(file, __HYPERVISOR_hvm_op, HVMOP_set_param, &param), 0);
    assert_memory_equal(&param_seen, &param, sizeof(param));
    assert_int_equal(hypercall(file, __HYPERVISOR_hvm_op, HVMOP_get_param, &param), 0);
    assert_int_equal(param.value, 0x1234);
    hypercall_result = -PV_EPERM;
    assert_int_equal(hypercall(file, __HYPERVISOR_hvm_op, HVMOP_get_param, &param), -PV_EPERM);
    hypercalls = 0;
    assert_int_equal(hypercall(file, __HYPERVISOR_hvm_op, HVMOP_get_param, (void *)FAKE_USER_BAD), -PV_EFAULT);
    param.domid = DOMID_SELF;
    assert_int_equal(hypercall(file, __HYPERVISOR_hvm_op, HVMOP_set_param, &param), -PV_EPERM);
    param.domid = US;
    assert_int_equal(hypercall(file, __HYPERVISOR_hvm_op, HVMOP_set_param, &param), -PV_EPERM);
    assert_int_equal(control(file, IOCTL_PRIVCMD_HYPERCALL, (void *)FAKE_USER_BAD), -PV_EFAULT);
    assert_int_equal(hypercalls, 0);
    file_put(file);
}

/* Hypercalls that are not in the list do not reach Xen. Numbers are compared with all their bits. */
static void test_other_hypercalls(void **state)
{
    static const struct { uint64_t op, first; } refused[] = {
        { __HYPERVISOR_mmu_update, 0 }, { __HYPERVISOR_update_va_mapping, VA },
        { __HYPERVISOR_event_channel_op, 3 }, { __HYPERVISOR_grant_table_op, 0 },
        { __HYPERVISOR_sched_op, SCHEDOP_shutdown }, { __HYPERVISOR_domctl, 0 }, { __HYPERVISOR_iret, 0 },
        { __HYPERVISOR_dm_op, GUEST }, { __HYPERVISOR_hvm_op, HVMOP_flush_tlbs },
        { __HYPERVISOR_memory_op, XENMEM_decrease_reservation }, { __HYPERVISOR_memory_op, XENMEM_exchange },
        { __HYPERVISOR_memory_op | 1UL << 32, XENMEM_populate_physmap },
        { __HYPERVISOR_memory_op, XENMEM_populate_physmap | 1UL << 32 },
        { __HYPERVISOR_memory_op, XENMEM_populate_physmap | 1UL << 6 }, { UINT64_MAX, UINT64_MAX },
    };
    struct xen_hvm_param param = { .domid = GUEST };
    struct file *file = open_it();

    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(hypercall(file, refused[i].op, refused[i].first, &param), -PV_EPERM);
    assert_int_equal(restrict_to(file, GUEST), 0);
    assert_int_equal(hypercall(file, __HYPERVISOR_hvm_op, HVMOP_get_param, &param), -PV_EPERM);
    assert_int_equal(hypercalls, 0);
    file_put(file);
}

static void test_populate(void **state)
{
    static xen_pfn_t list[1100];
    struct file *file = open_it();
    struct xen_memory_reservation all = { .nr_extents = 1100, .domid = GUEST };

    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        list[i] = 1000 + i;
    set_xen_guest_handle(all.extent_start, list);
    assert_int_equal(hypercall(file, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &all), 1100);
    assert_int_equal(hypercalls, 3);
    extents_seen = 0;
    extents_limit = 700;
    assert_int_equal(hypercall(file, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &all), 700);
    extents_seen = 0;
    hypercall_result = -PV_EINVAL;
    assert_int_equal(hypercall(file, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &all), -PV_EINVAL);
    hypercall_result = 0;
    fake_user_fails = 3; /* reads of the call, the reservation and the first piece succeed; the second piece fails */
    assert_int_equal(hypercall(file, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &all), 512);
    fake_user_fails = 2;
    assert_int_equal(hypercall(file, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &all), -PV_EFAULT);
    hypercalls = 0;
    all.nr_extents = 0;
    assert_int_equal(hypercall(file, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &all), 0);
    all.nr_extents = UINT64_MAX;
    assert_int_equal(hypercall(file, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &all), -PV_E2BIG);
    all.nr_extents = 1;
    all.domid = DOMID_SELF;
    assert_int_equal(hypercall(file, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &all), -PV_EPERM);
    assert_int_equal(hypercalls, 0);
    file_put(file);
}

static long dm_op(struct file *file, uint16_t domain, unsigned int n, const struct privcmd_dm_op_buf *buffers)
{
    struct privcmd_dm_op op = { .dom = domain, .num = (uint16_t)n, .ubufs = buffers };

    return control(file, IOCTL_PRIVCMD_DM_OP, &op);
}

static void run_dm_op(struct file *file, const size_t *sizes, unsigned int n)
{
    static unsigned char memory[16][4096];
    struct privcmd_dm_op_buf buffers[16];

    dm_user = (char *)memory;
    dm_user_size = sizeof(memory);
    for (unsigned int i = 0; i < n; i++) {
        memset(memory[i], (int)i + 1, sizeof(memory[i]));
        buffers[i] = (struct privcmd_dm_op_buf){ .uptr = memory[i], .size = sizes[i] };
    }
    hypercall_result = 0;
    assert_int_equal(dm_op(file, GUEST, n, buffers), 0);
    assert_int_equal(dm_count, n);
    for (unsigned int i = 0; i < n; i++) {
        assert_int_equal(dm_sizes[i], sizes[i]);
        for (size_t j = 0; j < sizeof(memory[i]); j++)
            assert_int_equal(memory[i][j], (i + 1) | (j < sizes[i] ? 0x80 : 0));
    }
    /* If Xen refuses, the program's buffers do not change, and nothing stays allocated. */
    for (unsigned int i = 0; i < n; i++)
        memset(memory[i], (int)i + 1, sizeof(memory[i]));
    hypercall_result = -PV_ESRCH;
    assert_int_equal(dm_op(file, GUEST, n, buffers), -PV_ESRCH);
    for (unsigned int i = 0; i < n; i++)
        assert_int_equal(memory[i][0], i + 1);
}

static void test_dm_op(void **state)
{
    static const size_t small[] = { 48 }, two[] = { 48, 254 }, edge[] = { 200, 56 }, beyond[] = { 200, 57 },
        most[16] = { 4096, 4096, 4096, 4096, 4096, 4096, 4096, 4096,
                     4096, 4096, 4096, 4096, 4096, 4096, 4096, 4096 }, none[] = { 48, 0, 7 };
    struct file *file = open_it();

    run_dm_op(file, small, 1);
    run_dm_op(file, two, 2);
    run_dm_op(file, edge, 2);
    run_dm_op(file, beyond, 2);
    run_dm_op(file, most, 16);
    run_dm_op(file, none, 3);
    assert_int_equal(fake_heap_used, 2); /* the file and its data */
    file_put(file);
}

static void test_dm_op_hostile(void **state)
{
    struct privcmd_dm_op_buf buffers[17] = { { .uptr = (void *)FAKE_USER_BAD, .size = 8 } };
    static char memory[4096];
    struct file *file = open_it();

    assert_int_equal(dm_op(file, DOMID_INVALID, 0, NULL), 0); /* the library asks whether there are dm_ops */
    assert_int_equal(dm_op(file, GUEST, 1, buffers), -PV_EFAULT);
    assert_int_equal(dm_op(file, GUEST, 1, (void *)FAKE_USER_BAD), -PV_EFAULT);
    assert_int_equal(dm_op(file, GUEST, 17, buffers), -PV_E2BIG);
    assert_int_equal(dm_op(file, GUEST, 65535, buffers), -PV_E2BIG);
    buffers[0] = (struct privcmd_dm_op_buf){ .uptr = memory, .size = 4097 };
    assert_int_equal(dm_op(file, GUEST, 1, buffers), -PV_E2BIG);
    buffers[0].size = SIZE_MAX;
    buffers[1] = (struct privcmd_dm_op_buf){ .uptr = memory, .size = 2 };
    assert_int_equal(dm_op(file, GUEST, 2, buffers), -PV_E2BIG);
    buffers[0].size = 8;
    assert_int_equal(dm_op(file, DOMID_SELF, 1, buffers), -PV_EPERM);
    assert_int_equal(dm_op(file, US, 1, buffers), -PV_EPERM);
    buffers[0].size = 4096;
    fake_alloc_fails = 0;
    assert_int_equal(dm_op(file, GUEST, 1, buffers), -PV_ENOMEM);
    assert_int_equal(control(file, IOCTL_PRIVCMD_DM_OP, (void *)FAKE_USER_BAD), -PV_EFAULT);
    assert_int_equal(hypercalls, 0);
    /* The answer cannot be written back. */
    buffers[0].size = 1;
    memory[0] = 1;
    fake_user_fails = 3;
    assert_int_equal(dm_op(file, GUEST, 1, buffers), -PV_EFAULT);
    assert_int_equal(hypercalls, 1);
    file_put(file);
}

static void test_restrict(void **state)
{
    struct file *file = open_it(), *second = open_it();
    struct privcmd_dm_op_buf buffer = { .uptr = (char[]){ 1 }, .size = 1 };
    xen_pfn_t frame = 2;
    int error;

    assert_int_equal(restrict_to(file, US), -PV_EINVAL);
    assert_int_equal(restrict_to(file, DOMID_SELF), -PV_EINVAL);
    assert_int_equal(restrict_to(file, DOMID_INVALID), -PV_EINVAL);
    assert_int_equal(control(file, IOCTL_PRIVCMD_RESTRICT, (void *)FAKE_USER_BAD), -PV_EFAULT);
    assert_int_equal(pv_guest, 0);
    assert_int_equal(restrict_to(file, GUEST), 0);
    assert_int_equal(pv_guest, GUEST);
    assert_int_equal(restrict_to(file, GUEST), 0);
    assert_int_equal(restrict_to(file, GUEST + 1), -PV_EINVAL);
    assert_int_equal(dm_op(file, GUEST + 1, 1, &buffer), -PV_EPERM);
    assert_int_equal(dm_op(file, GUEST + 1, 0, NULL), -PV_EPERM);
    assert_int_equal(hypercalls, 0);
    assert_int_equal(dm_op(file, GUEST, 1, &buffer), 0);
    assert_int_equal(map_it(file, 1, PROT_READ), 0);
    assert_int_equal(map_batch(file, GUEST + 1, VA, 1, &frame, &error), -PV_EPERM);
    assert_int_equal(batch_calls, 0);
    assert_int_equal(map_batch(file, GUEST, VA, 1, &frame, &error), 0);
    /* The first restriction decides which guest is ours. */
    assert_int_equal(restrict_to(second, GUEST + 1), 0);
    assert_int_equal(pv_guest, GUEST);
    file_put(file);
    file_put(second);
}

static void test_mmap(void **state)
{
    struct file *file = open_it();

    assert_int_equal(map_it(file, 1, PROT_READ | PROT_WRITE | PROT_EXEC), -PV_EACCES);
    assert_int_equal(map_it(file, 1, 0), -PV_EACCES);
    vma.flags = MAP_PRIVATE;
    vma.prot = PROT_READ;
    assert_int_equal(file->ops->mmap(file, &vma), -PV_EINVAL);
    assert_null(vma.ops);
    assert_int_equal(map_it(file, 1, PROT_READ), 0);
    assert_non_null(vma.ops);
    assert_false(vma.ops->whole); /* QEMU unmaps and replaces parts */
    file_put(file);
}

static void test_map(void **state)
{
    static xen_pfn_t frames[PAGES];
    static int errors[PAGES];
    struct file *file = open_it();

    for (size_t i = 0; i < PAGES; i++) {
        frames[i] = i * 2;
        errors[i] = 99;
    }
    frames[700] = 701;
    refusal = -PV_EINVAL;
    assert_int_equal(map_it(file, PAGES, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(map_batch(file, GUEST, VA, PAGES, frames, errors), 0);
    assert_int_equal(mapped_prot, PV_PROT_USER | PV_PROT_WRITE);
    assert_int_equal(batch_calls, 3);
    for (size_t i = 0; i < PAGES; i++) {
        assert_int_equal(mapped[i], frames[i]);
        assert_int_equal(errors[i], i == 700 ? -PV_EINVAL : 0);
    }
    refusal = -PV_ENOENT;
    assert_int_equal(map_batch(file, GUEST, VA, PAGES, frames, errors), -PV_ENOENT);
    assert_int_equal(errors[700], -PV_ENOENT);
    assert_int_equal(errors[701], 0);
    /* A part in the middle, read-only. */
    vma.prot = PROT_READ;
    refusal = 0;
    frames[0] = 4242;
    assert_int_equal(map_batch(file, GUEST, VA + 5 * PV_PAGE, 1, frames, errors), 0);
    assert_int_equal(mapped[5], 4242);
    assert_int_equal(mapped[4], 8);
    assert_int_equal(mapped_prot, PV_PROT_USER);
    file_put(file);
}

/* Bits above a frame number's would be other bits of the page table's entry: no execute, owner, caching. */
static void test_map_impossible_frames(void **state)
{
    static const xen_pfn_t frames[] = { 1UL << 40, 1UL << 51, UINT64_MAX, UINT64_MAX / 2, 1UL << 63 | 4, 4 };
    int errors[ARRAY_LEN(frames)];
    struct file *file = open_it();

    refusal = -PV_EINVAL;
    assert_int_equal(map_it(file, ARRAY_LEN(frames), PROT_READ), 0);
    assert_int_equal(map_batch(file, GUEST, VA, ARRAY_LEN(frames), frames, errors), 0);
    for (size_t i = 0; i < ARRAY_LEN(frames); i++)
        assert_int_equal(errors[i], i == 5 ? 0 : -PV_EINVAL);
    file_put(file);
}

static void test_map_hostile(void **state)
{
    static xen_pfn_t frames[PAGES];
    static int errors[PAGES];
    static const struct vma_ops other_ops;
    struct file *file = open_it();
    const uintptr_t end = VA + 16 * PV_PAGE;

    assert_int_equal(map_it(file, 16, PROT_READ), 0);
    assert_int_equal(map_batch(file, GUEST, VA, 0, frames, errors), -PV_EINVAL);
    assert_int_equal(map_batch(file, GUEST, VA, 17, frames, errors), -PV_EINVAL);
    assert_int_equal(map_batch(file, GUEST, VA, UINT32_MAX, frames, errors), -PV_EINVAL);
    assert_int_equal(map_batch(file, GUEST, VA, 0x80000000U, frames, errors), -PV_EINVAL);
    assert_int_equal(map_batch(file, GUEST, end - PV_PAGE, 2, frames, errors), -PV_EINVAL);
    assert_int_equal(map_batch(file, GUEST, end, 1, frames, errors), -PV_EINVAL);
    assert_int_equal(map_batch(file, GUEST, VA - PV_PAGE, 2, frames, errors), -PV_EINVAL);
    assert_int_equal(map_batch(file, GUEST, VA + 8, 1, frames, errors), -PV_EINVAL);
    assert_int_equal(map_batch(file, GUEST, UINT64_MAX - PV_PAGE + 1, 1, frames, errors), -PV_EINVAL);
    assert_int_equal(map_batch(file, GUEST, 0xffffffff80000000UL, 1, frames, errors), -PV_EINVAL);
    assert_int_equal(map_batch(file, DOMID_SELF, VA, 1, frames, errors), -PV_EPERM);
    assert_int_equal(map_batch(file, US, VA, 1, frames, errors), -PV_EPERM);
    assert_int_equal(map_batch(file, DOMID_IO, VA, 1, frames, errors), -PV_EPERM);
    assert_int_equal(map_batch(file, DOMID_XEN, VA, 1, frames, errors), -PV_EPERM);
    assert_int_equal(control(file, IOCTL_PRIVCMD_MMAPBATCH_V2, (void *)FAKE_USER_BAD), -PV_EFAULT);
    assert_int_equal(map_batch(file, GUEST, VA, 1, (void *)FAKE_USER_BAD, errors), -PV_EFAULT);
    /* Ordinary memory, and another device's mapping. */
    vma.ops = NULL;
    assert_int_equal(map_batch(file, GUEST, VA, 1, frames, errors), -PV_EINVAL);
    vma.ops = &other_ops;
    assert_int_equal(map_batch(file, GUEST, VA, 1, frames, errors), -PV_EINVAL);
    assert_int_equal(mapped_count, 0);
    assert_int_equal(map_it(file, 16, PROT_READ), 0);
    assert_int_equal(map_batch(file, GUEST, VA, 1, frames, (void *)FAKE_USER_BAD), -PV_EFAULT);
    file_put(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_nodes), TEST(test_params), TEST(test_other_hypercalls), TEST(test_populate), TEST(test_dm_op),
        TEST(test_dm_op_hostile), TEST(test_restrict), TEST(test_mmap), TEST(test_map),
        TEST(test_map_impossible_frames), TEST(test_map_hostile),
    };

    return cmocka_run_group_tests_name("micro-privcmd", tests, NULL, NULL);
}
