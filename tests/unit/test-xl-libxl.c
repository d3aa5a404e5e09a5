// libs: xenlight
/*
 * libxl's strings that we rely on, looked for in the build root's libxl. A new release with other strings is noticed
 * here, and not by a guest that does not start.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxl.h>

/* Complete strings of the library, and which of our files needs them. */
static const struct { const char *text, *needed_by; } words[] = {
    { "$STUBDOM_RESTORE_INCOMING_ARG", "common/dm-argv.c: a restored state" },
    { "-no-acpi", "common/dm-argv.c: acpi=0" },
    { "-xen-domid", "common/dm-argv.c: whose device model" },
    { "-xen-domid-restrict", "common/dm-argv.c: dm_restrict" },
    { "/dev/hvc%d", "common/dm-argv.c: serial ports" },
    { "/dev/xvd%c", "common/dm-argv.c: disks" },
    { "%s,id=nic%d,netdev=net%d,mac=%s", "common/dm-argv.c: NICs" },
    { "type=tap,id=net%d,ifname=%s,br=%s,script=%s,downscript=%s", "common/dm-argv.c: NICs" },
    { "file=%s,if=ide,index=%d,media=disk,format=%s,cache=writeback", "common/dm-argv.c: direct I/O" },
    { "file=%s,if=none,id=ahcidisk-%d,format=%s,cache=writeback", "common/dm-argv.c: direct I/O" },
    { "if=none,readonly=%s,cache=writeback", "common/dm-argv.c: direct I/O of SCSI disks" },
    { "scsi-hd,drive=%s,scsi-id=%d", "launcher/xl-stubdom/disks.c: SCSI ids" },
    { "ide-cd,id=%s,drive=%s,bus=ide.%u,unit=%u", "launcher/xl-stubdom/disks.c: CD drives" },
    { "xenfv,suppress-vmdesc=on", "common/dm-argv.c: the machine" },
    { "pc,accel=xen,suppress-vmdesc=on", "common/dm-argv.c: the machine" },
    { "%s/image/dm-argv", "common/xs-read.c: QEMU's arguments" },
    { "%s/target", "common/device-model.c: the guest's number" },
    { "%s/device-model/%u/qmp-vchan", "common/device-model.c: the toolstack's QMP" },
    { "device-model/%u/state", "common/device-model.c: `running`" },
    { "stub-devid:%d", "common/cdroms.c: changed CDs" },
    { "query-fdsets", "common/cdroms.c: changed CDs" },
    { "/dev/fdset/%d", "common/device-model.c: saving to fdset 1" },
};

static const char *library;
static size_t library_size;

static int open_library(void **state)
{
    struct stat st;
    Dl_info info;
    int fd;

    assert_int_not_equal(dladdr((void *)(uintptr_t)libxl_ctx_alloc, &info), 0);
    fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    library_size = st.st_size;
    library = mmap(NULL, library_size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(library != MAP_FAILED);
    return close(fd);
}

static int close_library(void **state)
{
    return munmap((void *)library, library_size);
}

/*
 * True: the library has this string, with its NUL. It may be the end of a longer one, since the linker merges strings.
 */
static bool library_says(const char *text)
{
    return memmem(library, library_size, text, strlen(text) + 1) != NULL;
}

static void test_words(void **state)
{
    int missing = 0;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!library_says(words[i].text)) {
            print_message("# libxl does not say %s (%s)\n", words[i].text, words[i].needed_by);
            missing++;
        }
    assert_int_equal(missing, 0);
}

static void test_looking_is_exact(void **state)
{
    assert_false(library_says("stub-devid:"));
    assert_false(library_says("-no-such-option"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_looking_is_exact),
    };

    return cmocka_run_group_tests_name("xl-libxl", tests, open_library, close_library);
}
