// sources: launcher/stubdom-micro/dev-gnttab.c launcher/stubdom-micro/dev-gntdev.c
// sources: launcher/stubdom-micro/dev-gntalloc.c launcher/stubdom-micro/dev-evtchn.c launcher/xen-layer/text.c
// sources: tests/unit/fake-pv.c tests/unit/fake-micro.c
// cflags: -D__XEN_INTERFACE_VERSION__=0x00040e00
/*
 * /dev/xen/gntalloc and gntdev, as libxengnttab uses them: pages that are shared, mapped, reported to the peer and
 * freed; pages that a peer keeps mapped; programs with wrong sizes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "tests/unit/fake-micro.h"
#include "launcher/stubdom-micro/task.h"

#include <linux/ioctl.h>
#include <linux/mman.h>
#include <xen/evtchn.h>
#include <xen/grant_table.h>
#include <xen/sys/gntalloc.h>
#include <xen/sys/gntdev.h>

#define GUEST 12
#define US 7
#define PAGES 16
#define SPACE ((struct space *)0x77)
#define ROOT ((pv_root *)0x1000)

/* ---- one space and its mappings. Its memory is real, so that a byte can be cleared there. ---- */

static _Alignas(4096) char memory[PAGES * PV_PAGE];
#define VA ((uintptr_t)memory)
static struct { bool used, granted; uint64_t frame; unsigned int prot; uint32_t ref, handle; } entries[PAGES];
static long map_fails = -1;   /* the n-th pv_map() or pv_grant_map() from now on */
static int map_error;
static bool unmap_refused;
static uint32_t next_handle;
static struct vma *the_vma;

/* The calling task; and the space that the CPU uses. */
static struct process process;
static struct task task = { .process = &process };
static bool task_ended;
static struct space *current;

struct task *task_self(void)
{
    return task_ended ? NULL : &task;
}

void task_use_space(struct space *space)
{
    assert_ptr_not_equal(space, current);
    current = space;
}

pv_root *space_root(struct space *space)
{
    assert_ptr_equal(space, SPACE);
    return ROOT;
}

struct vma *vma_find(uintptr_t va)
{
    return the_vma && va >= the_vma->start && va < the_vma->end ? the_vma : NULL;
}

static size_t entry_at(uintptr_t va)
{
    assert_true(va % PV_PAGE == 0 && va >= VA && va < VA + sizeof(memory));
    return (va - VA) / PV_PAGE;
}

static bool map_fails_now(void)
{
    return map_fails >= 0 && map_fails-- == 0;
}

int pv_map(pv_root *root, uintptr_t va, uint64_t frame, unsigned int prot, uint16_t owner)
{
    size_t i = entry_at(va);

    assert_ptr_equal(root, ROOT);
    assert_int_equal(owner, DOMID_SELF);
    if (map_fails_now())
        return map_error;
    assert_false(entries[i].used);
    entries[i].used = true;
    entries[i].frame = frame;
    entries[i].prot = prot;
    return 0;
}

void pv_unmap(pv_root *root, uintptr_t va, size_t pages)
{
    for (; pages; pages--, va += PV_PAGE)
        memset(&entries[entry_at(va)], 0, sizeof(entries[0]));
}

bool pv_mapped(pv_root *root, uintptr_t va, uint64_t *frame, unsigned int *prot)
{
    size_t i = entry_at(va);

    *frame = entries[i].frame;
    *prot = entries[i].prot;
    return entries[i].used;
}

int pv_map_prepare(pv_root *root, uintptr_t va, size_t pages)
{
    assert_ptr_equal(root, ROOT);
    entry_at(va + (pages - 1) * PV_PAGE);
    return map_fails_now() ? map_error : 0;
}

int pv_grant_map(uintptr_t va, uint16_t remote, uint32_t ref, unsigned int prot, uint32_t *handle)
{
    size_t i = entry_at(va);

    assert_int_equal(remote, GUEST);
    assert_ptr_equal(current, SPACE);
    if (map_fails_now())
        return map_error;
    assert_false(entries[i].used);
    entries[i].used = entries[i].granted = true;
    entries[i].prot = prot;
    entries[i].ref = ref;
    entries[i].handle = *handle = ++next_handle;
    return 0;
}

int pv_grant_unmap(uintptr_t va, uint32_t handle)
{
    size_t i = entry_at(va);

    assert_true(entries[i].used && entries[i].granted);
    assert_int_equal(entries[i].handle, handle);
    assert_ptr_equal(current, SPACE);
    if (unmap_refused)
        return -PV_EINVAL;
    memset(&entries[i], 0, sizeof(entries[i]));
    return 0;
}

