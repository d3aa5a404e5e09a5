// sources: launcher/stubdom-init/micro-prepare.c launcher/stubdom-init/micro-sandbox.c
// wrap: open setgroups setresgid setresuid
/*
 * What PID 1 does differently on the micro kernel: QEMU gets its own user, groups first, and does not run if that
 * fails.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "linux.h"

#include <fcntl.h>
#include <grp.h>

static char calls[64];
static const char *fails; /* the call of this name; NULL: none */

static int call(const char *name)
{
    strcat(calls, name);
    strcat(calls, " ");
    if (!fails || strcmp(fails, name))
        return 0;
    errno = EPERM;
    return -1;
}

int __wrap_setgroups(size_t count, const gid_t *list)
{
    assert_int_equal(count, 0);
    return call("groups");
}

int __wrap_setresgid(gid_t real, gid_t effective, gid_t saved)
{
    assert_true(real == QEMU_UID && effective == QEMU_UID && saved == QEMU_UID);
    return call("gid");
}

int __wrap_setresuid(uid_t real, uid_t effective, uid_t saved)
{
    assert_true(real == QEMU_UID && effective == QEMU_UID && saved == QEMU_UID);
    return call("uid");
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    if (strcmp(path, LINUX_CONSOLE))
        return __real_open(path, flags); /* no O_CREAT: only the sanitizers open other files */
    assert_int_equal(flags & O_ACCMODE, O_RDWR);
    assert_true(flags & O_CLOEXEC);
    return call("console") ? -1 : 5;
}

static void test_sandbox(void **state)
{
    static const struct {
        const char *fails, *calls;
    } cases[] = {
        { NULL, "groups gid uid " },
        { "groups", "groups " },
        { "gid", "groups gid " },
        { "uid", "groups gid uid " },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        calls[0] = '\0';
        fails = cases[i].fails;
        assert_int_equal(linux_sandbox_enter(-1), fails ? -EPERM : 0);
        assert_string_equal(calls, cases[i].calls);
    }
}

static void test_prepare(void **state)
{
    int console = -1;

    fails = "console";
    linux_prepare(&console);
    assert_int_equal(console, -1);
    fails = NULL;
    linux_prepare(&console);
    assert_int_equal(console, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sandbox),
        cmocka_unit_test(test_prepare),
    };

    return cmocka_run_group_tests_name("init-micro", tests, NULL, NULL);
}
