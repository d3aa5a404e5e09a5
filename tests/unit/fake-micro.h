/*
 * The micro kernel's base (launcher/stubdom-micro/micro.h) for unit tests on an ordinary
 * host: the test's own memory is user memory, there is one task, which is never preempted, and the test opens devices
 * by path. All symbols are weak: a test that links the real file.c, poll.c or node.c gets these instead. Link fake-pv.c
 * and launcher/xen-layer/text.c with it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_MICRO_H
#define FAKE_MICRO_H

#include "fake-pv.h"
#include "launcher/stubdom-micro/micro.h"

/* Resets everything: no signals, user root, no descriptors (their files are released), no devices. */
void fake_micro_reset(void);

/*
 * User memory: every address of the test's is valid, except the first page and this one: there each access is
 * -PV_EFAULT. user_pin() accepts any page. It counts in fake_pages_used until it is released.
 */
#define FAKE_USER_BAD 0x7000000000UL
/* The n-th access to user memory from now on (0: the next) fails; -1: none. */
extern long fake_user_fails;

/* The one task. */
extern unsigned int fake_uid;
extern struct fd_table fake_fds;
extern struct fs_state fake_fs;
/* A signal is pending: each sleep ends with -PV_EINTR. The test must clear it. */
extern bool fake_signalled;
/* The last argument of task_raise(), and how often it was called. */
extern int fake_raised;
extern unsigned int fake_raises;
/* The mask, and the one given to task_restore_sigmask_later(), if fake_sigmask_later is true. */
extern uint64_t fake_sigmask, fake_sigmask_saved;
extern bool fake_sigmask_later;

/* Opens a device that was added by device_add(): a file with one user. -PV_ENOENT: it was not added. */
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
/* Makes an iterator over one buffer, to call file_ops directly. */
struct user_iter *fake_iter(struct user_iter *iter, struct user_vec *vec, void *p, size_t n);
/* Calls a file's read() or write() with one buffer, at position 0. */
long fake_read(struct file *file, void *to, size_t size);
long fake_write(struct file *file, const void *from, size_t size);

#endif