static size_t mapped(void)
{
    size_t n = 0;

    for (size_t i = 0; i < PAGES; i++)
        n += entries[i].used;
    return n;
}

/* Maps, as space.c does. */
static int map_it(struct file *file, struct vma *vma, uint64_t offset, size_t pages, unsigned int prot)
{
    int rc;

    *vma = (struct vma){ .space = SPACE, .start = VA, .end = VA + pages * PV_PAGE, .prot = prot,
                         .flags = MAP_SHARED, .file = file, .offset = offset };
    file_get(file);
    rc = file->ops->mmap(file, vma);
    if (rc) {
        assert_null(vma->ops);
        file_put(file);
    } else {
        the_vma = vma;
    }
    return rc;
}

static void unmap_it(struct vma *vma)
{
    assert_true(vma->ops->whole);
    if (vma->ops->unmap)
        vma->ops->unmap(vma, vma->start, (vma->end - vma->start) / PV_PAGE);
    else
        pv_unmap(ROOT, vma->start, (vma->end - vma->start) / PV_PAGE);
    vma->ops->close(vma);
    file_put(vma->file);
    the_vma = NULL;
}

static struct file *open_it(const char *path)
{
    struct file *file;

    assert_int_equal(fake_device_open(path, O_RDWR, &file), 0);
    return file;
}

static long control(struct file *file, unsigned int command, const void *arg)
{
    return file->ops->ioctl(file, command, (uintptr_t)arg);
}

/* Binds a port, as a program does. */
static uint32_t bound(struct file *file)
{
    struct ioctl_evtchn_bind_interdomain bind = { .remote_domain = GUEST, .remote_port = 1 };
    long port = control(file, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);

    assert_true(port > 0);
    return (uint32_t)port;
}

static int setup(void **state)
{
    fake_pv_reset();
    fake_micro_reset();
    memset(entries, 0, sizeof(entries));
    memset(memory, 0x55, sizeof(memory));
    map_fails = -1;
    map_error = -PV_ENOMEM;
    unmap_refused = false;
    the_vma = NULL;
    process.space = current = SPACE;
    task_ended = false;
    assert_int_equal(dev_evtchn_init(), 0);
    assert_int_equal(dev_gnttab_init(), 0);
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(mapped(), 0);
    assert_int_equal(fake_grants_used(), 0);
    fake_micro_reset();
    fake_pv_reset();
    return 0;
}

/* ---- gntalloc ---- */

struct allocated { struct ioctl_gntalloc_alloc_gref op; uint32_t more[2047]; };

static long share(struct file *file, struct allocated *allocated, uint32_t count, bool writable)
{
    memset(allocated, 0xee, sizeof(*allocated));
    allocated->op.domid = GUEST;
    allocated->op.flags = writable ? GNTALLOC_FLAG_WRITABLE : 0;
    allocated->op.count = count;
    return control(file, IOCTL_GNTALLOC_ALLOC_GREF, allocated);
}

static uint32_t ref_of(const struct allocated *allocated, size_t i)
{
    uint32_t ref;

    memcpy(&ref, (const char *)allocated + offsetof(struct ioctl_gntalloc_alloc_gref, gref_ids) + i * 4, 4);
    return ref;
}

static long unshare(struct file *file, uint64_t index, uint32_t count)
{
    struct ioctl_gntalloc_dealloc_gref op = { .index = index, .count = count };

    return control(file, IOCTL_GNTALLOC_DEALLOC_GREF, &op);
}

static long share_notify(struct file *file, uint64_t index, uint32_t action, uint32_t port)
{
    struct ioctl_gntalloc_unmap_notify op = { .index = index, .action = action, .event_channel_port = port };

    return control(file, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &op);
}

/* Allocate, map, free the offset, unmap: as xengntshr_share_pages() and munmap() do. */
static void test_share(void **state)
{
    static struct allocated a;
    struct file *file = open_it("/dev/xen/gntalloc");
    struct vma vma;

    assert_int_equal(share(file, &a, 3, true), 0);
    assert_int_equal(fake_grants_used(), 3);
    for (size_t i = 0; i < 3; i++) {
        const char *page = fake_grant_page(ref_of(&a, i));

        assert_non_null(page);
        assert_false(fake_grant_readonly(ref_of(&a, i)));
        assert_int_equal(fake_grant_remote(ref_of(&a, i)), GUEST);
        for (size_t j = 0; j < PV_PAGE; j++)
            assert_int_equal(page[j], 0); /* the page is zeroed */
    }
    assert_int_equal(ref_of(&a, 3), 0xeeeeeeee);
    assert_int_equal(map_it(file, &vma, a.op.index, 3, PROT_READ | PROT_WRITE), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(pv_page_of(entries[i].frame), fake_grant_page(ref_of(&a, i)));
        assert_int_equal(entries[i].prot, PV_PROT_USER | PV_PROT_WRITE);
    }
    assert_int_equal(unshare(file, a.op.index, 3), 0);
    assert_int_equal(fake_grants_used(), 3);
    assert_int_equal(map_it(file, &(struct vma){ 0 }, a.op.index, 3, PROT_READ), -PV_ENOENT);
    file_put(file); /* the mapping keeps the pages */
    assert_int_equal(fake_grants_used(), 3);
    unmap_it(&vma);
    assert_int_equal(fake_grants_used(), 0);
}

