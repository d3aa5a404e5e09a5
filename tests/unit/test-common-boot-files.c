// sources: tests/unit/fake-xs.c tests/unit/fake-vchan.c
/*
 * Boot files from dom0: in pieces of every size, started over, too large, and with a vchan that cannot be offered at
 * first. The test plays dom0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "boot-files.h"
#include "fake-vchan.h"
#include "fake-xs.h"
#include "log.h"

#include <fcntl.h>
#include <libxenvchan.h>

#define FOLDER "/local/domain/3/device-model/7/files"

static struct loop loop;
static struct boot_files files;
static struct dm_file wanted[DM_FILES];
static int64_t clock_ms;
static int done;
static char reason[400], log_text[4096], folder[64];

static struct {
    struct platform base;
    uint64_t available;
    uint64_t room[DM_FILES];
    int create_rc, write_rc, files;
} host;

static int64_t now_ms(void) { return clock_ms; }

static uint64_t fake_available(struct platform *p) { return host.available; }

static int fake_create(struct platform *p, unsigned int n, uint64_t bytes, char *path, size_t size)
{
    cleanup_close int fd = -1;

    if (host.create_rc)
        return host.create_rc;
    host.files++;
    host.room[n] = bytes;
    assert_int_equal(format_text(path, size, "%s/%u", folder, n), 0);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    return fd < 0 ? -errno : 0;
}

static int fake_write(struct platform *p, unsigned int n, const void *bytes, size_t size)
{
    cleanup_close int fd = -1;
    char path[128];

    if (host.write_rc)
        return host.write_rc;
    snprintf(path, sizeof(path), "%s/%u", folder, n);
    fd = open(path, O_WRONLY | O_APPEND);
    assert_true(size <= host.room[n]);
    host.room[n] -= size;
    assert_int_equal(write(fd, bytes, size), size);
    return 0;
}

static const struct platform_ops ops = { .memory_available = fake_available,
                                         .file_create = fake_create, .file_write = fake_write };

static void all_done(void *data) { done++; }
static void has_failed(void *data, const char *why) { snprintf(reason, sizeof(reason), "%s", why); }

static void collect_log(void *data, enum log_level level, const char *line)
{
    size_t used = strlen(log_text);

    snprintf(log_text + used, sizeof(log_text) - used, "%s\n", line);
}

static int setup(void **state)
{
    memset(&host, 0, sizeof(host));
    host.base.ops = &ops;
    host.available = 64 << 20;
    memset(wanted, 0, sizeof(wanted));
    done = 0;
    reason[0] = log_text[0] = '\0';
    strcpy(folder, "/tmp/boot-files-XXXXXX");
    assert_non_null(mkdtemp(folder));
    fake_vchan_reset(3);
    loop_init(&loop, now_ms);
    log_set_sink(collect_log, NULL);
    assert_int_equal(boot_files_init(&files, &(struct boot_files_config){
        .loop = &loop, .platform = &host.base, .wanted = wanted, .folder = FOLDER,
        .done = all_done, .failed = has_failed }), 0);
    return 0;
}

static int teardown(void **state)
{
    char path[128];

    boot_files_stop(&files);
    boot_files_stop(&files);
    assert_int_equal(fake_vchan_servers(), 0);
    for (int i = 0; i < DM_FILES; i++) {
        snprintf(path, sizeof(path), "%s/%d", folder, i);
        unlink(path);
    }
    rmdir(folder);
    fake_vchan_reset(3);
    return 0;
}

static void settle(void)
{
    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_turn(&loop, 0), 0);
}

/* Sends a file of so many bytes; each byte depends on its position. */
static struct libxenvchan *send_file(const char *path, uint64_t claimed, size_t size, size_t piece)
{
    struct libxenvchan *client = fake_vchan_connect(path);
    uint8_t bytes[5000];

    assert_non_null(client);
    boot_file_pack(bytes, claimed);
    for (size_t i = 0; i < size; i++)
        bytes[BOOT_FILE_HEADER + i] = i * 7 + i / 256;
    for (size_t at = 0; at < size + BOOT_FILE_HEADER;) {
        at += fake_vchan_client_write(client, bytes + at, MIN(piece, size + BOOT_FILE_HEADER - at));
        settle();
    }
    return client;
}

static void assert_file(int n, size_t size)
{
    uint8_t bytes[5001];
    cleanup_close int fd = open(wanted[n].path, O_RDONLY);

    assert_int_equal(read(fd, bytes, sizeof(bytes)), size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], (uint8_t)(i * 7 + i / 256));
}

static void none(void **state)
{
    boot_files_start(&files);
    assert_int_equal(done, 1);
    assert_int_equal(fake_vchan_made(), 0);
}

