// sources: launcher/xl-stubdom/image.c launcher/xl-stubdom/fault.c launcher/xl-stubdom/flavour.c
/*
 * A stub domain's files that are missing, truncated or of another kind are refused, with their names.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <sys/stat.h>

#include "image.h"

#define MANIFEST "qemu-stubdom-linux.manifest"
#define KERNEL "qemu-stubdom-linux-kernel"
#define RAMDISK "qemu-stubdom-linux-rootfs"

static char dir[] = "/tmp/test-xl-image-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[4][256];
    static int next;
    char *p = path[next++ % 4];

    snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
    return p;
}

static void put(const char *name, const void *bytes, size_t len, off_t size)
{
    FILE *f = fopen(in_dir(name), "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
    assert_int_equal(truncate(in_dir(name), size), 0);
}

/* Makes the first `size` bytes of a bzImage with 3 setup sectors and 1 MiB of code. */
static void put_kernel(off_t size)
{
    uint8_t head[0x206] = {0};

    head[0x1f1] = 3;
    head[0x1f6] = 1; /* 0x10000 paragraphs */
    memcpy(head + 0x202, "HdrS", 4);
    put(KERNEL, head, sizeof(head), size);
}

#define KERNEL_SIZE (4 * 512 + (1 << 20))

static void manifest(const char *text)
{
    put(MANIFEST, text, strlen(text), strlen(text));
}

static void no_manifest(void)
{
    unlink(in_dir(MANIFEST));
}

static struct fault fault;

/* Checks it as the flavour of the table's first row, linux. */
static int check_kernel(void)
{
    return image_check_kernel(in_dir(KERNEL), &flavours[0], &fault);
}

static int check_ramdisk(void)
{
    return image_check_ramdisk(in_dir(RAMDISK), &flavours[0], &fault);
}

static void test_kernel(void **state)
{
    (void)state;
    no_manifest();
    unlink(in_dir(KERNEL));
    assert_int_equal(check_kernel(), -ENOENT);
    assert_non_null(strstr(fault.text, KERNEL ": No such file or directory: `make install` of xen-stubdom"));

    put_kernel(KERNEL_SIZE);
    assert_int_equal(check_kernel(), 0);
    put_kernel(KERNEL_SIZE - 1);
    assert_int_equal(check_kernel(), -EINVAL);
    assert_non_null(strstr(fault.text, KERNEL ": truncated: 1050623 bytes of 1050624"));
    put_kernel(0x206);
    assert_int_equal(check_kernel(), -EINVAL);
    assert_non_null(strstr(fault.text, "truncated"));
    put_kernel(0x205);
    assert_int_equal(check_kernel(), -EINVAL);
    assert_non_null(strstr(fault.text, "not a kernel"));
    put_kernel(0);
    assert_int_equal(check_kernel(), -EINVAL);

    put(KERNEL, "\177ELF", 4, 4);
    assert_int_equal(check_kernel(), 0);
    put(KERNEL, "\x1f\x8b\x08", 3, 3);
    assert_int_equal(check_kernel(), 0);
    put(KERNEL, "\x1f", 1, 1);
    assert_int_equal(check_kernel(), -EINVAL);

    unlink(in_dir(KERNEL));
    mkdir(in_dir(KERNEL), 0700);
    assert_int_equal(check_kernel(), -EINVAL);
    assert_non_null(strstr(fault.text, "not a plain file"));
    rmdir(in_dir(KERNEL));
}

static void test_ramdisk(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int rc;
    } cases[] = {
        {"070701000", 9, 0},  {"\x1f\x8b\x08", 3, 0}, {"(\xb5/\xfd", 4, 0},
        {"\xfd" "7zXZ\0", 6, 0}, {"\x02!L\x18", 4, 0},   {"MZ", 2, -EINVAL},
        {"07070", 5, -EINVAL}, {"", 0, -EINVAL},
    };

    (void)state;
    no_manifest();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put(RAMDISK, cases[i].bytes, cases[i].len, cases[i].len);
        assert_int_equal(check_ramdisk(), cases[i].rc);
    }
    assert_non_null(strstr(fault.text, RAMDISK ": not an initramfs"));
    unlink(in_dir(RAMDISK));
    assert_int_equal(check_ramdisk(), -ENOENT);
}