static void test_share_readonly(void **state)
{
    static struct allocated a, b;
    struct file *file = open_it("/dev/xen/gntalloc");

    assert_int_equal(share(file, &a, 1, false), 0);
    assert_true(fake_grant_readonly(ref_of(&a, 0)));
    assert_int_equal(share(file, &b, 2, false), 0);
    assert_int_equal(b.op.index, a.op.index + PV_PAGE);
    file_put(file);
}

static void test_share_notify(void **state)
{
    static struct allocated a;
    struct file *file = open_it("/dev/xen/gntalloc"), *evtchn = open_it("/dev/xen/evtchn");
    uint32_t port = bound(evtchn), second = bound(evtchn);
    struct vma vma;
    char *page;

    assert_int_equal(share(file, &a, 2, true), 0);
    page = fake_grant_page(ref_of(&a, 1));
    memset(page, 7, PV_PAGE);
    fake_grant_hold(ref_of(&a, 1), true); /* so that the page is not freed and can be checked */
    assert_int_equal(share_notify(file, a.op.index + 2 * PV_PAGE, 1, 0), -PV_ENOENT);
    assert_int_equal(share_notify(file, a.op.index, 4, port), -PV_EINVAL);
    assert_int_equal(share_notify(file, a.op.index, UNMAP_NOTIFY_SEND_EVENT, port + 100), -PV_EINVAL);
    assert_int_equal(share_notify(file, a.op.index + PV_PAGE + 9, 3, second), 0);
    assert_int_equal(share_notify(file, a.op.index + PV_PAGE + 5, 3, port), 0);
    assert_int_equal(share_notify(file, a.op.index + PV_PAGE + 5, 3, port), 0);
    assert_int_equal(map_it(file, &vma, a.op.index, 2, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(unshare(file, a.op.index, 2), 0);
    file_put(evtchn); /* a dying program may lose its descriptors first */
    assert_true(fake_event_open(port));
    assert_false(fake_event_open(second));
    assert_int_equal(fake_event_notified(port), 0);
    assert_int_equal(page[5], 7);
    unmap_it(&vma);
    assert_int_equal(page[5], 0);
    assert_int_equal(page[4], 7);
    assert_int_equal(page[9], 7);
    assert_int_equal(fake_event_notified(port), 1);
    assert_false(fake_event_open(port));
    fake_grant_hold(ref_of(&a, 1), false);
    file_put(file);
}

static void test_notify_taken_back(void **state)
{
    static struct allocated a;
    struct file *file = open_it("/dev/xen/gntalloc"), *evtchn = open_it("/dev/xen/evtchn");
    uint32_t port = bound(evtchn);

    assert_int_equal(share(file, &a, 1, true), 0);
    assert_int_equal(share_notify(file, a.op.index, UNMAP_NOTIFY_SEND_EVENT, port), 0);
    assert_int_equal(share_notify(file, a.op.index, 0, 0), 0);
    file_put(evtchn);
    assert_false(fake_event_open(port));
    file_put(file);
}

/* A page that the peer has mapped is not used again, and counts in the limit, until the peer unmaps it. */
static void test_held_by_the_peer(void **state)
{
    static struct allocated a, b;
    struct file *file = open_it("/dev/xen/gntalloc");
    uint32_t ref;
    void *page;

    assert_int_equal(share(file, &a, 3, true), 0);
    ref = ref_of(&a, 1);
    page = fake_grant_page(ref);
    fake_grant_hold(ref, true);
    assert_int_equal(unshare(file, a.op.index, 3), 0);
    assert_int_equal(fake_grants_used(), 1);
    assert_int_equal(pv_pages_in_run(page), 1);
    assert_int_equal(share(file, &b, 1024, true), -PV_ENOSPC);
    assert_int_equal(share(file, &b, 1023, true), 0);
    assert_int_equal(share(file, &a, 1, true), -PV_ENOSPC);
    assert_int_equal(pv_pages_in_run(page), 1);
    assert_int_equal(unshare(file, b.op.index, 1023), 0);
    assert_int_equal(fake_grants_used(), 1);
    file_put(file);
    assert_int_equal(fake_grants_used(), 1);
    fake_grant_hold(ref, false);
    /* Then there is room for all pages again. */
    file = open_it("/dev/xen/gntalloc");
    assert_int_equal(share(file, &a, 1024, true), 0);
    file_put(file);
}

/* Two kept shares, which end in the opposite order. */
static void test_several_held(void **state)
{
    static struct allocated a, b, c;
    struct file *file = open_it("/dev/xen/gntalloc");

    assert_int_equal(share(file, &a, 2, true), 0);
    assert_int_equal(share(file, &b, 1, true), 0);
    fake_grant_hold(ref_of(&a, 0), true);
    fake_grant_hold(ref_of(&a, 1), true);
    fake_grant_hold(ref_of(&b, 0), true);
    assert_int_equal(unshare(file, a.op.index, 2), 0);
    assert_int_equal(unshare(file, b.op.index, 1), 0);
    assert_int_equal(fake_grants_used(), 3);
    fake_grant_hold(ref_of(&a, 1), false);
    assert_int_equal(share(file, &c, 1, true), 0);
    assert_int_equal(fake_grants_used(), 3);
    fake_grant_hold(ref_of(&a, 0), false);
    assert_int_equal(unshare(file, c.op.index, 1), 0);
    assert_int_equal(fake_grants_used(), 1);
    fake_grant_hold(ref_of(&b, 0), false);
    file_put(file);
}

static void test_share_hostile(void **state)
{
    static struct allocated a;
    struct file *file = open_it("/dev/xen/gntalloc");
    struct vma vma;

    assert_int_equal(share(file, &a, 0, true), -PV_EINVAL);
    assert_int_equal(share(file, &a, 1025, true), -PV_ENOSPC);
    assert_int_equal(share(file, &a, UINT32_MAX, true), -PV_ENOSPC);
    a.op.count = 1;
    a.op.flags = 2;
    assert_int_equal(control(file, IOCTL_GNTALLOC_ALLOC_GREF, &a), -PV_EINVAL);
    a.op.flags = 1;
    a.op.domid = DOMID_SELF;
    assert_int_equal(control(file, IOCTL_GNTALLOC_ALLOC_GREF, &a), -PV_EINVAL);
    a.op.domid = US;
    assert_int_equal(control(file, IOCTL_GNTALLOC_ALLOC_GREF, &a), -PV_EINVAL);
    for (int i = 5; i < 8; i++)
        assert_int_equal(control(file, _IOC(_IOC_NONE, 'G', i, i == 5 ? 24 : 16),
                                 (void *)FAKE_USER_BAD), -PV_EFAULT);
    assert_int_equal(control(file, 0, NULL), -ENOTTY);
    for (long n = 1; n < 4; n++) { /* writes of the answer: index, references */
        fake_user_fails = n;
        assert_int_equal(share(file, &a, 2, true), -PV_EFAULT);
        assert_int_equal(fake_grants_used(), 0);
    }
    fake_user_fails = -1;
    assert_int_equal(share(file, &a, 2, true), 0);
    assert_int_equal(unshare(file, a.op.index, 1), -PV_EINVAL);
    assert_int_equal(unshare(file, a.op.index + PV_PAGE, 1), -PV_EINVAL);
    assert_int_equal(unshare(file, a.op.index + 1, 2), -PV_EINVAL);
    assert_int_equal(unshare(file, a.op.index + 2 * PV_PAGE, 2), -PV_EINVAL);
    assert_int_equal(unshare(file, UINT64_MAX, 2), -PV_EINVAL);
    assert_int_equal(unshare(file, a.op.index, UINT32_MAX), -PV_EINVAL);
    assert_int_equal(map_it(file, &vma, a.op.index, 1, PROT_READ), -PV_ENOENT);
    assert_int_equal(map_it(file, &vma, a.op.index, 3, PROT_READ), -PV_ENOENT);
    assert_int_equal(map_it(file, &vma, a.op.index + PV_PAGE, 1, PROT_READ), -PV_ENOENT);
    assert_int_equal(map_it(file, &vma, a.op.index + PV_PAGE, 2, PROT_READ), -PV_ENOENT);
    assert_int_equal(map_it(file, &vma, UINT64_MAX - PV_PAGE + 1, 2, PROT_READ), -PV_ENOENT);
    assert_int_equal(map_it(file, &vma, a.op.index, 2, PROT_READ | PROT_EXEC), -PV_EACCES);
    vma.flags = MAP_PRIVATE;
    vma.prot = PROT_READ;
    assert_int_equal(file->ops->mmap(file, &vma), -PV_EINVAL);
    assert_int_equal(unshare(file, a.op.index, 2), 0);
    assert_int_equal(unshare(file, a.op.index, 2), -PV_EINVAL);
    file_put(file);
}

static void test_share_no_memory(void **state)
{
    static struct allocated a;
    struct file *file;
    struct vma vma;
    long n;

    for (n = 0; n < 2; n++) {
        fake_alloc_fails = n;
        assert_int_equal(fake_device_open("/dev/xen/gntalloc", O_RDWR, &file), -PV_ENOMEM);
    }
    file = open_it("/dev/xen/gntalloc");
    for (n = 0; n < 5; n++) { /* the share and its 4 pages */
        fake_alloc_fails = n;
        assert_int_equal(share(file, &a, 4, true), -PV_ENOMEM);
        assert_int_equal(fake_grants_used(), 0);
    }
    fake_alloc_fails = -1;
    assert_int_equal(share(file, &a, 4, true), 0);
    for (n = 0; n < 4; n++) {
        map_fails = n;
        assert_int_equal(map_it(file, &vma, a.op.index, 4, PROT_READ), -PV_ENOMEM);
        assert_int_equal(mapped(), 0);
    }
    assert_int_equal(map_it(file, &vma, a.op.index, 4, PROT_READ), 0);
    assert_int_equal(entries[3].prot, PV_PROT_USER);
    unmap_it(&vma);
    file_put(file);
}

/* ---- gntdev ---- */

struct named { struct ioctl_gntdev_map_grant_ref op; struct ioctl_gntdev_grant_ref more[2047]; };

static long name(struct file *file, struct named *named, uint32_t count)
{
    memset(named, 0, sizeof(*named));
    named->op.count = count;
    for (uint32_t i = 0; i < count && i < 2048; i++) {
        struct ioctl_gntdev_grant_ref ref = { .domid = GUEST, .ref = 100 + i };

        memcpy((char *)named + offsetof(struct ioctl_gntdev_map_grant_ref, refs) + i * sizeof(ref), &ref,
               sizeof(ref));
    }
    return control(file, IOCTL_GNTDEV_MAP_GRANT_REF, named);
}

static long unname(struct file *file, uint64_t index, uint32_t count)
{
    struct ioctl_gntdev_unmap_grant_ref op = { .index = index, .count = count };

    return control(file, IOCTL_GNTDEV_UNMAP_GRANT_REF, &op);
}

static long name_notify(struct file *file, uint64_t index, uint32_t action, uint32_t port)
{
    struct ioctl_gntdev_unmap_notify op = { .index = index, .action = action, .event_channel_port = port };

    return control(file, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &op);
}

static void test_grants(void **state)
{
    static struct named a, b;
    struct file *file = open_it("/dev/xen/gntdev");
    struct ioctl_gntdev_get_offset_for_vaddr offset = { .vaddr = VA };
    struct vma vma;

    assert_int_equal(name(file, &a, 1), 0);
    assert_int_equal(a.op.index, 0);
    assert_int_equal(name(file, &b, 3), 0);
    assert_int_equal(b.op.index, PV_PAGE);
    assert_int_equal(map_it(file, &vma, b.op.index, 3, PROT_READ | PROT_WRITE), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_true(entries[i].granted);
        assert_int_equal(entries[i].ref, 100 + i);
        assert_int_equal(entries[i].prot, PV_PROT_USER | PV_PROT_WRITE);
    }
    assert_int_equal(control(file, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &offset), 0);
    assert_int_equal(offset.offset, b.op.index);
    assert_int_equal(offset.count, 3);
    assert_int_equal(map_it(file, &(struct vma){ 0 }, b.op.index, 3, PROT_READ), -PV_EINVAL);
    unmap_it(&vma);
    assert_int_equal(mapped(), 0);
    assert_int_equal(map_it(file, &vma, b.op.index, 3, PROT_READ), 0);
    assert_int_equal(entries[2].prot, PV_PROT_USER);
    assert_int_equal(unname(file, b.op.index, 3), 0); /* before the unmapping; the grants stay mapped until then */
    assert_int_equal(mapped(), 3);
    file_put(file);
    unmap_it(&vma);
}

static void test_grants_notify(void **state)
{
    static struct named a;
    struct file *file = open_it("/dev/xen/gntdev"), *evtchn = open_it("/dev/xen/evtchn");
    uint32_t port = bound(evtchn);
    struct vma vma;

    assert_int_equal(name(file, &a, 2), 0);
    assert_int_equal(map_it(file, &vma, a.op.index, 2, PROT_READ), 0);
    assert_int_equal(name_notify(file, a.op.index + 8, UNMAP_NOTIFY_CLEAR_BYTE, 0), -PV_EINVAL);
    unmap_it(&vma);
    assert_int_equal(map_it(file, &vma, a.op.index, 2, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(name_notify(file, a.op.index + 2 * PV_PAGE, 3, port), -PV_ENOENT);
    assert_int_equal(name_notify(file, a.op.index, 8, port), -PV_EINVAL);
    assert_int_equal(name_notify(file, a.op.index, 2, port + 50), -PV_EINVAL);
    assert_int_equal(name_notify(file, a.op.index + PV_PAGE + 8, 3, port), 0);
    file_put(evtchn);
    unmap_it(&vma);
    assert_int_equal(memory[PV_PAGE + 8], 0);
    assert_int_equal(memory[PV_PAGE + 7], 0x55);
    assert_int_equal(memory[8], 0x55);
    assert_int_equal(fake_event_notified(port), 0);
    assert_int_equal(unname(file, a.op.index, 2), 0);
    assert_int_equal(fake_event_notified(port), 1);
    assert_false(fake_event_open(port));
    file_put(file);
}

/* The byte is not cleared through a read-only mapping. */
static void test_grants_notify_readonly(void **state)
{
    static struct named a;
    struct file *file = open_it("/dev/xen/gntdev");
    struct vma vma;

    assert_int_equal(name(file, &a, 1), 0);
    assert_int_equal(name_notify(file, a.op.index + 8, UNMAP_NOTIFY_CLEAR_BYTE, 0), 0);
    assert_int_equal(map_it(file, &vma, a.op.index, 1, PROT_READ), 0);
    unmap_it(&vma);
    assert_int_equal(memory[8], 0x55);
    file_put(file);
}

/* A space is freed after its process has ended, or has got another program: then another root is current. */
static void test_grants_of_the_past(void **state)
{
    static struct named a;
    struct file *file = open_it("/dev/xen/gntdev");
    struct vma vma;

    assert_int_equal(name(file, &a, 2), 0);
    assert_int_equal(name_notify(file, a.op.index + 8, UNMAP_NOTIFY_CLEAR_BYTE, 0), 0);
    assert_int_equal(map_it(file, &vma, a.op.index, 2, PROT_READ | PROT_WRITE), 0);
    process.space = current = (struct space *)0x99;
    unmap_it(&vma);
    assert_ptr_equal(current, process.space);
    assert_int_equal(memory[8], 0);
    process.space = current = SPACE;
    assert_int_equal(map_it(file, &vma, a.op.index, 2, PROT_READ | PROT_WRITE), 0);
    task_ended = true;
    current = NULL;
    unmap_it(&vma);
    assert_null(current);
    file_put(file);
}

static void test_grants_hostile(void **state)
{
    static struct named a;
    struct file *file = open_it("/dev/xen/gntdev"), *other = open_it("/dev/xen/gntdev");
    struct ioctl_gntdev_get_offset_for_vaddr offset = { .vaddr = VA };
    uint32_t domain;
    struct vma vma;

    assert_int_equal(name(file, &a, 0), -PV_EINVAL);
    assert_int_equal(name(file, &a, 1025), -PV_ENOSPC);
    assert_int_equal(name(file, &a, UINT32_MAX), -PV_ENOSPC);
    for (size_t i = 0; i < 4; i++) {
        static const uint32_t bad[] = { US, DOMID_SELF, 0x10000 + GUEST, UINT32_MAX };

        domain = bad[i];
        a.op.count = 1;
        a.op.refs[0].domid = domain;
        assert_int_equal(control(file, IOCTL_GNTDEV_MAP_GRANT_REF, &a), -PV_EINVAL);
    }
    for (size_t i = 0; i < 8; i++)
        if (i < 3 || i == 7)
            assert_int_equal(control(file, _IOC(_IOC_NONE, 'G', i, i % 2 ? 16 : 24),
                                     (void *)FAKE_USER_BAD), -PV_EFAULT);
    assert_int_equal(control(file, IOCTL_GNTDEV_SET_MAX_GRANTS, &a), -ENOTTY);
    assert_int_equal(control(file, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS, &a), -ENOTTY);
    for (long n = 1; n < 4; n++) { /* reads of two references, then the answer */
        fake_user_fails = n;
        assert_int_equal(name(file, &a, 2), -PV_EFAULT);
    }
    fake_user_fails = -1;
    assert_int_equal(name(file, &a, 2), 0);
    assert_int_equal(map_it(file, &vma, a.op.index, 1, PROT_READ), -PV_EINVAL);
    assert_int_equal(map_it(file, &vma, a.op.index, 3, PROT_READ), -PV_EINVAL);
    assert_int_equal(map_it(file, &vma, a.op.index + PV_PAGE, 1, PROT_READ), -PV_EINVAL);
    assert_int_equal(map_it(file, &vma, a.op.index + PV_PAGE, 2, PROT_READ), -PV_EINVAL);
    assert_int_equal(map_it(other, &vma, a.op.index, 2, PROT_READ), -PV_EINVAL);
    assert_int_equal(map_it(file, &vma, a.op.index, 2, PROT_EXEC), -PV_EACCES);
    vma.flags = MAP_PRIVATE;
    vma.prot = PROT_READ;
    assert_int_equal(file->ops->mmap(file, &vma), -PV_EINVAL);
    assert_int_equal(unname(file, a.op.index, 1), -PV_ENOENT);
    assert_int_equal(unname(file, a.op.index + PV_PAGE, 1), -PV_ENOENT);
    assert_int_equal(unname(other, a.op.index, 2), -PV_ENOENT);
    assert_int_equal(control(file, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &offset), -PV_EINVAL);
    assert_int_equal(map_it(file, &vma, a.op.index, 2, PROT_READ), 0);
    assert_int_equal(control(other, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &offset), -PV_EINVAL);
    offset.vaddr = VA + PV_PAGE;
    assert_int_equal(control(file, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &offset), -PV_EINVAL);
    unmap_it(&vma);
    assert_int_equal(unname(file, a.op.index, 2), 0);
    assert_int_equal(unname(file, a.op.index, 2), -PV_ENOENT);
    file_put(file);
    file_put(other);
}

static void test_grants_limit(void **state)
{
    static struct named a, b;
    struct file *file = open_it("/dev/xen/gntdev"), *other = open_it("/dev/xen/gntdev");

    assert_int_equal(name(file, &a, 1000), 0);
    assert_int_equal(name(other, &b, 25), -PV_ENOSPC);
    assert_int_equal(name(other, &b, 24), 0);
    file_put(file);
    assert_int_equal(name(other, &a, 1000), 0);
    file_put(other);
}

static void test_grants_refused(void **state)
{
    static struct named a;
    struct file *file;
    struct vma vma;
    long n;

    for (n = 0; n < 2; n++) {
        fake_alloc_fails = n;
        assert_int_equal(fake_device_open("/dev/xen/gntdev", O_RDWR, &file), -PV_ENOMEM);
    }
    file = open_it("/dev/xen/gntdev");
    fake_alloc_fails = 0;
    assert_int_equal(name(file, &a, 3), -PV_ENOMEM);
    assert_int_equal(name(file, &a, 3), 0);
    map_error = -PV_EAGAIN; /* libxengnttab tries again after this */
    for (n = 0; n < 4; n++) { /* the page tables, then 3 pages */
        map_fails = n;
        assert_int_equal(map_it(file, &vma, a.op.index, 3, PROT_READ), -PV_EAGAIN);
        assert_int_equal(mapped(), 0);
    }
    /* A page that Xen does not unmap cannot be accessed any more nevertheless. */
    assert_int_equal(map_it(file, &vma, a.op.index, 3, PROT_READ), 0);
    unmap_refused = true;
    unmap_it(&vma);
    assert_int_equal(mapped(), 0);
    assert_non_null(strstr(fake_log, "gntdev"));
    file_put(file);
}

/* ---- copies ---- */

#define COPIES 4
static struct {
    bool to_remote;
    uint16_t remote, offset, frame_offset, size;
    uint32_t ref;
    void *page;
} copies[COPIES];
static size_t copied;
static int copy_error;

int pv_grant_copy(bool to_remote, uint16_t remote, uint32_t ref, uint16_t offset, uint64_t frame,
                  uint16_t frame_offset, uint16_t size)
{
    assert_true(copied < COPIES && offset + size <= PV_PAGE && frame_offset + size <= PV_PAGE);
    copies[copied].to_remote = to_remote;
    copies[copied].remote = remote;
    copies[copied].ref = ref;
    copies[copied].offset = offset;
    copies[copied].page = pv_page_of(frame);
    assert_int_equal(pv_pages_in_run(copies[copied].page), 1); /* pinned: the program cannot free it now */
    copies[copied].frame_offset = frame_offset;
    copies[copied++].size = size;
    return copy_error;
}

static long copy(struct file *file, struct ioctl_gntdev_grant_copy_segment *segments, unsigned int count)
{
    struct ioctl_gntdev_grant_copy op = { .count = count, .segments = segments };

    copied = 0;
    return control(file, IOCTL_GNTDEV_GRANT_COPY, &op);
}

static struct ioctl_gntdev_grant_copy_segment copy_in(void *to, uint16_t offset, uint16_t len)
{
    return (struct ioctl_gntdev_grant_copy_segment){
        .source.foreign = { .ref = 9, .offset = offset, .domid = GUEST }, .dest.virt = to, .len = len,
        .flags = GNTCOPY_source_gref, .status = 77,
    };
}

static void test_copies(void **state)
{
    struct file *file = open_it("/dev/xen/gntdev");
    struct ioctl_gntdev_grant_copy_segment s[2] = {
        copy_in(memory + PV_PAGE - 100, 3000, 300),
        { .source.virt = memory, .dest.foreign = { .ref = 8, .offset = 0, .domid = GUEST }, .len = PV_PAGE,
          .flags = GNTCOPY_dest_gref, .status = 77 },
    };

    assert_int_equal(copy(file, NULL, 0), 0); /* as QEMU asks whether copies are possible */
    assert_int_equal(copy(file, s, 2), 0);
    assert_int_equal(copied, 3);
    assert_false(copies[0].to_remote);
    assert_int_equal(copies[0].remote, GUEST);
    assert_int_equal(copies[0].ref, 9);
    assert_ptr_equal(copies[0].page, memory);
    assert_int_equal(copies[0].offset, 3000);
    assert_int_equal(copies[0].frame_offset, PV_PAGE - 100);
    assert_int_equal(copies[0].size, 100);
    assert_ptr_equal(copies[1].page, memory + PV_PAGE);
    assert_int_equal(copies[1].offset, 3100);
    assert_int_equal(copies[1].frame_offset, 0);
    assert_int_equal(copies[1].size, 200);
    assert_true(copies[2].to_remote);
    assert_int_equal(copies[2].ref, 8);
    assert_int_equal(copies[2].size, PV_PAGE);
    assert_int_equal(s[0].status, GNTST_okay);
    assert_int_equal(s[1].status, GNTST_okay);
    copy_error = -PV_ENOENT; /* Xen's error is the segment's; the others are copied */
    assert_int_equal(copy(file, s, 2), 0);
    assert_int_equal(copied, 2);
    copy_error = 0;
    assert_int_equal(s[0].status, GNTST_general_error);
    assert_int_equal(fake_pages_used, 0);
    file_put(file);
}

static void test_copies_hostile(void **state)
{
    struct file *file = open_it("/dev/xen/gntdev");
    struct ioctl_gntdev_grant_copy_segment s = copy_in(memory, 0, 0xffff);

    assert_int_equal(copy(file, &s, 1), -PV_EINVAL);
    s = copy_in(memory, 0xffff, 0xffff);
    assert_int_equal(copy(file, &s, 1), -PV_EINVAL);
    s = copy_in(memory, 1, PV_PAGE);
    assert_int_equal(copy(file, &s, 1), -PV_EINVAL);
    s = copy_in(memory, 0, 1);
    s.source.foreign.domid = US;
    assert_int_equal(copy(file, &s, 1), -PV_EINVAL);
    s.source.foreign.domid = DOMID_SELF;
    assert_int_equal(copy(file, &s, 1), -PV_EINVAL);
    s = copy_in(memory, 0, 1);
    for (unsigned int flags = 0; flags < 8; flags++) {
        s.flags = (uint16_t)flags;
        if (flags != GNTCOPY_source_gref && flags != GNTCOPY_dest_gref)
            assert_int_equal(copy(file, &s, 1), -PV_EINVAL);
    }
    assert_int_equal(copied, 0);
    s = copy_in((void *)FAKE_USER_BAD, 0, 1);
    assert_int_equal(copy(file, &s, 1), -PV_EFAULT);
    s = copy_in((void *)(UINTPTR_MAX - 1), 0, 100);
    assert_int_equal(copy(file, &s, 1), -PV_EFAULT);
    assert_int_equal(copy(file, (void *)FAKE_USER_BAD, 1), -PV_EFAULT);
    assert_int_equal(copy(file, &s, 1025), -PV_E2BIG);
    assert_int_equal(control(file, IOCTL_GNTDEV_GRANT_COPY, (void *)FAKE_USER_BAD), -PV_EFAULT);
    assert_int_equal(copied, 0);
    assert_int_equal(fake_pages_used, 0);
    file_put(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_share), TEST(test_share_readonly), TEST(test_share_notify),
        TEST(test_notify_taken_back), TEST(test_held_by_the_peer), TEST(test_several_held),
        TEST(test_share_hostile), TEST(test_share_no_memory),
        TEST(test_grants), TEST(test_grants_notify), TEST(test_grants_notify_readonly),
        TEST(test_grants_of_the_past), TEST(test_grants_hostile), TEST(test_grants_limit),
        TEST(test_grants_refused), TEST(test_copies), TEST(test_copies_hostile),
    };

    return cmocka_run_group_tests_name("micro-gnttab", tests, NULL, NULL);
}