static void two_in_turn(void **state)
{
    wanted[DM_FILE_KERNEL].name = "/boot/k";
    wanted[DM_FILE_INITRD].name = "/boot/i";
    boot_files_start(&files);
    assert_null(fake_vchan_connect(FOLDER "/1"));
    send_file(FOLDER "/0", 4000, 4000, 333);
    assert_null(fake_xs_get(FOLDER "/0"));
    assert_int_equal(done, 0);
    send_file(FOLDER "/1", 0, 0, 8);
    assert_int_equal(done, 1);
    assert_file(0, 4000);
    assert_file(1, 0);
    assert_int_equal(fake_vchan_servers(), 0);
    assert_string_equal(reason, "");
}

static void pieces(void **state)
{
    for (size_t piece = 1; piece < 20; piece++) {
        setup(state);
        wanted[DM_FILE_INITRD].name = "/boot/i";
        boot_files_start(&files);
        send_file(FOLDER "/1", 100, 100, piece);
        assert_int_equal(done, 1);
        assert_file(1, 100);
        teardown(state);
    }
    setup(state);
}

/* dom0's daemon was restarted: the whole file comes again, and nothing of the first attempt stays. */
static void begun_again(void **state)
{
    struct libxenvchan *client;

    wanted[DM_FILE_KERNEL].name = "/boot/k";
    boot_files_start(&files);
    client = send_file(FOLDER "/0", 4000, 3000, 512);
    fake_vchan_leave(client);
    settle();
    assert_non_null(strstr(log_text, "went away after 3008 bytes; again"));
    assert_file(0, 0);
    client = fake_vchan_connect(FOLDER "/0");
    assert_non_null(client);
    fake_vchan_leave(client);
    settle();
    send_file(FOLDER "/0", 1000, 1000, 512);
    assert_int_equal(done, 1);
    assert_file(0, 1000);
}

static void too_big(void **state)
{
    wanted[DM_FILE_KERNEL].name = "/boot/k";
    wanted[DM_FILE_INITRD].name = "/boot/i";
    host.available = BOOT_FILES_RESERVE + 2 * 4000 + 999;
    boot_files_start(&files);
    send_file(FOLDER "/0", 4000, 4000, 4000);
    /* QEMU's copy of the kernel counts, too. */
    host.available -= 4000;
    send_file(FOLDER "/1", 1000, 0, 8);
    assert_non_null(strstr(reason, "ramdisk, dom0's /boot/i: too big for the stub domain"));
    assert_int_equal(done, 0);
    assert_int_equal(host.files, 1);
    assert_int_equal(fake_vchan_servers(), 0);
}

static void absurd_length(void **state)
{
    wanted[DM_FILE_KERNEL].name = "/boot/k";
    host.available = UINT64_MAX;
    boot_files_start(&files);
    send_file(FOLDER "/0", 0xffffffffffffffff, 0, 8);
    assert_non_null(strstr(reason, "says that it has 18446744073709551615 bytes"));
}

static void no_file(void **state)
{
    wanted[DM_FILE_KERNEL].name = "/boot/k";
    host.create_rc = -ENOSPC;
    boot_files_start(&files);
    send_file(FOLDER "/0", 10, 0, 8);
    assert_non_null(strstr(reason, "cannot make a file: No space left"));
}

static void no_memory(void **state)
{
    wanted[DM_FILE_KERNEL].name = "/boot/k";
    host.write_rc = -ENOMEM;
    boot_files_start(&files);
    send_file(FOLDER "/0", 10, 10, 18);
    assert_non_null(strstr(reason, "kernel, dom0's /boot/k: cannot keep it: Cannot allocate memory"));
    assert_int_equal(done, 0);
}

static void vchan_comes_late(void **state)
{
    wanted[DM_FILE_KERNEL].name = "/boot/k";
    fake_vchan_fail(2);
    boot_files_start(&files);
    for (int i = 0; i < 3; i++) {
        clock_ms += 200;
        settle();
    }
    assert_non_null(strstr(log_text, "trying again"));
    send_file(FOLDER "/0", 10, 10, 512);
    assert_int_equal(done, 1);
}

static void described(void **state)
{
    char text[300];

    wanted[DM_FILE_INITRD].name = "/boot/i";
    boot_files_describe(&files, text, sizeof(text));
    boot_files_start(&files);
    send_file(FOLDER "/1", 9000, 4000, 512);
    boot_files_describe(&files, text, sizeof(text));
    assert_string_equal(text, "the guest's ramdisk, dom0's /boot/i, of which 3 KiB are here");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(none), TEST(two_in_turn), TEST(pieces), TEST(begun_again), TEST(too_big),
        TEST(absurd_length), TEST(no_file), TEST(no_memory), TEST(vchan_comes_late), TEST(described),
    };

    return cmocka_run_group_tests_name("boot-files", tests, NULL, NULL);
}