static void test_manifest(void **state)
{
    (void)state;
    put(RAMDISK, "070701", 6, 4096);
    manifest("1000 aa " KERNEL "\n4096 bb " RAMDISK "\n4000 cc " RAMDISK "-debug\n");
    assert_int_equal(check_ramdisk(), 0);

    put(RAMDISK, "070701", 6, 4095);
    assert_int_equal(check_ramdisk(), -EINVAL);
    assert_non_null(strstr(fault.text, RAMDISK ": truncated: 4095 bytes of 4096"));
    put(RAMDISK, "070701", 6, 4097);
    assert_int_equal(check_ramdisk(), -EINVAL);
    assert_non_null(strstr(fault.text, "4097 bytes, but 4096 were installed"));

    /* A file that the manifest does not name, or a line that is not understood, is no reason to refuse. */
    manifest("1000 aa " KERNEL "\nx bb " RAMDISK "\n12\n12 bb\n -1\n" RAMDISK "\n7 b " RAMDISK);
    assert_int_equal(check_ramdisk(), 0);
    manifest("");
    assert_int_equal(check_ramdisk(), 0);

    put_kernel(KERNEL_SIZE);
    manifest("1050625 aa " KERNEL "\n");
    assert_int_equal(check_kernel(), -EINVAL);
    assert_non_null(strstr(fault.text, KERNEL ": truncated"));
}

/* Each flavour has a manifest of its own, its own kinds of compression, and a hint where its files come from. */
static void test_every_flavour(void **state)
{
    (void)state;
    for (size_t i = 0; i < flavour_count; i++) {
        const struct flavour *flavour = &flavours[i];
        bool by_linux = flavour->unpacker == UNPACKED_BY_LINUX;
        char ramdisk[256], line[256];

        snprintf(ramdisk, sizeof(ramdisk), "%s", in_dir(flavour->ramdisk));
        unlink(ramdisk);
        assert_int_equal(image_check_ramdisk(ramdisk, flavour, &fault), -ENOENT);
        assert_non_null(strstr(fault.text, flavour->ramdisk));
        assert_non_null(strstr(fault.text, flavour->origin));
        put(flavour->ramdisk, "\x1f\x8b\x08", 3, 8);
        assert_int_equal(image_check_ramdisk(ramdisk, flavour, &fault), 0);
        put(flavour->ramdisk, "070701", 6, 8);
        assert_int_equal(image_check_ramdisk(ramdisk, flavour, &fault), 0);
        put(flavour->ramdisk, "(\xb5/\xfd", 4, 8);
        assert_int_equal(image_check_ramdisk(ramdisk, flavour, &fault), by_linux ? 0 : -EINVAL);

        put(flavour->ramdisk, "070701", 6, 8);
        snprintf(line, sizeof(line), "9 aa %s\n", flavour->ramdisk);
        put(flavour->manifest, line, strlen(line), strlen(line));
        for (size_t k = 0; k < flavour_count; k++)
            assert_int_equal(image_check_ramdisk(ramdisk, &flavours[k], &fault), k == i ? -EINVAL : 0);
        unlink(in_dir(flavour->manifest));
        unlink(in_dir(flavour->ramdisk));
    }
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(in_dir(KERNEL));
    unlink(in_dir(RAMDISK));
    no_manifest();
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernel),
        cmocka_unit_test(test_ramdisk),
        cmocka_unit_test(test_manifest),
        cmocka_unit_test(test_every_flavour),
    };

    return cmocka_run_group_tests_name("xl-image", tests, set_up, tear_down);
}
