/*
 * The micro kernel's base (launcher/stubdom-micro/micro.h) for unit tests on an ordinary
 * host: user memory is the test's own, one task that is never preempted, devices that the
 * test opens by path. Everything here is weak: a test that links the real file.c, poll.c,
 * node.c… gets those. Link fake-pv.c and launcher/xen-layer/text.c with it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_MICRO_H
#define FAKE_MICRO_H

#include "fake-pv.h"
#include "launcher/stubdom-micro/micro.h"

/* Back to the start: no signals, root, no descriptors (their files are put), no devices. */
void fake_micro_reset(void);

/*
 * User memory: any address of the test's own is fine, but the first page and this one, where
 * every access is -PV_EFAULT. user_pin() takes any page, which then counts in fake_pages_used
 * until it is put.
 */
#define FAKE_USER_BAD 0x7000000000UL
/* The n-th access to user memory from now on (0: the next) fails; -1: none. */
extern long fake_user_fails;

/* The one task. */
extern unsigned int fake_uid;
extern struct fd_table fake_fds;
extern struct fs_state fake_fs;
/* A signal waits: what sleeps ends with -PV_EINTR. Stays until the test clears it. */
extern bool fake_signalled;
/* What task_raise() was last called with, and how often. */
extern int fake_raised;
extern unsigned int fake_raises;
/* The mask; and one that task_restore_sigmask_later() was given (fake_sigmask_later says if so). */
extern uint64_t fake_sigmask, fake_sigmask_saved;
extern bool fake_sigmask_later;

/* Opens what device_add() was called with: a file with one user. -PV_ENOENT: nobody did. */
int fake_device_open(const char *path, int flags, struct file **file);
bool fake_device_exists(const char *path);
/* Lines of uevent_send(), each ended by a newline. */
extern char fake_uevents[1024];

/* A system call: fake_call(sys_read, fd, buffer, size). */
#define fake_call(function, ...) (function)((const unsigned long[7]){ FAKE_ARGS(__VA_ARGS__) })
#define FAKE_ARGS(...) FAKE_ARGS_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define FAKE_ARGS_(a, b, c, d, e, f, ...) \
    (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), (unsigned long)(d), \
    (unsigned long)(e), (unsigned long)(f)
/* The same with an iterator over one buffer, for file_ops: fake_iter(&iter, &vec, p, n). */
struct user_iter *fake_iter(struct user_iter *iter, struct user_vec *vec, void *p, size_t n);

#endif
