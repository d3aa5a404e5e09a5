/*
 * What the tests of the micro kernel's file layer share: a setup, a teardown that finds leaks, and a function that
 * repeats a call with each allocation, and each access to user memory, failing once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MICRO_FILES_H
#define MICRO_FILES_H

#include "unit.h"

#include "tests/unit/fake-micro.h"
#include "launcher/stubdom-micro/files.h"

#define SYSCALL(name) long sys_##name(const unsigned long a[6]);
#include "launcher/stubdom-micro/syscalls.def"
#undef SYSCALL

/* sys(read, fd, p, n) */
#define sys(name, ...) fake_call(sys_##name, __VA_ARGS__)

static inline int files_start(void **state)
{
    fake_pv_reset();
    fake_micro_reset();
    fake_fs = (struct fs_state){ .umask = 022 };
    return 0;
}

static inline void remove_below(struct node *folder)
{
    while (folder->children) {
        remove_below(folder->children);
        node_unlink(folder->children);
    }
}

/* Closes and removes everything. Then nothing may be left. */
static inline int files_end(void **state)
{
    fake_uid = MICRO_ROOT;
    nodes_freeze(false);
    fake_micro_reset();
    fs_state_close(&fake_fs);
    remove_below(node_root());
    node_root()->mode = S_IFDIR | 0755;
    assert_int_equal(fake_heap_used, 0);
    assert_int_equal(fake_pages_used, 0);
    return 0;
}

/*
 * Calls attempt() with the first, second… allocation failing, then with each access to user
 * memory failing, until it works. Each failing call must return an error and leave nothing behind. undo() cleans up
 * after the one that works.
 */
static inline void try_all_failures(long (*attempt)(void), void (*undo)(void))
{
    long *const counters[] = { &fake_alloc_fails, &fake_user_fails };

    for (size_t c = 0; c < ARRAY_LEN(counters); c++) {
        size_t failed = 0;

        for (long n = 0;; n++) {
            size_t heap = fake_heap_used, pages = fake_pages_used;
            long rc;

            *counters[c] = n;
            rc = attempt();
            if (*counters[c] >= 0) {
                *counters[c] = -1;
                assert_true(rc >= 0);
                undo();
                break;
            }
            assert_true(rc < 0);
            assert_int_equal(fake_heap_used, heap);
            assert_int_equal(fake_pages_used, pages);
            failed++;
        }
        assert_true(failed > 0);
    }
}

#endif
